"""Several beating hearts side by side under one time slider, and the same as a file.

Each heart has its bull's-eye below it and all share the camera, the cut and the colors. The
pressure-volume loops stand beside them with a point that moves along; the controls fill the lowest
row, so that none covers a heart. What a control or key does is a method of `Window`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, final

import numpy as np

from heartsim.errors import InputError, not_found
from heartsim.render.controls import KEYS, Controls
from heartsim.render.headless import NoScreen, has_screen, require_drawing
from heartsim.render.movie import write_movie
from heartsim.render.panels import DARK, LIGHT, Eye, Loops, draw_bar, folded, label_chambers
from heartsim.render.scene import (
    TIMES,
    View,
    add_wall,
    anchors,
    color_range,
    pixels,
    viewpoint,
    wall,
)
from heartsim.render.style import CAVEAT, SCALARS, Scalar
from heartsim.result import Frame, Result, names

PLANES: Final = ("four-chamber", "two-chamber", "short axis")
"""Planes of the cut, as an echocardiographer names them."""

_LETTER: Final = 12.0  # [px] of a title, on average
_TICK: Final = 60  # [ms] between frames while playing
_FIELDS: Final = {scalar.key: scalar for scalar in SCALARS}


def view(
    *results: Result,
    off_screen: str | Path | None = None,
    scalar: str = "fiber_stress_kPa",
    time: str | float = "end-systole",
    clip: bool = True,
    dark: bool = False,
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
        ``"end-systole"``, ``"end-diastole"`` (each heart at its own) or a time [ms], for the start
        or the still.
    clip : bool
        Whether the hearts are cut open.
    dark : bool
        Whether the background is dark.

    Raises
    ------
    NoScreen
        If a window is asked for and there is no display.
    InputError
        If the field or the kind of file is unknown, or a result has no wall to show.
    """
    suffix = Path(off_screen).suffix.lower() if off_screen else ""
    _check(results, scalar, suffix if off_screen else None)
    require_drawing()
    window = Window(
        results, _FIELDS[scalar], clip=clip, dark=dark, off_screen=off_screen is not None
    )
    try:
        if isinstance(time, str):
            window.go_to_phase(time)
        else:
            window.go_to(float(time))
        if off_screen is None:
            window.run()
        elif suffix == ".png":
            window.plotter.screenshot(str(off_screen))
        else:
            write_movie(Path(off_screen), window.beat())
    finally:
        window.plotter.close()


def _check(results: Sequence[Result], scalar: str, suffix: str | None) -> None:
    """Refuse what cannot be shown; without a suffix a window is asked for."""
    if not results:
        raise InputError("view: no result given. Name at least one result folder.")
    for result in results:
        if not result.frame_files:
            raise InputError(
                f"{result.folder}: a heart without a wall, so there is nothing to see in 3D. "
                f"Read {result.folder}/report.html instead."
            )
    if scalar not in _FIELDS:
        raise not_found(InputError, "field", scalar, "the snapshots", _FIELDS)
    if suffix is None and not has_screen():
        raise NoScreen("view: no display here. Write a file: --off-screen beat.gif")
    if suffix is not None and suffix not in {".png", ".gif", ".mp4"}:
        raise InputError(f"view: {suffix!r} is no kind of picture. Write .png, .gif or .mp4.")


@final
class Window:
    """Linked views of results.

    Attributes
    ----------
    plotter : pyvista.Plotter
        Where it draws.
    now : float
        Time shown [ms]; that of the first heart where each stands at its own event.
    scalar : Scalar
        Field that colors the walls.
    clip, playing, helping : bool
        Whether hearts are cut open, whether they beat, whether the help is there.
    plane : str
        Plane of the cut.
    depth : float
        How far towards the viewer the cut has moved [mm].
    theme : Theme
        Colors.
    eyes : list of Eye
        One bull's-eye each.
    loops : Loops
    """

    def __init__(
        self,
        results: Sequence[Result],
        scalar: Scalar,
        *,
        clip: bool = True,
        dark: bool = False,
        off_screen: bool = False,
    ) -> None:
        import pyvista

        self._results, self._names = results, names(results)
        self.scalar, self.clip, self.depth, self.plane = scalar, clip, 0.0, PLANES[0]
        self.playing = self.helping = False
        self.theme = DARK if dark else LIGHT
        self._frames = [[r.frame(time) for time, _ in r.frame_files] for r in results]
        self._times = [np.array([frame.time for frame in frames]) for frames in self._frames]
        self._shown: list[float] = [0.0] * len(results)
        self.now = 0.0
        self.end = max(float(result.traces["t_ms"].iloc[-1]) for result in results)
        count = len(results)
        rows = [0.6, 0.26] if off_screen else [0.56, 0.23, 0.21]
        self.plotter = pyvista.Plotter(
            shape=(len(rows), count + 1),
            groups=[] if off_screen else [(2, slice(None))],
            row_weights=rows,
            col_weights=[1.0] * count + [1.05],
            off_screen=off_screen,
            window_size=(min(430 * (count + 1), 1720), 760 if off_screen else 900),
            border=False,
            title="heartsim",
        )
        self._front = viewpoint([frame for frames in self._frames for frame in frames])
        self._range = self._fit_range()
        self.eyes = []
        for i in range(count):
            self.plotter.subplot(1, i)
            self.eyes.append(Eye(self.plotter, f"eye {i}"))
        self.plotter.subplot(0, count)
        self.loops = Loops(self.plotter, results)
        self.controls: Controls | None = None
        if not off_screen:
            self.controls = Controls(self, self.plotter)
        self._aim()
        self._dress()
        if not off_screen:
            self.plotter.link_views([self._place(0, i) for i in range(count)])

    @property
    def view(self) -> View:
        """Where the viewer of the present plane stands."""
        front = self._front
        if self.plane == "two-chamber":
            return replace(front, right=-front.toward)
        if self.plane == "short axis":
            # from the apex, anterior at the top, as in a bull's-eye
            return replace(front, up=front.toward)
        return front

    def go_to(self, time: float) -> None:
        """Show all hearts at one time of the beat [ms]."""
        self._show([time % self.end if time != self.end else time] * len(self._results))

    def go_to_phase(self, phase: str) -> None:
        """Show each heart at its own ``"end-diastole"`` or ``"end-systole"``, and pause."""
        self.play(False)
        self._show([result.event(phase) for result in self._results])

    def step(self, direction: int) -> None:
        """Go one snapshot on, or back with -1."""
        self.go_to((self.now + direction * self.end / max(map(len, self._times))) % self.end)

    def play(self, playing: bool | None = None) -> None:
        """Let the hearts beat or stand; without a word, the other of the two."""
        self.playing = not self.playing if playing is None else playing
        if not self.playing:
            self._write()
        self._tell_controls()

    def choose(self, position: int) -> None:
        """Color the walls by a field of `SCALARS`."""
        self.scalar = SCALARS[position]
        self._range = self._fit_range()
        self._dress()

    def cut(self, clip: bool | None = None) -> None:
        """Cut the hearts open or show them whole; without a word, the other of the two."""
        self.clip = not self.clip if clip is None else clip
        self._draw()
        self._tell_controls()

    def move_cut(self, depth: float) -> None:
        """Move the plane of the cut towards the viewer [mm], from where it goes by itself."""
        reach = 0.9 * self._front.half
        self.depth = float(np.clip(depth, -reach, reach))
        self._draw()
        self._tell_controls()

    def turn_cut(self) -> None:
        """Cut in the next plane, and look at it."""
        self.plane = PLANES[(PLANES.index(self.plane) + 1) % len(PLANES)]
        self.depth = 0.0
        self.look()

    def look(self) -> None:
        """Look at the cut from straight ahead."""
        self._aim()
        self._draw()
        self._tell_controls()

    def change_theme(self) -> None:
        """Swap dark and light."""
        self.theme = LIGHT if self.theme is DARK else DARK
        self._dress()

    def help(self) -> None:
        """Show or hide what the keys do."""
        self.helping = not self.helping
        self.plotter.subplot(0, 0)
        self.plotter.add_text(
            KEYS if self.helping else " ",
            position=(0.05, 0.12),
            viewport=True,
            font_size=10,
            color=self.theme.ink,
            name="help",
            render=False,
        )
        if self.helping:
            prop = self.plotter.renderer.actors["help"].prop
            prop.background_color, prop.background_opacity = self.theme.paper, 0.9
        self._render()

    def beat(self, pictures: int = 30) -> Iterator[np.ndarray]:
        """Pictures (h, w, 3) of one beat."""
        for time in np.linspace(0, self.end, pictures, endpoint=False):
            self.go_to(float(time))
            yield pixels(self.plotter)

    def run(self) -> None:
        """Hand over to the user until the window closes."""
        self.plotter.add_timer_event(max_steps=10**9, duration=_TICK, callback=self.tick)
        self.plotter.show()

    def tick(self, _: int = 0) -> None:
        """Let the time go on by one frame, if the hearts beat."""
        if self.playing:
            self.step(1)

    def _show(self, times: Sequence[float]) -> None:
        self._shown, self.now = list(times), float(times[0])
        self.loops.at(times)
        self._draw()
        self._tell_controls()

    def _draw(self) -> None:
        """Draw all hearts and bull's eyes at their times, in one go."""
        self.plotter.suppress_rendering = True
        seen = self.view
        cut = replace(seen, origin=seen.origin + self.depth * seen.toward) if self.clip else None
        for i, frame in enumerate(self._present()):
            self.plotter.subplot(0, i)
            add_wall(self.plotter, wall(frame, self.scalar, cut=cut), self.scalar, self._range)
            self.plotter.renderer.reset_camera_clipping_range()
            self.plotter.subplot(1, i)
            self.eyes[i].show(frame, self.scalar, self._range)
        self._write()
        self._render()

    def _write(self) -> None:
        """Texts that go with the time; numbers only while the hearts stand."""
        for i, frame in enumerate(self._present()):
            self.plotter.subplot(0, i)
            event = [p for p in TIMES if abs(self._results[i].event(p) - self._shown[i]) < 0.5]
            when = (
                f"{event[0].capitalize()}, {frame.time:.0f} ms" if event else f"{frame.time:.0f} ms"
            )
            title = folded(self._names[i], int(self._panel[0] / _LETTER))
            self._say(title, (0.04, 0.9), 12, self.theme.scenario(i), "title")
            self._say(when, (0.04, 0.85), 10, self.theme.muted, "when")
            if not self.playing:
                self._label_chambers(frame, f"chambers {i}")
                self.plotter.subplot(1, i)
                self.eyes[i].write(self.theme, self.scalar, self._range)

    def _present(self) -> list[Frame]:
        """Snapshot of each heart nearest to its time."""
        return [
            frames[int(np.argmin(np.abs(times - time)))]
            for frames, times, time in zip(self._frames, self._times, self._shown, strict=True)
        ]

    def _label_chambers(self, frame: Frame, labels: str) -> None:
        """Write LV and RV into the cavities, where the usual cut shows them."""
        usual = self.clip and self.plane == PLANES[0]
        places = anchors(frame, self._front) if usual else {}
        label_chambers(self.plotter, places, labels)

    def _dress(self) -> None:
        """Draw everything in the colors of the theme and the field."""
        self.plotter.set_background(self.theme.paper, all_renderers=True)
        self.loops.dress(self.theme)
        self._draw()
        self._draw_bar()
        if self.controls is not None:
            self.controls.dress(self.theme)
        if self.helping:
            self.helping = False
            self.help()
        self._tell_controls()
        self._render()

    def _draw_bar(self) -> None:
        """One color bar for all hearts, below the loops, and what the window is not."""
        mapper = self.plotter.renderers[self._place(0, 0)].actors["wall"].mapper
        self.plotter.subplot(1, len(self._results))
        draw_bar(self.plotter, mapper, self.theme, wide=self._range[1] - self._range[0] > 5)
        self._say(self.scalar.title, (0.1, 0.74), 11, self.theme.ink, "unit")
        told = CAVEAT.replace(", not", ",\nnot") + "\nBull's eyes: means of segments."
        self._say(told, (0.1, 0.06), 8, self.theme.muted, "caveat")

    def _say(self, text: str, place: tuple[float, float], size: int, ink: str, name: str) -> None:
        self.plotter.add_text(
            text,
            position=place,
            viewport=True,
            font_size=size,
            color=ink,
            name=name,
            render=False,
        )

    @property
    def _panel(self) -> tuple[float, float]:
        """Width and height of the panel of a heart [px]."""
        left, low, right, high = self.plotter.renderers[self._place(0, 0)].viewport
        width, height = self.plotter.window_size
        return (right - left) * width, (high - low) * height

    def _aim(self) -> None:
        width, height = self._panel
        for i in range(len(self._results)):
            self.plotter.subplot(0, i)
            self.view.aim(self.plotter, max(1.12, 0.92 * height / width))

    def _fit_range(self) -> tuple[float, float]:
        return color_range([f for frames in self._frames for f in frames], self.scalar)

    def _place(self, row: int, column: int) -> int:
        """Number of the renderer in a cell."""
        return int(self.plotter.renderers.loc_to_index((row, column)))

    def _tell_controls(self) -> None:
        if self.controls is not None:
            self.controls.follow(self)

    def _render(self) -> None:
        self.plotter.suppress_rendering = False
        if self.plotter.render_window is not None and self.plotter.iren is not None:
            self.plotter.render()
