"""Wall and blood solved together, one implicit step at a time.

Each Newton step linearises the wall into a small pressure–volume relation of its chambers, lets
the blood side answer that relation to full convergence with all its nonlinear valves, and feeds
the pressures back: nonlinear elimination of the circulation, so no valve ever switches inside
the large Newton.
"""

from typing import Final, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from heartsim.bloodside import Answer, BloodSide
from heartsim.circulation.cavities import Cavities
from heartsim.circulation.closed_loop import State
from heartsim.circulation.components import leaf
from heartsim.fem.linear import Inverse, Kept
from heartsim.fem.operator import WallOperator
from heartsim.heart import Heart, Load, linearize
from heartsim.solve.krylov import gmres
from heartsim.solve.lanes import anywhere, lane_by_lane, typical
from heartsim.wallstate import Balance, WallState, balance_at

LEAST_VOLUME_RATIO: Final = 0.05
"""A trial state with a smaller J anywhere is refused by the line search."""

SHORTEST_STEP: Final = 1.0 / 40.0
"""The line search gives up below this fraction of the Newton step."""

LARGEST_RESIDUAL: Final = 2.0
"""Multiple of the load that a residual may reach: full steps pass through such and converge, those
beyond go astray (problem 2 of Land, 44 015 unknowns: 23 Newton steps with 2, 25 with 5, 39 with
20)."""

CAREFUL_FROM: Final = 5
"""Newton step from which on a residual below the load must not grow, or the step is halved.

Muscle that hardly moves pulls like dry friction: its force saturates within a thousandth of stretch
to either side of rest, and full steps may jump to and fro between both sides for ever.
"""

CAREFUL_STEP: Final = 0.25
"""Fraction of the Newton step that is then made even if the residual grows."""

ENOUGH: Final = 0.25
"""Share of the tolerance of a step that its linear solves may leave over."""

KRYLOV_DIMENSION: Final = 40
"""Largest Krylov space of one linear solve. Factors that need more are made anew; what multigrid
leaves over is left to the next pass or Newton step."""

_Tree = TypeVar("_Tree")


class Tolerances(eqx.Module):
    """When a step counts as solved.

    Attributes
    ----------
    force : ()
        Residual relative to the load of the cavity pressures.
    volume : ()
        Mismatch of wall and blood side relative to the chamber volume.
    linear : ()
        Relative residual of each linear solve.
    newton : int
        Largest number of Newton steps.
    """

    force: Float[Array, ""] = eqx.field(converter=leaf, default=1e-5)
    volume: Float[Array, ""] = eqx.field(converter=leaf, default=1e-5)
    linear: Float[Array, ""] = eqx.field(converter=leaf, default=1e-2)
    newton: int = eqx.field(static=True, default=20)


class StepInfo(NamedTuple):
    """What a human wants to know about a step."""

    converged: Bool[Array, ""]
    newton: Int[Array, ""]
    krylov: Int[Array, ""]
    residual: Float[Array, ""]
    least_volume_ratio: Float[Array, ""]


class _Correction(NamedTuple):
    """Newton correction of the wall, the response it used, and the blood side's answer."""

    change: Float[Array, " m"]
    response: Float[Array, "k m"]
    answer: Answer
    krylov: Int[Array, ""]


class _Iterate(NamedTuple):
    """State of a step: the wall, and a correction of it that is still to be made."""

    wall: WallState
    correction: _Correction
    kept: Kept
    norm: Float[Array, ""]
    info: StepInfo
    running: Bool[Array, ""]


def solve_step(
    heart: Heart,
    kept: Kept,
    guess: WallState,
    blood: BloodSide,
    load: Load,
    tolerances: Tolerances,
) -> tuple[WallState, State | None, StepInfo, Kept]:
    """Bring wall and blood side into equilibrium.

    Parameters
    ----------
    heart : Heart
    kept : Multigrid or Factorized
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
    WallState, State or None, StepInfo, Multigrid or Factorized
        ``info.converged`` is False when Newton gave up; the state is then the last iterate.
    """
    count = len(heart.chambers)
    nothing = jnp.zeros_like(guess.response[0])
    held = jnp.zeros_like(guess.pressure)
    relation = Cavities(heart.chambers, guess.pressure, held, jnp.eye(count, dtype=held.dtype))
    shape = jax.eval_shape(lambda: blood.answer(relation))
    answer = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
    answer = answer._replace(pressure=guess.pressure)
    none, far = jnp.zeros((), jnp.int32), jnp.asarray(jnp.inf, held.dtype)
    first = _Iterate(
        wall=guess,
        correction=_Correction(nothing, guess.response, answer, none),
        kept=kept,
        norm=far,
        info=StepInfo(jnp.zeros((), bool), none, none, far, far),
        running=jnp.ones((), bool),
    )

    def advance(now: _Iterate) -> _Iterate:
        return _newton_step(heart, blood, load, tolerances, now)

    last = jax.lax.while_loop(lambda now: anywhere(now.running), advance, first)
    return last.wall, last.correction.answer.state, last.info, last.kept


def _newton_step(
    heart: Heart, blood: BloodSide, load: Load, tolerances: Tolerances, now: _Iterate
) -> _Iterate:
    """Make the pending correction; then stop, or find the next one.

    In this order the wall is evaluated in one place, which halves the compiled program. In a batch
    each heart has its own `running`: one that is done keeps its state while others go on.
    """
    wall, balance, alive = _line_search(heart, load, tolerances.force, now)
    mismatch = jnp.max(jnp.abs(balance.held / now.correction.answer.volume - 1.0))
    balanced = balance.norm <= tolerances.force * balance.scale
    solved = alive & balanced & (now.info.newton > 0) & (mismatch <= tolerances.volume)
    running = now.running & alive & ~solved & (now.info.newton < tolerances.newton)

    def correct() -> tuple[_Correction, Kept]:
        here = now._replace(wall=wall, running=running)
        return _correction(heart, blood, load, tolerances, here, balance)

    correction, kept = jax.lax.cond(anywhere(running), correct, lambda: (now.correction, now.kept))
    correction = _where(running, correction, now.correction)
    info = StepInfo(
        converged=solved,
        newton=now.info.newton + running.astype(jnp.int32),
        krylov=correction.krylov,
        residual=balance.norm / balance.scale,
        least_volume_ratio=balance.least,
    )
    seen = _where(now.running, (wall, balance.norm, info), (now.wall, now.norm, now.info))
    wall, norm, info = seen
    return _Iterate(wall, correction, kept, norm, info, running)


def _where(flag: Bool[Array, ""], new: _Tree, old: _Tree) -> _Tree:
    """One of two states as a whole."""
    return jax.tree.map(lambda a, b: jnp.where(flag, a, b), new, old)


def _krylov(
    operator: WallOperator,
    inverse: Inverse,
    rhs: Float[Array, "1 m"],
    aim: Float[Array, " 1"],
) -> tuple[Float[Array, "1 m"], Float[Array, ""], Float[Array, ""]]:
    """Solution, iterations and residual of a linear solve, all floating-point numbers."""
    found = gmres(
        operator.apply, inverse.apply, rhs.astype(aim.dtype), aim, dimension=KRYLOV_DIMENSION
    )
    return found.x, found.iterations.astype(aim.dtype), found.residual[0]


class _System(NamedTuple):
    """Linearised wall: operator, approximate inverse, and the wall's state."""

    operator: WallOperator
    inverse: Inverse
    balance: Balance

    def solve(
        self, rhs: Float[Array, " m"], target: Float[Array, ""]
    ) -> tuple[Float[Array, " m"], Int[Array, ""], Bool[Array, ""]]:
        """Solution to an absolute residual, its iterations, and whether these ran out."""
        size = jnp.maximum(jnp.linalg.norm(rhs), 1e-300)
        dtype = self.operator.free.dtype
        aim = jnp.minimum(target / size, 1.0)[None].astype(dtype)
        given = self.operator, self.inverse, (rhs / size)[None], aim
        if self.inverse.in_turn:
            asked = aim[0] < 1.0
            x, iterations, left = lane_by_lane(_krylov, asked)(*given)
            # nan where nothing was asked
            nothing = jax.tree.map(jnp.zeros_like, (x, iterations))
            x, iterations = _where(asked, (x, iterations), nothing)
        else:
            x, iterations, left = _krylov(*given)
        return x[0].astype(rhs.dtype) * size, iterations.astype(jnp.int32), left > aim[0]

    def apply(self, x: Float[Array, " m"]) -> Float[Array, " m"]:
        """Operator times one vector."""
        size = jnp.maximum(jnp.linalg.norm(x), 1e-300)
        out = self.operator.apply((x / size)[None].astype(self.operator.free.dtype))[0]
        return size * out.astype(x.dtype)


PASSES: Final = 2
"""Solves of a Newton step: at fixed pressures, then for what the kept response left over."""


class _Progress(NamedTuple):
    """Passes made so far, the pressures they reached, and what is left of the residual."""

    done: _Correction
    pressure: Float[Array, " k"]
    rest: Float[Array, " m"]
    krylov: Int[Array, ""]
    exhausted: Bool[Array, ""]


def _correction(
    heart: Heart,
    blood: BloodSide,
    load: Load,
    tolerances: Tolerances,
    now: _Iterate,
    balance: Balance,
) -> tuple[_Correction, Kept]:
    """Newton correction in which the blood side answers the wall's linear relation.

    The response of the wall to its cavity pressures is kept from step to step instead of being
    solved for anew: what it leaves over is solved in the second pass, and improves it
    (Broyden's update). Where it is not known, passes before the first solve for it.
    """
    wall, gradients = now.wall, balance.gradients
    operator = linearize(
        heart, wall.u, wall.p, wall.pressure, load, dtype=now.kept.dtype, needed=now.running
    )
    inverse, kept = now.kept.prepare(operator)
    system = _System(operator, inverse, balance)
    chambers = len(heart.chambers)
    unknown = anywhere(now.running & jnp.all(wall.response == 0.0))
    # nothing is asked for a heart that is done
    slack = jnp.where(now.running, tolerances.linear, jnp.inf)
    enough = ENOUGH * tolerances.force * balance.scale

    def one_pass(count: Int[Array, ""], so_far: _Progress) -> _Progress:
        learning = count < 0
        row = jnp.where(learning, count + chambers, 0)
        rhs = jnp.where(learning, gradients[row], so_far.rest)
        size = jnp.linalg.norm(rhs)
        # forces below `enough` do not keep the step from being solved
        forces = jnp.maximum(slack * jnp.maximum(size, balance.norm), enough)
        aim = jnp.where(learning, slack * size, forces)
        move, iterations, exhausted = system.solve(rhs, aim)
        so_far = so_far._replace(
            krylov=so_far.krylov + iterations, exhausted=so_far.exhausted | exhausted
        )

        def learn() -> _Progress:
            response = so_far.done.response.at[row].set(move)
            return so_far._replace(done=so_far.done._replace(response=response))

        def proceed() -> _Progress:
            return _proceed(heart, blood, system, wall, so_far, move, count == 0)

        return jax.lax.cond(learning, learn, proceed)

    nothing = now.correction._replace(change=jnp.zeros_like(balance.residual))
    none, fine = jnp.zeros((), jnp.int32), jnp.zeros((), bool)
    start = _Progress(nothing, wall.pressure, -balance.residual, none, fine)
    first = jnp.where(unknown, -chambers, 0)
    made = jax.lax.fori_loop(first, PASSES, one_pass, start)
    # what aged factors could not solve is thrown away: the next Newton step renews them
    lost = made.exhausted & ~now.kept.renews
    still = nothing.answer._replace(pressure=wall.pressure)
    done = _where(lost, nothing._replace(answer=still), made.done)
    done = done._replace(krylov=now.correction.krylov + made.krylov)
    # one age for all lanes, whose factors are the same; those that are done do not use them
    iterations = typical(jnp.where(now.running, made.krylov.astype(wall.u.dtype), jnp.nan))
    return done, kept.used(iterations, anywhere(made.exhausted))


def _proceed(
    heart: Heart,
    blood: BloodSide,
    system: _System,
    wall: WallState,
    so_far: _Progress,
    move: Float[Array, " m"],
    first: Bool[Array, ""],
) -> _Progress:
    """Add a move at fixed pressures, and let the blood side answer."""
    balance, done, pressure = system.balance, so_far.done, so_far.pressure
    jump = pressure - wall.pressure
    share = jnp.where(first, 0.0, jump / jnp.maximum(jnp.sum(jump**2), 1e-300))
    response = done.response + jnp.outer(share, move)
    change = done.change + move
    compliance = balance.gradients @ response.T
    # the wall's tangent is symmetric, so is its compliance
    compliance = 0.5 * (compliance + compliance.T)
    held = balance.held + balance.gradients @ change
    answer = blood.answer(Cavities(heart.chambers, pressure, held, compliance))
    change = change + (answer.pressure - pressure) @ response
    pulled = (answer.pressure - wall.pressure) @ balance.gradients
    rest = pulled - balance.residual - system.apply(change)
    done = _Correction(change, response, answer, done.krylov)
    return so_far._replace(done=done, pressure=answer.pressure, rest=rest)


class _Trial(NamedTuple):
    length: Float[Array, ""]
    balance: Balance
    accepted: Bool[Array, ""]


def _line_search(
    heart: Heart, load: Load, tolerance: Float[Array, ""], now: _Iterate
) -> tuple[WallState, Balance, Bool[Array, ""]]:
    """Halve the pending correction until cells stay upright and forces bounded, later falling."""
    wall, correction = now.wall, now.correction
    change, cut = correction.change, wall.u.size
    jump = correction.answer.pressure - wall.pressure

    def at(length: Array) -> WallState:
        u = wall.u + length * change[:cut].reshape(wall.u.shape)
        p = wall.p + length * change[cut:]
        return WallState(u, p, wall.pressure + length * jump, correction.response)

    def shorten(trial: _Trial) -> _Trial:
        length = 0.5 * trial.length
        balance = lane_by_lane(balance_at, refused(trial))(heart, at(length), load)
        bounded = balance.norm <= jnp.maximum(now.norm, LARGEST_RESIDUAL * balance.scale)
        free = (now.info.newton < CAREFUL_FROM) | (now.norm >= balance.scale)
        free |= (length <= CAREFUL_STEP) | (balance.norm <= tolerance * balance.scale)
        good = bounded & (free | (balance.norm <= now.norm))
        return _Trial(length, balance, good & (balance.least > LEAST_VOLUME_RATIO))

    def refused(trial: _Trial) -> Array:
        return now.running & ~trial.accepted & (trial.length > SHORTEST_STEP)

    shape = jax.eval_shape(lambda: balance_at(heart, wall, load))
    unseen = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
    first = _Trial(jnp.asarray(2.0, wall.u.dtype), unseen, jnp.zeros((), bool))
    found = jax.lax.while_loop(refused, shorten, first)
    return at(found.length), found.balance, found.accepted
