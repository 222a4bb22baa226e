"""Local processes that take jobs one at a time; one that dies costs its own job only.

``concurrent.futures`` breaks the whole pool when one process dies and cannot say which job killed
it. Here each process has its own pipe, so a death is known to belong to one job.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Final, Generic, TypeVar

from heartsim.errors import HeartsimError

Job = TypeVar("Job")
Answer = TypeVar("Answer")

_READY: Final = "ready"
_MOST_STILLBORN: Final = 3
"""Processes in a row that may die before they take a job."""


class Trouble(str):
    """Why a job has no answer after all tries."""


@dataclass
class _Worker(Generic[Job]):
    """A process, the pipe to it, and what it works on."""

    process: BaseProcess
    pipe: Connection
    ready: bool = False
    job: Job | None = None
    attempt: int = 0


def spread(
    call: Callable[[Job], Answer], jobs: Sequence[Job], *, workers: int, retries: int = 1
) -> Iterator[tuple[Job, Answer | Trouble]]:
    """Answers of a function, as they come, from processes of their own.

    Parameters
    ----------
    call : callable
        Importable by its name. An exception or the death of its process is tried again.
    jobs : sequence
        Must pickle.
    workers : int
        Processes, at most as many as jobs.
    retries : int
        How often a job is tried again.

    Yields
    ------
    job, answer
        Or `Trouble` that says what happened at the last try.

    Raises
    ------
    HeartsimError
        If processes do not start at all.
    """
    waiting = deque((job, 1) for job in jobs)
    crew = [_hire(call) for _ in range(min(workers, len(jobs)))]
    left, stillborn = len(jobs), 0
    try:
        while left:
            for pipe in wait([worker.pipe for worker in crew]):
                worker = next(one for one in crew if one.pipe is pipe)
                message = _hear(worker)
                stillborn = 0 if worker.ready else stillborn + 1
                if stillborn > _MOST_STILLBORN:
                    raise _no_start(worker)
                if message is None:
                    crew[crew.index(worker)] = _hire(call)
                    message = Trouble(_death(worker))
                job, attempt, worker.job = worker.job, worker.attempt, None
                if isinstance(message, Trouble) and job is not None and attempt <= retries:
                    waiting.append((job, attempt + 1))
                elif job is not None:
                    left -= 1
                    yield job, message  # pyright: ignore[reportReturnType]
            _hand_out(crew, waiting)
    finally:
        for worker in crew:
            worker.process.kill()
        for worker in crew:
            worker.process.join()


def _hire(call: Callable[[Job], object]) -> _Worker[Job]:
    """Start a process. Spawned, never forked: a forked JAX hangs."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, call), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _hand_out(crew: Sequence[_Worker[Job]], waiting: deque[tuple[Job, int]]) -> None:
    """Give each idle process a job; one that died meanwhile is noticed when it is next heard."""
    for worker in crew:
        if waiting and worker.ready and worker.job is None:
            worker.job, worker.attempt = waiting.popleft()
            with suppress(OSError):
                worker.pipe.send(worker.job)


def _hear(worker: _Worker[Job]) -> object:
    """Next message of a process, None if it died."""
    try:
        message = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        return None
    worker.ready = True
    return message


def _no_start(worker: _Worker[Job]) -> HeartsimError:
    """Error of processes that die before they take a job."""
    return HeartsimError(
        f"processes of this sweep do not start ({_death(worker)}). In a script of yours, call "
        'heartsim.sweep below `if __name__ == "__main__":`, because each process reads the script '
        "again."
    )


def _death(worker: _Worker[Job]) -> str:
    code = worker.process.exitcode or 0
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"its process ended with {how}; out of memory is the usual cause"


def _serve(pipe: Connection, call: Callable[[Job], object]) -> None:
    """Body of a process: answer jobs until the pipe closes."""
    # Ctrl-C reaches the whole group; the parent ends its processes itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_leave_with_parent, daemon=True).start()
    pipe.send(_READY)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            answer = call(job)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to one job
            answer = Trouble(f"{type(error).__name__}: {error}")
        pipe.send(answer)


def _leave_with_parent() -> None:
    """End this process with its parent, even if that is killed: no two may write one folder."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
