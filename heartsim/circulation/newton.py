"""Damped Newton iteration for small systems, as plain array code that maps over thousands."""

from typing import Final, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
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


class _Trial(NamedTuple):
    """State of an iteration: where it stands, and the next point to try."""

    unknown: Unknown
    value: Unknown
    direction: Unknown
    length: Scalar
    iteration: Int[Array, ""]


def newton(problem: Problem, start: Unknown) -> tuple[Unknown, Float[Array, ""], Int[Array, ""]]:
    """Damped Newton iteration.

    Returns the root, the largest residual before the last of its steps, and the steps before it.
    Of the steps 1, `_SHORTER`, `_SHORTER`², … the longest that reduces the residual is taken. Steps
    and their shortening share one loop, so the balance is compiled in one place.
    """
    tolerance = problem.tolerance()

    def unfinished(now: _Trial) -> Bool[Array, ""]:
        return (jnp.max(jnp.abs(now.value)) >= tolerance) & (now.iteration < MAX_ITERATIONS)

    def attempt(now: _Trial) -> _Trial:
        there = problem.moved(now.unknown, now.length * now.direction)
        reached = problem.balance(there)
        smaller = jnp.sum(reached**2) < jnp.sum(now.value**2)

        def shorten() -> _Trial:
            return now._replace(length=_SHORTER * now.length)

        def accept() -> _Trial:
            ahead = -solve(problem.tangent(there), reached)
            return _Trial(there, reached, ahead, jnp.ones_like(now.length), now.iteration + 1)

        return jax.lax.cond(smaller | (now.length <= _SHORTEST), accept, shorten)

    far = jnp.full_like(start, jnp.inf)
    first = _Trial(start, far, jnp.zeros_like(start), jnp.ones((), start.dtype), jnp.asarray(-1))
    last = jax.lax.while_loop(unfinished, attempt, first)
    return last.unknown + last.direction, jnp.max(jnp.abs(last.value)), last.iteration


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
    table = jnp.concatenate([matrix, right[:, None]], axis=1)
    for i in range(matrix.shape[0]):
        # unrolled: a loop would cost more in slicing than the arithmetic of a small system
        unit = np.eye(matrix.shape[0], dtype=table.dtype)[:, i : i + 1]
        row = table[i : i + 1] / table[i, i]
        table = table - (table[:, i : i + 1] - unit) * row
    return table[:, -1]
