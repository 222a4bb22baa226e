"""Operations on routes of blood: atresia, Norwood, Glenn, Fontan, for a heart without a mesh.

The engine's single ventricle is of adult size: flows and pressures are those of a grown patient.
"""

from collections.abc import Mapping
from typing import Final

from heartsim.procedures.circuit import SetShunt
from heartsim.procedures.edit import Edit
from heartsim.procedures.operation import Operation, Parameter, Value, disc, number
from heartsim.procedures.routing import Reroute
from heartsim.procedures.shunts import closed

_SIZE: Final = "0D hearts only, of adult size"
_SEPTUM: Final = Parameter(
    "diameter of the hole between the atria",
    "28 mm",
    "length",
    ("4 mm", "35 mm"),
    ("10 mm", "30 mm"),
)
_CONNECTION: Final = Parameter(
    "resistance of the connection",
    "0.5 WU",
    "resistance",
    ("0.05 WU", "4 WU"),
    ("0.2 WU", "1.5 WU"),
)


def _atresia(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    single = Reroute("single_left_ventricle", {"septum": disc(values, "septum")})
    return single, SetShunt("ductus", disc(values, "shunt"))


def _hypoplasia(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    doses = {"septum": disc(values, "septum"), "ductus": disc(values, "ductus")}
    return (Reroute("hypoplastic_left_heart", doses),)


def _norwood(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    doses = {"septum": disc(values, "septum"), "shunt": disc(values, "shunt")}
    return (Reroute("norwood", doses),)


def _glenn(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    doses = {"share": number(values, "upper_body"), "resistance": number(values, "connection")}
    taken_down = SetShunt("ductus", disc(values, "shunt"))
    return Reroute("glenn", doses), taken_down


def _fontan(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    doses = {
        "resistance": number(values, "connection"),
        "fenestration": disc(values, "fenestration"),
    }
    return Reroute("fontan", doses), SetShunt("ductus", disc(values, "shunt"))


def _shunt(default: str) -> Parameter:
    return Parameter(
        "diameter of the shunt from aorta to pulmonary artery",
        default,
        "length",
        ("0 mm", "8 mm"),
        ("0 mm", "6 mm"),
    )


tricuspid_atresia: Final = Operation(
    name="tricuspid_atresia",
    title="Tricuspid atresia with a systemic-to-pulmonary shunt",
    kind="condition",
    indication="disease of the baseline patient: a single left ventricle",
    changes="tricuspid and pulmonary valve shut, right ventricle empty, hole between the atria, "
    "shunt",
    parameters={"septum": _SEPTUM, "shunt": _shunt("4 mm")},
    limits=f"{_SIZE}; no oxygen: mixing and cyanosis are not computed",
    expected="one ventricle pumps for body and lungs; pulmonary flow by the shunt alone",
    source="anatomy; shunts of 3 to 4 mm in infants",
    build=_atresia,
)

hypoplastic_left_heart: Final = Operation(
    name="hypoplastic_left_heart",
    title="Hypoplastic left heart",
    kind="condition",
    indication="disease of the baseline patient: a single right ventricle",
    changes="mitral and aortic valve shut, left ventricle empty; the body is fed through the "
    "ductus",
    parameters={
        "septum": _SEPTUM,
        "ductus": Parameter(
            "diameter of the ductus", "12 mm", "length", ("3 mm", "15 mm"), ("5 mm", "15 mm")
        ),
    },
    limits=f"{_SIZE}; no coronary steal, no narrow arch; no oxygen; "
    "with the low pulmonary resistance of an adult the body is robbed",
    expected="systemic and pulmonary pressure equal, flow to the lungs large",
    source="anatomy",
    build=_hypoplasia,
)

norwood: Final = Operation(
    name="norwood",
    title="Norwood operation with a Blalock-Taussig shunt",
    kind="operation",
    indication="hypoplastic left heart, first stage",
    changes="the right ventricle ejects into the aorta; a shunt feeds the lungs",
    parameters={"septum": _SEPTUM, "shunt": _shunt("4 mm")},
    limits=f"{_SIZE}; no gradient in the arch, no coronary steal, no conduit from the ventricle "
    "(Sano); no oxygen",
    expected="pulmonary to systemic flow 0.8 to 1.3; diastolic pressure low",
    source="clinical ranges; multiscale precedent PMC4242799",
    build=_norwood,
)

glenn: Final = Operation(
    name="glenn",
    title="Glenn operation (superior cavopulmonary connection)",
    kind="operation",
    indication="single ventricle, second stage; pulmonary resistance at most 3 WU m2",
    changes="the upper veins drain into the pulmonary artery, the shunt is taken down",
    parameters={
        "upper_body": Parameter(
            "share of the systemic flow that the upper body takes",
            "50 %",
            "number",
            ("20 %", "80 %"),
            ("30 %", "65 %"),
        ),
        "connection": _CONNECTION,
        "shunt": _shunt("0 mm"),
    },
    limits=f"{_SIZE}; no collaterals; no oxygen",
    expected="pulmonary to systemic flow 0.5 to 0.7, superior venous pressure 12 to 16 mmHg, a "
    "smaller ventricle",
    source="clinical ranges; virtual second stage PMC4242799",
    build=_glenn,
)

fontan: Final = Operation(
    name="fontan",
    title="Fontan completion (total cavopulmonary connection)",
    kind="operation",
    indication="single ventricle, third stage, low pulmonary resistance",
    changes="the systemic veins drain into the pulmonary artery, with or without a fenestration",
    parameters={
        "connection": _CONNECTION,
        "fenestration": Parameter(
            "diameter of the hole to the atrium", "0 mm", "length", ("0 mm", "6 mm")
        ),
        "shunt": _shunt("0 mm"),
    },
    limits=f"{_SIZE}; no lymph, no collaterals, no breathing that drives venous flow; blood volume "
    "stays, though in sheep it rose within two weeks; no oxygen",
    expected="venous pressure 10 to 15 mmHg, 20 and more in failure; acute venous hypertension of "
    "15 mmHg in sheep: cardiac index 3.9 to 2.7 L/min/m2; a fenestration raises output and "
    "lowers venous pressure",
    source="sheep PMC2925053, fenestration model PMC9280082",
    build=_fontan,
)

fenestration_closure: Final = Operation(
    name="fenestration_closure",
    title="Closure of a Fontan fenestration",
    kind="operation",
    indication="fenestrated Fontan with low venous pressure",
    changes="hole from the systemic veins to the atrium: closed, but for what remains, no more "
    "than there was",
    parameters={
        "residual": Parameter(
            "diameter of the effective orifice that remains", "0 mm", "length", ("0 mm", "4 mm")
        ),
    },
    limits=f"{_SIZE}; no oxygen",
    expected="venous pressure rises, output falls",
    source="fenestration model PMC9280082",
    build=closed("fenestration"),
)

ROUTES: Final = (
    tricuspid_atresia,
    hypoplastic_left_heart,
    norwood,
    glenn,
    fontan,
    fenestration_closure,
)
"""Conditions and operations of routes."""
