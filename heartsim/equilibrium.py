"""Host side of a solve: keeps the preconditioner, cuts steps, reports what it cost.

The compiled step (`coupling.solve_step`) knows neither files nor clocks; this module owns what
outlives a step and lives on the host: node numbering, the choice of linear solver, frozen
aggregates, and the decision when the algebraic levels are due for a refresh.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
from jaxtyping import Array, Float

from heartsim.bloodside import BloodSide, Prescribed, pressures_given, standing, volumes_given
from heartsim.circulation.closed_loop import State
from heartsim.coupling import StepInfo, Tolerances, solve_step
from heartsim.errors import SolveFailed
from heartsim.fem.factorized import Factorized, plan_factors
from heartsim.fem.linear import Kept, Wear
from heartsim.fem.preconditioner import (
    Multigrid,
    choose_prolongators,
    vertex_level,
    vertex_matrix,
)
from heartsim.fem.space import Nodes
from heartsim.heart import Heart, Load, cable_ends, cavity_volumes, linearize
from heartsim.programs import Program
from heartsim.solve.multigrid import Prolongators, build
from heartsim.wallstate import WallState, balance_at

PRECISION: Final = jnp.float32
"""Precision of tangents, preconditioner and Krylov vectors; residuals are float64."""

LARGEST_FACTORIZED: Final = MappingProxyType({"P1P1": 250_000, "P2P1": 15_000})
"""Unknowns up to which a direct factorisation is the preconditioner, multigrid beyond. Searches for
unloaded shapes begin with P1/P1, where multigrid does not always find one."""

LARGEST_SHARED: Final = MappingProxyType({"P1P1": 250_000, "P2P1": 60_000})
"""The same where factors serve several hearts, or several right-hand sides to a small residual."""

REFRESH_PRICE: Final = 16.0
"""What new levels of multigrid cost, in Krylov iterations (measured, 44 015 unknowns)."""

SETUP_POWER_STEPS: Final = 20
"""Power iterations for the spectrum of the fine level at a refresh."""

SHARES_OF_GUESS: Final = (1.0, 0.5, 0.25, 0.0)
"""Parts of an extrapolated first guess that are tried."""

SMALLEST_FRACTION: Final = 1.0 / 256.0
"""Load stepping gives up below this part of the way."""


@dataclass(frozen=True)
class Effort:
    """Work done so far."""

    steps: int = 0
    newton: int = 0
    krylov: int = 0
    failed: int = 0
    refreshes: int = 0

    def after(self, info: StepInfo) -> "Effort":
        """Count one more step."""
        return replace(
            self,
            steps=self.steps + 1,
            newton=self.newton + int(info.newton),
            krylov=self.krylov + int(info.krylov),
            failed=self.failed + int(not info.converged),
        )


_solve_step = Program(solve_step)


@dataclass(frozen=True)
class Workspace:
    """What the solver keeps between steps of one heart.

    Attributes
    ----------
    nodes : Nodes
    frozen : Prolongators
        Aggregates of multigrid; empty beside factors.
    kept : Multigrid or Factorized
        The linear solver.
    effort : Effort
    tolerances : Tolerances
    solver : callable
        Compiled `coupling.solve_step`, or that of a batch.
    """

    nodes: Nodes
    frozen: Prolongators
    kept: Multigrid | Factorized
    effort: Effort
    tolerances: Tolerances
    solver: Callable[..., tuple[WallState, State | None, StepInfo, Kept]] = _solve_step

    @property
    def linear_solver(self) -> str:
        """What solves the linear systems, and why."""
        most = LARGEST_FACTORIZED[_family(self.nodes)]
        if isinstance(self.kept, Multigrid):
            return f"GMRES with multigrid (above {most} unknowns)"
        if 3 * len(self.nodes.points) + self.nodes.vertices <= most:
            return f"GMRES on kept factors (up to {most} unknowns)"
        return (
            f"GMRES on kept factors (shared, up to {LARGEST_SHARED[_family(self.nodes)]} unknowns)"
        )


def _family(nodes: Nodes) -> str:
    return "P2P1" if len(nodes.edges) else "P1P1"


_Tree = TypeVar("_Tree")

_cavity_volumes = Program(cavity_volumes)


def strong(tree: _Tree) -> _Tree:
    """The same values without JAX's weak types: a weak and a strong number compile apart."""

    def plain(leaf: object) -> object:
        if isinstance(leaf, jax.Array) and leaf.weak_type:
            return jax.lax.convert_element_type(leaf, leaf.dtype)
        return leaf

    return jax.tree.map(plain, tree)


@Program
def _vertex_level(heart: Heart, wall: WallState, load: Load, start: jax.Array):
    """Blocks of the vertex-level matrix, and the dominant direction of the fine level."""
    operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=PRECISION)
    return vertex_level(operator, start, steps=SETUP_POWER_STEPS)


def rest(heart: Heart) -> WallState:
    """Undeformed wall with empty pressures."""
    space, count = heart.solid.space, len(heart.chambers)
    shapes = space.points.shape, (space.vertices,), (count,), (count, space.dofs)
    # tables of NumPy are put on the device as they are; JAX compiles a program for each shape
    return jax.device_put(WallState(*(np.zeros(shape, space.points.dtype) for shape in shapes)))


def held_volumes(heart: Heart, wall: WallState) -> Float[np.ndarray, " k"]:
    """Volumes of the 3D chambers [mm³], on the host."""
    return np.asarray(_cavity_volumes(*strong((heart, wall.u))))


def passive_load(heart: Heart) -> Load:
    """No tension, no memory: quasi-static passive loading."""
    space = heart.solid.space
    return Load(
        tension=jnp.zeros_like(space.volume),
        u_before=jnp.zeros_like(space.points),
        rate=jnp.zeros((), space.points.dtype),
    )


def _vertex_system(
    heart: Heart, nodes: Nodes, wall: WallState, load: Load
) -> tuple[sparse.bsr_matrix, jax.Array]:
    """Vertex-level matrix on the host and the dominant direction of the fine level.

    Both from the state alone, so that a resumed run repeats an undisturbed one.
    """
    start = np.random.default_rng(0).standard_normal(nodes.points.shape)
    arguments = strong((heart, wall, load, jnp.asarray(start, PRECISION)))
    blocks, direction = _vertex_level(*arguments)
    free = np.asarray(heart.solid.space.free)
    return vertex_matrix(nodes, free, blocks, cable_ends(heart)), direction


def workspace(heart: Heart, nodes: Nodes, tolerances: Tolerances | None = None) -> Workspace:
    """Set up the solver of a heart, once: plan its factors, or aggregate its mesh at rest.

    Parameters
    ----------
    heart : Heart
    nodes : Nodes
        The numbering its space was built on.
    tolerances : Tolerances, optional
    """
    settings = tolerances or Tolerances()
    if heart.solid.space.dofs <= LARGEST_FACTORIZED[_family(nodes)]:
        return _on_factors(heart, nodes, Effort(), settings)
    matrix, direction = _vertex_system(heart, nodes, rest(heart), passive_load(heart))
    frozen = choose_prolongators(matrix, nodes, np.asarray(heart.solid.space.free))
    kept = Multigrid(
        hierarchy=build(matrix, frozen, np.dtype(PRECISION)),
        edges=jnp.asarray(nodes.edges, dtype=jnp.int32),
        direction=direction,
        wear=Wear.new(jnp.asarray(REFRESH_PRICE)),
    )
    return Workspace(nodes, frozen, kept, Effort(), settings)


def sharable(work: Workspace, heart: Heart) -> Workspace:
    """The same on kept factors, where a heart is small enough to share them."""
    most = LARGEST_SHARED[_family(work.nodes)]
    if isinstance(work.kept, Factorized) or heart.solid.space.dofs > most:
        return work
    return _on_factors(heart, work.nodes, work.effort, work.tolerances)


def _on_factors(heart: Heart, nodes: Nodes, effort: Effort, tolerances: Tolerances) -> Workspace:
    kept = plan_factors(nodes, np.dtype(PRECISION), cable_ends(heart))
    return Workspace(nodes, Prolongators((), ()), kept, effort, tolerances)


def refresh(work: Workspace, heart: Heart, wall: WallState, load: Load) -> Workspace:
    """Renew the linear solver's data at a state: factors, or algebraic levels."""
    effort = replace(work.effort, refreshes=work.effort.refreshes + 1)
    if isinstance(work.kept, Factorized):
        return replace(work, kept=work.kept.stale(), effort=effort)
    matrix, direction = _vertex_system(heart, work.nodes, wall, load)
    hierarchy = build(matrix, work.frozen, np.dtype(PRECISION))
    wear = Wear.new(work.kept.wear.price)
    kept = replace(work.kept, hierarchy=hierarchy, direction=direction, wear=wear)
    return replace(work, kept=kept, effort=effort)


def step(
    work: Workspace, heart: Heart, guess: WallState, blood: BloodSide, load: Load
) -> tuple[WallState, State | None, StepInfo, Workspace]:
    """Solve one step, and refresh the preconditioner when it has aged."""
    if isinstance(blood, Prescribed) and heart.circulation is not None:
        blood = standing(heart.circulation, blood, heart.chambers)
    arguments = strong((heart, work.kept, guess, blood, load))
    wall, state, info, kept = work.solver(*arguments, work.tolerances)
    work = replace(work, kept=kept, effort=work.effort.after(info))
    if isinstance(kept, Multigrid) and bool(info.converged) and bool(kept.wear.worn):
        work = refresh(work, heart, wall, load)
    return wall, state, info, work


def forgetful(wall: WallState) -> WallState:
    """State whose response to the cavity pressures the next step solves for anew."""
    return wall._replace(response=jnp.zeros_like(wall.response))


def extrapolate(levels: Sequence[tuple[float, WallState]], at: float) -> WallState:
    """First guess at a place of a path or of time: the polynomial through the last levels."""
    if len(levels) == 1:
        return levels[0][1]
    places, own = np.array([place for place, _ in levels]), np.eye(len(levels))
    ratios = (at - places) / (places[:, None] - places + own)
    weights = np.where(own, 1.0, ratios).prod(axis=1)
    return _ahead(*strong(([wall for _, wall in levels], jnp.asarray(weights))))


@Program
def _ahead(walls: Sequence[WallState], weights: Float[Array, " k"]) -> WallState:
    ahead = jax.tree.map(lambda *leaves: jnp.tensordot(weights, jnp.stack(leaves), 1), *walls)
    return ahead._replace(response=walls[-1].response)


@Program
def _shortened(heart: Heart, now: WallState, guess: WallState, load: Load) -> WallState:
    """The guess, or as much of the way to it as leads no further from equilibrium than staying.

    A straight line through the last states overstretches muscle that stiffens.
    """

    def at(share: Float[Array, ""]) -> WallState:
        part = jax.tree.map(lambda start, end: start + share * (end - start), now, guess)
        return part._replace(pressure=guess.pressure)

    def away(share: Float[Array, ""]) -> Float[Array, ""]:
        return balance_at(heart, at(share), load).norm

    shares = jnp.asarray(SHARES_OF_GUESS)
    norms = jax.lax.map(away, shares)
    return at(shares[jnp.argmax(norms <= norms[-1])])


def load_to(
    work: Workspace,
    heart: Heart,
    start: WallState,
    blood_at: Callable[[float], BloodSide],
    load_at: Callable[[float], Load],
    *,
    first: float = 1.0,
    what: str = "loading",
) -> tuple[WallState, Workspace]:
    """Follow a load path from 0 to 1 with steps that grow and shrink as Newton allows.

    Parameters
    ----------
    work, heart, start
        Solver, heart and equilibrium at fraction 0.
    blood_at, load_at
        Blood side and load at a fraction of the path.
    first : float
        First step.
    what : str
        What is being done, for the error message.

    Raises
    ------
    SolveFailed
        If the step falls below 1/256 of the path.
    """
    levels, size = [(0.0, start)], first
    while levels[-1][0] < 1.0 - 1e-12:
        fraction, now = levels[-1]
        size = min(size, 1.0 - fraction)
        target = fraction + size
        load, guess = load_at(target), extrapolate(levels, target)
        if len(levels) > 1:
            guess = _shortened(*strong((heart, now, guess, load)))
        wall, _, info, work = step(work, heart, guess, blood_at(target), load)
        if bool(info.converged):
            levels = [levels[-1], (target, wall)]
            size *= 1.5 if int(info.newton) <= 5 else 1.0
            continue
        if size <= SMALLEST_FRACTION * 4:
            levels = levels[-1:]
        work = refresh(work, heart, now, load_at(fraction))
        size *= 0.5
        if size < SMALLEST_FRACTION:
            raise SolveFailed(
                f"{what} stopped at {100 * fraction:.0f} % of the load: residual "
                f"{float(info.residual):.1e} after {int(info.newton)} Newton steps, smallest "
                f"volume ratio {float(info.least_volume_ratio):.2f}. Check the mesh with "
                "`heartsim mesh check` and the stiffness of the tissue."
            )
    return levels[-1][1], work


def inflate(
    work: Workspace, heart: Heart, start: WallState, pressure: np.ndarray
) -> tuple[WallState, Workspace]:
    """Bring the passive chambers from their present to given pressures [kPa]."""
    begin = np.asarray(start.pressure)

    def blood_at(fraction: float) -> Prescribed:
        return pressures_given(jnp.asarray(begin + fraction * (pressure - begin)))

    load = passive_load(heart)
    return load_to(work, heart, start, blood_at, lambda _: load, what="inflation")


def fill(
    work: Workspace, heart: Heart, start: WallState, begin: np.ndarray, volume: np.ndarray
) -> tuple[WallState, Workspace]:
    """Bring the passive chambers from volumes `begin` to given volumes [mm³]."""

    def blood_at(fraction: float) -> Prescribed:
        return volumes_given(jnp.asarray(begin + fraction * (volume - begin)))

    load = passive_load(heart)
    return load_to(work, heart, forgetful(start), blood_at, lambda _: load, what="filling")
