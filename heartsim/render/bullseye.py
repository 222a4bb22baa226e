"""Bull's-eye of the 17 AHA segments: base outside, apex in the middle, anterior at the top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from heartsim.render.style import MUTED, RULE, figure, limits, minus, nested, numbers, settings
from heartsim.result import Result

SEGMENTS: Final = 17


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
    Quantity("fiber_stress_ED_kPa", "Fiber stress, ED", "kPa", "viridis", 1),
    Quantity("fiber_stress_ES_kPa", "Fiber stress, ES", "kPa", "viridis"),
    Quantity("fiber_strain_ES_percent", "Fiber strain, ES", "%", "RdBu", 0, centered=True),
    Quantity("activation_time_ms", "Activation time", "ms", "plasma"),
)


def bullseye(
    values: Float[np.ndarray, " 17"],
    quantity: Quantity,
    value_range: tuple[float, float],
    *,
    title: str = "",
) -> Figure:
    """One bull's-eye with its color bar."""
    with settings():
        drawn = figure(2.9, 3.3, arranged=False)
        axes = drawn.add_axes((0.02, 0.16, 0.96, 0.76))
        scale = Normalize(*value_range)
        colors = mpl.colormaps[quantity.colors]
        draw_bullseye(axes, values, scale, colors, quantity.digits)
        drawn.suptitle(title or quantity.label, fontsize=10.5, weight="bold", y=0.985)
        bar = drawn.colorbar(
            ScalarMappable(scale, colors),
            cax=drawn.add_axes((0.14, 0.115, 0.6, 0.03)),
            orientation="horizontal",
        )
        bar.ax.text(1.05, 0.4, quantity.unit, transform=bar.ax.transAxes, fontsize=8.5, va="center")
        bar.ax.tick_params(labelsize=8)
        bar.outline.set_visible(False)
    return drawn


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


def draw_bullseye(
    axes: Axes,
    values: Float[np.ndarray, " 17"],
    scale: Normalize,
    colors: Colormap,
    digits: int,
) -> None:
    """Wedges of the segments with their values; absent segments stay white with a dash."""
    for segment, (inner, outer, start, stop) in enumerate(_layout()):
        value = values[segment]
        known = bool(np.isfinite(value))
        face = colors(scale(value)) if known else (1.0, 1.0, 1.0, 1.0)
        edge = "white" if known else RULE
        axes.add_patch(
            Wedge((0, 0), outer, start, stop, width=outer - inner, fc=face, ec=edge, lw=1.4)
        )
        middle = np.deg2rad((start + stop) / 2)
        radius = 0.0 if inner == 0 else (inner + outer) / 2
        text = minus(f"{value:.{digits}f}") if known else "–"
        axes.text(
            radius * np.cos(middle),
            radius * np.sin(middle),
            text,
            ha="center",
            va="center",
            fontsize=8.5,
            color=_readable(face),
        )
    for name, x, y, turn in (
        ("anterior", 0, 1.1, 0),
        ("inferior", 0, -1.1, 0),
        ("septal", -1.1, 0, 90),
        ("lateral", 1.1, 0, -90),
    ):
        axes.text(x, y, name, ha="center", va="center", rotation=turn, fontsize=8, color=MUTED)
    axes.set(xlim=(-1.18, 1.18), ylim=(-1.18, 1.18), aspect="equal")
    axes.axis("off")


def _layout() -> list[tuple[float, float, float, float]]:
    """Inner and outer radius, start and stop angle [deg] of segments 1 to 17.

    Seen from the apex: anterior at the top, septum on the left, numbers run counterclockwise.
    """
    basal = [(0.75, 1.0, 60.0 + 60 * i, 120.0 + 60 * i) for i in range(6)]
    middle = [(0.5, 0.75, start, stop) for _, _, start, stop in basal]
    apical = [(0.25, 0.5, 45.0 + 90 * i, 135.0 + 90 * i) for i in range(4)]
    return [*basal, *middle, *apical, (0.0, 0.25, 0.0, 360.0)]


def _readable(face: tuple[float, float, float, float]) -> str:
    """Black or white, whichever reads better on a color (relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in face[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.18 else "white"
