import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.quality import dihedral_angles, examine
from heartsim.mesh.surfaces import (
    TET_FACES,
    area_vectors,
    cavity_volume,
    cell_volumes,
    components,
)
from heartsim.units import mL


@pytest.mark.parametrize("edge", [12, 10, 9, 7, 5])
def test_cells_are_well_shaped(edge):
    heart = biventricle(edge)
    assert np.degrees(dihedral_angles(heart.points, heart.tets)).min() > 10
    assert cell_volumes(heart.points, heart.tets).min() > 0


@pytest.mark.parametrize("edge", [10, 6])
def test_neighbors_lie_on_opposite_sides(edge):
    """No fold: each directed face occurs once, so that cells do not overlap."""
    faces = biventricle(edge).tets[:, TET_FACES].reshape(-1, 3)
    start = faces.argmin(axis=1)
    turned = np.stack([faces[np.arange(len(faces)), (start + k) % 3] for k in range(3)], axis=1)
    assert len(np.unique(turned, axis=0)) == len(faces)


def test_size_is_human(two_ventricles):
    heart = two_ventricles
    volume = {name: cavity_volume(heart.points, c) / mL for name, c in heart.cavities.items()}
    assert 112 < volume["LV"] < 125
    assert 125 < volume["RV"] < 140
    assert 180 < cell_volumes(heart.points, heart.tets).sum() / mL < 210


def test_right_wall_keeps_its_thickness(two_ventricles):
    heart = two_ventricles
    outside = heart.points[np.unique(heart.surfaces["epicardium"])]
    inside = np.setdiff1d(
        np.unique(heart.surfaces["RV_endocardium"]), np.unique(heart.tets[heart.region("septum")])
    )
    distance = np.linalg.norm(heart.points[inside, None] - outside, axis=2).min(axis=1)
    assert distance.min() > 3.5
    assert np.median(distance) == pytest.approx(4, abs=0.1)


def test_names_pass_the_doctor(two_ventricles):
    assert {finding.severity for finding in examine(two_ventricles)} <= {"warning"}
    assert set(two_ventricles.regions) == {"LV", "RV", "septum"}
    assert set(two_ventricles.surfaces) == {
        "LV_endocardium",
        "RV_endocardium",
        "epicardium",
        "base",
    }
    assert {name: set(c.rims) for name, c in two_ventricles.cavities.items()} == {
        "LV": {"base"},
        "RV": {"base"},
    }


def test_septum_lies_between_the_cavities(two_ventricles):
    heart = two_ventricles
    septum = np.unique(heart.tets[heart.region("septum")])
    for chamber in ("LV", "RV"):
        inside = np.isin(heart.surfaces[f"{chamber}_endocardium"], septum).all(axis=1)
        assert inside.any()


def test_surfaces_close_up(two_ventricles):
    heart = two_ventricles
    everything = np.concatenate(list(heart.surfaces.values()))
    np.testing.assert_allclose(area_vectors(heart.points, everything).sum(axis=0), 0, atol=1e-9)
    assert components(heart.tets, len(heart.points)).max() == 0


def test_same_call_gives_same_bits():
    first, second = biventricle(11), biventricle(11)
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.tets, second.tets)


@pytest.mark.parametrize("arguments", [{"edge": 20}, {"edge": 1}, {"edge": 9, "rv_wall": 1}])
def test_unusable_sizes_are_refused(arguments):
    with pytest.raises(MeshError, match="biventricle"):
        biventricle(**arguments)
