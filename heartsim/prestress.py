"""The unloaded shape of a heart that was imaged under load: inverse elastostatics.

Where the loaded wall is is known: in the image. Unknown is the stress-free shape X in which the
wall would rest, so the balance of the loaded wall is solved for X instead of for the displacement
[1]_: Newton's method on the same residual, differentiated by the shape, fibers carried along.
Loads stand where the image has them and every cell of the loaded wall is as good as its mesh, so
nothing folds on the way.

Muscle stiffens exponentially and is soft at rest: full Newton steps from afar go too far. So the
wall resists them like a viscous one, the less the nearer it comes to balance (pseudo-transient
continuation [2]_), in the end not at all.

References
----------
.. [1] Govindjee & Mihalic (1996). Computational methods for inverse finite elastostatics.
   doi:10.1016/0045-7825(96)01045-6
.. [2] Kelley & Keyes (1998). Convergence analysis of pseudo-transient continuation.
   doi:10.1137/S0036142996304796
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from heartsim import creep, equilibrium
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.fem.factorized import Factorized, invert, wall_elements
from heartsim.fem.linear import Inverse, Kept
from heartsim.fem.operator import WallOperator
from heartsim.fem.shape import inverse_elements, shape_tangent
from heartsim.fem.solid import deformation, volume_ratio_all
from heartsim.heart import Heart, Load, cavity_gradients, linearize, loaded_residual
from heartsim.programs import Program
from heartsim.solve.krylov import gmres
from heartsim.units import mm
from heartsim.wallstate import WallState

USABLE: Final = 0.1 * mm
"""Largest node error of a reloaded shape that a run accepts."""

BALANCED: Final = 5e-5
"""Residual over load at which the unloaded shape is found."""

LINEAR: Final = 1e-2
"""Relative residual of each linear solve."""

KRYLOV: Final = 120
"""Largest Krylov space: multigrid does not know what the strained wall adds."""

FIRST_RATE: Final = 10.0
"""Rate of the first step [1/ms]: viscosity then resists like 10 kPa of stiffness."""

LEAST_RATE: Final = 0.02
"""Rate below which there is no viscosity [1/ms]."""

EASE: Final = 3.0
"""Factor by which the rate falls after a step that was borne."""

EASE_WELL: Final = 8.0
"""The same after a good step."""

GOOD: Final = 0.7
"""Share of the imbalance that a good step leaves at most."""

STIFFEN: Final = 6.0
"""Factor by which the rate grows after a step that was not borne."""

LARGEST_RATE: Final = 1e5
"""Rate at which the search gives up [1/ms] (our choice): where no step so short is borne, none will
be, and soon after the linear solves run out of digits."""

MOST_STEPS: Final = 80
"""Newton steps."""

LARGEST_IMBALANCE: Final = 5.0
"""Residual over load that a step may leave: good steps pass through such and converge."""

LARGEST_RISE: Final = 10.0
"""Factor by which a step may raise the imbalance."""

LARGEST_VOLUME_RATIO: Final = 2.5
"""Most that a cell's volume may differ between image and unloaded shape, on the way."""

Shape = Float[np.ndarray, "v 3"]

Listener = Callable[[int, float], None]
"""Told the Newton steps so far and the share of the load that is out of balance."""


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
    narrowest: Float[Array, ""]
    widest: Float[Array, ""]

    @property
    def left(self) -> float:
        """Residual over load."""
        return float(self.norm / self.scale)

    def borne(self, before: float) -> bool:
        """Whether a step from an imbalance may end here."""
        whole = self.narrowest > 1.0 / LARGEST_VOLUME_RATIO and self.widest < LARGEST_VOLUME_RATIO
        most = max(before, min(LARGEST_IMBALANCE, LARGEST_RISE * before))
        return bool(whole) and self.left < most


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
    guess: Guess | None = None,
    report: Listener | None = None,
) -> tuple[Guess, int]:
    """Find the shape that takes the imaged shape under the imaged pressures.

    Parameters
    ----------
    work : Workspace
        Solver of the forward problem.
    heart_at : callable
        The heart on a given stress-free shape of its vertices.
    imaged : (v, 3)
        Imaged vertex positions [mm].
    pressure : (k,)
        Cavity pressures at imaging [kPa].
    guess : Guess, optional
        Where to start; the imaged shape by default.
    report : callable, optional
        Told the Newton steps so far and the share of the load that is out of balance.

    Returns
    -------
    Guess, int
        Unloaded shape and loaded wall; Newton steps.

    Raises
    ------
    SolveFailed
        If there is no such shape to be found.
    """
    shape = imaged if guess is None else guess.points
    heart, edges = heart_at(shape), jnp.asarray(work.nodes.edges, jnp.int32)
    wall = equilibrium.rest(heart) if guess is None else guess.wall
    if not np.any(pressure):
        return Guess(shape, wall), 0
    wall = wall._replace(pressure=jnp.asarray(pressure))
    wall = _onto(imaged, heart.solid.space.points, wall, edges)
    rate, steps = FIRST_RATE, 0
    here = _balanced(heart, wall, heart.solid.space.points)
    for steps in range(1, MOST_STEPS + 1):
        load = creep.creeping_load(heart, wall, rate)
        work = equilibrium.refresh(work, heart, wall, load)
        move = _newton(*equilibrium.strong((heart, work.kept, wall, edges, load)))
        points = _spread((heart.solid.space.points + move.points)[: len(imaged)], edges)
        trial = wall._replace(u=wall.u + move.u, p=wall.p + move.p)
        trial = _onto(imaged, points, trial, edges)
        there = _balanced(heart, trial, points)
        if there.borne(here.left):
            rate /= EASE_WELL if there.left < GOOD * here.left else EASE
            rate = rate if rate > LEAST_RATE else 0.0
            shape, wall, here = np.asarray(points)[: len(imaged)], trial, there
            heart = heart_at(shape)
        else:
            rate = max(LEAST_RATE, STIFFEN * rate)
        if report is not None:
            report(steps, here.left)
        if here.left < BALANCED:
            return Guess(shape, wall), steps
        if rate > LARGEST_RATE:
            break
    raise SolveFailed(
        f"unloaded shape: not found, {100 * here.left:.2g} % of the load are out of balance after "
        f"{steps} steps. Lower patient.imaged_pressure, stiffen the tissue, or set "
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
    # a shape that was kept comes without its pressure
    guess = found.wall._replace(pressure=jnp.asarray(pressure))
    # levels of the wall at rest serve a strained one badly
    work = equilibrium.refresh(work, heart, guess, equilibrium.passive_load(heart))
    wall, work = creep.hold(work, heart, guess, pressure)
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
    imaged: Shape, points: Float[Array, "n 3"], wall: WallState, edges: Int[Array, "e 2"]
) -> WallState:
    """The wall whose vertices lie where the image has them; edges keep their bulge."""
    bulge = wall.u - _spread(wall.u[: len(imaged)], edges)
    return wall._replace(u=_spread(jnp.asarray(imaged) - points[: len(imaged)], edges) + bulge)


def _unbalanced(
    heart: Heart,
    points: Float[Array, "n 3"],
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
    pressure: Float[Array, " k"],
    load: Load,
) -> tuple[Float[Array, " m"], Heart]:
    """Residual of the loaded wall on a stress-free shape, and the heart there."""
    moved = heart.solid.moved_to(points), tuple(held.moved_to(points) for held in heart.supports)
    there = eqx.tree_at(lambda heart: (heart.solid, heart.supports), heart, moved)
    return loaded_residual(there, u, p, pressure, load), there


@Program
def _balance(heart: Heart, wall: WallState, points: Float[Array, "n 3"]) -> _Balance:
    still = equilibrium.passive_load(heart)
    residual, there = _unbalanced(heart, points, wall.u, wall.p, wall.pressure, still)
    load = jnp.tensordot(wall.pressure, cavity_gradients(there, wall.u), 1)
    ratio = volume_ratio_all(deformation(there.solid, wall.u))
    return _Balance(jnp.linalg.norm(residual), jnp.linalg.norm(load), ratio.min(), ratio.max())


def _balanced(heart: Heart, wall: WallState, points: Float[Array, "n 3"]) -> _Balance:
    """How well the imaged wall is balanced on a stress-free shape of its nodes."""
    return _balance(*equilibrium.strong((heart, wall, points)))


@Program
def _newton(
    heart: Heart, kept: Kept, wall: WallState, edges: Int[Array, "e 2"], load: Load
) -> _Move:
    """Correction of the unloaded shape, in unknowns of the forward problem.

    Where the forward solver would displace vertices by z, the unloaded ones move by -z.
    """
    points, vertices = heart.solid.space.points, heart.solid.space.vertices
    operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=kept.dtype)
    inverse = _inverse(heart, kept, wall, operator)

    def residual(points: Array, u: Array, p: Array) -> Array:
        return _unbalanced(heart, points, u, p, wall.pressure, load)[0]

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
    return as_move(size * solved.x[0].astype(here.dtype))


def _inverse(heart: Heart, kept: Kept, wall: WallState, operator: WallOperator) -> Inverse:
    """Factors of the inverse problem; beside multigrid, the forward problem's levels."""
    if not isinstance(kept, Factorized):
        return kept.prepare(operator)[0]
    by_shape = shape_tangent(heart.solid, wall.u, wall.p, dtype=kept.dtype)
    elements = inverse_elements(wall_elements(operator), operator, by_shape)
    return invert(kept.plan, operator, elements)
