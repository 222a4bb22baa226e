import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh import raw
from heartsim.mesh.foreign import NameMap, read_name_map
from heartsim.mesh.io import read, write
from heartsim.mesh.quality import require_usable

MESHIO_POINTS = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.fixture(scope="module")
def rich(two_ventricles):
    rng = np.random.default_rng(1)
    cells, nodes = len(two_ventricles.tets), len(two_ventricles.points)
    return two_ventricles.with_region("infarct", np.array([900, 3, 5])).with_fields(
        {
            "fiber": rng.normal(size=(cells, 3)),
            "frame": rng.normal(size=(cells, 3, 3)),
            "aha": np.arange(cells, dtype=np.int32),
            "activation_time": rng.normal(size=nodes).astype(np.float32),
        }
    )


@pytest.fixture(scope="module")
def stored(rich, tmp_path_factory):
    return write(rich, tmp_path_factory.mktemp("hearts") / "rich.vtu")


def assert_equal(a, b):
    assert a.dtype == b.dtype
    assert np.array_equal(a, b)


def test_round_trip_is_exact(rich, stored):
    back = read(stored)
    assert (back.name, back.origin) == (rich.name, rich.origin)
    assert_equal(back.points, rich.points)
    assert_equal(back.tets, rich.tets)
    for group in ("regions", "surfaces", "fields"):
        ours, theirs = getattr(rich, group), getattr(back, group)
        assert list(ours) == list(theirs)
        for name in ours:
            assert_equal(ours[name], theirs[name])
    for name, cavity in rich.cavities.items():
        assert_equal(cavity.facets, back.cavities[name].facets)
        for rim, loop in cavity.rims.items():
            assert_equal(loop, back.cavities[name].rims[rim])


def test_writing_twice_gives_the_same_bytes(rich, stored, tmp_path):
    assert write(rich, tmp_path / "again.vtu").read_bytes() == stored.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.vtu"]


def test_no_reader_enters_this_process(stored):
    code = (
        "import sys\nfrom heartsim.mesh.io import read\n"
        f"read({str(stored)!r})\n"
        "print([m for m in ('vtk', 'vtkmodules', 'meshio', 'pyvista', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_vtu_is_written(rich, tmp_path):
    with pytest.raises(MeshError, match=r"\.vtu"):
        write(rich, tmp_path / "heart.vtk")


def test_field_of_another_length_is_refused(rich, tmp_path):
    with pytest.raises(MeshError, match="'wrong' has shape"):
        write(rich.with_fields({"wrong": np.zeros(5)}), tmp_path / "heart.vtu")


def damaged(text: str, how: str) -> str:
    if how == "truncated":
        return text[: len(text) // 2]
    if how == "huge point count":
        return text.replace('NumberOfPoints="', 'NumberOfPoints="4', 1).replace(
            'NumberOfPoints="4', 'NumberOfPoints="99999999999', 1
        )
    if how == "negative count":
        return text.replace('NumberOfCells="', 'NumberOfCells="-', 1)
    if how == "too few points":
        start = text.index('NumberOfPoints="') + len('NumberOfPoints="')
        return text[:start] + "9" + text[start:]
    if how == "entity":
        return text.replace("<VTKFile", "<!DOCTYPE a [<!ENTITY b 'c'>]><VTKFile", 1)
    if how == "garbage array":
        return text.replace('Name="Points"', 'Name="Points" ', 1).replace("eJ", "!!", 9)
    return {"garbage": "\x01\x02 not a mesh" * 99, "empty": "", "other xml": "<html></html>"}[how]


@pytest.mark.parametrize(
    "how",
    [
        "truncated",
        "garbage",
        "empty",
        "other xml",
        "huge point count",
        "negative count",
        "too few points",
        "entity",
        "garbage array",
    ],
)
def test_damaged_files_are_refused(how, stored, tmp_path):
    path = tmp_path / "damaged.vtu"
    path.write_text(damaged(stored.read_text(), how))
    with pytest.raises(MeshError, match=r"damaged\.vtu") as caught:
        read(path)
    assert len(str(caught.value)) > 40


def test_missing_file_and_unknown_type(tmp_path):
    with pytest.raises(MeshError, match="no such file"):
        read(tmp_path / "absent.vtu")
    legacy = tmp_path / "heart.stp"
    legacy.write_text("# vtk DataFile Version 3.0")
    with pytest.raises(MeshError, match=r"'\.stp' are not read"):
        read(legacy)


def ascii_grid(connectivity: str, cell_type: int = 10) -> str:
    points = " ".join(str(x) for point in MESHIO_POINTS for x in point)
    return f"""<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian">
<UnstructuredGrid><Piece NumberOfPoints="4" NumberOfCells="1">
<Points>
<DataArray type="Float64" NumberOfComponents="3" format="ascii">{points}</DataArray></Points>
<Cells><DataArray type="Int64" Name="connectivity" format="ascii">{connectivity}</DataArray>
<DataArray type="Int64" Name="offsets" format="ascii">{len(connectivity.split())}</DataArray>
<DataArray type="UInt8" Name="types" format="ascii">{cell_type}</DataArray></Cells>
</Piece></UnstructuredGrid></VTKFile>"""


@pytest.mark.parametrize("index", [99_999_999, -5, 4])
def test_indices_outside_the_mesh_are_refused(index, tmp_path):
    path = tmp_path / "index.vtu"
    path.write_text(ascii_grid(f"0 1 2 {index}"))
    with pytest.raises(MeshError, match=r"index\.vtu"):
        read(path)


def test_other_cells_are_refused(tmp_path):
    path = tmp_path / "cells.vtu"
    path.write_text(ascii_grid("0 1 2 3", cell_type=42))
    with pytest.raises(MeshError, match="VTK type"):
        read(path)


def test_foreign_file_without_names_lists_its_arrays(tmp_path):
    path = tmp_path / "plain.vtu"
    path.write_text(ascii_grid("0 1 2 3"))
    with pytest.raises(MeshError, match="not written by heartsim"):
        read(path)


def test_slow_reader_is_stopped(stored):
    with pytest.raises(MeshError, match="stopped"):
        raw.read_raw(stored, seconds=0)


def test_hungry_reader_is_stopped(stored):
    with pytest.raises(MeshError, match=r"rich\.vtu: cannot be read"):
        raw.read_raw(stored, memory=100 * 2**20)


def foreign(heart, path, names):
    """Write a heart as a Gmsh file with numbers for names."""
    import meshio

    region = np.zeros(len(heart.tets), np.int32)
    for number, cells in enumerate(heart.regions.values()):
        region[cells] = number + 1
    triangles = np.concatenate([f[:, ::-1] for f in heart.surfaces.values()])
    surface = np.repeat(
        np.arange(len(heart.surfaces)) + 11, [len(f) for f in heart.surfaces.values()]
    ).astype(np.int32)
    mesh = meshio.Mesh(
        heart.points / 10,
        [("tetra", heart.tets), ("triangle", triangles)],
        cell_data={"gmsh:physical": [region, surface], "gmsh:geometrical": [region, surface]},
    )
    mesh.write(path, file_format="gmsh22")
    return NameMap(
        region_array="gmsh:physical",
        regions=dict(enumerate(heart.regions, start=1)),
        surface_array="gmsh:physical",
        surfaces=dict(enumerate(heart.surfaces, start=11)),
        unit="cm",
        **names,
    )


@pytest.mark.filterwarnings("ignore")
def test_foreign_file_gets_names_unit_and_orientation(two_ventricles, tmp_path):
    path = tmp_path / "foreign.msh"
    names = foreign(two_ventricles, path, {})
    back = read(path, names)
    require_usable(back)
    np.testing.assert_allclose(back.points, two_ventricles.points, atol=1e-9)
    for name, cells in two_ventricles.regions.items():
        assert_equal(back.regions[name], cells)
    with pytest.raises(MeshError, match="no cell array 'tag'"):
        read(path, replace(names, region_array="tag"))
    with pytest.raises(MeshError, match="no triangle on the boundary"):
        read(path, replace(names, surfaces={77: "LV_endocardium"}))
    with pytest.raises(MeshError, match="no tetrahedron has a region number"):
        read(path, replace(names, regions={5: "LV"}))


def test_broken_foreign_file_is_refused(tmp_path):
    path = tmp_path / "broken.msh"
    path.write_text("$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n3\n1 0 0")
    with pytest.raises(MeshError, match=r"broken\.msh: cannot be read"):
        read(path, NameMap("a", {1: "LV"}, "a", {2: "epicardium"}))


def test_description_that_lies_is_refused(rich, tmp_path, monkeypatch):
    from heartsim.mesh import io

    about = io._describe(rich)
    about["regions"] = [*about["regions"], "absent"]
    monkeypatch.setattr(io, "_describe", lambda mesh: about)
    monkeypatch.setattr(io.json, "dumps", lambda content: json.JSONEncoder().encode(content))
    path = io.write(rich, tmp_path / "lies.vtu")
    with pytest.raises(MeshError, match="description does not fit"):
        read(path)


def test_name_map_is_read_from_toml(tmp_path):
    path = tmp_path / "names.toml"
    path.write_text(
        'unit = "cm"\nregion_array = "tag"\nsurface_array = "face"\n[regions]\n1 = "LV"\n'
        '[surfaces]\n11 = "LV_endocardium"\n[rims]\nLV = ["mitral", "aortic"]\n'
    )
    assert read_name_map(path) == NameMap(
        "tag", {1: "LV"}, "face", {11: "LV_endocardium"}, "cm", {"LV": ("mitral", "aortic")}
    )


@pytest.mark.parametrize("text", ["", "unit = 3", "[regions]\nx = 'LV'", "\x00"])
def test_broken_name_map_is_refused(text, tmp_path):
    path = tmp_path / "names.toml"
    path.write_text(text)
    with pytest.raises(MeshError, match="not a name map"):
        read_name_map(path)
