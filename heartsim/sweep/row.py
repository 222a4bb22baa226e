"""One case: run it, and keep what the table needs of it as one small file."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heartsim.errors import HeartsimError
from heartsim.files import write_file
from heartsim.indices.catalogue import CATALOGUE, value
from heartsim.pool import Trouble
from heartsim.result import Result
from heartsim.scenario import Scenario


@dataclass(frozen=True)
class Row:
    """Outcome of a case.

    Attributes
    ----------
    status : str
        ``"converged"``, ``"not periodic"``, or ``"failed"``.
    reason : str
        Why, if it did not converge.
    indices : mapping of key to float
        The catalogue of `heartsim.indices`, not a number where undefined.
    """

    status: str
    reason: str = ""
    indices: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What a process needs to run a case; it can be sent to another machine.

    Attributes
    ----------
    name : str
        Name of the case.
    scenario : Scenario
        What is run.
    folder : str
        Result folder.
    device : str, optional
        Where to compute.
    resume : bool
        Go on from a checkpoint inside the case.
    """

    name: str
    scenario: Scenario
    folder: str
    device: str | None = None
    resume: bool = False


def run_job(job: Job) -> Row:
    """Run a case into its folder.

    What the physics or the input forbids is a row; what may pass (a full disk, a lost node) is
    raised, so that the caller may try again.
    """
    # jax starts here, in the process that computes, and nowhere else
    from heartsim.run import run

    try:
        result = run(job.scenario, job.folder, device=job.device, resume=job.resume, quiet=True)
    except HeartsimError as error:
        return failed(f"{type(error).__name__}: {error}")
    return row_of(result)


@dataclass(frozen=True)
class Group:
    """Cases that one process runs together, in one compiled step."""

    jobs: tuple[Job, ...]

    @property
    def name(self) -> str:
        """Name of the first."""
        return self.jobs[0].name


def run_group(group: Group) -> list[Row]:
    """Run cases together; a case that fails is a row and costs the others nothing."""
    from heartsim.batch import run_batch

    first = group.jobs[0]
    outcomes = run_batch(
        [job.scenario for job in group.jobs],
        folders=[job.folder for job in group.jobs],
        lanes=len(group.jobs),
        device=first.device,
        resume=first.resume,
        quiet=True,
    )
    return [failed(one) if isinstance(one, Trouble) else row_of(one) for one in outcomes]


def row_of(result: Result) -> Row:
    """Row of a finished result."""
    status, reason = str(result.indices["status"]), ""
    if status != "converged":
        change = value(result.indices, "periodicity.volume_change_mL")
        reason = f"{status} after {result.indices['beats']} beats, {change:.2g} mL between them"
    return Row(status, reason, {i.key: value(result.indices, i.key) for i in CATALOGUE})


def failed(reason: str) -> Row:
    """Row of a case without result; the reason on one line."""
    return Row("failed", " ".join(reason.split()))


def write_row(folder: Path, name: str, digest: str, row: Row) -> None:
    """Keep a row, whole or not at all."""
    known = {key: x for key, x in row.indices.items() if math.isfinite(x)}
    content = {
        "scenario_sha256": digest,
        "status": row.status,
        "reason": row.reason,
        "indices": known,
    }
    write_file(folder / f"{name}.json", json.dumps(content, indent=1) + "\n")


def read_row(folder: Path, name: str, digest: str) -> Row | None:
    """Row of a case that was run before with the same inputs; None if there is none."""
    try:
        content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        if content["scenario_sha256"] != digest:
            return None
        return Row(content["status"], content["reason"], content["indices"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
