"""The elastodynamics benchmark [1]_ on its own meshes, beside eight participants.

CARPentry, Ambit, 4C, Simula, CHimeRA, CHeart, life^x and COMSOL; their range over time ships in
``meshes/arostica_groups.npz``, sampled every 20 ms.

References
----------
.. [1] Aróstica et al. (2025). A software benchmark for cardiac elastodynamics. CMAME 435, 117485.
   doi:10.1016/j.cma.2024.117485
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from heartsim.fem.cavity import volume
from heartsim.mesh.library import shipped_folder
from heartsim.units import mL, s
from heartsim.verification.arostica_body import CASES, Ventricles, ventricles
from heartsim.verification.arostica_motion import PEAK, Course, followed, newton_after
from heartsim.verification.arostica_shapes import both_ventricles, left_ventricle
from heartsim.verification.dynamics import BackwardEuler, GeneralizedAlpha, Kinematics, Scheme
from heartsim.verification.kept import EXACT, kept_factors
from heartsim.verification.quadratic import Steps
from heartsim.verification.table import Figure, Findings, Line, Reading, Row

SOURCE: Final = "Aróstica et al. 2025, doi:10.1016/j.cma.2024.117485"

TO_PEAK: Final = np.concatenate(
    [np.arange(20, 161, 20), np.arange(165, 281, 5), np.arange(300, 481, 20)]
).astype(float)
"""Ends of the steps [ms]: short where contraction begins."""

WHOLE: Final = np.unique(
    [
        *TO_PEAK,
        *np.arange(162.5, 260, 5),
        *np.arange(482.5, 761, 2.5),
        *np.arange(765, 1001, 5),
    ]
)
"""The same over a second: half as long where contraction begins, short where the muscle lets go."""

UNTIL: Final = {"0B": 200.0}
"""Last time of a case whose ventricle snaps into a twist then [ms]."""

_AS_CASE_1: Final = (
    "Mesh, elements, steps, participants and bands are those of `arostica-5mm`, at the peak\n"
    "and through the second; volumes are published of 1, 0A and 0B."
)

ABOUT: Final = {
    "0A": f"""Move that ventricle by its tension alone.

{_AS_CASE_1}""",
    "0B": f"""Move that ventricle by its pressure alone, until 0.2 s.

{_AS_CASE_1} Then the passive ventricle buckles into a twist and the
participants spread from −21 to −29 mm: no more is judged.""",
    "2A": f"""Move that ventricle with muscle 3 times as stiff that pulls with 200 kPa.

{_AS_CASE_1} The participants solved 2A, 2B and 2C blind.""",
    "2B": f"""Move that ventricle with muscle 5 times as stiff that pulls with 100 kPa.

{_AS_CASE_1}""",
    "2C": f"""Move that ventricle with muscle a third as stiff that pulls with 200 kPa.

{_AS_CASE_1}""",
}
"""Other cases of the benchmark: tension alone, pressure alone, and tissues of the blinded step."""

SLACK: Final = 0.02
"""Part of its largest value by which the range is widened."""


class Group(NamedTuple):
    """Range of the participants.

    Attributes
    ----------
    time : (m,)
        [ms].
    low, high : (a, 3, m)
        Least and largest displacement of the places [mm].
    """

    time: Float[np.ndarray, " m"]
    low: Float[np.ndarray, "a 3 m"]
    high: Float[np.ndarray, "a 3 m"]

    @property
    def slack(self) -> Float[np.ndarray, "a 3"]:
        """How far the range is widened on both sides [mm]."""
        return SLACK * np.maximum(np.abs(self.low), np.abs(self.high)).max(axis=-1)

    def outside(self, course: Course) -> "Departure":
        """How far a motion leaves the range, at the samples that end one of its steps.

        Between samples a straight line is not the participants' curve, as the ventricle moves up to
        15 mm from one to the next.
        """
        common, ours, theirs = np.intersect1d(course.t, self.time, return_indices=True)
        u = np.moveaxis(course.u[ours], 0, -1)
        off = np.maximum(self.low[..., theirs] - u, u - self.high[..., theirs])
        return Departure(common, np.maximum(off, 0.0))


class Departure(NamedTuple):
    """Distance out of range [mm] of places and axes at some times [ms]."""

    t: Float[np.ndarray, " k"]
    off: Float[np.ndarray, "a 3 k"]


def group(case: str, until: float = np.inf) -> Group:
    """Range of the participants in a case of the ventricle, or in ``"biventricle"``.

    Parameters
    ----------
    case : str
    until : float
        Last time that counts [ms]; the range is widened by what is largest up to then.
    """
    with np.load(shipped_folder() / "arostica_groups.npz") as data:
        early = data["time"] <= until
        range_ = data[case].astype(float)[..., early]
        return Group(data["time"][early], range_[:, 0], range_[:, 1])


def published(fast: bool) -> Findings:
    """Move the benchmark's own mesh of 5 mm, 17 625 cells, for a second: case 1.

    Case 1 of `arostica` as eight participants solved it (CARPentry, Ambit, 4C, Simula, CHimeRA,
    CHeart, life^x, COMSOL), generalised-α, quadratic elements, flat facets: with smooth normals the
    same ventricle shortens a fifth more. At the peak of tension, and at every sample of the
    participants, 20 ms apart through the second, the displacement of p0 and p1 must lie in their
    range widened by 2 % of its largest value, and the volume of the cavity in that of the four
    which measured the same one. Steps are of 2.5 ms where contraction begins (with 5 ms uz of p1 in
    case 0A was 0.043 mm out of range, bound 0.031) and where the muscle lets go (2B, 0.054 mm,
    bound 0.037), 5 or 20 ms elsewhere. Backward Euler must be in the same range at the peak, in
    steps of 5 and 20 ms; how far the schemes are apart there is told.
    """
    del fast
    built = ventricles(left_ventricle("arostica_5mm"), "P2P1", CASES["1"], quadrature=2)
    participants, reading = group("1"), _reading("arostica-5mm", built)
    course, now = _moved(built, "1", WHOLE, GeneralizedAlpha())
    euler, _ = _moved(built, "1", TO_PEAK, BackwardEuler())
    apart = euler.u[-1, 0, 0] - course.u[course.t == PEAK][0, 0, 0]
    rows = [
        *_cavity_rows(reading, built, (167.5176,)),
        *_peak_rows(reading, built, course, participants),
        *_course_rows(reading, built, course, participants),
        *_volume_rows(reading, course, "1"),
        *_peak_rows(reading, built, euler, participants, "backward Euler, "),
        reading.reported("backward Euler less generalised-α, ux of p0 at the peak", apart, "mm"),
    ]
    lines = (
        *_range_lines(participants),
        Line(course.t, course.u[:, 0, 0], "generalised-α", "C0-"),
    )
    lines += (Line(euler.t, euler.u[:, 0, 0], "backward Euler", "C1x"),)
    beside = _departure_figure("1", course, participants)
    title = "Elastodynamics: motion of p0"
    figure = Figure(title, "time [ms]", "u_x of p0 [mm]", lines, beside=beside)
    return Findings(tuple(rows), figure, (_newton(built, "1", now, PEAK),))


def other_case(case: str) -> Callable[[bool], Findings]:
    """Problem of a case of `ABOUT`, on the mesh and beside the participants of case 1."""

    def run(fast: bool) -> Findings:
        del fast
        built = ventricles(left_ventricle("arostica_5mm"), "P2P1", CASES[case], quadrature=2)
        times = WHOLE[UNTIL.get(case, np.inf) >= WHOLE]
        last = float(times[-1])
        participants, reading = group(case, last), _reading(f"arostica-{case}", built)
        course, now = _moved(built, case, times, GeneralizedAlpha())
        at_peak = _peak_rows(reading, built, course, participants) if last >= PEAK else []
        rows = (
            *at_peak,
            *_course_rows(reading, built, course, participants),
            *_volume_rows(reading, course, case),
        )
        lines = (
            *_range_lines(participants),
            Line(course.t, course.u[:, 0, 0], "heartsim, P2", "C0-"),
        )
        title = f"Elastodynamics, case {case}: motion of p0"
        beside = _departure_figure(case, course, participants)
        figure = Figure(title, "time [ms]", "u_x of p0 [mm]", lines, beside=beside)
        return Findings(rows, figure, (_newton(built, case, now, min(PEAK, last)),))

    run.__doc__ = ABOUT[case]
    return run


def biventricular(fast: bool) -> Findings:
    """Move the benchmark's coarse biventricle, 45 304 cells, to the peak of tension.

    Step 3 of the benchmark: the tissue of `arostica`, pressures of both chambers by their equations
    (peaks 16.49 and 4.16 kPa), stiffer base (10⁶ Pa/m), fibers given with the mesh at its vertices;
    generalised-α, quadratic elements, flat facets. At the peak the displacement of p0, p1 and p2
    must lie in the range of the same eight participants widened by 2 % of its largest value;
    departures on the way are told: here the participants differ by 10 %, on one ventricle by 3 %.
    The rate of the right pressure before contraction is the one of a participant's code, 1/s.
    """
    del fast
    built = ventricles(both_ventricles(), "P2P1", CASES["1"], quadrature=2)
    participants, reading = group("biventricle"), _reading("arostica-biv", built)
    course, now = _moved(built, "1", TO_PEAK, GeneralizedAlpha())
    rows = [
        *_cavity_rows(reading, built, (90.0779, 96.4854)),
        *_peak_rows(reading, built, course, participants),
    ]
    for what, off, _ in _farthest(built, course, participants):
        rows.append(reading.reported(what, off, "mm"))
    lines = (*_range_lines(participants), Line(course.t, course.u[:, 0, 0], "heartsim, P2", "C0o-"))
    figure = Figure("Elastodynamics: motion of p0", "time [ms]", "u_x of p0 [mm]", lines)
    return Findings(tuple(rows), figure, (_newton(built, "1", now, PEAK),))


def _reading(name: str, built: Ventricles) -> Reading:
    return Reading(name, SOURCE, built.body.heart.solid.space.dofs)


def _moved(
    built: Ventricles, case: str, times: Float[np.ndarray, " k"], scheme: Scheme
) -> tuple[Course, Kinematics]:
    """Course on a large mesh, and its state at the peak or at an earlier end."""
    solver = kept_factors(built.nodes, built.body)
    last = min(PEAK, float(times[-1]))
    return followed(built, case, scheme, times=times, solver=solver, state_at=last)


def _newton(built: Ventricles, case: str, now: Kinematics, t: float) -> Steps:
    """Newton's steps near the solution of the time step that follows a state."""
    exact = kept_factors(built.nodes, built.body, **EXACT)
    return newton_after(built, case, now, t, 5.0, exact)


def _cavity_rows(reading: Reading, built: Ventricles, sizes: Sequence[float]) -> list[Row]:
    points = built.body.heart.solid.space.points
    return [
        reading.within("cavity at rest", float(volume(cavity, points)) / mL, size, 1e-5, "mL")
        for cavity, size in zip(built.cavities, sizes, strict=True)
    ]


def _readings(built: Ventricles) -> Iterator[tuple[int, int, str]]:
    """Place, axis and name of each displacement."""
    for place, name in enumerate(built.shape.places):
        for axis, letter in enumerate("xyz"):
            yield place, axis, f"u{letter} of {name}"


def _peak_rows(
    reading: Reading, built: Ventricles, course: Course, participants: Group, label: str = ""
) -> list[Row]:
    """Displacements at the peak of tension."""
    (found,), slack = course.u[course.t == PEAK], participants.slack
    (now,) = np.flatnonzero(participants.time == PEAK)
    low, high = participants.low[..., now] - slack, participants.high[..., now] + slack
    return [
        reading.between(
            f"{label}{what} at {PEAK / s:.2f} s",
            found[place, axis],
            low[place, axis],
            high[place, axis],
            "mm",
        )
        for place, axis, what in _readings(built)
    ]


def _farthest(
    built: Ventricles, course: Course, participants: Group
) -> Iterator[tuple[str, float, float]]:
    """Name, farthest departure from the range and slack of each displacement."""
    off, slack = participants.outside(course).off.max(axis=-1), participants.slack
    for place, axis, what in _readings(built):
        yield f"{what}, farthest out of range", off[place, axis], slack[place, axis]


def _course_rows(
    reading: Reading, built: Ventricles, course: Course, participants: Group
) -> list[Row]:
    """Farthest departures of a whole motion."""
    return [
        reading.at_most(what, off, slack, "mm")
        for what, off, slack in _farthest(built, course, participants)
    ]


def _volume_rows(reading: Reading, course: Course, case: str) -> list[Row]:
    """Volume of the cavity of four participants that measured the same one, if they told it."""
    with np.load(shipped_folder() / "arostica_groups.npz") as data:
        if f"{case}_volume" not in data:
            return []
        time, (low, high) = data["time"], data[f"{case}_volume"].astype(float)
    common, ours, theirs = np.intersect1d(course.t, time, return_indices=True)
    rest, found, low, high = high[0], course.volume[ours, 0], low[theirs], high[theirs]
    slack = SLACK * max(high.max() - rest, rest - low.min())
    off = max(float(np.maximum(low - found, found - high).max()), 0.0)
    rows = [reading.at_most("cavity, farthest out of range", off, slack, "mL")]
    for k in np.flatnonzero(common == PEAK):
        what = f"cavity at {PEAK / s:.2f} s"
        rows.insert(0, reading.between(what, found[k], low[k] - slack, high[k] + slack, "mL"))
    return rows


def _range_lines(
    participants: Group,
) -> tuple[Line, Line]:
    low, high = participants.low[0, 0], participants.high[0, 0]
    return Line(participants.time, low, "range of the participants", "k:"), Line(
        participants.time, high, "", "k:"
    )


def _departure_figure(case: str, course: Course, participants: Group) -> Figure:
    """Departure from the widened range, the worst of all places and axes, in time."""
    departure = participants.outside(course)
    share = departure.off / participants.slack[..., None]
    lines = (
        Line(departure.t, share.max(axis=(0, 1)), f"case {case}", "C0.-"),
        Line(participants.time, np.ones_like(participants.time), "bound", "k--"),
    )
    label = "farthest out of range / 2 % of the largest [-]"
    return Figure("worst of all places and axes", "time [ms]", label, lines)
