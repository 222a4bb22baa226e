"""A heart from the numbers of an echo or CMR report: the idealized biventricle, bent to them.

The left ventricle scales along its axis to the length and across it to the volume, its wall to the
thickness or the mass; the right ventricle follows outward until it holds its volume. What is not
given comes from the means of healthy adults of that sex and body surface (`HEALTHY`): EF from [1]_,
the others of the same cohort from memory.

References
----------
.. [1] Petersen et al. (2017). Reference ranges for cardiac structure and function using
   cardiovascular magnetic resonance in Caucasians from the UK Biobank population cohort.
   J. Cardiovasc. Magn. Reson. 19. doi:10.1186/s12968-017-0327-9
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from heartsim.errors import MeshError
from heartsim.mesh.biventricle import BASE, INNER, OUTER, biventricle
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.quality import require_usable
from heartsim.mesh.surfaces import cavity_volume, cell_volumes
from heartsim.units import BLOOD_DENSITY, g, mL, mm

Sex = Literal["female", "male"]

HEALTHY = {"male": (1.97, 166.0, 58.0, 103.0, 182.0), "female": (1.71, 124.0, 61.0, 70.0, 130.0)}
"""Means by sex: body surface [m²], LV volume [mL], EF [%], LV mass [g], RV volume [mL]."""
SPHERICITY = 0.376
"""LV volume over the ball whose diameter is the length: mean of 1 991 healthy adults of the Cardiac
Atlas Project."""
RANGES = {
    "LV volume": (30.0, 450.0, "mL"),
    "RV volume": (30.0, 450.0, "mL"),
    "length": (50.0, 140.0, "mm"),
    "wall": (4.0, 25.0, "mm"),
    "RV wall": (2.0, 8.0, "mm"),
    "body surface": (0.5, 3.5, "m2"),
}


@dataclass(frozen=True)
class Measures:
    """Numbers of a report at end-diastole; None is filled in.

    Attributes
    ----------
    edv : float, optional
        LV volume [mm³].
    length : float, optional
        LV cavity from apex to base [mm].
    wall : float, optional
        LV wall half way up [mm].
    mass : float, optional
        LV mass with the septum [mg], in place of the wall.
    rv_volume : float, optional
        RV volume [mm³].
    rv_wall : float
        RV free wall [mm].
    sex : str
        ``"female"`` or ``"male"``.
    body_surface : float, optional
        [m²]; scales what is filled in.
    """

    edv: float | None = None
    length: float | None = None
    wall: float | None = None
    mass: float | None = None
    rv_volume: float | None = None
    rv_wall: float = 4.0 * mm
    sex: Sex = "female"
    body_surface: float | None = None


@dataclass(frozen=True)
class Complete:
    """`Measures` with nothing missing; the mass counts where no wall is given."""

    edv: float
    length: float
    wall: float | None
    mass: float
    rv_volume: float
    rv_wall: float
    body_surface: float


def completed(measures: Measures) -> Complete:
    """Fill in what is missing from the means of healthy adults of that sex and size.

    Raises
    ------
    MeshError
        If a number is out of all bounds, or wall and mass are both given.
    """
    surface, edv, _, mass, rv = HEALTHY[measures.sex]
    size = (measures.body_surface or surface) / surface
    volume = edv * size * mL if measures.edv is None else measures.edv
    if measures.wall is not None and measures.mass is not None:
        raise MeshError("a heart has one wall: give its thickness or its mass, not both.")
    full = Complete(
        edv=volume,
        length=measures.length or (6 * volume / (math.pi * SPHERICITY)) ** (1 / 3),
        wall=measures.wall,
        mass=mass * size * g if measures.mass is None else measures.mass,
        rv_wall=measures.rv_wall,
        rv_volume=measures.rv_volume or volume * rv / edv,
        body_surface=measures.body_surface or surface,
    )
    given = {
        "LV volume": full.edv / mL,
        "RV volume": full.rv_volume / mL,
        "length": full.length,
        "RV wall": full.rv_wall,
        "body surface": full.body_surface,
    }
    if full.wall is not None:
        given["wall"] = full.wall
    for name, value in given.items():
        low, high, unit = RANGES[name]
        if not low <= value <= high:
            raise MeshError(f"{name} {value:.3g} {unit}; {low:g} to {high:g} {unit} can be made.")
    return full


def made_to_measure(measures: Measures, *, edge: float = 9.0, name: str = "made") -> HeartMesh:
    """Biventricle that has given volumes, length and wall.

    Parameters
    ----------
    measures : Measures
        Numbers of a report; what is missing is filled in (`completed`).
    edge : float
        Edge length of the cells before bending [mm], 4 to 12.
    name : str
        Name of the heart.

    Raises
    ------
    MeshError
        If no such heart can be made, for example because the wall would cross itself.
    """
    full = completed(measures)
    first = _fitted(full, edge, full.rv_wall, name)
    # the right free wall is stretched with its cavity, so it starts as much thinner or thicker
    low, high, _ = RANGES["RV wall"]
    heart, _ = _fitted(full, edge, float(np.clip(full.rv_wall / first[1], low, high)), name)
    require_usable(heart)
    return heart


def _fitted(full: Complete, edge: float, rv_wall: float, name: str) -> tuple[HeartMesh, float]:
    """Heart of given measures from one start, and how far its right ventricle was stretched."""
    start = biventricle(edge, rv_wall=rv_wall, name=name)
    upright = full.length / float(BASE + INNER[1])
    across = math.sqrt(full.edv / cavity_volume(start.points, start.cavities["LV"]) / upright)
    inner = across * float(INNER[0])
    left = np.unique(np.concatenate([start.region("LV"), start.region("septum")]))

    def bent(wall: float, reach: float) -> HeartMesh:
        return start.with_points(_bend(start.points, upright, inner, wall, reach))

    def mass_of(wall: float) -> float:
        made = bent(wall, 1.0)
        return float(cell_volumes(made.points, made.tets[left]).sum()) * BLOOD_DENSITY

    def right_of(reach: float) -> float:
        made = bent(wall, reach)
        return cavity_volume(made.points, made.cavities["RV"])

    wall = full.wall
    if wall is None:
        wall = _root(mass_of, full.mass, RANGES["wall"][:2], f"{full.mass / g:.0f} g of LV muscle")
    reach = _root(right_of, full.rv_volume, (0.2, 4.0), f"an RV of {full.rv_volume / mL:.0f} mL")
    return replace(bent(wall, reach), origin=f"{start.origin}, bent to measured sizes"), reach


def _bend(
    points: Float[np.ndarray, "nodes 3"], upright: float, inner: float, wall: float, reach: float
) -> Float[np.ndarray, "nodes 3"]:
    """Scale along the axis, across by depth in the left wall, and beyond it by `reach`.

    Depth is 0 on the ellipsoid of the endocardium and 1 on that of the epicardium.
    """
    radius, z = np.hypot(points[:, 0], points[:, 1]), points[:, 2]
    depth, own = _depth(radius, z)
    new = inner + np.minimum(depth, 1) * wall
    scale = new / own
    beyond = depth > 1
    # beyond the left epicardium: to its foot on it, scaled, and on from there along the ray
    foot = np.where(beyond, _foot(points), 1.0)
    on = points * foot[:, None]
    shape = (inner + wall) / OUTER[0]
    moved = points * np.stack([scale, scale, np.full_like(z, upright)], axis=1)
    lifted = (points - on) * np.array([reach, reach, upright])
    far = on * np.array([shape, shape, upright]) + lifted
    return np.where(beyond[:, None], far, moved)


def _depth(radius: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth in the family of ellipsoids from endocardium to epicardium, and their short axis."""
    low, high = np.full_like(z, -0.5), np.full_like(z, 12.0)
    for _ in range(60):
        middle = (low + high) / 2
        a, c = (INNER[k] + middle * (OUTER[k] - INNER[k]) for k in (0, 1))
        outside = (radius / a) ** 2 + (z / c) ** 2 > 1
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    depth = (low + high) / 2
    depth = np.where(np.abs(depth - 1) < 1e-6, 1.0, depth)
    return depth, INNER[0] + np.minimum(depth, 1) * (OUTER[0] - INNER[0])


def _foot(points: Float[np.ndarray, "nodes 3"]) -> Float[np.ndarray, " nodes"]:
    """Share of the way out from the axis, at equal height, at which the left epicardium lies."""
    radius = np.hypot(points[:, 0], points[:, 1])
    ring = OUTER[0] * np.sqrt(np.maximum(1 - (points[:, 2] / OUTER[1]) ** 2, 0))
    return np.minimum(ring / np.maximum(radius, 1e-9), 1.0)


def _root(
    function: Callable[[float], float], target: float, bounds: tuple[float, float], what: str
) -> float:
    """Solve a monotone equation between bounds."""
    from scipy.optimize import brentq

    low, high = (float(function(b)) for b in bounds)
    if not low <= target <= high:
        raise MeshError(f"{what} cannot be made with the other sizes. Change one of them.")
    return float(brentq(lambda x: function(x) - target, *bounds, rtol=1e-6))
