"""From a scenario to a result: the one function that everyone calls."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from heartsim import runtime
from heartsim.balance import audit
from heartsim.beat import REFRESH_EVERY, Moment, march, next_beat
from heartsim.checkpoint import Checkpoint, drop_checkpoint, load_checkpoint, save_checkpoint
from heartsim.circulation.closed_loop import (
    State,
    blood_volume,
    stored_volumes,
    with_blood_volume,
)
from heartsim.equilibrium import Workspace
from heartsim.errors import ScenarioError
from heartsim.heart import Heart
from heartsim.indices import summarize, value
from heartsim.loading import Trial, rule_of, settle
from heartsim.lumped import record
from heartsim.patient import Patient, prepare
from heartsim.procedures import Procedure, on_heart
from heartsim.progress import Progress
from heartsim.recorder import Recorder
from heartsim.report import write_report
from heartsim.restart import PassiveCurve, SeenBeat, passive_curve, periodic_guess, refill
from heartsim.result import Recording, Result, finished, save
from heartsim.scenario import Scenario
from heartsim.scenario.models import Protocol
from heartsim.units import mL, mmHg, ms


@dataclass(frozen=True)
class _Outcome:
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


def run(
    scenario: Scenario,
    folder: str | Path | None = None,
    *,
    baseline: Result | None = None,
    device: str | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Run one scenario into one result folder.

    A folder that already holds the result of the same scenario is returned as it is.

    Parameters
    ----------
    scenario : Scenario
    folder : path, optional
        Result folder; ``runs/NAME`` by default.
    baseline : Result, optional
        Whose pressure a loading rule holds, if the scenario names none.
    device : {"cpu", "gpu"}, optional
        Where to compute; the best at hand by default.
    resume : bool
        Go on from the last checkpoint in the folder.
    quiet : bool
        No progress.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If scenario or mesh cannot be used.
    SolveFailed
        If a solve does not converge; the checkpoint stays.
    """
    folder = Path(folder) if folder is not None else Path("runs") / scenario.name
    scenario = _targeted(scenario, baseline)
    digest = scenario.content_hash()
    if finished(folder):
        done = Result.load(folder)
        if done.provenance.get("scenario_sha256") == digest:
            return done
    chosen = runtime.start(device)
    compiling = runtime.CompileClock()
    started = time.perf_counter()
    if scenario.patient.model == "0D":
        solver = {"device": chosen.platform}
        recording = record(scenario, _provenance(scenario, digest), solver)
        return _kept(recording, scenario, folder)
    with Progress(scenario.name, quiet=quiet) as progress:
        patient = prepare(scenario, progress)
        saved = load_checkpoint(folder, digest) if resume else None
        outcome = _settled(scenario, patient, folder, digest, saved, progress)
    patient = outcome.patient
    loop = patient.heart.loop
    elapsed = time.perf_counter() - started
    recording = outcome.recorder.recording(
        mesh=patient.mesh,
        period=float(loop.period),
        trigger=float(loop.av_delay),
        outcome=(outcome.status, outcome.beats, outcome.change),
        solver=_solver(scenario, patient, outcome.work)
        | {
            "compile_s": round(compiling.seconds, 2),
            "solve_s": round(elapsed - compiling.seconds, 2),
            "peak_memory_MB": runtime.peak_memory_MB(),
            "device": chosen.platform,
        },
        reload=None if patient.reload is None else patient.reload.summary(),
        receipts=patient.receipts,
        provenance=_provenance(scenario, digest) | {"passive_curve": outcome.curve.summary()},
    )
    result = _kept(recording, scenario, folder)
    drop_checkpoint(folder)
    return result


def _provenance(scenario: Scenario, digest: str) -> dict[str, object]:
    """What a result says about its origin."""
    return {
        "scenario": scenario.resolved(),
        "scenario_sha256": digest,
        "versions": runtime.versions(),
    }


def _kept(recording: Recording, scenario: Scenario, folder: Path) -> Result:
    """Result folder of a recording, with its report."""
    indices = summarize(
        recording,
        audit(recording),
        scenario=scenario.title or scenario.name,
        body_surface=scenario.patient.body_surface,
    )
    result = save(recording, folder, indices)
    write_report(result)
    return result


def run_all(
    scenarios: Sequence[Scenario],
    folder: str | Path,
    *,
    device: str | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> list[Result]:
    """Run scenarios into folders of their names; the first fills the caches for the others.

    On a CPU the others share the cores as separate processes: a small heart cannot use two. A
    device that is not a CPU takes them one after the other.

    Parameters
    ----------
    scenarios : sequence of Scenario
        Names must differ.
    folder : path
        Where the result folders go.
    device, resume, quiet
        As in `run`. Loading rules hold the pressures of the first.
    """
    names = [plan.name for plan in scenarios]
    if len(set(names)) < len(names):
        raise ScenarioError(
            f"scenarios have the names {', '.join(names)}. Each result goes into a folder of its "
            "scenario's name, so names must differ: rename a file, or give each its own name."
        )
    first, *others = scenarios
    options = {"device": device, "resume": resume, "quiet": quiet}
    results = [run(first, Path(folder) / first.name, **options)]
    others = [_targeted(plan, results[0]) for plan in others]
    workers = min(len(others), os.cpu_count() or 1)
    if workers < 2 or runtime.choose_device(device).platform != "cpu":
        return results + [run(plan, Path(folder) / plan.name, **options) for plan in others]
    # spawn, never fork: a forked JAX hangs
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_run_apart, plan, Path(folder) / plan.name, options) for plan in others]
        return results + [Result.load(job.result()) for job in jobs]


def _targeted(scenario: Scenario, baseline: Result | None) -> Scenario:
    """Scenario with the pressure that its loading rule holds.

    A scenario without operations is its own baseline: there is nothing to hold yet.
    """
    plan = scenario.protocol
    rule = rule_of(plan.loading)
    if rule is None or plan.target is not None or (baseline is None and not scenario.procedure):
        return scenario
    if baseline is None:
        raise ScenarioError(
            f"{scenario.name}: protocol.loading = {plan.loading!r} holds the {rule.held} of a "
            "baseline, and none is given. Run it with `heartsim compare BASELINE.toml "
            f'{scenario.name}.toml`, or write the pressure: target = "… mmHg".'
        )
    return scenario.with_({"protocol.target": f"{value(baseline.indices, rule.index):.6g} mmHg"})


def _run_apart(scenario: Scenario, folder: Path, options: dict[str, str | bool | None]) -> Path:
    return run(scenario, folder, **options).folder


def _solver(scenario: Scenario, patient: Patient, work: Workspace) -> dict[str, object]:
    """What the result says about the solver."""
    effort = work.effort
    return {
        "element": scenario.patient.element,
        "dofs": patient.heart.solid.space.dofs,
        "cells": len(patient.mesh.tets),
        "time_step_ms": scenario.protocol.step / ms,
        "steps": effort.steps,
        "newton_iterations": effort.newton,
        "krylov_iterations": effort.krylov,
        "failed_steps": effort.failed,
        "preconditioner_setups": effort.refreshes + 1,
        "linear_solver": work.linear_solver,
        "precision": "float64, linear solves float32",
    }


def _settled(
    scenario: Scenario,
    patient: Patient,
    folder: Path,
    digest: str,
    saved: Checkpoint | None,
    progress: Progress,
) -> _Outcome:
    """Beat until periodic, again and again until the loading rule holds its pressure."""
    plan = scenario.protocol
    curve, work = passive_curve(patient.work, patient.heart, patient.moment.wall)
    patient = replace(patient, work=work)

    def keep(checkpoint: Checkpoint) -> None:
        save_checkpoint(folder, digest, checkpoint)

    rule = rule_of(plan.loading)
    if rule is None or plan.target is None:
        return _beats(plan, patient, curve, saved, (), keep, progress)
    target = plan.target / mmHg

    def attempt(
        unknown: float, trials: tuple[Trial, ...], last: _Outcome | None
    ) -> tuple[float, _Outcome]:
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
    patient: Patient, rule: Procedure, last: _Outcome | None, curve: PassiveCurve
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
    # the stand-ins of the last trial hold for its own heart rate only
    if heart.loop.period == last.patient.heart.loop.period:
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
) -> _Outcome:
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
    change, status = float("inf"), "not periodic"
    for beat in range(first, plan.at_most_beats):
        if moment.step == 0:
            recorder = empty.after(heart, moment, moment)
        for level in march(work, heart, moment, step=plan.step, until=period):
            work, before, moment = level
            recorder = recorder.after(heart, before, moment)
            progress.show(_status(beat, moment.t, period, recorder))
            if moment.step % REFRESH_EVERY == 0 and moment.t < period:
                keep(Checkpoint(beat, moment, start, work.effort, recorder.packed(), trials))
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
    return _Outcome(patient, start, moment, recorder, work, status, beat + 1, change, curve)


def _change(heart: Heart, start: State, end: State) -> float:
    """Largest change of the blood in a chamber or vessel over a beat [mm³]."""
    stored = [np.asarray(stored_volumes(heart.loop, blood)) for blood in (start, end)]
    return float(np.abs(stored[1] - stored[0]).max())


def _status(beat: int, t: float, period: float, recorder: Recorder) -> str:
    """One line about where the run is."""
    pressure = recorder.rows["pressure.LV"][-1] / mmHg
    volume = recorder.rows["volume.LV"][-1] / mL
    return f"beat {beat + 1}, {t:.0f} of {period:.0f} ms: LV {pressure:.0f} mmHg, {volume:.0f} mL"
