"""Fiber stress where the wall is marked, such as an infarct and its border, and in the rest of it.

The same cells are read in every scenario, so that the border of an infarct can be held against the
same muscle before the infarct. A wall that was cut has other cells: there its own marks are read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from heartsim.indices.wall import percentile
from heartsim.mesh.surfaces import cell_volumes
from heartsim.result import Frame, Result, names
from heartsim.units import mL

MOMENTS: Final = {"ED": "end-diastole", "ES": "end-systole"}
REST: Final = "rest of the LV wall"
_MARK: Final = "region_"
_LEFT: Final = (1, 3)
"""LV and septum in the field ``region`` of a result."""

_Cells: TypeAlias = Bool[np.ndarray, " cells"]


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
        a result has no such muscle.
    """

    name: str
    volume: float
    stress: Mapping[str, tuple[float, ...]]


class _Wall(NamedTuple):
    """Snapshots of a result, the volume of its cells and what is marked on them."""

    frames: Mapping[str, Frame]
    volume: np.ndarray
    marks: Mapping[str, _Cells]

    def alike(self, other: "_Wall") -> bool:
        return np.array_equal(self.frames["ED"].tets, other.frames["ED"].tets)


def places(results: Sequence[Result]) -> list[Place]:
    """Read the stress in every place that any of the results marks, the rest of the LV wall last.

    Where results mark different muscle by one name, each has a place of its own.

    Parameters
    ----------
    results : sequence of Result
        Scenarios of one heart.

    Returns
    -------
    list of Place
        Empty if nothing is marked.
    """
    walls = [_wall(result) if result.has_wall else None for result in results]
    owned = list[tuple[str, _Wall, str]]()
    for wall, title in zip(walls, names(results), strict=True):
        for name, cells in () if wall is None else wall.marks.items():
            same = [owner for known, owner, _ in owned if known == name]
            if not any(_told(wall, cells, owner, name) for owner in same):
                owned.append((name, wall, title))
    if not owned:
        return []
    count = [name for name, *_ in owned]
    found = [
        _place(
            name if count.count(name) == 1 else f"{name} of {title}",
            owner.volume[owner.marks[name]],
            walls,
            [wall and _there(name, owner, wall) for wall in walls],
        )
        for name, owner, title in owned
    ]
    first = owned[0][1]
    rest = [wall and _unmarked(wall, walls) for wall in walls]
    return [*found, _place(REST, first.volume[_unmarked(first, walls)], walls, rest)]


def _wall(result: Result) -> _Wall:
    frames = {moment: result.frame(time) for moment, time in MOMENTS.items()}
    frame = frames["ED"]
    marks = {
        name.removeprefix(_MARK).replace("_", " "): np.asarray(cells) > 0
        for name, cells in frame.cells.items()
        if name.startswith(_MARK) and np.any(cells)
    }
    return _Wall(frames, np.abs(cell_volumes(frame.points, frame.tets)), marks)


def _told(wall: _Wall, cells: _Cells, owner: _Wall, name: str) -> bool:
    """Whether a place of this name covers these cells already: the same ones, or a cut wall's."""
    return not wall.alike(owner) or np.array_equal(cells, owner.marks[name])


def _there(name: str, owner: _Wall, wall: _Wall) -> _Cells | None:
    """Cells of a place in another wall; those it marks itself if its cells are others."""
    return owner.marks[name] if wall.alike(owner) else wall.marks.get(name)


def _unmarked(wall: _Wall, walls: Sequence[_Wall | None]) -> _Cells:
    """Cells of the left ventricular wall that no result on these cells marks."""
    cells = wall.frames["ED"].cells
    segment = np.asarray(cells["AHA_segment"])
    left = segment > 0 if segment.any() else np.isin(cells["region"], _LEFT)
    marked = [m for other in walls if other and wall.alike(other) for m in other.marks.values()]
    return left & ~np.any(marked, axis=0) if marked else left


def _place(
    name: str,
    muscle: Float[np.ndarray, " k"],
    walls: Sequence[_Wall | None],
    where: Sequence[_Cells | None],
) -> Place:
    """Make a place of cells of these volumes [mm³], found at `where` in each wall."""
    stress = {
        moment: tuple(
            math.nan if wall is None or cells is None else _median(wall, moment, cells)
            for wall, cells in zip(walls, where, strict=True)
        )
        for moment in MOMENTS
    }
    return Place(name, float(muscle.sum()) / mL, stress)


def _median(wall: _Wall, moment: str, cells: _Cells) -> float:
    stress = np.asarray(wall.frames[moment].cells["fiber_stress_kPa"], float)
    return percentile(stress[cells], wall.volume[cells], 50)
