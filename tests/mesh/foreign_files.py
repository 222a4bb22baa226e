"""Write a heart in every format that is read, with tags, fibers and surfaces where it has them."""

import warnings
from pathlib import Path

import meshio
import numpy as np

from heartsim.mesh.heartmesh import HeartMesh

FORMATS = [
    *("vtu", "vtk", "vtp", "stl", "ply", "gmsh2", "gmsh2-binary", "gmsh4", "xdmf", "xdmf-hdf"),
    *("abaqus", "tetgen", "carp", "medit"),
]
SURFACE_ONLY = ("vtp", "stl", "ply")


def tags(heart: HeartMesh) -> np.ndarray:
    tag = np.zeros(len(heart.tets), np.int32)
    for number, cells in enumerate(heart.regions.values(), start=1):
        tag[cells] = number
    return tag


def fibers(count: int) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def surface(heart: HeartMesh) -> tuple[np.ndarray, np.ndarray]:
    triangles = np.concatenate(list(heart.surfaces.values()))
    sizes = [len(part) for part in heart.surfaces.values()]
    return triangles, np.repeat(np.arange(1, len(sizes) + 1), sizes).astype(np.int32)


def write_as(heart: HeartMesh, kind: str, folder: Path) -> Path:
    """Write a heart in one of `FORMATS`; the path that is given to a reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind in SURFACE_ONLY:
            return _surface(heart, kind, folder)
        return {
            "carp": _carp,
            "tetgen": _tetgen,
            "abaqus": _abaqus,
        }.get(kind, _meshio(kind))(heart, folder)


def _surface(heart: HeartMesh, kind: str, folder: Path) -> Path:
    import pyvista

    path = folder / f"heart.{kind}"
    triangles, label = surface(heart)
    made = pyvista.PolyData.from_regular_faces(heart.points, triangles)
    if kind == "vtp":
        made.cell_data["label"] = label
        made.point_data["height"] = heart.points[:, 2]
    made.save(path)
    return path


def _meshio(kind: str):
    def write(heart: HeartMesh, folder: Path) -> Path:
        suffix = {"gmsh2": "msh", "gmsh2-binary": "msh", "gmsh4": "msh", "medit": "mesh"}
        path = folder / f"heart.{suffix.get(kind, kind.removesuffix('-hdf'))}"
        triangles, label = surface(heart)
        cells = [("tetra", heart.tets), ("triangle", triangles)]
        data = {"tag": [tags(heart), label]}
        point_data, options = {"height": heart.points[:, 2]}, {}
        if kind.startswith("gmsh"):
            data = {"gmsh:physical": data["tag"], "gmsh:geometrical": data["tag"]}
            form = {"gmsh2": "gmsh22", "gmsh2-binary": "gmsh22", "gmsh4": "gmsh"}[kind]
            options = {"file_format": form, "binary": kind == "gmsh2-binary"}
        if kind in (
            "gmsh2",
            "gmsh4",
        ):  # meshio cannot read back the node data that it writes as text
            point_data = {}
        if kind == "gmsh4":  # meshio cannot write version 4 with two kinds of cells
            cells, data = cells[:1], {}
        if kind in ("vtu", "vtk"):
            data["fiber"] = [fibers(len(heart.tets)), np.zeros((len(triangles), 3))]
        if kind == "medit":
            data, point_data = {"medit:ref": data["tag"]}, {}
        if kind.startswith("xdmf"):
            cells, data = cells[:1], {"tag": [tags(heart)], "fiber": [fibers(len(heart.tets))]}
            options = {"data_format": "HDF" if kind == "xdmf-hdf" else "XML"}
        meshio.Mesh(heart.points, cells, point_data, data).write(path, **options)
        return path

    return write


def _carp(heart: HeartMesh, folder: Path) -> Path:
    points = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in heart.points * 1000)
    (folder / "heart.pts").write_text(f"{len(heart.points)}\n{points}\n")
    rows = [f"Tt {' '.join(map(str, t))} {k}" for t, k in zip(heart.tets, tags(heart), strict=True)]
    (folder / "heart.elem").write_text(f"{len(rows)}\n" + "\n".join(rows) + "\n")
    rows = [" ".join(f"{x:.9f}" for x in row) for row in fibers(len(heart.tets))]
    (folder / "heart.lon").write_text("1\n" + "\n".join(rows) + "\n")
    triangles, _ = surface(heart)
    rows = [f"Tr {' '.join(map(str, t))}" for t in triangles]
    (folder / "heart.surf").write_text(f"{len(rows)}\n" + "\n".join(rows) + "\n")
    return folder / "heart.elem"


def _tetgen(heart: HeartMesh, folder: Path) -> Path:
    def rows(table: np.ndarray, form: str) -> str:
        return "".join(
            f"{k} {' '.join(form % x for x in row)}\n" for k, row in enumerate(table, start=1)
        )

    head = f"# made by a test\n{len(heart.points)} 3 0 0\n"
    (folder / "heart.node").write_text(head + rows(heart.points, "%.17g"))
    table = np.column_stack([heart.tets + 1, tags(heart)])
    (folder / "heart.ele").write_text(f"{len(table)} 4 1\n" + rows(table, "%d"))
    triangles, label = surface(heart)
    table = np.column_stack([triangles + 1, label])
    (folder / "heart.face").write_text(f"{len(table)} 1\n" + rows(table, "%d"))
    return folder / "heart.ele"


def _abaqus(heart: HeartMesh, folder: Path) -> Path:
    lines = ["*HEADING", "a heart", "*NODE"]
    lines += [
        f"{k}, {', '.join(f'{x:.17g}' for x in row)}" for k, row in enumerate(heart.points, start=1)
    ]
    number = 1
    for name, cells in heart.regions.items():
        lines.append(f"*ELEMENT, TYPE=C3D4, ELSET={name}")
        for row in heart.tets[cells] + 1:
            lines.append(f"{number}, {', '.join(map(str, row))}")
            number += 1
    path = folder / "heart.inp"
    path.write_text("\n".join(lines) + "\n")
    return path
