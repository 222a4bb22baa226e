import numpy as np
import pytest
import pyvista

from heartsim.errors import ResultError
from heartsim.result.vtu import read_vtu, write_pvd, write_vtu

POINTS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
TETS = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
NODES = {"displacement_mm": np.arange(15.0).reshape(5, 3), "surface": np.arange(5, dtype=np.uint8)}
CELLS = {"stress": np.array([1.5, -2.5]), "region": np.array([1, 2], np.uint8)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "wall.vtu"
    write_vtu(path, POINTS, TETS, nodes=NODES, cells=CELLS)
    return path


def test_reads_back_what_it_wrote(file):
    points, tets, nodes, cells = read_vtu(file)
    np.testing.assert_allclose(points, POINTS)
    np.testing.assert_array_equal(tets, TETS)
    for written, read in ((NODES, nodes), (CELLS, cells)):
        assert set(written) == set(read)
        for name, values in written.items():
            np.testing.assert_allclose(read[name], values)


def test_vtk_reads_the_same(file):
    grid = pyvista.read(file)
    np.testing.assert_allclose(grid.points, POINTS)
    np.testing.assert_array_equal(grid.cells_dict[pyvista.CellType.TETRA], TETS)
    np.testing.assert_allclose(grid.point_data["displacement_mm"], NODES["displacement_mm"])
    np.testing.assert_allclose(grid.cell_data["stress"], CELLS["stress"])


def test_vtk_finds_the_times_of_a_series(tmp_path, file):
    write_pvd(tmp_path / "fields.pvd", [(0.0, file.name), (12.5, file.name)])
    reader = pyvista.get_reader(tmp_path / "fields.pvd")
    assert reader.time_values == [0.0, 12.5]


@pytest.mark.parametrize("keep", [0, 100, 700, -40])
def test_a_cut_file_is_named_as_damaged(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ResultError, match="damaged"):
        read_vtu(file)


def test_a_node_out_of_range_is_refused(tmp_path):
    path = tmp_path / "bad.vtu"
    write_vtu(path, POINTS, TETS + 3, nodes={}, cells={})
    with pytest.raises(ResultError, match="names a node that is not there"):
        read_vtu(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ResultError, match="cannot be read"):
        read_vtu(tmp_path / "none.vtu")
