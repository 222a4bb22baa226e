"""Mechanical assist: LVAD, Impella, RVAD, ECMO and the intra-aortic balloon.

A pump runs on a head-flow curve ``head - load = R q + rho/(2 A²) q²``, so its flow follows from
the patient. An implanted one is dosed by its speed, as head grows with the square of it; the others
by the flow they give against a load that is named, as their console shows it.
"""

from collections.abc import Mapping
from typing import Final

from heartsim.procedures.circuit import SetBalloon, SetPump
from heartsim.procedures.edit import Edit
from heartsim.procedures.operation import Build, Operation, Parameter, Value, number
from heartsim.units import BLOOD_DENSITY, cm, minute, mL, mmHg, s

_LOSS: Final = mmHg * s / mL

HEAD: Final = 3.6 * mmHg / (1000 / minute) ** 2
"""Stall head over squared speed of a HeartMate 3: 32, 58, 90, 131 and 177 mmHg at 3 000 to 7 000
rpm (head-flow curves in its instructions for use, read off)."""

RESISTANCE: Final = 0.03 * _LOSS
ORIFICE: Final = 0.26 * cm**2
"""Losses that put those curves through 105 mmHg at 4, 70 at 6 L/min (6 000 rpm) and 150 at 4, 63 at
8 L/min (7 000 rpm) within 5 mmHg."""


def _lvad(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    head = HEAD * number(values, "speed") ** 2
    return (SetPump("left_pump", ORIFICE, RESISTANCE, head),)


def _rated(pump: str, load: float, resistance: float, area: float) -> Build:
    """Edits that let a pump give a flow against a load [kPa]."""

    def build(values: Mapping[str, Value]) -> tuple[Edit, ...]:
        flow = number(values, "flow")
        head = load + resistance * flow + BLOOD_DENSITY / (2 * area**2) * flow**2
        return (SetPump(pump, area, resistance, head),)

    return build


def _balloon(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    names = ("volume", "inflated", "deflated")
    return (SetBalloon(*(number(values, name) for name in names)),)


def _flow(default: str, load: str, most: str, usual: tuple[str, str]) -> dict[str, Parameter]:
    meaning = f"flow that it gives against a load of {load}"
    return {"flow": Parameter(meaning, default, "flow", ("0.5 L/min", most), usual)}


lvad: Final = Operation(
    name="lvad",
    title="Left ventricular assist device (centrifugal, HeartMate 3 type)",
    kind="operation",
    indication="end-stage left heart failure",
    changes="pump from left ventricle to aorta on the head-flow curve of its speed",
    parameters={
        "speed": Parameter(
            "rotor speed",
            "5000 rpm",
            "frequency",
            ("3000 rpm", "7000 rpm"),
            ("4800 rpm", "6600 rpm"),
        ),
    },
    limits="no cannula that touches the wall, no shift of the septum unless circulation.septum is "
    "given, no artificial pulse, no aortic leak unless given, no bleeding or clot",
    expected="each step of a ramp: output +0.16 L/min, wedge -1.23 mmHg; whole ramp +1.28 L/min "
    "and -9.9 mmHg, venous and systolic pressure unchanged",
    source="Uriel 2016 (PMID 26746378); curves: HeartMate 3 instructions for use",
    build=_lvad,
)

impella: Final = Operation(
    name="impella",
    title="Transvalvular axial pump (Impella type)",
    kind="operation",
    indication="cardiogenic shock, protected intervention",
    changes="pump from left ventricle to aorta",
    parameters=_flow("3.5 L/min", "60 mmHg", "5.5 L/min", ("2 L/min", "5.5 L/min")),
    limits="no leak of the aortic valve around the catheter, no suction at the inlet, no "
    "hemolysis; its curve is an assumption (0.3 mmHg s/mL), not a product's",
    expected="loop shifts left and loses its isovolumic sides",
    source="direction: textbook; flows to 5.5 L/min: manufacturers' ranges",
    build=_rated("left_pump", 60 * mmHg, 0.3 * _LOSS, 0.4 * cm**2),
)

rvad: Final = Operation(
    name="rvad",
    title="Right ventricular assist device",
    kind="operation",
    indication="right heart failure, alone or with lvad as biventricular assist",
    changes="pump from right ventricle to pulmonary artery",
    parameters=_flow("3 L/min", "20 mmHg", "5.5 L/min", ("1 L/min", "5 L/min")),
    limits="inlet in the right ventricle, not the atrium; no suction; its curve is an assumption "
    "(0.3 mmHg s/mL), not a product's",
    expected="venous pressure falls, left atrial pressure rises",
    source="direction: textbook; flows to 5.5 L/min: manufacturers' ranges",
    build=_rated("right_pump", 20 * mmHg, 0.3 * _LOSS, 0.4 * cm**2),
)

ecmo: Final = Operation(
    name="ecmo",
    title="Veno-arterial ECMO",
    kind="operation",
    indication="cardiogenic shock, arrest",
    changes="pump from right atrium to aorta",
    parameters=_flow("3.5 L/min", "80 mmHg", "5.5 L/min", ("2 L/min", "5 L/min")),
    limits="no oxygenator, no mixing zone, no vent of the left ventricle (combine with impella for "
    "that); its curve is an assumption (1 mmHg s/mL with cannulas), not a product's",
    expected="left ventricular end-diastolic pressure rises unless vented; right heart unloaded",
    source="direction: textbook; flows to 5.5 L/min: clinical range",
    build=_rated("ecmo", 80 * mmHg, 1.0 * _LOSS, 0.5 * cm**2),
)

intra_aortic_balloon: Final = Operation(
    name="intra_aortic_balloon",
    title="Intra-aortic balloon pump (1:1)",
    kind="operation",
    indication="cardiogenic shock, ischemia",
    changes="a volume of gas comes in diastole and goes before systole in the great artery",
    parameters={
        "volume": Parameter("gas", "40 mL", "volume", ("10 mL", "50 mL"), ("30 mL", "50 mL")),
        "inflated": Parameter(
            "inflation after the atrial trigger, at closure of the aortic valve",
            "450 ms",
            "time",
            ("200 ms", "900 ms"),
        ),
        "deflated": Parameter(
            "deflation after the atrial trigger, before the aortic valve opens",
            "130 ms",
            "time",
            ("0 ms", "300 ms"),
        ),
    },
    limits="one elastic artery without waves; timing is yours and does not follow the rhythm; no "
    "flow of the coronary arteries unless their bed is given",
    expected="diastolic pressure augmented, end-diastolic pressure and afterload lowered",
    source="direction: textbook; volumes 30 to 50 mL: manufacturers' ranges",
    build=_balloon,
)

ASSIST: Final = (lvad, impella, rvad, ecmo, intra_aortic_balloon)
"""Mechanical assist."""
