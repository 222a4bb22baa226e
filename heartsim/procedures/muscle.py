"""Operations on muscle: infarct, ischemia, bypass, ablation, patches, gel.

Strength, stiffness and swelling of a marked part of the wall; operations that cut or hold it are in
`reshaping` and `restraint`.
"""

from collections.abc import Mapping
from typing import Final

from heartsim.procedures.edit import Edit
from heartsim.procedures.material import InjectGel, RecoverTissue, ScaleTissue
from heartsim.procedures.operation import Build, Operation, Parameter, Value, number
from heartsim.procedures.region import MarkRegion, MarkSegments

_PERCENT: Final = ("0 %", "100 %")
_BELT: Final = (7, 10, 11, 12)
"""AHA segments of the free wall midway between base and apex."""

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


def _mark(values: Mapping[str, Value], region: str) -> MarkRegion:
    return MarkRegion(
        region=region,
        segment=round(number(values, "segment")),
        fraction=number(values, "fraction"),
        border_zone=number(values, "border_zone"),
    )


def _scar(region: str) -> Build:
    """Edits that mark a scar and say how strong and how stiff it is."""
    return lambda v: (
        _mark(v, region),
        ScaleTissue(region, number(v, "contractility"), number(v, "stiffness")),
    )


def _ischemia(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    change = ScaleTissue("ischemic", contractility=number(values, "contractility"))
    return _mark(values, "ischemic"), change


def _contractile_patch(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    region = str(values["region"])
    pull = RecoverTissue(region, number(values, "active"))
    return pull, ScaleTissue(region, stiffness=number(values, "stiffness"))


def _hydrogel(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    volume = number(values, "points") * number(values, "volume")
    return MarkSegments("hydrogel", _BELT), InjectGel("hydrogel", volume, number(values, "ratio"))


infarct: Final = Operation(
    name="infarct",
    title="Healed myocardial infarct",
    kind="condition",
    indication="disease of the baseline patient",
    changes="marks the regions infarct and infarct_border; active tension falls, stiffness rises",
    parameters={
        **_SITE,
        "contractility": Parameter(
            "active tension that remains in the scar", "0 %", "number", _PERCENT
        ),
        "stiffness": Parameter(
            "passive stiffness of the scar, healthy = 1", "10", "number", ("0.2", "50"), ("2", "20")
        ),
    },
    limits="no wall thinning, no aneurysm, no remodeling, scar anisotropy as healthy muscle",
    expected="end-systolic volume and border-zone stress rise; EF about 41 +/- 11 % in patients",
    source="stiffness and border zone ranges: clinical infarct models; EF: Cardiac Atlas Project",
    build=_scar("infarct"),
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
    build=lambda v: (RecoverTissue(str(v["region"]), number(v, "recovery")),),
)

septal_ablation: Final = Operation(
    name="septal_ablation",
    title="Septal ablation with alcohol",
    kind="operation",
    indication="hypertrophic obstructive cardiomyopathy, gradient at least 50 mmHg",
    changes="marks the region ablation in the basal septum; active tension falls, stiffness rises",
    parameters={
        "segment": Parameter("AHA segment of the perforator", "2", "number", ("1", "17")),
        "fraction": Parameter(
            "scar over left ventricular wall volume",
            "8 %",
            "number",
            ("1 %", "30 %"),
            ("3 %", "15 %"),
        ),
        "border_zone": _SITE["border_zone"],
        "contractility": Parameter(
            "active tension that remains in the scar", "0 %", "number", _PERCENT
        ),
        "stiffness": Parameter(
            "passive stiffness of the scar, healthy = 1", "5", "number", ("1", "50"), ("2", "20")
        ),
    },
    limits="no outflow gradient (the loop has none that depends on the septum), no thinning of the "
    "septum, no block of conduction",
    expected="outflow gradient 23 +/- 19 mmHg one year after ablation, 17 +/- 14 after myectomy",
    source="series of ablation against myectomy (2005); scar ranges: our reading of the literature",
    build=_scar("ablation"),
)

infarct_patch: Final = Operation(
    name="infarct_patch",
    title="Stiffening of an infarct (patch, polymer, collagen)",
    kind="operation",
    indication="thin, bulging infarct; against expansion",
    changes="passive stiffness of the region rises; it stays without active tension",
    parameters={
        "region": Parameter("region of the heart that is scar", "infarct"),
        "stiffness": Parameter(
            "multiplier of the scar's stiffness", "3", "number", ("1", "20"), ("2", "10")
        ),
    },
    limits="equal in all directions, infarct_straps hold along the long axis alone; no sutures, no "
    "reshaping, no thickness of a patch",
    expected="less bulging in systole, and a left shift of the diastolic curve: stroke volume at "
    "equal filling pressure may fall",
    source="infarct models; range 2 to 20 times",
    build=lambda v: (ScaleTissue(str(v["region"]), stiffness=number(v, "stiffness")),),
)

contractile_patch: Final = Operation(
    name="contractile_patch",
    title="Contractile patch (engineered heart muscle)",
    kind="operation",
    indication="infarct, as a trial therapy",
    changes="active tension of the region becomes a share of the healthiest muscle's; stiffness "
    "scales",
    parameters={
        "region": Parameter("region of the heart that is scar", "infarct"),
        "active": Parameter(
            "active tension of the patch over healthy", "10 %", "number", _PERCENT, ("0 %", "50 %")
        ),
        "stiffness": Parameter(
            "multiplier of the scar's stiffness", "1", "number", ("0.05", "5"), ("0.1", "2")
        ),
    },
    limits="transmural, fibers as in the scar, beats with the muscle around it; no graft "
    "survival, no arrhythmia",
    expected="10 % of healthy active tension in a transmural patch: stroke volume +18 % "
    "(simulated)",
    source="Sayut 2025 (arXiv 2508.10188), a finite-element study",
    build=_contractile_patch,
)

hydrogel: Final = Operation(
    name="hydrogel",
    title="Hydrogel injection (alginate belt)",
    kind="operation",
    indication="dilated heart failure, EF at most 35 %",
    changes="marks the region hydrogel, a belt in the free wall midway between base and apex; "
    "gel pushes muscle apart across the wall, which gets thicker, and mixes its stiffness in",
    parameters={
        "points": Parameter("injections", "15", "number", ("3", "25"), ("10", "19")),
        "volume": Parameter(
            "gel in each", "0.3 mL", "volume", ("0 mL", "0.5 mL"), ("0.1 mL", "0.5 mL")
        ),
        "ratio": Parameter(
            "stiffness of the gel over relaxed muscle", "3", "number", ("0.1", "50"), ("0.5", "20")
        ),
    },
    limits="the belt swells evenly, single beads and the stress around each are not resolved; no "
    "fibrosis, no remodeling",
    expected="volumes fall, the wall thickens, fiber stress falls; patients: 10 to 19 "
    "injections; peak oxygen uptake +1.24 mL/kg/min against control; "
    "dogs: 7 injections of 0.25 to 0.35 mL",
    source="AUGMENT-HF (PMC4561351), Sabbah 2013 (PMC3756288)",
    build=_hydrogel,
)

MUSCLE: Final = (
    infarct,
    ischemia,
    revascularise,
    septal_ablation,
    infarct_patch,
    contractile_patch,
    hydrogel,
)
"""Conditions and operations of muscle."""
