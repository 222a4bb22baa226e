"""Wall and blood solved together, one implicit step at a time.

Each Newton step linearises the wall into a small pressure–volume relation of its chambers, lets
the blood side answer that relation to full convergence with all its nonlinear valves, and feeds
the pressures back: nonlinear elimination of the circulation, so no valve ever switches inside
the large Newton.
"""

from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from heartsim.bloodside import Answer, BloodSide
from heartsim.circulation.closed_loop import State
from heartsim.circulation.step import Cavities
from heartsim.fem.operator import WallOperator
from heartsim.fem.preconditioner import Multigrid, Preconditioner, precondition
from heartsim.fem.solid import least_volume_ratio
from heartsim.heart import (
    Heart,
    Load,
    cavity_gradients,
    cavity_volumes,
    linearize,
    wall_residual,
)
from heartsim.solve.krylov import KrylovResult, gmres

LEAST_VOLUME_RATIO: Final = 0.05
"""A trial state with a smaller J anywhere is refused by the line search."""

SHORTEST_STEP: Final = 1.0 / 40.0
"""The line search gives up below this fraction of the Newton step."""

KRYLOV_DIMENSION: Final = 60
"""Largest Krylov space of one linear solve."""


class WallState(NamedTuple):
    """Mechanical unknowns.

    Attributes
    ----------
    u : (n, 3)
        Displacement [mm].
    p : (v,)
        Pressure multiplier [kPa].
    pressure : (k,)
        Cavity pressures [kPa].
    response : (k, m)
        Change of (u, p) with each cavity pressure: first guess of the next linear solve.
    """

    u: Float[Array, "n 3"]
    p: Float[Array, " v"]
    pressure: Float[Array, " k"]
    response: Float[Array, "k m"]


class Tolerances(eqx.Module):
    """When a step counts as solved.

    Attributes
    ----------
    force : float
        Residual relative to the load of the cavity pressures.
    volume : float
        Mismatch of wall and blood side relative to the chamber volume.
    linear : float
        Relative residual of each linear solve.
    newton : int
        Largest number of Newton steps.
    """

    force: float = 1e-5
    volume: float = 1e-5
    linear: float = 1e-2
    newton: int = eqx.field(static=True, default=12)


class StepInfo(NamedTuple):
    """What a human wants to know about a step."""

    converged: Bool[Array, ""]
    newton: Int[Array, ""]
    krylov: Int[Array, ""]
    residual: Float[Array, ""]
    least_volume_ratio: Float[Array, ""]


class _Balance(NamedTuple):
    """Wall evaluated at a state."""

    residual: Float[Array, " m"]
    norm: Float[Array, ""]
    scale: Float[Array, ""]
    gradients: Float[Array, "k m"]
    held: Float[Array, " k"]
    least: Float[Array, ""]


class _Iterate(NamedTuple):
    wall: WallState
    answer: Answer
    balance: _Balance
    mismatch: Float[Array, ""]
    direction: Float[Array, "n 3"]
    newton: Int[Array, ""]
    krylov: Int[Array, ""]
    alive: Bool[Array, ""]


def solve_step(
    heart: Heart,
    kept: Multigrid,
    guess: WallState,
    blood: BloodSide,
    load: Load,
    tolerances: Tolerances,
) -> tuple[WallState, State | None, StepInfo]:
    """Bring wall and blood side into equilibrium.

    Parameters
    ----------
    heart : Heart
    kept : Multigrid
        Preconditioner data that outlive a step.
    guess : WallState
        First guess, usually extrapolated.
    blood : BloodSide
        Prescribed pressures or volumes, or a circulation.
    load : Load
        Active tension and the previous time level.
    tolerances : Tolerances

    Returns
    -------
    WallState, State or None, StepInfo
        ``info.converged`` is False when Newton gave up; the state is then the last iterate.
    """
    balance = _evaluate(heart, guess, load)
    stiff = jnp.eye(len(heart.chambers), dtype=balance.held.dtype)
    relation = Cavities(heart.chambers, guess.pressure, balance.held, stiff)
    shape = jax.eval_shape(lambda: blood.answer(relation))
    start = _Iterate(
        wall=guess,
        answer=jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape),
        balance=balance,
        mismatch=jnp.asarray(jnp.inf, balance.norm.dtype),
        direction=kept.direction,
        newton=jnp.zeros((), jnp.int32),
        krylov=jnp.zeros((), jnp.int32),
        alive=jnp.isfinite(balance.norm),
    )

    def unfinished(now: _Iterate) -> Array:
        return now.alive & ~_solved(now, tolerances) & (now.newton < tolerances.newton)

    def advance(now: _Iterate) -> _Iterate:
        return _newton_step(heart, kept, blood, load, tolerances, now)

    last = jax.lax.while_loop(unfinished, advance, start)
    info = StepInfo(
        converged=_solved(last, tolerances) & last.alive,
        newton=last.newton,
        krylov=last.krylov,
        residual=last.balance.norm / last.balance.scale,
        least_volume_ratio=last.balance.least,
    )
    return last.wall, last.answer.state, info


def _evaluate(heart: Heart, wall: WallState, load: Load) -> _Balance:
    """Residual of the wall, and what the blood side sees of it."""
    gradients = cavity_gradients(heart, wall.u)
    forces, constraint = wall_residual(heart, wall.u, wall.p, load)
    forces -= jnp.tensordot(wall.pressure, gradients, 1)
    residual = jnp.concatenate([forces.ravel(), constraint])
    # norm of the load that the cavity pressures put on the wall, at least that of 0.1 kPa
    weight = jnp.maximum(jnp.abs(wall.pressure), 0.1)
    rest = jnp.zeros((len(heart.chambers), constraint.size), constraint.dtype)
    return _Balance(
        residual=residual,
        norm=jnp.linalg.norm(residual),
        scale=jnp.linalg.norm(jnp.tensordot(weight, gradients, 1)),
        gradients=jnp.concatenate([gradients.reshape(len(rest), -1), rest], axis=1),
        held=cavity_volumes(heart, wall.u),
        least=least_volume_ratio(heart.solid, wall.u),
    )


def _solved(now: _Iterate, tolerances: Tolerances) -> Array:
    balanced = now.balance.norm <= tolerances.force * now.balance.scale
    return balanced & (now.mismatch <= tolerances.volume)


def _newton_step(
    heart: Heart,
    kept: Multigrid,
    blood: BloodSide,
    load: Load,
    tolerances: Tolerances,
    now: _Iterate,
) -> _Iterate:
    """One Newton step of the wall with the blood side eliminated."""
    dtype = kept.hierarchy.coarse_inverse.dtype
    wall = now.wall
    operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=dtype)
    kept = eqx.tree_at(lambda m: m.direction, kept, now.direction)
    inverse, direction = precondition(operator, kept, heart.solid.space)
    system = _System(operator, inverse, now.balance, tolerances.linear * now.balance.norm)
    correction = _correct(heart, system, wall, blood, now.answer)
    trial, balance, alive = _line_search(heart, load, wall, correction, now.balance)
    held = correction.answer.volume
    return _Iterate(
        wall=trial,
        answer=correction.answer,
        balance=balance,
        mismatch=jnp.max(jnp.abs(balance.held - held) / jnp.abs(balance.held)),
        direction=direction,
        newton=now.newton + 1,
        krylov=now.krylov + correction.krylov,
        alive=alive,
    )


class _System(NamedTuple):
    """Linearised wall: operator, approximate inverse, state, and the residual to reach."""

    operator: WallOperator
    inverse: Preconditioner
    balance: _Balance
    target: Float[Array, ""]

    def solve(self, rhs: Float[Array, " m"]) -> tuple[Float[Array, " m"], Int[Array, ""]]:
        """Reduce a residual to the target."""
        found = _solve_linear(self.operator, self.inverse, rhs[None], self.target)
        return found.x[0], found.iterations

    def apply(self, x: Float[Array, " m"]) -> Float[Array, " m"]:
        """Operator times one vector."""
        size = jnp.maximum(jnp.linalg.norm(x), 1e-300)
        out = self.operator.apply((x / size)[None].astype(self.operator.free.dtype))[0]
        return size * out.astype(x.dtype)


class _Correction(NamedTuple):
    """Newton correction of the wall, the response it used, and the blood side's answer."""

    change: Float[Array, " m"]
    response: Float[Array, "k m"]
    answer: Answer
    krylov: Int[Array, ""]


PASSES: Final = 2
"""Solves of a Newton step: at fixed pressures, then for what the kept response left over."""


def _correct(
    heart: Heart, system: _System, wall: WallState, blood: BloodSide, like: Answer
) -> _Correction:
    """Newton correction in which the blood side answers the wall's linear relation.

    The response of the wall to its cavity pressures is kept from step to step instead of being
    solved for anew: what it leaves over is solved in the second pass, and improves it
    (Broyden's update).
    """
    gradients, residual = system.balance.gradients, system.balance.residual

    def one_pass(count: int, now: tuple[_Correction, Array, Array]) -> tuple:
        done, pressure, rest = now
        move, iterations = system.solve(rest)
        jump = pressure - wall.pressure
        share = jnp.where(count == 0, 0.0, jump / jnp.maximum(jnp.sum(jump**2), 1e-300))
        response = done.response + share[:, None] * move
        change = done.change + move
        compliance = gradients @ response.T
        # the wall's tangent is symmetric, so is its compliance
        compliance = 0.5 * (compliance + compliance.T)
        held = system.balance.held + gradients @ change
        answer = blood.answer(Cavities(heart.chambers, pressure, held, compliance))
        change = change + (answer.pressure - pressure) @ response
        left = (answer.pressure - wall.pressure) @ gradients - residual - system.apply(change)
        new = _Correction(change, response, answer, done.krylov + iterations)
        return new, answer.pressure, left

    nothing = jnp.zeros_like(residual)
    first = _Correction(nothing, wall.response, like, jnp.zeros((), jnp.int32))
    start = (first, wall.pressure, -residual)
    return jax.lax.fori_loop(0, PASSES, one_pass, start)[0]


def _solve_linear(
    operator: WallOperator,
    inverse: Preconditioner,
    rhs: Float[Array, "k m"],
    target: Float[Array, ""],
) -> KrylovResult:
    """Solve for several right-hand sides to an absolute residual, in the operator's precision."""
    size = jnp.maximum(jnp.linalg.norm(rhs, axis=1, keepdims=True), 1e-300)
    dtype = operator.free.dtype
    solved = gmres(
        operator.apply,
        inverse.apply,
        (rhs / size).astype(dtype),
        jnp.minimum(target / size[:, 0], 1.0).astype(dtype),
        dimension=KRYLOV_DIMENSION,
    )
    return solved._replace(x=solved.x.astype(rhs.dtype) * size)


def wall_response(
    heart: Heart, kept: Multigrid, wall: WallState, load: Load, tolerances: Tolerances
) -> Float[Array, "k m"]:
    """Change of (u, p) with each cavity pressure, solved for from scratch."""
    dtype = kept.hierarchy.coarse_inverse.dtype
    operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=dtype)
    inverse, _ = precondition(operator, kept, heart.solid.space)
    gradients = _evaluate(heart, wall, load).gradients
    smallest = jnp.min(jnp.linalg.norm(gradients, axis=1))
    return _solve_linear(operator, inverse, gradients, tolerances.linear * smallest).x


class _Trial(NamedTuple):
    length: Float[Array, ""]
    balance: _Balance
    accepted: Bool[Array, ""]


def _line_search(
    heart: Heart,
    load: Load,
    wall: WallState,
    correction: _Correction,
    before: _Balance,
) -> tuple[WallState, _Balance, Bool[Array, ""]]:
    """Halve the step until cells stay upright and forces stay within bounds."""
    change, cut = correction.change, wall.u.size
    jump = correction.answer.pressure - wall.pressure

    def at(length: Array) -> WallState:
        u = wall.u + length * change[:cut].reshape(wall.u.shape)
        p = wall.p + length * change[cut:]
        return WallState(u, p, wall.pressure + length * jump, correction.response)

    def shorten(trial: _Trial) -> _Trial:
        length = 0.5 * trial.length
        balance = _evaluate(heart, at(length), load)
        # forces may grow while the blood side moves the pressures, but not beyond the load itself
        bound = jnp.maximum(before.norm, 0.5 * balance.scale)
        upright = balance.least > LEAST_VOLUME_RATIO
        return _Trial(length, balance, upright & (balance.norm <= bound))

    def refused(trial: _Trial) -> Array:
        return ~trial.accepted & (trial.length > SHORTEST_STEP)

    first = _Trial(jnp.asarray(2.0, wall.u.dtype), before, jnp.zeros((), bool))
    found = jax.lax.while_loop(refused, shorten, first)
    return at(found.length), found.balance, found.accepted
