"""One implicit Euler step of the closed loop, alone or against linearised 3D cavities.

Unknown of the step: one number per node, the volume of a 0D chamber or the pressure of a bed or
of a 3D cavity. Each storage grows with its unknown and each branch flow with its pressure drop,
so the tangent is a diagonally dominant M-matrix: never singular, safe to eliminate without
pivoting, and every Newton direction reduces the residual. The full step of a valve that switches
may overshoot, so each iteration takes the length, among a few, that leaves the least residual.
Gradients come from one last Newton step with a frozen tangent, which is the implicit function
theorem written as code.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from heartsim.circulation.closed_loop import (
    BED_BRANCHES,
    BEDS,
    CHAMBERS,
    INCIDENCE,
    NODES,
    Beds,
    Branches,
    Circulation,
    Network,
    Nodes,
    State,
    chamber_relation,
    net_inflow,
    network,
    pressure_drops,
    stored_volumes,
)
from heartsim.circulation.components import Held, Relation, Scalar
from heartsim.units import mL

TOLERANCE: Final = 1e-9 * mL
"""Largest residual of a node that counts as solved [mm³], beside the rounding of its volume."""

_ROUNDING: Final = 1e-13

MAX_ITERATIONS: Final = 60
"""Newton iterations of one step; 3 to 6 are usual."""

_STEPS: Final = (1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 1e-3, 1e-4)


@final
class Cavities(eqx.Module):
    """3D cavities, linearised about their present pressures: V(p) = volume + compliance (p - p0).

    The compliance is a sensitivity of a solved finite element state. It should be positive
    definite; off-diagonal entries carry the interaction through the septum.
    """

    chambers: tuple[str, ...] = eqx.field(static=True)
    """Names of the chambers, such as ``("LV", "RV")``."""
    pressure: Float[Array, " k"]
    """Pressures p0 [kPa]."""
    volume: Float[Array, " k"]
    """Volumes at p0 [mm³]."""
    compliance: Float[Array, "k k"]
    """∂V/∂p [mm³/kPa]."""

    def at(self, pressure: Float[Array, " k"]) -> Float[Array, " k"]:
        """Volumes [mm³] at given pressures [kPa]."""
        return self.volume + self.compliance @ (pressure - self.pressure)


class Step(NamedTuple):
    """Outcome of one step of the circulation."""

    state: State
    """State at the end of the step."""
    pressure: Float[Array, " k"]
    """Pressures of the 3D cavities [kPa], in the order of `Cavities.chambers`."""
    converged: Bool[Array, ""]
    """Whether the residual fell below the tolerance."""
    iterations: Int[Array, ""]
    """Newton iterations."""


def no_cavities(dtype: jnp.dtype = float) -> Cavities:
    """`Cavities` of a circulation whose chambers are all 0D."""
    nothing = jnp.zeros(0, dtype)
    return Cavities((), nothing, nothing, jnp.zeros((0, 0), dtype))


def advance(
    circulation: Circulation,
    state: State,
    t: Scalar,
    dt: Scalar,
    chamber_pressures: Mapping[str, Scalar],
) -> State:
    """Advance the circulation from ``t`` to ``t + dt`` under given chamber pressures.

    Parameters
    ----------
    circulation : Circulation
        The loop.
    state : State
        State at ``t``.
    t, dt : () float
        Time in the beat and step length [ms].
    chamber_pressures : mapping of str to () float
        Pressures at ``t + dt`` of chambers that are not 0D [kPa]; empty for a pure 0D step.

    Returns
    -------
    State
        State at ``t + dt``, differentiable in every argument.
    """
    return _step(circulation, state, t, dt, chamber_pressures, no_cavities()).state


def advance_coupled(
    circulation: Circulation, state: State, t: Scalar, dt: Scalar, cavities: Cavities
) -> Step:
    """Advance the circulation together with linearised 3D cavities.

    Solves the step for the state and the cavity pressures at once, so that each cavity holds
    exactly the blood that the circulation says it holds: V_state = V(p).

    Parameters
    ----------
    circulation : Circulation
        The loop; the elastances of ``cavities.chambers`` are not used.
    state : State
        State at ``t``. Its cavity volumes are the blood that the step starts with.
    t, dt : () float
        Time in the beat and step length [ms].
    cavities : Cavities
        Linearised pressure-volume relation at ``t + dt``.

    Returns
    -------
    Step
        State, pressures [kPa], convergence flag and iterations; state and pressures are
        differentiable in every argument.
    """
    return _step(circulation, state, t, dt, {}, cavities)


class _Problem(eqx.Module):
    """One step, reduced to what does not change while it is solved."""

    relations: tuple[Relation, ...]
    """Pressure-volume relation of each chamber at the end of the step."""
    parts: Network
    conductance: Beds
    carried: Beds
    before: Nodes
    """Stored volumes at the start of the step."""
    dt: Scalar
    cavities: Cavities

    def pressures(self, unknown: Nodes) -> Nodes:
        """Pressure of each node [kPa], each from its own unknown."""
        coupled = self.cavities.chambers
        chambers = [
            value if name in coupled else relation(value)
            for value, name, relation in zip(unknown, CHAMBERS, self.relations, strict=False)
        ]
        return jnp.concatenate([jnp.stack(chambers), unknown[len(CHAMBERS) :]])

    def volumes(self, unknown: Nodes) -> Nodes:
        """Blood volume in each node [mm³]."""
        index = _cavity_nodes(self.cavities)
        ones = jnp.ones_like(unknown[: len(CHAMBERS)])
        stored = unknown * jnp.concatenate([ones, self.parts.beds.compliance])
        return stored.at[index].set(self.cavities.at(unknown[index]))

    def tolerance(self) -> Scalar:
        """Largest residual that counts as solved [mm³]."""
        return TOLERANCE + _ROUNDING * jnp.max(jnp.abs(self.before))

    def outflow(self, drop: Branches) -> Beds:
        """Flow out of each bed [mm³/ms]."""
        return self.conductance * drop[BED_BRANCHES] + self.carried

    def flows(self, drop: Branches) -> Branches:
        """Flow of each branch [mm³/ms] from its pressure drop [kPa]."""
        return self.parts.flows(drop, self.outflow(drop))

    def balance(self, unknown: Nodes) -> Nodes:
        """Blood that each node gains without its being brought there [mm³]."""
        inflow = net_inflow(self.flows(pressure_drops(self.pressures(unknown))))
        return self.volumes(unknown) - self.before - self.dt * inflow

    def tangent(self, unknown: Nodes) -> Float[Array, "nodes nodes"]:
        """Matrix of the linearised balance, ``S + dt N g Nᵀ P``.

        S is the storage, N the incidence, g the slope of each branch law and P the slope of each
        node's pressure. Both laws are local, so one directional derivative gives all slopes.
        """
        pressure, stiffness = jax.jvp(self.pressures, (unknown,), (jnp.ones_like(unknown),))
        drop = pressure_drops(pressure)
        _, slope = jax.jvp(self.flows, (drop,), (jnp.ones_like(drop),))
        incidence = jnp.asarray(INCIDENCE, unknown.dtype)
        exchange = (incidence * slope[None]) @ incidence.T * stiffness[None]
        ones = jnp.ones_like(unknown[: len(CHAMBERS)])
        storage = jnp.diag(jnp.concatenate([ones, self.parts.beds.compliance]))
        index = _cavity_nodes(self.cavities)
        storage = storage.at[index[:, None], index[None]].set(self.cavities.compliance)
        return storage + self.dt * exchange


def _cavity_nodes(cavities: Cavities) -> Int[Array, " k"]:
    """Node number of each 3D cavity."""
    return jnp.asarray([NODES.index(name) for name in cavities.chambers], int)


def _problem(
    circulation: Circulation,
    state: State,
    t: Scalar,
    dt: Scalar,
    chamber_pressures: Mapping[str, Scalar],
    cavities: Cavities,
) -> _Problem:
    """Evaluate all that depends on time and on the state at the start of the step."""
    parts = network(circulation)
    conductance, carried = parts.implicit_outflow(state, dt)
    relations = [
        Held(chamber_pressures[name])
        if name in chamber_pressures
        else chamber_relation(circulation, name, t + dt)
        for name in CHAMBERS
    ]
    before = stored_volumes(circulation, state)
    return _Problem(tuple(relations), parts, conductance, carried, before, dt, cavities)


def _step(
    circulation: Circulation,
    state: State,
    t: Scalar,
    dt: Scalar,
    chamber_pressures: Mapping[str, Scalar],
    cavities: Cavities,
) -> Step:
    """Advance with any mixture of 0D, prescribed and linearised 3D chambers."""
    problem = _problem(circulation, state, t, dt, chamber_pressures, cavities)
    start = [
        cavities.pressure[cavities.chambers.index(name)]
        if name in cavities.chambers
        else state.volume(name)
        for name in CHAMBERS
    ] + [state.pressure(name) for name in BEDS]
    unknown, converged, iterations = _solve(problem, jnp.stack(start))
    pressure, stored = problem.pressures(unknown), problem.volumes(unknown)
    outflow = problem.outflow(pressure_drops(pressure))
    count = len(CHAMBERS)
    new = State(*stored[:count], *pressure[count:], *outflow)
    return Step(new, pressure[_cavity_nodes(cavities)], converged, iterations)


def _solve(problem: _Problem, start: Nodes) -> tuple[Nodes, Bool[Array, ""], Int[Array, ""]]:
    """Solve the balance of all nodes and attach its derivative."""
    frozen = jax.lax.stop_gradient(problem)
    unknown, size, iterations = _newton(frozen, jax.lax.stop_gradient(start))
    polished = unknown - inverse(frozen.tangent(unknown)) @ problem.balance(unknown)
    return polished, size < frozen.tolerance(), iterations


def _newton(problem: _Problem, start: Nodes) -> tuple[Nodes, Float[Array, ""], Int[Array, ""]]:
    """Damped Newton iteration; returns the root, its largest residual, and the iterations."""
    steps, tolerance = jnp.asarray(_STEPS, start.dtype), problem.tolerance()

    def unfinished(carry: tuple[Nodes, Scalar, Int[Array, ""]]) -> Bool[Array, ""]:
        _, size, iteration = carry
        return (size >= tolerance) & (iteration < MAX_ITERATIONS)

    def iterate(
        carry: tuple[Nodes, Scalar, Int[Array, ""]],
    ) -> tuple[Nodes, Scalar, Int[Array, ""]]:
        unknown, _, iteration = carry
        direction = -inverse(problem.tangent(unknown)) @ problem.balance(unknown)
        candidates = unknown[None] + steps[:, None] * direction[None]
        values = jax.vmap(problem.balance)(candidates)
        norms = jnp.sum(values**2, axis=1)
        best = jnp.argmin(jnp.where(jnp.isnan(norms), jnp.inf, norms))
        return candidates[best], jnp.max(jnp.abs(values[best])), iteration + 1

    first = (start, jnp.full((), jnp.inf, start.dtype), jnp.zeros((), int))
    return jax.lax.while_loop(unfinished, iterate, first)


def inverse(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse of a small matrix by Gauss-Jordan elimination without pivoting.

    Stable for diagonally dominant (by rows or columns) and positive definite matrices. It is
    plain array code: thousands of systems under `vmap` become one batched kernel.

    Parameters
    ----------
    matrix : (n, n)
        Matrix; n is small.

    Returns
    -------
    (n, n) float
        Inverse.
    """
    size = matrix.shape[0]
    identity = jnp.eye(size, dtype=matrix.dtype)

    def clear(i: Int[Array, ""], table: Float[Array, "n m"]) -> Float[Array, "n m"]:
        row = jax.lax.dynamic_slice_in_dim(table, i, 1, axis=0)
        column = jax.lax.dynamic_slice_in_dim(table, i, 1, axis=1)
        unit = jax.lax.dynamic_slice_in_dim(identity, i, 1, axis=1)
        pivot = jax.lax.dynamic_slice_in_dim(column, i, 1, axis=0)
        return table - (column - unit) * (row / pivot)

    table = jnp.concatenate([matrix, identity], axis=1)
    return jax.lax.fori_loop(0, size, clear, table)[:, size:]
