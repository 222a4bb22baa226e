"""What a run hands over, and how it is kept: `Recording` in memory, `Result` in a folder."""

from heartsim.result.folder import finished, new_folder
from heartsim.result.recording import Recording, close_loop, time_mean
from heartsim.result.store import Frame, Result, names, save

__all__ = [
    "Frame",
    "Recording",
    "Result",
    "close_loop",
    "finished",
    "names",
    "new_folder",
    "save",
    "time_mean",
]
