"""Motion of a body of the elastodynamics benchmark: its places and cavities in time."""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from heartsim.errors import InputError
from heartsim.fem.cavity import volume
from heartsim.units import mL
from heartsim.verification.arostica_body import CASES, Drive, Ventricles, drive, probe
from heartsim.verification.direct import Loading, Solver, loading, solve
from heartsim.verification.dynamics import (
    GeneralizedAlpha,
    Kinematics,
    Scheme,
    march,
    newton_in_step,
    still,
)
from heartsim.verification.quadratic import Steps, to_round_off

PEAK: Final = 480.0
"""Time of greatest tension [ms]."""


class Course(NamedTuple):
    """Displacement of the published places [mm] and volume of each cavity [mL] in time [ms]."""

    t: Float[np.ndarray, " k"]
    u: Float[np.ndarray, "k a 3"]
    volume: Float[np.ndarray, "k c"]


def _loads(built: Ventricles, case: str, drives: Drive, t: float) -> Loading:
    chosen = CASES[case]
    return loading(
        built.body,
        pressure=chosen.pressed * drives.pressures(t)[built.chamber],
        tension=chosen.contractility * drives.tension(t),
    )


def followed(
    built: Ventricles,
    case: str,
    scheme: Scheme,
    *,
    times: Float[np.ndarray, " k"],
    solver: Solver = solve,
    state_at: float | None = None,
) -> tuple[Course, Kinematics]:
    """Move a body: what its places and its cavities do, and its state at one time.

    Parameters
    ----------
    built : Ventricles
    case : str
        Of `CASES`.
    scheme : Scheme
    times : (k,)
        Ends of the steps [ms].
    solver : function, optional
        How an equilibrium is found.
    state_at : float, optional
        One of the times at which the state is kept [ms]; the last by default.
    """
    drives = drive(built.shape.fillings, times[-1])
    probes = [probe(built.nodes, place) for place in built.shape.places.values()]
    x0 = built.body.heart.solid.space.points
    steps = march(
        built.body,
        built.mass,
        scheme,
        lambda t: _loads(built, case, drives, t),
        times=times.tolist(),
        solver=solver,
    )
    end = times[-1] if state_at is None else state_at
    if end not in times:
        raise InputError(f"no step ends at {end} ms, when the state is to be kept.")
    course, kept = [], still(built.body)
    for t, now in steps:
        places = [where.of(now.u) for where in probes]
        held = [float(volume(cavity, x0 + now.u)) / mL for cavity in built.cavities]
        course.append((t, places, held))
        if t == end:
            kept = now
    t, u, held = (np.array(column) for column in zip(*course, strict=True))
    return Course(t, u, held), kept


def steady(step: float, until: float) -> Float[np.ndarray, " k"]:
    """Ends of equal steps [ms]."""
    return step * np.arange(1, round(until / step) + 1)


def newton_after(
    built: Ventricles,
    case: str,
    now: Kinematics,
    t: float,
    step: float,
    solver: Solver = to_round_off,
) -> Steps:
    """Newton's steps near the solution of the step of generalised-α that follows a state."""
    scheme = GeneralizedAlpha()
    drives = drive(built.shape.fillings, t + step)
    loads = _loads(built, case, drives, t + scheme.stage * step)
    return newton_in_step(built.body, built.mass, scheme, loads, now, step, solver=solver)
