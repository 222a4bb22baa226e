"""Blood chambers: the volume that a deformed endocardium and its lids enclose.

The lid of an opening is a fan of triangles around the mean of its rim, so every cavity is closed
and the load of a cavity pressure derives from the potential ``-p V(x)``: its tangent is exact and
symmetric, lid traction included.
"""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from heartsim.fem.elements import tabulate
from heartsim.fem.space import BoundaryParts, Nodes, boundary_edges, boundary_facets


class CavitySurface(eqx.Module):
    """One closed chamber surface on the device.

    Attributes
    ----------
    facets : BoundaryParts
        Endocardium, normals out of the blood.
    rim : BoundaryParts
        Edges of the rims: start and end vertex, and the midpoint of quadratic displacements.
    opening : (r,) int
        Which opening a rim edge belongs to.
    values : (q, b), gradients : (q, b, 2), weights : (q,)
        Triangle element tables.
    openings : int
        Number of openings.
    """

    facets: BoundaryParts
    rim: BoundaryParts
    opening: Int[Array, " r"]
    values: Float[Array, "q b"]
    gradients: Float[Array, "q b 2"]
    weights: Float[Array, " q"]
    openings: int = eqx.field(static=True)


def cavity_surface(
    nodes: Nodes,
    facets: Int[np.ndarray, "f 3"],
    rims: Mapping[str, Int[np.ndarray, " r"]],
) -> CavitySurface:
    """Build the device tables of a chamber from its endocardium and rims.

    Parameters
    ----------
    nodes : Nodes
        Displacement nodes of the mesh.
    facets : (f, 3) int
        Endocardial triangles, normals out of the blood.
    rims : mapping of name to (r,) int
        Node loop of each opening.
    """
    quadratic = len(nodes.edges) > 0
    edges, opening = [], []
    for number, loop in enumerate(rims.values()):
        edges.append(np.column_stack([loop, np.roll(loop, -1)]))
        opening.append(np.full(len(loop), number))
    table = tabulate(2, 2 if quadratic else 1, 4 if quadratic else 2)
    endocardium = boundary_facets(nodes, facets)
    surface = CavitySurface(
        facets=endocardium,
        rim=boundary_edges(nodes, np.concatenate(edges), endocardium),
        opening=np.concatenate(opening).astype(np.int32),
        values=table.values,
        gradients=table.gradients,
        weights=table.weights,
        openings=len(rims),
    )
    return jax.device_put(surface)


def _centres(surface: CavitySurface, x: Float[Array, "n 3"]) -> Float[Array, "r 3"]:
    """Middle of the opening that each rim edge belongs to."""
    start = x[surface.rim.nodes[:, 0]]
    count = jnp.zeros(surface.openings, x.dtype).at[surface.opening].add(1.0)
    total = jnp.zeros((surface.openings, 3), x.dtype).at[surface.opening].add(start)
    return (total / count[:, None])[surface.opening]


def _lids(rim: Float[Array, "r e 3"], centre: Float[Array, "r 3"]) -> Float[Array, "r b 3"]:
    """Node positions of the lid triangles."""
    start, end = rim[:, 0], rim[:, 1]
    corners = [start, end, centre]
    if rim.shape[1] == 3:
        corners += [rim[:, 2], 0.5 * (end + centre), 0.5 * (start + centre)]
    return jnp.stack(corners, axis=1)


def _under_lids(surface: CavitySurface, x: Float[Array, "n 3"]) -> Float[Array, ""]:
    """One third of the flux of x through the lids."""
    return _enclosed(surface, _lids(x[surface.rim.nodes], _centres(surface, x)))


def _enclosed(surface: CavitySurface, corners: Float[Array, "f b 3"]) -> Float[Array, ""]:
    """One third of the flux of x through curved triangles (divergence theorem)."""
    position = jnp.einsum("qb,fbi->fqi", surface.values, corners)
    tangents = jnp.einsum("qbk,fbi->fqki", surface.gradients, corners)
    normal = jnp.cross(tangents[:, :, 0], tangents[:, :, 1])
    flux = jnp.einsum("q,fqi,fqi->", surface.weights, position, normal)
    return flux / 6.0


def volume(surface: CavitySurface, x: Float[Array, "n 3"]) -> Float[Array, ""]:
    """Volume enclosed by a chamber's endocardium and lids [mm³].

    Parameters
    ----------
    surface : CavitySurface
    x : (n, 3)
        Current node positions [mm].
    """
    return _enclosed(surface, x[surface.facets.nodes]) + _under_lids(surface, x)


def volumes(surfaces: tuple[CavitySurface, ...], x: Float[Array, "n 3"]) -> Float[Array, " k"]:
    """Volumes of several chambers [mm³]."""
    return jnp.stack([volume(surface, x) for surface in surfaces])


def volume_gradients(
    surfaces: tuple[CavitySurface, ...], x: Float[Array, "n 3"]
) -> Float[Array, "k n 3"]:
    """Derivatives of the chamber volumes by node positions [mm²]."""
    return jnp.stack([jax.grad(volume, argnums=1)(surface, x) for surface in surfaces])


def facet_tangents(surface: CavitySurface, x: Float[Array, "n 3"]) -> Float[Array, "f b b 3 3"]:
    """Second derivatives of the volume by the node positions of each endocardial facet [mm]."""

    def one(corners: Float[Array, "b 3"]) -> Float[Array, ""]:
        return _enclosed(surface, corners[None])

    curvature = jax.vmap(jax.hessian(one))(x[surface.facets.nodes])
    return jnp.swapaxes(curvature, 2, 3)


def rim_tangents(surface: CavitySurface, x: Float[Array, "n 3"]) -> Float[Array, "r e e 3 3"]:
    """Second derivatives of the volume by the nodes of each rim edge, lid centres held [mm]."""

    def one(rim: Float[Array, "e 3"], centre: Float[Array, " 3"]) -> Float[Array, ""]:
        return _enclosed(surface, _lids(rim[None], centre[None]))

    curvature = jax.vmap(jax.hessian(one))(x[surface.rim.nodes], _centres(surface, x))
    return jnp.swapaxes(curvature, 2, 3)


def lid_tangent(
    surfaces: tuple[CavitySurface, ...],
    x: Float[Array, "n 3"],
    pressure: Float[Array, " k"],
    direction: Float[Array, "n 3"],
) -> Float[Array, "n 3"]:
    """Change of the pressure loads on the lids with a displacement."""

    def load(position: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
        return jax.grad(
            lambda y: sum(
                p * _under_lids(surface, y) for p, surface in zip(pressure, surfaces, strict=True)
            )
        )(position)

    return jax.jvp(load, (x,), (direction,))[1]
