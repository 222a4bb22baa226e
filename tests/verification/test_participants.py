"""Range of the participants of the elastodynamics benchmark, and departures from it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.verification.arostica_motion import Course
from heartsim.verification.arostica_participants import (
    ABOUT,
    PEAK,
    SLACK,
    TO_PEAK,
    UNTIL,
    WHOLE,
    Group,
    group,
)


def course(t, u):
    return Course(np.asarray(t, float), np.asarray(u, float), np.zeros((len(t), 1)))


def test_departure_is_how_far_a_motion_leaves_the_range():
    time = np.array([0.0, 20.0, 40.0])
    low = np.broadcast_to([0.0, -1.0, -4.0], (1, 3, 3))
    found = Group(time, low, low + 0.5)
    moved = course([20, 40], [[[-0.8, -0.2, -1.5]], [[-3.0, -3.6, -4.0]]])
    assert_allclose(found.outside(moved).off[0].T, [[0, 0.3, 0.5], [0.5, 0, 0]], atol=1e-12)
    assert_allclose(found.slack, SLACK * 4.0)


def test_departure_is_read_at_samples_of_the_participants_only():
    """A parabola sampled like theirs is in range, though not on the lines between samples."""
    time = np.arange(0, 101, 20.0)
    low = np.broadcast_to(time**2, (1, 3, 6))
    t = np.arange(5, 101, 5.0)
    off = Group(time, low, low).outside(course(t, np.broadcast_to(t**2, (1, 3, 20)).T))
    assert_allclose(off.t, time[1:])
    assert_allclose(off.off, 0.0)


def test_steps_end_at_samples_through_the_second():
    time = group("1").time
    assert set(time[1:]) <= set(WHOLE)
    assert set(UNTIL.values()) | {PEAK} <= set(time)
    assert set(np.arange(20.0, PEAK + 1, 20.0)) <= set(TO_PEAK) <= set(WHOLE)


@pytest.mark.parametrize("case", ["1", *ABOUT])
def test_range_of_every_case_is_a_range_from_rest(case):
    found = group(case)
    assert (found.low <= found.high).all()
    assert found.low.shape == (2, 3, 51)
    assert_allclose(found.low[..., 0], 0.0, atol=1e-2)
