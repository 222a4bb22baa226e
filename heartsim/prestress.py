"""The unloaded shape of a heart that was imaged under load: inverse elastostatics.

Where the loaded wall is is known: in the image. Unknown is the stress-free shape X in which the
wall would rest, so the balance of the loaded wall is solved for X instead of for the displacement
[1]_: Newton's method on the same residual, differentiated by the shape, fibers carried along.
Loads stand where the image has them and every cell of the loaded wall is as good as its mesh, so
nothing folds on the way. The derivative by X is the forward tangent, turned round, and what
the strained wall adds: GMRES on the forward solver's preconditioner.

References
----------
.. [1] Govindjee & Mihalic (1996). Computational methods for inverse finite elastostatics.
   doi:10.1016/0045-7825(96)01045-6
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from heartsim import equilibrium
from heartsim.coupling import WallState
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.fem.linear import Kept
from heartsim.fem.solid import deformation, volume_ratio_all
from heartsim.heart import Heart, cavity_gradients, linearize, loaded_residual
from heartsim.solve.krylov import gmres
from heartsim.units import mm

USABLE: Final = 0.1 * mm
"""Largest node error of a reloaded shape that a run accepts."""

BALANCED: Final = 5e-5
"""Residual over load at which the unloaded shape is found."""

LINEAR: Final = 1e-2
"""Relative residual of each linear solve."""

KRYLOV: Final = 120
"""Largest Krylov space: the forward preconditioner does not know what the strained wall adds."""

ROUGH: Final = 0.05
"""Residual over load of a shape that is only on the way to the full load."""

FIRST: Final = 0.02
"""Share of the load that comes first: muscle is soft at rest."""

GROWTH: Final = 3.0
"""Factor from one load to the next."""

FEW_STEPS: Final = 3
"""Newton steps after which the next load may grow faster."""

LEAST_GROWTH: Final = 1.02
"""The search gives up below this factor."""

AHEAD: Final = (1.0, 0.5, 0.0)
"""Shares of the extrapolation to the next load that are tried."""

MOST_STEPS: Final = 25
"""Newton steps under one load."""

MOST_HALVINGS: Final = 40
"""Trials of a Newton step."""

LARGEST_IMBALANCE: Final = 30.0
"""Residual over load that a step may leave: good steps pass through such and converge."""

FOREMOST: Final = 0.1
"""Share of the largest nodal force above which a node is to blame for an imbalance."""

LARGEST_VOLUME_RATIO: Final = 4.0
"""Most that a cell's volume may differ between image and unloaded shape, on the way."""

Shape = Float[np.ndarray, "v 3"]

Listener = Callable[[int, float], None]
"""Told the Newton steps so far and the share of the load that is balanced."""


class Guess(NamedTuple):
    """An unloaded shape [mm], and the loaded wall on it."""

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
        Newton steps it took; 0 if it was recalled.
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


class _Balance(NamedTuple):
    """How far the imaged wall is from balance on a trial shape, and J of its cells there."""

    norm: Float[Array, ""]
    scale: Float[Array, ""]
    force: Float[Array, " n"]
    ratio: Float[Array, "c q"]

    @property
    def unbalanced(self) -> float:
        """Residual over load."""
        return float(self.norm / self.scale)

    def strained(self, cells: Int[np.ndarray, "c a"], before: float) -> Bool[np.ndarray, " c"]:
        """Cells that a step went too far for: crushed, or foremost in too large an imbalance."""
        ratio = np.asarray(self.ratio)
        narrow, wide = ratio.min(axis=1), ratio.max(axis=1)
        crushed = (narrow < 1.0 / LARGEST_VOLUME_RATIO) | (wide > LARGEST_VOLUME_RATIO)
        if crushed.any() or self.unbalanced <= max(before, LARGEST_IMBALANCE):
            return crushed
        force = np.asarray(self.force)
        return (force > FOREMOST * force.max())[cells].any(axis=1)


class _Move(NamedTuple):
    """Newton correction: of the unloaded nodes, of the displacement and of the pressure."""

    points: Float[Array, "n 3"]
    u: Float[Array, "n 3"]
    p: Float[Array, " v"]


def unload(
    work: Workspace,
    heart_at: Callable[[Shape], Heart],
    imaged: Shape,
    pressure: Float[np.ndarray, " k"],
    *,
    report: Listener | None = None,
) -> tuple[Guess, int, Workspace]:
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
    report : callable, optional
        Told the Newton steps so far and the share of the load that is balanced.

    Returns
    -------
    Guess, int, Workspace
        Unloaded shape and loaded wall, Newton steps, solver.

    Raises
    ------
    SolveFailed
        If there is no such shape to be found.
    """
    if not np.any(pressure):
        return Guess(imaged, equilibrium.rest(heart_at(imaged))), 0, work
    search = _Search(heart_at, imaged, jnp.asarray(work.nodes.edges, jnp.int32))
    now, before = Guess(imaged, equilibrium.rest(heart_at(imaged))), None
    reached, last, growth, rounds = 0.0, 0.0, GROWTH, 0
    while reached < 1.0:
        target = min(1.0, reached * growth if reached else FIRST)
        ahead = now
        if before is not None:
            # muscle stiffens exponentially: its shape follows the logarithm of the load
            ratio = np.log(target / reached) / np.log(reached / last)
            ahead = search.best([_ahead(now, before, r * ratio) for r in AHEAD], target * pressure)
        enough = BALANCED if target == 1.0 else ROUGH
        found, steps, work = search.balance(work, ahead, target * pressure, enough)
        rounds += steps
        if found is not None:
            before, last = (now, reached) if reached else (None, 0.0)
            now, reached = found, target
            if steps <= FEW_STEPS:
                growth = min(GROWTH, growth**2)
        elif not reached or growth < LEAST_GROWTH:
            raise SolveFailed(
                f"unloaded shape: not found beyond {100 * reached:.0f} % of the load. Lower "
                "patient.imaged_pressure, stiffen the tissue, or set "
                'imaged_at = "unloaded".'
            )
        else:
            growth = np.sqrt(growth)
        if report is not None:
            report(rounds, reached)
    return now, rounds, work


def _ahead(now: Guess, before: Guess, ratio: float) -> Guess:
    """First guess of the next load from the last two."""
    ahead = jax.tree.map(lambda a, b: a + ratio * (a - b), now, before)
    return ahead._replace(wall=ahead.wall._replace(response=now.wall.response))


class _Search(NamedTuple):
    """What Newton's method needs to know of a patient."""

    heart_at: Callable[[Shape], Heart]
    imaged: Shape
    edges: Int[Array, "e 2"]

    def onto(self, heart: Heart, wall: WallState) -> WallState:
        """The wall whose vertices lie where the image has them."""
        u = _onto(self.imaged, heart.solid.space.points, wall.u, self.edges)
        return wall._replace(u=u)

    def best(self, guesses: Sequence[Guess], pressure: Float[np.ndarray, " k"]) -> Guess:
        """The guess that is nearest to balance under a load."""

        def unbalanced(guess: Guess) -> float:
            heart = self.heart_at(guess.points)
            wall = guess.wall._replace(pressure=jnp.asarray(pressure))
            return _balanced(heart, self.onto(heart, wall)).unbalanced

        return min(guesses, key=unbalanced)

    def balance(
        self, work: Workspace, guess: Guess, pressure: Float[np.ndarray, " k"], enough: float
    ) -> tuple[Guess | None, int, Workspace]:
        """Balance the imaged wall under a load; None if Newton's method fails."""
        shape, wall = guess.points, guess.wall._replace(pressure=jnp.asarray(pressure))
        for steps in range(MOST_STEPS):
            heart = self.heart_at(shape)
            wall = self.onto(heart, wall)
            unbalanced = _balanced(heart, wall).unbalanced
            if unbalanced < enough:
                return Guess(shape, wall), steps, work
            if steps == 0:
                work = equilibrium.refresh(work, heart, wall, equilibrium.passive_load(heart))
            move, kept = _newton(*equilibrium.strong((heart, work.kept, wall, self.edges)))
            work = replace(work, kept=kept)
            moved = self.moved(heart, wall, move, unbalanced)
            if moved is None:
                return None, steps, work
            shape, wall = moved
        return None, MOST_STEPS, work

    def moved(
        self, heart: Heart, wall: WallState, move: _Move, before: float
    ) -> tuple[Shape, WallState] | None:
        """Shape and wall after as much of a Newton step as each cell bears, if any.

        Nodes of cells that the step would strain too far go half the way, and again half if need
        be: stresses grow exponentially, and a thin lip between two valve openings then holds back
        itself and not the whole heart.
        """
        cells, vertices = np.asarray(heart.solid.space.cells), len(self.imaged)
        share = np.ones((len(move.u), 1))
        for _ in range(MOST_HALVINGS):
            points = heart.solid.space.points + share * move.points
            points = _spread(points[:vertices], self.edges)
            u = _onto(self.imaged, points, wall.u + share * move.u, self.edges)
            trial = wall._replace(u=u, p=wall.p + share[:vertices, 0] * move.p)
            strained = _balanced(heart, trial, points).strained(cells, before)
            if not strained.any():
                return np.asarray(points)[:vertices], trial
            share[np.unique(cells[strained])] *= 0.5
        return None


def reload(
    work: Workspace, heart: Heart, found: Guess, imaged: Shape, pressure: Float[np.ndarray, " k"]
) -> tuple[Unloaded, Workspace]:
    """Load an unloaded shape and compare it with the image.

    Raises
    ------
    SolveFailed
        If the wall cannot be held, or ends up elsewhere.
    """
    wall, work = equilibrium.hold(work, heart, found.wall, pressure)
    error = found.points + np.asarray(wall.u)[: len(imaged)] - imaged
    distance = np.linalg.norm(error, axis=1)
    result = Unloaded(found.points, wall, float(distance.max()), float(distance.mean()), 0)
    if result.largest_error > USABLE:
        raise SolveFailed(
            f"unloaded shape: reloaded, a node is {result.largest_error / mm:.2f} mm off the "
            "image: the wall buckles under this load. Lower patient.imaged_pressure, stiffen the "
            'tissue, or set imaged_at = "unloaded".'
        )
    return result, work


def _spread(points: Float[Array, "v 3"], edges: Int[Array, "e 2"]) -> Float[Array, "n 3"]:
    """Positions of all displacement nodes of straight-sided cells."""
    return jnp.concatenate([points, 0.5 * (points[edges[:, 0]] + points[edges[:, 1]])])


def _onto(
    imaged: Shape, points: Float[Array, "n 3"], u: Float[Array, "n 3"], edges: Int[Array, "e 2"]
) -> Float[Array, "n 3"]:
    """Displacement that takes the vertices to the image; edges keep their bulge."""
    vertices = jnp.asarray(imaged) - points[: len(imaged)]
    bulge = u - _spread(u[: len(imaged)], edges)
    return _spread(vertices, edges) + bulge


def _unbalanced(
    heart: Heart,
    points: Float[Array, "n 3"],
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
    pressure: Float[Array, " k"],
) -> tuple[Float[Array, " m"], Heart]:
    """Residual of the loaded wall on a stress-free shape, and the heart there."""
    there = eqx.tree_at(lambda heart: heart.solid, heart, heart.solid.moved_to(points))
    return loaded_residual(there, u, p, pressure, equilibrium.passive_load(heart)), there


@eqx.filter_jit
def _balance(heart: Heart, wall: WallState, points: Float[Array, "n 3"]) -> _Balance:
    residual, there = _unbalanced(heart, points, wall.u, wall.p, wall.pressure)
    load = jnp.tensordot(wall.pressure, cavity_gradients(there, wall.u), 1)
    force = jnp.linalg.norm(residual[: wall.u.size].reshape(wall.u.shape), axis=1)
    ratio = volume_ratio_all(deformation(there.solid, wall.u))
    return _Balance(jnp.linalg.norm(residual), jnp.linalg.norm(load), force, ratio)


def _balanced(heart: Heart, wall: WallState, points: Float[Array, "n 3"] | None = None) -> _Balance:
    """How well the imaged wall is balanced, on the heart's own or another stress-free shape."""
    own = heart.solid.space.points if points is None else points
    return _balance(*equilibrium.strong((heart, wall, own)))


@eqx.filter_jit
def _newton(
    heart: Heart, kept: Kept, wall: WallState, edges: Int[Array, "e 2"]
) -> tuple[_Move, Kept]:
    """Correction of the unloaded shape, in unknowns of the forward problem.

    Where the forward solver would displace vertices by z, the unloaded ones move by -z.
    """
    points, vertices = heart.solid.space.points, heart.solid.space.vertices
    load = equilibrium.passive_load(heart)
    operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=kept.dtype)
    inverse, kept = kept.prepare(operator, heart.solid.space)

    def residual(points: Array, u: Array, p: Array) -> Array:
        return _unbalanced(heart, points, u, p, wall.pressure)[0]

    here, push = jax.linearize(residual, points, wall.u, wall.p)

    def as_move(z: Float[Array, " m"]) -> _Move:
        (u,), (p,) = operator.split(z[None])
        return _Move(-_spread(u[:vertices], edges), u, p)

    def apply(z: Float[Array, "1 m"]) -> Float[Array, "1 m"]:
        return push(*as_move(z[0].astype(here.dtype)))[None].astype(kept.dtype)

    size = jnp.linalg.norm(here)
    solved = gmres(
        apply,
        inverse.apply,
        (-here / size)[None].astype(kept.dtype),
        jnp.full(1, LINEAR, kept.dtype),
        dimension=KRYLOV,
    )
    move = as_move(size * solved.x[0].astype(here.dtype))
    exhausted = solved.iterations >= KRYLOV
    return move, kept.used(solved.iterations, exhausted)
