"""From a study to its table: what is missing is run, what is done is kept."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from heartsim.errors import ResultError, ScenarioError
from heartsim.files import write_file
from heartsim.pool import Trouble, spread
from heartsim.progress import Progress
from heartsim.sweep.cluster import on_cluster
from heartsim.sweep.page import write_page
from heartsim.sweep.row import (
    Group,
    Job,
    Row,
    failed,
    read_row,
    run_group,
    run_job,
    write_row,
)
from heartsim.sweep.sensitivity import explain
from heartsim.sweep.study import Case, Study
from heartsim.sweep.table import tabulate, write_table

_Work = TypeVar("_Work", Job, Group)
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class Sweep:
    """A study and what is known of its cases.

    Attributes
    ----------
    study : Study
    folder : Path
        Where rows, cases, table and page lie.
    table : DataFrame
        One row a case, units in the column names.
    sensitivity : DataFrame
        Sensitivity of the outputs to the factors; empty while cases are missing.
    """

    study: Study
    folder: Path
    table: pd.DataFrame
    sensitivity: pd.DataFrame

    @property
    def complete(self) -> bool:
        """Whether every case was run."""
        return "not run" not in set(self.table["status"])

    def summary(self) -> str:
        """How many cases ended how, and why."""
        counts = self.table["status"].value_counts()
        lines = [", ".join(f"{count} {status}" for status, count in sorted(counts.items()))]
        bad = self.table[self.table["status"] == "failed"]
        lines += [
            f"  {len(group)} failed, first case {group['case'].tolist()[0]}: {reason}"
            for reason, group in bad.groupby("reason", sort=False)
        ]
        return "\n".join(lines)


def sweep(
    study: Study | str | Path,
    folder: str | Path | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    shard: tuple[int, int] = (1, 1),
    batch: int = 1,
    retries: int = 1,
    retry_failed: bool = False,
    collect: bool = False,
    resume: bool = False,
    device: str | None = None,
    quiet: bool = False,
) -> Sweep:
    """Run the cases of a study that were not run yet, and tabulate all.

    A case is known by its inputs: one that is done is never run again, also not in a longer
    study in the same folder; one whose inputs changed is another case.

    Parameters
    ----------
    study : Study or path
    folder : path, optional
        Where everything goes; ``runs/NAME`` by default.
    workers : int, optional
        Local processes; one for each core by default.
    scheduler : str, optional
        Address of a Dask scheduler instead, such as ``"tcp://10.0.0.1:8786"``.
    shard : pair of int, optional
        ``(i, n)``: only each n-th case from the i-th on, from 1.
    batch : int
        Cases that each process runs together in one compiled step; they should share a mesh. The
        table is then the same within the tolerances of a step, not to the last digit.
    retries : int
        How often a case is tried again when its process dies or something unforeseen happens.
        Input that cannot be used and solves that fail would fail again: they are not.
    retry_failed : bool
        Run failed cases again.
    collect : bool
        Run nothing, tabulate what is there.
    resume : bool
        Go on from the checkpoints inside interrupted cases.
    device : {"cpu", "gpu"}, optional
        Where to compute; the best at hand by default.
    quiet : bool
        No progress.

    Returns
    -------
    Sweep

    Raises
    ------
    ScenarioError
        If the study cannot be used.
    """
    plan = study if isinstance(study, Study) else Study.read(study)
    place, count = shard
    if batch < 1:
        raise ScenarioError(f"batch {batch} is not there. Write a number from 1.")
    if not 1 <= place <= count:
        raise ScenarioError(
            f"shard {place}/{count} is not there. Write 1/{count} to {count}/{count}."
        )
    root = _opened(Path(folder) if folder is not None else Path("runs") / plan.name, plan)
    mine = () if collect else plan.cases[place - 1 :: count]
    todo = _missing(mine, root / "rows", retry_failed)
    jobs = [
        Job(case.name, case.scenario, str((root / "cases" / case.name).absolute()), device, resume)
        for case in todo.values()
    ]
    with Progress(plan.name, quiet=quiet) as progress:
        if done := len({case.name for case in mine}) - len(jobs):
            progress.say(f"{done} cases are done already")
        answers = _answers(jobs, workers, scheduler, retries, batch)
        for job, row in _reported(answers, jobs, progress):
            write_row(root / "rows", job.name, todo[job.name].digest, row)
    return _finished(plan, root)


def _opened(root: Path, plan: Study) -> Path:
    """Folder of a study, with a copy of its file."""
    if root.exists() and not root.is_dir():
        raise ResultError(f"{root} is a file; a sweep needs a folder. Choose another name.")
    for name in ("rows", "cases"):
        (root / name).mkdir(parents=True, exist_ok=True)
    if plan.text:
        write_file(root / "study.toml", plan.text)
    return root


def _missing(cases: Sequence[Case], rows: Path, retry_failed: bool) -> dict[str, Case]:
    """Cases without a row, each once, by name; leftovers of killed processes are removed."""
    missing = {}
    for case in cases:
        row = read_row(rows, case.name, case.digest)
        if row is None or (retry_failed and row.status == "failed"):
            missing[case.name] = case
            for aside in (rows.parent / "cases").glob(f".{case.name}.*"):
                shutil.rmtree(aside, ignore_errors=True)
            for aside in rows.glob(f".{case.name}.*"):
                aside.unlink(missing_ok=True)
    return missing


def _answers(
    jobs: Sequence[Job], workers: int | None, scheduler: str | None, retries: int, batch: int
) -> Iterator[tuple[Job, Row | Trouble]]:
    """Rows as they come, from local processes or a cluster, one by one or in groups."""

    def spread_out(call: Callable[[_Work], _Row], work: Sequence[_Work]):
        if scheduler is not None:
            return on_cluster(call, work, address=scheduler, retries=retries)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return spread(call, work, workers=workers or cores or 1, retries=retries)

    if batch == 1:
        yield from spread_out(run_job, jobs)
        return
    groups = [Group(tuple(jobs[k : k + batch])) for k in range(0, len(jobs), batch)]
    for group, rows in spread_out(run_group, groups):
        found = [rows] * len(group.jobs) if isinstance(rows, Trouble) else rows
        yield from zip(group.jobs, found, strict=True)


def _reported(
    answers: Iterator[tuple[Job, Row | Trouble]], jobs: Sequence[Job], progress: Progress
) -> Iterator[tuple[Job, Row]]:
    """Rows as they come, with a line of progress each."""
    start, bad = time.monotonic(), 0
    for done, (job, answer) in enumerate(answers, start=1):
        row = failed(answer) if isinstance(answer, Trouble) else answer
        yield job, row
        bad += row.status == "failed"
        left = (time.monotonic() - start) / done * (len(jobs) - done)
        trouble = f", {bad} failed" if bad else ""
        progress.show(f"{done} of {len(jobs)} cases{trouble}, about {_spoken(left)} left")


def _spoken(seconds: float) -> str:
    """Duration as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _finished(plan: Study, root: Path) -> Sweep:
    """Table of all rows at hand; with all of them, sensitivity and page as well."""
    found = {case.name: read_row(root / "rows", case.name, case.digest) for case in plan.cases}
    table = tabulate(plan, {name: row for name, row in found.items() if row is not None})
    size = (plan.sample.size or 0) if plan.sample.method == "sobol" else 0
    factors = [one.column for one in plan.factors if one.numeric]
    complete = None not in found.values()
    effects = explain(table, factors, plan.explained, size=size) if complete else pd.DataFrame()
    ended = Sweep(plan, root, table, effects)
    write_table(table, root)
    if complete:
        write_file(root / "sensitivity.csv", effects.to_csv(index=False, lineterminator="\n"))
        write_page(plan, table, effects, root)
    return ended
