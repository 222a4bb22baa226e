"""Jump to the periodic state: 0D stand-ins of the 3D chambers find what many beats would.

After a 3D beat each chamber is emulated from its own recorded loop and its passive curve; the
0D loop with these stand-ins runs to its limit cycle in a second, and the 3D heart is filled to
the volumes found there. Total blood volume is kept, and the 3D beat that follows is the judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import jax
import jax.numpy as jnp
import numpy as np

from heartsim import creep, equilibrium
from heartsim.beat import Moment, begin
from heartsim.bloodside import pressures_given, volumes_given
from heartsim.circulation.closed_loop import Circulation, State, trigger, with_chambers
from heartsim.circulation.emulate import emulate_chamber
from heartsim.circulation.periodic import limit_cycle
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.heart import Heart
from heartsim.recorder import Recorder
from heartsim.units import mL, mmHg
from heartsim.wallstate import WallState

LEVELS: Final = ((0.7, 0.4, 0.15), (1.2, 1.5, 2.2))
"""Passive curve: multiples of the imaged pressures, downwards and upwards from these."""

STEPS: Final = 400
"""Time steps of an emulated beat."""


@dataclass(frozen=True)
class PassiveCurve:
    """Volumes [mm³] and pressures [kPa] of each passive chamber, both increasing."""

    volume: Mapping[str, np.ndarray]
    pressure: Mapping[str, np.ndarray]

    @classmethod
    def through(
        cls, held: Mapping[float, np.ndarray], pressure: np.ndarray, chambers: Sequence[str]
    ) -> Self:
        """Curves through volumes held at multiples of some pressures, the multiple 1 among them.

        From there each chamber's curve reaches up and down as far as its volume follows: one
        chamber may grow at the cost of another.
        """
        levels = sorted(held)
        middle = levels.index(1.0)
        loads, volumes = np.outer(levels, pressure), np.stack([held[level] for level in levels])
        volume, load = {}, {}
        for k, chamber in enumerate(chambers):
            falls = np.flatnonzero(np.diff(volumes[:, k]) <= 0)
            first = int(falls[falls < middle].max(initial=-1)) + 1
            last = int(falls[falls >= middle].min(initial=len(levels) - 1))
            if first == last:
                raise SolveFailed(
                    f"passive curve of the {chamber}: its volume does not follow the pressure "
                    "beside the imaged one. Check the imaged pressures, or refine the mesh."
                )
            part = slice(first, last + 1)
            volume[chamber], load[chamber] = volumes[part, k], loads[part, k]
        return cls(volume, load)

    def packed(self) -> dict[str, np.ndarray]:
        """Arrays for a checkpoint, by kind and chamber."""
        kinds = {"volume": self.volume, "pressure": self.pressure}
        return {f"{kind}.{name}": row for kind, rows in kinds.items() for name, row in rows.items()}

    @classmethod
    def unpacked(cls, rows: Mapping[str, np.ndarray]) -> Self:
        """Curves from what `packed` gave."""
        names = [key.removeprefix("volume.") for key in rows if key.startswith("volume.")]
        return cls(
            {name: rows[f"volume.{name}"] for name in names},
            {name: rows[f"pressure.{name}"] for name in names},
        )

    def summary(self) -> dict[str, dict[str, list[float]]]:
        """Curves of each chamber in clinical units, for the record of a run."""
        return {
            name: {
                "volume_mL": (self.volume[name] / mL).tolist(),
                "pressure_mmHg": (self.pressure[name] / mmHg).tolist(),
            }
            for name in self.volume
        }


def passive_curve(work: Workspace, heart: Heart, wall: WallState) -> tuple[PassiveCurve, Workspace]:
    """Load the passive chambers together by less and by more than now; record their volumes.

    A level that Newton's method does not reach in one step ends its direction: the curve is a
    guide to the periodic state and does with fewer points. A wall that is sewn is not at rest in
    the shape it was cut in, which is no point of its curve.

    Parameters
    ----------
    work, heart
        Solver and heart.
    wall : WallState
        The relaxed wall under the imaged pressures, from where each direction starts.
    """
    held = {1.0: equilibrium.held_volumes(heart, wall)}
    if not heart.cables:
        held[0.0] = equilibrium.held_volumes(heart, equilibrium.rest(heart))
    load = equilibrium.passive_load(heart)
    down, up = LEVELS
    # a sewn wall at rest has to be found as well
    for direction in ((*down, 0.0) if heart.cables else down, up):
        state = wall
        for level in direction:
            blood = pressures_given(level * wall.pressure)
            state, _, info, work = equilibrium.step(work, heart, state, blood, load)
            if not bool(info.converged):
                work = equilibrium.refresh(work, heart, wall, load)
                break
            held[level] = equilibrium.held_volumes(heart, state)
    return PassiveCurve.through(held, np.asarray(wall.pressure), heart.chambers), work


@dataclass(frozen=True)
class SeenBeat:
    """A 3D beat from which the periodic state is guessed.

    Attributes
    ----------
    heart : Heart
    recorder : Recorder
        Its traces.
    start, end : State
        The circulation before and after it.
    """

    heart: Heart
    recorder: Recorder
    start: State
    end: State


def periodic_guess(seen: SeenBeat, curve: PassiveCurve, loop: Circulation, blood: State) -> State:
    """State of a circulation at the start of a periodic beat, by emulated chambers.

    What the 3D beat ended with beyond the same beat of its stand-ins, up to a milliliter because of
    emulation and of longer time steps, hardly changes near the periodic state: it is added to
    the end of every emulated beat.

    Parameters
    ----------
    seen : SeenBeat
    curve : PassiveCurve
    loop : Circulation
        The circulation to guess for: that of the beat, or one that was changed since.
    blood : State
        A state of it with the wanted blood volume.
    """
    own = _emulated(seen.heart.loop, seen, curve)
    repeated = limit_cycle(own, seen.start, STEPS, most_beats=1).state
    miss = jax.tree.map(jnp.subtract, seen.end, repeated)
    return limit_cycle(_emulated(loop, seen, curve), blood, STEPS, miss=miss).state


def _emulated(loop: Circulation, seen: SeenBeat, curve: PassiveCurve) -> Circulation:
    """A loop whose chambers are the stand-ins of a 3D beat, at the rate of the loop."""
    recorded = seen.heart.loop
    slower = (loop.period / recorded.period) ** 0.5
    column = seen.recorder.column
    stand_ins = {
        name: emulate_chamber(
            (column("time"), column(f"volume.{name}"), column(f"pressure.{name}")),
            (curve.volume[name], curve.pressure[name]),
            trigger=float(trigger(recorded, name)),
            period=float(recorded.period),
        ).timed(rise=slower, fall=slower)
        for name in seen.heart.chambers
    }
    return with_chambers(loop, stand_ins)


def refill(work: Workspace, heart: Heart, moment: Moment, blood: State) -> tuple[Workspace, Moment]:
    """Fill the 3D chambers to the volumes of a circulation state: start of a beat.

    The wall moves by what the passive wall moves between both fillings, so that what viscosity
    and dashpots have left in it at the end of the last beat stays.
    """
    now = moment.wall
    held = equilibrium.held_volumes(heart, now)
    wanted = np.array([float(blood.volume(name)) for name in heart.chambers])
    settled, _, info, work = equilibrium.step(
        work, heart, now, volumes_given(jnp.asarray(held)), equilibrium.passive_load(heart)
    )
    if not bool(info.converged):
        settled, work = creep.hold(work, heart, now, np.asarray(now.pressure))
        held = equilibrium.held_volumes(heart, settled)
    filled, work = equilibrium.fill(work, heart, settled, held, wanted)
    moved = jax.tree.map(lambda a, b, c: a + (b - c), now, filled, settled)
    return work, begin(heart, moved, blood)
