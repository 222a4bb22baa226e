"""Rows of a verification table: what was computed, what was published, and whether they agree."""

from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One quantity of one problem.

    Attributes
    ----------
    name : str
        Problem.
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
    """

    name: str
    quantity: str
    computed: float
    low: float
    high: float
    unit: str
    source: str

    @property
    def passed(self) -> bool:
        """Whether the computed value lies in the band."""
        return self.low <= self.computed <= self.high

    def as_dict(self) -> dict[str, float | str | bool]:
        """Row as plain data, with the verdict."""
        return {**asdict(self), "passed": self.passed}

    def __str__(self) -> str:
        verdict = "pass" if self.passed else "FAIL"
        values = f"{self.computed:12.6g}  [{self.low:.6g}, {self.high:.6g}] {self.unit}"
        return f"{verdict}  {self.name:24}  {self.quantity:38}  {values}  ({self.source})"


@dataclass(frozen=True)
class Problem:
    """A published problem or analytic law that can be run.

    Attributes
    ----------
    name : str
        Name on the command line.
    fast : bool
        Whether it takes seconds rather than minutes.
    run : function of fast
        Compute its rows; with ``fast`` on a smaller mesh where there is one.
    """

    name: str
    fast: bool
    run: Callable[[bool], list[Row]]


def within(
    problem: str,
    quantity: str,
    computed: float,
    expected: float,
    tolerance: float,
    *,
    unit: str,
    source: str,
) -> Row:
    """Row whose band is a value ± a relative tolerance."""
    half = abs(expected) * tolerance
    return Row(problem, quantity, float(computed), expected - half, expected + half, unit, source)
