"""The ventricle of the 2015 benchmark on any mesh of it: parts found by where they lie."""

from pathlib import Path
from typing import Final, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from heartsim.build import AUGMENTATION
from heartsim.errors import MeshError
from heartsim.fem.cavity import cavity_surface
from heartsim.fem.solid import current_volume
from heartsim.fem.space import DEGREE, Nodes, function_space, number_nodes
from heartsim.heart import Heart, cavity_volumes
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.raw import read_raw
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary, make_cavity
from heartsim.microstructure.fibers import ellipsoid_rule
from heartsim.tissue.law import Law
from heartsim.units import deg
from heartsim.verification.bodies import at_quadrature, heart_of, muscle, nearest, wall

INNER: Final = (7.0, 17.0)
OUTER: Final = (10.0, 20.0)
BASE: Final = 5.0
"""Semi-axes (short, long) and height of the base plane [mm]."""

LADDER: Final = {
    "5k": (3.0, 1),
    "15k": (2.0, 2),
    "30k": (1.75, 3),
    "40k": (1.5, 3),
    "90k": (1.05, 3),
    "150k": (0.9, 4),
    "275k": (0.75, 5),
    "500k": (0.58, 6),
}
"""Edge [mm] and cells through the wall of our own meshes, by the unknowns they have with P2/P1."""


class Shell(NamedTuple):
    """Mesh of the ventricle with its parts.

    Attributes
    ----------
    name : str
    points : (v, 3)
        In the size of the benchmark [mm].
    tets : (c, 4) int
        Upright.
    endocardium, epicardium, base : (f, 3) int
        Boundary triangles, normals out of the tissue.
    """

    name: str
    points: Float[np.ndarray, "v 3"]
    tets: Int[np.ndarray, "c 4"]
    endocardium: Int[np.ndarray, "f 3"]
    epicardium: Int[np.ndarray, "f 3"]
    base: Int[np.ndarray, "f 3"]


def shell(source: str) -> Shell:
    """Mesh of the ladder by its name, or from a file of any kind that heartsim opens.

    Raises
    ------
    MeshError
        If the file holds another shape.
    """
    if source in LADDER:
        edge, layers = LADDER[source]
        mesh = left_ventricle(edge, layers=layers)
        return _sorted(source, mesh.points, mesh.tets)
    raw = read_raw(source)
    used, tets = np.unique(raw.tets, return_inverse=True)
    points = np.asarray(raw.points, float)[used]
    # whatever the unit: from the apex of the epicardium to the base it is 25 mm
    points *= (BASE + OUTER[1]) / np.ptp(points[:, 2])
    points[:, 2] += BASE - points[:, 2].max()
    return _sorted(Path(source).stem, points, orient(points, tets.reshape(-1, 4)))


def _sorted(name: str, points: np.ndarray, tets: np.ndarray) -> Shell:
    """Find base, endocardium and epicardium by the surface that a triangle is nearest to."""
    facets, _ = boundary(tets)
    on_base = np.abs(points[facets, 2] - BASE).max(axis=1) < 1e-6
    away = np.stack([_off(points[facets], axes).max(axis=1) for axes in (INNER, OUTER)])
    closest = away.argmin(axis=0)
    if not on_base.any() or away.min(axis=0)[~on_base].max(initial=0.0) > 0.05:
        raise MeshError(
            f"{name}: its surface lies off the ellipsoids of the benchmark (semi-axes 7 and 17 mm, "
            "10 and 20 mm, cut at z = 5 mm, apex at -z). Only meshes of that shape can be compared."
        )
    inside, outside = (facets[~on_base & (closest == side)] for side in (0, 1))
    return Shell(name, points, tets, inside, outside, facets[on_base])


def _off(x: Float[np.ndarray, "... 3"], axes: tuple[float, float]) -> Float[np.ndarray, "..."]:
    """Relative distance of points from an ellipsoid."""
    short, long = axes
    return np.abs(np.hypot(np.hypot(x[..., 0], x[..., 1]) / short, x[..., 2] / long) - 1)


class Model(NamedTuple):
    """Heart on a shell, its numbering and the shell."""

    heart: Heart
    nodes: Nodes
    shell: Shell


def model(
    source: str,
    law: Law,
    element: str,
    *,
    helix: float = 90 * deg,
    scale: float = 1.0,
    compressibility: float = 0.0,
    quadrature: int = 2,
) -> Model:
    """Ventricle of one law with its base clamped; P2/P1 without augmentation, as others have it.

    Parameters
    ----------
    source : str
        As in `shell`.
    law : Law
        Scalar parameters.
    element : str
    helix : float
        Fiber angle at the endocardium, its negative at the epicardium [rad].
    scale : float
        Size over that of the benchmark.
    compressibility : float
        1/kappa [1/kPa].
    quadrature : int
        Exactness of the volume rule.
    """
    found = shell(source)
    nodes = number_nodes(scale * found.points, found.tets, DEGREE[element])
    clamped = np.unique(nodes.facets(found.base))
    space = function_space(nodes, element, fixed=clamped, quadrature_degree=quadrature)
    frames = ellipsoid_rule(at_quadrature(space) / scale, endocardium=helix, epicardium=-helix)
    material = muscle(law, len(found.tets))
    solid = wall(
        space,
        material,
        jnp.asarray(frames),
        augmentation=0.0 if element == "P2P1" else AUGMENTATION[element],
        compressibility=compressibility,
    )
    chamber = make_cavity(found.endocardium, name="LV cavity")
    surface = cavity_surface(nodes, chamber.facets, chamber.rims)
    return Model(heart_of(solid, (surface,)), nodes, found)


def answer(built: Model, u: Float[np.ndarray, "n 3"]) -> dict[str, float]:
    """Outputs by which the benchmark judges a deformed ventricle."""
    nodes, reference = built.nodes, float(built.heart.cell_volume.sum())
    heights = {}
    for name, height in (("endo", -INNER[1]), ("epi", -OUTER[1])):
        node = nearest(nodes, (0.0, 0.0, height))
        heights[f"apex_{name}_z_mm"] = float(nodes.points[node, 2] + np.asarray(u)[node, 2])
    return heights | {
        "cavity_mm3": float(cavity_volumes(built.heart, jnp.asarray(u))[0]),
        "wall_volume_ratio": float(current_volume(built.heart.solid, jnp.asarray(u))) / reference,
    }
