"""State of a run in one file, so that an interrupted run goes on exactly where it was.

Checkpoints are taken where the preconditioner is refreshed: all that the coming steps depend on
is then a function of the saved state, and a resumed run repeats an uninterrupted one.
"""

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import jax
import jax.numpy as jnp
import numpy as np

from heartsim.beat import Moment
from heartsim.circulation.closed_loop import State
from heartsim.equilibrium import Effort
from heartsim.errors import ResultError
from heartsim.files import write_file
from heartsim.loading import Trial
from heartsim.wallstate import WallState

NAME: Final = "checkpoint.npz"


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on.

    Attributes
    ----------
    beat : int
        Beats completed.
    moment : Moment
    start : State
        The circulation at the start of the running beat.
    effort : Effort
    traces : mapping of name to array
        What the recorder holds of the running beat.
    curve : mapping of name to array
        Passive curve of the 3D chambers.
    trials : tuple of Trial
        Periodic states that the loading rule has behind it.
    """

    beat: int
    moment: Moment
    start: State
    effort: Effort
    traces: dict[str, np.ndarray]
    curve: dict[str, np.ndarray]
    trials: tuple[Trial, ...] = ()


def save_checkpoint(folder: Path, digest: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all."""
    moment, effort = checkpoint.moment, checkpoint.effort
    content = {
        "digest": np.array(digest),
        "beat": np.array(checkpoint.beat),
        "start": np.array(checkpoint.start),
        "trials": np.array(checkpoint.trials, float).reshape(-1, 2),
        "effort": np.array([getattr(effort, name) for name in effort.__dataclass_fields__]),
        "step": np.array(moment.step),
        "time": np.array([moment.t, moment.dt]),
        "tension": np.asarray(moment.tension),
        "blood": np.array(moment.blood),
        **{f"wall_{k}": np.asarray(v) for k, v in moment.wall._asdict().items()},
        **{f"before_{k}": np.asarray(v) for k, v in moment.before._asdict().items()},
        **{f"trace_{k}": v for k, v in checkpoint.traces.items()},
        **{f"curve_{k}": v for k, v in checkpoint.curve.items()},
    }
    buffer = io.BytesIO()
    np.savez(buffer, **content)
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / NAME, buffer.getvalue())


def load_checkpoint(folder: Path, digest: str) -> Checkpoint | None:
    """Read the checkpoint of a scenario, or None if there is none of it."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            if str(content["digest"]) != digest:
                return None
            saved = {name: content[name] for name in content.files}
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error) as error:
        raise ResultError(
            f"{path}: damaged ({error}), expected a checkpoint of this run. Delete it, or run "
            "without --resume."
        ) from error
    t, dt = saved["time"]
    moment = Moment(
        step=int(saved["step"]),
        t=float(t),
        dt=float(dt),
        wall=_wall(saved, "wall"),
        before=_wall(saved, "before"),
        blood=_blood(saved, "blood"),
        tension=jnp.asarray(saved["tension"]),
    )
    traces, curve = _those(saved, "trace_"), _those(saved, "curve_")
    effort = Effort(*(int(count) for count in saved["effort"]))
    trials = tuple(Trial(*row) for row in saved["trials"].tolist())
    start = _blood(saved, "start")
    return Checkpoint(int(saved["beat"]), moment, start, effort, traces, curve, trials)


def _those(saved: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Arrays under names that begin with a prefix."""
    return {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}


def _blood(saved: dict[str, np.ndarray], name: str) -> State:
    return State(*(jnp.asarray(value) for value in saved[name]))


def _wall(saved: dict[str, np.ndarray], name: str) -> WallState:
    fields = {key: saved[f"{name}_{key}"] for key in WallState._fields}
    return jax.tree.map(jnp.asarray, WallState(**fields))


def drop_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a finished run."""
    (folder / NAME).unlink(missing_ok=True)
