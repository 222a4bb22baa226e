"""Blood and muscle on a grid of equal cubes: from a segmentation, or from closed surfaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.mesh.labelmap import LabelMap, Roles

FINEST, COARSEST = 0.7, 1.5
"""Edge of the cubes [mm]."""
CLEAR = 2.5
"""Edges of a cube around an opening in which no muscle is put."""
CARVED = 15.0
"""Height above an opening up to which there is no muscle [mm]."""
MARGIN = 8.0
"""Empty space around the heart [mm]."""
THICK_SLICES = 2.0
"""Slices thicker than so many pixels are continued beyond the base before they are interpolated."""


@dataclass(frozen=True)
class Mouth:
    """Openings of a chamber.

    Attributes
    ----------
    places, normals : (m, 3) float
        Points all over their covers [mm], and the way out of the blood there.
    """

    places: Float[np.ndarray, "m 3"]
    normals: Float[np.ndarray, "m 3"]

    def around(
        self, start: Float[np.ndarray, " 3"], shape: tuple[int, ...], edge: float
    ) -> tuple[Float[np.ndarray, "i j k"], Bool[np.ndarray, "i j k"]]:
        """Distance of cubes from the openings [mm], and which lie above, within 45° of the way."""
        from scipy.ndimage import distance_transform_edt

        cube = np.round((self.places - start) / edge).astype(int)
        empty, way = np.ones(shape, bool), np.zeros((*shape, 3))
        empty[tuple(cube.T)], way[tuple(cube.T)] = False, self.normals
        off, nearest = cast(
            tuple[np.ndarray, np.ndarray],
            distance_transform_edt(empty, sampling=edge, return_indices=True),
        )
        offset = edge * np.moveaxis(np.indices(shape) - nearest, 0, -1)
        rise = np.einsum("ijkx,ijkx->ijk", offset, way[tuple(nearest)])
        return off, rise >= np.cos(np.pi / 4) * off - edge / 2


@dataclass(frozen=True)
class Voxels:
    """Masks on cubes, in a frame of their own.

    Attributes
    ----------
    blood : mapping of name to (i, j, k) bool
        ``"LV"``, and ``"RV"`` where there is one.
    wall : (i, j, k) bool
        Muscle as far as it is known; it may be missing over the right ventricle.
    edge : float
        Edge of a cube [mm].
    frame : (4, 4) float
        Cube indices (centers) to coordinates [mm]: a turn, the edge and a shift.
    """

    blood: Mapping[str, Bool[np.ndarray, "i j k"]]
    wall: Bool[np.ndarray, "i j k"]
    edge: float
    frame: Float[np.ndarray, "4 4"]

    @property
    def body(self) -> Bool[np.ndarray, "i j k"]:
        """Muscle and blood together."""
        return np.logical_or.reduce([*self.blood.values(), self.wall])

    def to_world(self, index: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Coordinates [mm] of places between cubes."""
        return index @ self.frame[:3, :3].T + self.frame[:3, 3]


def signed_distance(
    mask: Bool[np.ndarray, "i j k"], spacing: Float[np.ndarray, " 3"] | float
) -> Float[np.ndarray, "i j k"]:
    """Distance to the border of a mask [mm], negative inside, zero midway between voxels."""
    from scipy.ndimage import distance_transform_edt

    step = np.broadcast_to(np.asarray(spacing, float), 3)
    if not mask.any():
        return np.full(mask.shape, 1e3)
    outer = distance_transform_edt(~mask, sampling=step)
    inner = distance_transform_edt(mask, sampling=step)
    half = step.min() / 2
    return np.where(mask, half - inner, outer - half)


def from_labels(image: LabelMap, roles: Roles) -> Voxels:
    """Bring a segmentation to cubes, by shape-based interpolation between its slices [1]_.

    References
    ----------
    .. [1] Raya, Udupa (1990). Shape-based interpolation of multidimensional objects. IEEE Trans.
       Med. Imaging 9:32. doi:10.1109/42.52980
    """
    from scipy.ndimage import map_coordinates

    anything = np.logical_or.reduce([*roles.blood.values(), roles.wall])
    low = np.maximum(np.min(np.nonzero(anything), axis=1), 0)
    high = np.max(np.nonzero(anything), axis=1)
    box = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
    spacing = image.spacing
    reach = np.ceil(MARGIN / spacing).astype(int) + 1
    padding = [(int(r), int(r)) for r in reach]
    masks = {name: np.pad(mask[box], padding) for name, mask in roles.blood.items()}
    wall = np.pad(roles.wall[box], padding)
    beyond = np.zeros(wall.shape, bool)
    axis = int(np.argmax(spacing))
    if spacing[axis] > THICK_SLICES * spacing.min():
        masks, wall, beyond = _continued(masks, wall, axis)
    edge = float(np.clip(np.sort(spacing)[1], FINEST, COARSEST))
    extent = (np.array(wall.shape) - 1) * spacing
    count = np.floor(extent / edge).astype(int) + 1
    at = np.stack(np.meshgrid(*[np.arange(n) * edge for n in count], indexing="ij"))
    at = at / spacing[:, None, None, None]

    def resample(mask: np.ndarray) -> np.ndarray:
        return map_coordinates(signed_distance(mask, spacing), at, order=1, mode="nearest") < 0

    cut = map_coordinates(beyond.astype(float), at, order=0, mode="nearest") > 0.5
    blood = {name: resample(mask) & ~cut for name, mask in masks.items()}
    body = resample(np.logical_or.reduce([*masks.values(), wall])) & ~cut
    turn = image.affine[:3, :3] / spacing
    frame = np.eye(4)
    frame[:3, :3] = turn * edge
    frame[:3, 3] = image.affine[:3, :3] @ (low - reach) + image.affine[:3, 3]
    blood = _disjoint(blood)
    voxels = Voxels(blood, body & ~np.logical_or.reduce([*blood.values()]), edge, frame)
    return voxels if np.linalg.det(turn) > 0 else _flipped(voxels)


def _disjoint(blood: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """No voxel holds the blood of both ventricles."""
    taken, result = None, {}
    for name, mask in blood.items():
        result[name] = mask if taken is None else mask & ~taken
        taken = mask if taken is None else taken | mask
    return result


def _flipped(voxels: Voxels) -> Voxels:
    """Turn the first axis round, so that the frame is no mirror."""
    count = voxels.wall.shape[0]
    frame = voxels.frame.copy()
    frame[:3, 3] += frame[:3, 0] * (count - 1)
    frame[:3, 0] *= -1
    blood = {name: mask[::-1] for name, mask in voxels.blood.items()}
    return Voxels(blood, voxels.wall[::-1], voxels.edge, frame)


def _continued(
    masks: dict[str, np.ndarray], wall: np.ndarray, axis: int
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Continue columns that end at the base, so that interpolation does not round it off.

    The base is the end of the stack at which more of the left blood is bare. What was added is
    the third result and is cut off again after interpolation.
    """
    from scipy.ndimage import binary_dilation

    moved = {name: np.moveaxis(mask, axis, 0) for name, mask in masks.items()}
    muscle = np.moveaxis(wall, axis, 0)
    body = np.logical_or.reduce([*moved.values(), muscle])
    left = moved["LV"]
    ends = [np.count_nonzero(left[1:] & ~body[:-1]), np.count_nonzero(left[:-1] & ~body[1:])]
    if ends[0] > ends[1]:  # the base lies at the first slices
        moved = {name: mask[::-1] for name, mask in moved.items()}
        muscle, body = muscle[::-1], body[::-1]
    last = len(body) - 1 - np.argmax(body[::-1], axis=0)
    columns = body.any(axis=0)
    tops = {int(np.flatnonzero(mask.any(axis=(1, 2)))[-1]) for mask in moved.values()}
    height = np.arange(len(body))[:, None, None]
    open_ = columns & np.isin(last, sorted(tops))
    beyond = open_ & (height > last)
    source = np.where(beyond, last, height)

    def back(mask: np.ndarray) -> np.ndarray:
        return np.moveaxis(mask[::-1] if ends[0] > ends[1] else mask, 0, axis)

    around = np.zeros((3, 5, 5), bool)
    around[1] = True
    added = binary_dilation(beyond, around) & ~body  # interpolation bulges into the next columns
    grown = {name: np.take_along_axis(mask, source, axis=0) for name, mask in moved.items()}
    muscle = np.take_along_axis(muscle, source, axis=0)
    return {name: back(mask) for name, mask in grown.items()}, back(muscle), back(added)


def from_surfaces(
    points: Float[np.ndarray, "nodes 3"],
    blood: Mapping[str, Int[np.ndarray, "f 3"]],
    body: Int[np.ndarray, "f 3"],
    edge: float,
    *,
    mouths: Mapping[str, Mouth],
) -> Voxels:
    """Fill closed surfaces with cubes.

    Of a chamber that came with openings the blood ends there and nowhere else: the body, whose own
    cover is flatter than the ragged base of a patient's heart, is carved away above them, and a
    layer of muscle covers the lining where it sticks out of the body.

    Parameters
    ----------
    points : (n, 3)
        Nodes of all surfaces [mm].
    blood : mapping of chamber to (f, 3)
        Closed surfaces of the cavities.
    body : (f, 3)
        Closed surface around muscle and blood, or around the muscle alone.
    edge : float
        Edge of a cube [mm].
    mouths : mapping of chamber to Mouth
        Openings of chambers that came with some [mm].
    """
    used = points[np.unique(np.concatenate([body, *blood.values()]))]
    start = used.min(axis=0) - MARGIN
    shape = tuple(np.ceil((used.max(axis=0) + MARGIN - start) / edge).astype(int) + 1)
    masks = {name: inside(points[facets], start, shape, edge) for name, facets in blood.items()}
    masks = _disjoint(masks)
    wall = inside(points[body], start, shape, edge)
    around = {name: mouth.around(start, shape, edge) for name, mouth in mouths.items()}
    for off, above in around.values():
        wall &= ~(above & (off < CARVED))
    for name, (off, _) in around.items():
        wall |= _shell(masks[name]) & (off > CLEAR * edge)
    frame = np.diag([edge, edge, edge, 1.0])
    frame[:3, 3] = start
    return Voxels(masks, wall & ~np.logical_or.reduce([*masks.values()]), edge, frame)


def _shell(mask: Bool[np.ndarray, "i j k"]) -> Bool[np.ndarray, "i j k"]:
    """One layer of cubes around a mask."""
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(mask, np.ones((3, 3, 3)))) & ~mask


def inside(
    corners: Float[np.ndarray, "f 3 3"],
    start: Float[np.ndarray, " 3"],
    shape: tuple[int, ...],
    edge: float,
) -> Bool[np.ndarray, "i j k"]:
    """Cubes whose center lies inside a closed surface: lines along two of three axes say so.

    A line is inside after an odd number of crossings; the vote of three axes outlives a pinhole.
    """
    votes = np.zeros(shape, np.int8)
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        place = (corners[:, :, order] - start[order]) / edge
        found = _parity(place, tuple(np.array(shape)[order]))
        votes += np.moveaxis(found, [0, 1, 2], order)
    return votes >= 2


def _parity(place: Float[np.ndarray, "f 3 3"], shape: tuple[int, ...]) -> np.ndarray:
    """Oddness of the crossings below each cube, along the last axis."""
    place = place - np.array([3.1e-5, 7.3e-5, 0.0])  # no line meets a node or an edge
    low = np.maximum(np.ceil(place[:, :, :2].min(axis=1)), 0).astype(int)
    high = np.minimum(np.floor(place[:, :, :2].max(axis=1)), np.array(shape[:2]) - 1).astype(int)
    size = np.maximum(high - low + 1, 0)
    count = size.prod(axis=1)
    flips = np.zeros((*shape[:2], shape[2] + 1), np.int8)
    for part in np.array_split(np.arange(len(place)), 1 + int(count.sum()) // 4_000_000):
        which = np.repeat(part, count[part])
        rank = np.arange(len(which)) - np.repeat(np.cumsum(count[part]) - count[part], count[part])
        i = low[which, 0] + rank // np.maximum(size[which, 1], 1)
        j = low[which, 1] + rank % np.maximum(size[which, 1], 1)
        a, b, c = (place[which, k] for k in range(3))
        area = _cross(a, b, c[:, :2])
        line = np.stack([i, j], axis=1).astype(float)
        u, v, w = _cross(b, c, line), _cross(c, a, line), _cross(a, b, line)
        met = ((u > 0) & (v > 0) & (w > 0)) | ((u < 0) & (v < 0) & (w < 0))
        i, j = i[met], j[met]
        height = (u * a[:, 2] + v * b[:, 2] + w * c[:, 2])[met] / area[met]
        k = np.clip(np.ceil(height), 0, shape[2]).astype(int)
        np.add.at(flips, (i, j, k), 1)
    return (np.cumsum(flips, axis=2)[:, :, :-1] % 2).astype(np.int8)


def _cross(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Twice the signed area of the triangles a, b, p seen along the last axis."""
    return (b[:, 0] - a[:, 0]) * (p[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (p[:, 0] - a[:, 0])
