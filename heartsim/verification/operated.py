"""Pressure–volume relations of an operated wall without a beat, by a few static states.

A left ventricle is filled passively to a filling pressure and held at arterial pressures with all
muscle pulling at its peak. That is enough for the directions that published operations took: volume
at end-diastole and end-systole, their difference at equal pressures, the slope between two
end-systolic points, and fiber stress. A pressure from outside stands for fluid in the sac or for a
device that squeezes; a sutured wall can be freed of the stress of its sutures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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


class Outside(NamedTuple):
    """Pressure around the whole heart at end-diastole and at end-systole [kPa].

    An incompressible wall feels only what is inside more than outside; the pressure from outside is
    taken from its stress.
    """

    diastolic: float
    systolic: float


NO_PRESSURE: Final = Outside(0.0, 0.0)
"""Nothing presses on the heart but its springs."""


class _Load(NamedTuple):
    """Cavity pressure [kPa], share of peak tension, share of the way that cables are drawn in."""

    pressure: float = 0.0
    tension: float = 0.0
    drawn: float = 0.0


class RegionStress(NamedTuple):
    """Fiber stress, mean over a region [kPa].

    Attributes
    ----------
    residual : float
        Without pressure: what sutures leave.
    diastolic, systolic : float
        At end-diastole and end-systole.
    """

    residual: float
    diastolic: float
    systolic: float


@dataclass(frozen=True)
class Relations:
    """What a few static states of a wall say.

    Attributes
    ----------
    unloaded, diastolic, systolic : float
        Cavity volume without pressure, at the filling pressure, and at the higher of `ARTERIAL`
        [mL].
    stroke : float
        Difference of the last two: stroke volume at equal filling and arterial pressure [mL].
    elastance : float
        Slope between the end-systolic points [mmHg/mL].
    diastolic_stress, systolic_stress : float
        Fiber stress, mean over the wall [kPa].
    peak_stress : float
        95th percentile of the systolic one [kPa].
    tension : float
        Sum over all strands at the filling pressure [N].
    squeeze : float
        Pressure of a wrap at the filling pressure [mmHg]; 0 without one.
    regional : mapping of name to RegionStress
        Fiber stress of each region, and of what no operation or disease marked as ``"remote"``.
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
    regional: Mapping[str, RegionStress] = field(default_factory=dict)

    @property
    def ejection_fraction(self) -> float:
        """Stroke over end-diastolic volume [%]."""
        return 100 * self.stroke / self.diastolic

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
    filled, _ = _follow(heart, at_rest(Body(heart)), _Load(), _Load(FILLING))
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


def freed(heart: Heart) -> Heart:
    """The wall closed by its strands, its shape without pressure taken as free of stress.

    What a comparison with the sutured wall then shows is the share of residual stress. Fibers and
    springs are carried along, and strands are as long as they are in that shape.

    Raises
    ------
    SolveFailed
        If the sutures cannot be closed.
    """
    sewn = _follow(heart, at_rest(Body(heart)), _Load(), _Load(drawn=1.0))[0]
    points = heart.solid.space.points + sewn.u
    cables = {
        name: replace(strands, rest=jnp.maximum(strands.rest, lengths(strands, points)))
        for name, strands in heart.cables.items()
    }
    supports = tuple(held.moved_to(points) for held in heart.supports)
    return replace(heart, solid=heart.solid.moved_to(points), supports=supports, cables=cables)


def relations(
    heart: Heart, *, filling: float = FILLING, outside: Outside = NO_PRESSURE
) -> Relations:
    """Follow a wall from rest through suturing and filling to two end-systolic states.

    Parameters
    ----------
    heart : Heart
    filling : float
        End-diastolic pressure [kPa].
    outside : Outside
        Pressure from outside [kPa].

    Raises
    ------
    SolveFailed
        If one of the states is not found.
    """
    now, at = at_rest(Body(heart)), _Load()
    drawn_in = 1.0 if heart.cables else 0.0
    if heart.cables:
        now, at = _follow(heart, now, at, _Load(drawn=1.0))
    unloaded, left = _volume(heart, now), _fiber_stress(heart, now, 0.0)
    now, at = _follow(heart, now, at, _Load(filling - outside.diastolic, 0.0, drawn_in))
    diastolic, filled = _volume(heart, now), now
    rest = _fiber_stress(heart, now, 0.0) - outside.diastolic / kPa
    ends = []
    for pressure in ARTERIAL:
        now, at = _follow(heart, now, at, _Load(pressure - outside.systolic, 1.0, drawn_in))
        ends.append(_volume(heart, now))
    contracted = _fiber_stress(heart, now, 1.0) - outside.systolic / kPa
    x = heart.solid.space.points + filled.u
    pulled = sum(float(tensions(strands, x).sum()) for strands in heart.strands)
    wrap = float(squeeze(heart, filled.u)) if "wrap" in heart.cables else 0.0
    muscle = _muscle(heart)
    return Relations(
        unloaded=unloaded,
        diastolic=diastolic,
        systolic=ends[-1],
        stroke=diastolic - ends[-1],
        elastance=(ARTERIAL[1] - ARTERIAL[0]) / mmHg / (ends[1] - ends[0]),
        diastolic_stress=float(np.average(rest, weights=muscle)),
        systolic_stress=float(np.average(contracted, weights=muscle)),
        peak_stress=percentile(contracted, muscle, 95),
        tension=pulled / N,
        squeeze=wrap / mmHg,
        regional=_by_region(heart, (left, rest, contracted)),
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
        loads = loading(Body(heart), cavity=at.pressure)
        loads = replace(loads, tension=strength * (peak * at.tension))
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


def _muscle(heart: Heart) -> np.ndarray:
    """Volume of each cell that is not valve ring [mm³]."""
    return np.asarray(heart.cell_volume) * (np.asarray(heart.tissue.fibrous) == 0)


def _fiber_stress(heart: Heart, state: Equilibrium, share: float) -> np.ndarray:
    """Fiber stress of each cell at a share of peak tension [kPa]."""
    tension = share * heart.tissue.contractility
    stress, _ = fiber_state(
        heart.solid, state.u, state.p, jnp.asarray(tension), state.u, jnp.zeros(())
    )
    return np.asarray(stress) / kPa


def _by_region(
    heart: Heart, stresses: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> dict[str, RegionStress]:
    """Mean of each stress over each region and the rest."""
    shares = {name: np.asarray(share) for name, share in heart.region.items()}
    marked = [share for name, share in shares.items() if name not in heart.chambers]
    shares["remote"] = np.prod([np.ones(len(heart.cell_volume)), *(1 - m for m in marked)], axis=0)
    volume = _muscle(heart)
    return {
        name: RegionStress(*(float(np.average(one, weights=volume * share)) for one in stresses))
        for name, share in shares.items()
        if volume @ share > 0
    }
