"""Operations on valves: stenosis, leak, replacement, repair, rings, and the band beside one."""

import math
from collections.abc import Mapping
from typing import Final

from heartsim.procedures.cabling import LayRing, Tighten
from heartsim.procedures.circuit import Bound, SetBand, SetValve
from heartsim.procedures.edit import Edit
from heartsim.procedures.operation import Build, Operation, Parameter, Value, disc, number
from heartsim.units import N, mm

_EROA: Final = "effective regurgitant orifice area"
_EOA: Final = "effective orifice area"
_GUIDELINE: Final = "ACC/AHA and ESC guideline grades of valve disease"
_RING: Final = 20 * N / mm
"""Stiffness of a strand of a ring: much more than that of the annulus it holds (our choice)."""

_ACUTE: Final = "the ventricle is the patient's own: no remodeling, no reflexes"


def _set(valve: str) -> Build:
    """Edits that give a valve the opening and the leak that two doses say."""
    return lambda v: (SetValve(valve, number(v, "area"), number(v, "leak")),)


def _clip(valve: str) -> Build:
    """Edits that leave a valve no wider and no leakier than two doses say, nor than it was."""
    return lambda v: (SetValve(valve, number(v, "area"), number(v, "residual_leak"), "at most"),)


def _disease(
    name: str,
    valve: str,
    doses: Mapping[str, Parameter],
    *,
    expected: str,
    limits: str = _ACUTE,
    source: str = _GUIDELINE,
) -> Operation:
    """Condition of one valve, by its opening, its leak, or both."""
    words = {"area": _EOA, "leak": _EROA}
    return Operation(
        name=name,
        title=name.replace("_", " ").capitalize(),
        kind="condition",
        indication="disease of the baseline patient",
        changes=f"{valve} valve: {', '.join(words[dose] for dose in doses)}",
        parameters=doses,
        limits=limits,
        expected=expected,
        source=source,
        build=lambda v: (SetValve(valve, **{dose: number(v, dose) for dose in doses}),),
    )


def _leak(default: str, most: str, low: str, high: str) -> Parameter:
    return Parameter(_EROA, default, "area", ("0 cm2", most), (low, high))


def _annuloplasty(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    area, valve = disc(values, "ring") * number(values, "orifice_ratio"), str(values["valve"])
    return (
        LayRing(valve),
        Tighten(f"ring {valve}", _RING, total=math.pi * number(values, "ring")),
        SetValve(valve, area, number(values, "residual_leak"), "at most"),
    )


def _balloon(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    area, leak = number(values, "area"), number(values, "leak")
    return (SetValve(str(values["valve"]), area, leak, "at least"),)


def _band(diameter: str, bound: Bound = "set") -> Build:
    """Edits that leave the pulmonary artery as wide as a dose says."""
    return lambda v: (SetBand("pulmonary", disc(v, diameter) ** -2, bound),)


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
    build=_set("aortic"),
)

aortic_regurgitation: Final = _disease(
    "aortic_regurgitation",
    "aortic",
    {"leak": _leak("0.3 cm2", "1.5 cm2", "0.05 cm2", "0.6 cm2")},
    limits="the leak is that of an acute one: no eccentric hypertrophy, no compliant, aged aorta",
    expected="severe: EROA at least 0.3 cm2, regurgitant volume at least 60 mL, wide pulse "
    "pressure",
)

mitral_stenosis: Final = _disease(
    "mitral_stenosis",
    "mitral",
    {
        "area": Parameter(_EOA, "1.2 cm2", "area", ("0.4 cm2", "5 cm2"), ("0.6 cm2", "2 cm2")),
        "leak": _leak("0 cm2", "1 cm2", "0 cm2", "0.4 cm2"),
    },
    limits="sinus rhythm; no atrial enlargement, no reactive pulmonary hypertension",
    expected="severe: area at most 1.5 cm2, mean gradient about 5 to 10 mmHg at 60 to 80 /min",
)

mitral_regurgitation: Final = _disease(
    "mitral_regurgitation",
    "mitral",
    {"leak": _leak("0.4 cm2", "1.5 cm2", "0.1 cm2", "0.8 cm2")},
    limits="the orifice is constant in systole and does not follow the ventricle's shape",
    expected="severe: EROA at least 0.4 cm2, regurgitant volume at least 60 mL",
    source="ACC/AHA and ESC guideline definitions of severe mitral regurgitation",
)

pulmonary_stenosis: Final = _disease(
    "pulmonary_stenosis",
    "pulmonary",
    {
        "area": Parameter(_EOA, "0.6 cm2", "area", ("0.15 cm2", "4 cm2"), ("0.3 cm2", "1.5 cm2")),
        "leak": _leak("0 cm2", "2 cm2", "0 cm2", "1 cm2"),
    },
    limits="a fixed orifice; no muscular narrowing below the valve, no hypertrophy of the "
    "ventricle",
    expected="severe: peak gradient above 64 mmHg",
)

pulmonary_regurgitation: Final = _disease(
    "pulmonary_regurgitation",
    "pulmonary",
    {"leak": _leak("1.6 cm2", "4 cm2", "0.2 cm2", "2.5 cm2")},
    limits="the ventricle is the patient's own: dilate it with circulation.RV as in tetralogy_0D",
    expected="repaired tetralogy with free regurgitation: fraction 49 +/- 11 %",
    source="tetralogy series before valve replacement (PMC6466707)",
)

tricuspid_regurgitation: Final = _disease(
    "tricuspid_regurgitation",
    "tricuspid",
    {"leak": _leak("0.6 cm2", "3 cm2", "0.1 cm2", "1.5 cm2")},
    limits="the orifice is constant in systole and does not follow the ventricle's shape",
    expected="severe: EROA at least 0.4 cm2, venous pressure with a large v wave",
)

tavr: Final = Operation(
    name="tavr",
    title="Aortic valve replacement (TAVR or surgical)",
    kind="operation",
    indication="severe symptomatic aortic stenosis, severe aortic regurgitation",
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
    build=_set("aortic"),
)

mitral_replacement: Final = Operation(
    name="mitral_replacement",
    title="Mitral valve replacement",
    kind="operation",
    indication="severe mitral stenosis or regurgitation that cannot be repaired",
    changes="mitral valve: effective orifice area of the prosthesis, paravalvular leak",
    parameters={
        "area": Parameter(
            f"{_EOA} of the prosthesis", "2.2 cm2", "area", ("1 cm2", "4 cm2"), ("1.5 cm2", "3 cm2")
        ),
        "leak": Parameter(
            "paravalvular leak (EROA)", "0 cm2", "area", ("0 cm2", "0.4 cm2"), ("0 cm2", "0.15 cm2")
        ),
    },
    limits="chords kept: no loss of the pull between ring and papillary muscles; no outflow "
    "obstruction by the prosthesis, no remodeling",
    expected="regurgitation gone; 2.3 % recurrence at a year against 32.6 % after repair of "
    "secondary regurgitation",
    source="CTSN trial (PMC4687890); sizes 25 to 33 mm: manufacturers' ranges",
    build=_set("mitral"),
)

mitral_repair: Final = Operation(
    name="mitral_repair",
    title="Edge-to-edge mitral repair",
    kind="operation",
    indication="mitral regurgitation grade 3 or more",
    changes="mitral valve: smaller regurgitant orifice, smaller opening; neither gets larger than "
    "it was",
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
    source="series of 107 patients before and after MitraClip; Gaemperli 2013 (Circulation "
    "127:1018)",
    build=_clip("mitral"),
)

tricuspid_repair: Final = Operation(
    name="tricuspid_repair",
    title="Edge-to-edge tricuspid repair",
    kind="operation",
    indication="severe tricuspid regurgitation; for a ring see annuloplasty with valve = tricuspid",
    changes="tricuspid valve: smaller regurgitant orifice, smaller opening; neither gets larger "
    "than it was",
    parameters={
        "residual_leak": Parameter(
            f"{_EROA} that remains", "0.15 cm2", "area", ("0 cm2", "1 cm2"), ("0 cm2", "0.4 cm2")
        ),
        "area": Parameter(
            f"{_EOA} after clipping", "4 cm2", "area", ("1.5 cm2", "9 cm2"), ("2.5 cm2", "6 cm2")
        ),
    },
    limits="no pull of the clip on the ring; the leak that remains is given by you, not predicted",
    expected="right atrial pressure falls, forward flow of the right ventricle rises; afterload "
    "of the right ventricle rises",
    source="direction: textbook; ranges: our choice around normal openings of 7 to 9 cm2",
    build=_clip("tricuspid"),
)

pulmonary_replacement: Final = Operation(
    name="pulmonary_replacement",
    title="Pulmonary valve replacement (surgical or transcatheter)",
    kind="operation",
    indication="repaired tetralogy, regurgitant fraction above 25 to 40 %, RVEDVi near 160 mL/m2",
    changes="pulmonary valve: effective orifice area of the prosthesis, leak that remains",
    parameters={
        "area": Parameter(
            f"{_EOA} of the prosthesis", "2 cm2", "area", ("0.8 cm2", "4 cm2"), ("1.2 cm2", "3 cm2")
        ),
        "leak": Parameter(_EROA, "0 cm2", "area", ("0 cm2", "0.5 cm2"), ("0 cm2", "0.2 cm2")),
    },
    limits="the acute part only: the ventricle keeps its own curves, and most of the fall of its "
    "volume in patients is remodeling over months",
    expected="months later: RVEDVi -59.6 (-67 to -52), RVESVi -32.5, LVEDVi +4.6 mL/m2, RVEF "
    "unchanged; regurgitant fraction 49 to 1 %",
    source="meta-regression (CCC 2025); series PMC6466707",
    build=_set("pulmonary"),
)

annuloplasty: Final = Operation(
    name="annuloplasty",
    title="Restrictive annuloplasty ring",
    kind="operation",
    indication="secondary or primary regurgitation of an atrioventricular valve",
    changes="valve: opening area from the ring size, smaller regurgitant orifice, neither larger "
    "than it was; a wall's annulus is drawn in to the circumference of the ring",
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
    limits="the ring sets a circumference, not a shape; no leaflet tethering; the leak that "
    "remains "
    "is given by you, not predicted; without a wall it is its orifice only",
    expected="functional stenosis if the mean gradient exceeds 5 mmHg or the area is below 1.5 cm2",
    source="ring sizes: manufacturers' ranges; stenosis criteria: clinical series",
    build=_annuloplasty,
)

balloon_valvuloplasty: Final = Operation(
    name="balloon_valvuloplasty",
    title="Balloon valvuloplasty (commissurotomy)",
    kind="operation",
    indication="stenosis of a pliable valve",
    changes="valve: larger opening, a leak that the tear leaves; neither gets smaller than it was",
    parameters={
        "valve": Parameter("which valve", "mitral", choices=("mitral", "pulmonary", "aortic")),
        "area": Parameter(
            f"{_EOA} afterwards", "1.8 cm2", "area", ("0.5 cm2", "4 cm2"), ("1 cm2", "3 cm2")
        ),
        "leak": Parameter(
            f"{_EROA} afterwards", "0.05 cm2", "area", ("0 cm2", "1.5 cm2"), ("0 cm2", "0.4 cm2")
        ),
    },
    limits="area and leak afterwards are given by you, not predicted; no restenosis",
    expected="the gradient falls at once",
    source="ranges: our choice around the guideline grades",
    build=_balloon,
)

pulmonary_band: Final = Operation(
    name="pulmonary_band",
    title="Pulmonary artery band",
    kind="operation",
    indication="unrestricted flow to the lungs through a large ventricular defect",
    changes="pulmonary artery: a fixed narrowing in series with the valve",
    parameters={
        "diameter": Parameter(
            "diameter of the effective orifice",
            "9 mm",
            "length",
            ("3 mm", "25 mm"),
            ("5 mm", "15 mm"),
        ),
    },
    limits="no migration of the band, no distortion of the branches, no growth; cyanosis is not "
    "computed",
    expected="gradient 30 to 60 mmHg, pulmonary to systemic flow 1 to 1.5; Trusler: circumference "
    "20 mm + 1 mm/kg (infants)",
    source="surgical textbook ranges",
    build=_band("diameter"),
)

pulmonary_debanding: Final = Operation(
    name="pulmonary_debanding",
    title="Removal of a pulmonary artery band",
    kind="operation",
    indication="banded artery at the time of definitive repair, with vsd_closure",
    changes="pulmonary artery: the band goes, a stenosis may remain that is no narrower than the "
    "band",
    parameters={
        "residual": Parameter(
            "diameter of the narrowing that remains",
            "20 mm",
            "length",
            ("8 mm", "40 mm"),
            ("12 mm", "40 mm"),
        ),
    },
    limits="no scar that narrows later, no distortion of the branches",
    expected="gradient gone",
    source="surgical textbook ranges",
    build=_band("residual", "at most"),
)

VALVES: Final = (
    aortic_stenosis,
    aortic_regurgitation,
    mitral_stenosis,
    mitral_regurgitation,
    pulmonary_stenosis,
    pulmonary_regurgitation,
    tricuspid_regurgitation,
    tavr,
    mitral_replacement,
    mitral_repair,
    tricuspid_repair,
    pulmonary_replacement,
    annuloplasty,
    balloon_valvuloplasty,
    pulmonary_band,
    pulmonary_debanding,
)
"""Conditions and operations of valves."""
