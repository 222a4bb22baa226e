"""Drawing without a screen: find out whether VTK can, before it crashes."""

import functools
import os
import subprocess
import sys

from heartsim.errors import HeartsimError

_PROBE = """
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
import vtkmodules.vtkRenderingOpenGL2
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.SetSize(32, 32)
window.AddRenderer(vtkRenderer())
window.Render()
print("drawn")
"""
_WINDOWS = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")
_CHOICE = "VTK_DEFAULT_OPENGL_WINDOW"


class NoScreen(HeartsimError):
    """3D pictures cannot be drawn on this machine as it is."""


def has_screen() -> bool:
    """Whether a window could be opened."""
    return not sys.platform.startswith("linux") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


@functools.cache
def require_drawing() -> None:
    """Make sure that 3D pictures can be drawn, with or without a screen.

    On Linux without a display, VTK ends the process with a segmentation fault if neither EGL nor
    OSMesa is there. So each is tried once in a child process, and the one that works is chosen.

    Raises
    ------
    NoScreen
        If none works; the message says what to install.
    """
    if has_screen():
        return
    chosen = os.environ.get(_CHOICE)
    for window in (chosen,) if chosen else _WINDOWS:
        if _draws(window):
            os.environ[_CHOICE] = window
            return
    raise NoScreen(
        "3D pictures: no display, and neither EGL nor OSMesa can draw. "
        "Install one: `apt-get install libegl1 libgl1-mesa-dri` or `apt-get install libosmesa6` "
        "(dnf: mesa-libEGL or mesa-libOSMesa). Tables and charts do not need it."
    )


def _draws(window: str) -> bool:
    """Whether a kind of window draws in a child process."""
    environment = {**os.environ, _CHOICE: window}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROBE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "drawn" in done.stdout and "ERR|" not in done.stderr
