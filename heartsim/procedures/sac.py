"""Operations on the pericardium: constriction and its removal, for a heart without a mesh."""

from collections.abc import Mapping
from typing import Final

from heartsim.procedures.circuit import SetPericardium
from heartsim.procedures.edit import Edit
from heartsim.procedures.operation import Operation, Parameter, Value, number

_LIMITS: Final = (
    "0D hearts only: the walls of a mesh have springs, see [support]; one sac for all chambers, "
    "the same everywhere; no breathing, so the ventricles' discordance does not show"
)


def _sac(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    names = ("pressure", "stiffening", "unstressed")
    return (SetPericardium(*(number(values, name) for name in names)),)


pericardial_constriction: Final = Operation(
    name="pericardial_constriction",
    title="Constrictive pericarditis",
    kind="condition",
    indication="disease of the baseline patient",
    changes="sac around the four chambers, p = pressure (exp(stiffening (V - unstressed)) - 1)",
    parameters={
        "pressure": Parameter("scale", "1 mmHg", "pressure", ("0.1 mmHg", "20 mmHg")),
        "stiffening": Parameter(
            "exponential rate",
            "0.03 /mL",
            "per volume",
            ("0.001 /mL", "0.2 /mL"),
            ("0.01 /mL", "0.1 /mL"),
        ),
        "unstressed": Parameter(
            "blood in the heart at which it begins to press",
            "185 mL",
            "volume",
            ("50 mL", "800 mL"),
            ("100 mL", "400 mL"),
        ),
    },
    limits=_LIMITS,
    expected="end-diastolic pressures of 17 (right) and 20 mmHg (left), within 5 of each other; "
    "cardiac index 1.8 to 2.4 L/min/m2",
    source="six patients catheterized around pericardiectomy; sac: Smith 2004 "
    "(doi:10.1016/j.medengphy.2003.10.001)",
    build=_sac,
)

pericardiectomy: Final = Operation(
    name="pericardiectomy",
    title="Pericardiectomy",
    kind="operation",
    indication="constrictive pericarditis",
    changes="the sac presses less, or no more",
    parameters={
        "pressure": Parameter(
            "scale of what is left; 0 is complete", "0 mmHg", "pressure", ("0 mmHg", "20 mmHg")
        ),
        "stiffening": Parameter(
            "exponential rate of what is left", "0.01 /mL", "per volume", ("0.001 /mL", "0.2 /mL")
        ),
        "unstressed": Parameter(
            "blood in the heart at which what is left begins to press",
            "400 mL",
            "volume",
            ("50 mL", "800 mL"),
        ),
    },
    limits=f"{_LIMITS}; the fall is immediate here, but in six patients it was not: right 17 and "
    "left 20 mmHg did not change in theater and were normal 2 to 5 months later",
    expected="diastolic pressures normal after 2 to 5 months",
    source="six patients catheterized around pericardiectomy",
    build=_sac,
)

SAC: Final = (pericardial_constriction, pericardiectomy)
"""Conditions and operations of the pericardium."""
