"""XDMF with numbers in the text or in an HDF5 file beside it, as FEniCS and meshio write it.

meshio and VTK read only some spellings of the cell types and one grid a file; and VTK follows
HDF5 links out of the file. Here several grids with the same nodes become one mesh.
"""

import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from heartsim.mesh.formats.content import Unreadable, content

MOST_NUMBERS = 200_000_000
DEEPEST = 20
_TETRA = {"tetrahedron", "tet", "tetra"}
_TRIANGLE = {"triangle", "tri"}
_SIZES = {"tetrahedron": 4, "triangle": 3}
_MIXED = {4: 3, 6: 4}  # XDMF's numbers of triangle and tetrahedron: nodes


def read(path: Path) -> dict:
    """Read the first time of every grid of the file."""
    text = path.read_bytes()
    if re.search(rb"<!(DOCTYPE\s+\w+\s*\[|ENTITY)", text, re.IGNORECASE):
        raise Unreadable("it defines XML entities, which no mesh needs")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, RecursionError, ValueError) as error:
        raise Unreadable(f"its XML is broken ({error})") from error
    points, cells, data = None, {"tetrahedron": [], "triangle": []}, {}
    point_data: dict[str, np.ndarray] = {}
    for grid in _grids(root):
        geometry, topology = grid.find("Geometry"), grid.find("Topology")
        if geometry is not None and geometry.find("DataItem") is not None:
            found = _numbers(path, geometry.find("DataItem"))
            if points is not None and found.shape != points.shape:
                raise Unreadable("its grids have different nodes")
            points = found
        kinds = _topology(path, topology) if topology is not None else {}
        for kind, nodes in kinds.items():
            cells[kind].append(nodes)
        on_cells, on_nodes = _attributes(path, grid, kinds)
        point_data |= on_nodes
        for name, array in on_cells.items():
            data.setdefault(name, []).append((kinds, array))
    if points is None:
        raise Unreadable("it holds no points")
    tets, tet_data = _merged("tetrahedron", cells, data)
    triangles, triangle_data = _merged("triangle", cells, data)
    return content(
        points,
        tets,
        triangles,
        tet_data=tet_data,
        triangle_data=triangle_data,
        point_data={n: a for n, a in point_data.items() if len(a) == len(points)},
    )


def _grids(root: ET.Element) -> list[ET.Element]:
    """Uniform grids, of a time series the first ones."""
    found, waiting = [], [(root, 0)]
    while waiting:
        element, depth = waiting.pop(0)
        if depth > DEEPEST:
            raise Unreadable(f"its elements are nested deeper than {DEEPEST}")
        for child in element:
            kind = child.get("GridType", "Uniform").lower()
            if child.tag == "Grid" and kind == "uniform":
                found.append(child)
            elif child.tag == "Grid" and child.get("CollectionType", "").lower() == "temporal":
                waiting += [(step, depth + 1) for step in [_wrapped(child)]]
            elif child.tag in ("Grid", "Domain"):
                waiting.append((child, depth + 1))
    return found


def _wrapped(series: ET.Element) -> ET.Element:
    """First time of a series."""
    first = ET.Element("Domain")
    first.extend([grid for grid in series if grid.tag == "Grid"][:1])
    return first


def _topology(path: Path, topology: ET.Element) -> dict[str, np.ndarray]:
    """Cells of one grid by kind; the order within a mixed list is kept."""
    item = topology.find("DataItem")
    if item is None:
        raise Unreadable("its topology holds no numbers")
    name = topology.get("TopologyType", topology.get("Type", "")).lower()
    numbers = _numbers(path, item)
    if numbers.dtype.kind == "f":
        numbers = numbers.astype(np.int64)
    if name == "mixed":
        return _mixed(np.ravel(numbers))
    kind = "tetrahedron" if name in _TETRA else "triangle" if name in _TRIANGLE else ""
    if not kind:
        raise Unreadable(f"it holds cells of type {name!r}; tetrahedra and triangles can be used")
    if numbers.size % _SIZES[kind]:
        raise Unreadable(f"its number of corners is no multiple of {_SIZES[kind]}")
    return {kind: numbers.reshape(-1, _SIZES[kind]).astype(np.int64)}


def _mixed(numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Cells of a mixed list: type, then its nodes, and so on."""
    rows: dict[int, list[np.ndarray]] = {3: [], 4: []}
    at = 0
    while at < len(numbers):
        size = _MIXED.get(int(numbers[at]))
        if size is None or at + size >= len(numbers):
            raise Unreadable(f"its mixed cells hold type {int(numbers[at])} or break off")
        rows[size].append(numbers[at + 1 : at + 1 + size])
        at += 1 + size
    return {
        kind: np.array(rows[size], np.int64)
        for kind, size in (("tetrahedron", 4), ("triangle", 3))
        if rows[size]
    }


def _attributes(
    path: Path, grid: ET.Element, kinds: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Data on cells and on nodes of one grid."""
    on_cells, on_nodes = {}, {}
    count = sum(len(nodes) for nodes in kinds.values())
    for attribute in grid.findall("Attribute"):
        item = attribute.find("DataItem")
        name, place = attribute.get("Name", "data"), attribute.get("Center", "Node").lower()
        if item is None:
            continue
        array = _numbers(path, item)
        array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
        if place == "cell" and len(array) == count and len(kinds) == 1:
            on_cells[name] = array
        elif place == "node":
            on_nodes[name] = array
    return on_cells, on_nodes


def _merged(kind: str, cells: dict, data: dict) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All cells of one kind, and the arrays that cover every one of them.

    A second grid with the same cells, as FEniCS writes for tags, adds data and no cells.
    """
    parts: list[np.ndarray] = []
    for nodes in cells[kind]:
        if not any(np.array_equal(nodes, part) for part in parts):
            parts.append(nodes)
    if not parts:
        return np.zeros((0, _SIZES[kind]), np.int64), {}
    merged = {}
    for name, entries in data.items():
        pieces = [
            next((a for k, a in entries if kind in k and np.array_equal(k[kind], part)), None)
            for part in parts
        ]
        if all(piece is not None for piece in pieces):
            merged[name] = np.concatenate([piece for piece in pieces if piece is not None])
    return np.concatenate(parts), merged


def _numbers(path: Path, item: ET.Element) -> np.ndarray:
    """Numbers of a data item, from the text or from HDF5."""
    try:
        shape = [int(word) for word in item.get("Dimensions", "").split()]
    except ValueError as error:
        raise Unreadable("the dimensions of a data item are not whole numbers") from error
    if any(size < 0 for size in shape) or math.prod(shape) > MOST_NUMBERS:
        raise Unreadable(f"it declares {shape} numbers, at most {MOST_NUMBERS:,} are read")
    form = item.get("Format", "XML").upper()
    if form == "HDF":
        array = _from_hdf(path, (item.text or "").strip())
    elif form == "XML":
        try:
            array = np.array((item.text or "").split(), float)
        except ValueError as error:
            raise Unreadable(f"a data item holds something else than numbers ({error})") from error
    else:
        raise Unreadable(f"numbers in the format {form} are not read; write XML or HDF")
    if shape and array.size != math.prod(shape):
        raise Unreadable(f"a data item declares {shape} numbers and holds {array.size}")
    array = array.reshape(shape) if shape else array
    kind = item.get("NumberType", item.get("DataType", "Float")).lower()
    if kind not in ("int", "uint", "char", "uchar") or array.dtype.kind in "iu":
        return array
    if not np.isfinite(array).all() or (np.abs(array) > 2**53).any():
        raise Unreadable("whole numbers of a data item are not finite")
    return array.astype(np.int64)


def _from_hdf(path: Path, place: str) -> np.ndarray:
    """One dataset of an HDF5 file in the same folder, and of no other file."""
    import h5py

    name, _, inner = place.partition(":")
    beside = path.parent / name
    if not name or Path(name).name != name or not inner:
        raise Unreadable(f"its numbers lie in {place[:80]!r}; a file beside it is due")
    if not beside.is_file():
        raise Unreadable(f"{name} should lie beside it and does not")
    try:
        with h5py.File(beside, "r") as store:
            return plain_numbers(store, inner)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise Unreadable(f"{name} cannot be read ({str(error)[:120]})") from error


def plain_numbers(store: object, inner: str) -> np.ndarray:
    """Numbers of one dataset, of bounded size, reached by hard links only and stored in this file.

    Parameters
    ----------
    store : h5py.File
        Open for reading.
    inner : str
        Path of the dataset.

    Raises
    ------
    Unreadable
        If it is absent, a link, too large, no numbers, or its bytes lie elsewhere.
    """
    import h5py

    node = store
    for step in inner.strip("/").split("/"):
        if not isinstance(node, h5py.Group):
            raise Unreadable(f"{inner} is not in its HDF5 file")
        if not isinstance(node.get(step, getlink=True), h5py.HardLink):
            raise Unreadable(f"{inner} is a link to elsewhere or absent")
        node = node[step]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        raise Unreadable(f"{inner} is not stored in its HDF5 file itself")
    if node.size > MOST_NUMBERS or node.dtype.kind not in "fiu":
        raise Unreadable(f"{inner} holds {node.size:,} numbers of type {node.dtype}")
    return np.asarray(node[()])
