"""One implicit step of wall and blood, transposed: what its end asks of its start and its numbers.

A converged step makes the wall's forces R(x, P; u_before, θ) = 0, x displacement and multiplier, P
cavity pressures, and the circulation moves by (s, P) = F(V(x) - C P; s_before, θ), where C is any
compliance: the one of the converged step is independent of it. With cotangents x̄, P̄, s̄ of what
the step reached, and C the wall's own compliance G K⁻¹ Gᵀ, G = ∂V/∂x, K = ∂R/∂x = Kᵀ::

    z = K⁻¹ x̄,   Y = K⁻¹ Gᵀ,   μ = P̄ + G z
    (θ̄, s̄_before, v) = (s̄, μ) · ∂F/∂(θ, s_before, V)
    λ = -(z + Y v),   (θ̄, ū_before) += λ · ∂R/∂(θ, u_before)

so the blood is transposed through its own small step, valves and all, and the wall costs one
linear solve for each index and one for each chamber, which share the operator.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from heartsim.adjoint.parameters import Path, leaves, with_leaves
from heartsim.circulation.cavities import Cavities
from heartsim.circulation.closed_loop import Circulation, State, flows, pressures
from heartsim.circulation.graph import CHAMBERS
from heartsim.circulation.step import advance_coupled
from heartsim.fem.linear import Kept
from heartsim.heart import (
    Heart,
    Load,
    cavity_gradients,
    cavity_volumes,
    linearize,
    loaded_residual,
)
from heartsim.solve.krylov import gmres

LINEAR: Final = 1e-6
"""Relative residual of the transposed solves: a hundredth of what a gradient may miss."""

KRYLOV_DIMENSION: Final = 60
"""Largest Krylov space of one transposed solve, larger than a step's as `LINEAR` is smaller."""

Seen = Mapping[str, Mapping[str, Float[Array, "..."]]]
"""Traces by kind (pressure, volume, flow) and name, in internal units."""


class Level(NamedTuple):
    """A solved time level, all that its transpose needs.

    Attributes
    ----------
    t, dt : ()
        Time in the beat and length of the step that led here [ms].
    u : (n, 3)
        Displacement [mm].
    p : (v,)
        Pressure multiplier [kPa].
    pressure : (k,)
        Cavity pressures [kPa].
    blood : State
    """

    t: Float[Array, ""]
    dt: Float[Array, ""]
    u: Float[Array, "n 3"]
    p: Float[Array, " v"]
    pressure: Float[Array, " k"]
    blood: State


class Wanted(NamedTuple):
    """Derivatives of r indices by the memory of a time level.

    Attributes
    ----------
    u : (r, n, 3)
        By the displacement.
    blood : State of (r,)
        By the state of the circulation.
    """

    u: Float[Array, "r n 3"]
    blood: State


class Solves(NamedTuple):
    """Transposed solves of a step, first guess of those of the step before it.

    Attributes
    ----------
    x : (k + r, m)
        Y of each chamber, then z of each index.
    iterations : ()
    missed : ()
        Largest relative residual.
    """

    x: Float[Array, "b m"]
    iterations: Int[Array, ""]
    missed: Float[Array, ""]


class Stepped(NamedTuple):
    """Outcome of a transposed step."""

    wanted: Wanted
    gradient: tuple[Float[Array, "..."], ...]
    solves: Solves
    kept: Kept


def seen(
    loop: Circulation,
    chambers: tuple[str, ...],
    t: Float[Array, ""],
    pressure: Float[Array, " k"],
    blood: State,
) -> Seen:
    """Traces at one time level, as `heartsim.beat.observe` records them."""
    cavity = {name: pressure[k] for k, name in enumerate(chambers)}
    return {
        "pressure": pressures(loop, blood, t, cavity),
        "volume": {name: blood.volume(name) for name in CHAMBERS},
        "flow": flows(loop, blood, t, cavity),
    }


def step_back(
    heart: Heart,
    paths: tuple[Path, ...],
    kept: Kept,
    before: Level,
    after: Level,
    wanted: Wanted,
    seeds: Seen,
    guess: Float[Array, "b m"],
) -> Stepped:
    """Carry derivatives from the end of a step to its start.

    Parameters
    ----------
    heart : Heart
    paths : tuple of Path
        Leaves of the heart by which to differentiate.
    kept : Multigrid or Factorized
    before, after : Level
        Where the step began, and what it solved.
    wanted : Wanted
        Derivatives by what the later steps remember of `after`.
    seeds : Seen of (r,)
        Derivatives by the traces at `after`.
    guess : (k + r, m)
        First guess of the linear solves.

    Returns
    -------
    Stepped
        Derivatives by what the step remembered of `before`, and its share of those by the leaves.
    """
    theta = leaves(heart, paths)

    def observed(values: tuple[Array, ...], pressure: Array, blood: State) -> Seen:
        loop = with_leaves(heart, paths, values).loop
        return seen(loop, heart.chambers, after.t, pressure, blood)

    _, pull = jax.vjp(observed, theta, after.pressure, after.blood)
    by_trace, by_pressure, by_blood = jax.vmap(pull)(seeds)
    arriving = jax.tree.map(jnp.add, wanted.blood, by_blood)
    gradients = cavity_gradients(heart, after.u).reshape(len(heart.chambers), -1)
    solves, kept = _solve(heart, kept, before, after, gradients, wanted.u, guess)
    Y, z = jnp.split(solves.x, [len(heart.chambers)])
    cut = after.u.size
    # symmetric, up to what the solves leave
    compliance = 0.5 * (gradients @ Y[:, :cut].T + Y[:, :cut] @ gradients.T)
    push = by_pressure + z[:, :cut] @ gradients.T

    def circulated(
        values: tuple[Array, ...], blood: State, extra: Array
    ) -> tuple[State, Float[Array, " k"]]:
        other = with_leaves(heart, paths, values)
        held = cavity_volumes(other, after.u) + extra
        relation = Cavities(heart.chambers, after.pressure, held, compliance)
        done = advance_coupled(other.loop, blood, after.t - after.dt, after.dt, relation)
        return done.state, done.pressure

    _, pull = jax.vjp(circulated, theta, before.blood, jnp.zeros_like(after.pressure))
    by_flow, blood, pushed = jax.vmap(pull)((arriving, push))
    multiplier = -(z + pushed @ Y)

    def balanced(values: tuple[Array, ...], u_before: Array) -> Float[Array, " m"]:
        return _forces(with_leaves(heart, paths, values), after, u_before)

    _, pull = jax.vjp(balanced, theta, before.u)
    by_wall, u = jax.vmap(pull)(multiplier)
    gradient = jax.tree.map(lambda *parts: sum(parts), by_trace, by_flow, by_wall)
    return Stepped(Wanted(u, blood), gradient, solves, kept)


def _load(heart: Heart, after: Level, u_before: Float[Array, "n 3"]) -> Load:
    """What acted on the wall in the step to a level."""
    return Load(heart.tension(after.t), u_before, 1.0 / after.dt)


def _forces(heart: Heart, after: Level, u_before: Float[Array, "n 3"]) -> Float[Array, " m"]:
    """Residual of the wall at a solved level."""
    load = _load(heart, after, u_before)
    return loaded_residual(heart, after.u, after.p, after.pressure, load)


def _solve(
    heart: Heart,
    kept: Kept,
    before: Level,
    after: Level,
    gradients: Float[Array, "k n3"],
    wanted: Float[Array, "r n 3"],
    guess: Float[Array, "b m"],
) -> tuple[Solves, Kept]:
    """Solve for the response to the cavity pressures and to the wanted derivatives, together."""
    load = _load(heart, after, before.u)
    asked = (wanted * heart.solid.space.free[None]).reshape(len(wanted), -1)
    rows = jnp.concatenate([gradients, asked])
    return solve_wall(heart, kept, (after.u, after.p, after.pressure), load, rows, guess)


def solve_wall(
    heart: Heart,
    kept: Kept,
    state: tuple[Float[Array, "n 3"], Float[Array, " v"], Float[Array, " k"]],
    load: Load,
    forces: Float[Array, "b n3"],
    guess: Float[Array, "b m"],
) -> tuple[Solves, Kept]:
    """Solve the linearised wall for several nodal forces at once, in double precision.

    The operator is exact; single precision stays inside the preconditioner.

    Parameters
    ----------
    heart, kept
        Heart and its linear solver.
    state : (u, p, pressure)
        Displacement [mm], multiplier [kPa] and cavity pressures [kPa] where it is linearised.
    load : Load
    forces : (b, 3n)
        Right-hand sides of the displacement rows; those of the constraint are 0.
    guess : (b, m)
    """
    operator = linearize(heart, *state, load, dtype=guess.dtype)
    coarse = jax.tree.map(
        lambda leaf: leaf.astype(kept.dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf,
        operator,
    )
    inverse, kept = kept.prepare(coarse)
    right = jnp.pad(forces, ((0, 0), (0, guess.shape[1] - forces.shape[1])))
    rest = right - operator.apply(guess)
    # a guess that is worse than none is dropped
    helps = jnp.linalg.norm(rest, axis=1) < jnp.linalg.norm(right, axis=1)
    rest = jnp.where(helps[:, None], rest, right)
    guess = jnp.where(helps[:, None], guess, 0.0)
    size = jnp.maximum(jnp.linalg.norm(right, axis=1), 1e-300)
    scale = jnp.maximum(jnp.linalg.norm(rest, axis=1), 1e-300)

    def approximate(z: Float[Array, "b m"], iteration: Int[Array, ""]) -> Float[Array, "b m"]:
        return inverse.apply(z.astype(kept.dtype), iteration).astype(z.dtype)

    solved = gmres(
        operator.apply,
        approximate,
        rest / scale[:, None],
        LINEAR * size / scale,
        dimension=KRYLOV_DIMENSION,
    )
    exhausted: Bool[Array, ""] = solved.iterations >= KRYLOV_DIMENSION
    missed = jnp.max(solved.residual * scale / size)
    found = Solves(guess + solved.x * scale[:, None], solved.iterations, missed)
    return found, kept.used(solved.iterations, exhausted)
