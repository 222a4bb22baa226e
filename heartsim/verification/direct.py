"""A second way to equilibrium: full Newton with a sparse direct factorization (host, small).

It shares residual and tangent with the product's solver but neither its linear algebra nor its
load stepping, and it accepts follower pressure on open surfaces and displacements prescribed
component by component, which the closed problems of mechanics need.
"""

from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jaxtyping import Array, Float, Int
from scipy.sparse.linalg import splu

from heartsim.errors import SolveFailed
from heartsim.fem.elements import tabulate
from heartsim.fem.solid import Solid, Tangent, residual, tangent
from heartsim.fem.space import Nodes

TOLERANCE: Final = 1e-9
"""Residual relative to the largest force met in the step at which Newton stops."""

NEWTON_LIMIT: Final = 25


class Patch(eqx.Module):
    """Part of the boundary under follower pressure.

    Attributes
    ----------
    facets : (f, b) int
        Displacement nodes, normals out of the tissue.
    values : (q, b), gradients : (q, b, 2), weights : (q,)
        Triangle element.
    """

    facets: Int[Array, "f b"]
    values: Float[Array, "q b"]
    gradients: Float[Array, "q b 2"]
    weights: Float[Array, " q"]


def patch(nodes: Nodes, triangles: Int[np.ndarray, "f 3"]) -> Patch:
    """Patch of boundary triangles with normals out of the tissue."""
    degree = 2 if len(nodes.edges) else 1
    table = tabulate(2, degree, 2 * degree)
    facets = jnp.asarray(nodes.facets(triangles), dtype=jnp.int32)
    return Patch(facets, *(jnp.asarray(a) for a in table[:3]))


class Equilibrium(NamedTuple):
    """Solution and what it cost."""

    u: Float[Array, "n 3"]
    p: Float[Array, " v"]
    newton: int


def solve(
    solid: Solid,
    pressed: Patch | None,
    pressure: float,
    tension: Float[Array, " c"],
    *,
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
) -> Equilibrium:
    """Bring a solid into equilibrium with pressure and tension by full Newton steps.

    Parameters
    ----------
    solid : Solid
        The wall; where ``space.free`` is 0 the displacement stays as in ``u``.
    pressed : Patch, optional
        Surface under pressure.
    pressure : float
        Follower pressure that pushes against its outward normal [kPa].
    tension : (c,)
        Active tension [kPa].
    u, p
        First guess, with the prescribed displacements [mm] and pressure multiplier [kPa].

    Raises
    ------
    SolveFailed
        If Newton does not converge in `NEWTON_LIMIT` steps.
    """
    free = np.asarray(solid.space.free).ravel() > 0
    keep = np.concatenate([free, np.ones(p.size, bool)])
    force = jnp.asarray(pressure)
    largest, norm = 0.0, float("nan")
    for step in range(NEWTON_LIMIT):
        out = np.asarray(_residual(solid, pressed, force, tension, u, p))[keep]
        norm = float(np.linalg.norm(out))
        largest = max(largest, norm)
        if norm <= TOLERANCE * largest and step > 0:
            return Equilibrium(u, p, step)
        if not np.isfinite(norm):
            break
        matrix = _matrix(solid, pressed, force, tension, u, p)[keep][:, keep]
        change = np.zeros(len(keep))
        change[keep] = splu(matrix.tocsc()).solve(-out)
        u = u + jnp.asarray(change[: u.size].reshape(u.shape))
        p = p + jnp.asarray(change[u.size :])
    raise SolveFailed(
        f"direct Newton at {pressure} kPa: residual {norm:.1e} mN within {NEWTON_LIMIT} steps. "
        "Approach the load in smaller parts."
    )


@eqx.filter_jit  # noqa: TID251
def _residual(
    solid: Solid,
    pressed: Patch | None,
    pressure: Float[Array, ""],
    tension: Float[Array, " c"],
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
) -> Float[Array, " m"]:
    """Out-of-balance forces [mN] and volume constraint [mm³]."""
    forces, constraint = residual(solid, u, p, tension, u, jnp.zeros(()))
    if pressed is not None:
        local = jax.vmap(_push, in_axes=(None, 0))(
            pressed, (solid.space.points + u)[pressed.facets]
        )
        forces = forces.at[pressed.facets].add(pressure * local)
    return jnp.concatenate([forces.ravel(), constraint])


def _push(pressed: Patch, corners: Float[Array, "b 3"]) -> Float[Array, "b 3"]:
    """Nodal integrals of the outward area vector over one current facet [mm²]."""
    tangents = jnp.einsum("qbk,bi->qki", pressed.gradients, corners)
    area = jnp.cross(tangents[:, 0], tangents[:, 1]) / 2
    return jnp.einsum("q,qb,qi->bi", pressed.weights, pressed.values, area)


@eqx.filter_jit  # noqa: TID251
def _blocks(
    solid: Solid,
    pressed: Patch | None,
    pressure: Float[Array, ""],
    tension: Float[Array, " c"],
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
) -> tuple[Tangent, Float[Array, "f k k"] | None]:
    """Element tangents and, on the patch, those of the follower pressure."""
    inside = tangent(solid, u, p, tension, u, jnp.zeros(()), dtype=u.dtype)
    if pressed is None:
        return inside, None
    corners = (solid.space.points + u)[pressed.facets]
    slope = jax.vmap(jax.jacfwd(_push, argnums=1), in_axes=(None, 0))(pressed, corners)
    size = 3 * corners.shape[1]
    return inside, pressure * slope.reshape(-1, size, size)


def _matrix(
    solid: Solid,
    pressed: Patch | None,
    pressure: Float[Array, ""],
    tension: Float[Array, " c"],
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
) -> sp.csr_array:
    """Assemble the derivative of `_residual` as a sparse matrix."""
    inside, push = _blocks(solid, pressed, pressure, tension, u, p)
    K, G, Q = (np.asarray(block) for block in inside)
    cells = np.asarray(solid.space.cells)
    moves = _dofs(cells)
    holds = u.size + cells[:, :4]
    parts = [
        (moves, moves, K),
        (moves, holds, G.transpose(0, 2, 1)),
        (holds, moves, G),
        (holds, holds, -Q),
    ]
    if pressed is not None:
        pushed = _dofs(np.asarray(pressed.facets))
        parts.append((pushed, pushed, np.asarray(push)))
    shapes = [block.shape for *_, block in parts]
    rows = [
        np.broadcast_to(r[:, :, None], k).ravel()
        for (r, _, _), k in zip(parts, shapes, strict=True)
    ]
    columns = [
        np.broadcast_to(c[:, None], k).ravel() for (_, c, _), k in zip(parts, shapes, strict=True)
    ]
    values = [block.ravel() for *_, block in parts]
    size = u.size + p.size
    where = (np.concatenate(rows), np.concatenate(columns))
    return sp.coo_array((np.concatenate(values), where), shape=(size, size)).tocsr()


def _dofs(nodes: Int[np.ndarray, "e b"]) -> Int[np.ndarray, "e 3b"]:
    """Displacement unknowns of nodes, ordered (node, component)."""
    return (3 * nodes[..., None] + np.arange(3)).reshape(len(nodes), -1)
