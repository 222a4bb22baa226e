from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat

from heartsim.errors import ResultError
from heartsim.result import close_loop, time_mean


@pytest.fixture(scope="module")
def beat():
    return synthetic_beat.ellipse()


def test_refuses_a_trace_of_another_length(beat):
    short = {**beat.pressure, "LA": beat.pressure["LA"][:-1]}
    with pytest.raises(ResultError, match=r"pressure of LA has shape \(399,\), expected \(400,\)"):
        replace(beat, pressure=short)


def test_refuses_snapshots_of_another_mesh(beat):
    with pytest.raises(ResultError, match="fiber_strain has shape"):
        replace(beat, fiber_strain=beat.fiber_strain[:, :-1])


def test_nearest_snapshot_is_counted_around_the_beat(beat):
    frames = replace(beat, snapshot_time=np.linspace(0, 733, len(beat.snapshot_time)))
    assert frames.snapshot(10) == 0
    assert frames.snapshot(795) == 0
    assert frames.snapshot(730) == len(frames.snapshot_time) - 1


def test_loop_is_closed_once():
    time, trace = np.array([0.0, 250, 500, 750]), np.array([1.0, 2, 3, 4])
    closed_time, closed = close_loop(time, 1000.0, trace)
    assert closed_time[-1] == 1000
    assert closed[-1] == 1
    again, _ = close_loop(closed_time, 1000.0, closed)
    assert len(again) == len(closed_time)


def test_mean_of_a_sine_is_its_offset():
    time = np.arange(0, 800, 2.0)
    trace = 5 + np.sin(2 * np.pi * time / 800)
    assert time_mean(time, 800.0, trace) == pytest.approx(5, abs=1e-12)
