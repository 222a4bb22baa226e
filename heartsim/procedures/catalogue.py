"""The catalogue: named conditions and operations, with doses, safe ranges and honest limits.

Ranges are hard stops; outside the usual range a run goes on with a caution. Predictions are acute
(the day after, no remodeling). A figure under ``expected`` is what a published series found, for
comparison; it is never put into the model.
"""

import math
from collections.abc import Mapping
from typing import Final

from heartsim.errors import ProcedureError, closest
from heartsim.procedures.circuit import SetValve
from heartsim.procedures.edit import Edit, Procedure
from heartsim.procedures.formulary import DRUGS
from heartsim.procedures.material import RecoverTissue, ScaleTissue
from heartsim.procedures.operation import Operation, Parameter, Value
from heartsim.procedures.region import MarkRegion
from heartsim.procedures.state import SetRate, Turn

_PERCENT: Final = ("0 %", "100 %")
_EROA: Final = "effective regurgitant orifice area"
_EOA: Final = "effective orifice area"
_STATE: Final = {
    "contractility": "strength",
    "relaxation": "relaxation",
    "systemic_resistance": "systemic_resistance",
    "pulmonary_resistance": "pulmonary_resistance",
    "stressed_volume": "stressed_volume",
}
"""Doses of ``state`` and the knobs they turn."""

_SITE: Final = {
    "segment": Parameter(
        "AHA segment in whose middle the region is centered",
        default="13",
        dimension="number",
        stop=("1", "17"),
    ),
    "fraction": Parameter(
        "share of the left ventricular wall volume",
        default="20 %",
        dimension="number",
        stop=("1 %", "50 %"),
        usual=("5 %", "40 %"),
    ),
    "border_zone": Parameter(
        "width over which the change fades out",
        default="10 mm",
        dimension="length",
        stop=("0 mm", "20 mm"),
        usual=("5 mm", "15 mm"),
    ),
}


def _number(values: Mapping[str, Value], name: str) -> float:
    value = values[name]
    return value if isinstance(value, float) else math.nan


def _mark(values: Mapping[str, Value], region: str) -> MarkRegion:
    return MarkRegion(
        region=region,
        segment=round(_number(values, "segment")),
        fraction=_number(values, "fraction"),
        border_zone=_number(values, "border_zone"),
    )


def _infarct(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    change = ScaleTissue("infarct", _number(values, "contractility"), _number(values, "stiffness"))
    return _mark(values, "infarct"), change


def _ischemia(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    change = ScaleTissue("ischemic", contractility=_number(values, "contractility"))
    return _mark(values, "ischemic"), change


def _annuloplasty(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    ring = math.pi / 4 * _number(values, "ring") ** 2
    area = ring * _number(values, "orifice_ratio")
    return (SetValve(str(values["valve"]), area=area, leak=_number(values, "residual_leak")),)


def _state(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    return tuple(Turn(knob, _number(values, name)) for name, knob in _STATE.items())


infarct: Final = Operation(
    name="infarct",
    title="Healed myocardial infarct",
    kind="condition",
    indication="disease of the baseline patient",
    changes="marks the regions infarct and infarct_border; active tension falls, stiffness rises",
    parameters={
        **_SITE,
        "contractility": Parameter(
            "active tension that remains in the scar", "0 %", "number", ("0 %", "100 %")
        ),
        "stiffness": Parameter(
            "passive stiffness of the scar, healthy = 1", "10", "number", ("0.2", "50"), ("2", "20")
        ),
    },
    limits="no wall thinning, no aneurysm, no remodeling, scar anisotropy as healthy muscle",
    expected="end-systolic volume and border-zone stress rise; EF about 41 +/- 11 % in patients",
    source="stiffness and border zone ranges: clinical infarct models; EF: Cardiac Atlas Project",
    build=_infarct,
)

ischemia: Final = Operation(
    name="ischemia",
    title="Hibernating (ischemic, viable) myocardium",
    kind="condition",
    indication="disease of the baseline patient",
    changes="marks the regions ischemic and ischemic_border; active tension falls, stiffness stays",
    parameters={
        **_SITE,
        "contractility": Parameter(
            "active tension that remains", "40 %", "number", _PERCENT, ("30 %", "60 %")
        ),
    },
    limits="no delayed relaxation, no diastolic stiffening, no transmural gradient",
    expected="end-systolic volume rises, ejection fraction falls",
    source="hibernating segments work at 30-60 % of normal before revascularization",
    build=_ischemia,
)

aortic_stenosis: Final = Operation(
    name="aortic_stenosis",
    title="Aortic stenosis",
    kind="condition",
    indication="disease of the baseline patient",
    changes="aortic valve: effective orifice area",
    parameters={
        "area": Parameter(_EOA, "0.7 cm2", "area", ("0.3 cm2", "4 cm2"), ("0.5 cm2", "1.5 cm2")),
        "leak": Parameter(_EROA, "0 cm2", "area", ("0 cm2", "1 cm2")),
    },
    limits="no hypertrophy of the wall, no flow-dependent valve area, no pressure recovery",
    expected="severe: mean gradient at least 40 mmHg, area below 1.0 cm2",
    source="ACC/AHA and ESC guideline definitions of severe aortic stenosis",
    build=lambda v: (SetValve("aortic", _number(v, "area"), _number(v, "leak")),),
)

mitral_regurgitation: Final = Operation(
    name="mitral_regurgitation",
    title="Mitral regurgitation",
    kind="condition",
    indication="disease of the baseline patient",
    changes="mitral valve: effective regurgitant orifice area",
    parameters={
        "leak": Parameter(_EROA, "0.4 cm2", "area", ("0 cm2", "1.5 cm2"), ("0.1 cm2", "0.8 cm2")),
    },
    limits="the orifice is constant in systole and does not follow the ventricle's shape",
    expected="severe: EROA at least 0.4 cm2, regurgitant volume at least 60 mL",
    source="ACC/AHA and ESC guideline definitions of severe mitral regurgitation",
    build=lambda v: (SetValve("mitral", leak=_number(v, "leak")),),
)

revascularise: Final = Operation(
    name="revascularise",
    title="Revascularization of hibernating muscle (CABG, PCI)",
    kind="operation",
    indication="ischemic left ventricular dysfunction with viable muscle",
    changes="active tension of the region returns towards that of the healthiest muscle",
    parameters={
        "region": Parameter("region of the heart that is weak but alive", "ischemic"),
        "recovery": Parameter(
            "share of the lost strength that returns", "80 %", "number", _PERCENT
        ),
    },
    limits="result after recovery (weeks); no early stunning, no graft flow, scar does not recover",
    expected="EF +5 +/- 5 points at 3 months; LVESVi -6 % in the STICH bypass arm",
    source="STICH (doi:10.1056/NEJMoa0900559)",
    build=lambda v: (RecoverTissue(str(v["region"]), _number(v, "recovery")),),
)

tavr: Final = Operation(
    name="tavr",
    title="Aortic valve replacement (TAVR or surgical)",
    kind="operation",
    indication="severe symptomatic aortic stenosis",
    changes="aortic valve: effective orifice area of the prosthesis, paravalvular leak",
    parameters={
        "area": Parameter(
            f"{_EOA} of the prosthesis",
            "1.8 cm2",
            "area",
            ("0.8 cm2", "3 cm2"),
            ("1.4 cm2", "2.5 cm2"),
        ),
        "leak": Parameter(
            "paravalvular leak (EROA)", "0 cm2", "area", ("0 cm2", "0.3 cm2"), ("0 cm2", "0.15 cm2")
        ),
    },
    limits="no conduction block, no dynamic outflow obstruction, no hypertension, no remodeling",
    expected="mean gradient from about 48 to 11-13 mmHg; stroke work 1.58 to 1.26 J",
    source="PARTNER 3 (doi:10.1056/NEJMoa1814052)",
    build=lambda v: (SetValve("aortic", _number(v, "area"), _number(v, "leak")),),
)

mitral_repair: Final = Operation(
    name="mitral_repair",
    title="Edge-to-edge mitral repair",
    kind="operation",
    indication="mitral regurgitation grade 3 or more",
    changes="mitral valve: smaller regurgitant orifice, smaller opening",
    parameters={
        "residual_leak": Parameter(
            f"{_EROA} that remains", "0.1 cm2", "area", ("0 cm2", "0.6 cm2"), ("0 cm2", "0.2 cm2")
        ),
        "area": Parameter(
            f"{_EOA} after clipping", "2.5 cm2", "area", ("1 cm2", "5 cm2"), ("1.5 cm2", "3.5 cm2")
        ),
    },
    limits="no pull of the clip on the annulus, no septal puncture, no afterload reflex",
    expected="CO 5.0 to 5.7 L/min, forward SV 57 to 65 mL, LVEDP 11.4 to 8.8 mmHg",
    source="hemodynamic series before and after MitraClip",
    build=lambda v: (SetValve("mitral", _number(v, "area"), _number(v, "residual_leak")),),
)

annuloplasty: Final = Operation(
    name="annuloplasty",
    title="Restrictive annuloplasty ring",
    kind="operation",
    indication="secondary or primary regurgitation of an atrioventricular valve",
    changes="valve: opening area from the ring size, smaller regurgitant orifice",
    parameters={
        "valve": Parameter("which valve", "mitral", choices=("mitral", "tricuspid")),
        "ring": Parameter(
            "inner diameter of the ring", "28 mm", "length", ("24 mm", "36 mm"), ("26 mm", "34 mm")
        ),
        "residual_leak": Parameter(
            f"{_EROA} that remains", "0.05 cm2", "area", ("0 cm2", "0.4 cm2"), ("0 cm2", "0.2 cm2")
        ),
        "orifice_ratio": Parameter(
            "effective orifice area over ring area (assumption, not a measurement)",
            "0.5",
            "number",
            ("0.3", "0.8"),
            ("0.4", "0.7"),
        ),
    },
    limits="no pull of the ring on the wall, no leaflet tethering; the leak that remains is given "
    "by you, not predicted",
    expected="functional stenosis if the mean gradient exceeds 5 mmHg or the area is below 1.5 cm2",
    source="ring sizes: manufacturers' ranges; stenosis criteria: clinical series",
    build=_annuloplasty,
)

pacing_rate: Final = Operation(
    name="pacing_rate",
    title="Another heart rate",
    kind="operation",
    indication="bradycardia, rate control",
    changes="period of the beat; contraction shortens with its square root",
    parameters={
        "heart_rate": Parameter(
            "heart rate", "80 /min", "frequency", ("40 /min", "150 /min"), ("50 /min", "120 /min")
        ),
    },
    limits="activation keeps its sequence; no force-frequency relation, no reflexes",
    expected="",
    source="",
    build=lambda v: (SetRate(_number(v, "heart_rate")),),
)

state: Final = Operation(
    name="state",
    title="Another state of the circulation",
    kind="operation",
    indication="what if: bleeding, infusion, sympathetic drive, anesthesia",
    changes="strength and relaxation of all muscle, resistances and stressed blood volume, as "
    "multiples; heart rate is pacing_rate",
    parameters={
        "contractility": Parameter(
            "strength of all muscle", "100 %", "number", ("30 %", "200 %"), ("60 %", "150 %")
        ),
        "relaxation": Parameter(
            "speed of relaxation", "100 %", "number", ("50 %", "200 %"), ("70 %", "150 %")
        ),
        "systemic_resistance": Parameter(
            "systemic resistance", "100 %", "number", ("30 %", "300 %"), ("60 %", "160 %")
        ),
        "pulmonary_resistance": Parameter(
            "pulmonary resistance", "100 %", "number", ("20 %", "500 %"), ("40 %", "250 %")
        ),
        "stressed_volume": Parameter(
            "stressed blood volume: venous tone, bleeding, infusion",
            "100 %",
            "number",
            ("40 %", "180 %"),
            ("70 %", "130 %"),
        ),
    },
    limits="a change that is held, without the reflexes it raises: see the loading rule reflex",
    expected="",
    source="",
    build=_state,
)

CATALOGUE: Final[Mapping[str, Operation]] = {
    entry.name: entry
    for entry in (
        infarct,
        ischemia,
        aortic_stenosis,
        mitral_regurgitation,
        revascularise,
        tavr,
        mitral_repair,
        annuloplasty,
        pacing_rate,
        state,
        *DRUGS,
    )
}
"""All entries by name, conditions first."""


def find(name: str) -> Operation:
    """Entry of a name.

    Raises
    ------
    ProcedureError
        If there is none; the message lists the catalogue.
    """
    if name not in CATALOGUE:
        listing = ", ".join(CATALOGUE)
        raise ProcedureError(
            f"{name!r} is not a procedure. Known: {listing}.{closest(name, CATALOGUE)} "
            "Read more with: heartsim procedures NAME"
        )
    return CATALOGUE[name]


def plan(entry: Mapping[str, Value]) -> Procedure:
    """Procedure of one ``[[procedure]]`` or ``[[condition]]`` entry of a scenario file.

    Raises
    ------
    ProcedureError
        If the name is unknown or a dose cannot be used.
    """
    doses = {name: value for name, value in entry.items() if name != "name"}
    return find(str(entry.get("name", "")))(**doses)
