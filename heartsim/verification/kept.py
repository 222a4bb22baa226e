"""Newton's method on the product's kept factors, for bodies too large to factorize every time.

The equations are those of `direct`, patch and motion included; their tangent is in single precision
and is solved by GMRES on factors that serve many time steps (`fem.factorized`). Residuals stay
double.
"""

from typing import Final, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.errors import SolveFailed
from heartsim.fem.factorized import Factorized, plan_factors
from heartsim.fem.operator import add_parts
from heartsim.fem.space import BoundaryParts, Nodes, boundary_facets
from heartsim.heart import linearize
from heartsim.solve.krylov import gmres
from heartsim.verification.direct import (
    NOTHING,
    Body,
    Equilibrium,
    Loading,
    Solver,
    out_of_balance,
    pushed_blocks,
    step_load,
)

TOLERANCE: Final = 1e-5
LINEAR: Final = 1e-3
"""Tolerances of Newton's method, relative to the load on the body at rest, and of linear solves."""

EXACT: Final = {"tolerance": 1e-8, "linear": 1e-5, "dimension": 100}
"""The same and the directions of GMRES where Newton's order is looked at."""

DIVERGED: Final = 1e4
"""Residual relative to that load, or not a number, at which Newton's method gives up."""

NEWTON_LIMIT: Final = 15
DIMENSION: Final = 40
PRECISION: Final = jnp.float32


class _Corrected(NamedTuple):
    u: Float[Array, "n 3"]
    p: Float[Array, " v"]
    kept: Factorized
    iterations: Array


@eqx.filter_jit  # noqa: TID251
def _corrected(
    body: Body,
    parts: BoundaryParts | None,
    kept: Factorized,
    loads: Loading,
    found: tuple[Array, Array],
    out: Array,
    linear: Array,
    dimension: int,
) -> _Corrected:
    """One Newton step from a state whose forces are out of balance by `out`."""
    (u, p), space = found, body.heart.solid.space
    load = step_load(loads, u)
    operator = linearize(body.heart, u, p, loads.cavity, load, dtype=PRECISION)
    if body.pressed is not None and parts is not None:
        pushed = pushed_blocks(body.pressed, loads, space.points + u)
        K = add_parts(operator.tangent.K, parts, pushed)
        operator = eqx.tree_at(lambda o: o.tangent.K, operator, K)
    inverse, kept = kept.prepare(operator)
    size = jnp.linalg.norm(out)
    solved = gmres(
        operator.apply,
        inverse.apply,
        (-out / size)[None].astype(PRECISION),
        linear[None],
        dimension=dimension,
    )
    change = solved.x[0].astype(u.dtype) * size
    kept = kept.used(solved.iterations, solved.iterations >= dimension)
    return _Corrected(
        u + change[: u.size].reshape(u.shape), p + change[u.size :], kept, solved.iterations
    )


def kept_factors(
    nodes: Nodes,
    body: Body,
    *,
    tolerance: float = TOLERANCE,
    linear: float = LINEAR,
    dimension: int = DIMENSION,
) -> Solver:
    """Solver of one body that keeps its factors from call to call.

    Parameters
    ----------
    nodes, body
    tolerance : float
        Residual relative to the load on the body at rest at which Newton stops.
    linear : float
        Relative residual of each linear solve; what is near single precision leaves Newton's
        method its order.
    dimension : int
        Directions of GMRES at most in each.
    """
    aim = jnp.asarray(linear, PRECISION)
    kept, pressed = plan_factors(nodes, jnp.dtype(PRECISION)), body.pressed
    parts = None
    if pressed is not None:
        parts = boundary_facets(nodes, np.asarray(pressed.facets)[:, :3])

    def solve(body: Body, loads: Loading, start: Equilibrium) -> Equilibrium:
        nonlocal kept
        u, p = start.u, start.p
        rest = out_of_balance(body, loads, jnp.zeros_like(u), jnp.zeros_like(p))
        scale, history = float(jnp.linalg.norm(rest)), []
        for _ in range(NEWTON_LIMIT):
            out = out_of_balance(body, loads, u, p)
            history.append(float(jnp.linalg.norm(out)))
            if history[-1] <= max(tolerance * scale, NOTHING):
                return Equilibrium(u, p, tuple(history))
            if not history[-1] < DIVERGED * scale:
                break
            u, p, kept, _ = _corrected(body, parts, kept, loads, (u, p), out, aim, dimension)
        # factors of a state that went astray serve no other
        kept = plan_factors(nodes, jnp.dtype(PRECISION))
        raise SolveFailed(
            f"kept factors: residual {history[-1]:.1e} mN after {len(history)} Newton steps, load "
            f"{scale:.1e}. Take smaller time steps."
        )

    return solve
