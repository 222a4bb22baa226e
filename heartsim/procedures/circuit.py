"""Edits of the blood network: valves, bands, shunts, pumps, balloon and pericardium.

All of these are present in every heart, with an area, volume or pressure of 0 where there is none,
so that an edit only changes numbers. An edit that repairs has a `Bound`: what is already better
than its dose stays. Routes of the great veins and arteries are in `heartsim.procedures.routing`.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar, cast, final

from heartsim.errors import ProcedureError
from heartsim.procedures.edit import Dose, HeartEdit, Receipt
from heartsim.units import cm, mL, mm, mmHg, ms, s

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from heartsim.circulation.closed_loop import Circulation
    from heartsim.circulation.components import Orifice, Scalar, Valve
    from heartsim.circulation.pumps import Balloon, Pump
    from heartsim.circulation.surroundings import Pericardium
    from heartsim.heart import Heart

VALVES = ("mitral", "aortic", "tricuspid", "pulmonary")
"""Valves of the circulation, by name."""


Bound = Literal["set", "at most", "at least"]
"""Whether a dose replaces a number, only lowers it, or only raises it."""


def circulation_of(heart: "Heart") -> "Circulation":
    """Circulation of a heart.

    Raises
    ------
    ProcedureError
        If the heart is a wall without blood.
    """
    if heart.circulation is None:
        raise ProcedureError("this heart has no circulation. Build it with one to operate on it.")
    return heart.circulation


_Part = TypeVar("_Part", bound="DataclassInstance")


def _changed(part: _Part, **doses: Dose | None) -> _Part:
    """Part with the doses that are given; what is None stays as it is."""
    return replace(part, **{name: dose for name, dose in doses.items() if dose is not None})


def _bounded(dose: Dose | None, before: Dose, bound: Bound) -> Dose | None:
    """Dose, or what there was if the dose would undo it."""
    if dose is None or bound == "set":
        return dose
    # imported here: it brings in JAX, which the catalogue does without
    import jax.numpy as jnp

    choose = jnp.minimum if bound == "at most" else jnp.maximum
    return cast(Dose, choose(dose, before))


def _by_dose(bound: Bound) -> str:
    """How a receipt says that a dose is a bound."""
    return "" if bound == "set" else f", {bound} to its dose"


@final
@dataclass(frozen=True)
class SetValve(HeartEdit):
    """Give a valve another opening, another leak, or both.

    Attributes
    ----------
    valve : str
        One of `VALVES`.
    area : float, optional
        Effective orifice area, open [mm²]; without it the valve keeps its own.
    leak : float, optional
        Effective regurgitant orifice area, closed [mm²]; without it the valve keeps its own.
    bound : {"set", "at most", "at least"}
        A prosthesis or a disease sets both areas; a clip or a ring leaves them at most as large as
        they were, a balloon at least.
    """

    valve: str
    area: Dose | None = None
    leak: Dose | None = None
    bound: Bound = "set"

    @property
    def targets(self) -> tuple[str, ...]:
        """The valve."""
        return (f"valve:{self.valve}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the valve changed."""
        blood = circulation_of(heart)
        before: Valve = getattr(blood, self.valve)
        after = _changed(
            before,
            area=_bounded(self.area, before.area, self.bound),
            regurgitant_area=_bounded(self.leak, before.regurgitant_area, self.bound),
        )
        receipt = Receipt(
            action=f"changed the {self.valve} valve{_by_dose(self.bound)}",
            target=f"valve:{self.valve}",
            amounts={
                "area_before_cm2": before.area / cm**2,
                "area_after_cm2": after.area / cm**2,
                "leak_before_cm2": before.regurgitant_area / cm**2,
                "leak_after_cm2": after.regurgitant_area / cm**2,
            },
        )
        return replace(heart, circulation=replace(blood, **{self.valve: after})), receipt


def _in_series(valve: "Valve") -> "Scalar":
    """Effective opening of a valve and the band behind it [mm²]."""
    return valve.area / (1 + valve.narrowing * valve.area**2) ** 0.5


@final
@dataclass(frozen=True)
class SetBand(HeartEdit):
    """Put a band around the outlet of a valve, or take it away.

    Attributes
    ----------
    valve : str
        One of `VALVES`.
    narrowing : float
        One over the squared effective area of the band [1/mm⁴]; 0 is none.
    bound : {"set", "at most", "at least"}
        Of the narrowing: what widens the outlet leaves it at most as narrow as it was.
    """

    valve: str
    narrowing: Dose
    bound: Bound = "set"

    @property
    def targets(self) -> tuple[str, ...]:
        """The band, which is not the valve."""
        return (f"band:{self.valve}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the outlet banded."""
        blood = circulation_of(heart)
        before: Valve = getattr(blood, self.valve)
        after = _changed(before, narrowing=_bounded(self.narrowing, before.narrowing, self.bound))
        receipt = Receipt(
            action=f"changed the band at the {self.valve} valve{_by_dose(self.bound)}",
            target=f"band:{self.valve}",
            amounts={
                "opening_with_valve_before_cm2": _in_series(before) / cm**2,
                "opening_with_valve_after_cm2": _in_series(after) / cm**2,
            },
        )
        return replace(heart, circulation=replace(blood, **{self.valve: after})), receipt


@final
@dataclass(frozen=True)
class SetShunt(HeartEdit):
    """Make, change or close a hole between two compartments.

    Attributes
    ----------
    hole : str
        ``"atrial_shunt"``, ``"ventricular_shunt"``, ``"ductus"`` or ``"fenestration"``.
    area : float
        Effective orifice area [mm²]; 0 is closed.
    bound : {"set", "at most", "at least"}
        What closes a hole leaves it at most as large as it was, what opens one at least.
    """

    hole: str
    area: Dose
    bound: Bound = "set"

    @property
    def targets(self) -> tuple[str, ...]:
        """The hole."""
        return (f"shunt:{self.hole}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the hole changed."""
        blood = circulation_of(heart)
        before: Orifice = getattr(blood, self.hole)
        after = _changed(before, area=_bounded(self.area, before.area, self.bound))
        receipt = Receipt(
            action=f"changed the {self.hole.replace('_', ' ')}{_by_dose(self.bound)}",
            target=f"shunt:{self.hole}",
            amounts={
                "area_before_cm2": before.area / cm**2,
                "area_after_cm2": after.area / cm**2,
                "diameter_before_mm": (4 / math.pi * before.area) ** 0.5 / mm,
                "diameter_after_mm": (4 / math.pi * after.area) ** 0.5 / mm,
            },
        )
        return replace(heart, circulation=replace(blood, **{self.hole: after})), receipt


@final
@dataclass(frozen=True)
class SetPump(HeartEdit):
    """Implant a rotary pump, or change its speed; see `heartsim.circulation.pumps.Pump`.

    Attributes
    ----------
    pump : str
        ``"left_pump"``, ``"right_pump"`` or ``"ecmo"``.
    area : float
        Orifice of its quadratic loss [mm²]; 0 is no pump.
    resistance : float, optional
        Linear loss [kPa ms/mm³]; without it the pump keeps its own.
    head : float, optional
        Head at which it stalls [kPa]; without it the pump keeps its own.
    """

    pump: str
    area: Dose
    resistance: Dose | None = None
    head: Dose | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The pump."""
        return (f"pump:{self.pump}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the pump."""
        blood = circulation_of(heart)
        before: Pump = getattr(blood, self.pump)
        after = _changed(before, area=self.area, resistance=self.resistance, head=self.head)
        receipt = Receipt(
            action=f"set the {self.pump.replace('_', ' ')}",
            target=f"pump:{self.pump}",
            amounts={
                "stall_head_before_mmHg": before.head / mmHg,
                "stall_head_after_mmHg": after.head / mmHg,
                "linear_loss_after_mmHg_s_per_mL": after.resistance / (mmHg * s / mL),
                "orifice_after_cm2": after.area / cm**2,
            },
        )
        return replace(heart, circulation=replace(blood, **{self.pump: after})), receipt


@final
@dataclass(frozen=True)
class SetBalloon(HeartEdit):
    """Put a counterpulsation balloon into the aorta, or change its timing.

    Attributes
    ----------
    volume : float
        Gas when inflated [mm³]; 0 is none.
    inflated, deflated : float, optional
        Start of inflation and of deflation in the beat [ms]; without them it keeps its own.
    """

    volume: Dose
    inflated: Dose | None = None
    deflated: Dose | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The balloon."""
        return ("pump:balloon",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the balloon."""
        blood = circulation_of(heart)
        before: Balloon = blood.balloon
        after = _changed(before, volume=self.volume, inflated=self.inflated, deflated=self.deflated)
        receipt = Receipt(
            action="set the balloon in the aorta",
            target="pump:balloon",
            amounts={
                "gas_before_mL": before.volume / mL,
                "gas_after_mL": after.volume / mL,
                "inflates_at_ms": after.inflated / ms,
                "deflates_at_ms": after.deflated / ms,
            },
        )
        return replace(heart, circulation=replace(blood, balloon=after)), receipt


@final
@dataclass(frozen=True)
class SetPericardium(HeartEdit):
    """Tighten or open the sac around a 0D heart.

    Attributes
    ----------
    pressure : float
        Scale of its pressure [kPa]; 0 is an open pericardium.
    stiffening : float, optional
        Exponential rate [1/mm³]; without it the sac keeps its own.
    unstressed : float, optional
        Blood in the heart that the sac holds without pressure [mm³]; without it it keeps its own.
    """

    pressure: Dose
    stiffening: Dose | None = None
    unstressed: Dose | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The sac."""
        return ("pericardium",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart in its new sac.

        Raises
        ------
        ProcedureError
            If ventricles are 3D walls: the sac would press on the 0D atria alone.
        """
        if heart.chambers:
            raise ProcedureError(
                "the pericardium that presses on all four chambers belongs to 0D hearts; walls of "
                'a mesh have springs, see [support]. Run it with patient.model = "0D".'
            )
        blood = circulation_of(heart)
        before: Pericardium = blood.pericardium
        after = _changed(
            before,
            pressure=self.pressure,
            stiffening=self.stiffening,
            unstressed=self.unstressed,
        )
        receipt = Receipt(
            action="changed the pericardium",
            target="pericardium",
            amounts={
                "pressure_scale_before_mmHg": before.pressure / mmHg,
                "pressure_scale_after_mmHg": after.pressure / mmHg,
                "unstressed_volume_after_mL": after.unstressed / mL,
                "stiffening_after_per_mL": after.stiffening * mL,
            },
        )
        return replace(heart, circulation=replace(blood, pericardium=after)), receipt
