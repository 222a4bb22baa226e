"""Simple bodies: blocks, tubes and half spheres with planes of symmetry, ready for `direct`."""

from collections.abc import Callable
from typing import Final, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from heartsim.activation.twitch import Activation, Twitch
from heartsim.build import STABILIZATION
from heartsim.fem.cavity import CavitySurface
from heartsim.fem.elements import tabulate
from heartsim.fem.solid import Material, Solid
from heartsim.fem.space import DEGREE, FunctionSpace, Nodes, function_space, number_nodes
from heartsim.heart import Heart
from heartsim.mesh.box import box
from heartsim.mesh.rows import orient
from heartsim.tissue.active import InvariantTension
from heartsim.tissue.law import CauchyGreen, Law, Parameter, Scalar, components
from heartsim.tissue.tissue import Tissue, uniform
from heartsim.units import kPa

WITHOUT_CONSTRAINT: Final = 1e9 / kPa
"""Compressibility at which the pressure multiplier is nothing, for laws with their own volume."""

_ON: Final = 1e-9
"""Distance at which a node lies on a plane [mm]."""

Points = Float[np.ndarray, "n 3"]
Frames = Float[Array, "c q 3 3"]


@final
class Compressible(eqx.Module):
    """Muscle with an energy of volume, kappa/4 (J² − 1 − 2 ln J), as several codes have it."""

    tissue: Tissue
    kappa: Parameter
    """Bulk modulus [kPa]."""

    def energy(self, C: CauchyGreen, tension: Scalar) -> Scalar:
        """Energy per reference volume [kPa]."""
        C = components(C)
        square = C.determinant
        volume = self.kappa / 4 * (square - 1 - jnp.log(square))
        return self.tissue.energy(C, tension) + volume

    def drag(self, C: CauchyGreen, before: CauchyGreen, tension: Scalar, rate: Scalar) -> Scalar:
        """Potential of the tension that shortening costs in a step [kPa]."""
        return self.tissue.drag(C, before, tension, rate)


def muscle(law: Law, cells: int) -> Tissue:
    """Tissue of one law with tension that does not depend on length."""
    one = jnp.ones(cells)
    return Tissue(uniform(law, cells), InvariantTension(), one, 0 * one, 0 * one)


def compressible(law: Law, kappa: float, cells: int) -> Compressible:
    """Material of one law and one bulk modulus [kPa] in every cell."""
    return Compressible(muscle(law, cells), jnp.full(cells, kappa))


def wall(
    space: FunctionSpace,
    material: Material,
    frames: Frames | None = None,
    *,
    augmentation: float = 0.0,
    compressibility: float = 0.0,
    stabilization: float | None = None,
) -> Solid:
    """Solid of one material, incompressible by default, with fibers along x by default."""
    cells = len(space.volume)
    weight = STABILIZATION[space.element] if stabilization is None else stabilization
    return Solid(
        space=space,
        frames=jnp.broadcast_to(jnp.eye(3), (cells, 1, 3, 3)) if frames is None else frames,
        material=material,
        augmentation=jnp.asarray(augmentation),
        compressibility=jnp.asarray(compressibility),
        stabilization=jnp.asarray(weight),
        viscosity=jnp.zeros(cells),
    )


def heart_of(solid: Solid, cavities: tuple[CavitySurface, ...] = ()) -> Heart:
    """A wall on its own, with chambers but without blood."""
    return Heart(
        solid=solid,
        supports=(),
        cavities=cavities,
        activation=Activation(jnp.zeros(len(solid.space.volume)), Twitch(), 850.0),
        circulation=None,
        region={},
        chambers=("LV",)[: len(cavities)],
    )


def space_on(
    points: Points,
    tets: Int[np.ndarray, "c 4"],
    element: str,
    held: Callable[[Points], Bool[np.ndarray, "n 3"]],
    *,
    quadrature_degree: int = 2,
) -> tuple[Nodes, FunctionSpace]:
    """Nodes and space of a mesh; `held` says which displacements of its nodes are prescribed."""
    nodes = number_nodes(points, tets, DEGREE[element])
    space = function_space(nodes, element, quadrature_degree=quadrature_degree)
    free = jnp.asarray(1.0 - held(nodes.points))
    return nodes, eqx.tree_at(lambda s: s.free, space, free)


def on_planes(points: Points) -> Bool[np.ndarray, "n 3"]:
    """Displacements normal to the three coordinate planes, of the nodes on them."""
    return np.abs(points) < _ON


def bar(element: str = "P2P1") -> tuple[Nodes, FunctionSpace]:
    """Block of 2 × 1 × 1 mm on three planes of symmetry, free elsewhere."""
    mesh = box((2.0, 1.0, 1.0), (2, 1, 1))
    return space_on(mesh.points, mesh.tets, element, on_planes)


def tube(
    inner: float, outer: float, height: float, divisions: tuple[int, int, int], turn: float
) -> tuple[Points, Int[np.ndarray, "c 4"], Int[np.ndarray, "f 3"]]:
    """Sector of a tube around z, from a bent box; a solid cylinder for ``inner = 0``.

    Parameters
    ----------
    inner, outer, height : float
        Radii and length [mm].
    divisions : (3,) int
        Bricks through the wall, around (even for a whole turn) and along.
    turn : float
        Angle of the sector [rad]; 2π closes it.

    Returns
    -------
    (n, 3), (c, 4), (f, 3)
        Points [mm], tetrahedra, and the triangles of the inner surface, normals out of the wall.
    """
    flat = box((outer - inner, turn, height), divisions)
    radius, angle = inner + flat.points[:, 0], flat.points[:, 1]
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), flat.points[:, 2]], axis=1)
    _, first, same = np.unique(np.round(points, 9), axis=0, return_index=True, return_inverse=True)
    points, same = points[first], same.ravel()
    tets = same[flat.tets]
    whole = (np.diff(np.sort(tets, axis=1), axis=1) > 0).all(axis=1)
    return points, orient(points, tets[whole]), same[flat.surface("x0")]


def at_quadrature(space: FunctionSpace) -> Float[np.ndarray, "c q 3"]:
    """Quadrature points [mm]."""
    corners = np.asarray(space.points)[np.asarray(space.cells)[:, :4]]
    return np.einsum("qb,cbi->cqi", np.asarray(space.pressure_values), corners)


def volume_load(
    space: FunctionSpace, density: Callable[[Points], Points], *, degree: int = 5
) -> Float[np.ndarray, "n 3"]:
    """Nodal forces [mN] of a body force per reference volume [mN/mm³]."""
    table = tabulate(3, DEGREE[space.element], degree)
    cells = np.asarray(space.cells)
    corners = np.asarray(space.points)[cells[:, :4]]
    points = np.einsum("qb,cbi->cqi", table.barycentric, corners)
    force = density(points.reshape(-1, 3)).reshape(points.shape)
    weight = np.asarray(space.volume)[:, None] * table.weights
    local = np.einsum("cq,qa,cqi->cai", weight, table.values, force)
    out = np.zeros(space.points.shape)
    np.add.at(out, cells, local)
    return out


def surface_load(
    nodes: Nodes, triangles: Int[np.ndarray, "f 3"], traction: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, "n 3"]:
    """Nodal forces [mN] of a dead traction per reference area [kPa]."""
    degree = 2 if len(nodes.edges) else 1
    table = tabulate(2, degree, 2 * degree)
    corners = nodes.points[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    share = 0.5 * np.linalg.norm(cross, axis=1)[:, None] * (table.weights @ table.values)
    out = np.zeros(nodes.points.shape)
    np.add.at(out, nodes.facets(triangles), share[..., None] * traction)
    return out


def nearest(nodes: Nodes, place: tuple[float, float, float]) -> int:
    """Node at a reference place [mm]."""
    return int(np.argmin(np.linalg.norm(nodes.points - np.array(place), axis=1)))
