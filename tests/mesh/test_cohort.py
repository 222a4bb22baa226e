"""Hearts from the numbers of a report hold them, and cohorts are distributed as published."""

import math

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.cohort import CORRELATIONS, PUBLISHED, cohort, heart_of
from heartsim.mesh.made_to_measure import Measures, completed, made_to_measure
from heartsim.mesh.quality import radius_ratios
from heartsim.mesh.surfaces import cavity_volume, cell_volumes
from heartsim.units import BLOOD_DENSITY, g, mL


def volume(heart, chamber: str) -> float:
    return cavity_volume(heart.points, heart.cavities[chamber])


def test_a_heart_has_the_sizes_of_the_report():
    asked = Measures(edv=190 * mL, length=98.0, mass=150 * g, rv_volume=150 * mL)
    heart = made_to_measure(asked)
    assert volume(heart, "LV") == pytest.approx(asked.edv, rel=1e-6)
    assert volume(heart, "RV") == pytest.approx(asked.rv_volume, rel=1e-4)
    left = np.concatenate([heart.region("LV"), heart.region("septum")])
    mass = cell_volumes(heart.points, heart.tets[left]).sum() * BLOOD_DENSITY
    assert mass == pytest.approx(asked.mass, rel=1e-4)
    inside = heart.points[np.unique(heart.surface("LV_endocardium"))]
    assert np.ptp(inside[:, 2]) == pytest.approx(asked.length, rel=1e-6)


def test_the_wall_is_as_thick_as_asked():
    heart = made_to_measure(Measures(edv=100 * mL, wall=13.0))
    low = np.abs(heart.points[:, 2]) < 9  # at the widest ring the wall is the gap between radii
    free = heart.points[:, 0] < -0.9 * np.hypot(heart.points[:, 0], heart.points[:, 1])
    radius = np.hypot(heart.points[:, 0], heart.points[:, 1])
    inner = np.isin(np.arange(len(radius)), heart.surface("LV_endocardium"))
    outer = np.isin(np.arange(len(radius)), heart.surface("epicardium"))
    gap = radius[low & free & outer].max() - radius[low & free & inner].max()
    assert gap == pytest.approx(13.0, abs=0.5)


def test_what_is_not_given_follows_sex_and_body_surface():
    small, large = (completed(Measures(sex="female", body_surface=s)) for s in (1.5, 2.0))
    assert large.edv / small.edv == pytest.approx(4 / 3)
    assert completed(Measures(sex="male")).edv == pytest.approx(166 * mL)
    assert completed(Measures(sex="female")).rv_volume == pytest.approx(130 * mL)


def test_sizes_that_are_no_heart_are_refused():
    for wrong in (
        Measures(edv=900 * mL),
        Measures(wall=8.0, mass=100 * g),
        Measures(wall=math.nan),
        Measures(edv=60 * mL, mass=900 * g),
    ):
        with pytest.raises(MeshError):
            made_to_measure(wrong)


@pytest.mark.parametrize("group", ["healthy", "infarct"])
def test_a_cohort_is_distributed_as_published(group):
    """Means within three standard errors and a tenth of an SD for the draws that are no heart."""
    patients, refused = cohort(3000, group=group, seed=2)
    table = np.array([[p.edv / p.body_surface, p.ef, p.rwt, p.sphericity] for p in patients])
    published = np.array(PUBLISHED[group])
    slack = 3 / math.sqrt(len(table)) + 0.1
    assert (np.abs(table.mean(axis=0) - published[:, 0]) < slack * published[:, 1]).all()
    np.testing.assert_allclose(table.std(axis=0), published[:, 1], rtol=0.12)
    found = np.corrcoef(table.T)
    for i, j, value in CORRELATIONS[group]:
        assert found[i, j] == pytest.approx(value, abs=0.08)
    assert refused < 0.05 * len(patients)
    assert cohort(5, group=group, seed=2)[0] == patients[:5]


@pytest.mark.parametrize("group", ["healthy", "infarct"])
def test_twenty_hearts_are_made_without_failure(group):
    patients, _ = cohort(20, group=group, seed=1)
    for patient in patients:
        heart = heart_of(patient)
        assert volume(heart, "LV") == pytest.approx(patient.edv * mL, rel=1e-6)
        assert volume(heart, "RV") == pytest.approx(patient.rv_volume * mL, rel=1e-3)
        assert radius_ratios(heart.points, heart.tets).min() > 0.05


def test_the_study_of_a_cohort_finds_its_hearts_from_anywhere(tmp_path, monkeypatch):
    from heartsim.cli.made import cohort as command
    from heartsim.mesh.library import load
    from heartsim.sweep import Study

    command(2, output=tmp_path / "people")
    monkeypatch.chdir("/")
    study = Study.read(tmp_path / "people/study.toml")
    assert len(study.cases) == 2
    for case in study.cases:
        patient = case.scenario.patient
        assert volume(load(patient.mesh), "LV") > 50 * mL
        assert patient.element == "P1P1"


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_cohort_beats_without_failure(tmp_path):
    """Twenty hearts, coarsely: about 15 processor minutes.

    Volumes are those drawn, EF comes out of one muscle for all: its mean lies within two published
    standard deviations of the published mean, and the volumes spread as the drawn ones do.
    """
    import pandas as pd

    import heartsim as hs
    from heartsim.cli.made import cohort as command

    command(20, output=tmp_path / "people")
    ended = hs.sweep(tmp_path / "people/study.toml", tmp_path / "runs", device="cpu", quiet=True)
    table = pd.read_csv(ended.folder / "table.csv")
    drawn = pd.read_csv(tmp_path / "people/cohort.csv")
    assert list(table["status"]) == ["converged"] * 20
    volumes = table["chambers.LV.EDV_mL"].to_numpy()
    assert np.abs(volumes / drawn["edv"].to_numpy() - 1).max() < 0.1
    assert np.corrcoef(volumes, drawn["edv"])[0, 1] > 0.95
    mean, spread = PUBLISHED["healthy"][1]
    ejected = table["chambers.LV.EF_percent"]
    assert abs(ejected.mean() - mean) < 2 * spread
