"""Figures of a sweep: how an index answers to each factor, and how much each factor matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from heartsim.render.style import INK, MUTED, SCENARIOS, figure, settings

_BINS: Final = 6
_LONGEST: Final = 22
_POINT, _LINE = SCENARIOS[2], SCENARIOS[1]


@dataclass(frozen=True)
class Column:
    """A column of a table and how it is labeled.

    Attributes
    ----------
    name : str
        In the table.
    label : str
        On an axis, with its unit.
    """

    name: str
    label: str


def responses(table: pd.DataFrame, factors: Sequence[Column], outputs: Sequence[Column]) -> Figure:
    """Every output (rows) against every factor (columns): cases and their mean."""
    wide, high = len(factors), len(outputs)
    drawn = figure(max(2.15 * wide + 0.6, 5.0), 1.75 * high + 0.5)
    with settings():
        panels = drawn.subplots(high, wide, squeeze=False, sharey="row", sharex="col")
        for row, output in zip(panels, outputs, strict=True):
            for axes, factor in zip(row, factors, strict=True):
                _panel(axes, table[factor.name], table[output.name].to_numpy(float))
            row[0].set_ylabel(_folded(output.label), fontsize=8.5)
        for axes, factor in zip(panels[-1], factors, strict=True):
            axes.set_xlabel(_folded(factor.label), fontsize=8.5)
    return drawn


def _panel(axes: Axes, inputs: pd.Series, values: Float[np.ndarray, " cases"]) -> None:
    """One output against one factor."""
    words = not pd.api.types.is_numeric_dtype(inputs)
    codes, names = pd.factorize(inputs)
    x = codes.astype(float) if words else inputs.to_numpy(float)
    axes.plot(x, values, "o", ms=3, color=_POINT, alpha=0.45, mew=0)
    crowded = words and len(names) > _BINS
    if not crowded:  # words have no neighbors to be averaged with
        places, means = _means(x, values)
        axes.plot(places, means, "-o", ms=3.5, color=_LINE, lw=1.6)
    if words:
        shown = [str(name)[:_LONGEST] for name in names]
        axes.set_xticks(range(len(names)), shown, fontsize=7, rotation=90 if crowded else 0)
        axes.set_xlim(-0.5, len(names) - 0.5)
    axes.tick_params(labelsize=8)


def _means(
    x: Float[np.ndarray, " cases"], values: Float[np.ndarray, " cases"]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean value at each level of a factor, or in equally filled bins where levels are many."""
    known = np.isfinite(values)
    x, values = x[known], values[known]
    levels = np.unique(x)
    if not len(x):
        return x, values
    if len(levels) <= _BINS:
        return levels, np.array([values[x == level].mean() for level in levels])
    order = np.array_split(np.argsort(x, kind="stable"), _BINS)
    return np.array([x[bin_].mean() for bin_ in order]), np.array(
        [values[bin_].mean() for bin_ in order]
    )


def importance(
    effects: pd.DataFrame, factors: Sequence[Column], outputs: Sequence[Column]
) -> Figure:
    """Sensitivity of every output to every factor, one panel an output."""
    across = 2 if len(outputs) == 4 else min(3, len(outputs))
    down = -(-len(outputs) // across)
    drawn = figure(3.4 * across + 1.2, (0.3 * len(factors) + 0.85) * down + 0.35)
    with settings():
        panels = drawn.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
        for axes in panels[len(outputs) :]:
            axes.set_visible(False)
        for axes, output in zip(panels, outputs, strict=False):
            part = effects[effects["output"] == output.name].set_index("factor")
            part = part.loc[[factor.name for factor in factors]]
            _bars(axes, part)
            axes.set_title(output.label, fontsize=9)
            axes.set_yticks(range(len(factors)), [factor.label for factor in factors], fontsize=8)
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8.5)
    return drawn


def _bars(axes: Axes, part: pd.DataFrame) -> None:
    """Bars of one output, one pair or one bar a factor."""
    y = np.arange(len(part))
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.grid(axis="y", visible=False)
    if part["method"].iloc[0] == "regression":
        axes.barh(y, part["coefficient"], 0.6, color=_POINT, label="standardized slope")
        axes.text(
            0.98, 0.04, f"R² {part['R2'].iloc[0]:.2f}", transform=axes.transAxes, ha="right",
            fontsize=8, color=INK,
        )  # fmt: skip
        return
    for name, shift, shade, label in (
        ("first", -0.19, _POINT, "first: alone"),
        ("total", 0.19, _LINE, "total: with interactions"),
    ):
        value = part[name].to_numpy(float)
        low, high = part[f"{name}_low"].to_numpy(float), part[f"{name}_high"].to_numpy(float)
        error = np.clip([value - low, high - value], 0, None)
        axes.barh(y + shift, value, 0.36, color=shade, label=label)
        axes.errorbar(value, y + shift, xerr=error, fmt="none", ecolor=INK, elinewidth=0.8)


def _folded(label: str) -> str:
    """Label with its unit on a line of its own."""
    return label.replace(" [", "\n[")
