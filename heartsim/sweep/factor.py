"""A factor of a study: one key of the scenario, and the values or the distribution it takes."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from scipy import stats

from heartsim.errors import ScenarioError, UnitError, closest
from heartsim.units import dimension_of, parse, split

DIGITS: Final = 10
"""Significant digits of a value: what is run is exactly what the table says."""

_KINDS: Final = {
    "uniform": frozenset({"from", "to"}),
    "normal": frozenset({"mean", "sd"}),
    "lognormal": frozenset({"median", "factor"}),
}
WORDS: Final = ("from", "to", "count", "mean", "sd", "median", "factor")
"""Keys that a factor may have."""

_FORMS: Final = (
    '["60 /min", "80 /min"]; { from = "60 /min", to = "80 /min", count = 5 }; '
    '{ from = "60 /min", to = "80 /min" }; { mean = "70 /min", sd = "8 /min" } or '
    '{ median = "70 /min", factor = 1.2 }, both with from and to as bounds if wanted'
)


@dataclass(frozen=True)
class Factor:
    """One key that varies.

    Attributes
    ----------
    key : str
        Dotted key of the scenario, such as ``"circulation.heart_rate"``.
    unit : str
        Unit of its numbers, as the study writes it; empty for words and bare numbers.
    levels : tuple
        Values of a grid, as a scenario file writes them; empty for a distribution.
    shown : tuple
        The same for the table: numbers in `unit`, or words.
    kind : str
        ``"uniform"``, ``"normal"``, ``"lognormal"``, or empty for levels only.
    center, spread : float
        Mean and standard deviation, or median and geometric standard deviation.
    low, high : float
        Bounds; infinite if open.
    """

    key: str
    unit: str = ""
    levels: tuple[object, ...] = ()
    shown: tuple[float | str, ...] = ()
    kind: str = ""
    center: float = 0.0
    spread: float = 0.0
    low: float = -np.inf
    high: float = np.inf

    @property
    def column(self) -> str:
        """Name in the table: the key and its unit, told apart from an index of that name."""
        key = f"input.{self.key}"
        return f"{key}_{unit_word(self.unit)}" if self.unit else key

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return bool(self.kind) or all(isinstance(value, float) for value in self.shown)

    def spelled(self, number: float) -> str | float:
        """Number as a scenario file writes it."""
        return f"{number:.{DIGITS}g} {self.unit}" if self.unit else number

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        """Values below which the distribution, cut at its bounds, lies with a probability.

        Parameters
        ----------
        probability : (n,)
            Between 0 and 1.

        Returns
        -------
        (n,)
            In `unit`, rounded to `DIGITS` digits.
        """
        if self.kind == "uniform":
            values = self.low + (self.high - self.low) * probability
        else:
            law = (
                stats.norm(self.center, self.spread)
                if self.kind == "normal"
                else stats.lognorm(np.log(self.spread), scale=self.center)
            )
            below, above = law.cdf(self.low), law.cdf(self.high)
            # the bounds again, because the tails of cdf and ppf round
            values = np.clip(law.ppf(below + (above - below) * probability), self.low, self.high)
        return np.array([rounded(value) for value in values])


def rounded(value: float) -> float:
    """Number with as many digits as the table shows."""
    return float(f"{value:.{DIGITS}g}")


def unit_word(unit: str) -> str:
    """Unit as a part of a column name: ``"mmHg s/mL"`` becomes ``mmHg_s_per_mL``."""
    word = unit.replace("1/", "/") if unit.startswith("1/") else unit
    for sign, name in (("%", "percent"), ("°", "deg"), ("²", "2"), ("/", "_per_")):
        word = word.replace(sign, name)
    return re.sub(r"[\s*]+", "_", word).strip("_")


def read_factor(key: str, entry: object) -> Factor:
    """Factor from its entry in the study.

    Raises
    ------
    ScenarioError
        If it is none of the known forms; the message says what was found and what to write.
    """
    if isinstance(entry, Sequence) and not isinstance(entry, str):
        return _listed(key, entry)
    if not isinstance(entry, Mapping):
        raise ScenarioError(f"{entry!r} does not vary. Write one of: {_FORMS}.")
    for name in entry:
        if name not in WORDS:
            near = closest(name, WORDS)
            raise ScenarioError(f"{name}: unknown. Known here: {', '.join(WORDS)}.{near}")
    if "count" in entry:
        return _range(key, entry)
    stated = entry.keys()
    law = next((kind for kind in ("normal", "lognormal") if stated & _KINDS[kind]), "uniform")
    foreign = stated - _KINDS[law] - _KINDS["uniform"]
    if foreign or not _KINDS[law] <= stated:
        raise ScenarioError(f"{', '.join(stated)} do not make a distribution. Write: {_FORMS}.")
    return _distribution(key, entry, law)


def _listed(key: str, entry: Sequence[object]) -> Factor:
    """Factor of listed values: quantities, numbers, words or whole lists of procedures."""
    if len(entry) < 1:
        raise ScenarioError("an empty list. Name at least one value.")
    numbers = [_quantity(value) for value in entry]
    unit = numbers[0][1] if numbers[0] else ""
    shown: list[float | str] = []
    for value, found in zip(entry, numbers, strict=True):
        if found is None or None in numbers:
            shown.append(_worded(value))
        else:
            shown.append(_in_unit(found, unit))
    repeated = [value for value in entry if list(entry).count(value) > 1]
    if repeated:
        raise ScenarioError(f"{repeated[0]!r} stands there twice. Each value is run once.")
    return Factor(key, "" if None in numbers else unit, tuple(entry), tuple(shown))


def _worded(value: object) -> str:
    """Words for a value that is not a quantity; procedures as their names and doses."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(one, Mapping) for one in value):
        return " + ".join(" ".join(map(str, _flat(one))) for one in value) or "none"
    return json.dumps(value, sort_keys=True)


def _flat(procedure: Mapping[str, object]) -> list[object]:
    """Name of a procedure, then each parameter and its value."""
    doses = [(name, dose) for name, dose in procedure.items() if name != "name"]
    return [procedure.get("name", ""), *(word for pair in doses for word in pair)]


def _range(key: str, entry: Mapping[str, object]) -> Factor:
    """Factor of evenly spaced values, both ends included."""
    if entry.keys() != {"from", "to", "count"}:
        raise ScenarioError(f"{', '.join(entry)} do not make a range. Write: {_FORMS}.")
    count = entry["count"]
    if not isinstance(count, int) or isinstance(count, bool) or not 2 <= count <= 100_000:
        raise ScenarioError(f"count = {count!r} is not accepted. Write a whole number from 2.")
    (low, high), unit = _numbers(entry, ("from", "to"))
    if not low < high:
        raise ScenarioError(f"from {low:g} to {high:g} {unit} is empty. Put the smaller one first.")
    shown = tuple(rounded(value) for value in np.linspace(low, high, count))
    bare = Factor(key, unit)
    return Factor(key, unit, tuple(bare.spelled(value) for value in shown), shown)


def _distribution(key: str, entry: Mapping[str, object], law: str) -> Factor:
    """Factor that is drawn from a distribution."""
    bounds = tuple(name for name in ("from", "to") if name in entry)
    center, spread = {"normal": ("mean", "sd"), "lognormal": ("median", "")}.get(law, ("", ""))
    names = tuple(filter(None, (center, spread, *bounds)))
    values, unit = _numbers(entry, names)
    stated = dict(zip(names, values, strict=True))
    width = stated.get("sd", 1.0)
    if law == "lognormal":
        factor = _quantity(entry["factor"])
        if factor is None or factor[1] or not factor[0] > 1:
            raise ScenarioError(
                f"factor = {entry['factor']!r} is not accepted. It is the geometric standard "
                "deviation, a bare number above 1: 68 % lie within median / factor and "
                "median × factor."
            )
        width = factor[0]
    low, high = stated.get("from", -np.inf), stated.get("to", np.inf)
    if not low < high:
        raise ScenarioError(f"from {low:g} to {high:g} {unit} is empty. Put the smaller one first.")
    if not width > 0:
        raise ScenarioError(f"sd = {entry['sd']!r} is not accepted. It must be above zero.")
    if law == "lognormal" and not (stated["median"] > 0 and high > 0):
        raise ScenarioError("a lognormal value is above zero. Write a positive median and bounds.")
    return Factor(key, unit, (), (), law, stated.get(center, 0.0), width, low, high)


def _numbers(entry: Mapping[str, object], names: Sequence[str]) -> tuple[list[float], str]:
    """Values at some names in the unit of the first, and that unit."""
    found = []
    for name in names:
        quantity = _quantity(entry[name])
        if quantity is None:
            raise ScenarioError(f'{name} = {entry[name]!r} is not a quantity. Write "12 mmHg".')
        found.append(quantity)
    for (_, unit), (_, other) in pairwise(found):
        if bool(unit) != bool(other):
            raise ScenarioError(
                f"{' and '.join(names)}: some with a unit, some without. Write it with each."
            )
    unit = found[0][1]
    return [_in_unit(quantity, unit) for quantity in found], unit


def _quantity(value: object) -> tuple[float, str] | None:
    """Number and unit of a value; None if it is not a quantity."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return split(value)
    except UnitError:
        return None


def _in_unit(quantity: tuple[float, str], unit: str) -> float:
    """Number of a quantity in another unit of its dimension."""
    number, own = quantity
    if own == unit:
        return float(number)
    dimension = dimension_of(unit)
    try:
        scale = parse(f"1 {own}".strip(), dimension) / parse(f"1 {unit}".strip(), dimension)
    except UnitError as error:
        raise ScenarioError(str(error)) from None
    return rounded(number * scale)
