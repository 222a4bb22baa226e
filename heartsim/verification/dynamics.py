"""Bodies with mass: one-step schemes as a spring to where the body would coast, and the march.

Both schemes balance forces at one stage of the step; there velocity and acceleration are affine in
the displacement (`heartsim.fem.inertia`), so a step is one equilibrium of `direct`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.errors import SolveFailed
from heartsim.fem.inertia import Inertia
from heartsim.verification.direct import (
    Body,
    Equilibrium,
    Loading,
    Motion,
    Solver,
    at_rest,
    moving,
    solve,
)
from heartsim.verification.quadratic import Steps, near_solution, to_round_off

Vector = Float[Array, "n 3"]


class Kinematics(NamedTuple):
    """Displacement [mm], velocity [mm/ms] and acceleration [mm/ms²] of the nodes."""

    u: Vector
    v: Vector
    a: Vector


class Scheme(Protocol):
    """A one-step scheme for M a + f(u, v) = 0."""

    @property
    def stage(self) -> float:
        """Share of the step at which forces balance."""
        ...

    def motion(self, now: Kinematics, dt: float, mass: Inertia) -> Motion:
        """Velocity and acceleration at the stage, as functions of its displacement."""
        ...

    def after(self, now: Kinematics, u: Vector, dt: float) -> Kinematics:
        """End of the step, from the displacement at its stage."""
        ...


def _motion(
    mass: Inertia, *, resting: Vector, rate: float, coasting: Vector, stiffening: float
) -> Motion:
    held = (coasting, jnp.asarray(stiffening))
    moved = eqx.tree_at(lambda m: (m.coasting, m.stiffening), mass, held)
    return Motion(resting, jnp.asarray(rate), moved)


@final
class BackwardEuler(NamedTuple):
    """Implicit Euler for displacement and velocity: first order, damps everything."""

    stage: float = 1.0

    def motion(self, now: Kinematics, dt: float, mass: Inertia) -> Motion:
        """V = (u − u₀)/dt, a = (v − v₀)/dt."""
        coasting = now.u + dt * now.v
        return _motion(mass, resting=now.u, rate=1 / dt, coasting=coasting, stiffening=1 / dt**2)

    def after(self, now: Kinematics, u: Vector, dt: float) -> Kinematics:
        """Displacement of the stage is that of the end."""
        v = (u - now.u) / dt
        return Kinematics(u, v, (v - now.v) / dt)


@final
class GeneralizedAlpha(NamedTuple):
    """Generalised-α method [1]_: second order; the benchmark's parameters by default.

    Acceleration is taken at ``1 − alpha_m`` of the step, all else at ``1 − alpha_f``;
    gamma = ½ + alpha_f − alpha_m, beta = (gamma + ½)²/4.

    References
    ----------
    .. [1] Chung & Hulbert (1993). A time integration algorithm for structural dynamics with
       improved numerical dissipation. doi:10.1115/1.2900803.
    """

    alpha_m: float = 0.2
    alpha_f: float = 0.4

    @property
    def stage(self) -> float:
        """Share of the step at which forces balance."""
        return 1 - self.alpha_f

    @property
    def gamma(self) -> float:
        """Newmark's parameter of the velocity."""
        return 0.5 + self.alpha_f - self.alpha_m

    @property
    def beta(self) -> float:
        """Newmark's parameter of the displacement."""
        return (self.gamma + 0.5) ** 2 / 4

    def motion(self, now: Kinematics, dt: float, mass: Inertia) -> Motion:
        """Newmark's formulas at the stage, solved for the displacement there."""
        g, b, f, m = self.gamma, self.beta, self.alpha_f, self.alpha_m
        rate = g / (b * dt)
        v = (1 - f) * ((1 - g / b) * now.v + dt * (1 - g / (2 * b)) * now.a) + f * now.v
        stiffening = (1 - m) / ((1 - f) * b * dt**2)
        a = (1 - m) * (now.v / (b * dt) + (1 / (2 * b) - 1) * now.a) - m * now.a
        return _motion(
            mass,
            resting=now.u - v / rate,
            rate=rate,
            coasting=now.u + a / stiffening,
            stiffening=stiffening,
        )

    def after(self, now: Kinematics, u: Vector, dt: float) -> Kinematics:
        """Extrapolate from the stage to the end of the step."""
        g, b = self.gamma, self.beta
        end = (u - self.alpha_f * now.u) / (1 - self.alpha_f)
        a = (end - now.u - dt * now.v) / (b * dt**2) - (1 / (2 * b) - 1) * now.a
        return Kinematics(end, now.v + dt * ((1 - g) * now.a + g * a), a)


SCHEMES: Final = {"generalised-α": GeneralizedAlpha(), "backward Euler": BackwardEuler()}

CUTS: Final = 3
"""How often a step may be halved."""


def still(body: Body) -> Kinematics:
    """Body at rest."""
    zero = jnp.zeros_like(body.heart.solid.space.points)
    return Kinematics(zero, zero, zero)


def newton_in_step(
    body: Body,
    mass: Inertia,
    scheme: Scheme,
    loads: Loading,
    now: Kinematics,
    dt: float,
    *,
    off: float = 0.01,
    solver: Solver = to_round_off,
) -> Steps:
    """Newton's steps near the solution of one time step from a state, under the loads at its stage.

    Parameters
    ----------
    body, mass, scheme
    loads : Loading
        Without motion.
    now : Kinematics
        Start of the step.
    dt : float
        Its length [ms].
    off : float
        How far from the solution to begin, relative to it.
    solver : function, optional
        Newton's method with linear solves as exact as it can.
    """
    loads = moving(loads, scheme.motion(now, dt, mass))
    found = solver(body, loads, at_rest(body)._replace(u=now.u))
    return near_solution(body, loads, found, off=off, solver=solver)


def march(
    body: Body,
    mass: Inertia,
    scheme: Scheme,
    loads_at: Callable[[float], Loading],
    *,
    times: Sequence[float],
    start: Kinematics | None = None,
    solver: Solver = solve,
) -> Iterator[tuple[float, Kinematics]]:
    """Move a body under given loads; a step that Newton's method cannot make is made in halves.

    Parameters
    ----------
    body, mass
        Body at rest and its mass.
    scheme : Scheme
    loads_at : function of time
        Loads without motion at a time [ms].
    times : sequence of float
        Ends of the steps, which may differ in length; they begin at 0 [ms].
    start : Kinematics, optional
        At rest by default.
    solver : function, optional
        How an equilibrium is found.

    Yields
    ------
    float, Kinematics
        Time [ms] and state at the end of each step.
    """

    def advanced(
        now: Kinematics, found: Equilibrium, begin: float, end: float, cuts: int
    ) -> tuple[Kinematics, Equilibrium]:
        step = end - begin
        motion = scheme.motion(now, step, mass)
        loads = moving(loads_at(begin + scheme.stage * step), motion)
        guess = found._replace(u=now.u + scheme.stage * step * now.v)
        try:
            found = solver(body, loads, guess)
        except SolveFailed:
            if not cuts:
                raise
            middle = begin + step / 2
            halfway = advanced(now, found, begin, middle, cuts - 1)
            return advanced(*halfway, middle, end, cuts - 1)
        return scheme.after(now, found.u, step), found

    now, found, before = still(body) if start is None else start, at_rest(body), 0.0
    for t in times:
        now, found = advanced(now, found, before, t, CUTS)
        before = t
        yield t, now
