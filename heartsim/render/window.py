"""Several beating hearts side by side under one time slider, and the same as a file.

The hearts stand in the upper row, the pressure-volume loops and the controls below them, so that
no control covers a heart or the color bar.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import numpy as np

from heartsim.errors import InputError, not_found
from heartsim.render.headless import NoScreen, has_screen, require_drawing
from heartsim.render.scene import add_wall, anchors, color_range, pixels, viewpoint, wall
from heartsim.render.style import CAVEAT, INK, MUTED, SCALARS, Scalar, color
from heartsim.result import Frame, Result, names
from heartsim.result.folder import write_file

if TYPE_CHECKING:
    import pyvista
    from vtkmodules.vtkInteractionWidgets import vtkSliderWidget

_FRAMES_PER_SECOND: Final = 20
_TICK: Final = 60  # [ms] between frames while playing
_FIELDS: Final = {scalar.key: scalar for scalar in SCALARS}


def view(
    *results: Result,
    off_screen: str | Path | None = None,
    scalar: str = "fiber_stress_kPa",
    time: str | float = "end-systole",
    clip: bool = True,
) -> None:
    """Open a window with linked views of results, or write it to a file.

    Parameters
    ----------
    *results : Result
        One view each.
    off_screen : path, optional
        Write ``.png`` (at `time`), or ``.gif`` or ``.mp4`` (one beat), and open no window.
    scalar : str
        Field that colors the wall: ``"fiber_stress_kPa"``, ``"fiber_strain"``,
        ``"active_tension_kPa"`` or ``"activation_time_ms"``.
    time : str or float
        ``"end-systole"``, ``"end-diastole"`` or a time [ms], for the start or the still.
    clip : bool
        Whether the hearts are cut open.

    Raises
    ------
    NoScreen
        If a window is asked for and there is no display.
    InputError
        If the field or the kind of file is unknown.
    """
    suffix = Path(off_screen).suffix.lower() if off_screen else ""
    _check(results, scalar, suffix if off_screen else None)
    require_drawing()
    window = Window(results, _FIELDS[scalar], clip=clip, off_screen=off_screen is not None)
    try:
        window.go_to(results[0].event(time) if isinstance(time, str) else float(time))
        if off_screen is None:
            window.run()
        elif suffix == ".png":
            window.plotter.screenshot(str(off_screen))
        else:
            _write_movie(Path(off_screen), window.beat())
    finally:
        window.plotter.close()


def _check(results: Sequence[Result], scalar: str, suffix: str | None) -> None:
    """Refuse what cannot be shown; without a suffix a window is asked for."""
    if not results:
        raise InputError("view: no result given. Name at least one result folder.")
    if scalar not in _FIELDS:
        raise not_found(InputError, "field", scalar, "the snapshots", _FIELDS)
    if suffix is None and not has_screen():
        raise NoScreen("view: no display here. Write a file: --off-screen beat.gif")
    if suffix is not None and suffix not in {".png", ".gif", ".mp4"}:
        raise InputError(f"view: {suffix!r} is no kind of picture. Write .png, .gif or .mp4.")


@final
class Window:
    """Linked views of results; the state is the time, the field and whether they are cut.

    Attributes
    ----------
    plotter : pyvista.Plotter
        Where it draws.
    """

    def __init__(
        self, results: Sequence[Result], scalar: Scalar, *, clip: bool, off_screen: bool
    ) -> None:
        import pyvista

        self._results = results
        self._names = names(results)
        self._scalar, self._clip = scalar, clip
        self._playing = False
        self._slider: vtkSliderWidget | None = None
        self._frames = [_frames(result) for result in results]
        self._times = [np.array([frame.time for frame in frames]) for frames in self._frames]
        self._now = 0.0
        self._end = max(float(result.traces["t_ms"].iloc[-1]) for result in results)
        count = len(results)
        size = (min(560 * max(count, 1) + 160, 1800), 800)
        self.plotter = pyvista.Plotter(
            shape=(2, count + 1),
            groups=[(1, slice(None))],
            row_weights=[0.68, 0.32],
            col_weights=[1.0] * count + [0.28],
            off_screen=off_screen,
            window_size=size,
            border=False,
            title="heartsim",
        )
        self.plotter.set_background("white", all_renderers=True)
        self._view = viewpoint([frame for frames in self._frames for frame in frames])
        self._dots = self._draw_loops()
        for i, frames in enumerate(self._frames):
            self.plotter.subplot(0, i)
            self._label_chambers(frames[0])
            self._view.aim(self.plotter, 1.15)
        self._choose(scalar)
        if not off_screen:
            self.plotter.link_views(list(range(count)))
            self._add_controls()

    def go_to(self, time: float) -> None:
        """Show another time of the beat [ms]."""
        self._now = time
        if self._slider is not None:
            self._slider.GetRepresentation().SetValue(time)
        for result, dot in zip(self._results, self._dots, strict=True):
            traces = result.traces
            i = int(np.argmin(np.abs(traces["t_ms"] - time)))
            dot.update([traces["V_LV_mL"].iloc[i]], [traces["P_LV_mmHg"].iloc[i]])
        self._draw_hearts()

    def beat(self, pictures: int = 30) -> Iterator[np.ndarray]:
        """Pictures (h, w, 3) of one beat."""
        for time in np.linspace(0, self._end, pictures, endpoint=False):
            self.go_to(float(time))
            yield pixels(self.plotter)

    def run(self) -> None:
        """Hand over to the user until the window closes."""
        self.plotter.add_timer_event(max_steps=10**9, duration=_TICK, callback=self._tick)
        self.plotter.show()

    def _draw_hearts(self) -> None:
        """Draw all hearts at the present time, in one go."""
        self.plotter.suppress_rendering = True
        cut = self._view if self._clip else None
        for i, (frames, times) in enumerate(zip(self._frames, self._times, strict=True)):
            frame = frames[int(np.argmin(np.abs(times - self._now)))]
            self.plotter.subplot(0, i)
            surface = wall(frame, self._scalar, cut=cut)
            add_wall(self.plotter, surface, self._scalar, self._range)
            text = f"{self._names[i]}\n{frame.time:.0f} ms"
            self.plotter.add_text(
                text, position=(0.03, 0.9), viewport=True, font_size=10, color=INK, name="title"
            )
            self.plotter.renderer.reset_camera_clipping_range()
        self.plotter.suppress_rendering = False
        if self.plotter.render_window is not None and self.plotter.iren is not None:
            self.plotter.render()

    def _draw_bar(self) -> None:
        """One vertical color bar in a column of its own."""
        for title in list(self.plotter.scalar_bars.keys()):
            self.plotter.remove_scalar_bar(title, render=False)
        mapper = self.plotter.renderers[0].actors["wall"].mapper
        self.plotter.subplot(0, len(self._results))
        self.plotter.add_scalar_bar(
            title=" ",
            mapper=mapper,
            vertical=True,
            position_x=0.3,
            position_y=0.12,
            width=0.5,
            height=0.7,
            render=False,
            label_font_size=14,
            color=INK,
            n_labels=5,
            fmt="%.3g",
        )
        title = f"{self._scalar.short}\n[{self._scalar.unit}]"
        self.plotter.add_text(
            title,
            position=(0.12, 0.88),
            viewport=True,
            font_size=9,
            color=INK,
            name="unit",
            render=False,
        )

    def _label_chambers(self, frame: Frame) -> None:
        """Write LV and RV into the cavities."""
        places = anchors(frame, self._view)
        known = [name for name in ("LV", "RV") if name in places]
        self.plotter.add_point_labels(
            np.array([places[name] for name in known]),
            known,
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

    def _draw_loops(self) -> list["pyvista.ScatterPlot2D"]:
        """Loops of the left ventricle in the lower row; returns the moving points."""
        import pyvista

        self.plotter.subplot(1, 0)
        alone = self.plotter.off_screen
        size, place = ((0.8, 0.9), (0.1, 0.09)) if alone else ((0.56, 0.9), (0.43, 0.09))
        chart = pyvista.Chart2D(size=size, loc=place)
        chart.x_label, chart.y_label = "LV volume [mL]", "LV pressure [mmHg]"
        chart.background_color = "white"
        chart.border_color = "white"
        dots = []
        for i, (result, name) in enumerate(zip(self._results, self._names, strict=True)):
            volume, pressure = result.traces["V_LV_mL"], result.traces["P_LV_mmHg"]
            closed = np.append(np.arange(len(volume)), 0)
            x, y = volume.to_numpy()[closed], pressure.to_numpy()[closed]
            chart.line(x, y, color=color(i), width=2.5, label=name)
            dots.append(chart.scatter(x[:1], y[:1], color=color(i), size=13, style="o"))
        chart.legend_visible = len(self._results) > 1
        self.plotter.add_chart(chart)
        self.plotter.add_text(
            CAVEAT,
            position=(place[0], 0.02),
            viewport=True,
            font_size=8,
            color=MUTED,
            name="caveat",
        )
        return dots

    def _add_controls(self) -> None:
        """Put buttons, the choice of field and the time slider left of the loops."""
        plotter = self.plotter
        plotter.subplot(1, 0)
        width, height = plotter.window_size
        top, left = 0.3 * height, 0.03 * width
        for k, (label, callback, value) in enumerate(
            (("Play", self._play, False), ("Cut open", self._cut, self._clip))
        ):
            place = (left, top - 40 - 36 * k)
            plotter.add_checkbox_button_widget(
                callback,
                value=value,
                position=place,
                size=22,
                border_size=2,
                color_on="#0072b2",
                color_off="#e4e7eb",
                background_color=MUTED,
            )
            self._write(label, place)
        for k, scalar in enumerate(SCALARS):
            place = (left + 130, top - 40 - 32 * k)
            plotter.add_radio_button_widget(
                lambda chosen=scalar: self._choose(chosen),
                "field",
                value=scalar == self._scalar,
                position=place,
                size=20,
                color_on="#0072b2",
                color_off="#9aa5b1",
                background_color="white",
            )
            self._write(scalar.short, place)
        plotter.subplot(1, 0)
        self._slider = plotter.add_slider_widget(
            self.go_to,
            (0.0, self._end),
            value=self._now,
            pointa=(0.03, 0.19),
            pointb=(0.38, 0.19),
            color=INK,
            fmt="%.0f",
            style="modern",
            interaction_event="always",
        )
        self._slider.GetRepresentation().ShowSliderLabelOff()
        self._write("Time in the beat", (left - 30, 0.02 * height))

    def _write(self, label: str, place: tuple[float, float]) -> None:
        """Label a button."""
        self.plotter.subplot(1, 0)
        at = (place[0] + 30, place[1] + 1)
        self.plotter.add_text(label, position=at, font_size=9, color=INK, name=label)

    def _play(self, playing: bool) -> None:
        self._playing = playing

    def _cut(self, clip: bool) -> None:
        self._clip = clip
        self._draw_hearts()

    def _choose(self, scalar: Scalar) -> None:
        self._scalar = scalar
        every = [frame for frames in self._frames for frame in frames]
        self._range = color_range(every, scalar)
        self._draw_hearts()
        self._draw_bar()

    def _tick(self, _: int) -> None:
        if self._playing:
            step = self._end / max(map(len, self._times))
            following = (self._now + step) % self._end
            self.go_to(following)


def _frames(result: Result) -> list[Frame]:
    """All snapshots of a result."""
    return [result.frame(time) for time, _ in result.frame_files]


def _write_movie(path: Path, pictures: Iterator[np.ndarray]) -> None:
    """Write pictures as an animated GIF, or as MP4 if imageio-ffmpeg is there."""
    if path.suffix.lower() == ".gif":
        write_file(path, _gif(pictures))
        return
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise InputError(
            f"{path}: .mp4 needs imageio-ffmpeg. Run `pip install 'heartsim[movie]'` or write .gif."
        ) from error
    frames = [_even(picture) for picture in pictures]
    height, width = frames[0].shape[:2]
    size = (width, height)
    writer = imageio_ffmpeg.write_frames(
        str(path), size, fps=_FRAMES_PER_SECOND, macro_block_size=2
    )
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()


def _gif(pictures: Iterator[np.ndarray]) -> bytes:
    """Animated GIF that repeats."""
    from PIL import Image

    images = [Image.fromarray(picture).quantize(256) for picture in pictures]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=1000 // _FRAMES_PER_SECOND,
        loop=0,
    )
    return buffer.getvalue()


def _even(picture: np.ndarray) -> np.ndarray:
    """Crop to even sides, which the video encoder needs."""
    height, width = picture.shape[:2]
    return picture[: height // 2 * 2, : width // 2 * 2]
