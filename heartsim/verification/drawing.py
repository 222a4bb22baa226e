"""Figures of the verification problems."""

from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from heartsim.verification.table import Figure

MOST_INSIDE: Final = 5
"""Names that a legend among the curves has at most: more cover them, and stand beside."""


def draw(figure: Figure, path: Path) -> None:
    """Draw the curves of one problem into a PNG file."""
    parts = [figure] if figure.beside is None else [figure, figure.beside]
    canvas = Canvas(figsize=(6.4 if len(parts) == 1 else 9.6, 4.0), dpi=100, layout="constrained")
    FigureCanvasAgg(canvas)
    for place, part in enumerate(parts):
        _draw_on(canvas.add_subplot(1, len(parts), place + 1), part)
    # without the time of drawing, so that the same result is the same file
    canvas.savefig(path, metadata={"Software": None})


def _draw_on(axes: Axes, figure: Figure) -> None:
    for line in figure.lines:
        axes.plot(line.x, line.y, line.style, label=line.label or "_", markersize=4)
    if figure.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_title(figure.title, fontsize=11)
    axes.set_xlabel(figure.x)
    axes.set_ylabel(figure.y)
    axes.grid(visible=True, alpha=0.3)
    named = sum(bool(line.label) for line in figure.lines)
    if named > MOST_INSIDE:
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    elif named:
        axes.legend(fontsize=8)
