"""Damped Newton iteration for small systems, as plain array code that maps over thousands."""

from typing import Final, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

MAX_ITERATIONS: Final = 60
"""Iterations after which a solve counts as failed; 2 to 6 are usual."""

_SHORTER: Final = 0.3
_SHORTEST: Final = 1e-6
"""Factor by which a step that does not help is shortened, and where that ends."""

Unknown = Float[Array, " unknown"]
Scalar = Float[Array, ""]


class Problem(Protocol):
    """System of equations with its own way of moving."""

    def balance(self, unknown: Unknown) -> Unknown:
        """Residual."""
        ...

    def tangent(self, unknown: Unknown) -> Float[Array, "unknown unknown"]:
        """Derivative of the residual."""
        ...

    def moved(self, unknown: Unknown, change: Unknown) -> Unknown:
        """Unknown after a change, equal to their sum to first order."""
        ...

    def tolerance(self) -> Scalar:
        """Largest residual that counts as solved."""
        ...


def newton(problem: Problem, start: Unknown) -> tuple[Unknown, Float[Array, ""], Int[Array, ""]]:
    """Damped Newton iteration; returns the root, its largest residual, and the iterations."""
    tolerance = problem.tolerance()

    def unfinished(carry: tuple[Unknown, Unknown, Int[Array, ""]]) -> Bool[Array, ""]:
        _, value, iteration = carry
        return (jnp.max(jnp.abs(value)) >= tolerance) & (iteration < MAX_ITERATIONS)

    def iterate(
        carry: tuple[Unknown, Unknown, Int[Array, ""]],
    ) -> tuple[Unknown, Unknown, Int[Array, ""]]:
        unknown, value, iteration = carry
        direction = -solve(problem.tangent(unknown), value)
        return *_search(problem, unknown, value, direction), iteration + 1

    first = (start, problem.balance(start), jnp.zeros((), int))
    root, value, iterations = jax.lax.while_loop(unfinished, iterate, first)
    return root, jnp.max(jnp.abs(value)), iterations


def _search(
    problem: Problem, unknown: Unknown, value: Unknown, direction: Unknown
) -> tuple[Unknown, Unknown]:
    """Longest of the steps 1, `_SHORTER`, `_SHORTER`², … that reduces the residual."""
    before = jnp.sum(value**2)

    def at(length: Scalar) -> tuple[Unknown, Unknown]:
        there = problem.moved(unknown, length * direction)
        return there, problem.balance(there)

    def worse(carry: tuple[Scalar, Unknown, Unknown]) -> Bool[Array, ""]:
        length, _, reached = carry
        return ~(jnp.sum(reached**2) < before) & (length > _SHORTEST)

    def shorten(carry: tuple[Scalar, Unknown, Unknown]) -> tuple[Scalar, Unknown, Unknown]:
        length = _SHORTER * carry[0]
        return length, *at(length)

    one = jnp.ones((), unknown.dtype)
    _, there, reached = jax.lax.while_loop(worse, shorten, (one, *at(one)))
    return there, reached


def solve(matrix: Float[Array, "n n"], right: Float[Array, " n"]) -> Float[Array, " n"]:
    """Solution of a small linear system by Gauss-Jordan elimination without pivoting.

    Safe for diagonally dominant and positive definite matrices, and for the tangent of a step:
    without a pericardium an M-matrix, to which the pericardium adds a non-negative rank-one part,
    so all leading minors stay positive. It is plain array code: thousands of systems under
    `vmap` become one batched kernel.

    Parameters
    ----------
    matrix : (n, n)
        Matrix; n is small.
    right : (n,)
        Right-hand side.

    Returns
    -------
    (n,) float
        Solution.
    """
    size = matrix.shape[0]
    identity = jnp.eye(size, dtype=matrix.dtype)

    def clear(i: Int[Array, ""], table: Float[Array, "n m"]) -> Float[Array, "n m"]:
        row = jax.lax.dynamic_slice_in_dim(table, i, 1, axis=0)
        column = jax.lax.dynamic_slice_in_dim(table, i, 1, axis=1)
        unit = jax.lax.dynamic_slice_in_dim(identity, i, 1, axis=1)
        pivot = jax.lax.dynamic_slice_in_dim(column, i, 1, axis=0)
        return table - (column - unit) * (row / pivot)

    table = jnp.concatenate([matrix, right[:, None]], axis=1)
    return jax.lax.fori_loop(0, size, clear, table)[:, -1]
