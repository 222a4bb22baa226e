"""Fast layers against closed forms; blocks and leads on an idealized heart."""

import numpy as np
import pytest

from heartsim.activation.eikonal import arrival_times
from heartsim.activation.sites import STIMULUS, blocked, paced, through_bundles
from heartsim.build import activation_times
from heartsim.errors import InputError, RegionNotFound
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.box import box
from heartsim.microstructure.segments import aha_segments
from heartsim.procedures import (
    left_bundle_block,
    left_bundle_pacing,
    on_anatomy,
    resynchronization,
    right_bundle_block,
    right_ventricular_pacing,
)
from heartsim.scenario import Scenario

USUAL = Scenario.from_dict(
    {
        "title": "usual speeds",
        "patient": {"mesh": "biventricle"},
        "activation": {"pattern": "endocardial"},
    }
)

SPEED = {"fiber_speed": 0.5, "transverse_speed": 0.5}


def slab(h, layer_speed):
    """Arrival in a bar 24 mm long, 6 mm thick, started at one end, fast along its floor."""
    mesh = box((24.0, 6.0, 6.0), (round(24 / h), round(6 / h), round(6 / h)))
    fiber = np.tile([1.0, 0, 0], (len(mesh.tets), 1))
    sites = np.flatnonzero(mesh.points[:, 0] < 1e-9)
    floor = mesh.surface("z0")
    times = arrival_times(
        mesh.points, mesh.tets, fiber, sites, layer=floor, layer_speed=layer_speed, **SPEED
    )
    return mesh, times


def test_a_head_wave_runs_ahead_of_the_wave_in_the_wall():
    """Over a floor of speed V the first arrival at height z is x/V + z √(1/v² − 1/V²)."""
    mesh, times = slab(1.0, 1.5)
    x, _, z = mesh.points.T
    direct = x / 0.5
    head = x / 1.5 + z * np.sqrt(1 / 0.5**2 - 1 / 1.5**2)
    exact = np.minimum(direct, head)
    assert np.abs(times - exact).max() < 0.6 / 0.5
    assert times.max() < 0.75 * direct.max()


def test_a_slow_layer_changes_nothing():
    _, with_layer = slab(2.0, 0.4)
    _, without = slab(2.0, 1e-3)
    np.testing.assert_array_equal(with_layer, without)


def test_a_layer_without_speed_is_refused():
    with pytest.raises(InputError, match="must be positive"):
        slab(3.0, 0.0)


@pytest.fixture(scope="module")
def heart():
    mesh = biventricle(9.0)
    axis = np.tile([0.0, 0, 1.0], (len(mesh.tets), 1))
    return mesh.with_fields({"fiber": axis, "aha": aha_segments(mesh)})


def excited(heart, *procedures):
    mesh = on_anatomy(heart, procedures, overlap="in order")[0]
    return activation_times(mesh, USUAL)


def of(heart, times, *segments):
    return times[np.isin(heart.fields["aha"], segments)].mean()


def test_left_block_makes_the_left_free_wall_late(heart):
    """Textbook: 130 to 170 ms until all is activated, against 80 to 110."""
    healthy, block = excited(heart), excited(heart, left_bundle_block())
    assert np.ptp(healthy) < 60
    assert 120 < np.ptp(block) < 180
    septum, lateral = of(heart, block, 8, 9), of(heart, block, 5, 6, 11, 12)
    assert lateral > septum + 40


def test_right_block_makes_the_right_free_wall_late(heart):
    block = excited(heart, right_bundle_block())
    right = block[heart.region("RV")].mean()
    assert right > of(heart, block, 5, 6, 11, 12) + 30


def test_the_site_of_the_lead_decides_how_much_sooner_the_left_wall_is_excited(heart):
    """Crozier 2016, Pluijmert 2016: the pacing site has the largest effect, laterobasal is best."""
    left = heart.fields["aha"] > 0

    def total(*procedures):
        return np.ptp(excited(heart, left_bundle_block(), *procedures)[left])

    lateral, apical, inferior = (total(resynchronization(segment=s)) for s in ("6", "16", "15"))
    assert lateral < total() - 25
    assert lateral < apical - 10
    assert lateral < inferior - 10


def test_a_lead_that_fires_first_wins_more_of_the_wall(heart):
    shares = []
    for ahead in ("-40 ms", "0 ms", "40 ms"):
        times = excited(heart, left_bundle_block(), resynchronization(lv_first=ahead))
        shares.append(of(heart, times, 5, 11) - of(heart, times, 8, 9))
    assert shares == sorted(shares, reverse=True)


def test_right_pacing_is_like_left_block_and_left_bundle_pacing_is_not(heart):
    right = excited(heart, right_ventricular_pacing())
    left = excited(heart, left_bundle_block(), left_bundle_pacing())
    assert of(heart, right, 5, 6, 11, 12) > of(heart, right, 14, 15)
    assert np.ptp(left[heart.fields["aha"] > 0]) < 60


def test_a_lead_in_the_septum_has_no_outside(heart):
    with pytest.raises(RegionNotFound, match="has no outside"):
        on_anatomy(heart, [resynchronization(segment="9")])


def test_two_blocks_leave_nothing_to_start(heart):
    mesh = on_anatomy(heart, [left_bundle_block(), right_bundle_block()], overlap="in order")[0]
    assert not np.isfinite(mesh.fields[STIMULUS]).any()


def test_blocks_and_leads_are_arrays_of_times():
    stimulus = through_bundles(6, np.array([[0, 1, 2]]), np.array([[3, 4, 5]]))
    np.testing.assert_array_equal(blocked(stimulus, np.array([[0, 1, 2]]))[:3], np.inf)
    np.testing.assert_array_equal(
        paced(4, np.array([1, 1]), np.array([5.0, 2.0])), [np.inf, 2.0, np.inf, np.inf]
    )
