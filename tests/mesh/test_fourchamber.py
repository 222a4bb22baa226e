import json

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.fourchamber import read_four_chamber
from heartsim.mesh.hinges import hinges, without_hinges
from heartsim.mesh.quality import examine
from heartsim.mesh.remesh import coarsen, volume_changes
from heartsim.mesh.surfaces import cavity_volume, cell_volumes, lid_area
from heartsim.units import cm, mL

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
    coarse = coarsen(patient, edge)
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
