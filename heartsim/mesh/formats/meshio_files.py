"""Gmsh 2 and 4, Abaqus, PLY, OBJ, OFF, MED and Medit, by meshio."""

import json
import re
from pathlib import Path

import numpy as np

from heartsim.mesh.formats.content import Unreadable, content
from heartsim.mesh.formats.splitting import CORNERS, gathered

MOST_SETS = 500
PASSED_OVER = ("line", "vertex")


def read(path: Path) -> dict:
    """Read through meshio, which exits on some damaged files.

    Names of physical groups come back as JSON in the field ``names``; each set of cells, as Abaqus
    has them, as a cell array ``set NAME`` of zeros and ones.
    """
    import meshio

    try:
        mesh = meshio.read(path)
    except SystemExit as error:
        raise Unreadable("its format is not understood or it is damaged") from error
    kinds = [re.sub(r"\d+$", "", block.type) for block in mesh.cells]
    foreign = sorted({*kinds} - {*CORNERS, *PASSED_OVER})
    if foreign:
        raise Unreadable(f"it holds cells of type {foreign}; usable are {', '.join(CORNERS)}")
    starts = np.cumsum([0, *(len(block.data) for block in mesh.cells)])
    cells = gathered(
        (kind, np.asarray(block.data), start + np.arange(len(block.data)))
        for kind, block, start in zip(kinds, mesh.cells, starts[:-1], strict=True)
        if kind in CORNERS
    )
    data = {name: np.concatenate([*parts]) for name, parts in mesh.cell_data.items()}
    data |= _sets(mesh)
    names = {str(tag): name for name, (tag, _) in _tag_names(mesh).items()}

    def of(source: np.ndarray) -> dict[str, np.ndarray]:
        return {name: array[source] for name, array in data.items()} if len(source) else {}

    return content(
        mesh.points,
        cells.tets,
        cells.triangles,
        tet_data=of(cells.tets_from),
        triangle_data=of(cells.triangles_from),
        point_data=dict(mesh.point_data),
        field_data={
            "names": np.frombuffer(json.dumps(names).encode(), np.uint8),
            "split": np.array([cells.split]),
        },
    )


def _tag_names(mesh: object) -> dict:
    """Names of physical groups, as number and dimension."""
    return {
        name: (int(value[0]), int(value[1]))
        for name, value in mesh.field_data.items()
        if np.size(value) == 2
    }


def _sets(mesh: object) -> dict[str, np.ndarray]:
    """Sets of cells as arrays of zeros and ones."""
    if len(mesh.cell_sets) > MOST_SETS:
        raise Unreadable(f"it holds more than {MOST_SETS} sets of cells")
    found = {}
    for name, parts in mesh.cell_sets.items():
        if name.startswith("gmsh:"):
            continue
        marks = [np.zeros(len(block.data), np.int8) for block in mesh.cells]
        for mark, members in zip(marks, parts, strict=False):
            if members is not None and len(members):
                mark[np.asarray(members, np.int64)] = 1
        if marks and np.concatenate(marks).any():
            found[f"set {name}"] = np.concatenate(marks)
    return found
