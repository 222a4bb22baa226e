"""Fiber stress where an operation or a disease marked the wall, and in the rest of it.

The same cells are read in every scenario, so that the border of an infarct can be held against the
same muscle before the infarct.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool

from heartsim.indices.wall import percentile
from heartsim.mesh.surfaces import cell_volumes
from heartsim.result import Frame, Result
from heartsim.units import mL

MOMENTS: Final = {"ED": "end-diastole", "ES": "end-systole"}
REST: Final = "rest of the LV wall"
_MARK: Final = "region_"


@dataclass(frozen=True)
class Place:
    """A marked part of the wall.

    Attributes
    ----------
    name : str
        What it is called, such as ``"infarct border"``.
    volume : float
        Unloaded muscle in it [mL].
    stress : mapping of str to tuple of float
        Median fiber stress [kPa] at ``"ED"`` and ``"ES"``, one for each result; not a number where
        a result has no wall or another mesh.
    """

    name: str
    volume: float
    stress: Mapping[str, tuple[float, ...]]


def places(results: Sequence[Result]) -> list[Place]:
    """Read the stress in every place that any of the results marks, the rest of the LV wall last.

    Parameters
    ----------
    results : sequence of Result
        Scenarios of one heart.

    Returns
    -------
    list of Place
        Empty if nothing is marked.
    """
    frames = [
        {moment: one.frame(time) for moment, time in MOMENTS.items()} if one.has_wall else None
        for one in results
    ]
    marked: dict[str, tuple[Frame, Bool[np.ndarray, " cells"]]] = {}
    for frame in (pair["ED"] for pair in frames if pair):
        for name, cells in frame.cells.items():
            if name.startswith(_MARK) and np.any(cells):
                marked.setdefault(_words(name), (frame, np.asarray(cells) > 0))
    if not marked:
        return []
    first = next(iter(marked.values()))[0]
    same = [cells for frame, cells in marked.values() if _alike(frame, first)]
    others = ~np.any(same, axis=0) & (np.asarray(first.cells["AHA_segment"]) > 0)
    if others.any():
        marked[REST] = first, others
    return [
        Place(
            name,
            float(_volume(frame)[cells].sum()) / mL,
            {
                moment: tuple(_median(pair and pair[moment], frame, cells) for pair in frames)
                for moment in MOMENTS
            },
        )
        for name, (frame, cells) in marked.items()
    ]


def _words(field: str) -> str:
    return field.removeprefix(_MARK).replace("_", " ")


def _alike(frame: Frame, other: Frame) -> bool:
    return np.array_equal(frame.tets, other.tets)


def _volume(frame: Frame) -> np.ndarray:
    return np.abs(cell_volumes(frame.points, frame.tets))


def _median(frame: Frame | None, where: Frame, cells: np.ndarray) -> float:
    """Median over cells that were marked in another frame; not a number on another mesh."""
    if frame is None or not _alike(frame, where):
        return math.nan
    stress = np.asarray(frame.cells["fiber_stress_kPa"], float)
    return percentile(stress[cells], _volume(frame)[cells], 50)
