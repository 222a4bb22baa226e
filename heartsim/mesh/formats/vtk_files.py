"""Files of VTK, STL and Exodus: .vtu, .vtk, .vtp, .stl, .e and .exo, by VTK's own readers."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from heartsim.mesh.formats.content import Unreadable, content
from heartsim.mesh.formats.splitting import gathered

EXODUS = (".e", ".exo", ".ex2")
PASSED_OVER = {0: "empty", 1: "vertex", 2: "vertices", 3: "line", 4: "lines", 21: "curve"}
KINDS = {
    **{5: "triangle", 9: "quad", 10: "tetra", 12: "hexahedron", 13: "wedge", 14: "pyramid"},
    **{22: "triangle", 23: "quad", 24: "tetra", 25: "hexahedron", 26: "wedge", 27: "pyramid"},
    **{28: "quad", 29: "hexahedron"},
}
"""Types of VTK by number, linear and quadratic."""
SIZES = {
    **{5: 3, 9: 4, 10: 4, 12: 8, 13: 6, 14: 5},
    **{22: 6, 23: 8, 24: 10, 25: 20, 26: 15, 27: 13, 28: 9, 29: 27},
}
PIXEL, VOXEL, POLYGON = 8, 11, 7
ROUND = {PIXEL: (9, [0, 1, 3, 2]), VOXEL: (12, [0, 1, 3, 2, 4, 5, 7, 6])}
"""Cells of images: the type and order of nodes that other cells have."""


def read(path: Path) -> dict:
    """Read a grid or a surface of VTK and every complaint of its reader."""
    complaints: list[str] = []
    reader = _reader(path.suffix.lower())
    _collect_errors(reader, complaints)
    reader.SetFileName(str(path))
    reader.Update()
    grid = reader.GetOutput()
    if grid is not None and grid.IsA("vtkMultiBlockDataSet"):
        grid = _joined(grid)
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
    if suffix in EXODUS:
        from vtkmodules.vtkIOExodus import vtkExodusIIReader

        return vtkExodusIIReader()
    from vtkmodules.vtkIOLegacy import vtkGenericDataObjectReader

    reader = vtkGenericDataObjectReader()
    for every in ("Scalars", "Vectors", "Normals", "Tensors", "TCoords", "Fields"):
        getattr(reader, f"ReadAll{every}On")()
    return reader


def _joined(blocks: object) -> object:
    """All unstructured grids in a tree of blocks, as one."""
    from vtkmodules.vtkFiltersCore import vtkAppendFilter

    join = vtkAppendFilter()
    join.MergePointsOn()
    walk = blocks.NewIterator()
    walk.SkipEmptyNodesOn()
    walk.InitTraversal()
    while not walk.IsDoneWithTraversal():
        join.AddInputData(walk.GetCurrentDataObject())
        walk.GoToNextItem()
    join.Update()
    return join.GetOutput()


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
    size = np.diff(offsets)
    types = np.where(size == 3, 5, np.where(size == 4, 9, POLYGON))
    return _tables(
        surface, offsets, nodes, types, surface.GetNumberOfVerts() + surface.GetNumberOfLines()
    )


def _tables(
    grid: object, offsets: np.ndarray, nodes: np.ndarray, types: np.ndarray, skipped: int = 0
) -> dict:
    """Tetrahedra and triangles with their data."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    cells = gathered(_blocks(offsets, nodes, types))

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
    field_data = arrays(grid.GetFieldData())
    if cells.split:
        field_data["split"] = np.array([cells.split])
    return content(
        vtk_to_numpy(grid.GetPoints().GetData()),
        cells.tets,
        cells.triangles,
        tet_data={name: array[cells.tets_from] for name, array in cell_data.items()},
        triangle_data={name: array[cells.triangles_from] for name, array in cell_data.items()},
        point_data=arrays(grid.GetPointData()),
        field_data=field_data,
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


def _blocks(
    offsets: np.ndarray, nodes: np.ndarray, types: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Cells of each type with their numbers; other solids and faces are refused."""
    if len(offsets) != len(types) + 1 or (np.diff(offsets) < 0).any() or offsets[-1] > len(nodes):
        raise Unreadable("the offsets of its cells do not fit their nodes")
    size = np.diff(offsets)
    found = np.unique(types).tolist()
    foreign = sorted({*found} - {*KINDS, *ROUND, *PASSED_OVER, POLYGON})
    if foreign:
        raise Unreadable(
            f"it holds cells of VTK type {foreign}; only tetrahedra, hexahedra, wedges, pyramids, "
            "triangles and quadrilaterals, linear or quadratic, can be used. Convert the others"
        )
    for kind in [k for k in found if k in KINDS or k in ROUND]:
        which = np.flatnonzero(types == kind)
        real, order = ROUND.get(kind, (kind, np.arange(SIZES.get(kind, 0))))
        if (size[which] != len(order)).any():
            raise Unreadable(f"some of its cells of VTK type {kind} do not have {len(order)} nodes")
        yield KINDS[real], nodes[offsets[which][:, None] + np.asarray(order)], which
    which = np.flatnonzero((types == POLYGON) & (size >= 3))
    for step in range(1, int(size[which].max(initial=2)) - 1):
        which = which[size[which] > step + 1]
        start = offsets[which]
        yield "triangle", np.stack([nodes[start + k] for k in (0, step, step + 1)], axis=1), which
