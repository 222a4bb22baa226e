"""The catalogue: named conditions and operations, with doses, safe ranges and honest limits.

Ranges are hard stops; outside the usual range a run goes on with a caution. Predictions are acute
(the day after, no remodeling). A figure under ``expected`` is what a published series found, for
comparison; it is never put into the model. Entries stand where a surgeon would look for them:
`muscle`, `reshaping`, `restraint`, `conduction`, `valves`, `shunts`, `routes`, `assist`, `sac`,
`formulary`.
"""

from collections.abc import Mapping
from typing import Final

from heartsim.errors import ProcedureError, closest
from heartsim.procedures.assist import ASSIST
from heartsim.procedures.conduction import CONDUCTION
from heartsim.procedures.edit import Edit, Procedure
from heartsim.procedures.formulary import DRUGS
from heartsim.procedures.muscle import MUSCLE
from heartsim.procedures.operation import Operation, Parameter, Value, number
from heartsim.procedures.reshaping import RESHAPING
from heartsim.procedures.restraint import RESTRAINT
from heartsim.procedures.routes import ROUTES
from heartsim.procedures.sac import SAC
from heartsim.procedures.shunts import SHUNTS
from heartsim.procedures.state import SetRate, Turn
from heartsim.procedures.valves import VALVES

_STATE: Final = {
    "contractility": "strength",
    "relaxation": "relaxation",
    "systemic_resistance": "systemic_resistance",
    "pulmonary_resistance": "pulmonary_resistance",
    "stressed_volume": "stressed_volume",
}
"""Doses of ``state`` and the knobs they turn."""


def _state(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    return tuple(Turn(knob, number(values, name)) for name, knob in _STATE.items())


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
    build=lambda v: (SetRate(number(v, "heart_rate")),),
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

_WALL: Final = (*MUSCLE, *RESHAPING, *RESTRAINT, *CONDUCTION)
_BLOOD: Final = (*VALVES, *SHUNTS, *ROUTES, *ASSIST, *SAC)
_ALL: Final = (*_WALL, *_BLOOD, pacing_rate, state, *DRUGS)

CATALOGUE: Final[Mapping[str, Operation]] = {
    entry.name: entry for entry in sorted(_ALL, key=lambda entry: entry.kind)
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
