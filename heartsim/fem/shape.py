"""How the forces of a wall change with its stress-free shape, element by element.

The tangent of the inverse problem: the loaded wall stays where it is while the shape in which it
would rest moves, fibers carried along. Cells share no memory here, so one directional derivative of
all cells taken apart is one column of every element matrix.
"""

from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.fem.elements import TET_EDGES
from heartsim.fem.operator import WallOperator
from heartsim.fem.residual import cell_residuals
from heartsim.fem.solid import Solid

ENDS: Final = np.vstack([np.eye(4), 0.5 * np.eye(4)[np.array(TET_EDGES)].sum(axis=1)])
"""Nodes of a straight-sided cell (rows) as means of its vertices (columns)."""


def shape_tangent(
    solid: Solid,
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
    *,
    dtype: jnp.dtype,
) -> Float[Array, "c d 12"]:
    """Derivative of a passive wall's element residuals by the vertices of its stress-free shape.

    Parameters
    ----------
    solid : Solid
    u, p
        Displacement [mm] and pressure multiplier [kPa], both held.
    dtype : dtype
        Precision of the result.

    Returns
    -------
    (c, 3a + 4, 12) float
        Rows: forces of the nodes [mN/mm], then the volume constraint [mm²]; columns: positions of
        the four vertices (vertex, component).
    """
    cells = solid.space.cells
    count, nodes = cells.shape
    own = jnp.arange(cells.size, dtype=cells.dtype).reshape(cells.shape)
    points, u_apart = _each(solid.space.points, cells), _each(u, cells)
    apart = eqx.tree_at(lambda s: (s.space.points, s.space.cells), solid, (points, own))
    p_apart = jnp.pad(p[cells[:, :4]], ((0, 0), (0, nodes - 4))).ravel()
    still, none = jnp.zeros(count, u.dtype), jnp.zeros((), u.dtype)
    ends = jnp.asarray(ENDS[:nodes])

    def forces(corners: Float[Array, "c 4 3"]) -> Float[Array, "c d"]:
        points = jnp.einsum("av,cvi->cai", ends, corners).reshape(-1, 3)
        f, g = cell_residuals(apart.moved_to(points), u_apart, p_apart, still, u_apart, none)
        return jnp.concatenate([f.reshape(count, -1), g], axis=1)

    _, push = jax.linearize(forces, solid.space.points[cells[:, :4]])

    def column(direction: Float[Array, "4 3"]) -> Float[Array, "c d"]:
        return push(jnp.broadcast_to(direction, (count, 4, 3))).astype(dtype)

    columns = jax.lax.map(column, jnp.eye(12, dtype=u.dtype).reshape(12, 4, 3))
    return jnp.moveaxis(columns, 0, 2)


def _each(values: Float[Array, "n 3"], cells: Array) -> Float[Array, "m 3"]:
    """Values of the nodes of every cell, one cell after the other."""
    return values[cells].reshape(-1, 3)


def inverse_elements(
    wall: Float[Array, "c d d"], operator: WallOperator, by_shape: Float[Array, "c d 12"]
) -> Float[Array, "c d d"]:
    """Element matrices of the inverse problem, in unknowns of the forward one.

    Where the forward solver would displace vertices by z, the stress-free ones move by -z and
    edges keep their bulge: so do the cavity pressures see the bulge alone.

    Parameters
    ----------
    wall : (c, d, d)
        Element matrices of the forward problem.
    operator : WallOperator
        The forward problem.
    by_shape : (c, d, 12)
        From `shape_tangent`.
    """
    nodes = operator.cells.shape[1]
    pressed = operator.loaded() - operator.tangent.K
    spread = jnp.kron(jnp.asarray(ENDS[:nodes], wall.dtype), jnp.eye(3, dtype=wall.dtype))
    free = operator.free[operator.cells].reshape(len(pressed), -1)
    moved = by_shape.at[:, : 3 * nodes].add(pressed @ spread)
    moved = moved.at[:, : 3 * nodes].multiply(free[:, :, None]) * free[:, None, :12]
    return wall.at[: len(moved), :, :12].add(-moved)
