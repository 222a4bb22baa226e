"""Buttons, sliders and keys of the window. They call its methods and follow its state."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from matplotlib.colors import to_rgb

from heartsim.render.panels import Theme
from heartsim.render.style import SCALARS

if TYPE_CHECKING:
    import pyvista

    from heartsim.render.window import Window

KEYS: Final = """space   play, pause
left, right   step in time
d, s   end-diastole, end-systole
1 2 3 4   stress, strain, tension, activation
c   cut open or whole
x   plane of the cut
[ ]   move the cut
r   look from the front again
t   dark or light
h   this help
q   close"""
"""What the keys do, for the user."""

_ON, _OFF, _RIM = "#0072b2", "#c3ccd5", "#7b8794"
_ROW: Final = 2
_REACH: Final = 45.0  # [mm] ends of the slider of the cut


@final
class Controls:
    """Lowest row of a window: time and cut as sliders, the rest as buttons, all of it as keys.

    Attributes
    ----------
    keys : mapping of str to callable
        What each key does.
    buttons : mapping of str to vtkButtonWidget
        Check boxes and push buttons by their label.
    time, depth : vtkSliderWidget
    """

    def __init__(self, window: "Window", plotter: "pyvista.Plotter") -> None:
        self._window, self._plotter = window, plotter
        self.keys: dict[str, Callable[[], None]] = {
            "space": window.play,
            "Left": lambda: window.step(-1),
            "Right": lambda: window.step(1),
            "d": lambda: window.go_to_phase("end-diastole"),
            "s": lambda: window.go_to_phase("end-systole"),
            **{str(k + 1): lambda k=k: window.choose(k) for k in range(len(SCALARS))},
            "c": window.cut,
            "x": window.turn_cut,
            "bracketleft": lambda: window.move_cut(window.depth - 3),
            "bracketright": lambda: window.move_cut(window.depth + 3),
            "r": window.look,
            "t": window.change_theme,
            "h": window.help,
            "q": plotter.close,
        }
        self.buttons = {}
        self._labels: list[tuple[str, tuple[float, float]]] = []
        # widgets call back while they are made
        self._busy = True
        plotter.subplot(_ROW, 0)
        self._place_buttons()
        self.time = self._slider(window.go_to, (0.0, window.end), (0.03, 0.36))
        self.depth = self._slider(window.move_cut, (-_REACH, _REACH), (0.4, 0.6))
        self._busy = False
        self._bind()

    def follow(self, window: "Window") -> None:
        """Show the state of the window without acting on it."""
        self._busy = True
        self.time.GetRepresentation().SetValue(window.now)
        self.depth.GetRepresentation().SetValue(window.depth)
        states = {"Play (space)": window.playing, "Cut open (c)": window.clip}
        for k, scalar in enumerate(SCALARS):
            states[f"{scalar.short} ({k + 1})"] = scalar == window.scalar
        for label, state in states.items():
            self.buttons[label].GetRepresentation().SetState(int(state))
        self._busy = False

    def dress(self, theme: Theme) -> None:
        """Take the colors of a theme."""
        plotter = self._plotter
        plotter.subplot(_ROW, 0)
        for label, place in self._labels:
            plotter.add_text(
                label,
                position=place,
                font_size=10,
                color=theme.ink,
                name=f"label {label}",
                render=False,
            )
        for slider in (self.time, self.depth):
            shown = slider.GetRepresentation()
            for part in (shown.GetTubeProperty(), shown.GetCapProperty()):
                part.SetColor(to_rgb(theme.muted))
            shown.GetSliderProperty().SetColor(to_rgb(_ON))

    def _place_buttons(self) -> None:
        """Put the buttons in rows below the sliders."""
        window, plotter = self._window, self._plotter
        width, height = plotter.window_size
        top = 0.21 * height - 100
        columns = (0.03, 0.17, 0.4)
        told = lambda act: lambda _: None if self._busy else act()  # noqa: E731
        rows = (
            ("Play (space)", columns[0], 0, told(window.play), False),
            ("End-diastole (d)", columns[1], 0, told(self.keys["d"]), True),
            ("End-systole (s)", columns[1], 1, told(self.keys["s"]), True),
            ("Dark, light (t)", columns[0], 1, told(window.change_theme), True),
            ("Keys (h)", columns[0], 2, told(window.help), True),
            ("Cut open (c)", columns[2], 0, told(window.cut), False),
            ("Next plane (x)", columns[2], 1, told(window.turn_cut), True),
            ("From the front (r)", columns[2], 2, told(window.look), True),
        )
        for label, x, row, act, pushed in rows:
            self._button(label, (x * width, top - 34 * row), act, pushed=pushed)
        for k, scalar in enumerate(SCALARS):
            act = told(self.keys[str(k + 1)])
            place = ((0.65 + 0.17 * (k // 2)) * width, 0.21 * height - 66 - 40 * (k % 2))
            self._button(f"{scalar.short} ({k + 1})", place, act, pushed=False)
        self._labels += [
            ("Time in the beat (left, right)", (0.03 * width, 0.21 * height - 22)),
            ("Depth of the cut (keys [ and ])", (0.4 * width, 0.21 * height - 22)),
            ("Color of the wall", (0.65 * width, 0.21 * height - 22)),
        ]

    def _button(
        self,
        label: str,
        place: tuple[float, float],
        act: Callable[[bool], None],
        *,
        pushed: bool,
    ) -> None:
        """Check box, or push button that springs back."""
        widget = self._plotter.add_checkbox_button_widget(
            act,
            value=False,
            position=place,
            size=20,
            border_size=2,
            color_on=_OFF if pushed else _ON,
            color_off=_OFF,
            background_color=_RIM,
        )
        self.buttons[label] = widget
        self._labels.append((label, (place[0] + 28, place[1] + 1)))

    def _slider(
        self,
        act: Callable[[float], None],
        ends: tuple[float, float],
        places: tuple[float, float],
    ) -> object:
        slider = self._plotter.add_slider_widget(
            lambda value: None if self._busy else act(value),
            ends,
            value=0.0,
            pointa=(places[0], 0.7),
            pointb=(places[1], 0.7),
            fmt="%.0f",
            style="modern",
            interaction_event="always",
        )
        slider.GetRepresentation().ShowSliderLabelOff()
        return slider

    def _bind(self) -> None:
        """Give the keys to the window alone; VTK's own would close it or draw wireframes."""
        self._plotter.reset_key_events()
        interactor = self._plotter.iren.interactor
        interactor.RemoveObservers("CharEvent")
        for key, act in self.keys.items():
            self._plotter.add_key_event(key, act)
