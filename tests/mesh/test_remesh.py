import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.heartmesh import ATRIA
from heartsim.mesh.parts import part_of, shares, ventricles
from heartsim.mesh.quality import dihedral_angles, examine
from heartsim.mesh.remesh import remeshed, volume_changes
from heartsim.mesh.surfaces import boundary, components, match_facets
from heartsim.mesh.transfer import regions_on


@pytest.fixture(scope="module")
def pair():
    fine = biventricle(6)
    fine = fine.with_region("infarct", np.flatnonzero(fine.points[fine.tets, 0].mean(axis=1) < -20))
    number = np.arange(len(fine.points), dtype=float)
    fine = fine.with_fields({"height": fine.points[:, 2], "number": number})
    return fine, remeshed(fine, 9)


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
        remeshed(two_ventricles, edge)


@pytest.fixture(scope="module")
def blocks(four_chambers):
    return remeshed(four_chambers, 8)


def test_four_chambers_keep_names_and_volumes(four_chambers, blocks):
    assert list(blocks.regions) == list(four_chambers.regions)
    assert list(blocks.surfaces) == list(four_chambers.surfaces)
    assert {k: set(c.rims) for k, c in blocks.cavities.items()} == {
        k: set(c.rims) for k, c in four_chambers.cavities.items()
    }
    changes = volume_changes(four_chambers, blocks)
    assert {"ventricles wall", "LA wall", "RA wall", "LV", "RV", "LA", "RA"} < set(changes)
    assert max(abs(change) for change in changes.values()) < 0.02
    assert [finding for finding in examine(blocks) if finding.severity == "error"] == []


def test_every_chamber_is_lined_by_its_own_wall(blocks):
    """Else the chamber would be missing in the part that is cut out."""
    assert set(ventricles(blocks).heart.cavities) == {"LV", "RV"}
    for name in ATRIA:
        assert set(part_of(blocks, [name]).heart.cavities) == {name}


def test_no_part_of_a_heart_is_scattered(blocks):
    for cells in shares(blocks).values():
        assert components(blocks.tets[cells], len(blocks.points)).max() == 0


def test_lumen_of_vessels_stays_unnamed_on_coarse_cells(four_chambers, blocks):
    """Unnamed are both lumina and the annuli; their area changes little."""

    def unnamed(heart):
        facets, _ = boundary(heart.tets)
        named = np.concatenate(list(heart.surfaces.values()))
        rest = facets[match_facets(facets, named) < 0]
        corner = heart.points[rest]
        across = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        return np.linalg.norm(across, axis=1).sum() / 2

    assert unnamed(blocks) == pytest.approx(unnamed(four_chambers), rel=0.1)


def test_cells_that_reach_from_one_chamber_to_another_are_refused(blocks):
    both = np.concatenate([blocks.surface("RA_endocardium"), blocks.surface("RV_endocardium")[:1]])
    surfaces = {**blocks.surfaces, "RA_endocardium": both}
    with pytest.raises(MeshError, match=r"1 cells at the lining of '(RA|RV)'.*Use a shorter edge"):
        regions_on(blocks, blocks.points, blocks.tets, surfaces)
