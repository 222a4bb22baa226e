"""The unloaded shape of a heart that was imaged under load.

Backward displacement [1]_: guess the unloaded shape, load it, move its nodes back by the error
at the imaged shape, repeat; Anderson mixing of the last guesses speeds it up where the wall is
thin and soft. Each solve starts from the last one, so it takes a few Newton steps.

References
----------
.. [1] Sellier (2011). An iterative method for the inverse elasto-static problem.
   doi:10.1016/j.jfluidstructs.2011.08.002
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from heartsim import equilibrium
from heartsim.bloodside import pressures_given
from heartsim.coupling import WallState
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.heart import Heart
from heartsim.units import mm

CLOSE_ENOUGH: Final = 0.02 * mm
"""Largest node error of the reloaded shape at which the search stops."""

USABLE: Final = 0.1 * mm
"""Largest node error of a reloaded shape that a run accepts."""

MOST_ROUNDS: Final = 40
MEMORY: Final = 4
"""Earlier guesses that Anderson mixing combines."""

LONGEST_MOVE: Final = 3.0 * mm
"""A loaded wall is carried from one shape to the next in moves of at most this distance."""

SMALLEST_MOVE: Final = 1.0 / 16.0
"""Part of the way below which moves give up."""

Shape = Float[np.ndarray, "v 3"]


Listener = Callable[[int, float], None]
"""Told the round of a search and the largest node error [mm]."""


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
        Largest node error of the reloaded shape at which the search stops [mm].
    report : callable, optional
        Told the round and the largest node error [mm].

    Raises
    ------
    SolveFailed
        If a load step fails or the error stays above `USABLE`.
    """
    shape = imaged if start is None else start.points
    heart, history, rounds = heart_at(shape), [], 0
    guess = equilibrium.rest(heart) if start is None else start.wall
    state, work = equilibrium.hold(work, heart, guess, pressure)
    while True:
        rounds += 1
        error = shape + np.asarray(state.u)[: len(imaged)] - imaged
        distance = np.linalg.norm(error, axis=1)
        if report is not None:
            report(rounds, float(distance.max()))
        if distance.max() < enough or rounds == MOST_ROUNDS:
            break
        history = [*history[-MEMORY:], (shape, error)]
        last, shape = shape, _mixed(history)
        state, work = _reload(work, heart_at, state, (last, shape), pressure)
    if distance.max() > USABLE:
        raise SolveFailed(
            f"unloaded shape: after {rounds} rounds the reloaded heart is still "
            f"{distance.max():.2f} mm from the imaged one. Lower patient.imaged_pressure, stiffen "
            'the tissue, or set imaged_at = "unloaded".'
        )
    return Unloaded(shape, state, float(distance.max()), float(distance.mean()), rounds), work


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


def _reload(
    work: Workspace,
    heart_at: Callable[[Shape], Heart],
    state: WallState,
    shapes: tuple[Shape, Shape],
    pressure: Float[np.ndarray, " k"],
) -> tuple[WallState, Workspace]:
    """Carry a loaded wall from one unloaded shape to the next; from empty where that fails."""
    last, following = shapes
    blood = pressures_given(jnp.asarray(pressure))
    farthest = np.linalg.norm(following - last, axis=1).max()
    fraction, size = 0.0, min(1.0, LONGEST_MOVE / farthest)
    while fraction < 1.0 and size >= SMALLEST_MOVE:
        target = min(1.0, fraction + size)
        heart = heart_at(last + target * (following - last))
        load = equilibrium.passive_load(heart)
        again, _, info, work = equilibrium.step(work, heart, state, blood, load)
        if bool(info.converged):
            fraction, state = target, again
        else:
            work = equilibrium.refresh(work, heart, state, load)
            size *= 0.5
    if fraction == 1.0:
        return state, work
    heart = heart_at(following)
    return equilibrium.inflate(work, heart, equilibrium.rest(heart), pressure)
