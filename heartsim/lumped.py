"""A heart without a mesh: four elastance chambers in the closed loop, beating within a second.

It shares circulation, operations, indices, results and reports with the 3D heart. What needs a wall
(stress, strain, segments, regional disease) it does not have, and says so.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, cast

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from heartsim.circulation.adult import STRESSED_VOLUME, healthy_adult
from heartsim.circulation.closed_loop import (
    Circulation,
    blood_volume,
    trigger,
    with_blood_volume,
    with_chambers,
)
from heartsim.circulation.components import Scalar, leaf
from heartsim.circulation.emulate import emulate_chamber
from heartsim.circulation.graph import VENTRICLES, State
from heartsim.circulation.periodic import LimitCycle, limit_cycle
from heartsim.errors import ResultError, ScenarioError, SolveFailed
from heartsim.heart import Heart
from heartsim.indices import value
from heartsim.loading import Trial, rule_of, settle
from heartsim.loop import circulation_of
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.procedures.edit import AnatomyEdit, Edit, Procedure, Receipt
from heartsim.procedures.perform import on_heart
from heartsim.procedures.routing import Reroute
from heartsim.result import Recording, Result
from heartsim.result.recording import carried_flows
from heartsim.scenario import Scenario
from heartsim.units import minute, mL, mmHg, ms

STEPS: Final = 400
"""Steps in a beat, whatever the heart rate."""

MOST_BEATS: Final = 300


class LumpedHeart(eqx.Module):
    """Heart whose chambers are all 0D.

    Attributes
    ----------
    circulation : Circulation
        The loop with its chambers.
    blood : State
        The blood of the patient at rest.
    filling : ()
        Stressed blood volume over that of the patient at rest, as in `heartsim.heart.Heart`.
    """

    circulation: Circulation
    blood: State
    filling: Scalar = eqx.field(converter=leaf, default=1.0)

    @property
    def chambers(self) -> tuple[str, ...]:
        """3D chambers: none."""
        return ()

    @property
    def start(self) -> State:
        """The blood at the start of a beat, as much of it stressed as `filling` says."""
        stressed = blood_volume(self.circulation, self.blood) * self.filling
        return with_blood_volume(self.circulation, self.blood, stressed)


def lumped_heart(scenario: Scenario) -> tuple[LumpedHeart, tuple[dict[str, object], ...]]:
    """0D heart of a scenario after its conditions and operations, and their receipts.

    All operations on one patient start with the same stressed blood volume: the scenario's, or
    that of the healthy adult.

    Raises
    ------
    ScenarioError
        If a condition or operation changes the anatomy of a wall that is not there.
    """
    fitted = bool(scenario.patient.fitted_to)
    conditions = tuple(_lumped_part(one, fitted, scenario.name) for one in scenario.conditions)
    procedures = tuple(_lumped_part(one, False, scenario.name) for one in scenario.procedures)
    _, blood = healthy_adult()
    loop = circulation_of(scenario)
    total = scenario.circulation.blood_volume or STRESSED_VOLUME
    if fitted:
        loop, held = _emulated(loop, scenario)
        total = scenario.circulation.blood_volume or held
    heart = LumpedHeart(loop, with_blood_volume(loop, blood, jnp.asarray(total)))
    # edits of the circulation are the same for a heart with a wall and without one
    heart, routed = on_heart(cast(Heart, heart), [_routes(scenario)])
    sick, ill = on_heart(heart, conditions)
    cured, treated = on_heart(sick, procedures, overlap=scenario.overlap)
    return cast(LumpedHeart, cured), tuple(
        receipt.as_dict() for receipt in (*routed, *ill, *treated)
    )


def _lumped_part(procedure: Procedure, fitted: bool, name: str) -> Procedure:
    """What a condition or operation changes beside the wall; a fitted heart already has the rest.

    Raises
    ------
    ScenarioError
        If it changes a wall that is not there.
    """

    def of_wall(edit: Edit) -> bool:
        tissue = any(target.startswith("tissue:") for target in edit.targets)
        return tissue or isinstance(edit, AnatomyEdit)

    # a ring holds a wall's annulus; without a wall it is the opening that it leaves
    rings = [any(t.startswith("ring:") for t in e.targets) for e in procedure.edits]
    edits = tuple(e for e, ring in zip(procedure.edits, rings, strict=True) if not ring)
    if any(map(of_wall, edits)) and not fitted:
        raise ScenarioError(
            f"{name}: {procedure.name} changes a part of the wall, and a 0D heart has no wall. Run "
            'it with patient.model = "3D" and a mesh.'
        )
    return replace(procedure, edits=tuple(e for e in edits if not of_wall(e)))


_SAME_RATE: Final = 0.1
"""Difference of heart rates that counts as none [1/min]."""


def _emulated(loop: Circulation, scenario: Scenario) -> tuple[Circulation, float]:
    """Loop with chambers fitted to a stored 3D beat, and the blood volume of that beat [mm³].

    Raises
    ------
    ResultError
        If the folder is not a result with passive curves.
    """
    result = Result.load(scenario.patient.fitted_to)
    curves, table = result.provenance.get("passive_curve"), result.traces
    if not isinstance(curves, Mapping) or not curves:
        raise ResultError(
            f"{result.folder}: has no passive curves of 3D chambers. Give the folder of a 3D run."
        )
    recorded = value(result.indices, "circulation.heart_rate_per_min")
    asked = float(minute / loop.period)
    if abs(recorded - asked) > _SAME_RATE:
        raise ResultError(
            f"{result.folder}: its beat was recorded at {recorded:.4g} /min, and the scenario says "
            f"circulation.heart_rate = {asked:.4g} /min. Write the recorded rate; the procedure "
            "pacing_rate changes it."
        )
    beat = table[table["t_ms"] < float(loop.period) * (1 - 1e-9)]
    chambers = {
        name: emulate_chamber(
            (
                np.asarray(beat["t_ms"], float),
                np.asarray(beat[f"V_{name}_mL"], float) * mL,
                np.asarray(beat[f"P_{name}_mmHg"], float) * mmHg,
            ),
            (
                np.asarray(curve["volume_mL"]) * mL,
                np.asarray(curve["pressure_mmHg"]) * mmHg,
            ),
            trigger=float(trigger(loop, name)),
            period=float(loop.period),
        )
        for name, curve in curves.items()
    }
    return with_chambers(loop, chambers), float(table["blood_volume_mL"].iloc[0]) * mL


def _routes(scenario: Scenario) -> Procedure:
    """The way that a scenario sends the blood of its patient, as edits."""
    plan = scenario.circulation
    routes, kind, hole = plan.routes, plan.routes.topology, plan.atrial_shunt
    single = Reroute("single_left_ventricle", {"septum": hole})
    glenn = {"share": routes.upper_body, "resistance": routes.connection}
    fontan = {"resistance": routes.connection, "fenestration": routes.fenestration}
    trunk = {"septum": plan.ventricular_shunt, "origin": plan.ductus}
    edits = {
        "biventricular": (),
        "single ventricle": (single,),
        "glenn": (single, Reroute("glenn", glenn)),
        "fontan": (single, Reroute("fontan", fontan)),
        "norwood": (Reroute("norwood", {"septum": hole, "shunt": plan.ductus}),),
        "truncus": (Reroute("truncus", trunk),),
    }
    return Procedure("circulation.routes", "Routes of the blood", edits[kind])


def periodic_beat(heart: LumpedHeart) -> LimitCycle:
    """Periodic beat of a 0D heart that holds the blood it has.

    Raises
    ------
    SolveFailed
        If the traces are not numbers.
    """
    found = limit_cycle(heart.circulation, heart.start, STEPS, most_beats=MOST_BEATS)
    if not np.all(np.isfinite(found.traces.blood_volume)):
        raise SolveFailed(
            "the 0D circulation did not reach a periodic state: its pressures are not numbers. "
            "Look for an elastance, resistance or volume far outside the healthy range."
        )
    return found


def record(
    scenario: Scenario, provenance: Mapping[str, object], solver: Mapping[str, object]
) -> Recording:
    """Run a 0D scenario to its periodic beat.

    Parameters
    ----------
    scenario : Scenario
    provenance, solver
        What the recording says about its origin and computation, beside what is added here.

    Returns
    -------
    Recording
        Traces of the beat, and no wall: an empty mesh and wall energies that are not numbers.
    """
    heart, receipts = lumped_heart(scenario)
    rule, target = rule_of(scenario.protocol.loading), scenario.protocol.target
    if rule is None or target is None:
        found = periodic_beat(heart)
        return recording_of(heart, found, scenario, receipts, provenance, solver)
    due = target / mmHg

    def attempt(
        unknown: float, trials: tuple[Trial, ...], last: object
    ) -> tuple[float, tuple[LumpedHeart, LimitCycle, tuple[Receipt, ...]]]:
        del trials, last
        turned, told = on_heart(cast(Heart, heart), [rule.procedure(unknown, due)])
        loaded = cast(LumpedHeart, turned)
        found = periodic_beat(loaded)
        traces = {name: np.asarray(p) for name, p in found.traces.pressure.items()}
        period = float(loaded.circulation.period)
        pressure = rule.measure(np.asarray(found.traces.time), period, traces)
        return pressure, (loaded, found, told)

    trials, (loaded, found, told) = settle(rule, due, attempt)
    stressed = float(blood_volume(loaded.circulation, found.state))
    ended = rule.report(trials, due, stressed_volume=stressed)
    receipts = (*receipts, *(one.as_dict() for one in (*told, ended)))
    recording = recording_of(loaded, found, scenario, receipts, provenance, solver)
    return replace(recording, status=rule.verdict(recording.status, trials[-1], due))


def recording_of(
    heart: LumpedHeart,
    found: LimitCycle,
    scenario: Scenario,
    receipts: tuple[dict[str, object], ...],
    provenance: Mapping[str, object],
    solver: Mapping[str, object],
) -> Recording:
    """Recording of a periodic beat; parameters as in `record`."""
    trace, period = found.traces, float(heart.circulation.period)
    time = np.append(0.0, np.asarray(trace.time))
    ended = scenario.protocol.periodic_within >= float(found.change)
    drift = float(blood_volume(heart.circulation, found.state) / blood_volume(
        heart.circulation, heart.start) - 1)  # fmt: skip
    # the end of a periodic beat is its start
    whole = {
        kind: {name: _closed(values) for name, values in getattr(trace, kind).items()}
        for kind in ("pressure", "volume", "flow")
    }
    nothing = np.full(len(time), np.nan)
    work = -sum(_work(whole["pressure"][name], whole["volume"][name]) for name in VENTRICLES)
    return Recording(
        mesh=no_mesh(scenario.name),
        time=time,
        pressure=whole["pressure"],
        volume=whole["volume"],
        flow=carried_flows(whole["flow"]),
        blood_volume=_closed(trace.blood_volume),
        energy={
            "stored": nothing,
            "active_work": nothing,
            "pressure_work": work,
            "dissipated": nothing,
        },
        wall_volume=nothing,
        snapshot_time=np.zeros(1),
        displacement=np.zeros((1, 0, 3)),
        fiber_stress=np.zeros((1, 0)),
        fiber_strain=np.zeros((1, 0)),
        active_tension=np.zeros((1, 0)),
        heart_rate_period=period,
        beats=int(found.beats),
        periodicity_change=float(found.change),
        status="converged" if ended else "not periodic",
        solver={
            "model": "0D",
            "time_step_ms": period / STEPS / ms,
            "steps": STEPS * int(found.beats),
            "blood_volume_drift_relative": drift,
            **solver,
        },
        receipts=receipts,
        provenance=provenance,
    )


def no_mesh(name: str) -> HeartMesh:
    """Mesh of a heart without a wall."""
    return HeartMesh(
        name=f"{name} (0D)",
        points=np.zeros((0, 3)),
        tets=np.zeros((0, 4), int),
        regions={},
        surfaces={},
        cavities={},
        origin="elastance chambers, no geometry",
    )


def _closed(trace: Scalar) -> np.ndarray:
    values = np.asarray(trace)
    return np.append(values[-1], values)


def _work(pressure: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Work that a chamber does on the blood since the start of the beat [µJ]."""
    steps = 0.5 * (pressure[1:] + pressure[:-1]) * -np.diff(volume)
    return np.append(0.0, np.cumsum(steps))
