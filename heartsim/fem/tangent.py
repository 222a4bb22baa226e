"""Element tangents of the wall: exact derivative of `residual.residual`.

The energy is differentiated twice in the six components of C at each point; strains turn that into
moduli of the reference gradient, and one product of gradients for all cells into element matrices.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.fem.lots import by_lots
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
)
from heartsim.fem.space import FunctionSpace
from heartsim.solve.lanes import in_turn
from heartsim.tissue.law import Symmetric


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

    def of_cells(some: Solid, pulling: Float[Array, " c"]) -> Tangent:
        return _of_cells(some, u, p, pulling, u_before, rate, dtype=dtype)

    return by_lots(of_cells, solid, tension)


def _of_cells(
    solid: Solid, u: Vector, p, tension: Float[Array, " c"], *memory, dtype: jnp.dtype
) -> Tangent:
    """The same, of all cells together."""
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
