"""The heart, cut open: stills at end-diastole and end-systole on one color range.

VTK draws the wall, matplotlib the labels, color bars and layout, so that type stays crisp. All
panels of a figure share the viewpoint, the scale and the color range, so that they may be
compared by eye.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from heartsim.render.grid import deformed
from heartsim.render.headless import require_drawing
from heartsim.render.style import INK, MUTED, SCALARS, Scalar, figure, limits, settings
from heartsim.result import Frame, Result, names

if TYPE_CHECKING:
    import pyvista

TIMES: Final = ("end-diastole", "end-systole")
_LETTERS: Final = 9
_LINE: Final = 0.2
"""Letters of a title that fit into an inch, and height of a line [in]."""
_PIXELS: Final = 900
_SEPTAL: Final = (2, 3, 8, 9, 14)
_LV, _RV, _RIM = 1, 2, 5


@dataclass(frozen=True)
class View:
    """Where the viewer stands: in front of the heart, base up, the left ventricle on the right.

    The cut goes through the long axis of the left ventricle and the middle of the right one (or
    of the septum), and the half towards the viewer is taken away.

    Attributes
    ----------
    up, right : (3,)
        Unit vectors from apex to base, and from the right to the left ventricle.
    center : (3,)
        Middle of the picture [mm].
    half : float
        Half of the height shown [mm].
    origin : (3,)
        A point of the cut [mm].
    """

    up: Float[np.ndarray, " 3"]
    right: Float[np.ndarray, " 3"]
    center: Float[np.ndarray, " 3"]
    half: float
    origin: Float[np.ndarray, " 3"]

    @cached_property
    def toward(self) -> Float[np.ndarray, " 3"]:
        """Unit vector from the heart to the viewer."""
        return np.cross(self.right, self.up)

    def place(self, x: Float[np.ndarray, " 3"]) -> tuple[float, float]:
        """Position of a point in the picture, 0 to 1 from the lower left."""
        offset = (x - self.center) / (2 * self.half)
        return 0.5 + float(offset @ self.right), 0.5 + float(offset @ self.up)

    def aim(self, plotter: "pyvista.Plotter", margin: float = 1.0) -> None:
        """Point the camera of a plotter; `margin` above 1 leaves room around the heart."""
        camera = plotter.camera
        camera.position = tuple(self.center + 6 * self.half * self.toward)
        camera.focal_point = tuple(self.center)
        camera.up = tuple(self.up)
        camera.enable_parallel_projection()
        camera.parallel_scale = self.half * margin
        plotter.renderer.camera_set = True
        plotter.renderer.reset_camera_clipping_range()


def viewpoint(frames: Sequence[Frame]) -> View:
    """View that shows all frames whole, from the anatomy of the first."""
    first = frames[0]
    points = first.points + first.displacement
    cavity = _middle(points, first.surface == _LV)
    base = _middle(points, first.surface == _RIM)
    up = _unit(base - cavity)
    aside = _septal_side(first, points) - cavity
    right = -_unit(aside - (aside @ up) * up)
    every = np.concatenate([frame.points + frame.displacement for frame in frames])
    toward = np.cross(right, up)
    axes = np.stack([right, up, toward])
    low, high = (every @ axes.T).min(axis=0), (every @ axes.T).max(axis=0)
    center = axes.T @ ((low + high) / 2)
    half = 0.585 * float(max(high[0] - low[0], high[1] - low[1]))
    return View(up, right, center, half, cavity)


def wall(frame: Frame, scalar: Scalar, *, cut: View | None = None) -> "pyvista.PolyData":
    """Surface of the wall at a time, colored by a field, whole or cut open.

    Cell values are averaged to the nodes for display.
    """
    solid = deformed(frame)
    kept = [name for name in solid.cell_data if name == scalar.key]
    if not kept:
        solid.cell_data[scalar.key] = np.full(solid.n_cells, np.nan)
    values = solid.cell_data[scalar.key] * scalar.scale
    solid.cell_data.clear()
    solid.cell_data[scalar.title] = np.asarray(values, float)
    solid = solid.cell_data_to_point_data()
    if cut is not None:
        solid = solid.clip(normal=tuple(cut.toward), origin=tuple(cut.origin), invert=True)
    return solid.extract_surface(algorithm="dataset_surface")


def outline(frame: Frame, cut: View) -> "pyvista.PolyData":
    """Contour of the wall in the plane of the cut."""
    shell = deformed(frame).extract_surface(algorithm="dataset_surface")
    return shell.slice(normal=tuple(cut.toward), origin=tuple(cut.origin))


def add_wall(
    plotter: "pyvista.Plotter",
    surface: "pyvista.PolyData",
    scalar: Scalar,
    value_range: tuple[float, float],
    *,
    name: str = "wall",
) -> None:
    """Draw a wall surface with the house lighting; replaces the one of the same name."""
    plotter.add_mesh(
        surface,
        scalars=scalar.title,
        cmap=scalar.colors,
        clim=value_range,
        show_scalar_bar=False,
        smooth_shading=True,
        split_sharp_edges=True,
        feature_angle=40,
        ambient=0.35,
        diffuse=0.7,
        specular=0.05,
        nan_color="#d9dde1",
        name=name,
        reset_camera=False,
    )


def pixels(plotter: "pyvista.Plotter") -> np.ndarray:
    """Take what a plotter shows as an image (h, w, 3)."""
    return np.asarray(plotter.screenshot(return_img=True))[..., :3]


def picture(
    frame: Frame,
    scalar: Scalar,
    value_range: tuple[float, float],
    seen: View,
    *,
    reference: Frame | None = None,
) -> np.ndarray:
    """Pixels (h, w, 3) of the cut heart; `reference` adds the outline of another time."""
    import pyvista

    require_drawing()
    plotter = pyvista.Plotter(off_screen=True, window_size=(_PIXELS, _PIXELS))
    try:
        plotter.set_background("white")
        surface = wall(frame, scalar, cut=seen)
        add_wall(plotter, surface, scalar, value_range)
        rim = outline(frame, seen)
        rim.points += 0.3 * seen.toward
        plotter.add_mesh(rim, color=INK, line_width=2.5, lighting=False)
        if reference is not None:
            before = outline(reference, seen)
            before.points += 0.6 * seen.toward
            plotter.add_mesh(before, color="#8a94a0", line_width=2, lighting=False)
        seen.aim(plotter)
        return pixels(plotter)
    finally:
        plotter.close()


def heart(
    results: Sequence[Result],
    scalar: Scalar = SCALARS[0],
    *,
    times: Sequence[str] = TIMES,
    value_range: tuple[float, float] | None = None,
    seen: View | None = None,
    width: float = 7.0,
) -> Figure:
    """End-diastole and end-systole of each result: the picture ``heart_ed_es.png``.

    Parameters
    ----------
    results : sequence of Result
        One row each.
    scalar : Scalar
        Field that colors the wall.
    times : sequence of str
        One column each: ``"end-diastole"``, ``"end-systole"``.
    value_range : (float, float), optional
        Color range in the unit shown; by default from all panels.
    seen : View, optional
        Viewpoint; by default one that fits all panels.
    width : float
        Width of the figure [in].
    """
    frames = [[result.frame(time) for time in times] for result in results]
    flat = [frame for row in frames for frame in row]
    seen = seen or viewpoint(flat)
    value_range = value_range or color_range(flat, scalar)
    with settings():
        titles = [textwrap.fill(name, int(_LETTERS * width)) for name in names(results)]
        lines = sum(title.count("\n") for title in titles)
        height = 1.16 * width / len(times) * len(results) + 0.8 + _LINE * lines
        drawn = figure(width, height)
        grid = drawn.subplots(len(results), len(times), squeeze=False)
        for result, row, title, axes in zip(results, frames, titles, grid, strict=True):
            outlined = result.frame(TIMES[0])
            for k, (frame, label) in enumerate(zip(row, times, strict=True)):
                before = outlined if label != TIMES[0] else None
                axes[k].imshow(
                    picture(frame, scalar, value_range, seen, reference=before),
                    extent=(0, 1, 0, 1),
                    interpolation="antialiased",
                )
                axes[k].axis("off")
                _annotate(
                    axes[k], frame, seen, f"{label.capitalize()}, {frame.time:.0f} ms", scale=k == 0
                )
            axes[0].set_title(title, fontsize=10.5)
        moved = any(time != TIMES[0] for time in times)
        _color_bar(drawn, grid, scalar, value_range, outlined=moved)
    return drawn


def color_range(frames: Sequence[Frame], scalar: Scalar) -> tuple[float, float]:
    """Color range in the unit shown that fits a field in all frames."""
    values = [
        scalar.scale * np.asarray(frame.cells[scalar.key], float)
        for frame in frames
        if scalar.key in frame.cells
    ]
    merged = np.concatenate(values) if values else np.zeros(0)
    return limits(merged, centered=scalar.centered)


def anchors(frame: Frame, seen: View) -> dict[str, Float[np.ndarray, " 3"]]:
    """Where the labels LV, RV and apex belong [mm]: the middle of each cavity in the cut."""
    points = frame.points + frame.displacement
    places = {"apex": points[np.argmin(points @ seen.up)]}
    for name, number in (("LV", _LV), ("RV", _RV)):
        lining = points[frame.surface == number]
        if not len(lining):
            continue
        near = np.abs((lining - seen.origin) @ seen.toward)
        lining = lining[near <= max(np.percentile(near, 30), 5.0)]
        height = lining @ seen.up
        level = height.min() + 0.6 * np.ptp(height)
        across = (lining @ seen.right)[np.abs(height - level) < 0.12 * np.ptp(height) + 2]
        middle = (
            (across.min() + across.max()) / 2 if across.size else float(lining.mean(0) @ seen.right)
        )
        flat = seen.origin @ seen.toward
        places[name] = middle * seen.right + level * seen.up + flat * seen.toward
    return places


def _annotate(axes: Axes, frame: Frame, seen: View, title: str, *, scale: bool) -> None:
    """Labels of the chambers and the apex, the time, and a scale bar."""
    style = {"ha": "center", "va": "center", "fontsize": 10, "color": INK}
    halo = {"boxstyle": "round,pad=0.15", "fc": (1, 1, 1, 0.75), "ec": "none"}
    places = anchors(frame, seen)
    for name in ("LV", "RV"):
        if name in places:
            axes.text(*seen.place(places[name]), name, bbox=halo, weight="bold", **style)
    if "RV" not in places:
        axes.text(0.03, 0.5, "septal", rotation=90, **{**style, "fontsize": 8.5, "color": MUTED})
        axes.text(0.97, 0.5, "lateral", rotation=-90, **{**style, "fontsize": 8.5, "color": MUTED})
    x, y = seen.place(places["apex"])
    axes.text(x, max(y - 0.04, 0.02), "apex", **{**style, "fontsize": 8.5, "color": MUTED})
    axes.text(0.0, 1.015, title, va="bottom", fontsize=9.5, color=INK)
    if scale:
        length = 20 / (2 * seen.half)
        axes.plot([0.02, 0.02 + length], [0.03, 0.03], color=INK, lw=2, solid_capstyle="butt")
        axes.text(0.02, 0.045, "20 mm", fontsize=8, va="bottom", color=INK)
    axes.set(xlim=(0, 1), ylim=(0, 1.07))


def _color_bar(
    drawn: Figure,
    grid: np.ndarray,
    scalar: Scalar,
    value_range: tuple[float, float],
    *,
    outlined: bool,
) -> None:
    """One horizontal color bar with the unit below all panels."""
    mapped = ScalarMappable(Normalize(*value_range), mpl.colormaps[scalar.colors])
    bar = drawn.colorbar(
        mapped, ax=grid, location="bottom", shrink=0.7, aspect=28, pad=0.02, extend="both"
    )
    below = "\ngray line: outline at end-diastole" if outlined else ""
    bar.set_label(f"{scalar.title}{below}", fontsize=8.5)
    bar.outline.set_visible(False)


def _septal_side(frame: Frame, points: np.ndarray) -> Float[np.ndarray, " 3"]:
    """Middle of the right ventricle, else of the septal segments, else of the nodes toward −x."""
    if (frame.surface == _RV).any():
        return points[frame.surface == _RV].mean(axis=0)
    septal = np.isin(frame.cells.get("AHA_segment", np.zeros(len(frame.tets))), _SEPTAL)
    if septal.any():
        return points[np.unique(frame.tets[septal])].mean(axis=0)
    return points.mean(axis=0) - np.array([1e3, 1.0, 0.0])


def _middle(points: np.ndarray, chosen: np.ndarray) -> Float[np.ndarray, " 3"]:
    """Mean of the chosen points, or of all where none is chosen."""
    return (points[chosen] if chosen.any() else points).mean(axis=0)


def _unit(vector: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else np.array([0.0, 0.0, 1.0])
