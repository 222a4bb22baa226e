"""The beating heart: time levels, steps that cut themselves, and what is recorded of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim import equilibrium
from heartsim.bloodside import circulating
from heartsim.circulation.closed_loop import State, blood_volume, flows, pressures
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.fem import solid as wall
from heartsim.fem.exchange import drag_loss, tension_work, viscous_loss
from heartsim.fem.support import support_power
from heartsim.heart import Heart, Load, cavity_volumes, elastic_energy, loaded_residual
from heartsim.programs import Program
from heartsim.units import mmHg
from heartsim.wallstate import WallState

CUTS: Final = 6
"""A step is halved at most this often."""

REFRESH_EVERY: Final = 25
"""Steps between refreshes of the preconditioner; a run can resume exactly at these."""


@dataclass(frozen=True)
class Moment:
    """Everything the next step needs.

    Attributes
    ----------
    step : int
        Steps since the start of the beat.
    t : float
        Time since the start of the beat [ms].
    dt : float
        Length of the step that led here [ms].
    wall, before : WallState
        Wall now and one step earlier.
    blood : State
        State of the circulation.
    tension : (c,)
        Active tension now [kPa].
    """

    step: int
    t: float
    dt: float
    wall: WallState
    before: WallState
    blood: State
    tension: Float[Array, " c"]

    @property
    def load(self) -> Load:
        """What acted on the wall in the step that led here."""
        rate = jnp.asarray(1.0 / self.dt if self.dt else 0.0)
        return Load(self.tension, self.before.u, rate)


class Observation(NamedTuple):
    """What is recorded of a time level, in internal units."""

    pressure: dict[str, Float[Array, ""]]
    volume: dict[str, Float[Array, ""]]
    flow: dict[str, Float[Array, ""]]
    blood_volume: Float[Array, ""]
    stored: Float[Array, ""]
    active_work: Float[Array, ""]
    pressure_work: Float[Array, ""]
    dissipated: Float[Array, ""]
    wall_volume: Float[Array, ""]


class Snapshot(NamedTuple):
    """Shape and loading of the wall at one time level."""

    displacement: Float[Array, "n 3"]
    fiber_stress: Float[Array, " c"]
    fiber_stretch: Float[Array, " c"]
    active_tension: Float[Array, " c"]


_tension = Program(Heart.tension)


def begin(heart: Heart, still: WallState, blood: State) -> Moment:
    """Moment at the start of a beat, the wall at rest in time."""
    tension = _tension(heart, jnp.zeros(()))
    return Moment(0, 0.0, 0.0, still, still, blood, tension)


def next_beat(moment: Moment) -> Moment:
    """The end of one beat as the start of the next."""
    return replace(moment, step=0, t=0.0)


def march(
    work: Workspace, heart: Heart, moment: Moment, *, step: float, until: float
) -> Iterator[tuple[Workspace, Moment, Moment]]:
    """Advance a heart through a beat.

    Parameters
    ----------
    work, heart
        Solver and heart.
    moment : Moment
        Where to start.
    step : float
        Time step [ms]; halved where Newton fails, and back at the next level of the grid.
    until : float
        End of the beat [ms].

    Yields
    ------
    Workspace, Moment, Moment
        Solver, the level before and the level after each step.

    Raises
    ------
    SolveFailed
        If the shortest step fails.
    """
    count = max(1, round(until / step))
    nominal = until / count
    while moment.t < until - 1e-9 * until:
        if moment.step % REFRESH_EVERY == 0:
            load = Load(moment.tension, moment.wall.u, jnp.asarray(1.0 / nominal))
            work = equilibrium.refresh(work, heart, moment.wall, load)
            moment = replace(moment, wall=equilibrium.forgetful(moment.wall))
        target = nominal * (int(moment.t / nominal + 1e-6) + 1)
        for level in _cross(work, heart, moment, min(target, until)):
            yield level
            work, _, moment = level


def _cross(
    work: Workspace, heart: Heart, moment: Moment, target: float
) -> Iterator[tuple[Workspace, Moment, Moment]]:
    """Reach the next level of the time grid, in one step or in several shorter ones."""
    size = target - moment.t
    shortest = size / 2**CUTS
    while moment.t < target - 0.5 * shortest:
        size = min(size, target - moment.t)
        work, after, residual = _try(work, heart, moment, size)
        if after is None:
            if size <= shortest * 1.01:
                raise _failure(heart, moment, size, residual)
            size *= 0.5
            continue
        last = after.t >= target - 0.5 * shortest
        after = replace(after, t=target if last else after.t, step=moment.step + int(last))
        yield work, moment, after
        moment = after


def _try(
    work: Workspace, heart: Heart, moment: Moment, dt: float
) -> tuple[Workspace, Moment | None, float]:
    """One implicit step: from the extrapolated state, or the last one first if that is far off."""
    time = jnp.asarray(moment.t + dt)
    load = Load(_tension(heart, time), moment.wall.u, jnp.asarray(1.0 / dt))
    blood = circulating(
        heart.loop, moment.blood, jnp.asarray(moment.t), jnp.asarray(dt), heart.chambers
    )
    guesses, residual = [moment.wall], float("inf")
    if moment.dt > 0.0:
        levels = [(moment.t - moment.dt, moment.before), (moment.t, moment.wall)]
        ahead = equilibrium.extrapolate(levels, moment.t + dt)
        guesses.insert(0 if _trusted(heart, load, ahead, moment.wall) else 1, ahead)
    for guess in guesses:
        solved, state, info, work = equilibrium.step(work, heart, guess, blood, load)
        if bool(info.converged) and state is not None:
            new = Moment(moment.step, moment.t + dt, dt, solved, moment.wall, state, load.tension)
            return work, new, 0.0
        residual = float(info.residual)
    return equilibrium.refresh(work, heart, moment.wall, load), None, residual


def _trusted(heart: Heart, load: Load, ahead: WallState, last: WallState) -> bool:
    """Whether to start from an extrapolated guess and not from the last state.

    Always in a wall that does not pull. Force of muscle is stiff in its speed: just after a change
    of speed the extrapolated state is farther from balance, and Newton's method starts from the
    state at rest, where the force changes most.
    """
    if not bool(jnp.any(load.tension > 0.0)):
        return True
    there, here = (_imbalance(*equilibrium.strong((heart, guess, load))) for guess in (ahead, last))
    return bool(there < here)


@Program
def _imbalance(heart: Heart, guess: WallState, load: Load) -> Float[Array, ""]:
    return jnp.linalg.norm(loaded_residual(heart, guess.u, guess.p, guess.pressure, load))


def _failure(heart: Heart, moment: Moment, size: float, residual: float) -> SolveFailed:
    held = zip(heart.chambers, moment.wall.pressure, strict=True)
    loads = ", ".join(f"{name} {float(p) / mmHg:.0f} mmHg" for name, p in held)
    return SolveFailed(
        f"time step at {moment.t:.1f} ms of the beat did not converge even with {size:.3f} ms "
        f"(relative residual {residual:.1e}; {loads}). Try a smaller protocol.step first, then "
        "`heartsim mesh check` for slivers, then a lower tissue.contractility."
    )


def _pressures_of(heart: Heart, state: WallState) -> dict[str, Array]:
    return {name: state.pressure[k] for k, name in enumerate(heart.chambers)}


@Program
def observe(
    heart: Heart,
    t: Array,
    now: WallState,
    blood: State,
    load: Load,
    last: WallState,
    last_load: Load,
) -> Observation:
    """Traces at a time level and energies exchanged since the level before it.

    The loads are those of the steps that led to both levels. Work is integrated by the trapezoidal
    rule; the shape is that of the wall, the flows those of the circulation.
    """
    loop, cavity = heart.loop, _pressures_of(heart, now)
    held, held_before = cavity_volumes(heart, now.u), cavity_volumes(heart, last.u)
    velocity = (now.u - last.u) * load.rate
    duration = jnp.where(load.rate > 0, 1.0 / load.rate, 0.0)
    lost = sum(support_power(s, velocity) for s in heart.supports) * duration
    lost += viscous_loss(heart.solid, now.u, last.u, load.rate)
    steps = [(level.tension, level.u_before, level.rate) for level in (load, last_load)]
    lost += drag_loss(heart.solid, now.u, last.u, *steps)
    return Observation(
        pressure=pressures(loop, blood, t, cavity),
        volume={name: blood.volume(name) for name in ("LV", "RV", "LA", "RA")},
        flow=flows(loop, blood, t, cavity),
        blood_volume=blood_volume(loop, blood),
        stored=elastic_energy(heart, now.u, now.p),
        active_work=-tension_work(heart.solid, now.u, last.u, load.tension, last_load.tension),
        pressure_work=0.5 * jnp.sum((now.pressure + last.pressure) * (held - held_before)),
        dissipated=lost,
        wall_volume=wall.current_volume(heart.solid, now.u),
    )


@Program
def snapshot(heart: Heart, now: WallState, load: Load) -> Snapshot:
    """Shape, fiber stress [kPa], fiber stretch and active tension [kPa] of the wall."""
    memory = (load.tension, load.u_before, load.rate)
    stress, stretch = wall.fiber_state(heart.solid, now.u, now.p, *memory)
    return Snapshot(now.u[: heart.solid.space.vertices], stress, stretch, load.tension)


def observed(heart: Heart, before: Moment, after: Moment) -> Observation:
    """`observe` for two successive moments, as host numbers."""
    now = (jnp.asarray(after.t), after.wall, after.blood, after.load)
    seen = observe(*equilibrium.strong((heart, *now, before.wall, before.load)))
    return jax.tree.map(float, seen)
