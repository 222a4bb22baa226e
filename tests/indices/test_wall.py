import numpy as np
import pytest
import synthetic_beat

from heartsim.indices.wall import distribution, left_wall, percentile, wall
from heartsim.mesh.surfaces import cell_volumes


def test_percentile_weighs_by_volume():
    values, weights = np.array([10.0, 1.0]), np.array([1.0, 9.0])
    assert percentile(values, weights, 5) == 1
    assert percentile(values, weights, 99) == 10
    assert percentile(values, weights, 45) == 1


def test_percentile_of_equal_weights_is_the_median():
    values = np.random.default_rng(0).normal(size=1001)
    assert percentile(values, np.ones(1001), 50) == pytest.approx(np.median(values))


def test_splitting_cells_does_not_move_the_percentile():
    values, weights = np.array([1.0, 2, 3, 4]), np.array([2.0, 2, 2, 2])
    halves = percentile(np.repeat(values, 2), np.repeat(weights / 2, 2), 50)
    assert halves == pytest.approx(percentile(values, weights, 50))


def test_a_uniform_field_is_uniform_everywhere():
    mesh = synthetic_beat.ventricle()
    found = distribution(mesh, np.full(len(mesh.tets), 7.0))
    assert found["p50"] == found["p95"] == found["mean"] == pytest.approx(7)
    np.testing.assert_allclose(found["aha17"], 7.0)
    assert found["regions"]["infarct"] == pytest.approx(7)


def test_segment_means_add_up_to_the_wall():
    mesh = synthetic_beat.ventricle()
    values = mesh.points[mesh.tets].mean(axis=1)[:, 2]
    found = distribution(mesh, values)
    volume = cell_volumes(mesh.points, mesh.tets)
    size = np.bincount(mesh.fields["aha"], volume, 18)[1:]
    assert np.average(found["aha17"], weights=size) == pytest.approx(found["mean"])


def test_left_wall_leaves_out_the_right_ventricle():
    mesh = synthetic_beat.two_ventricles(9.0)
    chosen = left_wall(mesh)
    assert not chosen[mesh.regions["RV"]].any()
    assert chosen[mesh.regions["septum"]].all()


def test_stress_rises_from_diastole_to_systole_and_fibers_shorten():
    found = wall(synthetic_beat.beat())
    assert found["fiber_stress_ES_kPa"]["p50"] > 3 * found["fiber_stress_ED_kPa"]["p50"]
    assert found["fiber_strain_ES_percent"]["p50"] < -5
    assert found["wall_volume_mL"] == pytest.approx(160)


def test_atria_are_in_no_segment():
    """Values of cells beyond the ventricles, segment -1, move no number of the left wall."""
    mesh = synthetic_beat.two_ventricles(9.0)
    aha = np.array(mesh.fields["aha"])
    beyond = np.flatnonzero(aha == 0)[::2]
    aha[beyond] = -1
    whole = mesh.with_fields({"aha": aha})
    values = np.arange(len(mesh.tets), dtype=float)
    loud = values.copy()
    loud[beyond] = 1e6
    before, after = distribution(mesh, values), distribution(whole, loud)
    for key in ("p50", "p95", "mean", "aha17"):
        np.testing.assert_array_equal(before[key], after[key])
