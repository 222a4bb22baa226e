"""Understanding a wall without names: cavities, openings, base, LV and RV, apex, from its shape.

A facet that sees little of the outside lines a cavity; the line where a cavity ends follows the
sharpest outer edge around its opening. Of two chambers the left one is thicker-walled and rounder.
Every guess carries a confidence and can be overruled by name (`Guesses`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.exposure import (
    cheapest_cut,
    connected,
    exposure,
    neighbors,
    ridge_angles,
    ridge_prices,
)
from heartsim.mesh.guesses import Guess, Guesses
from heartsim.mesh.heartmesh import Cavity
from heartsim.mesh.openings import open_chamber
from heartsim.mesh.surfaces import (
    boundary,
    cavity_volume,
    facet_areas,
    facet_normals,
    rim_centers,
    rims,
)

THRESHOLDS = (0.6, 0.3, 0.45, 0.22, 0.15)
"""Exposures below which a facet is taken for the lining of a cavity, tried in turn."""
LEANING = 0.15
"""Worth of the exposure against the length of a rim."""
HALF_OPEN = 0.55
"""Exposure of a facet at the rim of a cut-off ventricle."""
LEAST_CHAMBER = 0.04
"""Share of the largest cavity below which a hollow is no chamber."""
MOST_PASSES = 30


@dataclass(frozen=True)
class Anatomy:
    """What a wall turned out to be.

    Attributes
    ----------
    facets : (f, 3) int
        The outer surface of the tissue, normals out of it.
    label : (f,) str
        ``"LV_endocardium"``, ``"RV_endocardium"``, ``"epicardium"`` or ``"base"``.
    cavities : mapping of name to Cavity
        ``"LV"`` and, of a biventricle, ``"RV"``.
    apex, up : (3,) float
        Epicardial apex of the LV and the unit vector from there toward its openings.
    guesses : list of Guess
        How sure that is, and why.
    """

    facets: Int[np.ndarray, "facets 3"]
    label: np.ndarray
    cavities: dict[str, Cavity]
    apex: Float[np.ndarray, " 3"]
    up: Float[np.ndarray, " 3"]
    guesses: list[Guess]


def understand(
    name: str,
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    known: Guesses,
) -> Anatomy:
    """Find the anatomy of a wall.

    Parameters
    ----------
    name : str
        File name, for messages.
    points, tets : (n, 3), (c, 4)
        Positively oriented tetrahedra of the wall, in any unit.
    known : Guesses
        What the user has said.

    Raises
    ------
    MeshError
        If there is no cavity, or more than two that nobody has named, or one cannot be closed.
    """
    return understand_surface(name, points, boundary(tets)[0], known)


def understand_surface(
    name: str,
    points: Float[np.ndarray, "nodes 3"],
    facets: Int[np.ndarray, "facets 3"],
    known: Guesses,
) -> Anatomy:
    """Find the anatomy of a wall from its closed surface, normals out of the tissue."""
    seen = exposure(points, facets)
    lining = _lining(points, facets, seen)
    part = _chambers(name, points, facets, lining)
    outside = part < 0
    chambers, guess = _which_is_which(name, points, facets, part, known)
    guesses = [_cavity_guess(points, facets, seen, part), guess]
    linings = {chamber: facets[part == number] for chamber, number in chambers.items()}
    cavities, (up, apex), more = open_chambers(name, points, linings, facets[outside], known)
    guesses += more
    label = np.full(len(facets), "epicardium", dtype="U16")
    label[_base(points, facets, part, up)] = "base"
    for chamber, number in chambers.items():
        label[part == number] = f"{chamber}_endocardium"
    return Anatomy(facets, label, cavities, apex, up, guesses)


def open_chambers(
    name: str,
    points: Float[np.ndarray, "nodes 3"],
    linings: Mapping[str, Int[np.ndarray, "facets 3"]],
    outside: Int[np.ndarray, "facets 3"],
    known: Guesses,
) -> tuple[dict[str, Cavity], tuple[np.ndarray, np.ndarray], list[Guess]]:
    """Chambers with their openings named, and up and apex as in `long_axis`.

    Parameters
    ----------
    name, points, known
        As in `understand_surface`.
    linings : mapping of chamber to (f, 3) int
        Endocardia, normals out of the tissue.
    outside : (f, 3) int
        The rest of the surface.
    """
    left, guess = open_chamber(name, points, linings["LV"], "LV", known)
    axis = long_axis(points, outside, left)
    cavities, guesses = {"LV": left}, [guess]
    if "RV" in linings:
        cavities["RV"], guess = open_chamber(name, points, linings["RV"], "RV", known, axis[0])
        guesses.append(guess)
    return cavities, axis, guesses


def _lining(
    points: np.ndarray, facets: np.ndarray, seen: Float[np.ndarray, " facets"]
) -> Bool[np.ndarray, " facets"]:
    """Facets that line a hollow, cut off along its rims, with rims that do not touch.

    Where the rims are sharp, every threshold finds the same ones, and two are enough. Where they
    are ragged, as in a patient's heart cut out of its surroundings, the pits between the chambers
    look like chambers too; there the threshold with the cheapest rims is taken, of those that keep
    the volume.
    """
    pairs = neighbors(facets)
    price = ridge_prices(points, facets, pairs)
    found = []
    for threshold in THRESHOLDS:
        inner = unpinched(facets, cheapest_cut(points, facets, threshold - seen, weight=LEANING))
        part = connected(facets, inner)
        hollows = [facets[part == number] for number in range(part.max() + 1)]
        volume = sum(_closed_volume(points, hollow) for hollow in hollows)
        rim = inner[pairs[:, 0]] != inner[pairs[:, 1]]
        if found and np.array_equal(inner, found[0][2]) and volume > 0:
            return inner
        found.append((volume, float(price[rim].sum()), inner))
    enough = 0.9 * max(volume for volume, _, _ in found)
    kept = [(cost, inner) for volume, cost, inner in found if volume >= enough]
    return min(kept, key=lambda pair: pair[0])[1]


def unpinched(
    facets: np.ndarray, inner: Bool[np.ndarray, " facets"]
) -> Bool[np.ndarray, " facets"]:
    """Grow a lining where two of its rims touch in a node, until none do."""
    for _ in range(MOST_PASSES):
        pinched = _pinched(facets, inner)
        if len(pinched) == 0:
            break
        inner = inner | np.isin(facets, pinched).any(axis=1)
    return inner


def _pinched(facets: np.ndarray, inner: Bool[np.ndarray, " facets"]) -> Int[np.ndarray, " k"]:
    """Nodes where two rims meet."""
    pairs = neighbors(facets)
    rim = pairs[inner[pairs[:, 0]] != inner[pairs[:, 1]], 2:]
    nodes, count = np.unique(rim, return_counts=True)
    return nodes[count > 2]


def _chambers(
    name: str, points: np.ndarray, facets: np.ndarray, lining: Bool[np.ndarray, " facets"]
) -> Int[np.ndarray, " facets"]:
    """Number of the chamber that each facet lines, the largest first; −1 on the outside."""
    outer = connected(facets, ~lining)
    areas = facet_areas(points, facets)
    if (outer >= 0).any():
        share = np.bincount(outer[outer >= 0], weights=areas[outer >= 0])
        islands = share < 0.01 * share.sum()
        lining = lining | ((outer >= 0) & islands[outer])
    part = connected(facets, lining)
    hollows = [facets[part == number] for number in range(part.max() + 1)]
    size = np.array([_closed_volume(points, hollow) for hollow in hollows])
    kept = [int(n) for n in np.argsort(-size) if size[n] > LEAST_CHAMBER * size.max(initial=1e-30)]
    if not kept:
        raise MeshError(
            f"{name}: no hollow was found that could be a ventricle. The wall of a ventricle, "
            "open or closed at the base, is due."
        )
    order = np.full(len(size) + 1, -1)
    order[kept] = np.arange(len(kept))
    return order[part]


def _closed_volume(points: np.ndarray, lining: np.ndarray) -> float:
    """Volume inside a lining with its openings covered; 0 where that makes no sense."""
    try:
        loops = rims(lining[:, ::-1])
    except MeshError:
        return 0.0
    cavity = Cavity(lining[:, ::-1], {str(number): loop for number, loop in enumerate(loops)})
    return max(cavity_volume(points, cavity), 0.0)


def _cavity_guess(
    points: np.ndarray, facets: np.ndarray, seen: np.ndarray, part: Int[np.ndarray, " facets"]
) -> Guess:
    """How clearly the cavities end: sharp rims and few facets that could be either."""
    areas = facet_areas(points, facets)
    clear = np.abs(seen - HALF_OPEN) > 0.1
    share = float(areas[clear].sum() / areas.sum())
    pairs = neighbors(facets)
    rim = pairs[(part[pairs[:, 0]] < 0) != (part[pairs[:, 1]] < 0)]
    angle = float(np.median(ridge_angles(points, facets, rim))) if len(rim) else np.pi / 2
    sharp = float(np.clip(np.degrees(angle) / 50, 0.3, 1))
    return Guess(
        "cavities",
        f"{part.max() + 1}",
        round(float(min(sharp, 0.2 + share)), 2),
        f"{share:.0%} of the surface is clearly inside or outside, the rims turn by "
        f"{np.degrees(angle):.0f}°",
    )


def _which_is_which(
    name: str,
    points: np.ndarray,
    facets: np.ndarray,
    part: Int[np.ndarray, " facets"],
    known: Guesses,
) -> tuple[dict[str, int], Guess]:
    """Left and right ventricle among the chambers."""
    count = int(part.max()) + 1
    for what, number in (("lv", known.lv), ("rv", known.rv)):
        if number is not None and not 1 <= number <= count:
            raise MeshError(f"{name}: --{what} {number}, and it has {count} cavities. Choose one.")
    if known.lv is not None and known.lv == known.rv:
        raise MeshError(f"{name}: cavity {known.lv} cannot be both ventricles. Choose two.")
    if known.lv is not None:
        chambers = {"LV": known.lv - 1}
        other = known.rv - 1 if known.rv else 2 - known.lv if count == 2 else None
        if other is not None:
            chambers["RV"] = other
        return chambers, Guess("ventricles", _numbers(chambers), 1.0, "named by the user")
    if count == 1:
        return {"LV": 0}, Guess("ventricles", "LV only", 0.8, "it has one cavity")
    if count > 2 and known.rv is None:
        raise MeshError(
            f"{name}: it has {count} cavities, and two ventricles are due. Say which: --lv 1 "
            "--rv 2 (numbered from the largest), or cut the atria and vessels off."
        )
    wall = [_thickness(points, facets, part, number) for number in range(count)]
    round_ = [_roundness(points, facets[part == number]) for number in range(count)]
    score = np.log(wall) + 2 * np.log(round_)
    if known.rv is not None:
        score[known.rv - 1] = -np.inf
        chambers = {"LV": int(np.argmax(score)), "RV": known.rv - 1}
        return chambers, Guess("ventricles", _numbers(chambers), 1.0, "named by the user")
    left = int(np.argmax(score))
    right = 1 - left
    margin = float(score[left] - score[right])
    return {"LV": left, "RV": right}, Guess(
        "ventricles",
        _numbers({"LV": left, "RV": right}),
        round(float(1 / (1 + np.exp(-5 * margin))), 2),
        f"wall of the LV {wall[left] / wall[right]:.1f} times as thick as that of the RV, its "
        f"cavity fills {round_[left]:.0%} of its hull, that of the RV {round_[right]:.0%}",
    )


def _numbers(chambers: dict[str, int]) -> str:
    return ", ".join(f"{chamber} is cavity {number + 1}" for chamber, number in chambers.items())


def _thickness(
    points: np.ndarray, facets: np.ndarray, part: Int[np.ndarray, " facets"], number: int
) -> float:
    """Thickness of the free wall: the lower third of the distances to the outside."""
    from scipy.spatial import KDTree

    outside = facets[part < 0]
    lining = facets[part == number]
    tree = KDTree(points[outside].mean(axis=1))
    distance = np.asarray(tree.query(points[lining].mean(axis=1))[0])
    return max(float(np.percentile(distance, 35)), 1e-9)


def _roundness(points: np.ndarray, lining: np.ndarray) -> float:
    """Share of its convex hull that a cavity fills."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(points[np.unique(lining)]).volume
    return max(_closed_volume(points, lining) / hull, 1e-3)


def long_axis(
    points: np.ndarray, outside: np.ndarray, cavity: Cavity
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """Direction from apex to openings of the LV, and the apex on the outside."""
    middle = np.mean(list(rim_centers(points, cavity).values()), axis=0)
    inner = points[np.unique(cavity.facets)]
    tip = inner[np.argmax(np.linalg.norm(inner - middle, axis=1))]
    # the widest opening is flat enough to say more than one farthest node does
    normal = np.zeros(3)
    for loop in cavity.rims.values():
        corner = points[loop] - points[loop].mean(axis=0)
        normal += np.cross(corner, np.roll(corner, -1, axis=0)).sum(axis=0) / 2
    up = _unit(_unit(middle - tip) + 0.5 * _unit(normal))
    offset = points[np.unique(outside)] - middle
    aside = np.linalg.norm(np.cross(offset, up), axis=1)
    return up, middle + offset[np.argmin(offset @ up + 0.5 * aside)]


def _base(
    points: np.ndarray,
    facets: np.ndarray,
    part: Int[np.ndarray, " facets"],
    up: Float[np.ndarray, " 3"],
) -> Bool[np.ndarray, " facets"]:
    """Outer facets around the openings, up to the sharpest edge of the outside."""
    outside = np.flatnonzero(part < 0)
    shell = facets[outside]
    pairs = neighbors(facets)
    crossing = pairs[(part[pairs[:, 0]] < 0) != (part[pairs[:, 1]] < 0)]
    beside = np.unique(np.where(part[crossing[:, 0]] < 0, crossing[:, 0], crossing[:, 1]))
    rise = facet_normals(points, shell) @ up
    height = points[shell].mean(axis=1) @ up
    rim = points[np.unique(crossing[:, 2:])] @ up
    low = rim.min() - 0.15 * np.ptp(points @ up)
    leaning = np.where(height < low, -np.inf, rise - 0.5)
    leaning[np.isin(outside, beside) & (rise > 0)] = np.inf
    base = np.zeros(len(facets), bool)
    base[outside] = cheapest_cut(points, shell, leaning)
    return base


def _unit(vector: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else np.array([0.0, 0.0, 1.0])
