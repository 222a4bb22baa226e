import numpy as np
import pytest
from numpy.testing import assert_array_equal

from heartsim.errors import InputError, MeshError, ScenarioError
from heartsim.mesh import library
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.remesh import remeshed, volume_changes
from heartsim.mesh.sizing import Finer, edge_lengths, sizes
from heartsim.mesh.surfaces import edges_of
from heartsim.patient import load_mesh
from heartsim.procedures.cabling import LayChord
from heartsim.procedures.perform import touched
from heartsim.scenario import Scenario

FINE, REACH = 4.5, 3.0


@pytest.fixture(scope="module")
def coarse():
    return biventricle(9)


@pytest.fixture(scope="module")
def apex(coarse):
    """Where the mesh shall be finer: the lowest fifth of the heart."""
    height = coarse.points[:, 2]
    return coarse.points[height < height.min() + 0.2 * np.ptp(height)]


@pytest.fixture(scope="module")
def refined(coarse, apex):
    return remeshed(coarse, sizes(coarse, 9.0, Finer(apex, FINE, REACH)))


def test_edges_are_short_in_the_place_and_as_without_it_far_away(coarse, refined):
    def mean_edge(heart, low, high):
        edges = edges_of(heart.tets)
        ends = heart.points[edges]
        share = (ends[..., 2].mean(axis=1) - coarse.points[:, 2].min()) / np.ptp(
            coarse.points[:, 2]
        )
        length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        return length[(share > low) & (share < high)].mean()

    assert mean_edge(refined, 0.0, 0.2) == pytest.approx(FINE, rel=0.12)
    uniform = remeshed(coarse, 9.0)
    assert mean_edge(refined, 0.6, 1.0) == pytest.approx(mean_edge(uniform, 0.6, 1.0), rel=0.15)
    assert len(refined.tets) < 2 * len(uniform.tets)  # eight times if it were fine everywhere


def test_names_and_volumes_survive_refinement(coarse, refined):
    assert max(abs(change) for change in volume_changes(coarse, refined).values()) < 1e-6
    assert list(refined.regions) == list(coarse.regions)
    assert list(refined.surfaces) == list(coarse.surfaces)


def test_finer_is_nowhere_coarser(coarse, apex):
    usual = edge_lengths(coarse)
    with pytest.raises(MeshError, match="finer nowhere"):
        sizes(coarse, None, Finer(apex, 100.0, REACH))
    assert_array_equal(sizes(coarse, None, None), usual)
    assert sizes(coarse, 5.0, None) == 5.0
    mixed = sizes(coarse, 12.0, Finer(apex, FINE, REACH))
    assert set(np.unique(mixed)) == {FINE, 12.0}


def scenario(finer, **entries):
    patient = {"mesh": "biventricle", "element": "P1P1", "finer": finer}
    return Scenario.from_dict({"patient": patient, **entries})


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "infarct"},
        {"name": "batista"},
        {"name": "septal_myectomy"},
        {"name": "transventricular_chord"},
    ],
    ids=lambda entry: entry["name"],
)
def test_what_operations_touch_is_part_of_the_wall(entry):
    heart = library.load("biventricle")
    kind = "condition" if entry["name"] == "infarct" else "procedure"
    plan = Scenario.from_dict({"patient": {"mesh": "biventricle"}, kind: [entry]})
    cells = touched(heart, (*plan.conditions, *plan.procedures))
    assert 0 < len(cells) < 0.7 * len(heart.tets)
    chords = [e for p in plan.procedures for e in p.edits if isinstance(e, LayChord)]
    for chord in chords:
        laid, _ = chord.apply_to_mesh(heart)
        assert np.isin(laid.cables[chord.name], heart.tets[cells]).all()


def test_nothing_is_touched_without_edits_of_the_anatomy():
    plan = Scenario.from_dict({"patient": {"mesh": "biventricle"}, "procedure": [{"name": "lvad"}]})
    assert not len(touched(library.load("biventricle"), plan.procedures))


def test_a_scenario_refines_where_it_cuts_or_where_it_says(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTSIM_CACHE", str(tmp_path))
    before = library.load("biventricle")
    cut = load_mesh(scenario({"edge": "6 mm"}, procedure=[{"name": "ventricular_restoration"}]))
    named = load_mesh(scenario({"edge": "6 mm", "segments": [17]}))
    assert len(before.tets) < len(named.tets) < len(cut.tets)


def test_bad_wishes_are_refused_in_words():
    with pytest.raises(ScenarioError, match=r"marks, cuts or holds.*segments = \[13, 14\]"):
        load_mesh(scenario({"edge": "4 mm"}, procedure=[{"name": "lvad"}]))
    with pytest.raises(InputError, match=r"finer\.edge = 4 mm is not finer than resolution = 4 mm"):
        Scenario.from_dict(
            {"patient": {"mesh": "biventricle", "resolution": "4 mm", "finer": {"edge": "4 mm"}}}
        )
    with pytest.raises(InputError, match="a 0D heart has no mesh"):
        Scenario.from_dict({"patient": {"model": "0D", "finer": {"edge": "4 mm"}}})
    with pytest.raises(InputError, match="segments"):
        scenario({"edge": "4 mm", "segments": [18]})
    with pytest.raises(InputError, match="segments"):
        scenario({"edge": "4 mm", "segments": []})
