"""openCARP (.pts, .elem, .lon, .surf) and TetGen (.node, .ele, .face): lists of numbers.

No kept library reads them. Both spread a mesh over files of the same name, so each is opened by
any of them. openCARP's coordinates are micrometers by its convention.
"""

from pathlib import Path

import numpy as np

from heartsim.mesh.formats.content import (
    Unreadable,
    content,
    counted,
    lines_of,
    table,
    whole,
)

CARP = (".pts", ".elem")
TETGEN = (".node", ".ele")
_SIZES = {"Tt": 4, "Tr": 3, "Ln": 2, "Cx": 2, "Bc": 1}


def read_carp(path: Path) -> dict:
    """Read a mesh of openCARP: nodes, elements with region tags, fibers and sheets if present."""
    head, *rows = _nonempty(lines_of(path.with_suffix(".pts")))
    points = table(rows, counted(head, "points"), 3, "points")
    head, *rows = _nonempty(lines_of(path.with_suffix(".elem")))
    declared = counted(head, "elements")
    if declared < 0 or declared > len(rows):
        raise Unreadable(f"it declares {declared} elements and holds {len(rows)}")
    rows = rows[:declared]
    kinds = np.array([row[0] for row in rows], dtype="U16")
    foreign = sorted(set(kinds.tolist()) - set(_SIZES))
    if foreign:
        raise Unreadable(f"it holds elements of type {foreign[:5]}; Tt and Tr can be used")
    cells, data = {}, {}
    for kind, size in (("Tt", 4), ("Tr", 3)):
        which = np.flatnonzero(kinds == kind)
        chosen = [rows[number][1:] for number in which]
        tagged = all(len(row) > size for row in chosen)
        numbers = whole(table(chosen, len(chosen), size + tagged, "elements"), "elements")
        cells[kind] = numbers[:, :size]
        data[kind] = {"tag": numbers[:, size]} if tagged else {}
        for name, directions in _directions(path, declared).items():
            data[kind][name] = directions[which]
    triangles, triangle_data = cells["Tr"], data["Tr"]
    if not len(triangles) and path.with_suffix(".surf").is_file():
        triangles, triangle_data = _carp_surface(path), {}
    return content(points, cells["Tt"], triangles, tet_data=data["Tt"], triangle_data=triangle_data)


def _directions(path: Path, count: int) -> dict[str, np.ndarray]:
    """Fibers, and sheets if there are two directions, one line an element."""
    if not path.with_suffix(".lon").is_file():
        return {}
    head, *rows = _nonempty(lines_of(path.with_suffix(".lon")))
    axes = counted(head, "directions")
    if axes not in (1, 2):
        raise Unreadable(f"its .lon file declares {axes} directions; 1 or 2 are due")
    if len(rows) != count:
        raise Unreadable(f"its .lon file has {len(rows)} directions for {count} elements")
    numbers = table(rows, count, 3 * axes, "directions")
    return {name: numbers[:, 3 * k : 3 * k + 3] for k, name in enumerate(["fiber", "sheet"][:axes])}


def _carp_surface(path: Path) -> np.ndarray:
    """Triangles of a surface file."""
    head, *rows = _nonempty(lines_of(path.with_suffix(".surf")))
    chosen = [row[1:] for row in rows if row[0] == "Tr"]
    return whole(table(chosen, counted(head, "triangles"), 3, "triangles"), "triangles")


def read_tetgen(path: Path) -> dict:
    """Read a mesh of TetGen: nodes, tetrahedra with a region, faces with a marker."""
    head, *rows = _nonempty(lines_of(path.with_suffix(".node")))
    count, width, attributes, marked = _header(head, 4, (3, 0, 0))
    if width != 3:
        raise Unreadable(f"its nodes have {width} coordinates; three are due")
    if not 0 <= attributes <= 1000 or marked not in (0, 1):
        raise Unreadable(f"its nodes declare {attributes} attributes and {marked} markers")
    nodes = table(rows, count, 4 + attributes + marked, "nodes")
    if count == 0:
        raise Unreadable("it holds no points")
    first = int(whole(nodes[:1, 0], "nodes")[0])
    point_data = {f"attribute {k + 1}": nodes[:, 4 + k] for k in range(attributes)}
    if marked:
        point_data["marker"] = whole(nodes[:, -1], "markers")
    head, *rows = _nonempty(lines_of(path.with_suffix(".ele")))
    count, size, attributes = _header(head, 3, (4, 0))
    if size not in (4, 10) or not 0 <= attributes <= 1000:
        raise Unreadable(f"its tetrahedra have {size} nodes and {attributes} attributes")
    cells = table(rows, count, 1 + size + attributes, "tetrahedra")
    names = ["region", *(f"attribute {k}" for k in range(2, attributes + 1))][:attributes]
    triangles, triangle_data = _faces(path.with_suffix(".face"), first)
    return content(
        nodes[:, 1:4],
        whole(cells[:, 1:5], "tetrahedra") - first,
        triangles,
        tet_data={name: cells[:, 1 + size + k] for k, name in enumerate(names)},
        triangle_data=triangle_data,
        point_data=point_data,
    )


def _faces(path: Path, first: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Triangles and their markers, where the file is there."""
    if not path.is_file():
        return np.zeros((0, 3), np.int64), {}
    head, *rows = _nonempty(lines_of(path))
    count, marked = _header(head, 2, (0,))
    if marked not in (0, 1):
        raise Unreadable(f"its faces declare {marked} markers; 0 or 1 is due")
    faces = whole(table(rows, count, 4 + marked, "faces"), "faces")
    return faces[:, 1:4] - first, {"marker": faces[:, 4]} if marked else {}


def _header(row: list[str], length: int, default: tuple[int, ...]) -> list[int]:
    """Counts at the head of a TetGen file; the last ones may be left out."""
    try:
        numbers = [int(word) for word in row[:length]]
    except ValueError as error:
        raise Unreadable(f"its first line {' '.join(row)[:60]!r} is not a row of counts") from error
    return numbers + list(default[len(numbers) - length :] if len(numbers) < length else ())


def _nonempty(rows: list[list[str]]) -> list[list[str]]:
    if not rows:
        raise Unreadable("one of its files is empty")
    return rows
