"""GMRES for several right-hand sides at once, preconditioned from the right.

All right-hand sides share the operator, so one pass over its memory serves them all. Static
shapes, no restart: the caller restarts by calling again with what is left. The preconditioned
vectors are kept (flexible form), so that the program holds one copy of each operator, and the
preconditioner may change from iteration to iteration.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from heartsim.solve.lanes import anywhere

Block = Float[Array, "k n"]
Operator = Callable[[Block], Block]
Preconditioner = Callable[[Block, Int[Array, ""]], Block]


LOT: Final = 8
"""Vectors of the basis that are read at once; of the empty ones, no more than that."""


class KrylovResult(NamedTuple):
    """Answer of a Krylov solve.

    Attributes
    ----------
    x : (k, n)
        Solutions.
    residual : (k,)
        Estimated norms of the final residuals.
    iterations : ()
        Number of operator applications after the first.
    """

    x: Block
    residual: Float[Array, " k"]
    iterations: Int[Array, ""]


class _Arnoldi(NamedTuple):
    basis: Float[Array, "k m1 n"]
    preconditioned: Float[Array, "k m n"]
    triangle: Float[Array, "k m m"]
    rotation: Float[Array, "k m 2"]
    target: Float[Array, "k m1"]
    step: Int[Array, ""]


def gmres(
    apply: Operator,
    precondition: Preconditioner,
    rhs: Block,
    tolerance: Float[Array, " k"],
    *,
    dimension: int,
) -> KrylovResult:
    """Solve ``apply(x) = rhs`` from zero to an absolute residual norm, within one Krylov space.

    Parameters
    ----------
    apply : (k, n) → (k, n)
        Linear operator.
    precondition : (k, n), () int → (k, n)
        Approximate inverse, in an iteration that is given.
    rhs : (k, n)
    tolerance : (k,)
        Residual norm to reach for each right-hand side.
    dimension : int
        Largest Krylov space.
    """
    norm = jnp.linalg.norm(rhs, axis=1)
    k, n = rhs.shape
    dtype = rhs.dtype
    tiny = jnp.finfo(dtype).tiny
    lots = dimension // LOT + 1
    basis = jnp.zeros((k, lots * LOT, n), dtype)
    basis = basis.at[:, 0].set(rhs / jnp.maximum(norm, tiny)[:, None])
    state = _Arnoldi(
        basis,
        jnp.zeros((k, dimension, n), dtype),
        jnp.zeros((k, dimension, dimension), dtype),
        jnp.zeros((k, dimension, 2), dtype),
        jnp.zeros((k, dimension + 1), dtype).at[:, 0].set(norm),
        jnp.zeros((), jnp.int32),
    )

    def unfinished(state: _Arnoldi) -> Array:
        remaining = jnp.abs(state.target[:, state.step])
        # lanes that are solved together share their number of steps: who is done goes on
        return (state.step < dimension) & anywhere(jnp.any(remaining > tolerance))

    def advance(state: _Arnoldi) -> _Arnoldi:
        ahead = precondition(state.basis[:, state.step], state.step)
        kept = state.preconditioned.at[:, state.step].set(ahead)
        new = apply(ahead)
        overlap, new = _projected(state.basis, new, state.step)
        again, new = _projected(state.basis, new, state.step)
        length = jnp.linalg.norm(new, axis=1)
        column = (overlap + again)[:, : dimension + 1].at[:, state.step + 1].set(length)
        basis = state.basis.at[:, state.step + 1].set(new / jnp.maximum(length, tiny)[:, None])
        return _rotate(state._replace(basis=basis, preconditioned=kept), column)

    state = jax.lax.while_loop(unfinished, advance, state)
    weights = jax.vmap(_back_substitute, in_axes=(0, 0, None))(
        state.triangle, state.target[:, :dimension], state.step
    )
    update = jnp.einsum("kmn,km->kn", state.preconditioned, weights)
    return KrylovResult(update, jnp.abs(state.target[:, state.step]), state.step)


def _projected(
    basis: Float[Array, "k m n"], vector: Block, last: Int[Array, ""]
) -> tuple[Float[Array, "k m"], Block]:
    """Overlaps of a vector with the basis up to its last member, and what they leave of it."""

    def lot(number: Int[Array, ""], so_far: tuple[Array, Block]) -> tuple[Array, Block]:
        overlap, left = so_far
        some = lax.dynamic_slice_in_dim(basis, number * LOT, LOT, axis=1)
        share = jnp.einsum("kmn,kn->km", some, left)
        left = left - jnp.einsum("kmn,km->kn", some, share)
        return lax.dynamic_update_slice_in_dim(overlap, share, number * LOT, axis=1), left

    nothing = jnp.zeros(basis.shape[:2], basis.dtype)
    return lax.fori_loop(0, last // LOT + 1, lot, (nothing, vector))


def _rotate(state: _Arnoldi, column: Float[Array, "k m1"]) -> _Arnoldi:
    """Bring the new Hessenberg column to triangular form by Givens rotations."""
    step, rotation = state.step, state.rotation

    def apply_earlier(i, column):
        cosine, sine = rotation[:, i, 0], rotation[:, i, 1]
        top, below = column[:, i], column[:, i + 1]
        column = column.at[:, i].set(cosine * top + sine * below)
        return column.at[:, i + 1].set(cosine * below - sine * top)

    column = jax.lax.fori_loop(0, step, apply_earlier, column)
    top, below = column[:, step], column[:, step + 1]
    length = jnp.maximum(jnp.hypot(top, below), jnp.finfo(column.dtype).tiny)
    cosine, sine = top / length, below / length
    value = state.target[:, step]
    return _Arnoldi(
        state.basis,
        state.preconditioned,
        state.triangle.at[:, :, step].set(column.at[:, step].set(length)[:, :-1]),
        rotation.at[:, step].set(jnp.stack([cosine, sine], axis=1)),
        state.target.at[:, step].set(cosine * value).at[:, step + 1].set(-sine * value),
        step + 1,
    )


def _back_substitute(
    triangle: Float[Array, "m m"], target: Float[Array, " m"], size: Int[Array, ""]
) -> Float[Array, " m"]:
    """Solve the leading triangular system of the given size; zeros beyond."""

    def solve_row(count, weights):
        row = size - 1 - count
        value = (target[row] - triangle[row] @ weights) / triangle[row, row]
        return weights.at[row].set(value)

    return jax.lax.fori_loop(0, size, solve_row, jnp.zeros_like(target))
