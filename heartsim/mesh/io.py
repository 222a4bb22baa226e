"""Hearts in and out of files: our VTU with every name in it, and foreign files by a name map."""

import base64
import json
import struct
import zlib
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from heartsim.errors import MeshError
from heartsim.files import write_file
from heartsim.mesh.foreign import NameMap, listing, name_parts
from heartsim.mesh.heartmesh import Cavity, HeartMesh
from heartsim.mesh.raw import HEADER_BYTES, RawMesh, read_raw

FORMAT = 1
DESCRIPTION = "heartsim"
_VTK_TYPES = {"f": "Float", "i": "Int", "u": "UInt"}


def write(mesh: HeartMesh, path: str | Path) -> Path:
    """Write a heart as VTU: tetrahedra, then the triangles of its surfaces, and all names.

    ParaView shows the cell arrays ``region`` and ``surface`` (numbers in the order of the names);
    `read` gives back the same heart, bit by bit. The file appears at once or not at all.

    Parameters
    ----------
    mesh : HeartMesh
        Heart in mm.
    path : path
        File name ending in ``.vtu``.
    """
    path = Path(path)
    if path.suffix.lower() != ".vtu":
        raise MeshError(f"{path.name}: hearts are written as .vtu. Change the file name.")
    description = _describe(mesh)
    cells, point_data, cell_data, field_data = _tables(mesh, description)
    text = _vtu(mesh.points, cells, point_data, cell_data, field_data)
    write_file(path, text)
    return path


def _describe(mesh: HeartMesh) -> dict:
    """Names and shapes, in the order of the arrays."""
    fields = {}
    for name, array in mesh.fields.items():
        place = {len(mesh.tets): "cell", len(mesh.points): "node"}.get(len(array))
        if place is None or array.dtype.kind not in _VTK_TYPES:
            raise MeshError(
                f"{mesh.name}: field {name!r} has shape {array.shape} and type {array.dtype}; "
                "one number, vector or tensor on each cell or node is due."
            )
        fields[name] = {"on": place, "shape": list(array.shape[1:])}
    return {
        "format": FORMAT,
        "unit": "mm",
        "name": mesh.name,
        "origin": mesh.origin,
        "regions": list(mesh.regions),
        "surfaces": {name: len(facets) for name, facets in mesh.surfaces.items()},
        "cavities": {name: list(cavity.rims) for name, cavity in mesh.cavities.items()},
        "fields": fields,
    }


def _tables(mesh: HeartMesh, description: dict) -> tuple[list, dict, dict, dict]:
    """Cells and data arrays of the file."""
    count = len(mesh.tets)
    triangles = [np.asarray(facets) for facets in mesh.surfaces.values()]
    total = count + sum(len(facets) for facets in triangles)
    region, surface = np.full(total, -1, np.int32), np.full(total, -1, np.int32)
    for number, cells in reversed(list(enumerate(mesh.regions.values()))):
        region[cells] = number
    surface[count:] = np.repeat(np.arange(len(triangles)), [len(part) for part in triangles])
    cell_data, point_data = {"region": region, "surface": surface}, {}
    for name, about in description["fields"].items():
        flat = np.asarray(mesh.fields[name]).reshape(len(mesh.fields[name]), -1)
        if about["on"] == "cell":
            padding = np.zeros((total - count, flat.shape[1]), flat.dtype)
            cell_data[f"field {name}"] = np.concatenate([flat, padding])
        else:
            point_data[f"field {name}"] = flat
    text = json.dumps(description).encode()
    field_data = {DESCRIPTION: np.frombuffer(text, np.uint8)}
    for name, cells in mesh.regions.items():
        field_data[f"region {name}"] = np.asarray(cells, np.int64)
    for name, cavity in mesh.cavities.items():
        field_data[f"cavity {name}"] = np.asarray(cavity.facets, np.int64)
        for rim, loop in cavity.rims.items():
            field_data[f"rim {name} {rim}"] = np.asarray(loop, np.int64)
    return [mesh.tets, *triangles], point_data, cell_data, field_data


def _vtu(
    points: np.ndarray, cells: list, point_data: dict, cell_data: dict, field_data: dict
) -> str:
    """Text of a VTU file with compressed arrays."""
    sizes = np.concatenate([np.full(len(part), part.shape[1]) for part in cells])
    grid = {
        "connectivity": np.concatenate([np.ravel(part) for part in cells]).astype(np.int64),
        "offsets": np.cumsum(sizes).astype(np.int64),
        "types": np.where(sizes == 4, 10, 5).astype(np.uint8),
    }
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian" '
        'header_type="UInt64" compressor="vtkZLibDataCompressor">',
        "<UnstructuredGrid>",
        "<FieldData>",
        *[_array(name, array, tuples=True) for name, array in field_data.items()],
        "</FieldData>",
        f'<Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(sizes)}">',
        "<Points>",
        _array("Points", np.asarray(points, float)),
        "</Points>",
        "<Cells>",
        *[_array(name, array) for name, array in grid.items()],
        "</Cells>",
        "<PointData>",
        *[_array(name, array) for name, array in point_data.items()],
        "</PointData>",
        "<CellData>",
        *[_array(name, array) for name, array in cell_data.items()],
        "</CellData>",
        "</Piece>",
        "</UnstructuredGrid>",
        "</VTKFile>",
        "",
    ]
    return "\n".join(lines)


def _array(name: str, array: np.ndarray, *, tuples: bool = False) -> str:
    """One compressed data array in VTK's inline binary form."""
    array = np.ascontiguousarray(array)
    kind = f"{_VTK_TYPES[array.dtype.kind]}{8 * array.dtype.itemsize}"
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    packed = zlib.compress(content, 6)
    header = struct.pack("<4Q", 1, len(content), 0, len(packed))
    if not content:
        header, packed = struct.pack("<3Q", 0, 0, 0), b""
    width = 1 if array.ndim == 1 else array.shape[1]
    count = f' NumberOfTuples="{len(array)}"' if tuples else ""
    text = (base64.b64encode(header) + base64.b64encode(packed)).decode()
    return (
        f'<DataArray type="{kind}" Name={quoteattr(name)} NumberOfComponents="{width}"{count} '
        f'format="binary">{text}</DataArray>'
    )


def read(path: str | Path, names: NameMap | None = None) -> HeartMesh:
    """Read a heart.

    Parameters
    ----------
    path : path
        A file that `write` made, or a foreign mesh of tetrahedra and triangles with `names`.
    names : NameMap, optional
        Meaning of the numbers in a foreign file.

    Raises
    ------
    MeshError
        If the file cannot be read or lacks what a heart needs.
    """
    path = Path(path)
    raw = read_raw(path)
    if names is not None:
        return name_parts(path.name, raw, names)
    if DESCRIPTION not in raw.field_data:
        raise MeshError(
            f"{path.name}: it was not written by heartsim, so the meaning of its numbers is "
            f"unknown. Cell arrays on tetrahedra: {listing(raw.tet_data)}; on triangles: "
            f"{listing(raw.triangle_data)}. Import it with a name map (mesh import --help)."
        )
    try:
        return _from_own(raw)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise MeshError(
            f"{path.name}: its heartsim description does not fit its arrays "
            f"({type(error).__name__}: {error}). The file is damaged; write it again."
        ) from error


def written_here(path: str | Path) -> bool:
    """Whether a file carries the names that `write` stores; it is not opened otherwise."""
    path = Path(path)
    if path.suffix.lower() != ".vtu" or not path.is_file():
        return False
    with path.open("rb") as file:
        return f'Name="{DESCRIPTION}"'.encode() in file.read(HEADER_BYTES)


def _from_own(raw: RawMesh) -> HeartMesh:
    """Rebuild the heart that `write` stored."""
    about = json.loads(np.asarray(raw.field_data[DESCRIPTION], np.uint8).tobytes().decode())
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}, this version reads {FORMAT}")
    store = raw.field_data
    ends = np.cumsum(list(about["surfaces"].values())).astype(int)
    if ends[-1:].sum() != len(raw.triangles):
        raise ValueError("number of triangles")
    parts = np.split(raw.triangles, ends[:-1])
    fields = {}
    for name, entry in about["fields"].items():
        data = raw.tet_data if entry["on"] == "cell" else raw.point_data
        array = data[f"field {name}"]
        fields[name] = array.reshape(len(array), *entry["shape"])
    nodes, cells = len(raw.points), len(raw.tets)
    return HeartMesh(
        name=str(about["name"]),
        points=raw.points,
        tets=raw.tets,
        regions={name: _below(store[f"region {name}"], cells) for name in about["regions"]},
        surfaces=dict(zip(about["surfaces"], parts, strict=True)),
        cavities={
            name: Cavity(
                _below(store[f"cavity {name}"].reshape(-1, 3), nodes),
                {rim: _below(store[f"rim {name} {rim}"], nodes) for rim in rims},
            )
            for name, rims in about["cavities"].items()
        },
        fields=fields,
        origin=str(about["origin"]),
    )


def _below(numbers: np.ndarray, limit: int) -> np.ndarray:
    """Return indices unchanged if all of them are in range."""
    if numbers.dtype.kind not in "iu" or (numbers < 0).any() or (numbers >= limit).any():
        raise IndexError(f"an index outside 0 to {limit - 1}")
    return numbers
