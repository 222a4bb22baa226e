"""Wall and blood solved together, one implicit step at a time.

Each Newton step linearises the wall into a small pressure–volume relation of its chambers (one
extra right-hand side a chamber), lets the blood side answer that relation to full convergence
with all its nonlinear valves, and feeds the pressures back: nonlinear elimination of the
circulation, so no valve ever switches inside the large Newton.
"""

from typing import Final, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from heartsim.circulation.step import Cavities, advance_coupled
from heartsim.circulation.closed_loop import Circulation, State
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
from heartsim.solve.krylov import gmres

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


class Answer(NamedTuple):
    """What the blood side answers to a linearised wall.

    Attributes
    ----------
    pressure : (k,)
        New cavity pressures [kPa].
    volume : (k,)
        Volumes that the chambers must then hold [mm³].
    state : State or None
        New state of the circulation.
    """

    pressure: Float[Array, " k"]
    volume: Float[Array, " k"]
    state: State | None


class BloodSide(Protocol):
    """Closes the wall's pressure–volume relation."""

    def answer(self, cavities: Cavities) -> Answer:
        """Pressures and volumes compatible with V(p) = volume + compliance (p - p0)."""
        ...


class PrescribedPressure(eqx.Module):
    """Cavity pressures are given: inflation."""

    pressure: Float[Array, " k"]

    def answer(self, cavities: Cavities) -> Answer:
        """The given pressures, whatever the volumes."""
        return Answer(self.pressure, cavities.at(self.pressure), None)


class PrescribedVolume(eqx.Module):
    """Cavity volumes are given: filling to a volume."""

    volume: Float[Array, " k"]

    def answer(self, cavities: Cavities) -> Answer:
        """The pressures that bring the linearised chambers to the given volumes."""
        missing = self.volume - cavities.volume
        step = jnp.linalg.solve(cavities.compliance, missing)
        return Answer(cavities.pressure + step, self.volume, None)


class Circulating(eqx.Module):
    """The chambers belong to a closed circulation that takes one implicit time step."""

    circulation: Circulation
    state: State
    t: Float[Array, ""]
    dt: Float[Array, ""]
    chambers: tuple[str, ...] = eqx.field(static=True)

    def answer(self, cavities: Cavities) -> Answer:
        """One step of the circulation against the linearised chambers."""
        step = advance_coupled(self.circulation, self.state, self.t, self.dt, cavities)
        held = jnp.stack([getattr(step.state, f"V_{name}") for name in self.chambers])
        return Answer(step.pressure, held, step.state)


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

    force: float = 1e-6
    volume: float = 1e-6
    linear: float = 1e-3
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
    nothing = jnp.zeros((len(heart.chambers) + 1, balance.residual.size), balance.residual.dtype)
    shape = jax.eval_shape(lambda: blood.answer(_relation(heart, guess, balance, nothing)))
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


def _relation(
    heart: Heart, wall: WallState, balance: _Balance, step: Float[Array, "k1 m"]
) -> Cavities:
    """Linear pressure–volume relation of the chambers after a Newton correction."""
    compliance = balance.gradients @ step[1:].T
    # the wall's tangent is symmetric, so is its compliance; rounding must not tell otherwise
    compliance = 0.5 * (compliance + compliance.T)
    volume = balance.held + balance.gradients @ step[0]
    return Cavities(heart.chambers, wall.pressure, volume, compliance)


def _newton_step(
    heart: Heart,
    kept: Multigrid,
    blood: BloodSide,
    load: Load,
    tolerances: Tolerances,
    now: _Iterate,
) -> _Iterate:
    """One Newton step of the wall with the blood side eliminated."""
    wall = now.wall
    dtype = kept.hierarchy.coarse_inverse.dtype
    operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=dtype)
    kept = eqx.tree_at(lambda m: m.direction, kept, now.direction)
    inverse, direction = precondition(operator, kept, heart.solid.space)
    step, krylov = _solve_linear(operator, inverse, wall, now.balance, tolerances)
    answer = blood.answer(_relation(heart, wall, now.balance, step))
    trial, balance, alive = _line_search(heart, load, wall, step, answer, now.balance)
    return _Iterate(
        wall=trial,
        answer=answer,
        balance=balance,
        mismatch=jnp.max(jnp.abs(balance.held - answer.volume) / jnp.abs(balance.held)),
        direction=direction,
        newton=now.newton + 1,
        krylov=now.krylov + krylov,
        alive=alive,
    )


def _solve_linear(
    operator: WallOperator,
    inverse: Preconditioner,
    wall: WallState,
    balance: _Balance,
    tolerances: Tolerances,
) -> tuple[Float[Array, "k1 m"], Int[Array, ""]]:
    """Newton correction at fixed pressures, and response to each cavity pressure."""
    rhs = jnp.concatenate([-balance.residual[None], balance.gradients])
    scale = jnp.maximum(jnp.linalg.norm(rhs, axis=1, keepdims=True), 1e-300)
    guess = jnp.concatenate([jnp.zeros_like(balance.residual)[None], wall.response]) / scale
    dtype = inverse.inverse_diagonal.dtype
    solved = gmres(
        operator.apply,
        inverse.apply,
        (rhs / scale).astype(dtype),
        guess.astype(dtype),
        jnp.full(len(rhs), tolerances.linear, dtype),
        dimension=KRYLOV_DIMENSION,
    )
    return solved.x.astype(balance.residual.dtype) * scale, solved.iterations


class _Trial(NamedTuple):
    length: Float[Array, ""]
    balance: _Balance
    accepted: Bool[Array, ""]


def _line_search(
    heart: Heart,
    load: Load,
    wall: WallState,
    step: Float[Array, "k1 m"],
    answer: Answer,
    before: _Balance,
) -> tuple[WallState, _Balance, Bool[Array, ""]]:
    """Halve the step until cells stay upright and forces stay within bounds."""
    change = step[0] + (answer.pressure - wall.pressure) @ step[1:]
    cut = wall.u.size

    def at(length: Array) -> WallState:
        u = wall.u + length * change[:cut].reshape(wall.u.shape)
        p = wall.p + length * change[cut:]
        return WallState(u, p, wall.pressure + length * (answer.pressure - wall.pressure), step[1:])

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
