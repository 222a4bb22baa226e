"""Look shared by all figures: colors, type, and how a figure becomes SVG or PNG."""

import base64
import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from heartsim.files import write_file

CAVEAT: Final = "A research prediction of the acute state, not medical advice."

INK: Final = "#1f2933"
MUTED: Final = "#52606d"
RULE: Final = "#cbd2d9"
SCENARIOS: Final = ("#3e4c59", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#b8860b")
VENTRICLE, ARTERY, ATRIUM = "#1f2933", "#c81e1e", "#1d6fb8"

_SETTINGS: Final = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.dpi": 100,
}


@dataclass(frozen=True)
class Scalar:
    """A wall field that can be shown.

    Attributes
    ----------
    key : str
        Name in the snapshot files.
    label, unit : str
        As shown on the color bar.
    colors : str
        Matplotlib color map.
    scale : float
        Shown value over stored value.
    centered : bool
        Whether zero is the middle of the color range.
    """

    key: str
    label: str
    unit: str
    colors: str
    scale: float = 1.0
    centered: bool = False

    @property
    def short(self) -> str:
        """Label without its reference state."""
        return self.label.split(" from ")[0]

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label} [{self.unit}]"


SCALARS: Final = (
    Scalar("fiber_stress_kPa", "Fiber stress", "kPa", "viridis"),
    Scalar("fiber_strain", "Fiber strain from end-diastole", "%", "RdBu", 100.0, centered=True),
    Scalar("active_tension_kPa", "Active tension", "kPa", "magma"),
    Scalar("activation_time_ms", "Activation time", "ms", "plasma"),
)


def figure(width: float, height: float) -> Figure:
    """Empty figure of a size in inches that fits its axes in by itself."""
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.08, wspace=0.03, hspace=0.02)
    with settings():
        drawn = Figure(figsize=(width, height), facecolor="white")
        drawn.set_layout_engine(layout)
        FigureCanvasAgg(drawn)
    return drawn


def settings() -> AbstractContextManager[None]:
    """Context in which axes get the house settings."""
    return mpl.rc_context(_SETTINGS)


def color(position: int, inks: Sequence[str] = SCENARIOS) -> str:
    """Color of a scenario by its place; the baseline is gray."""
    if position == 0:
        return inks[0]
    return inks[1 + (position - 1) % (len(inks) - 1)]


def png(drawn: Figure, *, dpi: int = 200) -> bytes:
    """Figure as PNG bytes."""
    buffer = io.BytesIO()
    with settings():
        drawn.savefig(buffer, format="png", dpi=dpi, metadata={"Software": "heartsim"})
    return buffer.getvalue()


def save_png(drawn: Figure, path: str | Path, *, dpi: int = 200) -> None:
    """Write a figure as a PNG file, whole or not at all."""
    write_file(Path(path), png(drawn, dpi=dpi))


def minus(text: str) -> str:
    """Write a number with a true minus sign."""
    return text.replace("-", "−")


def data_uri(image: bytes) -> str:
    """PNG bytes as a data URI."""
    return "data:image/png;base64," + base64.b64encode(image).decode()


def numbers(values: object, length: int) -> np.ndarray:
    """List from a JSON file as floats, null as not a number; all such if it is no list."""
    if not isinstance(values, list) or len(values) != length:
        return np.full(length, np.nan)
    return np.array([np.nan if v is None else float(v) for v in values])


def limits(values: np.ndarray, *, centered: bool = False) -> tuple[float, float]:
    """Color range that covers 1 to 99 % of the values, around zero if `centered`."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return (-1.0, 1.0) if centered else (0.0, 1.0)
    low, high = (float(x) for x in np.percentile(finite, [1, 99]))
    if centered:
        top = max(abs(low), abs(high), 1e-9)
        return -top, top
    # a positive field has a few overshoots; its range starts at zero all the same
    low = 0.0 if -0.02 * high <= low < 0.5 * high else low
    return (low, high) if high > low else (low, low + 1.0)
