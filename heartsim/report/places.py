"""Table of the fiber stress in the marked parts of the wall."""

import math
from collections.abc import Sequence

from heartsim.compare import MOMENTS, Comparison, places
from heartsim.render import page, style
from heartsim.result import Result


def stress(
    results: Sequence[Result], names: Sequence[str], comparison: Comparison | None
) -> list[str]:
    """Tabulate medians of the same muscle in every scenario; nothing where none is marked."""
    found = places(results) if comparison is None else comparison.places
    if not found:
        return []
    rows = {
        f"{place.name}, {words}, {place.volume:.0f} mL": _cells(place.stress[moment])
        for moment, words in MOMENTS.items()
        for place in found
    }
    told = (
        "Medians over the same muscle in every scenario, whether or not it is marked there; where "
        "the wall was cut, over what is marked in it. In parentheses the change from the first."
    )
    return [
        "<h3>Fiber stress where the wall is marked [kPa]</h3>",
        page.columns(names, rows),
        f'<p class="note">{told}</p>' if len(results) > 1 else "",
    ]


def _cells(values: Sequence[float]) -> list[str]:
    first, *others = values
    return [_number(first), *(_with_change(first, other) for other in others)]


def _number(stress: float) -> str:
    return style.minus(f"{stress:.1f}") if math.isfinite(stress) else "–"


def _with_change(first: float, other: float) -> str:
    change = other - first
    return _number(other) + (f" ({style.minus(f'{change:+.1f}')})" if math.isfinite(change) else "")
