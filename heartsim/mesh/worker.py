"""Child process that opens a foreign mesh file and hands back plain arrays.

VTK and other readers may crash, hang or exit on a damaged file, so that no such file is opened in
the main process. Run as a script in isolated mode, with a limit on memory, time and output:
``python -I worker.py FILE FOLDER MEMORY SECONDS``. It imports nothing of heartsim.
"""

import contextlib
import json
import re
import sys
from pathlib import Path

import numpy as np

TETRA, TRIANGLE = 10, 5
IGNORED = {1: "vertex", 3: "line"}


class Unreadable(Exception):
    """The file cannot be used; the message tells why."""


def main(arguments: list[str]) -> int:
    """Read one file and write its arrays and a manifest."""
    path, folder = Path(arguments[0]), Path(arguments[1])
    memory, seconds = int(arguments[2]), int(arguments[3])
    limit(memory, seconds)
    try:
        content = read_vtu(path) if path.suffix.lower() == ".vtu" else read_other(path)
    except (Unreadable, MemoryError) as error:
        text = str(error) or "it needs more memory than allowed"
        (folder / "error.txt").write_text(text, encoding="utf-8")
        return 3
    save(content, folder)
    return 0


def limit(memory: int, seconds: int) -> None:
    """Bound memory, processor time and output of this process where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the parent still stops a child that takes too long
        return
    bounds = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: (memory, memory),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, values in bounds.items():
        with contextlib.suppress(ValueError, OSError):  # macOS knows no bound on memory
            resource.setrlimit(kind, values)


def read_vtu(path: Path) -> dict:
    """Read an unstructured grid of VTK and every complaint of its reader."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

    complaints: list[str] = []
    reader = vtkXMLUnstructuredGridReader()
    _collect_errors(reader, complaints)
    reader.SetFileName(str(path))
    reader.Update()
    grid = reader.GetOutput()
    if complaints:
        raise Unreadable(complaints[0])
    if grid is None or grid.GetNumberOfPoints() == 0:
        raise Unreadable("it holds no points")
    cells = grid.GetCells()
    offsets = vtk_to_numpy(cells.GetOffsetsArray()).astype(np.int64)
    nodes = vtk_to_numpy(cells.GetConnectivityArray()).astype(np.int64)
    types = vtk_to_numpy(grid.GetCellTypesArray()).astype(np.int64)
    picks = _pick_cells(offsets, nodes, types)

    def arrays(data: object) -> dict[str, np.ndarray]:
        found = {}
        for number in range(data.GetNumberOfArrays()):
            array, name = data.GetArray(number), data.GetArrayName(number)
            if array is not None and name:
                found[name] = vtk_to_numpy(array)
        return found

    cell_data = arrays(grid.GetCellData())
    return {
        "points": {"": vtk_to_numpy(grid.GetPoints().GetData()).astype(float)},
        "tets": {"": picks["tets"][1]},
        "triangles": {"": picks["triangles"][1]},
        "tet_data": {name: array[picks["tets"][0]] for name, array in cell_data.items()},
        "triangle_data": {name: array[picks["triangles"][0]] for name, array in cell_data.items()},
        "point_data": arrays(grid.GetPointData()),
        "field_data": arrays(grid.GetFieldData()),
    }


def _collect_errors(reader: object, complaints: list[str]) -> None:
    """Append errors and warnings of a reader, and of its parser, to a list."""
    from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow

    window = vtkStringOutputWindow()
    vtkOutputWindow.SetInstance(window)

    def note(source: object, event: str) -> None:
        # where in VTK's sources it was found, and at which address, helps nobody
        text = re.sub(r".*\(0x[0-9a-f]+\): ", "", " ".join(window.GetOutput().split()))
        complaints.append(text[-300:] or f"its reader reports {event}")

    for event in ("ErrorEvent", "WarningEvent"):
        reader.AddObserver(event, note)
        window.AddObserver(event, note)


def _pick_cells(offsets: np.ndarray, nodes: np.ndarray, types: np.ndarray) -> dict:
    """Select tetrahedra and triangles; refuse other solids and faces."""
    if len(offsets) != len(types) + 1 or (np.diff(offsets) < 0).any() or offsets[-1] > len(nodes):
        raise Unreadable("the offsets of its cells do not fit their nodes")
    known = {TETRA, TRIANGLE, *IGNORED}
    foreign = sorted(set(np.unique(types).tolist()) - known)
    if foreign:
        raise Unreadable(
            f"it holds cells of VTK type {foreign}; only linear tetrahedra (10) and triangles (5) "
            "can be used. Convert the others"
        )
    picks = {}
    for name, kind, size in (("tets", TETRA, 4), ("triangles", TRIANGLE, 3)):
        which = np.flatnonzero(types == kind)
        if (np.diff(offsets)[which] != size).any():
            raise Unreadable(f"some of its {name} do not have {size} nodes")
        picks[name] = (which, nodes[offsets[which][:, None] + np.arange(size)])
    return picks


def read_other(path: Path) -> dict:
    """Read any other format through meshio, which exits on some damaged files."""
    import meshio

    try:
        mesh = meshio.read(path)
    except SystemExit as error:
        raise Unreadable("its format is not understood or it is damaged") from error
    kinds = {block.type for block in mesh.cells}
    foreign = sorted(kinds - {"tetra", "triangle", "line", "vertex"})
    if foreign:
        raise Unreadable(
            f"it holds cells of type {foreign}; only tetrahedra and triangles can be used"
        )
    names = {str(tag): name for name, (tag, _) in _tag_names(mesh).items()}
    return {
        "points": {"": np.asarray(mesh.points, float)},
        "tets": {"": _blocks(mesh, "tetra", 4)},
        "triangles": {"": _blocks(mesh, "triangle", 3)},
        "tet_data": _block_data(mesh, "tetra"),
        "triangle_data": _block_data(mesh, "triangle"),
        "point_data": dict(mesh.point_data),
        "field_data": {"names": np.frombuffer(json.dumps(names).encode(), np.uint8)},
    }


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


def save(content: dict, folder: Path) -> None:
    """Write arrays as .npy and a manifest that names them; numbers only."""
    manifest: dict[str, dict[str, str]] = {}
    count = 0
    for group, arrays in content.items():
        manifest[group] = {}
        for name, array in arrays.items():
            if array.dtype.kind not in "fiub":
                continue
            np.save(folder / f"{count}.npy", np.ascontiguousarray(array), allow_pickle=False)
            manifest[group][name] = f"{count}.npy"
            count += 1
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
