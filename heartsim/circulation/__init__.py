"""Blood as a 0D network: components, closed loop, implicit steps, limit cycles, emulators."""

from heartsim.circulation.adult import healthy_adult, regazzoni_2022
from heartsim.circulation.cavities import Cavities
from heartsim.circulation.closed_loop import (
    Circulation,
    blood_volume,
    flows,
    pressures,
    with_blood_volume,
    with_chambers,
)
from heartsim.circulation.emulate import EmulatedChamber, emulate_chamber
from heartsim.circulation.graph import State
from heartsim.circulation.periodic import LimitCycle, Traces, beat, limit_cycle, periodic_state
from heartsim.circulation.step import Step, advance, advance_coupled

__all__ = [
    "Cavities",
    "Circulation",
    "EmulatedChamber",
    "LimitCycle",
    "State",
    "Step",
    "Traces",
    "advance",
    "advance_coupled",
    "beat",
    "blood_volume",
    "emulate_chamber",
    "flows",
    "healthy_adult",
    "limit_cycle",
    "periodic_state",
    "pressures",
    "regazzoni_2022",
    "with_blood_volume",
    "with_chambers",
]
