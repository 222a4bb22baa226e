"""What a verification problem hands back: rows of a table, and one figure."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from heartsim.verification.quadratic import Steps

Numbers = Float[np.ndarray, " k"]

UNMOVED: Final = 1e-9
"""A change so small is none: bands of a direction alone begin beyond it."""


@dataclass(frozen=True)
class Row:
    """One quantity of one problem.

    Attributes
    ----------
    name : str
        Name of the problem.
    quantity : str
        What is compared, such as ``"apex of the endocardium, z"``.
    computed : float
        Result of this installation.
    low, high : float
        Band in which it must lie.
    unit : str
        Unit of the three numbers; ``"-"`` for pure numbers.
    source : str
        Where the band comes from.
    dofs : int
        Unknowns of the finest mesh behind it; 0 where there is none.
    seconds : float
        Time of the whole problem, compiling included [s].
    """

    name: str
    quantity: str
    computed: float
    low: float
    high: float
    unit: str
    source: str
    dofs: int = 0
    seconds: float = math.nan

    @property
    def passed(self) -> bool:
        """Whether the computed value lies in the band."""
        return self.low <= self.computed <= self.high

    @property
    def judged(self) -> bool:
        """Whether it has a band; others are told only, unless they could not be computed."""
        return self._bounded or math.isnan(self.computed)

    @property
    def _bounded(self) -> bool:
        return math.isfinite(self.low) or math.isfinite(self.high)

    @property
    def verdict(self) -> str:
        """Pass, FAIL, or told."""
        if not self.judged:
            return "told"
        return "pass" if self.passed else "FAIL"

    def as_dict(self) -> dict[str, float | str | bool | None]:
        """Row as plain data; None for what is not finite, and for ``passed`` of rows only told."""
        plain = asdict(self) | {"passed": self.passed if self.judged else None}
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in plain.items()
        }

    @property
    def band(self) -> str:
        """Band as a reader writes it: one number, a bound or an interval."""
        if self.low == self.high:
            return f"{self.low:.9g}"
        if not self._bounded:
            return "–"
        if self.low == -math.inf:
            return "< 0" if self.high == -UNMOVED else f"≤ {self.high:.6g}"
        if self.high == math.inf:
            return "> 0" if self.low == UNMOVED else f"≥ {self.low:.6g}"
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        if half < 1e-4 * abs(middle):
            return f"{middle:.8g} ± {half:.1g}"
        return f"{self.low:.6g} … {self.high:.6g}"

    def __str__(self) -> str:
        unit = "" if self.unit == "-" else f" {self.unit}"
        value = f"{self.computed:.7g}{unit}"
        return f"{self.verdict}  {self.name:15} {self.quantity:46} {value:>18}   {self.band}"


class Line(NamedTuple):
    """One curve of a figure; ``style`` as in matplotlib, such as ``"k--"`` or ``"C0o"``."""

    x: Numbers
    y: Numbers
    label: str
    style: str


@dataclass(frozen=True)
class Figure:
    """Curves of one problem, for `heartsim.verification.drawing`.

    Attributes
    ----------
    title, x, y : str
        Title and axis labels, with units.
    lines : tuple of Line
        Curves.
    logarithmic : bool
        Whether both axes are logarithmic.
    beside : Figure or None
        A second pair of axes.
    """

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    logarithmic: bool = False
    beside: "Figure | None" = None


class Findings(NamedTuple):
    """What one problem found.

    Attributes
    ----------
    rows : tuple of Row
    figure : Figure
    newton : tuple of Steps
        Single steps of Newton's method near a solution, for each kind of equations that the
        problem solves; `quadratic` judges their order.
    """

    rows: tuple[Row, ...]
    figure: Figure
    newton: tuple[Steps, ...] = ()


@dataclass(frozen=True)
class Problem:
    """A published problem or analytic law that can be run.

    Attributes
    ----------
    name : str
        Name on the command line.
    title : str
        What it is about, in a few words.
    fast : bool
        Whether ``--fast`` runs it.
    run : function of fast
        Compute rows and figure; with ``fast`` on smaller meshes where there are some. Its
        docstring is the definition of the problem that the chapter prints.
    solves : bool
        Whether it solves nonlinear equations, whose Newton residuals it must then hand back.
    """

    name: str
    title: str
    fast: bool
    run: Callable[[bool], Findings]
    solves: bool = True


@dataclass(frozen=True)
class Reading:
    """Makes the rows of one problem, which share its name, source and size."""

    problem: str
    source: str
    dofs: int = 0

    def within(
        self, quantity: str, computed: float, expected: float, tolerance: float, unit: str = "-"
    ) -> Row:
        """Row whose band is a value ± a relative tolerance."""
        half = abs(expected) * tolerance
        return self.between(quantity, computed, expected - half, expected + half, unit)

    def at_most(self, quantity: str, computed: float, bound: float, unit: str = "-") -> Row:
        """Row of an error that must stay below a bound."""
        return self.between(quantity, computed, -math.inf, bound, unit)

    def at_least(self, quantity: str, computed: float, bound: float, unit: str = "-") -> Row:
        """Row of a quantity, such as an observed order, that must reach a bound."""
        return self.between(quantity, computed, bound, math.inf, unit)

    def reported(self, quantity: str, computed: float, unit: str = "-") -> Row:
        """Row without a band: told, not judged."""
        return self.between(quantity, computed, -math.inf, math.inf, unit)

    def between(
        self, quantity: str, computed: float, low: float, high: float, unit: str = "-"
    ) -> Row:
        """Row with a band of its own."""
        numbers = float(computed), float(low), float(high)
        return Row(self.problem, quantity, *numbers, unit, self.source, self.dofs)


def observed_order(sizes: Numbers, errors: Numbers) -> float:
    """Order k in error ~ size^k of the two finest meshes."""
    return float(np.log(errors[-1] / errors[-2]) / np.log(sizes[-1] / sizes[-2]))


def extrapolate(sizes: Numbers, values: Numbers, *, order: float = 2) -> float:
    """Value at size zero from the two finest meshes or steps, with an error of ``size^order``."""
    share = 1 / ((sizes[-2] / sizes[-1]) ** order - 1)
    return float(values[-1] + share * (values[-1] - values[-2]))
