import json

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.fourchamber import read_four_chamber
from heartsim.mesh.heartmesh import TISSUE, VEINS
from heartsim.mesh.hinges import hinges, without_hinges
from heartsim.mesh.quality import examine, radius_ratios
from heartsim.mesh.remesh import remeshed, volume_changes
from heartsim.mesh.surfaces import boundary, cavity_volume, cell_volumes, facet_areas, lid_area
from heartsim.units import cm, mL
from tests.mesh.block_heart import EDGE, VOLUMES

FILE = "rodero-01/rodero_01_fullheart_2.0mm.vtu"


@pytest.fixture(scope="module")
def patient(shared_meshes):
    path = shared_meshes / FILE
    if not path.is_file():
        pytest.skip(f"no {FILE} in ../shared/meshes")
    return read_four_chamber(path, name="rodero-01")


def test_volumes_are_those_of_the_patient(patient):
    volume = {name: cavity_volume(patient.points, c) / mL for name, c in patient.cavities.items()}
    assert volume == pytest.approx({"LV": 120.5, "RV": 185.7}, rel=0.01)
    cells = cell_volumes(patient.points, patient.tets) / mL
    wall = {name: cells[k].sum() for name, k in patient.regions.items()}
    assert wall == pytest.approx({"LV": 125.8, "septum": 38.3, "RV": 62.1}, rel=0.02)


def test_valves_are_named_and_sized(patient):
    area = {
        rim: lid_area(patient.points, loop) / cm**2
        for cavity in patient.cavities.values()
        for rim, loop in cavity.rims.items()
    }
    assert set(area) == {"mitral", "aortic", "tricuspid", "pulmonary"}
    assert area["mitral"] == pytest.approx(8.9, rel=0.02)
    assert area["aortic"] < area["mitral"] < area["tricuspid"]


@pytest.fixture(scope="module")
def whole(shared_meshes):
    path = shared_meshes / FILE
    if not path.is_file():
        pytest.skip(f"no {FILE} in ../shared/meshes")
    return read_four_chamber(path, name="rodero-01", chambers="all")


def test_four_chambers_have_the_volumes_of_the_patient(whole):
    volume = {name: cavity_volume(whole.points, c) / mL for name, c in whole.cavities.items()}
    assert volume == pytest.approx({"LV": 120.5, "RV": 185.7, "LA": 68.0, "RA": 111.0}, rel=0.01)
    cells = cell_volumes(whole.points, whole.tets) / mL
    wall = {name: cells[k].sum() for name, k in whole.regions.items()}
    assert wall == pytest.approx(
        {
            **{"LV": 125.8, "septum": 38.3, "RV": 62.1},
            **{"LA": 26.1, "RA": 28.5, "aorta": 10.9, "pulmonary_artery": 3.5},
        },
        rel=0.02,
    )


def test_veins_lie_where_their_names_say(whole):
    """In this image x runs to the left, y to the back and z to the head."""
    place = {rim: whole.points[loop].mean(0) for rim, loop in whole.cavities["LA"].rims.items()}
    for side in ("left", "right"):
        upper, lower = (
            place[f"{side}_{level}_pulmonary_vein"] for level in ("superior", "inferior")
        )
        assert upper[2] > lower[2] + 10
        assert upper[1] < lower[1]
    assert place["left_superior_pulmonary_vein"][0] > place["right_superior_pulmonary_vein"][0] + 30
    assert place["left_atrial_appendage"][1] < place["left_inferior_pulmonary_vein"][1] - 10
    caval = {rim: whole.points[loop].mean(0) for rim, loop in whole.cavities["RA"].rims.items()}
    assert caval["superior_vena_cava"][2] > caval["inferior_vena_cava"][2] + 50


def test_doctor_finds_no_error_in_four_chambers(whole):
    assert {finding.severity for finding in examine(whole)} <= {"warning"}


def test_blocks_have_four_chambers(four_chambers):
    volume = {
        name: cavity_volume(four_chambers.points, c) / EDGE**3
        for name, c in four_chambers.cavities.items()
    }
    assert volume == pytest.approx(VOLUMES)
    rims = {name: set(cavity.rims) for name, cavity in four_chambers.cavities.items()}
    assert rims == {
        "LV": {"mitral", "aortic"},
        "RV": {"tricuspid", "pulmonary"},
        "LA": {"mitral", *VEINS["LA"]},
        "RA": {"tricuspid", *VEINS["RA"]},
    }
    assert {name: set(cavity.valves) for name, cavity in four_chambers.cavities.items()} == {
        "LV": {"mitral", "aortic"},
        "RV": {"tricuspid", "pulmonary"},
        "LA": {"mitral"},
        "RA": {"tricuspid"},
    }


def test_parts_share_out_the_cells(four_chambers):
    assert set(four_chambers.regions) == set(TISSUE)
    cells = np.concatenate(list(four_chambers.regions.values()))
    assert np.array_equal(np.sort(cells), np.arange(len(four_chambers.tets)))
    assert {finding.severity for finding in examine(four_chambers)} <= {"warning"}


def test_base_is_where_vessels_were_cut(four_chambers):
    """All base is on top or in the hole of a vein; the ends of both vessels are 16 blocks each."""
    base = four_chambers.surfaces["base"]
    height = four_chambers.points[base][..., 2]
    assert height.min() >= 12 * EDGE
    ends = base[four_chambers.points[base][..., 1].max(axis=1) <= 6 * EDGE]
    area = facet_areas(four_chambers.points, ends).sum() / EDGE**2
    assert area == pytest.approx(2 * 16)


def test_lumen_of_vessels_stays_unnamed(four_chambers):
    """Both lumina are 3 blocks wide and 6 high: no named facet looks into them."""
    named = np.concatenate(list(four_chambers.surfaces.values()))
    center = four_chambers.points[named].mean(axis=1) / EDGE
    for x in (4, 13):
        inside = (np.abs(center[:, 0] - x - 1.5) < 1.6) & (np.abs(center[:, 1] - 3.5) < 1.6)
        assert not (inside & (center[:, 2] > 6.1) & (center[:, 2] < 12.9)).any()


def test_ventricles_are_the_default(block_file):
    heart = read_four_chamber(block_file)
    assert set(heart.regions) == {"LV", "RV", "septum"}
    assert set(heart.cavities) == {"LV", "RV"}
    assert sum(map(len, heart.surfaces.values())) == len(boundary(heart.tets)[0])


def test_placeholders_and_orphans_are_dropped(patient):
    assert not patient.fields
    assert len(np.unique(patient.tets)) == len(patient.points)


def test_doctor_finds_nothing_to_repair(patient):
    assert {finding.severity for finding in examine(patient)} <= {"warning"}


def test_right_endocardium_covers_the_septum(patient):
    septum = np.unique(patient.tets[patient.region("septum")])
    for chamber in ("LV", "RV"):
        on_septum = np.isin(patient.surfaces[f"{chamber}_endocardium"], septum).all(axis=1)
        assert on_septum.sum() > 1000


@pytest.mark.slow
@pytest.mark.parametrize(("edge", "cells"), [(5, 23_000), (4, 38_000)])
def test_coarse_patient_keeps_its_shape(patient, edge, cells):
    coarse = remeshed(patient, edge)
    assert max(abs(change) for change in volume_changes(patient, coarse).values()) < 0.02
    assert len(coarse.tets) == pytest.approx(cells, rel=0.2)
    assert [finding for finding in examine(coarse) if finding.severity == "error"] == []
    assert {rim for c in coarse.cavities.values() for rim in c.rims} == {
        "mitral",
        "aortic",
        "tricuspid",
        "pulmonary",
    }
    cells = cell_volumes(coarse.points, coarse.tets) / mL
    assert cells[coarse.region("RV")].sum() == pytest.approx(62.1, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("edge", "cells", "worst"), [(6, 24_800, 0.06), (5, 36_400, 0.12)])
def test_coarse_whole_heart_keeps_its_shape(whole, edge, cells, worst):
    """One flat cell through an atrial wall of 2.4 mm bounds the radius ratio."""
    coarse = remeshed(whole, edge)
    assert max(abs(change) for change in volume_changes(whole, coarse).values()) < 0.02
    assert len(coarse.tets) == pytest.approx(cells, rel=0.2)
    assert [finding for finding in examine(coarse) if finding.severity == "error"] == []
    assert radius_ratios(coarse.points, coarse.tets).min() > worst
    assert {name: set(c.rims) for name, c in coarse.cavities.items()} == {
        name: set(c.rims) for name, c in whole.cavities.items()
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a name map"),
        ("{}", "not a name map"),
        (json.dumps({"_volume_id_to_name": {"x": "y"}, "_surface_id_to_name": {}}), "not a name"),
        ("[" * 100_000, "not a name map"),
    ],
)
def test_broken_name_map_is_refused(content, message, tmp_path):
    (tmp_path / "heart.vtu").write_text("never opened")
    (tmp_path / "heart.namemap.json").write_text(content)
    with pytest.raises(MeshError, match=message):
        read_four_chamber(tmp_path / "heart.vtu")


def test_missing_name_map_is_refused(tmp_path):
    with pytest.raises(MeshError, match="no such name map"):
        read_four_chamber(tmp_path / "heart.vtu")


def test_hinge_loses_the_smaller_part():
    """Two cells share edge 0-1 with nothing between them; a third makes one side larger."""
    tets = np.array([[0, 1, 2, 3], [0, 1, 3, 4], [0, 1, 5, 6]])
    assert hinges(tets).tolist() == [[0, 1]]
    assert without_hinges(tets).tolist() == [True, True, False]
