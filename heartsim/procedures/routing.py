"""Edit that re-routes blood: atresia, Glenn, Fontan, Norwood.

The operations themselves are in `heartsim.circulation.topology`; they move blood as well as
change the loop, so they need a heart that holds its blood, which is a 0D one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, final

from heartsim.errors import ProcedureError
from heartsim.procedures.circuit import circulation_of
from heartsim.procedures.edit import Dose, HeartEdit, Receipt
from heartsim.units import cm, mL, wood

if TYPE_CHECKING:
    from heartsim.heart import Heart

_ATRIA: Final = "shunt:atrial_shunt"
_DUCTUS: Final = "shunt:ductus"

TARGETS: Final[Mapping[str, tuple[str, ...]]] = {
    "single_left_ventricle": ("chamber:RV", "valve:tricuspid", "valve:pulmonary", _ATRIA),
    "hypoplastic_left_heart": ("chamber:LV", "valve:mitral", "valve:aortic", _ATRIA, _DUCTUS),
    "glenn": ("route:upper_veins",),
    "fontan": ("route:systemic_veins", "shunt:fenestration"),
    "norwood": (
        "chamber:LV",
        "valve:mitral",
        "valve:aortic",
        "valve:pulmonary",
        "valve:neoaortic",
        "band:pulmonary",
        _ATRIA,
        _DUCTUS,
    ),
    "truncus": ("valve:pulmonary", "valve:neoaortic", "shunt:ventricular_shunt", _DUCTUS),
}
"""Functions of `heartsim.circulation.topology`, and what each changes."""

_UNITS: Final = {
    "septum": ("septum_cm2", cm**2),
    "ductus": ("ductus_cm2", cm**2),
    "shunt": ("shunt_cm2", cm**2),
    "origin": ("origin_cm2", cm**2),
    "fenestration": ("fenestration_cm2", cm**2),
    "resistance": ("connection_WU", wood),
    "share": ("upper_body_percent", 0.01),
}


@final
@dataclass(frozen=True)
class Reroute(HeartEdit):
    """Send the blood of a 0D heart another way; its volume stays.

    Attributes
    ----------
    route : str
        One of `TARGETS`.
    doses : mapping of name to float
        Arguments of the function of that name in `heartsim.circulation.topology`.
    """

    route: str
    doses: Mapping[str, Dose]

    @property
    def targets(self) -> tuple[str, ...]:
        """Chambers, valves, holes and veins that the route changes."""
        return TARGETS[self.route]

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with its blood on the new way.

        Raises
        ------
        ProcedureError
            If the ventricles are 3D walls.
        """
        # imported here: they bring in JAX, which the catalogue does without
        from heartsim.circulation import topology
        from heartsim.circulation.closed_loop import blood_volume

        blood: Any = getattr(heart, "blood", None)
        if blood is None:
            raise ProcedureError(
                f"{self.route.replace('_', ' ')}: re-routing takes a ventricle or a vein out of "
                'the loop, which walls of a mesh cannot follow. Run it with patient.model = "0D".'
            )
        operate = getattr(topology, self.route)
        loop, after, moved = operate(circulation_of(heart), blood, **self.doses)
        sizes = {
            label: self.doses[k] / unit for k, (label, unit) in _UNITS.items() if k in self.doses
        }
        receipt = Receipt(
            action=f"re-routed the blood: {self.route.replace('_', ' ')}",
            target="routes",
            amounts={
                **sizes,
                "blood_handed_over_mL": moved / mL,
                "blood_volume_mL": blood_volume(loop, after) / mL,
            },
        )
        state: dict[str, Any] = {"circulation": loop, "blood": after}
        return replace(heart, **state), receipt
