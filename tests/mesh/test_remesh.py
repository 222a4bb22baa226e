import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.quality import dihedral_angles, examine
from heartsim.mesh.remesh import coarsen, volume_changes


@pytest.fixture(scope="module")
def pair():
    fine = biventricle(6)
    fine = fine.with_region("infarct", np.flatnonzero(fine.points[fine.tets, 0].mean(axis=1) < -20))
    number = np.arange(len(fine.points), dtype=float)
    fine = fine.with_fields({"height": fine.points[:, 2], "number": number})
    return fine, coarsen(fine, 9)


def test_volumes_are_kept(pair):
    assert max(abs(change) for change in volume_changes(*pair).values()) < 1e-6


def test_cells_get_larger_and_stay_well_shaped(pair):
    fine, coarse = pair
    assert len(coarse.tets) < 0.8 * len(fine.tets)
    assert np.degrees(dihedral_angles(coarse.points, coarse.tets)).min() > 5
    assert [finding for finding in examine(coarse) if finding.severity == "error"] == []


def test_names_survive(pair):
    fine, coarse = pair
    assert list(fine.regions) == list(coarse.regions)
    assert list(fine.surfaces) == list(coarse.surfaces)
    assert {k: set(c.rims) for k, c in fine.cavities.items()} == {
        k: set(c.rims) for k, c in coarse.cavities.items()
    }


def test_regions_stay_where_they_were(pair):
    fine, coarse = pair
    for name in fine.regions:
        old, new = (h.points[h.tets[h.region(name)]].mean(axis=(0, 1)) for h in (fine, coarse))
        assert np.linalg.norm(old - new) < 3


def test_fields_are_carried_over(pair):
    _, coarse = pair
    assert np.abs(coarse.fields["height"] - coarse.points[:, 2]).max() < 5


@pytest.mark.parametrize("edge", [0.01, 500, float("nan")])
def test_senseless_edges_are_refused(edge, two_ventricles):
    with pytest.raises(MeshError, match="cannot remesh"):
        coarsen(two_ventricles, edge)
