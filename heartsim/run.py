"""From a scenario to a result: the one function that everyone calls."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from heartsim import runtime
from heartsim.balance import audit
from heartsim.checkpoint import Checkpoint, drop_checkpoint, load_checkpoint, save_checkpoint
from heartsim.equilibrium import Workspace
from heartsim.errors import ScenarioError
from heartsim.indices import summarize, value
from heartsim.lanes import Seat
from heartsim.loading import rule_of
from heartsim.lumped import record
from heartsim.patient import Patient, prepare
from heartsim.progress import Progress
from heartsim.report import write_report
from heartsim.result import Recording, Result, finished, save
from heartsim.scenario import Scenario
from heartsim.settling import settled
from heartsim.units import ms


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
    scenario = targeted(scenario, baseline)
    if (done := stored(scenario, folder)) is not None:
        return done
    platform = runtime.start(device).platform
    with Progress(scenario.name, quiet=quiet) as progress:
        recording = simulate(scenario, folder, platform, progress, resume=resume)
    return kept(recording, scenario, folder)


def stored(scenario: Scenario, folder: Path) -> Result | None:
    """Result of the same scenario that a folder holds already."""
    if not finished(folder):
        return None
    done = Result.load(folder)
    same = done.provenance.get("scenario_sha256") == scenario.content_hash()
    return done if same else None


def simulate(
    scenario: Scenario,
    folder: Path,
    platform: str,
    progress: Progress,
    *,
    resume: bool = False,
    seat: Seat | None = None,
) -> Recording:
    """Beat until periodic.

    Parameters
    ----------
    scenario : Scenario
    folder : Path
        Where checkpoints go.
    platform : str
        What computes, for the record.
    progress : Progress
    resume : bool
        Go on from the last checkpoint in the folder.
    seat : Seat, optional
        Lane of a batch that solves the steps of this heart from its first beat on.
    """
    digest = scenario.content_hash()
    if scenario.patient.model == "0D":
        return record(scenario, _provenance(scenario, digest), {"device": platform})
    compiling = runtime.CompileClock()
    started = time.perf_counter()
    with nullcontext() if seat is None else seat.alone():
        patient = prepare(scenario, progress)
        if seat is not None:
            patient = replace(patient, work=seat.taking(patient.heart, patient.work))
    saved = load_checkpoint(folder, digest) if resume else None

    def keep(checkpoint: Checkpoint) -> None:
        save_checkpoint(folder, digest, checkpoint)

    outcome = settled(scenario, patient, progress, keep=keep, saved=saved)
    patient = outcome.patient
    loop = patient.heart.loop
    elapsed = time.perf_counter() - started
    return outcome.recorder.recording(
        mesh=patient.mesh,
        period=float(loop.period),
        trigger=float(loop.av_delay),
        outcome=(outcome.status, outcome.beats, outcome.change),
        solver=_solver(scenario, patient, outcome.work)
        | {
            "compile_s": round(compiling.seconds, 2),
            "solve_s": round(elapsed - compiling.seconds, 2),
            "peak_memory_MB": runtime.peak_memory_MB(),
            "device": platform,
        },
        reload=None if patient.reload is None else patient.reload.summary(),
        receipts=patient.receipts,
        provenance=_provenance(scenario, digest) | {"passive_curve": outcome.curve.summary()},
    )


def _provenance(scenario: Scenario, digest: str) -> dict[str, object]:
    """What a result says about its origin."""
    return {
        "scenario": scenario.resolved(),
        "scenario_sha256": digest,
        "versions": runtime.versions(),
    }


def kept(recording: Recording, scenario: Scenario, folder: Path) -> Result:
    """Result folder of a recording, with its report; its checkpoint goes."""
    indices = summarize(
        recording,
        audit(recording),
        scenario=scenario.title or scenario.name,
        body_surface=scenario.patient.body_surface,
    )
    result = save(recording, folder, indices)
    write_report(result)
    drop_checkpoint(folder)
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
    others = [targeted(plan, results[0]) for plan in others]
    workers = min(len(others), os.cpu_count() or 1)
    if workers < 2 or runtime.choose_device(device).platform != "cpu":
        return results + [run(plan, Path(folder) / plan.name, **options) for plan in others]
    # spawn, never fork: a forked JAX hangs
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_run_apart, plan, Path(folder) / plan.name, options) for plan in others]
        return results + [Result.load(job.result()) for job in jobs]


def targeted(scenario: Scenario, baseline: Result | None) -> Scenario:
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
        "lanes": work.solver.lanes if isinstance(work.solver, Seat) else 1,
        "precision": "float64, linear solves float32",
    }
