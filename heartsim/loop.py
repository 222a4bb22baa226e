"""From a scenario to its closed loop, and the blood it starts with."""

from collections.abc import Mapping
from dataclasses import replace

import jax.numpy as jnp

from heartsim.circulation.adult import (
    END_DIASTOLIC,
    STRESSED_VOLUME,
    healthy_adult,
    one_fiber_chamber,
)
from heartsim.circulation.chambers import Elastance, OneFiber
from heartsim.circulation.closed_loop import Circulation, with_blood_volume
from heartsim.circulation.components import Orifice, Valve, Vessel
from heartsim.circulation.graph import CHAMBERS, VALVES, State
from heartsim.circulation.pumps import Balloon, Pump
from heartsim.circulation.surroundings import Pericardium, Septum
from heartsim.circulation.topology import coronary_apart
from heartsim.scenario import Scenario
from heartsim.scenario import blood as plans


def circulation_of(scenario: Scenario) -> Circulation:
    """Closed loop of a scenario: the healthy adult with the scenario's numbers."""
    plan = scenario.circulation
    loop, _ = healthy_adult()
    chambers = {name: _chamber(name, getattr(loop, name), getattr(plan, name)) for name in CHAMBERS}
    valves = {name: _valve(getattr(loop, name), getattr(plan, name)) for name in VALVES[:4]}
    holes = {
        name: _hole(getattr(loop, name), getattr(plan, name))
        for name in ("atrial_shunt", "ventricular_shunt", "ductus")
    }
    sac, septum, devices = plan.pericardium, plan.septum, plan.devices
    pumps = {"left_pump": devices.lvad, "right_pump": devices.rvad, "ecmo": devices.ecmo}
    gas = devices.balloon
    changed = replace(
        loop,
        **chambers,
        **valves,
        **holes,
        **{name: Pump(pump.area, pump.resistance, pump.head) for name, pump in pumps.items()},
        balloon=Balloon(gas.volume, gas.inflated, gas.deflated),
        period=jnp.asarray(1.0 / plan.heart_rate),
        av_delay=jnp.asarray(scenario.activation.av_delay),
        systemic_arteries=_bed(
            loop.systemic_arteries, plan.systemic_resistance, plan.systemic_compliance
        ),
        pulmonary_arteries=_bed(
            loop.pulmonary_arteries, plan.pulmonary_resistance, plan.pulmonary_compliance
        ),
        pericardium=Pericardium(sac.pressure, sac.stiffening, sac.unstressed),
        septum=Septum(septum.compliance, septum.stiffening),
    )
    muscle = plan.coronary
    if not muscle.share:
        return changed
    return coronary_apart(changed, jnp.asarray(muscle.share), jnp.asarray(muscle.squeeze))


def _chamber(
    name: str, healthy: Elastance | OneFiber, wanted: plans.Chamber
) -> Elastance | OneFiber:
    """Chamber with the numbers that a scenario states, the others those of a healthy adult."""
    if wanted.model == "one-fiber":
        healthy = one_fiber_chamber(name)
    stated = wanted.model_dump(exclude={"model"}, exclude_none=True)
    return replace(healthy, **{key: jnp.asarray(value) for key, value in stated.items()})


def _valve(healthy: Valve, wanted: plans.Valve) -> Valve:
    return replace(
        healthy,
        area=healthy.area if wanted.area is None else jnp.asarray(wanted.area),
        regurgitant_area=jnp.asarray(wanted.leak),
        narrowing=jnp.asarray(0.0 if wanted.band is None else wanted.band**-2),
    )


def _hole(healthy: Orifice, area: float) -> Orifice:
    return replace(healthy, area=jnp.asarray(area))


def _bed(vessel: Vessel, resistance: float, compliance: float) -> Vessel:
    return replace(vessel, resistance=jnp.asarray(resistance), compliance=jnp.asarray(compliance))


def first_blood(
    scenario: Scenario, imaged: Mapping[str, float], held: Mapping[str, float]
) -> State:
    """State of the circulation at the start of the first beat.

    The stressed blood volume is the scenario's, or what a healthy adult holds at end-diastole
    outside the 3D chambers plus these as imaged; it depends on the patient only, so all operations
    on one patient start with the same blood. Atria that are imaged large bring more of it with
    them than 0D ones.

    Parameters
    ----------
    scenario : Scenario
    imaged : mapping of chamber to volume
        Volumes of the 3D chambers in the imaged shape [mm³].
    held : mapping of chamber to volume
        Their volumes in the loaded wall now [mm³].
    """
    _, state = healthy_adult()
    outside = STRESSED_VOLUME - sum(END_DIASTOLIC[name] for name in imaged)
    total = scenario.circulation.blood_volume or outside + sum(imaged.values())
    filled = {f"V_{name}": jnp.asarray(volume) for name, volume in held.items()}
    return with_blood_volume(circulation_of(scenario), state._replace(**filled), jnp.asarray(total))
