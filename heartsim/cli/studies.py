"""Command that runs many hearts: sweep."""

import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from heartsim.cli.app import Device, Folder, Switch, app, say
from heartsim.errors import ScenarioError, SolveFailed


@app.command
def sweep(
    study: str,
    /,
    *,
    output: Folder = None,
    workers: Annotated[int | None, Parameter(alias="--jobs")] = None,
    scheduler: str | None = None,
    shard: str = "1/1",
    batch: int = 1,
    retries: int = 1,
    retry_failed: Switch = False,
    collect: Switch = False,
    dry_run: Switch = False,
    resume: Switch = False,
    device: Device = None,
    quiet: Switch = False,
) -> int:
    """Run a grid, a sample or a list of hearts into one table.

    Cases that are done are never run again, so the same command goes on after an interruption.
    Example: heartsim sweep heart_failure_output --workers 2 -o runs/output

    Parameters
    ----------
    study
        Study file, or the name of one that ships with the package.
    output
        Folder for table, page and cases; runs/NAME by default.
    workers
        Local processes; one for each core by default.
    scheduler
        Address of a Dask scheduler to use instead, such as tcp://10.0.0.1:8786.
    shard
        I/N, run only each N-th case from the I-th on: one batch job each.
    batch
        Cases of one mesh that each process runs together in one compiled step.
    retries
        How often a case is tried again when its process dies.
    retry_failed
        Run failed cases again.
    collect
        Run nothing; write table and page of what shards left.
    dry_run
        Check the study and print its cases.
    resume
        Go on from checkpoints inside interrupted cases.
    device
        Where to compute; the best at hand by default.
    quiet
        No progress.
    """
    from heartsim.sweep import Study
    from heartsim.sweep import sweep as run_study

    if workers is not None and workers < 1:
        raise ScenarioError(f"--workers {workers}: write a number from 1.")
    if workers is not None and scheduler is not None:
        raise ScenarioError("--workers and --scheduler: choose one.")
    plan = Study.read(study)
    if dry_run:
        say(_listing(plan.cases))
        return 0
    ended = run_study(
        plan,
        output or Path("runs") / plan.name,
        workers=workers,
        scheduler=scheduler,
        shard=_shard(shard),
        batch=batch,
        retries=retries,
        retry_failed=retry_failed,
        collect=collect,
        resume=resume,
        device=device,
        quiet=quiet,
    )
    say(ended.summary())
    say(str(ended.folder / "table.csv"))
    if not ended.complete:
        say("Some cases are not run. Run the other shards, then the same command with --collect.")
        return 0
    say(str(ended.folder / "report.html"))
    return SolveFailed.exit_code if set(ended.table["status"]) == {"failed"} else 0


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None:
        raise ScenarioError(f"--shard {text}: write I/N, such as 2/8 for the second of eight.")
    return int(match[1]), int(match[2])


def _listing(cases: tuple) -> str:
    """Cases of a study as aligned columns."""
    import pandas as pd

    table = pd.DataFrame([{"case": case.number, **case.inputs} for case in cases])
    return table.to_string(index=False) + f"\n{len(cases)} cases"
