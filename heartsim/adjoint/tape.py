"""A beat remembered, and walked backwards.

The solved levels of one beat stay in host memory: displacements, multipliers and the state of the
circulation, nothing of how they were found. The walk back solves one transposed step after the
other, so what it needs beyond the levels does not grow with their number.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.adjoint.indices import Index, Traces
from heartsim.adjoint.parameters import Path
from heartsim.adjoint.transposed import Level, Seen, Wanted, seen, step_back
from heartsim.beat import Moment, march
from heartsim.circulation.closed_loop import Circulation, State
from heartsim.equilibrium import Workspace, strong
from heartsim.heart import Heart
from heartsim.programs import Program

_step_back = Program(step_back)


@dataclass(frozen=True)
class Tape:
    """Solved levels of one beat, on the host.

    Attributes
    ----------
    levels : tuple of Level
        The first is the start, which was given.
    seconds : float
        CPU time of the beat [s].
    """

    levels: tuple[Level, ...]
    seconds: float


@dataclass(frozen=True)
class Effort:
    """What walks backwards have cost.

    Attributes
    ----------
    walks : int
    seconds : float
        CPU time [s].
    iterations : int
        Krylov iterations.
    missed : float
        Largest relative residual of a transposed solve.
    """

    walks: int = 0
    seconds: float = 0.0
    iterations: int = 0
    missed: float = 0.0

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(
            self.walks + other.walks,
            self.seconds + other.seconds,
            self.iterations + other.iterations,
            max(self.missed, other.missed),
        )


class Walk(NamedTuple):
    """Outcome of one walk back over a beat.

    Attributes
    ----------
    wanted : Wanted
        Derivatives of each index by the start of the beat.
    gradient : tuple of (r, ...)
        Derivatives of each index by each leaf.
    """

    wanted: Wanted
    gradient: tuple[Float[np.ndarray, "..."], ...]


def remembered(
    work: Workspace, heart: Heart, moment: Moment, *, step: float, until: float
) -> tuple[Tape, Moment, Workspace]:
    """Run a beat as `heartsim.beat.march` does, and keep its levels."""
    started = time.process_time()
    levels = [_level(moment)]
    for level in march(work, heart, moment, step=step, until=until):
        work, _, moment = level
        levels.append(_level(moment))
    return Tape(tuple(levels), time.process_time() - started), moment, work


def _level(moment: Moment) -> Level:
    wall = moment.wall
    blood = State(*(np.asarray(part) for part in moment.blood))
    u, p, pressure = (np.asarray(part) for part in (wall.u, wall.p, wall.pressure))
    return Level(np.asarray(moment.t), np.asarray(moment.dt), u, p, pressure, blood)


@Program
def _all_seen(
    loop: Circulation, chambers: tuple[str, ...], t: Array, pressure: Array, blood: State
) -> Seen:
    return jax.vmap(lambda at, load, held: seen(loop, chambers, at, load, held))(t, pressure, blood)


def traces(heart: Heart, tape: Tape) -> Traces:
    """Traces of a beat at all levels but its start, which a periodic beat repeats at its end."""
    after = tape.levels[1:]
    t, dt, pressure = (
        jnp.stack([getattr(level, name) for level in after]) for name in ("t", "dt", "pressure")
    )
    blood = jax.tree.map(lambda *parts: jnp.stack(parts), *(level.blood for level in after))
    share = 0.5 * (dt + jnp.roll(dt, -1)) / jnp.sum(dt)
    loop, t, pressure, blood = strong((heart.loop, t, pressure, blood))
    return Traces(t, share, _all_seen(loop, heart.chambers, t, pressure, blood))


def seeds(wanted: Sequence[Index], beat: Traces) -> tuple[Float[np.ndarray, " r"], Seen]:
    """Value of each index, and its derivatives by the traces, one row for each index."""
    found = [
        jax.value_and_grad(lambda seen, of=index.of: of(beat._replace(seen=seen)))(beat.seen)
        for index in wanted
    ]
    values = np.array([float(value) for value, _ in found])
    rows = jax.tree.map(lambda *parts: np.stack(parts), *(slope for _, slope in found))
    return values, rows


def nothing_wanted(heart: Heart, count: int) -> Wanted:
    """No derivatives by the end of a beat, for a number of indices."""
    none = jnp.zeros(count)
    points = heart.solid.space.points
    return Wanted(
        jnp.zeros((count, *points.shape), points.dtype), State(*[none] * len(State._fields))
    )


def walk_back(
    work: Workspace,
    heart: Heart,
    tape: Tape,
    paths: tuple[Path, ...],
    wanted: Wanted,
    rows: Seen,
) -> tuple[Walk, Workspace, Effort]:
    """Carry derivatives from the end of a beat to its start.

    Parameters
    ----------
    work, heart, tape
        Solver, heart, and the beat.
    paths : tuple of Path
        Leaves by which to differentiate.
    wanted : Wanted
        Derivatives by the end of the beat, from what follows it.
    rows : Seen of (r, levels)
        Derivatives by the traces.
    """
    started = time.process_time()
    count = len(heart.chambers) + len(wanted.u)
    guess = jnp.zeros((count, heart.solid.space.dofs))
    kept, total, iterations, missed = work.kept, None, 0, 0.0
    for place in range(len(tape.levels) - 1, 0, -1):
        now = jax.tree.map(lambda row, at=place - 1: jnp.asarray(row[:, at]), rows)
        pair = jax.tree.map(jnp.asarray, (tape.levels[place - 1], tape.levels[place]))
        same, kept, before, after, wanted, now = strong((heart, kept, *pair, wanted, now))
        done = _step_back(same, paths, kept, before, after, wanted, now, guess)
        wanted, guess, kept = done.wanted, done.solves.x, done.kept
        own = jax.tree.map(np.asarray, done.gradient)
        total = own if total is None else jax.tree.map(np.add, total, own)
        iterations += int(done.solves.iterations)
        missed = max(missed, float(done.solves.missed))
    effort = Effort(1, time.process_time() - started, iterations, missed)
    return Walk(wanted, total or ()), replace(work, kept=kept), effort
