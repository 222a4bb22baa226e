"""From a scenario to a result: the one function that everyone calls."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np

from heartsim import runtime
from heartsim.balance import audit
from heartsim.beat import REFRESH_EVERY, march, next_beat
from heartsim.checkpoint import Checkpoint, drop_checkpoint, load_checkpoint, save_checkpoint
from heartsim.equilibrium import Workspace
from heartsim.errors import ScenarioError
from heartsim.indices import summarize
from heartsim.lumped import record
from heartsim.patient import Patient, prepare
from heartsim.progress import Progress
from heartsim.recorder import Recorder
from heartsim.report import write_report
from heartsim.restart import (
    PassiveCurve,
    passive_curve,
    periodic_guess,
    refill,
    volumes_of,
)
from heartsim.result import Recording, Result, finished, save
from heartsim.result.recording import CHAMBERS
from heartsim.scenario import Scenario
from heartsim.units import mL, mmHg, ms

JUMPS: Final = 3
"""Jumps to the emulated periodic state; later beats just follow each other."""


@dataclass(frozen=True)
class _Outcome:
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
    digest = scenario.content_hash()
    if finished(folder):
        done = Result.load(folder)
        if done.provenance.get("scenario_sha256") == digest:
            return done
    if scenario.protocol.loading != "same-stressed-volume":
        raise ScenarioError(
            f"{scenario.name}: protocol.loading = {scenario.protocol.loading!r} is not computed "
            'by this version. Write loading = "same-stressed-volume".'
        )
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
        outcome = _beats(scenario, patient, folder, digest, saved, progress)
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
    indices = summarize(recording, audit(recording), scenario=scenario.title or scenario.name)
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
        As in `run`.
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
    workers = min(len(others), os.cpu_count() or 1)
    if workers < 2 or runtime.choose_device(device).platform != "cpu":
        return results + [run(plan, Path(folder) / plan.name, **options) for plan in others]
    # spawn, never fork: a forked JAX hangs
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_run_apart, plan, Path(folder) / plan.name, options) for plan in others]
        return results + [Result.load(job.result()) for job in jobs]


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


def _beats(
    scenario: Scenario,
    patient: Patient,
    folder: Path,
    digest: str,
    saved: Checkpoint | None,
    progress: Progress,
) -> _Outcome:
    """Beat until periodic."""
    plan, heart = scenario.protocol, patient.heart
    period = float(heart.loop.period)
    empty = Recorder(every=period / plan.snapshots)
    curve, work = passive_curve(patient.work, heart, patient.moment.wall)
    moment, first = patient.moment, 0
    recorder, start = empty, volumes_of(moment.blood, CHAMBERS)
    if saved is not None:
        moment, first, start = saved.moment, saved.beat, saved.start
        recorder = empty.unpacked(saved.traces)
        work = replace(work, effort=saved.effort)
        progress.say(f"resuming beat {first + 1} at {moment.t:.0f} ms")
    change = float("inf")
    for beat in range(first, plan.at_most_beats):
        if moment.step == 0:
            recorder = empty.after(heart, moment, moment)
        for level in march(work, heart, moment, step=plan.step, until=period):
            work, before, moment = level
            recorder = recorder.after(heart, before, moment)
            progress.show(_status(beat, moment.t, period, recorder))
            if moment.step % REFRESH_EVERY == 0 and moment.t < period:
                content = Checkpoint(beat, moment, start, work.effort, recorder.packed())
                save_checkpoint(folder, digest, content)
        change = float(np.abs(volumes_of(moment.blood, CHAMBERS) - start).max())
        progress.say(
            f"beat {beat + 1}: chamber volumes changed by up to {change / mL:.2f} mL "
            f"({work.effort.newton} Newton steps so far)"
        )
        if change <= plan.periodic_within:
            return _Outcome(recorder, work, "converged", beat + 1, change, curve)
        if beat + 1 < plan.at_most_beats:
            moment = next_beat(moment)
            if beat < JUMPS:
                blood = periodic_guess(heart, recorder, moment.blood, curve, steps=400)
                work, moment = refill(work, heart, moment, blood)
            start = volumes_of(moment.blood, CHAMBERS)
    return _Outcome(recorder, work, "not periodic", plan.at_most_beats, change, curve)


def _status(beat: int, t: float, period: float, recorder: Recorder) -> str:
    """One line about where the run is."""
    pressure = recorder.rows["pressure.LV"][-1] / mmHg
    volume = recorder.rows["volume.LV"][-1] / mL
    return f"beat {beat + 1}, {t:.0f} of {period:.0f} ms: LV {pressure:.0f} mmHg, {volume:.0f} mL"
