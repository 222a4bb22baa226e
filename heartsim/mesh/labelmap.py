"""What the numbers of a segmentation mean: LV blood, RV blood, muscle, and the rest.

The left blood is the label that one other label, the muscle, surrounds; the right blood leans on
the muscle with one side. Names given by the user come first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.guesses import Guess

ROLES = ("LV", "RV", "wall", "none")
KNOWN = {
    "MM-WHS": {205: "wall", 500: "LV", 600: "RV", 420: "none", 550: "none", 820: "none"},
}
"""Numberings of public data sets that say themselves what they are by unusual numbers."""
LEAST_ENCLOSED = 0.5
LEAST_BLOOD = 5_000.0
ENOUGH = 1.6
"""Size of a voxel that is fine enough to tell labels apart [mm]."""
THIN = 8.0
"""Volume over area of contact below which a label is a wall [mm]."""


@dataclass(frozen=True)
class LabelMap:
    """A segmentation as it was read.

    Attributes
    ----------
    labels : (i, j, k) int
        Label of each voxel; 0 is background.
    affine : (4, 4) float
        Voxel indices to coordinates [mm].
    """

    labels: Int[np.ndarray, "i j k"]
    affine: Float[np.ndarray, "4 4"]

    @property
    def spacing(self) -> Float[np.ndarray, " 3"]:
        """Size of a voxel along its axes [mm]."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


@dataclass(frozen=True)
class Roles:
    """Masks of a segmentation.

    Attributes
    ----------
    blood : mapping of name to (i, j, k) bool
        ``"LV"``, and ``"RV"`` where there is one.
    wall : (i, j, k) bool
        Muscle of both ventricles, as far as it was drawn.
    guess : Guess
        What was concluded, and why.
    """

    blood: Mapping[str, Bool[np.ndarray, "i j k"]]
    wall: Bool[np.ndarray, "i j k"]
    guess: Guess


def roles(name: str, image: LabelMap, given: Mapping[int, str] | None = None) -> Roles:
    """Find which label is what.

    Parameters
    ----------
    name : str
        File name, for messages.
    image : LabelMap
        The segmentation.
    given : mapping of label to role, optional
        ``"LV"``, ``"RV"``, ``"wall"`` or ``"none"``, from the user; nothing is guessed then,
        and labels left out count as none.

    Raises
    ------
    MeshError
        If no muscle surrounds any label, or a given label is absent.
    """
    numbers = [int(n) for n in np.unique(image.labels) if n > 0]
    if not numbers:
        raise MeshError(f"{name}: every voxel is 0. A label map with muscle and blood is due.")
    if len(numbers) > 60:
        raise MeshError(f"{name}: {len(numbers)} labels: an image, not a segmentation.")
    if given:
        absent = sorted(set(given) - set(numbers))
        if absent:
            raise MeshError(f"{name}: it has no label {absent[0]}. Known: {numbers}.")
        role, confidence, reason = dict(given), 1.0, "named by the user"
    else:
        role, confidence, reason = _guessed(name, image, numbers)
    masks = {r: np.isin(image.labels, [n for n, x in role.items() if x == r]) for r in ROLES[:3]}
    if not (masks["LV"].any() and masks["wall"].any()):
        raise MeshError(f"{name}: the LV and its wall are needed: --labels LV=3,wall=2,RV=1.")
    blood = {chamber: masks[chamber] for chamber in ("LV", "RV") if masks[chamber].any()}
    told = ", ".join(f"{n} {role.get(n, 'none')}" for n in numbers)
    return Roles(blood, masks["wall"], Guess("labels", told, confidence, reason))


def _guessed(name: str, image: LabelMap, numbers: list[int]) -> tuple[dict[int, str], float, str]:
    """Roles from known numberings or from which label touches which, and by how much."""
    for source, table in KNOWN.items():
        if {n for n, x in table.items() if x in ("LV", "wall")} <= set(numbers):
            return {n: table.get(n, "none") for n in numbers}, 0.95, f"numbered like {source}"
    image = _coarse(image)
    contact, volume = _contacts(image, numbers)
    share = contact / np.maximum(contact.sum(axis=1, keepdims=True), 1e-12)
    big = np.array([volume[k] > LEAST_BLOOD for k in range(len(numbers))])
    score = np.where(big[:, None], share[:, 1:], 0)
    np.fill_diagonal(score, 0)
    inner, wall = np.unravel_index(np.argmax(score * np.sqrt(volume)[:, None]), score.shape)
    if score.max(initial=0) < LEAST_ENCLOSED or inner == wall:
        raise MeshError(
            f"{name}: no label of {numbers} is surrounded by another one, as the blood of the LV "
            "is by muscle. Name them: --labels LV=3,wall=2,RV=1."
        )
    # where the right free wall was drawn too, two bloods are surrounded; the left wall is thicker
    both = np.flatnonzero(score[:, wall] > LEAST_ENCLOSED)
    sturdy = [_sturdiness(image, numbers[k], numbers[wall]) for k in both]
    inner = int(both[np.argmax(sturdy)])
    role = {numbers[inner]: "LV", numbers[wall]: "wall"}
    rest = [k for k in range(len(numbers)) if k not in (inner, wall)]
    right = [k for k in rest if big[k] and contact[k, 1 + wall] > 0]
    right = [k for k in right if 0.25 < volume[k] / volume[inner] < 5]
    if right:
        best = max(right, key=lambda k: float(contact[k, 1 + wall]))
        role[numbers[best]] = "RV"
        rest.remove(best)
    for k in rest:
        role[numbers[k]] = _remainder(k, numbers, role, contact, volume)
    reason = (
        f"label {numbers[wall]} surrounds {share[inner, 1 + wall]:.0%} of label {numbers[inner]}"
    )
    return role, round(float(min(0.95, share[inner, 1 + wall])), 2), reason


def _remainder(
    k: int, numbers: list[int], role: dict[int, str], contact: np.ndarray, volume: np.ndarray
) -> str:
    """Scars inside the muscle and a thin wall over the right blood are muscle; all else is not."""
    place = {r: numbers.index(n) for n, r in role.items() if r in ROLES[:3]}
    total = contact[k].sum()
    if contact[k, 1 + place["wall"]] > 0.6 * total and volume[k] < volume[place["wall"]]:
        return "wall"
    if "RV" in place:
        area = contact[k, 1 + place["RV"]]
        covers = area > 0.3 * contact[place["RV"]].sum()
        if covers and volume[k] < THIN * area:
            return "wall"
    return "none"


def _coarse(image: LabelMap) -> LabelMap:
    """Leave out what lies around the heart, and voxels finer than needed to tell labels apart."""
    at = np.nonzero(image.labels)
    low, high = np.min(at, axis=1), np.max(at, axis=1) + 1
    step = np.maximum(1, np.floor(ENOUGH / image.spacing)).astype(int)
    box = tuple(slice(a, b, s) for a, b, s in zip(low, high, step, strict=True))
    affine = image.affine.copy()
    affine[:3, :3] *= step
    return LabelMap(image.labels[box], affine)


def _sturdiness(image: LabelMap, blood: int, wall: int) -> float:
    """Thickness of the wall around a blood times the largest ball that the blood holds."""
    from scipy.ndimage import binary_dilation, distance_transform_edt

    labels = np.pad(image.labels, 1)
    inside = labels == blood
    lining = binary_dilation(inside) & (labels == wall)
    outside = np.asarray(distance_transform_edt((labels == wall) | inside, image.spacing))
    ball = np.asarray(distance_transform_edt(inside, image.spacing)).max()
    return float(np.percentile(outside[lining], 35) * ball)


def _contacts(image: LabelMap, numbers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Areas where labels touch background (first column) and one another [mm²]; volumes [mm³]."""
    code = np.zeros(int(max(numbers)) + 1, np.int64)
    code[numbers] = np.arange(1, len(numbers) + 1)
    place = np.pad(code[image.labels], 1)
    count, spacing = len(numbers) + 1, image.spacing
    table = np.zeros((count, count))
    for axis in range(3):
        one = np.moveaxis(place, axis, 0)
        pairs = one[1:].ravel() * count + one[:-1].ravel()
        faces = np.bincount(pairs, minlength=count**2).reshape(count, count)
        table += (faces + faces.T) * np.delete(spacing, axis).prod()
    np.fill_diagonal(table, 0)
    volume = np.bincount(place.ravel(), minlength=count)[1:] * spacing.prod()
    return table[1:], volume
