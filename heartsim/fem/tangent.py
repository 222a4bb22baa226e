"""Element tangents of the wall: exact derivative of `solid.residual`.

The energy is differentiated twice in the six components of C at each point; strains turn that into
moduli of the reference gradient, and one product of gradients for all cells into element matrices.
"""

from collections.abc import Sequence
from functools import partial, reduce
from operator import add
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.fem.solid import (
    PAIRS,
    Scalar,
    Solid,
    Vector,
    at_points,
    deformation,
    fiber_gradient,
    point_energy,
    point_volume_ratio,
    pressure_form,
    pulled_back,
    quadrature_volume,
    rows_first,
    some_cells,
)
from heartsim.fem.space import FunctionSpace
from heartsim.solve.lanes import in_turn
from heartsim.tissue.law import Symmetric

LOT: Final = 1024
"""Cells whose tangents are made together on a CPU: what one operation leaves for the next stays in
its cache (8 838 P2 tets: 15.0 → 7.3 µs a cell; lots of 512 cells 6.9, of 4 096 cells 7.6)."""

WORTH_LOTS: Final = 4 * LOT
"""Number of cells beyond which there are lots."""


class Tangent(NamedTuple):
    """Element tangents of the mixed form, ``[[K, Gᵀ], [G, -Q]]``.

    Attributes
    ----------
    K : (c, 3a, 3a)
        Displacement blocks, unknowns ordered (node, component) [mN/mm].
    G : (c, 4, 3a)
        Coupling to the pressure [mm²].
    Q : (c, 4, 4)
        Compressibility and stabilization [mm³/kPa].
    """

    K: Float[Array, "c k k"]
    G: Float[Array, "c 4 k"]
    Q: Float[Array, "c 4 4"]


class _Curvature(NamedTuple):
    """Slope and second derivatives of the energy at a point, and slope of J'."""

    slope: Symmetric
    second: Symmetric
    growth: Symmetric


def _curvature(c: Symmetric, before, p, rate, augmentation, cell) -> _Curvature:
    def slope_of(x: Symmetric) -> Symmetric:
        return jax.grad(point_energy)(x, before, p, rate, augmentation, cell)

    slope, push = jax.linearize(slope_of, c)
    second = in_turn(push, Symmetric(*jnp.eye(6, dtype=c.ff.dtype)))

    def dilation(x: Symmetric) -> Scalar:
        return point_volume_ratio(x) / cell[2]

    return _Curvature(slope, second, jax.grad(dilation)(c))


def _strain_change(F: Float[Array, "3 3 c q"], T: Float[Array, "3 3 c q"]) -> Array:
    """Change of the components of C with the reference gradient of the displacement."""
    changes = [F[:, None, n] * T[None, :, m] + F[:, None, m] * T[None, :, n] for m, n in PAIRS]
    return jnp.stack(changes)


def tangent(
    solid: Solid,
    u: Vector,
    p: Float[Array, " v"],
    tension: Float[Array, " c"],
    u_before: Vector,
    rate: Scalar,
    *,
    dtype: jnp.dtype,
) -> Tangent:
    """Exact derivative of `residual`, element by element, in the requested precision."""
    at_once, in_lots = partial(_at_once, dtype=dtype), partial(_in_lots, dtype=dtype)
    given = solid, u, p, tension, u_before, rate
    if len(tension) <= WORTH_LOTS:
        return at_once(*given)
    return jax.lax.platform_dependent(*given, cpu=in_lots, default=at_once)


def _in_lots(
    solid: Solid, u: Vector, p, tension: Float[Array, " c"], *memory, dtype: jnp.dtype
) -> Tangent:
    """The same, some cells at a time."""
    cells, unknowns = len(tension), 3 * solid.space.cells.shape[1]
    lots = -(-cells // LOT)
    size = -(-cells // lots)

    def add_lot(count: Array, so_far: Tangent) -> Tangent:
        # the last lot ends with the last cell, and repeats some of the lot before
        start = jnp.minimum(count * size, cells - size)
        pulling = jax.lax.dynamic_slice_in_dim(tension, start, size)
        made = _at_once(some_cells(solid, start, size), u, p, pulling, *memory, dtype=dtype)

        def put(into: Array, new: Array) -> Array:
            return jax.lax.dynamic_update_slice_in_dim(into, new, start, axis=0)

        return jax.tree.map(put, so_far, made)

    shapes = (unknowns, unknowns), (4, unknowns), (4, 4)
    nothing = Tangent(*(jnp.zeros((cells, *shape), dtype) for shape in shapes))
    return jax.lax.fori_loop(0, lots, add_lot, nothing)


def _at_once(
    solid: Solid, u: Vector, p, tension: Float[Array, " c"], *memory, dtype: jnp.dtype
) -> Tangent:
    """The same, all cells together."""
    space = solid.space
    F = deformation(solid, u)
    curved = at_points(_curvature, solid, F, p, tension, *memory)
    weight, T = quadrature_volume(space), rows_first(fiber_gradient(solid))
    B = _strain_change(rows_first(F), T).astype(dtype)
    B = B.reshape(6, 9, *B.shape[3:])
    second = jnp.stack([weight[None] * jnp.moveaxis(part, -1, 0) for part in curved.second], axis=1)
    second = second.astype(dtype)
    stresses = in_turn(lambda b: _weighted(second, b), jnp.swapaxes(B, 0, 1))
    material = in_turn(lambda stress: _weighted(B, stress), stresses)
    geometric = (weight[None, None] * pulled_back(T, curved.slope, T)).astype(dtype)
    pull = _weighted(B, [(weight * part).astype(dtype) for part in curved.growth])
    K = _stiffness(space, material, geometric)
    return Tangent(K, _coupling(space, pull), pressure_form(solid).astype(dtype))


def _weighted(parts: Float[Array, "6 k c q"], weights: Sequence[Array]) -> Float[Array, "k c q"]:
    """Sum of the parts of six components of C, each with its weight at all points."""
    return reduce(add, [part * weight[None] for part, weight in zip(parts, weights, strict=True)])


def _stiffness(space: FunctionSpace, material: Array, geometric: Array) -> Float[Array, "c k k"]:
    """Contract point tangents with the reference gradients: one product for all cells."""
    cells, points = material.shape[2:]
    gradients = space.gradients.astype(material.dtype)
    nodes = gradients.shape[1]
    pairs = jnp.einsum("qar,qbs->qrsab", gradients, gradients).reshape(points * 9, nodes**2)
    rows = material.reshape(3, 3, 3, 3, cells, points).transpose(0, 2, 4, 5, 1, 3)
    blocks = (rows.reshape(9 * cells, points * 9) @ pairs).reshape(3, 3, cells, nodes, nodes)
    spread = geometric.transpose(2, 3, 0, 1).reshape(cells, points * 9) @ pairs
    eye = jnp.eye(3, dtype=material.dtype)[:, :, None, None, None]
    blocks += eye * spread.reshape(1, 1, cells, nodes, nodes)
    return blocks.transpose(2, 3, 0, 4, 1).reshape(cells, 3 * nodes, 3 * nodes)


def _coupling(space: FunctionSpace, pull: Array) -> Float[Array, "c 4 k"]:
    """Contract the slope of J with displacement gradients and pressure functions."""
    cells, points = pull.shape[1:]
    gradients = space.gradients.astype(pull.dtype)
    nodes = gradients.shape[1]
    pairs = jnp.einsum("qar,qb->qrab", gradients, space.pressure_values.astype(pull.dtype))
    rows = pull.reshape(3, 3, cells, points).transpose(2, 0, 3, 1).reshape(cells * 3, points * 3)
    blocks = (rows @ pairs.reshape(points * 3, nodes * 4)).reshape(cells, 3, nodes, 4)
    return blocks.transpose(0, 3, 2, 1).reshape(cells, 4, 3 * nodes)
