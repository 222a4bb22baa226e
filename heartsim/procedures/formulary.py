"""Drugs by name: what they do to the circulation, up to the largest dose of their label.

Each row states where its numbers come from. Where studies disagree or are missing, the curve is a
reading of textbook ranges, and says "textbook". Curves are effects seen in whole patients, with the
reflexes that patient had; the loading rule ``reflex`` adds what the baroreflex does beyond that.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from heartsim.procedures.drugs import PATIENTS, Administer, Response
from heartsim.procedures.edit import Edit
from heartsim.procedures.operation import Build, Operation, Parameter, Value
from heartsim.units import day, hour, kg, m, mg, minute, ug


@dataclass(frozen=True)
class Route:
    """How a drug is given: unit of its dose, and its dimension in `heartsim.units`."""

    dimension: str
    symbol: str
    unit: float
    label: str


INFUSION: Final = Route("infusion", "ug/kg/min", ug / kg / minute, "ug_per_kg_per_min")
DRIP: Final = Route("dose rate", "ug/min", ug / minute, "ug_per_min")
TABLETS: Final = Route("dose rate", "mg/day", mg / day, "mg_per_day")
CUMULATIVE: Final = Route("dose per area", "mg/m2", mg / m**2, "mg_per_m2")

Curves = Mapping[str, tuple[float, float] | tuple[float, float, float]]


def _drug(
    name: str,
    route: Route,
    doses: tuple[float, float, float, float],
    curves: Curves,
    *,
    indication: str,
    source: str,
    half_life: float = 0.0,
    expected: str = "",
    limits: str = "",
    receptors: bool = False,
    ceiling: str = "what its label allows",
) -> Operation:
    """Catalogue entry of a drug.

    Parameters
    ----------
    name : str
    route : Route
    doses : default, least usual, most usual, label maximum
        In the unit of the route.
    curves : mapping of knob to (E_max, ED50) or (E_max, ED50, steepness)
        ED50 in the unit of the route.
    indication, source, expected, limits : str
        As in `Operation`.
    half_life : float
        Of the effect site [ms]; 0 for drugs whose level is steady after days.
    receptors : bool
        Whether it acts on beta receptors, which failing hearts lose and beta blockers occupy.
    ceiling : str
        What sets the largest dose.
    """
    responses = tuple(
        Response(knob, largest, half * route.unit, *steepness)
        for knob, (largest, half, *steepness) in curves.items()
    )
    return Operation(
        name=name,
        title=name.capitalize(),
        kind="operation",
        indication=indication,
        changes=", ".join(knob.replace("_", " ") for knob in curves) + ": dose, effect site, Hill",
        parameters=_parameters(route, doses, half_life, receptors, ceiling),
        limits=("; ".join(filter(None, (limits, _LIMITS)))),
        expected=expected,
        source=source,
        build=_build(name, route, responses, half_life),
    )


def _parameters(
    route: Route,
    doses: tuple[float, float, float, float],
    half_life: float,
    receptors: bool,
    ceiling: str,
) -> dict[str, Parameter]:
    """Doses that a clinician may state; see `_drug`."""
    usual, low, high, most = (f"{dose:g} {route.symbol}" for dose in doses)
    parameters = {
        "dose": Parameter(
            "steady dose",
            usual,
            route.dimension,
            (f"0 {route.symbol}", most),
            (low, high),
            limit=ceiling,
        ),
        "patient": Parameter(
            "median patient, or the 5 % most sensitive or resistant",
            "typical",
            choices=tuple(PATIENTS),
        ),
    }
    if half_life:
        parameters["after"] = Parameter(
            "time since the infusion was started",
            f"{max(1, math.ceil(5 * half_life / minute)):g} min",
            "time",
            ("0 min", "7 day"),
        )
    if receptors:
        parameters["receptors"] = Parameter(
            "beta response that is left; 40 to 60 % in advanced heart failure",
            "100 %",
            "number",
            ("20 %", "100 %"),
        )
        parameters["blockade"] = Parameter(
            "beta blocker on board, concentration over its K_B", "0", "number", ("0", "20")
        )
    return parameters


_LIMITS: Final = (
    "ranks direction and size of hemodynamic effects; no rhythm, toxicity, interaction or outcome"
)


def _build(name: str, route: Route, responses: tuple[Response, ...], half_life: float) -> Build:
    """Parsed doses to the edit."""

    def build(values: Mapping[str, Value]) -> tuple[Edit, ...]:
        number = {key: value for key, value in values.items() if isinstance(value, float)}
        reached = 1 - 2 ** (-number["after"] / half_life) if half_life else 1.0
        shift = PATIENTS[str(values["patient"])] * (1 + number.get("blockade", 0.0))
        return (
            Administer(
                name,
                responses,
                number["dose"],
                route.unit,
                route.label,
                reached=reached,
                shift=shift,
                receptors=number.get("receptors", 1.0),
            ),
        )

    return build


dobutamine: Final = _drug(
    "dobutamine",
    INFUSION,
    (5, 2, 20, 40),
    {
        "strength": (1.2, 9.0),
        "rate": (0.85, 16.8, 2.1),
        "relaxation": (0.4, 9.0),
        "systemic_resistance": (-0.45, 10.0),
    },
    half_life=2 * minute,
    receptors=True,
    indication="low output, stress test",
    limits="rate and resistance as seen with reflexes on",
    expected="Ees +41 to +43 % at 5 ug/kg/min; output doubles at the largest dose, three quarters "
    "of it by heart rate; in heart failure resistance -35 % at 12.5 ug/kg/min",
    source="heart rate ED50: PMID 12173796; Ees: Int J Cardiol 1991;31:51; resistance: Vatner "
    "1974, doi:10.1172/JCI107673; receptors: failing human strips reach 37 % of the calcium "
    "maximum; label: rarely up to 40 ug/kg/min",
)

milrinone: Final = _drug(
    "milrinone",
    INFUSION,
    (0.5, 0.375, 0.75, 0.75),
    {
        "strength": (0.43, 0.26),
        "rate": (0.12, 0.26),
        "relaxation": (0.25, 0.26),
        "systemic_resistance": (-0.38, 0.26),
        "pulmonary_resistance": (-0.35, 0.26),
        "stressed_volume": (-0.15, 0.26),
    },
    half_life=2.4 * hour,
    indication="low output with pulmonary hypertension or beta blockade",
    limits="no loading dose: five half-lives by default; renal failure not represented",
    expected="dP/dt +32 % and heart rate 92 to 99 at 427 ng/mL; resistance -15 to -31 %, output "
    "+24 to +42 %, wedge -24 to -33 % over 0.375 to 0.75 ug/kg/min",
    source="dP/dt: Jaski 1985, PMC423546; resistance: multicenter infusion of 189 patients; level "
    "at a dose: Am Heart J 2001;141:e6 (166 ng/mL 3 h after 0.5 ug/kg/min); label maximum 0.75",
)

levosimendan: Final = _drug(
    "levosimendan",
    INFUSION,
    (0.1, 0.05, 0.2, 0.2),
    {
        "strength": (0.4, 0.08),
        "rate": (0.12, 0.1),
        "systemic_resistance": (-0.35, 0.08),
        "pulmonary_resistance": (-0.3, 0.08),
        "stressed_volume": (-0.15, 0.08),
    },
    half_life=1 * hour,
    indication="acute heart failure",
    limits="no loading dose, no active metabolite (days)",
    expected="cardiac index +30 to +39 %, wedge -20 to -25 %",
    source="LIDO and Nieminen's review; curves textbook",
)

norepinephrine: Final = _drug(
    "norepinephrine",
    INFUSION,
    (0.1, 0.02, 0.5, 1.0),
    {
        "systemic_resistance": (1.0, 0.15),
        "strength": (0.2, 0.15),
        "stressed_volume": (0.1, 0.15),
    },
    half_life=2 * minute,
    ceiling="the doses in use",
    indication="vasodilatory shock",
    limits="heart rate is left to the reflex rule",
    expected="pressure rises, heart rate falls by reflex, 0.01 to 0.2 ug/kg/min in volunteers",
    source="direction: Ensinger, infusion in healthy volunteers; curves textbook; largest dose in "
    "use 1 ug/kg/min",
)

nitroprusside: Final = _drug(
    "nitroprusside",
    INFUSION,
    (2, 0.3, 5, 10),
    {
        "systemic_resistance": (-0.5, 1.0),
        "pulmonary_resistance": (-0.4, 1.0),
        "stressed_volume": (-0.25, 1.0),
    },
    half_life=2 * minute,
    indication="hypertensive or regurgitant heart failure",
    limits="no cyanide; the reflex rise of rate needs the reflex rule",
    expected="heart failure: filling pressure 32 to 17 mmHg, output 3.0 to 5.2 L/min, mean "
    "pressure -15 mmHg; resistance -25 to -45 %, Ees unchanged",
    source="N Engl J Med 1974;291:587; ED50 textbook; label maximum 10 ug/kg/min for 10 minutes",
)

nitroglycerin: Final = _drug(
    "nitroglycerin",
    DRIP,
    (50, 10, 200, 200),
    {
        "stressed_volume": (-0.25, 50.0),
        "systemic_resistance": (-0.15, 100.0),
        "pulmonary_resistance": (-0.2, 100.0),
    },
    half_life=3 * minute,
    indication="congestion, ischemia",
    limits="no tolerance after a day; arterial dilation at large doses is coarse",
    expected="stressed volume -5 to -20 %, filling pressures fall more than arterial pressure",
    source="dose range: PMC2515421; curves textbook",
)

esmolol: Final = _drug(
    "esmolol",
    INFUSION,
    (100, 50, 200, 300),
    {"rate": (-0.28, 100.0), "strength": (-0.45, 150.0), "relaxation": (-0.1, 150.0)},
    half_life=9 * minute,
    indication="tachycardia, dynamic outflow obstruction",
    limits="effect at rest; far larger under sympathetic drive",
    expected="heart rate -13 %, dP/dt -33 %, end-diastolic pressure and tau unchanged (animals)",
    source="animals: PMC3742944, table 2; curves textbook; label maximum 300 ug/kg/min, half-life "
    "9 minutes",
)

metoprolol: Final = _drug(
    "metoprolol",
    TABLETS,
    (100, 25, 200, 400),
    {"rate": (-0.25, 115.0), "strength": (-0.3, 200.0), "relaxation": (-0.1, 200.0)},
    indication="rate control, heart failure",
    limits="effect at rest; no gain of function over months; slow and fast metabolizers differ "
    "more than the band",
    expected="heart rate -10 to -20 % at rest",
    source="heart rate EC50 30 to 50 ng/mL and curves textbook; label maximum 400 mg a day",
)

verapamil: Final = _drug(
    "verapamil",
    TABLETS,
    (240, 120, 360, 480),
    {"rate": (-0.2, 300.0), "strength": (-0.4, 300.0), "systemic_resistance": (-0.35, 300.0)},
    indication="rate control, hypertrophic cardiomyopathy",
    limits="no conduction block",
    expected="contractility -10 to -30 %, rate and resistance fall",
    source="EC50 100 to 200 ng/mL and curves textbook; label maximum 480 mg a day",
)

furosemide: Final = _drug(
    "furosemide",
    TABLETS,
    (40, 20, 160, 600),
    {"stressed_volume": (-0.18, 80.0)},
    indication="congestion",
    limits="state after days, no early venodilation, no kidney, no electrolytes",
    expected="stressed volume -3 to -15 % over days",
    source="textbook; label maximum 600 mg a day",
)

mavacamten: Final = _drug(
    "mavacamten",
    TABLETS,
    (5, 2.5, 15, 15),
    {"strength": (-0.3, 15.0)},
    indication="obstructive hypertrophic cardiomyopathy",
    limits="steady state after weeks; the outflow tract does not widen by itself",
    expected="LVEF -4 points; stop below 50 %",
    source="EXPLORER-HCM (Olivotto 2020); curve textbook; label maximum 15 mg a day",
)

omecamtiv: Final = _drug(
    "omecamtiv",
    TABLETS,
    (50, 50, 100, 100),
    {"systole": (0.2, 60.0), "rate": (-0.06, 60.0)},
    ceiling="the doses that were studied",
    indication="heart failure with reduced ejection fraction (investigational)",
    limits="no rise of resting tension at large levels",
    expected="systole +20 to +40 ms, stroke volume +4 mL, heart rate -3 /min",
    source="textbook; 25 to 50 mg twice a day in trials",
)

doxorubicin: Final = _drug(
    "doxorubicin",
    CUMULATIVE,
    (300, 0, 450, 550),
    {"strength": (-0.6, 550.0, 4.0)},
    ceiling="the lifetime limit of its label",
    indication="late cardiotoxicity of a cumulative dose",
    limits="mean loss in those affected, read from how often hearts fail; no stiffening",
    expected="heart failure in 5, 26 and 48 % at 400, 550 and 700 mg/m2",
    source="textbook incidence; the curve is an assumption; lifetime limit 550 mg/m2",
)

DRUGS: Final = (
    dobutamine,
    milrinone,
    levosimendan,
    norepinephrine,
    nitroprusside,
    nitroglycerin,
    esmolol,
    metoprolol,
    verapamil,
    furosemide,
    mavacamten,
    omecamtiv,
    doxorubicin,
)
"""Catalogue entries of the drugs."""
