"""Figures of the verification problems."""

from pathlib import Path

from heartsim.verification.table import Figure


def draw(figure: Figure, path: Path) -> None:
    """Draw the curves of one problem into a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6.4, 4.0), dpi=100, layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.add_subplot()
    for line in figure.lines:
        axes.plot(line.x, line.y, line.style, label=line.label or "_", markersize=4)
    if figure.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_title(figure.title, fontsize=11)
    axes.set_xlabel(figure.x)
    axes.set_ylabel(figure.y)
    axes.grid(visible=True, alpha=0.3)
    if any(line.label for line in figure.lines):
        axes.legend(fontsize=8)
    # without the time of drawing, so that the same result is the same file
    canvas.savefig(path, metadata={"Software": None})
