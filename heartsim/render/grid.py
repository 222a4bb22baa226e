"""Snapshots as PyVista grids."""

from typing import TYPE_CHECKING

import numpy as np

from heartsim.result import Frame

if TYPE_CHECKING:
    import pyvista


def grid(frame: Frame) -> "pyvista.UnstructuredGrid":
    """Wall of a snapshot on its unloaded points, with all its fields.

    Node fields ``displacement_mm`` and ``surface``; cell fields as in `Frame`.
    """
    import pyvista

    cells = np.insert(np.asarray(frame.tets, np.int64), 0, 4, axis=1).ravel()
    types = np.full(len(frame.tets), pyvista.CellType.TETRA, np.uint8)
    made = pyvista.UnstructuredGrid(cells, types, np.array(frame.points, float))
    made.point_data["displacement_mm"] = np.array(frame.displacement, float)
    made.point_data["surface"] = np.array(frame.surface)
    for name, values in frame.cells.items():
        made.cell_data[name] = np.array(values)
    made.field_data["time_ms"] = np.array([frame.time])
    return made


def deformed(frame: Frame) -> "pyvista.UnstructuredGrid":
    """Wall of a snapshot in its shape at that time."""
    moved = grid(frame)
    moved.points = frame.points + frame.displacement
    return moved
