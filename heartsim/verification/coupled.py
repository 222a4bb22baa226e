"""A small heart in its circulation: order of the time step, energy, blood, and another coupling."""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import newton

from heartsim import creep, equilibrium
from heartsim.beat import Moment, begin, march, observed
from heartsim.bloodside import circulating, volumes_given
from heartsim.build import anatomy, heart_on
from heartsim.circulation.closed_loop import State, blood_volume
from heartsim.circulation.step import advance
from heartsim.coupling import Tolerances
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.heart import Heart, Load, cavity_volumes
from heartsim.loop import first_blood
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.surfaces import cavity_volume
from heartsim.scenario import Scenario
from heartsim.units import mL, mmHg
from heartsim.verification.direct import Body, Motion, loading, moving, out_of_balance
from heartsim.verification.quadratic import NEARER, Steps
from heartsim.verification.table import Figure, Findings, Line, Reading, observed_order
from heartsim.wallstate import WallState

UNTIL: Final = 320.0
"""Time that is followed: filling, isovolumic contraction and half the ejection [ms]."""

STEPS: Final = (4.0, 2.0, 1.0)
"""Time steps [ms]."""

EDGE: Final = 20.0
"""Mesh size of the ventricle [mm]."""

SMALL: Final = Tolerances(force=1e-8, volume=1e-9, linear=1e-3)
"""Tolerances at which the time step alone makes the error."""

ONE_STEP: Final = Tolerances(linear=1e-6, newton=1)
NEWTON_STEPS: Final = 3
OFF: Final = 0.1
"""Steps of Newton's method one at a time: to a solution, and from how far beside it."""

NEARBY: Final = 0.1 * mmHg
AGREED: Final = 1e-7
"""Distance of the second guess of a pressure, and of what counts as agreed [kPa]."""

SAME: Final = 1e-5
"""Difference of two courses of one scheme, each solved to its tolerances [mL, mmHg]."""

_advance = eqx.filter_jit(advance)  # noqa: TID251


@dataclass(frozen=True)
class Ready:
    """A filled heart at the start of its beat."""

    heart: Heart
    work: Workspace
    moment: Moment


class Course(NamedTuple):
    """What one run leaves: time, volume and pressure of the ventricle, and what must be kept."""

    t: Float[np.ndarray, " k"]
    volume: Float[np.ndarray, " k"]
    """[mL]"""
    pressure: Float[np.ndarray, " k"]
    """[mmHg]"""
    imbalance: float
    """Energy that appears from nowhere, relative to the active work [-]."""
    drift: float
    """Largest departure of the blood volume [mL]."""


def coupled(fast: bool) -> Findings:
    """A ventricle of finite elements in the closed circulation, up to the middle of ejection.

    Human ellipsoid of 20 mm cells, P1/P1, Holzapfel–Ogden muscle whose tension falls with its
    speed, everything else 0D. Implicit Euler in wall and blood: the courses of volume and pressure
    must converge with first order, and so must the energy balance pressure work + active work =
    stored + dissipated; blood volume is kept to round-off. The monolithic step is compared with a
    scheme that shares none of the coupling: circulation and wall are advanced in turns, each by
    its own solver, until they agree on the pressure. At the same step both must give the same beat.
    """
    del fast
    ready = ready_to_beat(edge=EDGE)
    courses = [_followed(ready, step) for step in STEPS]
    sizes = np.array(STEPS)
    reading = Reading("coupled", "implicit Euler: 1", ready.heart.solid.space.dofs)
    rows = []
    for what in ("volume", "pressure"):
        values = [np.interp(courses[0].t, c.t, getattr(c, what)) for c in courses]
        falls = np.linalg.norm(np.diff(values, axis=0), axis=1)
        order = observed_order(sizes[1:], falls)
        rows.append(reading.between(f"order of the time step, {what}", order, 0.85, 1.25))
    imbalance = np.array([course.imbalance for course in courses])
    rows += [
        reading.between(
            "order of the energy balance", observed_order(sizes, imbalance), 0.85, 1.25
        ),
        reading.at_most("energy imbalance / active work at 1 ms", imbalance[-1], 1e-4),
        reading.at_most("drift of the blood volume", courses[-1].drift, 1e-9, "mL"),
    ]
    turns = _taking_turns(ready, STEPS[0])
    reading = Reading("coupled", "wall and circulation in turns", reading.dofs)
    for what, unit in (("volume", "mL"), ("pressure", "mmHg")):
        off = np.abs(getattr(turns, what) - getattr(courses[0], what)).max()
        rows.append(reading.at_most(f"largest difference of {what}", off, SAME, unit))
    lines = tuple(
        Line(course.volume, course.pressure, f"monolithic, {step:g} ms", f"C{k}-")
        for k, (course, step) in enumerate(zip(courses, STEPS, strict=True))
    )
    lines += (Line(turns.volume, turns.pressure, f"in turns, {STEPS[0]:g} ms", "ko"),)
    label = "left ventricular pressure [mmHg]"
    figure = Figure("First half of a beat by two ways of coupling", "volume [mL]", label, lines)
    return Findings(tuple(rows), figure, (newton_in_step(ready, STEPS[0]),))


def newton_in_step(ready: Ready, step: float) -> Steps:
    """Newton's steps of wall and blood together near a first solution: residuals of the wall.

    One Newton step a call, with linear solves as exact as single precision allows and the wall's
    answer to its chambers solved for anew: what makes the product's own iteration cheap is off.

    Parameters
    ----------
    ready : Ready
    step : float
        Time step [ms].
    """
    heart, moment = ready.heart, ready.moment
    work = replace(ready.work, tolerances=ONE_STEP)
    now, dt = jnp.asarray(moment.t), jnp.asarray(step)
    load = Load(heart.tension(now + dt), moment.wall.u, 1.0 / dt)
    blood = circulating(heart.loop, moment.blood, now, dt, heart.chambers)

    body = Body(heart)
    still = moving(loading(body), Motion(load.u_before, load.rate, None))

    def residual(wall: WallState) -> float:
        loads = eqx.tree_at(lambda x: (x.cavity, x.tension), still, (wall.pressure, load.tension))
        return float(jnp.linalg.norm(out_of_balance(body, loads, wall.u, wall.p)))

    def stepped(wall: WallState) -> WallState:
        fresh = equilibrium.refresh(work, heart, wall, load)
        return equilibrium.step(fresh, heart, equilibrium.forgetful(wall), blood, load)[0]

    found, free = moment.wall, heart.solid.space.free
    for _ in range(NEWTON_STEPS):
        found = stepped(found)
    starts = [
        found._replace(u=found.u * (1 + part * OFF * free), p=found.p * (1 + part * OFF))
        for part in NEARER
    ]
    return tuple((residual(wall), residual(stepped(wall))) for wall in starts)


def ready_to_beat(*, edge: float) -> Ready:
    """Build a human ellipsoid of an edge length [mm], fill it passively, give its loop blood."""
    scenario = Scenario.from_dict(
        {
            "title": "Does the coupled step converge?",
            "patient": {"mesh": "human ellipsoid", "element": "P1P1", "imaged_at": "unloaded"},
        }
    )
    mesh = human_left_ventricle(edge, layers=1)
    built = anatomy(mesh, scenario)
    heart = heart_on(built, mesh.points, scenario)
    work = equilibrium.workspace(heart, built.nodes, SMALL)
    filling = np.array([scenario.patient.imaged_pressure.LV])
    wall, work = creep.hold(work, heart, equilibrium.rest(heart), filling)
    imaged = {"LV": cavity_volume(mesh.points, mesh.cavities["LV"])}
    held = {"LV": float(cavity_volumes(heart, wall.u)[0])}
    return Ready(heart, work, begin(heart, wall, first_blood(scenario, imaged, held)))


def _followed(ready: Ready, step: float) -> Course:
    """March with the product's coupled step."""
    heart, total = ready.heart, float(blood_volume(ready.heart.loop, ready.moment.blood))
    t, volume, pressure = [], [], []
    supplied, active, drift, stored = 0.0, 0.0, 0.0, None
    seen = None
    for _, before, after in march(ready.work, heart, ready.moment, step=step, until=UNTIL):
        seen = observed(heart, before, after)
        if stored is None:
            stored = observed(heart, before, before).stored
        t.append(after.t)
        volume.append(float(after.blood.V_LV) / mL)
        pressure.append(float(after.wall.pressure[0]) / mmHg)
        supplied += seen.pressure_work + seen.active_work - seen.dissipated
        active += abs(seen.active_work)
        drift = max(drift, abs(float(seen.blood_volume) - total) / mL)
    if seen is None or stored is None:
        raise SolveFailed("coupled: no step was taken.")
    imbalance = abs(supplied - (seen.stored - stored)) / active
    return Course(np.array(t), np.array(volume), np.array(pressure), float(imbalance), drift)


def _taking_turns(ready: Ready, step: float) -> Course:
    """March in turns: the circulation under a pressure, then the wall brought to its volume.

    Secants find the pressure of each step at which the two agree. One turn a step would not do:
    the wall answers faster ejection with less tension, an open valve answers less pressure with
    faster outflow, and the product of both is far above one at any step.
    """
    heart, (wall, blood) = ready.heart, (ready.moment.wall, ready.moment.blood)
    levels, dt = [(0.0, wall)], jnp.asarray(step)
    t, volume, pressure = [], [], []
    for k in range(round(UNTIL / step)):
        guess = equilibrium.extrapolate(levels, (k + 1) * step)
        load = Load(heart.tension(k * step + dt), wall.u, 1.0 / dt)
        instant = _Instant(jnp.asarray(k * step), dt, blood, guess, load)
        start = float(guess.pressure[0])
        agreed = newton(_mismatch, start, x1=start + NEARBY, args=(ready, instant), tol=AGREED)
        wall, blood = _turn(float(agreed), ready, instant)
        t.append((k + 1) * step)
        levels = [levels[-1], (t[-1], wall)]
        volume.append(float(blood.V_LV) / mL)
        pressure.append(float(wall.pressure[0]) / mmHg)
    return Course(np.array(t), np.array(volume), np.array(pressure), 0.0, 0.0)


class _Instant(NamedTuple):
    """Start of a step, its length, and what both sides know of it."""

    now: Array
    dt: Array
    blood: State
    guess: WallState
    load: Load


def _turn(under: float, ready: Ready, at: _Instant) -> tuple[WallState, State]:
    """Circulation under a pressure in the ventricle, then the wall at the volume that leaves it."""
    blood = _advance(ready.heart.loop, at.blood, at.now, at.dt, {"LV": jnp.asarray(under)})
    held = volumes_given(jnp.stack([blood.V_LV]))
    wall, _, info, _ = equilibrium.step(ready.work, ready.heart, at.guess, held, at.load)
    if not bool(info.converged):
        raise SolveFailed(f"coupled: no equilibrium in turns after {float(at.now):.1f} ms.")
    return wall, blood


def _mismatch(under: float, ready: Ready, at: _Instant) -> float:
    """Pressure of the wall less the one given to the circulation [kPa]."""
    return float(_turn(under, ready, at)[0].pressure[0]) - under
