"""The unloaded shape of a heart that was imaged under load.

Backward displacement [1]_: guess the unloaded shape, load it, move its nodes back by the error
at the imaged shape, repeat; Anderson mixing of the last guesses speeds it up where the wall is
thin and soft. Each round starts from the last one's wall and solves only roughly, so most take
one Newton step; the last one is solved to the end.

References
----------
.. [1] Sellier (2011). An iterative method for the inverse elasto-static problem.
   doi:10.1016/j.jfluidstructs.2011.08.002
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from heartsim import equilibrium
from heartsim.coupling import WallState
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.heart import Heart
from heartsim.units import mm

CLOSE_ENOUGH: Final = 0.01 * mm
"""Mean node error of the reloaded shape at which the search stops."""

USABLE: Final = 0.5 * mm
"""Mean node error of a reloaded shape that a run accepts: about a voxel of cardiac CT."""

ROUGH_ABOVE: Final = 0.2 * mm
"""Mean node error above which a round solves as roughly as can be; below it in proportion."""

MOST_ROUNDS: Final = 40
MEMORY: Final = 4
"""Earlier guesses that Anderson mixing combines."""

LEAST_RATIO: Final = 0.7
"""A cell keeps at least this share of its volume in one move of the unloaded shape."""

MOST_HALVINGS: Final = 12
"""Trials of a move; nodes that are still in the way have all but stayed where they were."""

Shape = Float[np.ndarray, "v 3"]


Listener = Callable[[int, float], None]
"""Told the round of a search and the mean node error [mm]."""


class Guess(NamedTuple):
    """Where a search starts: an unloaded shape [mm], and the loaded wall on it."""

    points: Shape
    wall: WallState


@dataclass(frozen=True)
class Unloaded:
    """Result of the search.

    Attributes
    ----------
    points : (v, 3)
        Unloaded vertex positions [mm].
    wall : WallState
        The reloaded wall on that shape.
    largest_error, mean_error : float
        Distance of the reloaded vertices from the imaged ones [mm].
    rounds : int
        Solves it took.
    """

    points: Shape
    wall: WallState
    largest_error: float
    mean_error: float
    rounds: int

    def summary(self) -> Mapping[str, float | int]:
        """Numbers for the report."""
        return {
            "max_node_error_mm": self.largest_error / mm,
            "mean_node_error_mm": self.mean_error / mm,
            "iterations": self.rounds,
        }


def unload(
    work: Workspace,
    heart_at: Callable[[Shape], Heart],
    imaged: Shape,
    pressure: Float[np.ndarray, " k"],
    *,
    start: Guess | None = None,
    enough: float = CLOSE_ENOUGH,
    report: Listener | None = None,
) -> tuple[Unloaded, Workspace]:
    """Find the shape that takes the imaged shape under the imaged pressures.

    Parameters
    ----------
    work : Workspace
        Solver.
    heart_at : callable
        The heart on a given stress-free shape of its vertices.
    imaged : (v, 3)
        Imaged vertex positions [mm].
    pressure : (k,)
        Cavity pressures at imaging [kPa].
    start : Guess, optional
        Where to start; the imaged shape itself by default.
    enough : float
        Mean node error of the reloaded shape at which the search stops [mm].
    report : callable, optional
        Told the round and the mean node error [mm].

    Raises
    ------
    SolveFailed
        If the wall cannot be held, or the error stays above `USABLE`.
    """
    shape = imaged if start is None else start.points
    heart, history, rounds, rough = heart_at(shape), [], 1, equilibrium.ROUGH
    guess = equilibrium.rest(heart) if start is None else start.wall
    state, work = equilibrium.hold(work, heart, guess, pressure, force=rough)
    settled = False
    while True:
        error = shape + np.asarray(state.u)[: len(imaged)] - imaged
        distance = np.linalg.norm(error, axis=1)
        found = Unloaded(shape, state, float(distance.max()), float(distance.mean()), rounds)
        last = found.mean_error < enough or rounds == MOST_ROUNDS
        if last and not settled:
            state, work = equilibrium.hold(work, heart, state, pressure)
            settled = True
            continue
        if report is not None:
            report(rounds, found.mean_error)
        if last:
            break
        rounds += 1
        history = [*history[-MEMORY:], (shape, error)]
        heart, shape = _towards(heart_at, heart, _mixed(history), state)
        # noise of rough solves must stay below the error that the next move is made of
        force = rough * min(1.0, found.mean_error / ROUGH_ABOVE)
        # a heart on which Newton's method has failed once is spared further trials
        creep = work.effort.failed > 0
        try:
            state, work = equilibrium.hold(work, heart, state, pressure, force=force, creep=creep)
        except SolveFailed:
            if found.mean_error > USABLE:
                raise
            break
        settled = False
    if found.mean_error > USABLE:
        raise SolveFailed(
            f"unloaded shape: after {rounds} rounds the reloaded heart is still "
            f"{found.mean_error:.2f} mm from the imaged one on average. Lower "
            'patient.imaged_pressure, stiffen the tissue, or set imaged_at = "unloaded".'
        )
    return found, work


def _towards(
    heart_at: Callable[[Shape], Heart], heart: Heart, wanted: Shape, wall: WallState
) -> tuple[Heart, Shape]:
    """Move the unloaded shape as far as the loaded wall on it stays a good guess.

    Nodes of cells that the move would squeeze go half the way, and again half if need be: a thin
    lip between two valve openings then holds back itself and not the whole heart.
    """
    vertices = len(wanted)
    last = np.asarray(heart.solid.space.points)[:vertices]
    corners = np.asarray(heart.solid.space.cells)[:, :4]
    size, share = np.asarray(heart.cell_volume), np.ones((vertices, 1))
    following, shape = heart, last
    for _ in range(MOST_HALVINGS):
        shape = last + share * (wanted - last)
        following = heart_at(shape)
        ratio = equilibrium.volume_ratios(following, wall)
        narrow = np.minimum(np.asarray(ratio).min(axis=1), following.cell_volume / size)
        if narrow.min() > LEAST_RATIO:
            break
        share[np.unique(corners[narrow <= LEAST_RATIO])] *= 0.5
    return following, shape


def _mixed(history: list[tuple[Shape, Shape]]) -> Shape:
    """Next guess: the combination of earlier ones with the smallest error, moved back by it."""
    shape, error = history[-1]
    if len(history) == 1:
        return shape - error
    past_error = np.stack([error.ravel() - e.ravel() for _, e in history[:-1]], axis=1)
    past_shape = np.stack([shape.ravel() - x.ravel() for x, _ in history[:-1]], axis=1)
    weights = np.linalg.lstsq(past_error, error.ravel(), rcond=1e-8)[0]
    best_error = error.ravel() - past_error @ weights
    best_shape = shape.ravel() - past_shape @ weights
    return (best_shape - best_error).reshape(shape.shape)
