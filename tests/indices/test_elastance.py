"""Elastances and energies on loops whose line is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation import healthy_adult, limit_cycle, with_blood_volume
from heartsim.circulation.adult import STRESSED_VOLUME
from heartsim.indices.elastance import (
    Espvr,
    espvr,
    isovolumic_peak,
    klotz,
    loop_area,
    potential_energy,
    recruitable_work,
    single_beat,
)
from heartsim.units import mL, mmHg


def square_loop(Ees: float, V0: float, filled: float, emptied: float):
    """Loop of a ventricle P = Ees e(t) (V - V0), straight phases, end-systole on the line."""
    systole = Ees * (emptied - V0)
    volume = np.concatenate(
        [
            np.full(50, filled),
            np.linspace(filled, emptied, 50),
            np.full(50, emptied),
            np.linspace(emptied, filled, 50),
        ]
    )
    pressure = np.concatenate(
        [
            np.linspace(5, 0.9 * systole, 50),
            np.linspace(0.9 * systole, systole, 50),
            np.linspace(systole, 3, 50),
            np.linspace(3, 5, 50),
        ]
    )
    return volume, pressure


LOOPS = [square_loop(2.4, 15.0, *ends) for ends in ((130, 60), (110, 52), (95, 46), (80, 40))]


def test_line_of_four_loops_is_the_one_they_were_made_with():
    found = espvr(LOOPS)
    assert found.Ees == pytest.approx(2.4, rel=1e-6)
    assert_allclose(found.V0, 15.0, rtol=1e-6)
    assert found.r_squared == pytest.approx(1.0)


def test_area_of_a_rectangle():
    volume = np.array([60.0, 120, 120, 60])
    pressure = np.array([0.0, 0, 100, 100])
    assert loop_area(volume, pressure) == pytest.approx(6000)
    assert loop_area(volume[::-1], pressure[::-1]) == pytest.approx(-6000)


def test_recruitable_work_of_loops_on_a_line():
    """Rectangles of height 80 mmHg from 40 mL on: work 80 (V - 40)."""
    loops = [
        (np.array([40.0, v, v, 40.0]), np.array([0.0, 0.0, 80.0, 80.0])) for v in (80, 100, 130)
    ]
    slope, intercept, r_squared = recruitable_work(loops)
    assert slope == pytest.approx(80)
    assert intercept == pytest.approx(40)
    assert r_squared == pytest.approx(1)


@pytest.mark.parametrize("start", [0, 137])
def test_isovolumic_peak_of_a_sinusoid_cut_off_by_ejection(start):
    """P = 8 + 75 (1 - cos(2 pi t / 400 ms)), held while it would exceed 100: its peak is 158."""
    t = np.arange(0, 800.0, 2)
    whole = np.where(t < 400, 8 + 75 * (1 - np.cos(2 * np.pi * t / 400)), 8.0)
    pressure = np.where(whole > 100, 100 + 0.02 * (whole - 100), whole)
    pressure = np.roll(pressure, start)
    assert isovolumic_peak(t, 800.0, pressure, end_diastole=start) == pytest.approx(158, rel=0.01)


def test_line_of_a_single_beat():
    """Peak 240 at 120 mL and 100 mmHg at 50 mL: Ees = 140 / 70 = 2, V0 = 0."""
    line = single_beat(240.0, (120.0, 8.0), (50.0, 100.0))
    assert line.Ees == pytest.approx(2.0)
    assert_allclose(line.V0, 0.0, atol=1e-12)
    assert math.isnan(single_beat(90.0, (120.0, 8.0), (50.0, 100.0)).Ees)


def test_potential_energy_is_the_triangle():
    assert potential_energy(Espvr(2.0, 10.0, math.nan), (60.0, 100.0)) == pytest.approx(2500)


def test_klotz_worked_example():
    """Vm 120.5 mL at 8 mmHg: V0 66.5, V30 151.3, beta 5.81, alpha 6.42e-12."""
    found = klotz(120.5, 8.0)
    assert_allclose(found.V0, 66.5, atol=0.05)
    assert_allclose(found.V30, 151.3, atol=0.05)
    assert found.beta == pytest.approx(5.81, abs=0.005)
    assert found.alpha == pytest.approx(6.42e-12, rel=0.05)


@pytest.mark.parametrize("pressure", [3.0, 8.0, 15.0, 21.9, 22.1, 28.0])
def test_klotz_curve_passes_through_its_points(pressure):
    found = klotz(140.0, pressure)
    assert found.alpha * 140.0**found.beta == pytest.approx(pressure)
    assert found.alpha * found.V15**found.beta == pytest.approx(15)
    step = 1e-4
    slope = found.alpha * ((140 + step) ** found.beta - (140 - step) ** found.beta) / (2 * step)
    assert found.stiffness == pytest.approx(slope, rel=1e-5)
    if pressure <= 22:
        assert found.alpha * found.V30**found.beta == pytest.approx(30)


def test_klotz_needs_a_pressure():
    assert all(math.isnan(value) for value in klotz(120.0, 0.0))


@pytest.fixture(scope="module")
def occlusion():
    """Limit cycles of the healthy adult with less and less blood, as a balloon in the vena cava."""
    loop, start = healthy_adult()
    cycles = []
    for share in (1.0, 0.9, 0.8, 0.7, 0.6):
        state = with_blood_volume(loop, start, STRESSED_VOLUME * share)
        cycles.append(limit_cycle(loop, state, 400).traces)
    return loop, cycles


def loops_of(cycles):
    return [(np.asarray(c.volume["LV"]) / mL, np.asarray(c.pressure["LV"]) / mmHg) for c in cycles]


def test_load_variation_finds_the_elastance_of_a_circulation(occlusion):
    """The 0D ventricle has Emax = 2.8 + 0.07 mmHg/mL and V0 = 12 mL; R² of human series >= 0.97."""
    loop, cycles = occlusion
    found = espvr(loops_of(cycles))
    largest = float(loop.LV.active + loop.LV.passive) / (mmHg / mL)
    assert found.Ees == pytest.approx(largest, rel=0.01)
    assert_allclose(found.V0, float(loop.LV.unstressed) / mL, atol=0.5)
    assert found.r_squared > 0.999


def test_recruitable_work_is_linear_in_preload(occlusion):
    slope, _, r_squared = recruitable_work(loops_of(occlusion[1]))
    assert r_squared > 0.97
    assert 50 < slope < 120


def test_single_beat_line_steepens_with_strength():
    """It ranks contractility; its size is no elastance by load variation (see `single_beat`)."""
    loop, start = healthy_adult()
    slopes = []
    for strength in (0.7, 1.0, 1.3):
        stronger = replace(loop, LV=replace(loop.LV, active=loop.LV.active * strength))
        traces = limit_cycle(stronger, start, 400).traces
        ((volume, pressure),) = loops_of([traces])
        time, period = np.asarray(traces.time), float(loop.period)
        first = int(400 * float(loop.av_delay) / period) - 1
        peak = isovolumic_peak(time, period, pressure, end_diastole=first)
        flow = np.asarray(traces.flow["aortic"])
        last = int(np.flatnonzero(flow > 0.01 * flow.max())[-1])
        line = single_beat(peak, (volume[first], pressure[first]), (volume[last], pressure[last]))
        slopes.append(line.Ees)
    assert 0 < slopes[0] < slopes[1] < slopes[2]
