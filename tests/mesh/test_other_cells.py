"""Hexahedra, wedges, quadratic cells, quadrilaterals and other files of surfaces are understood."""

import warnings

import meshio
import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.formats.splitting import simplices
from heartsim.mesh.incoming import bring_in
from heartsim.mesh.library import load
from heartsim.mesh.raw import read_raw
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary, cavity_volume, cell_volumes
from heartsim.units import mL

INNER, OUTER, BASE = np.array([24.0, 62.0]), np.array([35.0, 73.0]), np.radians(110)
FORMAT = {"msh": {"file_format": "gmsh22"}}


def ventricle(layers=2, around=24, along=10) -> tuple[np.ndarray, list]:
    """Ellipsoid cut at an angle from the apex: wedges at the pole, hexahedra elsewhere."""
    depth, turn = np.linspace(0, 1, layers + 1), 2 * np.pi * np.arange(around) / around
    polar = np.linspace(0, BASE, along + 1)[1:]
    rings = []
    for t in depth:
        short, long = INNER + t * (OUTER - INNER)
        rings.append([[0.0, 0.0, -long]])
        for p in polar:
            radius, height = short * np.sin(p), -long * np.cos(p)
            rings.append([[radius * np.cos(a), radius * np.sin(a), height] for a in turn])
    points = np.concatenate([np.array(r, float) for r in rings])
    shell = 1 + along * around

    def node(layer, ring, k):
        return layer * shell + (0 if ring == 0 else 1 + (ring - 1) * around + k % around)

    hexahedra, wedges = [], []
    for layer in range(layers):
        for k in range(around):
            low, high = layer, layer + 1
            a, b, c = node(low, 0, 0), node(low, 1, k), node(low, 1, k + 1)
            d, e, f = node(high, 0, 0), node(high, 1, k), node(high, 1, k + 1)
            wedges.append([a, b, c, d, e, f])
            for ring in range(1, along):
                quad = [(ring, k), (ring, k + 1), (ring + 1, k + 1), (ring + 1, k)]
                hexahedra.append([node(at, *q) for at in (low, high) for q in quad])
    return points, [("hexahedron", np.array(hexahedra)), ("wedge", np.array(wedges))]


@pytest.mark.parametrize("suffix", ["vtu", "vtk", "inp", "msh"])
def test_a_ventricle_of_hexahedra_and_wedges(suffix, tmp_path):
    points, cells = ventricle()
    path = tmp_path / f"hexa.{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meshio.Mesh(points, cells).write(path, **FORMAT.get(suffix, {}))
    found = bring_in(path)
    assert len(found.heart.tets) == 6 * len(cells[0][1]) + 3 * len(cells[1][1])
    note = next(guess for guess in found.guesses if guess.what == "cells")
    assert note.value == f"{sum(len(part) for _, part in cells)} cut"
    exact = np.pi * INNER[0] ** 2 * INNER[1] * (2 / 3 - np.cos(BASE) + np.cos(BASE) ** 3 / 3)
    volume = cavity_volume(found.heart.points, found.heart.cavities["LV"])
    assert volume == pytest.approx(exact, rel=0.03)  # inscribed in the ellipsoid


def test_cells_cut_from_neighbors_share_their_faces():
    rng = np.random.default_rng(0)
    n = 3
    grid = np.arange((n + 1) ** 3).reshape(n + 1, n + 1, n + 1)
    i, j, k = (x.ravel() for x in np.meshgrid(*[np.arange(n)] * 3, indexing="ij"))
    steps = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]
    number = rng.permutation(grid.size)
    place = np.stack(np.meshgrid(*[np.arange(n + 1.0)] * 3, indexing="ij"), -1).reshape(-1, 3)
    points = np.empty_like(place)
    points[number] = place
    cubes = number[np.stack([grid[i + a, j + b, k + c] for a, b, c in steps], axis=1)]
    tets, source = simplices("hexahedron", cubes)
    tets = orient(points, tets)
    assert cell_volumes(points, tets).min() == pytest.approx(1 / 6)
    assert np.bincount(source).tolist() == [6] * n**3
    assert len(boundary(tets)[0]) == 12 * n**2


@pytest.mark.parametrize("suffix", ["vtu", "msh", "inp"])
def test_quadratic_tetrahedra_keep_their_corners(suffix, tmp_path):
    heart = load("left_ventricle")
    pairs = np.array([[0, 1], [1, 2], [0, 2], [0, 3], [1, 3], [2, 3]])
    edges = np.sort(heart.tets[:, pairs].reshape(-1, 2), axis=1)
    unique, at = np.unique(edges, axis=0, return_inverse=True)
    points = np.concatenate([heart.points, heart.points[unique].mean(axis=1)])
    tets = np.concatenate([heart.tets, len(heart.points) + at.reshape(-1, 6)], axis=1)
    path = tmp_path / f"quadratic.{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meshio.Mesh(points, [("tetra10", tets)]).write(path, **FORMAT.get(suffix, {}))
    found = bring_in(path)
    assert found.heart.tets.shape == heart.tets.shape
    volume = cavity_volume(found.heart.points, found.heart.cavities["LV"]) / mL
    assert volume == pytest.approx(117.28, abs=0.01)


@pytest.mark.parametrize("suffix", ["obj", "off", "vtp", "ply"])
def test_surfaces_of_triangles_and_quadrilaterals(suffix, tmp_path):
    heart = load("left_ventricle")
    facets = np.concatenate([*heart.surfaces.values()])
    path = tmp_path / f"skin.{suffix}"
    cells = [("triangle", facets)]
    if suffix == "vtp":
        import pyvista

        flat = np.concatenate([[4, 0, 1, 2, 3], [5, 4, 5, 6, 7, 8]])
        corners = [[0, 0], [1, 0], [1, 1], [0, 1], [3, 0], [4, 0], [5, 1], [4, 2], [3, 1]]
        pyvista.PolyData(np.column_stack([corners, np.zeros(9)]).astype(float), flat).save(path)
        assert len(read_raw(path).triangles) == 2 + 3
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meshio.Mesh(heart.points, cells).write(path)
    raw = read_raw(path)
    assert len(raw.triangles) == len(facets)
    np.testing.assert_allclose(raw.points[raw.triangles], heart.points[facets], atol=1e-5)


def test_exodus_by_blocks(tmp_path):
    import pyvista
    from vtkmodules.vtkIOExodus import vtkExodusIIWriter

    heart = load("biventricle")
    grid = pyvista.UnstructuredGrid({10: heart.tets}, heart.points)
    writer = vtkExodusIIWriter()
    path = tmp_path / "heart.e"
    writer.SetFileName(str(path))
    writer.SetInputData(grid)
    writer.Write()
    raw = read_raw(path)
    assert len(raw.tets) == len(heart.tets)
    found = bring_in(path)
    volume = cavity_volume(found.heart.points, found.heart.cavities["RV"]) / mL
    assert volume == pytest.approx(131.82, abs=0.01)


def test_cells_of_no_use_are_named(tmp_path):
    import pyvista

    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    path = tmp_path / "polyhedron.vtu"
    faces = [4, 3, 0, 1, 2, 3, 0, 1, 3, 3, 0, 2, 3, 3, 1, 2, 3]
    pyvista.UnstructuredGrid(np.array([len(faces), *faces]), [42], points).save(path)
    with pytest.raises(MeshError, match="VTK type"):
        read_raw(path)
