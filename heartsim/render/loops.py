"""Pressure-volume loops and pressure traces."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from heartsim.indices.catalogue import nested
from heartsim.render.style import (
    ARTERY,
    ATRIUM,
    MUTED,
    VENTRICLE,
    color,
    figure,
    settings,
)
from heartsim.result import Result, names

_SIDES: Final = {
    "left": (("LV", "LV", VENTRICLE), ("aorta", "Aorta", ARTERY), ("LA", "LA", ATRIUM)),
    "right": (
        ("RV", "RV", VENTRICLE),
        ("pulmonary_artery", "Pulmonary artery", ARTERY),
        ("RA", "RA", ATRIUM),
    ),
}
CHAMBER_TITLES: Final = {
    "LV": "Left ventricle",
    "RV": "Right ventricle",
    "LA": "Left atrium",
    "RA": "Right atrium",
}
_VOLUMES: Final = {"left": ("LV", "LA"), "right": ("RV", "RA")}


def looped(results: Sequence[Result]) -> tuple[str, ...]:
    """Chambers whose loops are shown: the ventricles, and atria where these have walls in 3D."""
    walls = {name for result in results for name in result.provenance.get("passive_curve", {})}
    return ("LV", "RV", *(name for name in ("LA", "RA") if name in walls))


def loops_sheet(results: Sequence[Result]) -> Figure:
    """Loops of the ventricles side by side, 3D atria below: the picture ``pv_loops.png``."""
    chambers = looped(results)
    with settings():
        rows = len(chambers) // 2
        drawn = figure(9.0, 4.2 * rows + 0.2)
        for axes, chamber in zip(drawn.subplots(rows, 2).flat, chambers, strict=True):
            draw_loop(axes, results, chamber)
        if len(results) > 1:
            handles, labels = drawn.axes[0].get_legend_handles_labels()
            drawn.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9.5)
        else:
            drawn.suptitle(results[0].name, x=0.01, ha="left", fontsize=11)
    return drawn


def pressures_sheet(result: Result) -> Figure:
    """Pressures and volumes of both sides: the picture ``pressures.png``."""
    with settings():
        drawn = figure(9.4, 5.6)
        grid = drawn.subplots(2, 2, sharex=True, height_ratios=(1.7, 1))
        for column, side in enumerate(("left", "right")):
            draw_pressures(grid[0, column], result, side)
            draw_volumes(grid[1, column], result, side)
        drawn.suptitle(result.name, x=0.01, ha="left", fontsize=11)
    return drawn


def draw_loop(axes: Axes, results: Sequence[Result], chamber: str) -> None:
    """Loops of one chamber with end-diastole and end-systole marked."""
    for i, (result, name) in enumerate(zip(results, names(results), strict=True)):
        volume = result.traces[f"V_{chamber}_mL"].to_numpy()
        pressure = result.traces[_column(chamber)].to_numpy()
        closed = np.append(np.arange(len(volume)), 0)
        axes.plot(volume[closed], pressure[closed], color=color(i), label=name)
        arrow = _ejection(volume)
        axes.annotate(
            "",
            xy=(volume[arrow + 1], pressure[arrow + 1]),
            xytext=(volume[arrow], pressure[arrow]),
            arrowprops={"arrowstyle": "-|>", "color": color(i), "mutation_scale": 13},
        )
        if chamber == "LV":
            _mark_events(axes, result, volume, pressure, color(i))
    axes.set(title=CHAMBER_TITLES[chamber], xlabel="Volume [mL]", ylabel="Pressure [mmHg]")
    axes.margins(x=0.08)
    _start_at_zero(axes)
    if chamber == "LV":
        axes.annotate(
            "○ end-diastole   ● end-systole",
            (1, 1),
            (0, 2),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
            color=MUTED,
        )


def draw_pressures(axes: Axes, result: Result, side: str) -> None:
    """Ventricle, artery and atrium of one side over time, with end-diastole and end-systole."""
    time = result.traces["t_ms"].to_numpy()
    for name, label, ink in _SIDES[side]:
        axes.plot(time, result.traces[_column(name)], color=ink, label=label)
    axes.set(title=f"{side.capitalize()} heart", ylabel="Pressure [mmHg]")
    _start_at_zero(axes)
    axes.set_xlim(time[0], time[-1])
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=3,
        fontsize=8.5,
        handlelength=1.2,
        columnspacing=1.0,
        borderaxespad=0.1,
    )
    for key, text in (("end-diastole", "ED"), ("end-systole", "ES")):
        axes.axvline(result.event(key), color=MUTED, lw=0.8, ls=(0, (4, 3)))
        axes.annotate(
            text,
            (result.event(key), 1.0),
            (3, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=MUTED,
        )


def draw_volumes(axes: Axes, result: Result, side: str) -> None:
    """Volumes of ventricle and atrium of one side over time."""
    time = result.traces["t_ms"].to_numpy()
    for name, ink in zip(_VOLUMES[side], (VENTRICLE, ATRIUM), strict=True):
        axes.plot(time, result.traces[f"V_{name}_mL"], color=ink, label=name)
    for key in ("end-diastole", "end-systole"):
        axes.axvline(result.event(key), color=MUTED, lw=0.8, ls=(0, (4, 3)))
    axes.set(xlabel="Time in the beat [ms]", ylabel="Volume [mL]")
    _start_at_zero(axes)


def _start_at_zero(axes: Axes) -> None:
    """Let the vertical axis start at zero unless a value is negative."""
    lowest = min(float(np.min(line.get_ydata())) for line in axes.lines)
    axes.set_ylim(0 if lowest >= 0 else None, axes.get_ylim()[1] * 1.03)


def _column(name: str) -> str:
    return f"P_{name}_mmHg"


def _ejection(volume: np.ndarray) -> int:
    """Sample in the middle of the fastest fall of volume, where the arrow goes."""
    return int(np.argmin(np.diff(volume)))


def _mark_events(
    axes: Axes, result: Result, volume: np.ndarray, pressure: np.ndarray, ink: str
) -> None:
    """Dots at end-diastole (open) and end-systole (filled)."""
    time = result.traces["t_ms"].to_numpy()
    for key, fill in (("end-diastole", "white"), ("end-systole", ink)):
        at = nested(result.indices, "events", key.replace("-", "_") + "_ms")
        if isinstance(at, int | float):
            i = int(np.argmin(np.abs(time - at)))
            axes.plot(volume[i], pressure[i], "o", ms=5, mfc=fill, mec=ink, mew=1.3)
