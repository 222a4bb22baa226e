"""One implicit Euler step of the closed loop, alone or against linearised 3D cavities.

Unknown of the step: one number per node, the volume of a 0D chamber or the pressure of a bed or
of a 3D cavity, and the bulge of the septum. Each storage grows with its unknown and each
branch flow with its pressure drop, so the step has one solution and its tangent is never singular.
Newton's direction always reduces the residual, but the full step of a valve that switches may
overshoot, so a step that does not help is shortened until it does.

Neither chamber nor bed holds less than no blood: its volume moves along ``V²/(V - d)`` instead of
``V + d`` where d < 0, which is the same to first order and stays positive however long the step.

Gradients come from the implicit function theorem, not from the iteration.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from heartsim.circulation.cavities import Cavities, no_cavities
from heartsim.circulation.chambers import Held, Relation
from heartsim.circulation.closed_loop import (
    Circulation,
    Network,
    chamber_relation,
    network,
    stored_volumes,
)
from heartsim.circulation.components import Scalar
from heartsim.circulation.graph import (
    BED_BRANCHES,
    BEDS,
    CHAMBERS,
    FREE_WALL,
    INCIDENCE,
    NODES,
    VALVES,
    VENTRICLES,
    Beds,
    Branches,
    Gates,
    Nodes,
    State,
    net_inflow,
    pressure_drops,
)
from heartsim.circulation.newton import Unknown, newton
from heartsim.circulation.surroundings import contact
from heartsim.units import mL

TOLERANCE: Final = 1e-7 * mL
"""Largest residual of a node that counts as solved [mm³], beside the rounding of its volume."""

_ROUNDING: Final = 1e-13


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


def advance_ahead(
    circulation: Circulation, state: State, t: Scalar, dt: Scalar, change: Unknown
) -> tuple[State, Unknown]:
    """`advance` of an all-0D loop that looks ahead: starts from the change over the last step.

    The answer is that of `advance` within its tolerance, in a fifth fewer iterations.

    Parameters
    ----------
    circulation, state, t, dt
        As in `advance`.
    change : (unknown,)
        Change of the unknowns over the step before; zeros at first.

    Returns
    -------
    state : State
    change : (unknown,)
        Change of the unknowns over this step.
    """
    step = _step(circulation, state, t, dt, {}, no_cavities(dt.dtype), change)
    return step.state, unknowns(step.state) - unknowns(state)


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


class StepProblem(eqx.Module):
    """One step, reduced to what does not change while it is solved."""

    relations: tuple[Relation, ...]
    """Pressure-volume relation of each chamber at the end of the step."""
    parts: Network
    push: Gates
    conductance: Beds
    carried: Beds
    before: Nodes
    """Stored volumes at the start of the step."""
    dt: Scalar
    cavities: Cavities

    def lumped(self) -> Bool[np.ndarray, " chambers"]:
        """Chambers with a relation of their own."""
        given = zip(CHAMBERS, self.relations, strict=True)
        coupled = self.cavities.chambers
        return np.array([n not in coupled and not isinstance(r, Held) for n, r in given])

    def walls(self, free: Float[Array, " chambers"]) -> Float[Array, " chambers"]:
        """Pressure of each chamber's wall [kPa] at its free volume, or the coupled one itself."""
        coupled = self.cavities.chambers
        if not coupled and _of_a_kind(self.relations):
            together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *self.relations)
            return jax.vmap(lambda law, volume: law(volume))(together, free)
        inside = [
            value if name in coupled else relation(value)
            for value, name, relation in zip(free, CHAMBERS, self.relations, strict=True)
        ]
        return jnp.stack(inside)

    def contact(self, chambers: Float[Array, " chambers"]) -> Float[Array, " chambers"]:
        """Pressure of 0D ventricles so empty that their walls touch [kPa]."""
        touching = np.array([name in VENTRICLES for name in CHAMBERS]) & self.lumped()
        return jnp.where(touching, contact(jnp.where(touching, chambers, jnp.inf)), 0.0)

    def pressures(self, unknown: Unknown) -> Nodes:
        """Pressure of each node [kPa]."""
        count = len(CHAMBERS)
        heart = self.volumes(unknown)[:count].sum()
        inside = self.walls(_free(unknown)) + self.contact(unknown[:count])
        return self.parts.pressures(inside, unknown[count:-1], heart, self.lumped())

    def volumes(self, unknown: Unknown) -> Nodes:
        """Blood volume in each node [mm³]."""
        index, count = _cavity_nodes(self.cavities), len(CHAMBERS)
        beds = self.parts.beds.compliance * unknown[count:-1]
        stored = jnp.concatenate([unknown[:count], beds])
        return _put(stored, index, self.cavities.at(unknown[index]))

    def tolerance(self) -> Scalar:
        """Largest residual that counts as solved [mm³]."""
        return TOLERANCE + _ROUNDING * jnp.max(jnp.abs(self.before))

    def outflow(self, drop: Branches) -> Beds:
        """Flow out of each bed [mm³/ms]."""
        return self.conductance * drop[BED_BRANCHES] + self.carried

    def flows(self, pressure: Nodes) -> Branches:
        """Flow of each branch [mm³/ms] from the pressures of the nodes [kPa]."""
        drop = pressure_drops(pressure)
        return self.parts.flows(drop, self.push, self.outflow(drop))

    def balance(self, unknown: Unknown) -> Unknown:
        """Blood that each node gains without its being brought there, and the septum's [mm³]."""
        inflow = net_inflow(self.flows(self.pressures(unknown)))
        gained = self.volumes(unknown) - self.before - self.dt * inflow
        wall = self.walls(_free(unknown))
        drop = wall[CHAMBERS.index("LV")] - wall[CHAMBERS.index("RV")]
        return jnp.append(gained, unknown[-1] - self._septum_compliance() * drop)

    def _septum_compliance(self) -> Scalar:
        """Compliance of the septum between 0D ventricles; 3D ones have a septum of their own."""
        both = all(self.lumped()[CHAMBERS.index(name)] for name in VENTRICLES)
        return self.parts.septum_compliance if both else jnp.zeros_like(self.dt)

    def tangent(self, unknown: Unknown) -> Float[Array, "unknown unknown"]:
        """Derivative of the balance, ``S + dt N g Nᵀ P`` above the row of the septum.

        S is the storage, N the incidence, g the slope of each branch law and P that of the node
        pressures. Branch laws and transmural pressures are local, so one directional derivative
        gives all slopes of each.
        """
        index, count = _cavity_nodes(self.cavities), len(CHAMBERS)
        own = jnp.concatenate([jnp.ones(count), self.parts.beds.compliance])
        held = jnp.pad(jnp.diag(own), ((0, 0), (0, 1)))
        if self.cavities.chambers:
            held = _put(held, index, 0.0)
            held = _put(held, (index[:, None], index), self.cavities.compliance)
        free = _free(unknown)
        _, wall = jax.jvp(self.walls, (free,), (jnp.ones_like(free),))
        stiffness = self._stiffness(unknown, wall, held[:count].sum(axis=0))
        drop = pressure_drops(self.pressures(unknown))
        ones = jnp.ones_like(drop)
        _, slope = jax.jvp(
            lambda d: self.parts.flows(d, self.push, self.outflow(d)), (drop,), (ones,)
        )
        incidence = jnp.asarray(INCIDENCE, unknown.dtype)
        exchange = (incidence * slope[None]) @ (incidence.T @ stiffness)
        sides = np.array([{"LV": 1.0, "RV": -1.0}.get(name, 0.0) for name in CHAMBERS])
        bulge = self._septum_compliance() * sides * wall
        last = jnp.concatenate([-bulge, jnp.zeros(len(BEDS)), 1 - (bulge @ FREE_WALL)[None]])
        return jnp.concatenate([held + self.dt * exchange, last[None]])

    def _stiffness(
        self, unknown: Unknown, wall: Float[Array, " chambers"], heart: Unknown
    ) -> Float[Array, "nodes unknown"]:
        """Derivative of the node pressures.

        Parameters
        ----------
        unknown : (unknown,)
        wall : (chambers,)
            Derivative of `walls`.
        heart : (unknown,)
            Derivative of the blood in the four chambers.
        """
        count = len(CHAMBERS)
        chambers, volume = unknown[:count], self.volumes(unknown)[:count].sum()
        _, touch = jax.jvp(self.contact, (chambers,), (jnp.ones_like(chambers),))
        _, sac = jax.jvp(self.parts.pericardium.squeeze, (volume,), (jnp.ones_like(volume),))
        beds = unknown[count:-1]
        _, vessels = jax.jvp(self.parts.beds.transmural, (beds,), (jnp.ones_like(beds),))
        local = jnp.concatenate([wall + touch, vessels])
        stiffness = jnp.pad(jnp.diag(local), ((0, 0), (0, 1)))
        stiffness = stiffness.at[:count, -1].set(wall * FREE_WALL)
        pressed = np.append(self.lumped(), np.zeros(len(BEDS), bool))
        stiffness = stiffness + jnp.where(pressed[:, None], sac * heart[None], 0.0)
        muscle = self.parts.muscle_squeeze * stiffness[CHAMBERS.index("LV")]
        return stiffness.at[NODES.index("coronary")].add(muscle)

    def moved(self, unknown: Unknown, change: Unknown) -> Unknown:
        """Unknown after a change; volumes of 0D chambers and of beds stay positive."""
        beds, none = self.parts.beds, jnp.zeros_like(unknown[:1])
        empty = jnp.concatenate(
            [jnp.zeros(len(CHAMBERS), unknown.dtype), -beds.unstressed / beds.compliance, none]
        )
        held, less = unknown - empty, jnp.minimum(change, 0.0)
        kept = jnp.where(less < 0, empty + held * held / (held - less), unknown + change)
        positive = np.concatenate([self.lumped(), np.ones(len(BEDS), bool), [False]])
        return jnp.where(positive, kept, unknown + change)


def unknowns(state: State) -> Unknown:
    """Volumes of chambers, pressures of beds and bulge of the septum."""
    return jnp.stack(state[: len(NODES) + 1])


def _free(unknown: Unknown) -> Float[Array, " chambers"]:
    """Free-wall volume of each chamber [mm³]: without the bulge of the septum."""
    return unknown[: len(CHAMBERS)] + FREE_WALL * unknown[-1]


def _of_a_kind(laws: tuple[Relation, ...]) -> bool:
    """Whether laws can be stacked and evaluated in one call."""
    kinds = {(jax.tree.structure(one), *map(jnp.shape, jax.tree.leaves(one))) for one in laws}
    return len(kinds) == 1


def _cavity_nodes(cavities: Cavities) -> Int[Array, " k"]:
    """Node number of each 3D cavity."""
    return jnp.asarray([NODES.index(name) for name in cavities.chambers], int)


def _put(into: Array, index: Array | tuple[Array, Array], values: Array | float) -> Array:
    """Set entries that are each named once: in a batch a GPU then need not guard its writes."""
    return into.at[index].set(values, unique_indices=True)


def step_problem(
    circulation: Circulation,
    state: State,
    t: Scalar,
    dt: Scalar,
    chamber_pressures: Mapping[str, Scalar],
    cavities: Cavities,
) -> StepProblem:
    """Evaluate all that depends on time and on the state at the start of the step."""
    parts, push = network(circulation, t + dt).within_step(state, dt)
    conductance, carried = parts.beds.implicit_outflow(state.group("Q", BEDS), dt)
    relations = [
        Held(chamber_pressures[name])
        if name in chamber_pressures
        else chamber_relation(circulation, name, t + dt)
        for name in CHAMBERS
    ]
    before = stored_volumes(circulation, state)
    return StepProblem(tuple(relations), parts, push, conductance, carried, before, dt, cavities)


def _step(
    circulation: Circulation,
    state: State,
    t: Scalar,
    dt: Scalar,
    chamber_pressures: Mapping[str, Scalar],
    cavities: Cavities,
    change: Unknown | None = None,
) -> Step:
    """Advance with any mixture of 0D, prescribed and linearised 3D chambers."""
    problem = step_problem(circulation, state, t, dt, chamber_pressures, cavities)
    index = _cavity_nodes(cavities)
    start = _put(unknowns(state), index, cavities.pressure)
    if change is not None:
        start = problem.moved(start, change)
    unknown, converged, iterations = _solve(problem, start)
    pressure, stored = problem.pressures(unknown), problem.volumes(unknown)
    flow = problem.flows(pressure)
    new = State(
        *stored[: len(CHAMBERS)],
        *unknown[len(CHAMBERS) :],
        *flow[BED_BRANCHES],
        *flow[: len(VALVES)],
        *problem.parts.openings(flow),
    )
    return Step(new, pressure[index], converged, iterations)


@eqx.filter_custom_jvp
def _solve(problem: StepProblem, start: Unknown) -> tuple[Unknown, Bool[Array, ""], Int[Array, ""]]:
    """Solve the balance of all nodes."""
    root, size, iterations = newton(problem, start)
    return root, size < problem.tolerance(), iterations


@_solve.def_jvp
def _solve_jvp(
    primals: tuple[StepProblem, Unknown], tangents: tuple[StepProblem, Unknown | None]
) -> tuple[tuple[Unknown, Bool[Array, ""], Int[Array, ""]], tuple[Unknown, None, None]]:
    """Implicit function theorem: the root moves so that the balance stays zero."""
    (problem, start), (change, _) = primals, tangents
    found = _solve(problem, start)
    root = found[0]
    _, push = eqx.filter_jvp(lambda loop: loop.balance(root), (problem,), (change,))
    return found, (-jnp.linalg.solve(problem.tangent(root), push), None, None)
