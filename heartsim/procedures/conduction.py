"""Disease and operations of rhythm: bundle branch block, resynchronization, pacing."""

from collections.abc import Mapping
from typing import Final, Literal

from heartsim.procedures.edit import Edit
from heartsim.procedures.operation import Operation, Parameter, Value, number
from heartsim.procedures.rhythm import BlockBundle, Lead, Pace, SetDelay

_LIMITS: Final = (
    "an eikonal wave through healthy muscle: no scar that slows or blocks it, no ischemia, no "
    "capture failure, no repolarization; Purkinje fibers are a layer under the endocardium with "
    "one speed (activation.layer_speed)"
)

_DELAY: Final = Parameter(
    "from the atrial to the ventricular trigger",
    "150 ms",
    "time",
    ("60 ms", "300 ms"),
    ("80 ms", "220 ms"),
)

_SOURCE: Final = (
    "648 virtual patients: the pacing site has the largest effect, laterobasal is best, and the "
    "change of total activation time foretells that of dP/dt (Crozier 2016, PMC4915816; Pluijmert "
    "2016, PMC5225964)"
)


def _resynchronized(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    ahead = number(values, "lv_first")
    leads = (
        Lead("LV wall", max(0.0, -ahead), round(number(values, "segment"))),
        Lead("RV apex", max(0.0, ahead)),
    )
    return Pace(leads), SetDelay(number(values, "av_delay"))


def _block(name: str, side: Literal["LV", "RV"], words: str) -> Operation:
    """Condition of one bundle branch."""
    return Operation(
        name=name,
        title=f"{words.capitalize()} bundle branch block",
        kind="condition",
        indication="disease of the baseline patient",
        changes=f"the {words} ventricle is excited through the septum, then along its "
        "endocardium, from "
        "where the other branch ends",
        parameters={
            "av_delay": _DELAY,
        },
        limits=f"{_LIMITS}; the block is complete",
        expected="all ventricular muscle activated within 130 to 170 ms (left; textbook)"
        if side == "LV"
        else "QRS of 140 to 180 ms in repaired tetralogy (textbook)",
        source="ranges: our reading of the literature",
        build=lambda v: (
            BlockBundle(side),
            SetDelay(number(v, "av_delay")),
        ),
    )


left_bundle_block: Final = _block("left_bundle_block", "LV", "left")
right_bundle_block: Final = _block("right_bundle_block", "RV", "right")

resynchronization: Final = Operation(
    name="resynchronization",
    title="Cardiac resynchronization, left and right ventricular lead (CRT)",
    kind="operation",
    indication="left bundle branch block with QRS at least 150 ms, EF at most 35 %",
    changes="the wave starts from a lead on the outside of a segment of the left ventricle and "
    "from one in the apex of the right",
    parameters={
        "segment": Parameter(
            "AHA segment of the left lead, in the free wall", "6", "number", ("1", "17")
        ),
        "lv_first": Parameter(
            "how long the left lead fires before the right (negative: after)",
            "0 ms",
            "time",
            ("-80 ms", "80 ms"),
            ("-40 ms", "60 ms"),
        ),
        "av_delay": Parameter(
            "from the atrial trigger to the first lead",
            "120 ms",
            "time",
            ("60 ms", "250 ms"),
            ("80 ms", "200 ms"),
        ),
    },
    limits=f"{_LIMITS}; leads capture alone, intrinsic conduction comes too late; acute, without "
    "reverse remodeling",
    expected="acutely stroke work +43 +/- 39 %, dP/dt max +13 +/- 18 % (874 to 970 mmHg/s)",
    source=f"de Roest 2013 (PMID 23183349); {_SOURCE}",
    build=_resynchronized,
)

right_ventricular_pacing: Final = Operation(
    name="right_ventricular_pacing",
    title="Pacemaker with a lead in the right ventricular apex",
    kind="operation",
    indication="atrioventricular block",
    changes="the wave starts in the apex of the right ventricle, as in left bundle branch block",
    parameters={"av_delay": _DELAY},
    limits=_LIMITS,
    expected="later, slower activation of the left free wall and lower dP/dt max than by the "
    "bundles (textbook)",
    source="ranges: our reading of the literature",
    build=lambda v: (Pace((Lead("RV apex"),)), SetDelay(number(v, "av_delay"))),
)

left_bundle_pacing: Final = Operation(
    name="left_bundle_pacing",
    title="Left bundle branch area pacing",
    kind="operation",
    indication="left bundle branch block, or atrioventricular block",
    changes="the left endocardium is excited at once; the right ventricle through the septum",
    parameters={
        "av_delay": Parameter(
            "from the atrial trigger to the lead",
            "120 ms",
            "time",
            ("60 ms", "250 ms"),
            ("80 ms", "200 ms"),
        ),
    },
    limits=f"{_LIMITS}; the branch conducts beyond the lead; no fusion with the right bundle",
    expected="left ventricle activated as by a healthy bundle, the right one late (textbook)",
    source="ranges: our reading of the literature",
    build=lambda v: (Pace((Lead("left bundle"),)), SetDelay(number(v, "av_delay"))),
)

CONDUCTION: Final = (
    left_bundle_block,
    right_bundle_block,
    resynchronization,
    right_ventricular_pacing,
    left_bundle_pacing,
)
"""Conditions and operations of rhythm."""
