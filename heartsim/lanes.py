"""Several hearts of one topology solve their steps in one compiled program.

Each heart is followed by a thread of its own with the ordinary host code (`beat`, `equilibrium`,
`run`); only the compiled step is shared. A heart that needs a step takes its seat at a `Meeting`
and waits; when all have, one of them makes all steps at once. So hearts may be at different times
of their beats, cut their own steps and end when they like, and whatever happens in one lane is the
business of its own thread.

Index tables (mesh, elimination plan, facets) are shared by all lanes, numbers are not. One set of
factors, of the mean tangent, preconditions all lanes and is renewed when one asks.
"""

import operator
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from heartsim.bloodside import BloodSide
from heartsim.circulation.closed_loop import State
from heartsim.coupling import StepInfo, Tolerances, solve_step
from heartsim.equilibrium import Workspace, sharable
from heartsim.errors import SolveFailed
from heartsim.fem.factorized import Factorized
from heartsim.heart import Heart, Load
from heartsim.programs import Program
from heartsim.wallstate import WallState

_Tree = TypeVar("_Tree")


class Task(NamedTuple):
    """What one lane wants solved, apart from its linear solver."""

    heart: Heart
    guess: WallState
    blood: BloodSide
    load: Load
    tolerances: Tolerances


class Solved(NamedTuple):
    """Answer of a lane, or of all of them stacked."""

    wall: WallState
    state: State | None
    info: StepInfo


def _varies(leaf: object) -> bool:
    """Whether an array is a lane's own: numbers are, index tables are not."""
    return eqx.is_inexact_array(leaf)


@Program
def solve_together(own: Task, common: Task, kept: Factorized) -> tuple[Solved, Factorized]:
    """One implicit step of every lane.

    Parameters
    ----------
    own, common : Task
        Numbers of the lanes, stacked, and what they share.
    kept : Factorized
        Factors that serve them all.
    """

    def one(mine: Task) -> tuple[Solved, Factorized]:
        task = eqx.combine(mine, common)
        wall, state, info, after = solve_step(
            task.heart, kept, task.guess, task.blood, task.load, task.tolerances
        )
        if not isinstance(after, Factorized):
            raise TypeError("a batch keeps factors")
        return Solved(wall, state, info), after

    return jax.vmap(one, out_axes=(0, None))(own)


def stacked(tasks: list[Task]) -> tuple[Task, Task]:
    """Numbers of several lanes stacked, and what they have in common.

    Raises
    ------
    SolveFailed
        If their hearts are built differently.
    """
    own, common = zip(*(eqx.partition(task, _varies) for task in tasks), strict=True)
    kinds = {jax.tree.structure(one) for one in (*own, *common)}
    shapes = {tuple(leaf.shape for leaf in jax.tree.leaves(one)) for one in own}
    if len(kinds) > 2 or len(shapes) > 1:
        raise SolveFailed(
            "hearts of a batch are built differently. Batch scenarios of one mesh, element family "
            "and tissue law; run the others apart."
        )
    return _stack(own), common[0]


@Program
def _stack(trees: tuple[_Tree, ...]) -> _Tree:
    """Stack the arrays of several trees, in one call: there are hundreds of small ones."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@Program
def _apart(tree: _Tree, count: int) -> list[_Tree]:
    """The lanes of a stacked tree, in one call."""
    return [jax.tree.map(lambda leaf, k=k: leaf[k], tree) for k in range(count)]


class Meeting:
    """Where lanes wait for one another. Make one `Seat` for each thread, and let threads end it."""

    def __init__(self, seats: int) -> None:
        self._turn = threading.Condition()
        self._alone = threading.Lock()
        self._present = set(range(seats))
        self._wanted: dict[int, tuple[Task, Factorized]] = {}
        self._found: dict[int, tuple[Solved, Factorized] | BaseException] = {}
        self._built: tuple[tuple[object, ...], list[np.ndarray]] | None = None
        self._hearts: tuple[list[object], Heart, Heart] | None = None
        self.lanes = seats
        self.rounds = 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One thread at a time, for work that does not batch."""
        with self._alone:
            yield

    def solve(self, seat: int, task: Task, kept: Factorized) -> tuple[Solved, Factorized]:
        """Step of one lane, made with those of all others; waits for them."""
        with self._turn:
            self._wanted[seat] = (task, kept)
            self._go_when_complete()
            while seat not in self._found:
                self._turn.wait()
            answer = self._found.pop(seat)
        if isinstance(answer, BaseException):
            raise SolveFailed(f"the batched step failed: {answer}") from answer
        return answer

    def leave(self, seat: int) -> None:
        """A lane has ended: the others do not wait for it any more."""
        with self._turn:
            self._present.discard(seat)
            self._go_when_complete()

    def admits(self, heart: Heart, kept: Factorized) -> bool:
        """Whether a heart is built like the first one, index tables included."""
        leaves = jax.tree.leaves((heart, kept.plan))
        shape = (jax.tree.structure(heart), *(np.shape(leaf) for leaf in leaves))
        tables = [np.asarray(leaf) for leaf in leaves if not _varies(leaf)]
        with self._turn:
            first = self._built = self._built or (shape, tables)
            return first[0] == shape and all(map(np.array_equal, first[1], tables))

    def _go_when_complete(self) -> None:
        """Make a round if everyone present has asked; the caller holds the turn."""
        if not self._wanted or self._present - self._wanted.keys():
            return
        seats = sorted(self._wanted)
        try:
            self._found |= self._round(seats)
        except Exception as error:  # noqa: BLE001 - each lane tells it as its own failure
            self._found |= dict.fromkeys(seats, error)
        self._wanted.clear()
        self._turn.notify_all()

    def _round(self, seats: list[int]) -> dict[int, tuple[Solved, Factorized]]:
        # an empty lane repeats the first one: the program keeps its shape
        places = [seat if seat in self._wanted else seats[0] for seat in range(self.lanes)]
        own, common = self._stacked([self._wanted[seat][0] for seat in places])
        solvers = [self._wanted[seat][1] for seat in seats]
        oldest = max(solvers, key=lambda kept: float(kept.wear.spent))
        asked = jnp.asarray(any(bool(kept.renews) for kept in solvers))
        wear = replace(oldest.wear, worn=asked)
        solved, kept = solve_together(own, common, replace(oldest, wear=wear))
        self.rounds += 1
        lanes = _apart(solved, self.lanes)
        return {seat: (lanes[seat], kept) for seat in seats}

    def _stacked(self, tasks: list[Task]) -> tuple[Task, Task]:
        """Tasks stacked; hearts, which rarely change, only when they have."""
        leaves = [leaf for task in tasks for leaf in jax.tree.leaves(task.heart)]
        if self._hearts is not None:
            before, numbers, tables = self._hearts
            # index tables only: nothing of the hearts is stacked again
            if len(before) == len(leaves) and all(map(operator.is_, before, leaves)):
                own, common = stacked([task._replace(heart=tables) for task in tasks])
                return own._replace(heart=numbers), common
        own, common = stacked(tasks)
        self._hearts = (leaves, own.heart, common.heart)
        return own, common


class Seat:
    """One lane of a meeting: solves the steps of one heart after the other."""

    def __init__(self, meeting: Meeting, number: int) -> None:
        self._meeting, self._number, self._left = meeting, number, False

    @property
    def lanes(self) -> int:
        """Hearts that are solved together."""
        return self._meeting.lanes

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else in the meantime."""
        return self._meeting.alone()

    def leave(self) -> None:
        """Let the others go on without this lane, for good."""
        self._left = True
        self._meeting.leave(self._number)

    def taking(self, heart: Heart, work: Workspace) -> Workspace:
        """Workspace of a heart that is solved here from now on; its own if it cannot be.

        A heart too large for factors, or of another mesh, is solved by its own thread alone.
        """
        if self._left:
            return work
        shared = sharable(work, heart) if self.lanes > 1 else work
        if isinstance(shared.kept, Factorized) and self._meeting.admits(heart, shared.kept):
            return replace(shared, solver=self)
        self.leave()
        return work

    def __call__(
        self,
        heart: Heart,
        kept: Factorized,
        guess: WallState,
        blood: BloodSide,
        load: Load,
        tolerances: Tolerances,
    ) -> tuple[WallState, State | None, StepInfo, Factorized]:
        """The same as `coupling.solve_step`."""
        task = Task(heart, guess, blood, load, tolerances)
        solved, kept = self._meeting.solve(self._number, task, kept)
        return solved.wall, solved.state, solved.info, kept
