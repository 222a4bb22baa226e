"""The 2025 benchmark of cardiac elastodynamics [1]_: ventricles with mass move for a second.

Compressible viscous muscle between stiff springs, given tension and pressure; `arostica_body` has
the definition. A left ventricle on two meshes: one of 872 cells, on which locked linear elements
must repeat the regression numbers of a participant's public test suite, and the benchmark's own of
5 mm, on which quadratic elements must reach the curves of the participants; and a biventricle.

References
----------
.. [1] Aróstica et al. (2025). A software benchmark for cardiac elastodynamics. CMAME 435, 117485.
   doi:10.1016/j.cma.2024.117485
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from heartsim.fem.cavity import volume
from heartsim.mesh.library import shipped_folder
from heartsim.units import mL, s
from heartsim.verification.arostica_body import CASES, Drive, Ventricles, drive, probe, ventricles
from heartsim.verification.arostica_shapes import both_ventricles, left_ventricle
from heartsim.verification.direct import Loading, Solver, loading, solve
from heartsim.verification.dynamics import (
    SCHEMES,
    GeneralizedAlpha,
    Kinematics,
    Scheme,
    march,
    newton_in_step,
    still,
)
from heartsim.verification.kept import EXACT, kept_factors
from heartsim.verification.quadratic import to_round_off
from heartsim.verification.table import (
    Figure,
    Findings,
    Line,
    Reading,
    Row,
    extrapolate,
    observed_order,
)

SOURCE: Final = "Aróstica et al. 2025, doi:10.1016/j.cma.2024.117485"
SUITE: Final = "finsberg/cardiac_benchmark, tests/test_cli.py at f78544b (P1, 872 cells)"

REGRESSION: Final = {
    "1": (("min", "x", -20.1299237), ("max", "y", 1.52623), ("max", "z", 1.2752)),
    "0A": (("min", "x", -21.1865732), ("max", "y", 1.13854), ("max", "z", 1.21422)),
    "0B": (("max", "x", 9.56321066), ("min", "y", -0.248506144)),
}
"""Extremes of the displacement of p0 [mm]; a band of 1 %, 2 % where it is below 1 mm."""

PEAK: Final = 480.0
"""Time of greatest tension [ms]."""

UNEVEN: Final = np.concatenate(
    [np.arange(20, 161, 20), np.arange(165, 281, 5), np.arange(300, 481, 20)]
)
"""Ends of the steps on the large mesh [ms]: short where contraction begins."""

FAST_MOTION: Final = 240.0
"""Until when the schemes are compared [ms]: 80 ms into contraction."""


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
) -> tuple[Course, Kinematics]:
    """Move a body, and what its places and its cavities do; the state at the end."""
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
    course, now = [], still(built.body)
    for t, now in steps:
        places = [where.of(now.u) for where in probes]
        held = [float(volume(cavity, x0 + now.u)) / mL for cavity in built.cavities]
        course.append((t, places, held))
    t, u, held = (np.array(column) for column in zip(*course, strict=True))
    return Course(t, u, held), now


def steady(step: float, until: float) -> Float[np.ndarray, " k"]:
    """Ends of equal steps [ms]."""
    return step * np.arange(1, round(until / step) + 1)


def regression(fast: bool) -> Findings:
    """Move the small mesh of the benchmark's ventricle: linear elements, generalised-α.

    Ellipsoids of 25/90 and 35/97 mm, 872 straight cells; Holzapfel–Ogden muscle with logistic
    switches, kappa/4 (J² − 1 − 2 ln J), kappa = 1 MPa, viscosity 100 Pa s, density 1 g/mL; springs
    and dashpots along the facets' normals outside (10⁸ Pa/m, 5·10³ Pa s/m) and in all directions
    at the base (10⁵, 5·10³); tension (peak 118.106 kPa) and pressure (16.074 kPa) by their
    equations. Cases 1 (both), 0A (tension), 0B (pressure): extremes of the displacement of p0
    as a participant's public test suite has them, for fibers laid at the quadrature points. On
    so few cells P1 locks (its p0 goes 20 instead of 35 mm): a test that codes agree, not of the
    heart. Generalised-α and backward Euler must converge with their orders, to one answer.
    """
    step = 5.0
    chosen = {"1": REGRESSION["1"]} if fast else REGRESSION
    rows, lines, newton = list(_drive_rows()), [], []
    for k, (name, extremes) in enumerate(chosen.items()):
        built = ventricles(left_ventricle("arostica_872"), "P1P1", CASES[name])
        course, now = followed(built, name, GeneralizedAlpha(), times=steady(step, 600.0))
        reading = Reading("arostica", SUITE, built.body.heart.solid.space.dofs)
        for extreme, axis, expected in extremes:
            found = float(getattr(np, extreme)(course.u[:, 0, "xyz".index(axis)]))
            band = 0.01 if abs(expected) > 1 else 0.02
            what = f"case {name}, {extreme}. u{axis} of p0"
            rows.append(reading.within(what, found, expected, band, "mm"))
        newton.append(_newton(built, name, now, 600.0, step))
        lines.append(Line(course.t, course.u[:, 0, 0], f"case {name}, P1", f"C{k}-"))
        peaks = np.array([value for _, axis, value in extremes if axis == "x"])
        lines.append(Line(np.full(len(peaks), PEAK), peaks, "", f"C{k}o"))
    rows += [] if fast else _scheme_rows()
    title = "Elastodynamics, 872 cells: lines heartsim, points a participant"
    figure = Figure(title, "time [ms]", "u_x of p0 [mm]", tuple(lines))
    return Findings(tuple(rows), figure, tuple(newton))


def _drive_rows() -> list[Row]:
    """Peaks of tension and pressure against an accurate integrator (Radau, 1e-10)."""
    drives, t = drive(), np.linspace(400, 520, 481)
    reading = Reading("arostica", "equations of the benchmark, independent integrator")
    tension = 150 * max(drives.tension(float(at)) for at in t)
    pressure = max(float(drives.pressures(float(at))[0]) for at in t)
    return [
        reading.within("peak of the tension", tension, 118.106379, 1e-5, "kPa"),
        reading.within("peak of the pressure", pressure, 16.074029, 1e-5, "kPa"),
    ]


def _newton(
    built: Ventricles,
    case: str,
    now: Kinematics,
    t: float,
    step: float,
    solver: Solver = to_round_off,
) -> tuple[float, ...]:
    """Newton's residuals in the step of generalised-α that follows a state."""
    scheme = GeneralizedAlpha()
    drives = drive(built.shape.fillings, t + step)
    loads = _loads(built, case, drives, t + scheme.stage * step)
    return newton_in_step(built.body, built.mass, scheme, loads, now, step, solver=solver)


def _scheme_rows() -> list[Row]:
    """Orders of both schemes in the fastest part of case 1, and their common limit.

    Viscosity is a difference of strains over the step, of first order in both, which keeps
    generalised-α from the 2 that it has without (problem `oscillation`).
    """
    built, sizes = ventricles(left_ventricle("arostica_872"), "P1P1", CASES["1"]), (4.0, 2.0, 1.0)
    ends = {
        name: np.array(
            [
                followed(built, "1", scheme, times=steady(dt, FAST_MOTION))[0].u[-1, 0, 0]
                for dt in sizes
            ]
        )
        for name, scheme in SCHEMES.items()
    }
    order = {
        name: observed_order(np.array(sizes[1:]), np.abs(np.diff(found)))
        for name, found in ends.items()
    }
    second, first = SCHEMES
    reading = Reading("arostica", "theory: 2 and 1", built.body.heart.solid.space.dofs)
    rows = [
        reading.between(f"{second}, order", order[second], 1.75, 2.35),
        reading.between(f"{first}, order", order[first], 0.75, 1.35),
    ]
    reading = Reading("arostica", "generalised-α at 1 ms", reading.dofs)
    what = f"backward Euler, limit of ux of p0 at {FAST_MOTION:.0f} ms"
    limit = extrapolate(np.array(sizes), ends[first], order=1)
    return [*rows, reading.within(what, limit, ends[second][-1], 0.005, "mm")]


def published(fast: bool) -> Findings:
    """Move the benchmark's own mesh of 5 mm, 17 625 cells, to the peak of tension.

    Case 1 of the problem above as eight participants solved it (CARPentry, Ambit, 4C, Simula,
    CHimeRA, CHeart, life^x, COMSOL), generalised-α, quadratic elements, flat facets: with smooth
    normals the same ventricle shortens a fifth more. At the peak the displacement of p0 and p1
    must lie in the participants' range widened by 2 % of its largest value; departures at other
    times are reported.
    """
    del fast
    built = ventricles(left_ventricle("arostica_5mm"), "P2P1", CASES["1"], quadrature=2)
    return _beside_participants("arostica-5mm", built, "1", (167.5176,))


def biventricular(fast: bool) -> Findings:
    """Move the benchmark's coarse biventricle, 45 304 cells, to the peak of tension.

    Step 3 of the benchmark: the tissue above, pressures of both chambers by their equations (peaks
    16.49 and 4.16 kPa), stiffer base (10⁶ Pa/m), fibers given with the mesh at its vertices;
    generalised-α, quadratic elements, flat facets. At the peak the displacement of p0, p1 and p2
    must lie in the range of the same eight participants widened by 2 % of its largest value. The
    rate of the right pressure before contraction is the one of a participant's code, 1/s.
    """
    del fast
    built = ventricles(both_ventricles(), "P2P1", CASES["1"], quadrature=2)
    return _beside_participants("arostica-biv", built, "biventricle", (90.0779, 96.4854))


def _beside_participants(
    name: str, built: Ventricles, published: str, cavities: Sequence[float]
) -> Findings:
    """Rows and figure of case 1 on a large mesh."""
    with np.load(shipped_folder() / "arostica_groups.npz") as data:
        time, range_ = data["time"], data[published].astype(float)
    solver = kept_factors(built.nodes, built.body)
    course, now = followed(built, "1", GeneralizedAlpha(), times=UNEVEN, solver=solver)
    exact = kept_factors(built.nodes, built.body, **EXACT)
    newton = _newton(built, "1", now, PEAK, 5.0, exact)
    space = built.body.heart.solid.space
    reading = Reading(name, SOURCE, space.dofs)
    rows = [
        reading.within("cavity at rest", float(volume(cavity, space.points)) / mL, size, 1e-5, "mL")
        for cavity, size in zip(built.cavities, cavities, strict=True)
    ]
    rows += _range_rows(reading, built.shape.places, course, time, range_)
    low, high = range_[0, :, 0]
    lines = (
        Line(time, low, "range of the participants", "k:"),
        Line(time, high, "", "k:"),
        Line(course.t, course.u[:, 0, 0], "heartsim, P2", "C0o-"),
    )
    figure = Figure("Elastodynamics: motion of p0", "time [ms]", "u_x of p0 [mm]", lines)
    return Findings(tuple(rows), figure, (newton,))


def _range_rows(
    reading: Reading,
    places: Iterable[str],
    course: Course,
    time: Float[np.ndarray, " m"],
    range_: Float[np.ndarray, "a 2 3 m"],
) -> Sequence[Row]:
    """Displacements at the peak and largest departures from the participants' range on the way."""
    rows = []
    for place, name in enumerate(places):
        for axis in range(3):
            low, high = range_[place, :, axis]
            found, what = course.u[:, place, axis], f"u{'xyz'[axis]} of {name}"
            slack = 0.02 * max(abs(low).max(), abs(high).max())
            ends = [np.interp(PEAK, time, side) for side in (low, high)]
            at = f"{what} at {PEAK / s:.2f} s"
            rows.append(reading.between(at, found[-1], ends[0] - slack, ends[1] + slack, "mm"))
            below = np.interp(course.t, time, low) - found
            above = found - np.interp(course.t, time, high)
            off = max(below.max(), above.max(), 0.0)
            rows.append(reading.reported(f"{what}, farthest out of range", off, "mm"))
    return rows
