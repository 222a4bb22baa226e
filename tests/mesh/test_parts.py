import numpy as np
import pytest

from heartsim.errors import RegionNotFound
from heartsim.mesh.heartmesh import VENTRICULAR
from heartsim.mesh.parts import has_atria, in_ventricles, part_of, ventricles
from heartsim.mesh.quality import examine
from heartsim.mesh.surfaces import boundary, cavity_volume


def test_part_is_a_heart_of_its_own(four_chambers):
    part = ventricles(four_chambers)
    assert set(part.heart.regions) == set(VENTRICULAR)
    assert set(part.heart.surfaces) == {"LV_endocardium", "RV_endocardium", "epicardium", "base"}
    assert {finding.severity for finding in examine(part.heart)} <= {"warning"}
    np.testing.assert_array_equal(part.nodes[part.heart.tets], four_chambers.tets[part.cells])
    np.testing.assert_array_equal(part.heart.points, four_chambers.points[part.nodes])
    for name in ("LV", "RV"):
        assert cavity_volume(part.heart.points, part.heart.cavities[name]) == pytest.approx(
            cavity_volume(four_chambers.points, four_chambers.cavities[name])
        )


def test_names_cover_the_surface_of_a_part(four_chambers):
    atrium = part_of(four_chambers, ["LA"]).heart
    assert set(atrium.cavities) == {"LA"}
    assert sum(map(len, atrium.surfaces.values())) == len(boundary(atrium.tets)[0])


def test_marked_regions_and_fields_come_along(four_chambers):
    marks = np.arange(len(four_chambers.tets))
    marked = four_chambers.with_region("scar", four_chambers.region("LV")[::2])
    part = ventricles(marked.with_fields({"number": marks}))
    assert np.array_equal(part.heart.fields["number"], part.cells)
    assert np.isin(part.cells[part.heart.region("scar")], marked.region("scar")).all()
    assert len(part.heart.region("scar")) == len(marked.region("scar"))


def test_ventricles_alone_are_the_same_heart(two_ventricles):
    assert ventricles(two_ventricles).heart is two_ventricles
    assert in_ventricles(two_ventricles).all()
    assert not has_atria(two_ventricles)


def test_missing_region_is_refused(two_ventricles):
    with pytest.raises(RegionNotFound, match="LA"):
        part_of(two_ventricles, ["LA"])
