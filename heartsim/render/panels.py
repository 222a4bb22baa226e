"""Panels of the window: pressure-volume loops with moving points, and living bull's eyes."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, final

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_rgb

from heartsim.render.bullseye import SEGMENTS, layout, readable
from heartsim.render.charts import end_diastolic_curve, end_systolic_line
from heartsim.render.style import INK, MUTED, SCENARIOS, Scalar, color
from heartsim.result import Frame, Result

if TYPE_CHECKING:
    import pyvista

_GAP: Final = 0.012
_SIDES: Final = (
    ("anterior", 0.0, 1.14),
    ("inferior", 0.0, -1.14),
    ("septal", -1.3, 0.0),
    ("lateral", 1.3, 0.0),
)


@dataclass(frozen=True)
class Theme:
    """Colors of a window.

    Attributes
    ----------
    paper, ink, muted, grid : str
        Background, text, secondary text and grid lines.
    scenarios : tuple of str
        Colors of the scenarios, the baseline first, all of which stand out from the background.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    scenarios: tuple[str, ...]

    def scenario(self, position: int) -> str:
        """Color of a scenario by its place."""
        return color(position, self.scenarios)


_BRIGHT: Final = ("#d3dae1", "#ff8c42", "#56b4f0", "#2fcf9f", "#efa6d2", "#e6c04d")
LIGHT: Final = Theme("#ffffff", INK, MUTED, "#e4e7eb", SCENARIOS)
DARK: Final = Theme("#14181d", "#e8ecf0", "#a9b4bf", "#2c343d", _BRIGHT)


@final
class Loops:
    """Loops of the left ventricle with end-systolic lines, end-diastolic curves, moving points.

    Attributes
    ----------
    chart : pyvista.Chart2D
    dots : list of pyvista.ScatterPlot2D
        One moving point each.
    """

    def __init__(self, plotter: "pyvista.Plotter", results: Sequence[Result]) -> None:
        import pyvista

        self._results = results
        self.chart = pyvista.Chart2D(size=(0.94, 0.9), loc=(0.03, 0.03))
        self.chart.x_label, self.chart.y_label = "LV volume [mL]", "LV pressure [mmHg]"
        self.dots, self._lines = [], []
        for i, result in enumerate(results):
            volume, pressure = (result.traces[key].to_numpy() for key in ("V_LV_mL", "P_LV_mmHg"))
            closed = np.append(np.arange(len(volume)), 0)
            self._draw(i, volume[closed], pressure[closed], 2.5, "-")
            systolic, diastolic = end_systolic_line(result, "LV"), end_diastolic_curve(result, "LV")
            if systolic:
                self._draw(i, *systolic, 1.5, "--")
            if diastolic:
                self._draw(i, *diastolic[:2], 2.5, ":")
        for result in results:
            start = result.traces.iloc[:1]
            dot = self.chart.scatter(start["V_LV_mL"], start["P_LV_mmHg"], size=14, style="o")
            self.dots.append(dot)
        self.chart.legend_visible = False
        volumes = np.concatenate([r.traces["V_LV_mL"].to_numpy(float) for r in results])
        aside = 0.08 * float(np.ptp(volumes))
        self.chart.x_range = (float(volumes.min()) - aside, float(volumes.max()) + aside)
        self.chart.y_range = (0, 1.08 * max(float(r.traces["P_LV_mmHg"].max()) for r in results))
        plotter.add_chart(self.chart)

    def at(self, times: Sequence[float]) -> None:
        """Move each point to its time [ms]."""
        for result, dot, time in zip(self._results, self.dots, times, strict=True):
            traces = result.traces
            i = int(np.argmin(np.abs(traces["t_ms"] - time)))
            dot.update([traces["V_LV_mL"].iloc[i]], [traces["P_LV_mmHg"].iloc[i]])

    def dress(self, theme: Theme) -> None:
        """Take the colors of a theme."""
        self.chart.background_color = self.chart.border_color = theme.paper
        for i, line in self._lines:
            line.color = theme.scenario(i)
        for i, dot in enumerate(self.dots):
            dot.color = theme.scenario(i)
        ink = to_rgb(theme.ink)
        for axis in (self.chart.x_axis, self.chart.y_axis):
            axis.pen.color = theme.ink
            axis.grid_pen.color = theme.grid
            axis.GetTitleProperties().SetColor(ink)
            axis.GetTitleProperties().SetFontSize(14)
            axis.GetTitleProperties().SetBold(False)
            axis.GetLabelProperties().SetColor(ink)
            axis.GetLabelProperties().SetFontSize(13)

    def _draw(self, i: int, x: np.ndarray, y: np.ndarray, width: float, style: str) -> None:
        line = self.chart.line(x, y, width=width, style=style)
        self._lines.append((i, line))


@final
class Eye:
    """Bull's-eye of one heart that changes with the time and the field.

    Attributes
    ----------
    values : (17,)
        What it shows, in the unit of the field; not a number where a segment is absent.
    """

    def __init__(self, plotter: "pyvista.Plotter", name: str) -> None:
        self._plotter, self._name = plotter, name
        self._mesh = _wedges()
        self.values = np.full(SEGMENTS, np.nan)
        plotter.camera.enable_parallel_projection()
        plotter.camera.position, plotter.camera.focal_point = (0, 0, 10), (0, 0, 0)
        plotter.camera.up, plotter.camera.parallel_scale = (0, 1, 0), 1.3
        plotter.renderer.camera_set = True

    def show(self, frame: Frame, scalar: Scalar, value_range: tuple[float, float]) -> None:
        """Color the segments by the mean of a field."""
        self.values = segment_means(frame, scalar)
        self._mesh.cell_data["value"] = self.values[self._mesh.cell_data["segment"]]
        self._plotter.add_mesh(
            self._mesh,
            scalars="value",
            cmap=scalar.colors,
            clim=value_range,
            show_scalar_bar=False,
            lighting=False,
            nan_color="#8d98a4",
            name="eye",
            reset_camera=False,
            render=False,
        )

    def write(self, theme: Theme, scalar: Scalar, value_range: tuple[float, float]) -> None:
        """Values in the segments, black or white as reads better, and the names of the walls."""
        low, high = value_range
        digits = 0 if high - low > 5 else 1
        colors = mpl.colormaps[scalar.colors]((self.values - low) / (high - low))
        inks = np.array([readable(tuple(face)) for face in colors])
        inks[~np.isfinite(self.values)] = "black"
        # VTK's own font has no true minus sign
        shown = np.round(self.values, digits) + 0.0  # no negative zero
        texts = np.array([f"{v:.{digits}f}" if np.isfinite(v) else "-" for v in shown])
        places = np.array([_middle(segment) for segment in range(SEGMENTS)])
        for ink in ("black", "white"):
            chosen = inks == ink
            self._labels(f"{ink} numbers", places[chosen], texts[chosen], ink)
        sides = np.array([(x, y, 0.1) for _, x, y in _SIDES])
        self._labels("sides", sides, [side for side, _, _ in _SIDES], theme.muted)

    def _labels(
        self,
        name: str,
        places: Float[np.ndarray, "k 3"],
        texts: Sequence[str] | np.ndarray,
        ink: str,
    ) -> None:
        if not len(texts):
            self._plotter.remove_actor(f"{self._name} {name}-labels", render=False)
            return
        self._plotter.add_point_labels(
            places,
            list(texts),
            name=f"{self._name} {name}",
            show_points=False,
            shape=None,
            font_size=12,
            bold=False,
            text_color=ink,
            justification_horizontal="center",
            justification_vertical="center",
            always_visible=True,
            reset_camera=False,
            render=False,
        )


def label_chambers(
    plotter: "pyvista.Plotter", places: Mapping[str, Float[np.ndarray, " 3"]], name: str
) -> None:
    """Write LV and RV at their places [mm], or take the labels away where there are none."""
    known = [chamber for chamber in ("LV", "RV") if chamber in places]
    if not known:
        plotter.remove_actor(f"{name}-labels", render=False)
        return
    plotter.add_point_labels(
        np.array([places[chamber] for chamber in known]),
        known,
        name=name,
        show_points=False,
        bold=True,
        font_size=18,
        text_color=INK,
        shape="rounded_rect",
        shape_color="white",
        shape_opacity=0.75,
        always_visible=True,
        render=False,
        reset_camera=False,
    )


def draw_bar(
    plotter: "pyvista.Plotter", mapper: "pyvista.DataSetMapper", theme: Theme, *, wide: bool
) -> None:
    """Color bar of all hearts in the present panel; without decimals where the range is `wide`."""
    for title in list(plotter.scalar_bars.keys()):
        plotter.remove_scalar_bar(title, render=False)
    plotter.add_scalar_bar(
        title=" ",
        mapper=mapper,
        position_x=0.1,
        position_y=0.38,
        width=0.8,
        height=0.3,
        render=False,
        label_font_size=14,
        color=theme.ink,
        n_labels=5,
        fmt="%.0f" if wide else "%.1f",
    )


def segment_means(frame: Frame, scalar: Scalar) -> Float[np.ndarray, " 17"]:
    """Mean of a field over each AHA segment in the unit shown, weighted by unloaded volume."""
    values = scalar.scale * np.asarray(frame.cells.get(scalar.key, np.nan), float)
    values = np.broadcast_to(values, (len(frame.tets),))
    segment = np.asarray(frame.cells.get("AHA_segment", np.zeros(len(frame.tets), int)), int)
    a, b, c, d = frame.points[frame.tets].transpose(1, 0, 2)
    volume = np.abs(np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a))
    size = np.bincount(segment, volume, SEGMENTS + 1)[1 : SEGMENTS + 1]
    total = np.bincount(segment, volume * values, SEGMENTS + 1)[1 : SEGMENTS + 1]
    return np.where(size > 0, total / np.where(size > 0, size, 1), np.nan)


def _wedges() -> "pyvista.PolyData":
    """Flat wedges of the 17 segments, their number in the cell field ``segment``."""
    import pyvista

    points, faces, numbers = [], [], []
    for segment, (inner, outer, start, stop) in enumerate(layout()):
        edge = 1.0 if inner else 0.0  # [deg] bare between neighbors
        turns = np.deg2rad(np.linspace(start + edge, stop - edge, int((stop - start) / 4) + 1))
        for t0, t1 in pairwise(turns):
            near, far = (inner + _GAP if inner else 0.0), outer - _GAP
            corners = [(near, t0), (far, t0), (far, t1), (near, t1)]
            faces.append([4, *range(len(points), len(points) + 4)])
            points += [(r * np.cos(t), r * np.sin(t), 0.0) for r, t in corners]
            numbers.append(segment)
    mesh = pyvista.PolyData(np.array(points), np.concatenate(faces))
    mesh.cell_data["segment"] = np.array(numbers)
    return mesh


def _middle(segment: int) -> tuple[float, float, float]:
    inner, outer, start, stop = layout()[segment]
    radius = 0.0 if inner == 0 else (inner + outer) / 2
    turn = np.deg2rad((start + stop) / 2)
    return float(radius * np.cos(turn)), float(radius * np.sin(turn)), 0.1


def folded(title: str, letters: int) -> str:
    """Title in at most two lines of so many letters."""
    letters = max(letters, 8)
    first, *rest = textwrap.wrap(title, letters) or [title]
    if not rest:
        return first
    return f"{first}\n{textwrap.shorten(' '.join(rest), letters, placeholder=' …')}"
