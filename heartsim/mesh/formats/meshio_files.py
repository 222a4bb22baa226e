"""Gmsh 2 and 4, Abaqus, PLY, MED and Medit, by meshio."""

import json
from pathlib import Path

import numpy as np

from heartsim.mesh.formats.content import Unreadable, content

MOST_SETS = 500


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
    foreign = sorted({block.type for block in mesh.cells} - {"tetra", "triangle", "line", "vertex"})
    if foreign:
        raise Unreadable(
            f"it holds cells of type {foreign}; only tetrahedra and triangles can be used"
        )
    names = {str(tag): name for name, (tag, _) in _tag_names(mesh).items()}
    return content(
        mesh.points,
        _blocks(mesh, "tetra", 4),
        _blocks(mesh, "triangle", 3),
        tet_data=_block_data(mesh, "tetra") | _sets(mesh, "tetra"),
        triangle_data=_block_data(mesh, "triangle") | _sets(mesh, "triangle"),
        point_data=dict(mesh.point_data),
        field_data={"names": np.frombuffer(json.dumps(names).encode(), np.uint8)},
    )


def _tag_names(mesh: object) -> dict:
    """Names of physical groups, as number and dimension."""
    return {
        name: (int(value[0]), int(value[1]))
        for name, value in mesh.field_data.items()
        if np.size(value) == 2
    }


def _blocks(mesh: object, kind: str, size: int) -> np.ndarray:
    """Gather all cells of one kind."""
    found = [np.asarray(block.data, np.int64) for block in mesh.cells if block.type == kind]
    return np.concatenate(found) if found else np.zeros((0, size), np.int64)


def _block_data(mesh: object, kind: str) -> dict[str, np.ndarray]:
    """Gather all data on cells of one kind."""
    which = [number for number, block in enumerate(mesh.cells) if block.type == kind]
    if not which:
        return {}
    return {
        name: np.concatenate([np.asarray(parts[number]) for number in which])
        for name, parts in mesh.cell_data.items()
    }


def _sets(mesh: object, kind: str) -> dict[str, np.ndarray]:
    """Sets of cells of one kind as arrays of zeros and ones."""
    if len(mesh.cell_sets) > MOST_SETS:
        raise Unreadable(f"it holds more than {MOST_SETS} sets of cells")
    found = {}
    for name, parts in mesh.cell_sets.items():
        if name.startswith("gmsh:"):
            continue
        marks = []
        for block, members in zip(mesh.cells, parts, strict=False):
            mark = np.zeros(len(block.data), np.int8)
            if members is not None and len(members):
                mark[np.asarray(members, np.int64)] = 1
            if block.type == kind:
                marks.append(mark)
        if marks and np.concatenate(marks).any():
            found[f"set {name}"] = np.concatenate(marks)
    return found
