"""Every format gives back what was written: nodes, cells, tags, fibers, surfaces."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.library import load
from heartsim.mesh.raw import read_raw

_spec = importlib.util.spec_from_file_location(
    "foreign_files", Path(__file__).with_name("foreign_files.py")
)
files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(files)


@pytest.fixture(scope="module")
def heart():
    return load("biventricle")


@pytest.mark.parametrize("kind", [k for k in files.FORMATS if k not in files.SURFACE_ONLY])
def test_tetrahedra_come_back(kind, heart, tmp_path):
    raw = read_raw(files.write_as(heart, kind, tmp_path))
    unit = 1000 if kind == "carp" else 1
    tolerance = 1e-6 if kind == "carp" else 1e-9
    np.testing.assert_allclose(raw.points / unit, heart.points, atol=tolerance)
    order = np.concatenate(list(heart.regions.values())) if kind == "abaqus" else slice(None)
    np.testing.assert_array_equal(raw.tets, heart.tets[order])
    name = {"gmsh2": "gmsh:physical", "gmsh2-binary": "gmsh:physical", "tetgen": "region"}
    name = {**name, "medit": "medit:ref"}.get(kind, "tag")
    if kind == "abaqus":
        for region, cells in heart.regions.items():
            assert raw.tet_data[f"set {region}"].sum() == len(cells)
    elif kind != "gmsh4":
        np.testing.assert_array_equal(raw.tet_data[name], files.tags(heart))
    if kind in ("vtu", "vtk", "carp", "xdmf", "xdmf-hdf"):
        wanted = files.fibers(len(heart.tets))
        np.testing.assert_allclose(raw.tet_data["fiber"], wanted, atol=1e-8)
    if kind in ("vtu", "vtk", "xdmf", "xdmf-hdf", "gmsh2-binary"):
        np.testing.assert_allclose(raw.point_data["height"], heart.points[:, 2], atol=1e-9)
    if kind not in ("abaqus", "xdmf", "xdmf-hdf", "gmsh4"):
        np.testing.assert_array_equal(raw.triangles, files.surface(heart)[0])


@pytest.mark.parametrize("kind", files.SURFACE_ONLY)
def test_triangles_come_back(kind, heart, tmp_path):
    raw = read_raw(files.write_as(heart, kind, tmp_path))
    triangles, label = files.surface(heart)
    assert len(raw.tets) == 0
    np.testing.assert_allclose(
        raw.points[raw.triangles], heart.points[triangles], atol=1e-5, rtol=1e-6
    )
    if kind == "vtp":
        np.testing.assert_array_equal(raw.triangle_data["label"], label)


def test_hdf5_may_not_lead_out_of_its_file(heart, tmp_path):
    import h5py

    path = files.write_as(heart, "xdmf-hdf", tmp_path)
    secret = tmp_path / "secret.bin"
    secret.write_bytes(os.urandom(8 * heart.points.size))
    with h5py.File(tmp_path / "heart.h5", "a") as store:
        del store["data0"]
        outside = [(str(secret), 0, secret.stat().st_size)]
        store.create_dataset("data0", heart.points.shape, "f8", external=outside)
    with pytest.raises(MeshError, match="not stored in its HDF5 file"):
        read_raw(path)


def test_xdmf_of_another_folder_is_refused(heart, tmp_path):
    path = files.write_as(heart, "xdmf-hdf", tmp_path)
    path.write_text(path.read_text().replace("heart.h5:", "../heart.h5:"))
    with pytest.raises(MeshError, match="a file beside it is due"):
        read_raw(path)


@pytest.mark.parametrize("kind", ["carp", "tetgen"])
def test_a_missing_companion_is_named(kind, heart, tmp_path):
    path = files.write_as(heart, kind, tmp_path)
    gone = path.with_suffix({"carp": ".pts", "tetgen": ".node"}[kind])
    gone.unlink()
    with pytest.raises(MeshError, match=gone.name):
        read_raw(path)
