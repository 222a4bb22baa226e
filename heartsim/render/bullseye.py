"""Bull's-eye of the 17 AHA segments: base outside, apex in the middle, anterior at the top."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.colors import Normalize, to_hex

from heartsim.indices.catalogue import nested
from heartsim.render.style import RULE, limits, minus, numbers
from heartsim.result import Result

SEGMENTS: Final = 17
_AROUND: Final = (
    "anterior",
    "anteroseptal",
    "inferoseptal",
    "inferior",
    "inferolateral",
    "anterolateral",
)
NAMES: Final = (
    *(f"basal {side}" for side in _AROUND),
    *(f"mid {side}" for side in _AROUND),
    *(f"apical {side}" for side in ("anterior", "septal", "inferior", "lateral")),
    "apex",
)
"""Names of segments 1 to 17."""


@dataclass(frozen=True)
class Quantity:
    """A segment value of ``indices.json`` under ``wall``.

    Attributes
    ----------
    key, label, unit, colors : str
        Entry, title, unit and color map.
    digits : int
        Decimals shown.
    centered : bool
        Whether zero is the middle of the color range.
    """

    key: str
    label: str
    unit: str
    colors: str
    digits: int = 0
    centered: bool = False

    def values(self, result: Result) -> Float[np.ndarray, " 17"]:
        """Segment values of a result; not a number where a segment is absent."""
        return numbers(nested(result.indices, "wall", self.key, "aha17"), SEGMENTS)


QUANTITIES: Final = (
    Quantity("fiber_stress_ED_kPa", "Fiber stress, end-diastole", "kPa", "viridis", 1),
    Quantity("fiber_stress_ES_kPa", "Fiber stress, end-systole", "kPa", "viridis"),
    Quantity("fiber_strain_ES_percent", "Fiber strain, end-systole", "%", "RdBu", 0, centered=True),
    Quantity("activation_time_ms", "Activation time", "ms", "plasma"),
)


def shared_range(results: Sequence[Result], quantity: Quantity) -> tuple[float, float]:
    """Color range that fits the segments of all results."""
    values = np.concatenate([quantity.values(result) for result in results])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return limits(values, centered=quantity.centered)
    if quantity.centered:
        top = max(float(np.abs(finite).max()), 1e-9)
        return -top, top
    low, high = float(finite.min()), float(finite.max())
    low = 0.0 if 0 <= low < 0.5 * high else low
    return (low, high) if high > low else (low, low + 1.0)


def bullseye_svg(
    values: Float[np.ndarray, " 17"],
    quantity: Quantity,
    value_range: tuple[float, float],
    label: str,
) -> str:
    """One bull's-eye as an SVG element whose segments tell their name and value."""
    scale, colors = Normalize(*value_range), mpl.colormaps[quantity.colors]
    pieces = []
    for segment, (inner, outer, start, stop) in enumerate(layout()):
        value = float(values[segment])
        known = bool(np.isfinite(value))
        face = colors(scale(value)) if known else (1.0, 1.0, 1.0, 1.0)
        text = minus(f"{value:.{quantity.digits}f}") if known else "–"
        said = f"{text} {quantity.unit}" if known else "no wall here"
        middle, radius = np.deg2rad((start + stop) / 2), 0.0 if inner == 0 else (inner + outer) / 2
        x, y = 100 * radius * np.cos(middle), -100 * radius * np.sin(middle)
        pieces.append(
            f"<g><title>{segment + 1} {NAMES[segment]}: {said}</title>"
            f'<path d="{_wedge(inner, outer, start, stop)}" fill="{to_hex(face)}" '
            f'stroke="{"#fff" if known else RULE}" stroke-width="1.4"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}" fill="{readable(face)}">{text}</text></g>'
        )
    sides = "".join(
        f'<text class="side" transform="translate({x},{y}) rotate({turn})">{name}</text>'
        for name, x, y, turn in (
            ("anterior", 0, -104, 0),
            ("inferior", 0, 111, 0),
            ("septal", -104, 0, -90),
            ("lateral", 104, 0, 90),
        )
    )
    return (
        f'<svg class="eye" viewBox="-116 -116 232 232" role="img" '
        f'aria-label="{escape(label, quote=True)}, 17 segments">{"".join(pieces)}{sides}</svg>'
    )


def ramp(quantity: Quantity, value_range: tuple[float, float]) -> tuple[list[str], list[str]]:
    """Colors along the color bar of a quantity, and the texts below its ends and middle."""
    stops = [to_hex(mpl.colormaps[quantity.colors](x)) for x in np.linspace(0, 1, 17)]
    low, high = value_range
    texts = [minus(f"{x:.{quantity.digits}f}") for x in (low, (low + high) / 2, high)]
    texts[2] += f" {quantity.unit}"
    return stops, texts


def layout() -> list[tuple[float, float, float, float]]:
    """Inner and outer radius, start and stop angle [deg] of segments 1 to 17.

    Seen from the apex: anterior at the top, septum on the left, numbers run counterclockwise.
    """
    basal = [(0.75, 1.0, 60.0 + 60 * i, 120.0 + 60 * i) for i in range(6)]
    middle = [(0.5, 0.75, start, stop) for _, _, start, stop in basal]
    apical = [(0.25, 0.5, 45.0 + 90 * i, 135.0 + 90 * i) for i in range(4)]
    return [*basal, *middle, *apical, (0.0, 0.25, 0.0, 360.0)]


def _wedge(inner: float, outer: float, start: float, stop: float) -> str:
    """Path of one segment in an SVG whose outer radius is 100."""
    if inner == 0:
        return f"M{100 * outer:g},0A{100 * outer:g},{100 * outer:g} 0 1 0 {-100 * outer:g},0" + (
            f"A{100 * outer:g},{100 * outer:g} 0 1 0 {100 * outer:g},0Z"
        )
    a, b = np.deg2rad([start, stop])
    ends = [
        f"{100 * r * np.cos(t):.2f},{-100 * r * np.sin(t):.2f}"
        for r, t in ((outer, a), (outer, b), (inner, b), (inner, a))
    ]
    out, back = (f"{100 * r:g},{100 * r:g} 0 0" for r in (outer, inner))
    return f"M{ends[0]}A{out} 0 {ends[1]}L{ends[2]}A{back} 1 {ends[3]}Z"


def readable(face: tuple[float, float, float, float]) -> str:
    """Black or white, whichever reads better on a color (relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in face[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.18 else "white"
