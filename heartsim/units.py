"""Units of measurement: mm, ms, mg, kPa inside; everything else at the edge.

The internal system is coherent with no factors: force mN (kPa mm²), energy µJ (kPa mm³), power
mW, density 1.06 mg/mm³ (= g/mL) and mm³/ms is exactly mL/s. A physical literal is multiplied by
its unit (``12 * mmHg``); a number that leaves is divided by it (``p / mmHg``).
"""

import math
import re
import reprlib
from typing import Final

from heartsim.errors import UnitError, closest

mm: Final = 1.0
cm: Final = 10.0
m: Final = 1000.0
um: Final = 1e-3
ms: Final = 1.0
s: Final = 1000.0
minute: Final = 60000.0
hour: Final = 3.6e6
day: Final = 8.64e7
mg: Final = 1.0
g: Final = 1000.0
ug: Final = 1e-3
kg: Final = 1e6
kPa: Final = 1.0
Pa: Final = 1e-3
MPa: Final = 1000.0
mmHg: Final = 0.133322387415
cmH2O: Final = 0.0980665
mL: Final = 1000.0
L: Final = 1e6
uL: Final = 1.0
mN: Final = 1.0
N: Final = 1000.0
uJ: Final = 1.0
mJ: Final = 1e3
J: Final = 1e6
mW: Final = 1.0
W: Final = 1000.0
deg: Final = math.pi / 180.0
rad: Final = 1.0
wood: Final = mmHg * minute / L

BLOOD_DENSITY: Final = 1.06
"""Density of blood and muscle [mg/mm³]."""

_SYMBOLS: Final = {
    "length": {"mm": mm, "cm": cm, "m": m, "um": um},
    "area": {"mm2": mm**2, "cm2": cm**2, "m2": m**2, "mm²": mm**2, "cm²": cm**2, "m²": m**2},
    "volume": {"mL": mL, "ml": mL, "L": L, "uL": uL, "mm3": mm**3, "cm3": cm**3},
    "mass": {"g": g, "kg": kg, "mg": mg},
    "time": {"ms": ms, "s": s, "min": minute, "h": hour, "day": day},
    "frequency": {
        "/min": 1 / minute,
        "1/min": 1 / minute,
        "bpm": 1 / minute,
        "rpm": 1 / minute,
        "Hz": 1 / s,
    },
    "pressure": {"kPa": kPa, "Pa": Pa, "MPa": MPa, "mmHg": mmHg, "cmH2O": cmH2O},
    "stiffness": {"N/mm": N / mm, "mN/mm": 1.0, "N/m": N / m},
    "angle": {"deg": deg, "°": deg, "rad": rad},
    "flow": {"mL/s": mL / s, "L/min": L / minute, "mm3/ms": 1.0},
    "resistance": {
        "mmHg s/mL": mmHg * s / mL,
        "mmHg*s/mL": mmHg * s / mL,
        "WU": wood,
        "kPa ms/mm3": 1.0,
    },
    "compliance": {"mL/mmHg": mL / mmHg, "mm3/kPa": 1.0},
    "inertance": {"mmHg s2/mL": mmHg * s**2 / mL, "mmHg*s2/mL": mmHg * s**2 / mL},
    "elastance": {"mmHg/mL": mmHg / mL, "kPa/mm3": 1.0},
    "per volume": {"/mL": 1 / mL, "1/mL": 1 / mL},
    "stiffness per area": {"kPa/mm": 1.0, "Pa/m": Pa / m},
    "damping per area": {"kPa ms/mm": 1.0, "kPa*ms/mm": 1.0, "kPa s/mm": s, "kPa*s/mm": s},
    "viscosity": {"kPa ms": 1.0, "Pa s": Pa * s},
    "speed": {"mm/ms": 1.0, "m/s": 1.0, "cm/s": cm / s},
    "infusion": {"ug/kg/min": ug / kg / minute, "mcg/kg/min": ug / kg / minute},
    "dose rate": {"ug/min": ug / minute, "mcg/min": ug / minute, "mg/day": mg / day},
    "dose per area": {"mg/m2": mg / m**2},
    "number": {"": 1.0, "%": 0.01},
}

_NUMBER: Final = r"[+-]?(?:\d{1,12}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,2})?"
_QUANTITY: Final = re.compile(rf"\s*({_NUMBER})\s*(\S.*?)?\s*")


def parse(text: object, dimension: str) -> float:
    """Read a quantity with its unit, such as ``"12 mmHg"``.

    Parameters
    ----------
    text : str
        Number and unit. A bare number is refused, except for the dimension ``"number"``.
    dimension : str
        What is expected: ``"pressure"``, ``"length"``, ``"volume"``, …

    Returns
    -------
    float
        Value in internal units (mm, ms, mg, kPa).

    Raises
    ------
    UnitError
        If the unit is absent, unknown or of another dimension, or the number is not finite.
    """
    table = _SYMBOLS[dimension]
    if isinstance(text, int | float) and not isinstance(text, bool) and math.isfinite(text):
        if dimension == "number":
            return float(text)
        raise UnitError(f"{text} has no unit. Write {_example(str(text), dimension)}.")
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) and len(text) <= 64 else None
    if match is None:
        shown = reprlib.repr(text)
        raise UnitError(
            f"{shown} is not a quantity. Write for instance {_example('1', dimension)}."
        )
    number, symbol = float(match.group(1)), match.group(2) or ""
    if symbol not in table:
        raise UnitError(_wrong_unit(match.group(0).strip(), symbol, dimension))
    return number * table[symbol]


def split(text: str | float) -> tuple[float, str]:
    """Number and unit symbol of a quantity of any dimension; ``""`` for a bare number.

    Raises
    ------
    UnitError
        If it is not a quantity, or its unit is unknown.
    """
    match = _QUANTITY.fullmatch(str(text)) if len(str(text)) <= 64 else None
    if match is None:
        raise UnitError(f'{reprlib.repr(text)} is not a quantity. Write for instance "12 mmHg".')
    symbol = match.group(2) or ""
    dimension_of(symbol)
    return float(match.group(1)), symbol


def dimension_of(symbol: str) -> str:
    """Dimension that a unit symbol belongs to.

    Raises
    ------
    UnitError
        If the symbol is unknown.
    """
    for dimension, table in _SYMBOLS.items():
        if symbol in table:
            return dimension
    known = {name for table in _SYMBOLS.values() for name in table if name}
    raise UnitError(f"unknown unit {symbol!r}.{closest(symbol, known)}")


def _example(number: str, dimension: str) -> str:
    """Spelling of a quantity that would be accepted, such as ``"12 mm" (length)``."""
    symbol = next(iter(_SYMBOLS[dimension]))
    return f'"{number} {symbol}" ({dimension})' if symbol else f"{number} ({dimension})"


def _wrong_unit(text: str, symbol: str, dimension: str) -> str:
    """Sentence that says what is wrong with a unit and what to write instead."""
    table = _SYMBOLS[dimension]
    if not symbol:
        return f'"{text}" has no unit. Write {_example(text, dimension)}.'
    accepted = ", ".join(repr(name) for name in table if name)
    for other, symbols in _SYMBOLS.items():
        if symbol in symbols:
            return (
                f'"{text}" has the unit of {other}, but {dimension} is due here. '
                f"Units of {dimension}: {accepted}."
            )
    return (
        f'"{text}": unknown unit {symbol!r}. Units of {dimension}: {accepted}.'
        f"{closest(symbol, table)}"
    )


def dimensions() -> tuple[str, ...]:
    """Return the names of the dimensions that `parse` knows."""
    return tuple(_SYMBOLS)


def symbols(dimension: str) -> tuple[str, ...]:
    """Return the unit symbols accepted for one dimension."""
    return tuple(_SYMBOLS[dimension])
