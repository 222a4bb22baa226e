"""Files of VTK: .vtu, .vtk, .vtp and .stl, by VTK's own readers."""

import re
from pathlib import Path

import numpy as np

from heartsim.mesh.formats.content import IGNORED, TETRA, TRIANGLE, Unreadable, content


def read(path: Path) -> dict:
    """Read a grid or a surface of VTK and every complaint of its reader."""
    complaints: list[str] = []
    reader = _reader(path.suffix.lower())
    _collect_errors(reader, complaints)
    reader.SetFileName(str(path))
    reader.Update()
    grid = reader.GetOutput()
    if complaints:
        raise Unreadable(complaints[0])
    if grid is None or grid.GetNumberOfPoints() == 0:
        raise Unreadable("it holds no points")
    if grid.IsA("vtkPolyData"):
        return _surface(grid)
    if not grid.IsA("vtkUnstructuredGrid"):
        raise Unreadable(
            f"it holds a {grid.GetClassName()}, not an unstructured grid or a surface. "
            "Export tetrahedra as .vtu"
        )
    return _grid(grid)


def _reader(suffix: str) -> object:
    """Reader of one kind of file."""
    if suffix == ".vtu":
        from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

        return vtkXMLUnstructuredGridReader()
    if suffix == ".vtp":
        from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

        return vtkXMLPolyDataReader()
    if suffix == ".stl":
        from vtkmodules.vtkIOGeometry import vtkSTLReader

        reader = vtkSTLReader()
        reader.ScalarTagsOn()
        return reader
    from vtkmodules.vtkIOLegacy import vtkGenericDataObjectReader

    reader = vtkGenericDataObjectReader()
    for every in ("Scalars", "Vectors", "Normals", "Tensors", "TCoords", "Fields"):
        getattr(reader, f"ReadAll{every}On")()
    return reader


def _grid(grid: object) -> dict:
    """Tables of an unstructured grid."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    cells = grid.GetCells()
    offsets = vtk_to_numpy(cells.GetOffsetsArray()).astype(np.int64)
    nodes = vtk_to_numpy(cells.GetConnectivityArray()).astype(np.int64)
    types = vtk_to_numpy(grid.GetCellTypesArray()).astype(np.int64)
    return _tables(grid, offsets, nodes, types)


def _surface(surface: object) -> dict:
    """Tables of a surface, whose cells come as vertices, lines, polygons and strips."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    if surface.GetNumberOfStrips():
        raise Unreadable("it holds triangle strips. Export plain triangles")
    polygons = surface.GetPolys()
    offsets = vtk_to_numpy(polygons.GetOffsetsArray()).astype(np.int64)
    nodes = vtk_to_numpy(polygons.GetConnectivityArray()).astype(np.int64)
    if (np.diff(offsets) != 3).any():
        raise Unreadable("it holds polygons of other than 3 corners. Triangulate the surface")
    types = np.full(len(offsets) - 1, TRIANGLE)
    return _tables(
        surface, offsets, nodes, types, surface.GetNumberOfVerts() + surface.GetNumberOfLines()
    )


def _tables(
    grid: object, offsets: np.ndarray, nodes: np.ndarray, types: np.ndarray, skipped: int = 0
) -> dict:
    """Tetrahedra and triangles with their data."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    picks = _pick_cells(offsets, nodes, types)

    def arrays(data: object) -> dict[str, np.ndarray]:
        found = {}
        for number in range(data.GetNumberOfArrays()):
            array, name = data.GetArray(number), data.GetArrayName(number)
            if array is not None and name:
                found[name] = vtk_to_numpy(array)
        return found

    cell_data = arrays(grid.GetCellData())
    if any(len(array) < skipped + len(types) for array in cell_data.values()):
        raise Unreadable("it holds fewer numbers on cells than cells")
    cell_data = {name: array[skipped:] for name, array in cell_data.items()}
    (tets, tet_nodes), (triangles, triangle_nodes) = picks
    return content(
        vtk_to_numpy(grid.GetPoints().GetData()),
        tet_nodes,
        triangle_nodes,
        tet_data={name: array[tets] for name, array in cell_data.items()},
        triangle_data={name: array[triangles] for name, array in cell_data.items()},
        point_data=arrays(grid.GetPointData()),
        field_data=arrays(grid.GetFieldData()),
    )


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


def _pick_cells(
    offsets: np.ndarray, nodes: np.ndarray, types: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
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
    picks = []
    for name, kind, size in (("tetrahedra", TETRA, 4), ("triangles", TRIANGLE, 3)):
        which = np.flatnonzero(types == kind)
        if (np.diff(offsets)[which] != size).any():
            raise Unreadable(f"some of its {name} do not have {size} nodes")
        picks.append((which, nodes[offsets[which][:, None] + np.arange(size)]))
    return picks
