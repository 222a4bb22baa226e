"""Mass in motion, in closed form: a stiff block on springs and dashpots, a wave along a bar."""

from typing import Final, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.fem.inertia import inertia
from heartsim.fem.support import support
from heartsim.mesh.box import box
from heartsim.tissue.passive import NeoHookean
from heartsim.verification.bodies import (
    WITHOUT_CONSTRAINT,
    Points,
    compressible,
    heart_of,
    muscle,
    space_on,
    wall,
)
from heartsim.verification.direct import Body, loading
from heartsim.verification.dynamics import (
    SCHEMES,
    GeneralizedAlpha,
    Kinematics,
    Scheme,
    march,
    newton_in_step,
)
from heartsim.verification.table import Figure, Findings, Line, Reading, extrapolate, observed_order

LENGTH: Final = 2.0
"""Length of block and bar [mm]; their section is 1 mm²."""

DENSITY: Final = 1.0
"""[mg/mm³]"""

PERIOD: Final = 100.0
"""Period of the block without dashpots [ms]."""

DAMPING: Final = 0.1
"""Damping relative to the critical one [-]."""

RIGID: Final = 300.0
"""Shear modulus of the block [kPa]: it deforms by a part in 10⁵."""

STEPS: Final = {
    "generalised-α": np.array([4.0, 2.0, 1.0]),
    "backward Euler": np.array([1.0, 0.5, 0.25]),
}
"""Time steps of the block [ms]; first order needs smaller ones to show."""

SMALL: Final = 1e-4
LARGE: Final = 0.5
"""Displacement of the bar's end [mm]: a linear wave, and one far from it for Newton's method."""

SHEAR: Final = 10.0
BULK: Final = 20.0
"""Moduli of the bar [kPa]."""


class Path(NamedTuple):
    """Displacement [mm] of one point in time [ms]."""

    t: Float[np.ndarray, " k"]
    u: Float[np.ndarray, " k"]


def oscillation(fast: bool) -> Findings:
    """Let a stiff block swing on springs and dashpots, and a wave run along a bar.

    The block, 2 mg, drawn aside by 1 mm: u = exp(−ζωt)(cos ω't + ζω/ω' sin ω't), period 100 ms,
    ζ = 0.1. After one period generalised-α (0.2, 0.4) must have converged with order 2, backward
    Euler with order 1, both to the closed form. The bar, held at one end and at its sides, swings
    in its first mode with the period 4 L √(ρ/M), M = kappa + 4/3 mu; after an eighth of it the end
    must be at cos 45° of where it began.
    """
    del fast
    exact = _swing(np.array([PERIOD]))[0]
    rows, lines = [], []
    for k, ((name, scheme), order) in enumerate(zip(SCHEMES.items(), (2, 1), strict=True)):
        steps = STEPS[name]
        paths = [_block(scheme, float(step)) for step in steps]
        ends = np.array([path.u[-1] for path in paths])
        found = observed_order(steps, np.abs(ends - exact))
        limit = extrapolate(steps, ends, order=order)
        reading = Reading("oscillation", "closed form, theory")
        what = f"block, {name}"
        rows.append(reading.between(f"{what}, order", found, order - 0.15, order + 0.15))
        rows.append(reading.within(f"{what}, after one period", limit, exact, 0.005, "mm"))
        lines.append(Line(paths[0].t, paths[0].u, f"{name}, steps of {steps[0]:g} ms", f"C{k}o"))
    grid = np.linspace(0, PERIOD, 201)
    lines.append(Line(grid, _swing(grid), "closed form", "k-"))
    body, shape, period = _bar()
    end = _rung(body, SMALL * shape, period) / SMALL
    reading = Reading("oscillation", "closed form", body.heart.solid.space.dofs)
    rows.append(reading.within("bar, end after an eighth of its period", end, 0.5**0.5, 0.002))
    title = "A stiff block on springs and dashpots"
    figure = Figure(title, "time [ms]", "displacement [mm]", tuple(lines))
    mass = inertia(body.heart.solid.space, DENSITY)
    drawn = Kinematics(LARGE * shape, 0 * shape, 0 * shape)
    scheme = GeneralizedAlpha()
    newton = newton_in_step(body, mass, scheme, loading(body), drawn, period / 2, off=0.05)
    return Findings(tuple(rows), figure, (newton,))


def _swing(t: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Closed form of the block."""
    omega = 2 * np.pi / PERIOD
    damped = omega * np.sqrt(1 - DAMPING**2)
    phase = np.cos(damped * t) + DAMPING * omega / damped * np.sin(damped * t)
    return np.exp(-DAMPING * omega * t) * phase


def _block(scheme: Scheme, step: float) -> Path:
    """Swing for one period."""
    mesh = box((LENGTH, 1.0, 1.0), (1, 1, 1))
    nodes, space = space_on(mesh.points, mesh.tets, "P1P1", lambda x: np.zeros(x.shape, bool))
    omega = 2 * np.pi / PERIOD
    spring, dashpot = DENSITY * LENGTH * omega**2, 2 * DAMPING * DENSITY * LENGTH * omega
    held = support(
        nodes, mesh.surface("x0"), normal_stiffness=spring, tangential_stiffness=spring,
        normal_damping=dashpot, tangential_damping=dashpot,
    )  # fmt: skip
    material = muscle(NeoHookean(RIGID), len(mesh.tets))
    heart = eqx.tree_at(lambda h: h.supports, heart_of(wall(space, material)), (held,))
    along = jnp.zeros_like(space.points).at[:, 0].set(1.0)
    start = Kinematics(along, 0 * along, -(omega**2) * along)
    return _watched(Body(heart), scheme, start, step, round(PERIOD / step), 0)


def _bar() -> tuple[Body, Float[Array, "n 3"], float]:
    """Bar at rest, its first mode with 1 mm at the end, and the period of that mode [ms]."""
    mesh = box((LENGTH, 1.0, 1.0), (6, 1, 1))

    def held(x: Points) -> np.ndarray:
        prescribed = np.ones(x.shape, bool)
        prescribed[:, 0] = np.abs(x[:, 0]) < 1e-9
        return prescribed

    _, space = space_on(mesh.points, mesh.tets, "P2P1", held)
    material = compressible(NeoHookean(SHEAR), BULK, len(mesh.tets))
    body = Body(heart_of(wall(space, material, compressibility=WITHOUT_CONSTRAINT)))
    speed = np.sqrt((BULK + 4 / 3 * SHEAR) / DENSITY)
    period = 4 * LENGTH / speed
    sine = jnp.sin(jnp.pi / 2 * space.points[:, 0] / LENGTH)
    return body, jnp.zeros_like(space.points).at[:, 0].set(sine), float(period)


def _rung(body: Body, u: Float[Array, "n 3"], period: float) -> float:
    """Displacement of the bar's end an eighth of a period after it is let go."""
    start = Kinematics(u, 0 * u, -((2 * np.pi / period) ** 2) * u)
    end = int(jnp.argmax(u[:, 0]))
    return float(_watched(body, GeneralizedAlpha(), start, period / 8 / 20, 20, end).u[-1])


def _watched(
    body: Body, scheme: Scheme, start: Kinematics, step: float, steps: int, node: int
) -> Path:
    """Motion of one node along x without loads."""
    mass = inertia(body.heart.solid.space, DENSITY)
    free, times = loading(body), step * np.arange(1, steps + 1)
    moved = march(body, mass, scheme, lambda t: free, times=times, start=start)
    path = [(t, _along(now.u, node)) for t, now in moved]
    t, u = np.array(path).T
    return Path(t, u)


def _along(u: Float[Array, "n 3"], node: int) -> float:
    return float(u[node, 0])
