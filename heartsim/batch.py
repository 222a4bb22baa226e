"""Many scenarios of one mesh at once: one compiled step for all of them.

Each lane runs the ordinary host code in a thread of its own, and takes the next scenario when it
has finished one; `heartsim.lanes` joins their steps. A scenario that fails costs its own lane only.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue

from heartsim import runtime
from heartsim.errors import HeartsimError, ScenarioError
from heartsim.lanes import Meeting, Seat
from heartsim.pool import Trouble
from heartsim.progress import Progress
from heartsim.result import Recording, Result
from heartsim.run import kept, simulate, stored, targeted
from heartsim.scenario import Scenario

Outcome = Result | Trouble
_Ended = SimpleQueue[tuple[int, Recording | Exception]]


def run_batch(
    scenarios: Sequence[Scenario],
    folder: str | Path = "runs",
    *,
    folders: Sequence[str | Path] | None = None,
    lanes: int = 8,
    device: str | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> list[Outcome]:
    """Run scenarios of one mesh, several at a time in one compiled program.

    They may differ in everything that is a number: tissue, activation, circulation, valves,
    supports, procedures that change the heart. Those of another mesh, element or law, and hearts
    too large for kept factors, are run by themselves. A result equals that of `run` within the
    tolerances of a step.

    Parameters
    ----------
    scenarios : sequence of Scenario
    folder : path
        Where the result folders go, each under its scenario's name.
    folders : sequence of path, optional
        Result folders instead, one a scenario.
    lanes : int
        Hearts that are solved together.
    device, resume, quiet
        As in `run`.

    Returns
    -------
    list of Result or Trouble
        In the order of the scenarios; `Trouble` says why one has no result.

    Raises
    ------
    ScenarioError
        If two results would go into one folder.
    OSError
        If a result cannot be written, such as to a full disk; after all others are.
    """
    places = [Path(p) for p in folders] if folders else [Path(folder) / s.name for s in scenarios]
    if len(set(places)) < len(scenarios) or len(places) != len(scenarios) or lanes < 1:
        raise ScenarioError(
            f"a batch of {len(scenarios)} scenarios in {lanes} lanes has {len(set(places))} result "
            "folders. Give each scenario a name or a folder of its own, and at least one lane."
        )
    platform = runtime.start(device).platform
    jobs, found = dict[int, tuple[Scenario, Path]](), dict[int, Outcome]()
    for k, (scenario, place) in enumerate(zip(scenarios, places, strict=True)):
        try:
            jobs[k] = (targeted(scenario, None), place)
            done = stored(*jobs[k])
        except HeartsimError as error:
            done = _told(error)
        if done is not None:
            found[k] = done
    waiting = deque(k for k in jobs if k not in found)
    count, missing = min(lanes, len(waiting)), len(waiting)
    meeting, ended = Meeting(count), _Ended()

    def simulated(k: int, seat: Seat) -> Recording:
        plan, place = jobs[k]
        with Progress(plan.name, quiet=quiet) as progress:
            return simulate(plan, place, platform, progress, resume=resume, seat=seat)

    for number in range(count):
        words = (Seat(meeting, number), waiting, simulated, ended)
        threading.Thread(target=_lane, args=words, daemon=True).start()
    found |= _collected(ended, missing, jobs)
    return [found[k] for k in range(len(scenarios))]


def _lane(
    seat: Seat, waiting: deque[int], simulated: Callable[[int, Seat], Recording], ended: _Ended
) -> None:
    """Body of a thread: one scenario after the other, until none waits."""
    try:
        while waiting:
            try:
                k = waiting.popleft()
            except IndexError:
                return
            try:
                ended.put((k, simulated(k, seat)))
            except Exception as error:  # noqa: BLE001 - it belongs to one scenario
                ended.put((k, error))
    finally:
        seat.leave()


def _collected(
    ended: _Ended, missing: int, jobs: Mapping[int, tuple[Scenario, Path]]
) -> dict[int, Outcome]:
    """Results of the lanes, written as they come; what could not be written is raised last."""
    found, unwritten = dict[int, Outcome](), list[Exception]()
    for _ in range(missing):
        k, outcome = ended.get()
        if isinstance(outcome, Exception):
            found[k] = _told(outcome)
            continue
        try:
            # pages are drawn here: libraries that draw want the main thread
            found[k] = kept(outcome, *jobs[k])
        except Exception as error:  # noqa: BLE001 - the other lanes go on
            unwritten.append(error)
    if unwritten:
        raise unwritten[0]
    return found


def _told(error: Exception) -> Trouble:
    """Why a scenario has no result."""
    foreseen = "" if isinstance(error, HeartsimError) else "unforeseen "
    return Trouble(f"{foreseen}{type(error).__name__}: {error}")
