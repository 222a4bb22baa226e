"""Unloaded shapes of patients: found once, then recalled."""

from dataclasses import replace

import numpy as np
import pytest

from heartsim.patient import prepare
from heartsim.progress import Progress
from heartsim.unloading import _recall, _shape_key


def test_a_damaged_file_in_the_cache_counts_as_none(patient, tmp_path):
    path = tmp_path / "shape.npz"
    assert _recall(path, patient.heart) is None
    path.write_bytes(b"not an archive")
    assert _recall(path, patient.heart) is None
    np.savez(path, points=np.zeros((4, 3)))
    assert _recall(path, patient.heart) is None


def test_a_shape_is_recalled_for_the_same_passive_wall_and_load_only(patient):
    heart, load = patient.heart, np.array([1.0, 0.5])

    def with_tissue(**change):
        tissue = replace(heart.tissue, **change)
        return replace(heart, solid=replace(heart.solid, material=tissue))

    key, tissue = _shape_key(heart, load), heart.tissue
    assert _shape_key(with_tissue(contractility=2 * tissue.contractility), load) == key
    assert _shape_key(replace(heart, circulation=None), load) == key
    assert _shape_key(with_tissue(stiffness=2 * tissue.stiffness), load) != key
    assert _shape_key(with_tissue(fibrous=2 * tissue.fibrous), load) != key
    assert _shape_key(heart, 2 * load) != key
    for choice in ({"largest_shear": 0.4}, {"logistic": True}):
        assert _shape_key(with_tissue(passive=replace(tissue.passive, **choice)), load) != key


@pytest.mark.slow
def test_a_found_shape_and_a_recalled_one_start_the_same_beat(scenario, tmp_path, monkeypatch):
    """Only then can an interrupted run of an imaged patient repeat every bit."""
    monkeypatch.setenv("HEARTSIM_CACHE", str(tmp_path))
    imaged = scenario.with_({"patient.element": "P2P1", "patient.imaged_at": "end-diastole"})
    found, recalled = (prepare(imaged, Progress(quiet=True)) for _ in range(2))
    assert found.reload.rounds > 0
    assert recalled.reload.rounds == 0
    assert found.reload.largest_error < 0.1
    for name in ("u", "p", "pressure"):
        there, here = getattr(found.moment.wall, name), getattr(recalled.moment.wall, name)
        np.testing.assert_array_equal(here, there, err_msg=name)
