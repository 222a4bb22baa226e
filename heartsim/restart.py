"""Jump to the periodic state: 0D stand-ins of the 3D ventricles find what many beats would.

After a 3D beat each ventricle is emulated from its own recorded loop and its passive curve; the
0D loop with these stand-ins runs to its limit cycle in a second, and the 3D heart is filled to
the volumes found there. Total blood volume is kept, and the 3D beat that follows is the judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from heartsim import equilibrium
from heartsim.beat import Moment, begin
from heartsim.bloodside import pressures_given
from heartsim.circulation.closed_loop import State, with_chambers
from heartsim.circulation.emulate import emulate_chamber
from heartsim.circulation.periodic import limit_cycle
from heartsim.coupling import WallState
from heartsim.equilibrium import Workspace
from heartsim.heart import Heart
from heartsim.recorder import Recorder
from heartsim.units import mL, mmHg

LEVELS: Final = ((0.7, 0.4, 0.15), (1.5, 2.2))
"""Passive curve: multiples of the imaged pressures, downwards and upwards from these."""


@dataclass(frozen=True)
class PassiveCurve:
    """Volumes [mm³] and pressures [kPa] of each passive ventricle, both increasing."""

    volume: Mapping[str, np.ndarray]
    pressure: Mapping[str, np.ndarray]

    def summary(self) -> dict[str, dict[str, list[float]]]:
        """Curves of each ventricle in clinical units, for the record of a run."""
        return {
            name: {
                "volume_mL": (self.volume[name] / mL).tolist(),
                "pressure_mmHg": (self.pressure[name] / mmHg).tolist(),
            }
            for name in self.volume
        }


def passive_curve(work: Workspace, heart: Heart, wall: WallState) -> tuple[PassiveCurve, Workspace]:
    """Load the passive ventricles together by less and by more than now; record their volumes.

    Parameters
    ----------
    work, heart
        Solver and heart.
    wall : WallState
        The relaxed wall under the imaged pressures, from where each direction starts.
    """
    at_rest = equilibrium.held_volumes(heart, equilibrium.rest(heart))
    held = {0.0: at_rest, 1.0: equilibrium.held_volumes(heart, wall)}
    for direction in LEVELS:
        state = wall
        for level in direction:
            state, work = equilibrium.inflate(work, heart, state, level * np.asarray(wall.pressure))
            held[level] = equilibrium.held_volumes(heart, state)
    levels = sorted(held)
    volume = np.stack([held[level] for level in levels], axis=1)
    loads = np.outer(wall.pressure, levels)
    names = heart.chambers
    curve = PassiveCurve(
        dict(zip(names, volume, strict=True)), dict(zip(names, loads, strict=True))
    )
    return curve, work


def periodic_guess(
    heart: Heart, recorder: Recorder, blood: State, curve: PassiveCurve, *, steps: int
) -> State:
    """State of the circulation at the start of a periodic beat, by emulated ventricles."""
    loop = heart.loop
    t = recorder.column("time")
    stand_ins = {
        name: emulate_chamber(
            (t, recorder.column(f"volume.{name}"), recorder.column(f"pressure.{name}")),
            (curve.volume[name], curve.pressure[name]),
            trigger=float(loop.av_delay),
            period=float(loop.period),
        )
        for name in heart.chambers
    }
    found = limit_cycle(with_chambers(loop, stand_ins), blood, steps)
    return found.state


def refill(work: Workspace, heart: Heart, moment: Moment, blood: State) -> tuple[Workspace, Moment]:
    """Fill the relaxed 3D ventricles to the volumes of a circulation state: start of a beat."""
    wanted = np.array([float(blood.volume(name)) for name in heart.chambers])
    load = equilibrium.passive_load(heart)
    settled, _, info, work = equilibrium.step(
        work, heart, moment.wall, pressures_given(moment.wall.pressure), load
    )
    start = settled if bool(info.converged) else moment.wall
    held = equilibrium.held_volumes(heart, start)
    wall, work = equilibrium.fill(work, heart, start, held, wanted)
    return work, begin(heart, wall, blood)
