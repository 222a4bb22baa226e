"""The circulation alone: Windkessel and valve laws in closed form, a published closed loop."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.circulation import (
    Circulation,
    State,
    advance,
    healthy_adult,
    limit_cycle,
    regazzoni_2022,
)
from heartsim.circulation.cavities import no_cavities
from heartsim.circulation.closed_loop import pressures
from heartsim.circulation.components import Valve, Vessel
from heartsim.circulation.step import step_problem, unknowns
from heartsim.units import BLOOD_DENSITY, L, cm, minute, mL, mmHg, s
from heartsim.verification.quadratic import NEARER, Steps
from heartsim.verification.table import (
    Figure,
    Findings,
    Line,
    Reading,
    Row,
    extrapolate,
    observed_order,
)

RESISTANCE: Final = mmHg * s / mL
COMPLIANCE: Final = mL / mmHg
SINK: Final = 1e12
"""Compliance of a reservoir that keeps its pressure [mm³/kPa]."""

HALF: Final = 500.0
"""Time that is followed [ms]."""

STEPS: Final = 500

OFF: Final = 0.02
"""How far from a solution Newton's method starts, relative to it."""

RP: Final = 1.05
RC: Final = 0.05
C: Final = 1.3
"""Peripheral and characteristic resistance [mmHg s/mL], compliance [mL/mmHg]."""

REGAZZONI: Final = {
    ("LV", "max", "mL"): 137.00457,
    ("LV", "min", "mL"): 49.02468,
    ("RV", "max", "mL"): 166.28545,
    ("RV", "min", "mL"): 78.30634,
    ("LV", "max", "mmHg"): 127.89464,
    ("RV", "max", "mmHg"): 43.25639,
    ("aorta", "max", "mmHg"): 126.90203,
    ("aorta", "min", "mmHg"): 72.90398,
}
"""Limit cycle of the published loop by an independent adaptive integrator (LSODA, 200 beats)."""


def windkessel(fast: bool) -> Findings:
    """Decay and filling of a three-element Windkessel inside the closed loop.

    Aortic valve shut: p = p0 exp(−t/(Rp C)), Rp C = 1.365 s. Constant inflow of 100 mL/s from rest:
    root pressure p = 100 (Rc + Rp (1 − exp(−t/(Rp C)))) mmHg, 37.204 at 0.5 s, 59.531 at 1 s. The
    implicit Euler steps must converge with first order, to 0.05 % after extrapolation.
    """
    del fast
    steps = np.array([2.0, 1.0])
    (slow, slow_root), (decay, root) = (_decayed_and_filled(dt) for dt in steps.tolist())
    exact = 100 * np.exp(-HALF / (RP * C * s))
    reading = Reading("windkessel", "closed form, Rp 1.05, C 1.3, Rc 0.05")
    ends = np.array([slow[-1], decay[-1]])
    order, decayed = observed_order(steps, ends - exact), extrapolate(steps, ends, order=1)
    filled = extrapolate(steps, np.array([slow_root[-1], root[-1]]), order=1)
    rows = (
        reading.within("decay, pressure after 0.5 s", decayed, exact, 5e-4, "mmHg"),
        reading.between("decay, order of the time step", order, 0.9, 1.1),
        reading.within("inflow, root pressure after 0.5 s", filled, 37.204075, 5e-4, "mmHg"),
        *_valve_rows(),
    )
    t = np.linspace(0, HALF, 501)
    lines = (
        Line(t, 100 * np.exp(-t / (RP * C * s)), "decay, closed form", "C0-"),
        Line(t[25::25], decay[24::25], "decay, heartsim", "C0o"),
        Line(t, 100 * (RC + RP * (1 - np.exp(-t / (RP * C * s)))), "inflow, closed form", "C1-"),
        Line(t[25::25], root[24::25], "inflow, heartsim", "C1o"),
    )
    loop, state = _loop()
    full = state._replace(p_systemic_arteries=jnp.asarray(100 * mmHg))
    newton = _newton(loop, full, dt=1.0, held={"LV": jnp.zeros(())})
    figure = Figure("Windkessel", "time [ms]", "pressure [mmHg]", lines)
    return Findings(rows, figure, (newton,))


def _newton(
    loop: Circulation, state: State, *, dt: float, held: Mapping[str, Float[Array, ""]]
) -> Steps:
    """Newton's steps [mm³] near the solution of a time step from a state at time 0."""
    start, step = jnp.zeros(()), jnp.asarray(dt)
    problem = step_problem(loop, state, start, step, held, no_cavities())
    found, steps = unknowns(advance(loop, state, start, step, held)), []
    for part in NEARER:
        before = (1 + part * OFF) * found
        out = problem.balance(before)
        after = problem.moved(before, -jnp.linalg.solve(problem.tangent(before), out))
        met = out, problem.balance(after)
        steps.append(tuple(float(jnp.linalg.norm(residual)) for residual in met))
    return tuple(steps)


def _loop() -> tuple[Circulation, State]:
    """Adult loop whose systemic arteries are the Windkessel, emptying into a sink."""
    loop, state = healthy_adult()
    arteries = Vessel(
        resistance=RP * RESISTANCE,
        compliance=C * COMPLIANCE,
        inertance=0.0,
        impedance=RC * RESISTANCE,
    )
    loop = eqx.tree_at(lambda c: c.systemic_arteries, loop, arteries)
    loop = eqx.tree_at(lambda c: c.systemic_veins.compliance, loop, jnp.asarray(SINK))
    return loop, state._replace(p_systemic_veins=jnp.zeros(()))


def _decayed_and_filled(
    dt: float,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Pressure behind a shut valve, and root pressure under 100 mL/s, over `HALF` [mmHg]."""
    loop, state = _loop()
    step, count = jnp.asarray(dt), round(HALF / dt)
    full = state._replace(p_systemic_arteries=jnp.asarray(100 * mmHg))
    decay = _march(loop, full, step, jnp.zeros(()))
    # a source: a large resistance under a large pressure, so that the inflow is constant
    source = 1e6 * RESISTANCE
    valve = Valve(area=1e12, regurgitant_area=0.0, resistance=source)
    loop = eqx.tree_at(lambda c: c.aortic, loop, valve)
    none = jnp.zeros(())
    empty = state._replace(p_systemic_arteries=none, Q_systemic_arteries=none)
    filling = _march(loop, empty, step, jnp.asarray(source * 100 * mL / s))
    return np.asarray(decay.bed)[:count], np.asarray(filling.root)[:count]


class _Arteries(NamedTuple):
    """Pressure of the bed, and of the root in front of its impedance, in time [mmHg]."""

    bed: Float[Array, " k"]
    root: Float[Array, " k"]


@eqx.filter_jit  # noqa: TID251
def _march(
    loop: Circulation, state: State, dt: Float[Array, ""], ventricle: Float[Array, ""]
) -> _Arteries:
    """History of `STEPS` equal steps with a given pressure in the left ventricle."""

    def step(now: State, t: Float[Array, ""]) -> tuple[State, _Arteries]:
        new = advance(loop, now, t, dt, {"LV": ventricle})
        root = pressures(loop, new, t + dt, {"LV": ventricle})["aorta"]
        return new, _Arteries(new.p_systemic_arteries / mmHg, root / mmHg)

    return jax.lax.scan(step, state, dt * jnp.arange(STEPS, dtype=float))[1]


def _valve_rows() -> list[Row]:
    """Valves of the loop against Bernoulli's law, forward and backward."""
    reading = Reading("windkessel", "Bernoulli, A √(2 Δp/ρ), ρ = 1.06 g/mL")
    leak, forward, back = (
        _through(drop, leak=leak) for drop, leak in ((-100.0, 0.0), (4.0, 0.0), (-100.0, 0.4))
    )
    return [
        reading.at_most("competent valve at −100 mmHg, leak", abs(leak), 1e-12, "mL/s"),
        reading.within("open valve, 4 cm² at 4 mmHg", forward, _orifice(4.0, 4.0), 1e-6, "mL/s"),
        reading.within(
            "leaking valve, 0.4 cm² at −100 mmHg", back, -_orifice(100.0, 0.4), 1e-6, "mL/s"
        ),
    ]


def _through(drop: float, *, leak: float) -> float:
    """Flow through a valve of 4 cm² with a leak [cm²] at a pressure drop [mmHg], in mL/s."""
    valve = Valve(area=4 * cm**2, regurgitant_area=leak * cm**2, resistance=0.0)
    return float(valve.flow(jnp.asarray(drop * mmHg))) / (mL / s)


def _orifice(drop: float, area: float) -> float:
    """Flow through an orifice [cm²] by Bernoulli, A √(2 drop/rho) with rho = 1.06 g/mL [mL/s]."""
    return area * 100 * np.sqrt(2 * drop * mmHg / BLOOD_DENSITY)


def closed_loop(fast: bool) -> Findings:
    """Limit cycle of a published closed loop (Regazzoni 2022, doi:10.1016/j.jcp.2022.111083).

    Four elastance chambers, four valves, two circulations, twelve states, parameters of the paper;
    reference by an independent adaptive integrator (LSODA, relative tolerance 1e-9, 200 beats).
    Band: 0.5 % of each extreme.
    """
    loop, state = regazzoni_2022()
    cycle = limit_cycle(loop, state, 500 if fast else 1000)
    traces = cycle.traces
    reading = Reading("closed-loop", "equations and parameters of doi:10.1016/j.jcp.2022.111083")
    rows = []
    for (name, extreme, unit), expected in REGAZZONI.items():
        trace = traces.volume[name] / mL if unit == "mL" else traces.pressure[name] / mmHg
        found = float(getattr(np, extreme)(np.asarray(trace)))
        rows.append(reading.within(f"{name}, {extreme}", found, expected, 0.005, unit))
    output = float(jnp.mean(traces.flow["aortic"]) / (L / minute))
    rows.append(reading.within("cardiac output", output, 5.27852, 0.005, "L/min"))
    volume, pressure = (
        np.asarray(traces.volume["LV"]) / mL,
        np.asarray(traces.pressure["LV"]) / mmHg,
    )
    box = np.array([49.02468, 137.00457, 137.00457, 49.02468, 49.02468])
    lines = (
        Line(volume, pressure, "heartsim", "C0-"),
        Line(box[:2], np.full(2, 127.89464), "extremes of the independent integrator", "k:"),
        Line(box[[0, 0]], np.array([0.0, 127.9]), "", "k:"),
        Line(box[[1, 1]], np.array([0.0, 127.9]), "", "k:"),
    )
    label = "left ventricular pressure [mmHg]"
    figure = Figure("Published closed loop", "left ventricular volume [mL]", label, lines)
    return Findings(tuple(rows), figure, (_newton(loop, cycle.state, dt=1.0, held={}),))
