"""Pressure–volume relations of an operated wall without a beat, by a few static states.

A left ventricle is filled passively to a filling pressure and held at arterial pressures with all
muscle pulling at its peak. That is enough for the directions that published operations took: volume
at end-diastole and end-systole, their difference at equal pressures, the slope between two
end-systolic points, and fiber stress.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import jax.numpy as jnp
import numpy as np

from heartsim.build import Anatomy, anatomy, heart_on
from heartsim.errors import SolveFailed
from heartsim.fem.cable import lengths, tensions
from heartsim.fem.solid import fiber_state
from heartsim.heart import Heart, cavity_volumes
from heartsim.indices.wall import percentile
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.procedures import Procedure, on_anatomy, on_heart
from heartsim.scenario import Scenario
from heartsim.sewing import SMALLEST, drawn, squeeze
from heartsim.units import N, kPa, mL, mmHg
from heartsim.verification.direct import Body, Equilibrium, at_rest, loading, solve

FILLING: Final = 12.0 * mmHg
"""End-diastolic pressure at which states are compared."""

ARTERIAL: Final = (90.0 * mmHg, 105.0 * mmHg)
"""End-systolic pressures; the second is the one at which volumes are compared."""


class _Load(NamedTuple):
    """Cavity pressure [kPa], share of peak tension, share of the way that cables are drawn in."""

    pressure: float
    tension: float
    drawn: float


@dataclass(frozen=True)
class Relations:
    """What a few static states of a wall say.

    Attributes
    ----------
    unloaded, diastolic, systolic : float
        Cavity volume without pressure, at `FILLING`, and at the higher of `ARTERIAL` [mL].
    stroke : float
        Difference of the last two: stroke volume at equal filling and arterial pressure [mL].
    elastance : float
        Slope between the end-systolic points [mmHg/mL].
    diastolic_stress, systolic_stress : float
        Fiber stress, mean over the wall [kPa].
    peak_stress : float
        95th percentile of the systolic one [kPa].
    tension : float
        Sum over all strands at `FILLING` [N].
    squeeze : float
        Pressure of a wrap at `FILLING` [mmHg]; 0 without one.
    """

    unloaded: float
    diastolic: float
    systolic: float
    stroke: float
    elastance: float
    diastolic_stress: float
    systolic_stress: float
    peak_stress: float
    tension: float
    squeeze: float

    @property
    def coupling(self) -> float:
        """Arterial elastance, pressure over stroke volume, over the end-systolic one."""
        return ARTERIAL[-1] / mmHg / self.stroke / self.elastance


class Patient(NamedTuple):
    """Anatomy of an unloaded wall, the shape in which it was imaged, and what it is made of."""

    built: Anatomy
    imaged: np.ndarray
    scenario: Scenario


def patient(mesh: HeartMesh, contractility: str = "80 kPa") -> Patient:
    """Patient whose unloaded shape is a mesh, P1/P1; devices fit its shape at `FILLING`."""
    scenario = Scenario.from_dict(
        {
            "title": "static states of an operated wall",
            "patient": {"mesh": mesh.name, "element": "P1P1", "imaged_at": "unloaded"},
            "tissue": {"contractility": contractility},
        }
    )
    built = anatomy(mesh, scenario)
    heart = replace(heart_on(built, mesh.points, scenario), circulation=None)
    filled, _ = _follow(heart, at_rest(Body(heart)), _Load(0, 0, 0), _Load(FILLING, 0, 0))
    return Patient(built, mesh.points + np.asarray(filled.u), scenario)


def operated(one: Patient, procedures: Sequence[Procedure]) -> Heart:
    """The heart after operations on its unloaded shape."""
    whole = one.built.mesh.with_fields({"imaged_position": one.imaged})
    edited, _ = on_anatomy(whole, procedures)
    after = one.built.operated(edited, one.scenario)
    imaged, unloaded = after.mesh.points, edited.points
    flat = replace(after, mesh=after.mesh.with_points(unloaded))
    heart = heart_on(flat, unloaded, one.scenario)
    fitted = {
        name: replace(strands, fitted=lengths(strands, jnp.asarray(imaged)))
        for name, strands in heart.cables.items()
    }
    heart = on_heart(replace(heart, cables=fitted), procedures)[0]
    # statics need no blood; operations on it have found their valves
    return replace(heart, circulation=None)


def relations(heart: Heart) -> Relations:
    """Follow a wall from rest through suturing and filling to two end-systolic states.

    Raises
    ------
    SolveFailed
        If one of the states is not found.
    """
    now, at = at_rest(Body(heart)), _Load(0.0, 0.0, 0.0)
    if heart.cables:
        now, at = _follow(heart, now, at, _Load(0.0, 0.0, 1.0))
    unloaded = _volume(heart, now)
    drawn_in = 1.0 if heart.cables else 0.0
    now, at = _follow(heart, now, at, _Load(FILLING, 0.0, drawn_in))
    diastolic, filled = _volume(heart, now), now
    rest, _ = _stress(heart, now, 0.0)
    ends = []
    for pressure in ARTERIAL:
        now, at = _follow(heart, now, at, _Load(pressure, 1.0, drawn_in))
        ends.append(_volume(heart, now))
    contracted, peak = _stress(heart, now, 1.0)
    x = heart.solid.space.points + filled.u
    pulled = sum(float(tensions(strands, x).sum()) for strands in heart.strands)
    wrap = float(squeeze(heart, filled.u)) if "wrap" in heart.cables else 0.0
    return Relations(
        unloaded=unloaded,
        diastolic=diastolic,
        systolic=ends[-1],
        stroke=diastolic - ends[-1],
        elastance=(ARTERIAL[1] - ARTERIAL[0]) / mmHg / (ends[1] - ends[0]),
        diastolic_stress=rest,
        systolic_stress=contracted,
        peak_stress=peak,
        tension=pulled / N,
        squeeze=wrap / mmHg,
    )


def _follow(
    heart: Heart, start: Equilibrium, begin: _Load, end: _Load
) -> tuple[Equilibrium, _Load]:
    """Equilibrium at the end of a straight way through loads, in steps that Newton can make."""
    now, share, size = start, 0.0, 0.5
    peak = float(np.asarray(heart.tissue.contractility).max())
    strength = heart.tissue.contractility / max(peak, 1e-9)
    while share < 1.0:
        size = min(size, 1.0 - share)
        at = _Load(*(a + (share + size) * (b - a) for a, b in zip(begin, end, strict=True)))
        loads = replace(
            loading(Body(heart), cavity=at.pressure), tension=strength * (peak * at.tension)
        )
        try:
            now = solve(Body(drawn(heart, at.drawn)), loads, now)
        except SolveFailed:
            size *= 0.5
            if size < SMALLEST:
                raise
            continue
        share += size
        size *= 2.0
    return now, end


def _volume(heart: Heart, state: Equilibrium) -> float:
    return float(cavity_volumes(heart, state.u)[0]) / mL


def _stress(heart: Heart, state: Equilibrium, share: float) -> tuple[float, float]:
    """Fiber stress of the wall without valve rings [kPa]: mean and 95th percentile."""
    tension = share * heart.tissue.contractility
    stress, _ = fiber_state(
        heart.solid, state.u, state.p, jnp.asarray(tension), state.u, jnp.zeros(())
    )
    muscle = np.asarray(heart.cell_volume) * (np.asarray(heart.tissue.fibrous) == 0)
    along = np.asarray(stress) / kPa
    return float(np.average(along, weights=muscle)), percentile(along, muscle, 95)
