"""VTU and PVD files, written and read without VTK.

Unstructured grids of tetrahedra, compressed and appended in binary, that ParaView opens as they
are. The reader understands the files of this writer, no more: it fails with a message instead of
crashing on a damaged one.
"""

import struct
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import ResultError

_TYPES = {
    "Float32": np.dtype("<f4"),
    "Float64": np.dtype("<f8"),
    "Int32": np.dtype("<i4"),
    "Int64": np.dtype("<i8"),
    "UInt8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
_MARK = b'<AppendedData encoding="raw">_'
_TETRAHEDRON = 10
_LARGEST = 2**34


def write_vtu(
    path: Path,
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    *,
    nodes: Mapping[str, np.ndarray],
    cells: Mapping[str, np.ndarray],
) -> None:
    """Write tetrahedra with node and cell fields.

    Parameters
    ----------
    path : Path
        File to write.
    points : (n, 3)
        Node coordinates [mm].
    tets : (c, 4) int
        Tetrahedra.
    nodes, cells : mapping of name to array
        Fields; floats are stored as float32, integers as they are.
    """
    blobs: list[bytes] = []
    count = len(tets)
    topology = {
        "connectivity": np.asarray(tets, np.int32).reshape(-1),
        "offsets": np.arange(4, 4 * count + 1, 4, dtype=np.int32),
        "types": np.full(count, _TETRAHEDRON, np.uint8),
    }
    piece = [
        _group("Points", {"points": np.asarray(points, float)}, blobs),
        _group("Cells", topology, blobs),
        _group("PointData", nodes, blobs),
        _group("CellData", cells, blobs),
    ]
    header = (
        '<?xml version="1.0"?>\n'
        '<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian" '
        'header_type="UInt64" compressor="vtkZLibDataCompressor">\n<UnstructuredGrid>\n'
        f'<Piece NumberOfPoints="{len(points)}" NumberOfCells="{count}">\n'
        f"{''.join(piece)}</Piece>\n</UnstructuredGrid>\n"
    )
    with path.open("wb") as file:
        file.write(header.encode() + _MARK)
        file.writelines(blobs)
        file.write(b"\n</AppendedData>\n</VTKFile>\n")


def read_vtu(
    path: Path,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Points (n, 3), tets (c, 4), node fields and cell fields of a file of `write_vtu`.

    Raises
    ------
    ResultError
        If the file is missing or damaged.
    """
    try:
        content = path.read_bytes()
        head, found, blob = content.partition(_MARK)
        if not found:
            raise ValueError("no appended data")
        piece = ET.fromstring(head + b"</VTKFile>").find(".//Piece")
        if piece is None:
            raise ValueError("no piece")
        groups = {
            name: {a.get("Name", ""): _decode(a, blob) for a in piece.iterfind(f"{name}/DataArray")}
            for name in ("Points", "Cells", "PointData", "CellData")
        }
        points = groups["Points"]["points"]
        tets = groups["Cells"]["connectivity"].reshape(-1, 4)
        _check(points, tets, groups["PointData"], groups["CellData"])
    except OSError as error:
        raise ResultError(
            f"{path}: cannot be read ({error.strerror}). Run the case again."
        ) from error
    except (
        ValueError,
        KeyError,
        IndexError,
        struct.error,
        zlib.error,
        ET.ParseError,
    ) as error:
        raise ResultError(f"{path}: damaged ({error}). Delete the folder and run again.") from error
    return points, tets, groups["PointData"], groups["CellData"]


def write_pvd(path: Path, frames: Sequence[tuple[float, str]]) -> None:
    """Write the list of files of a time series, each with its time [ms]."""
    rows = "".join(
        f'<DataSet timestep="{time:.6g}" group="" part="0" file={quoteattr(name)}/>\n'
        for time, name in frames
    )
    path.write_text(
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1" '
        f'byte_order="LittleEndian">\n<Collection>\n{rows}</Collection>\n</VTKFile>\n'
    )


def _group(name: str, arrays: Mapping[str, np.ndarray], blobs: list[bytes]) -> str:
    """XML of one group of arrays; their bytes are appended to `blobs`."""
    rows = []
    for label, array in arrays.items():
        values = np.ascontiguousarray(array)
        if values.dtype not in _NAMES or values.dtype == np.float64:
            values = values.astype(np.float32 if values.dtype.kind == "f" else np.int32)
        if sys.byteorder != "little":
            values = values.astype(values.dtype.newbyteorder("<"))
        offset = sum(map(len, blobs))
        columns = values.shape[1] if values.ndim == 2 else 1
        rows.append(
            f'<DataArray type="{_NAMES[values.dtype]}" Name={quoteattr(label)} '
            f'NumberOfComponents="{columns}" format="appended" offset="{offset}"/>\n'
        )
        blobs.append(_encode(values.tobytes()))
    return f"<{name}>\n{''.join(rows)}</{name}>\n"


def _encode(data: bytes) -> bytes:
    """One compressed block with VTK's header: blocks, block size, rest, compressed size."""
    if not data:
        return struct.pack("<Q", 0)
    packed = zlib.compress(data, 1)
    return struct.pack("<4Q", 1, len(data), 0, len(packed)) + packed


def _decode(tag: ET.Element, blob: bytes) -> np.ndarray:
    """Array of a DataArray tag."""
    dtype = _TYPES[tag.get("type", "")]
    start = int(tag.get("offset", ""))
    columns = int(tag.get("NumberOfComponents", "1"))
    (blocks,) = struct.unpack_from("<Q", blob, start)
    if blocks == 0:
        return np.zeros((0, columns) if columns > 1 else 0, dtype)
    blocks, size, _, packed = struct.unpack_from("<4Q", blob, start)
    if blocks != 1 or size > _LARGEST or start + 32 + packed > len(blob):
        raise ValueError(f"array {tag.get('Name')} is cut off")
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(blob[start + 32 : start + 32 + packed], size)
    if len(data) != size:
        raise ValueError(f"array {tag.get('Name')} is short")
    values = np.frombuffer(data, dtype)
    return values.reshape(-1, columns) if columns > 1 else values


def _check(
    points: np.ndarray,
    tets: np.ndarray,
    nodes: Mapping[str, np.ndarray],
    cells: Mapping[str, np.ndarray],
) -> None:
    """Refuse indices out of range and fields of the wrong length."""
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError("points are not (n, 3)")
    if tets.size and not (tets.min() >= 0 and tets.max() < len(points)):
        raise ValueError("a cell names a node that is not there")
    for fields, length in ((nodes, len(points)), (cells, len(tets))):
        for name, values in fields.items():
            if len(values) != length:
                raise ValueError(f"field {name} has {len(values)} values, expected {length}")
