"""One published effect, and the words in which sources give bands."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from heartsim.verification.table import UNMOVED

Compute = Callable[[], float]
Change = Callable[[float, float], float]

INF: Final = math.inf

FALLS: Final = (-INF, -UNMOVED)
RISES: Final = (UNMOVED, INF)
"""Bands of sources that give a direction only, or that are of another disease or dose."""

SAME: Final = (-5.0, 5.0)
"""Band of what a source calls unchanged [%] (our reading)."""


class Effect(NamedTuple):
    """One published effect: how to compute it, and the band of its source."""

    operation: str
    quantity: str
    compute: Compute
    band: tuple[float, float]
    unit: str
    source: str


def effects(
    changes: Iterable[tuple[str, str, Change, tuple[float, float], str, str]],
    computed: Callable[[str, str, Change], float],
) -> tuple[Effect, ...]:
    """Effects of changes: operation, index, kind of change, band, unit and source of each."""
    return tuple(
        Effect(operation, key, partial(computed, operation, key, change), band, unit, source)
        for operation, key, change, band, unit, source in changes
    )


def near(number: float) -> tuple[float, float]:
    """Band around a source's single number: half to one and a half times (our choice)."""
    low, high = sorted((0.5 * number, 1.5 * number))
    return low, high


def percent(before: float, after: float) -> float:
    """Relative change [%]."""
    return 100.0 * (after / before - 1.0)


def difference(before: float, after: float) -> float:
    """Change."""
    return after - before
