"""Edits of the blood network: valves that open too little, leak, or are repaired."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from heartsim.errors import ProcedureError
from heartsim.procedures.edit import Dose, HeartEdit, Receipt
from heartsim.units import cm

if TYPE_CHECKING:
    from heartsim.circulation.closed_loop import Circulation
    from heartsim.circulation.components import Valve
    from heartsim.heart import Heart

VALVES = ("mitral", "aortic", "tricuspid", "pulmonary")
"""Valves of the circulation, by name."""


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
    """

    valve: str
    area: Dose | None = None
    leak: Dose | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The valve."""
        return (f"valve:{self.valve}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the valve changed."""
        blood = circulation_of(heart)
        before: Valve = getattr(blood, self.valve)
        after = replace(
            before,
            area=before.area if self.area is None else self.area,
            regurgitant_area=before.regurgitant_area if self.leak is None else self.leak,
        )
        receipt = Receipt(
            action=f"changed the {self.valve} valve",
            target=f"valve:{self.valve}",
            amounts={
                "area_before_cm2": before.area / cm**2,
                "area_after_cm2": after.area / cm**2,
                "leak_before_cm2": before.regurgitant_area / cm**2,
                "leak_after_cm2": after.regurgitant_area / cm**2,
            },
        )
        return replace(heart, circulation=replace(blood, **{self.valve: after})), receipt
