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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from heartsim import equilibrium
from heartsim.coupling import KRYLOV_DIMENSION, WallState
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.fem.linear import Kept
from heartsim.fem.solid import deformation, volume_ratio_all
from heartsim.heart import Heart, cavity_gradients, linearize, wall_residual
from heartsim.solve.krylov import gmres
from heartsim.units import mm

USABLE: Final = 0.1 * mm
"""Largest node error of a reloaded shape that a run accepts."""

BALANCED: Final = 5e-5
"""Residual over load at which the unloaded shape is found."""

LINEAR: Final = 1e-2
"""Relative residual of each linear solve."""

MOST_ROUNDS: Final = 40
SHORTEST: Final = 1.0 / 64.0
"""The line search gives up below this fraction of a Newton step."""

LARGEST_VOLUME_RATIO: Final = 10.0
"""A cell of the unloaded shape keeps at least the inverse of this of its imaged volume."""

Shape = Float[np.ndarray, "v 3"]

Listener = Callable[[int, float], None]
"""Told the round of a search and the unbalanced part of the load."""


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
    """How far the imaged wall is from balance on a trial shape."""

    norm: Float[Array, ""]
    scale: Float[Array, ""]
    narrowest: Float[Array, ""]
    widest: Float[Array, ""]

    @property
    def possible(self) -> bool:
        """Whether no cell is turned inside out or crushed."""
        narrowest, widest = float(self.narrowest), float(self.widest)
        return narrowest > 1.0 / LARGEST_VOLUME_RATIO and widest < LARGEST_VOLUME_RATIO


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
    start: Guess | None = None,
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
    start : Guess, optional
        Where to start; by default the imaged shape moved back by what the load does to it.
    report : callable, optional
        Told the round and the unbalanced part of the load.

    Returns
    -------
    Guess, int, Workspace
        Unloaded shape and loaded wall, Newton steps, solver.

    Raises
    ------
    SolveFailed
        If there is no such shape to be found.
    """
    if start is None:
        heart = heart_at(imaged)
        rough = equilibrium.ROUGH
        wall, work = equilibrium.hold(work, heart, equilibrium.rest(heart), pressure, force=rough)
        start = Guess(imaged - np.asarray(wall.u)[: len(imaged)], wall)
    edges = jnp.asarray(work.nodes.edges, jnp.int32)
    shape, wall = start.points, start.wall._replace(pressure=jnp.asarray(pressure))
    for rounds in range(MOST_ROUNDS):
        heart = heart_at(shape)
        wall = wall._replace(u=_onto(imaged, heart, wall.u, edges))
        balance = _balance(*equilibrium.strong((heart, wall)))
        unbalanced = float(balance.norm / balance.scale)
        if report is not None:
            report(rounds, unbalanced)
        if unbalanced < BALANCED:
            return Guess(shape, wall), rounds, work
        arguments = equilibrium.strong((heart, work.kept, wall, edges))
        move, kept = _newton(*arguments)
        work = replace(work, kept=kept)
        length = _line_search(heart, wall, move, unbalanced)
        if length < SHORTEST:
            break
        shape = shape + length * np.asarray(move.points)[: len(imaged)]
        wall = wall._replace(u=wall.u + length * move.u, p=wall.p + length * move.p)
    raise SolveFailed(
        f"unloaded shape: {100 * unbalanced:.2g} % of the load is still unbalanced after "
        f"{rounds + 1} rounds. Lower patient.imaged_pressure, stiffen the tissue, or set "
        'imaged_at = "unloaded".'
    )


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
    imaged: Shape, heart: Heart, u: Float[Array, "n 3"], edges: Int[Array, "e 2"]
) -> Float[Array, "n 3"]:
    """Displacement that takes the vertices to the image; edges keep their bulge."""
    vertices = jnp.asarray(imaged) - heart.solid.space.points[: len(imaged)]
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
    forces, constraint = wall_residual(there, u, p, equilibrium.passive_load(heart))
    forces -= jnp.tensordot(pressure, cavity_gradients(there, u), 1)
    return jnp.concatenate([forces.ravel(), constraint]), there


@eqx.filter_jit
def _balance(heart: Heart, wall: WallState, points: Float[Array, "n 3"] | None = None) -> _Balance:
    points = heart.solid.space.points if points is None else points
    residual, there = _unbalanced(heart, points, wall.u, wall.p, wall.pressure)
    load = jnp.tensordot(wall.pressure, cavity_gradients(there, wall.u), 1)
    ratio = volume_ratio_all(deformation(there.solid, wall.u))
    return _Balance(jnp.linalg.norm(residual), jnp.linalg.norm(load), ratio.min(), ratio.max())


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
        dimension=KRYLOV_DIMENSION,
    )
    move = as_move(size * solved.x[0].astype(here.dtype))
    exhausted = solved.iterations >= KRYLOV_DIMENSION
    return move, kept.used(solved.iterations, exhausted)


def _line_search(heart: Heart, wall: WallState, move: _Move, before: float) -> float:
    """Length of a Newton step that leaves every cell upright and less of the load unbalanced."""
    length = 1.0
    while length >= SHORTEST:
        trial = wall._replace(u=wall.u + length * move.u, p=wall.p + length * move.p)
        points = heart.solid.space.points + length * move.points
        balance = _balance(*equilibrium.strong((heart, trial, points)))
        after = float(balance.norm / balance.scale)
        if balance.possible and after < before:
            return length
        length *= 0.5
    return length
