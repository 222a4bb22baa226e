"""Idealized left ventricle: a truncated ellipsoid, meshed by rings, exact on its surfaces."""

import math

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.rows import orient, prisms_to_tets, zip_rings
from heartsim.mesh.surfaces import boundary, make_cavity, split_by_plane

ORIGIN = "parametric shape made by heartsim, Apache-2.0"

HUMAN_ENDOCARDIUM = (24.0, 65.0)
HUMAN_EPICARDIUM = (34.0, 74.0)
HUMAN_BASE = 24.0


def left_ventricle(
    edge: float,
    *,
    layers: int | None = None,
    endocardium: tuple[float, float] = (7.0, 17.0),
    epicardium: tuple[float, float] = (10.0, 20.0),
    base: float = 5.0,
    name: str = "left_ventricle",
) -> HeartMesh:
    """Make a truncated ellipsoidal left ventricle, apex at −z, cut by the plane z = base.

    The defaults are the shape of the 2015 benchmark [1]_. Every node of the endocardium and
    epicardium lies on its ellipsoid.

    Parameters
    ----------
    edge : float
        Edge length along the middle of the wall [mm].
    layers : int, optional
        Cells through the wall; by default as many as make them about as thick as `edge`.
    endocardium, epicardium : (short, long) float
        Semi-axes of the ellipsoids [mm].
    base : float
        Height of the base plane above the center [mm].
    name : str
        Name of the heart.

    Returns
    -------
    HeartMesh
        Region ``"LV"``; surfaces ``"LV_endocardium"``, ``"epicardium"``, ``"base"``; cavity
        ``"LV"`` with the rim ``"base"``.

    References
    ----------
    .. [1] Land et al. (2015). Verification of cardiac mechanics software. Proc. R. Soc. A 471.
       doi:10.1098/rspa.2015.0641
    """
    inner, outer = np.array(endocardium, float), np.array(epicardium, float)
    _check(edge, layers, inner, outer, base)
    middle = (inner + outer) / 2
    heights, counts = _rings(edge, middle, base)
    radius, angle, triangles = _disk(heights, counts)
    if layers is None:
        layers = max(1, round(float(outer[0] - inner[0]) / edge))
    place = shell(radius, angle, inner, outer, base, layers)
    points = place.reshape(-1, 3)
    levels = np.arange(len(points)).reshape(layers + 1, -1)
    tets = orient(points, prisms_to_tets(triangles, levels))
    return _assemble(name, points, tets, triangles, len(radius) * layers, base)


def shell(
    radius: Float[np.ndarray, " n"],
    angle: Float[np.ndarray, " n"],
    inner: Float[np.ndarray, " 2"],
    outer: Float[np.ndarray, " 2"],
    base: float,
    layers: int,
) -> Float[np.ndarray, "levels n 3"]:
    """Points of a truncated ellipsoidal shell, from the endocardium out.

    Parameters
    ----------
    radius : (n,) float
        0 at the apex, 1 at the base plane.
    angle : (n,) float
        Around the long axis [rad].
    inner, outer : (2,) float
        Short and long semi-axes [mm].
    base : float
        Height of the base plane [mm].
    layers : int
        Cells through the wall.
    """
    axes = inner + np.linspace(0, 1, layers + 1)[:, None] * (outer - inner)
    u = math.pi - radius * (math.pi - np.arccos(base / axes[:, 1:]))
    ring = axes[:, :1] * np.sin(u)
    points = np.stack(
        [ring * np.cos(angle), ring * np.sin(angle), axes[:, 1:] * np.cos(u)], axis=-1
    )
    points[:, radius == 1, 2] = base
    return points


def human_left_ventricle(edge: float, *, layers: int | None = None) -> HeartMesh:
    """Make the left ventricle of the idealized human heart: about 120 mL, wall 10 mm.

    Parameters
    ----------
    edge : float
        Edge length along the middle of the wall [mm]; 9 gives about 1 200 tetrahedra.
    layers : int, optional
        Cells through the wall.
    """
    return left_ventricle(
        edge,
        layers=layers,
        endocardium=HUMAN_ENDOCARDIUM,
        epicardium=HUMAN_EPICARDIUM,
        base=HUMAN_BASE,
    )


def _check(
    edge: float, layers: int | None, inner: np.ndarray, outer: np.ndarray, base: float
) -> None:
    """Refuse shapes that are no shell."""
    if not (math.isfinite(edge) and edge > 0):
        raise MeshError(f"left_ventricle: edge = {edge} mm. Give a positive length in mm.")
    if layers is not None and layers < 1:
        raise MeshError(f"left_ventricle: layers = {layers}. Give at least 1 layer.")
    if not (np.all(inner > 0) and np.all(outer > inner) and abs(base) < inner[1]):
        raise MeshError(
            f"left_ventricle: endocardium {tuple(inner.tolist())} mm, epicardium "
            f"{tuple(outer.tolist())} mm, base at {base} mm make no shell. The epicardial axes "
            "must exceed the endocardial ones and the base must cut the cavity."
        )


def _rings(
    edge: float, axes: Float[np.ndarray, " 2"], base: float
) -> tuple[Float[np.ndarray, " rings"], Int[np.ndarray, " rings"]]:
    """Places of rings, 0 apex to 1 base, equal in arc length, and nodes on each."""
    place = np.linspace(0, 1, 2001)
    u = math.pi - place * (math.pi - math.acos(base / axes[1]))
    line = np.stack([axes[0] * np.sin(u), axes[1] * np.cos(u)])
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line), axis=0))])
    number = max(2, round(float(arc[-1]) / edge))
    heights = np.interp(np.linspace(0, arc[-1], number + 1)[1:], arc, place)
    around = 2 * math.pi * axes[0] * np.sin(math.pi - heights * (math.pi - u[-1]))
    return heights, np.maximum(6, 2 * np.round(around / (2 * edge)).astype(int))


def _disk(
    heights: Float[np.ndarray, " rings"], counts: Int[np.ndarray, " rings"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangulate a disk from rings of nodes: radius, angle and triangles."""
    radius, angle, triangles = [np.zeros(1)], [np.zeros(1)], []
    inner, inner_angle = np.zeros(1, int), np.zeros(1)
    first = 1
    for number, (height, count) in enumerate(zip(heights, counts, strict=True)):
        turn = 2 * math.pi * (np.arange(count) + 0.5 * (number % 2)) / count
        ring = np.arange(first, first + count)
        triangles += zip_rings(inner, inner_angle, ring, turn)
        radius.append(np.full(count, height))
        angle.append(turn)
        inner, inner_angle = ring, turn
        first += int(count)
    return np.concatenate(radius), np.concatenate(angle), np.array(triangles)


def _assemble(
    name: str,
    points: np.ndarray,
    tets: np.ndarray,
    triangles: np.ndarray,
    outermost: int,
    base: float,
) -> HeartMesh:
    """Name regions, surfaces and the cavity of the shell."""
    facets, _ = boundary(tets)
    on_base = split_by_plane(points, facets, base)
    inside = ~on_base & (facets.max(axis=1) <= triangles.max())
    endocardium = facets[inside]
    return HeartMesh(
        name=name,
        points=points,
        tets=tets,
        regions={"LV": np.arange(len(tets))},
        surfaces={
            "LV_endocardium": endocardium,
            "epicardium": facets[~on_base & (facets.min(axis=1) >= outermost)],
            "base": facets[on_base],
        },
        cavities={"LV": make_cavity(endocardium, name="LV cavity")},
        origin=ORIGIN,
    )
