"""Beats until periodic, again and again until a loading rule holds its pressure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from heartsim.beat import REFRESH_EVERY, Moment, march, next_beat
from heartsim.checkpoint import Checkpoint
from heartsim.circulation.closed_loop import (
    State,
    blood_volume,
    stored_volumes,
    with_blood_volume,
)
from heartsim.equilibrium import Workspace
from heartsim.heart import Heart
from heartsim.loading import Trial, rule_of, settle
from heartsim.patient import Patient
from heartsim.procedures import Procedure, on_heart
from heartsim.progress import Progress
from heartsim.recorder import Recorder
from heartsim.restart import PassiveCurve, SeenBeat, passive_curve, periodic_guess, refill
from heartsim.scenario import Scenario
from heartsim.scenario.models import Protocol
from heartsim.units import mL, mmHg


@dataclass(frozen=True)
class Outcome:
    """A periodic beat, or the last of too many."""

    patient: Patient
    start: State
    moment: Moment
    recorder: Recorder
    work: Workspace
    status: str
    beats: int
    change: float
    curve: PassiveCurve


def settled(
    scenario: Scenario,
    patient: Patient,
    progress: Progress,
    *,
    keep: Callable[[Checkpoint], None] = lambda _: None,
    saved: Checkpoint | None = None,
) -> Outcome:
    """Beat until periodic, again and again until the loading rule holds its pressure.

    Parameters
    ----------
    scenario, patient, progress
        Question, heart, and who is told how it goes.
    keep : function of Checkpoint, optional
        Takes what an interrupted run can go on from; by default nobody does.
    saved : Checkpoint, optional
        Where to go on.
    """
    plan = scenario.protocol
    if saved is None or not saved.curve:
        progress.say("filling the passive ventricles")
        curve, work = passive_curve(patient.work, patient.heart, patient.moment.wall)
        patient = replace(patient, work=work)
    else:
        curve = PassiveCurve.unpacked(saved.curve)
    rule = rule_of(plan.loading)
    if rule is None or plan.target is None:
        return _beats(plan, patient, curve, saved, (), keep, progress)
    target = plan.target / mmHg

    def attempt(
        unknown: float, trials: tuple[Trial, ...], last: Outcome | None
    ) -> tuple[float, Outcome]:
        loaded = _loaded(patient, rule.procedure(unknown, target), last, curve)
        going_on = saved if last is None else None
        outcome = _beats(plan, loaded, curve, going_on, trials, keep, progress)
        period, seen = float(loaded.heart.loop.period), outcome.recorder
        found = {name: seen.column(f"pressure.{name}") for name in ("LV", "LA", "aorta")}
        pressure = rule.measure(seen.column("time"), period, found)
        progress.say(
            f"{rule.name}, trial {len(trials) + 1}: {rule.held} {pressure:.1f} mmHg, "
            f"{rule.error(Trial(unknown, pressure), target):+.1f} mmHg off"
        )
        return pressure, outcome

    trials, outcome = settle(rule, target, attempt, () if saved is None else saved.trials)
    blood = blood_volume(outcome.patient.heart.loop, outcome.moment.blood)
    told = rule.report(trials, target, stressed_volume=float(blood))
    held = replace(outcome.patient, receipts=(*outcome.patient.receipts, told.as_dict()))
    status = rule.verdict(outcome.status, trials[-1], target)
    return replace(outcome, patient=held, status=status)


def _loaded(
    patient: Patient, rule: Procedure, last: Outcome | None, curve: PassiveCurve
) -> Patient:
    """Patient under a trial of a loading rule, at the start of a beat near its periodic state."""
    heart, receipts = on_heart(patient.heart, [rule])
    told = (*patient.receipts, *(receipt.as_dict() for receipt in receipts))
    loaded = replace(patient, heart=heart, receipts=told)
    if last is None:
        return loaded
    here = blood_volume(patient.heart.loop, patient.moment.blood)
    wanted = here * heart.filling / patient.heart.filling
    blood = with_blood_volume(heart.loop, last.moment.blood, wanted)
    seen = SeenBeat(last.patient.heart, last.recorder, last.start, last.moment.blood)
    blood = periodic_guess(seen, curve, heart.loop, blood)
    work, moment = refill(last.work, heart, next_beat(last.moment), blood)
    return replace(loaded, work=work, moment=moment)


def _beats(
    plan: Protocol,
    patient: Patient,
    curve: PassiveCurve,
    saved: Checkpoint | None,
    trials: tuple[Trial, ...],
    keep: Callable[[Checkpoint], None],
    progress: Progress,
) -> Outcome:
    """Beat until periodic."""
    heart, work = patient.heart, patient.work
    period = float(heart.loop.period)
    empty = Recorder(every=period / plan.snapshots)
    moment, first = patient.moment, 0
    recorder, start = empty, moment.blood
    if saved is not None:
        moment, first, start = saved.moment, saved.beat, saved.start
        recorder = empty.unpacked(saved.traces)
        work = replace(work, effort=saved.effort)
        progress.say(f"resuming beat {first + 1} at {moment.t:.0f} ms")
    here = partial(Checkpoint, curve=curve.packed(), trials=trials)
    beat, change, status = first, float("inf"), "not periodic"
    for beat in range(first, plan.at_most_beats):
        if moment.step == 0:
            recorder = empty.after(heart, moment, moment)
            keep(here(beat, moment, start, work.effort, recorder.packed()))
        for level in march(work, heart, moment, step=plan.step, until=period):
            work, before, moment = level
            recorder = recorder.after(heart, before, moment)
            progress.show(_status(beat, moment.t, period, recorder))
            whole = moment.step > before.step  # a resumed run goes on at levels of the time grid
            if whole and moment.step % REFRESH_EVERY == 0 and moment.t < period:
                keep(here(beat, moment, start, work.effort, recorder.packed()))
        change = _change(heart, start, moment.blood)
        progress.say(
            f"beat {beat + 1}: blood in a chamber or vessel changed by up to {change / mL:.2f} mL "
            f"({work.effort.newton} Newton steps so far)"
        )
        if change <= plan.periodic_within:
            status = "converged"
            break
        if beat + 1 < plan.at_most_beats:
            seen = SeenBeat(heart, recorder, start, moment.blood)
            start = periodic_guess(seen, curve, heart.loop, moment.blood)
            work, moment = refill(work, heart, next_beat(moment), start)
    return Outcome(patient, start, moment, recorder, work, status, beat + 1, change, curve)


def _change(heart: Heart, start: State, end: State) -> float:
    """Largest change of the blood in a chamber or vessel over a beat [mm³]."""
    stored = [np.asarray(stored_volumes(heart.loop, blood)) for blood in (start, end)]
    return float(np.abs(stored[1] - stored[0]).max())


def _status(beat: int, t: float, period: float, recorder: Recorder) -> str:
    """One line about where the run is."""
    pressure = recorder.rows["pressure.LV"][-1] / mmHg
    volume = recorder.rows["volume.LV"][-1] / mL
    return f"beat {beat + 1}, {t:.0f} of {period:.0f} ms: LV {pressure:.0f} mmHg, {volume:.0f} mL"
