"""Contact sheet: small pictures of many hearts, side by side."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from matplotlib.image import imread

from heartsim.render.style import figure, settings

COLUMNS: Final = 4
"""Pictures in a row."""

_WIDE, _HIGH = 3.1, 2.5
_LINE: Final = 44


def sheet(pictures: Sequence[tuple[str, Path]]) -> Figure:
    """Pictures in rows of `COLUMNS`, each under its label.

    Parameters
    ----------
    pictures : sequence of (label, Path)
        PNG files of about the same shape; at least one.
    """
    rows = math.ceil(len(pictures) / COLUMNS)
    drawn = figure(COLUMNS * _WIDE, rows * _HIGH)
    with settings():
        panels = drawn.subplots(rows, COLUMNS, squeeze=False).ravel()
        for panel in panels:
            panel.axis("off")
        for panel, (label, path) in zip(panels, pictures, strict=False):
            panel.imshow(imread(path), interpolation="antialiased")
            panel.set_title(label if len(label) <= _LINE else f"{label[: _LINE - 1]}…", fontsize=8)
    return drawn
