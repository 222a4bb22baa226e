"""Indices against loops whose numbers are known by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat

from heartsim.balance import audit
from heartsim.indices import CATALOGUE, MAIN, summarize, value
from heartsim.indices.events import end_diastole, end_systole
from heartsim.indices.hemodynamics import chamber, circulation, events, valve
from heartsim.units import BLOOD_DENSITY, J, cm, m, mL, mmHg


@pytest.fixture(scope="module")
def ellipse():
    return synthetic_beat.ellipse(edv=120, esv=50, middle=70, swing=50)


@pytest.fixture(scope="module")
def beat():
    return synthetic_beat.beat()


def test_volumes_of_an_elliptic_loop(ellipse):
    lv = chamber(ellipse, "LV")
    assert lv["EDV_mL"] == pytest.approx(120)
    assert lv["ESV_mL"] == pytest.approx(50)
    assert lv["SV_mL"] == pytest.approx(70)
    assert lv["EF_percent"] == pytest.approx(100 * 70 / 120)
    assert lv["P_max_mmHg"] == pytest.approx(120, rel=1e-4)


def test_stroke_work_is_the_area_of_the_ellipse(ellipse):
    """Semi-axes 35 mL and 50 mmHg: the area is pi a b; the trapezoids miss 4e-5 of it."""
    area = math.pi * (35 * mL) * (50 * mmHg) / J
    assert chamber(ellipse, "LV")["stroke_work_J"] == pytest.approx(area, rel=1e-4)


def test_stroke_work_changes_sign_with_the_sense_of_the_loop(ellipse):
    backwards = {**ellipse.pressure, "LV": ellipse.pressure["LV"][::-1]}
    turned = replace(ellipse, pressure=backwards)
    assert chamber(turned, "LV")["stroke_work_J"] < 0


def test_largest_slope_of_a_sine(ellipse):
    steepest = 50 * 2 * math.pi / 0.8
    assert chamber(ellipse, "LV")["dPdt_max_mmHg_per_s"] == pytest.approx(steepest, rel=1e-3)
    assert chamber(ellipse, "LV")["dPdt_min_mmHg_per_s"] == pytest.approx(-steepest, rel=1e-3)


def test_gradient_is_averaged_over_forward_flow_only(ellipse):
    """Over half a period LV - aorta = 10 + 50 sin, whose mean is 10 + 100 / pi."""
    aortic = valve(ellipse, "aortic")
    assert aortic["mean_gradient_mmHg"] == pytest.approx(10 + 100 / math.pi, rel=0.02)
    assert aortic["peak_gradient_mmHg"] == pytest.approx(60, rel=1e-3)


def test_leak_of_a_mitral_valve(ellipse):
    """Forward 150 mL/s half sine over 0.4 s, back 30 mL/s for 0.4 s."""
    mitral = valve(ellipse, "mitral")
    forward, back = 150 * 0.8 / math.pi, 30 * 0.4
    assert mitral["forward_volume_mL"] == pytest.approx(forward, rel=0.01)
    assert mitral["regurgitant_volume_mL"] == pytest.approx(back, rel=0.01)
    assert mitral["regurgitant_fraction_percent"] == pytest.approx(100 * back / forward, rel=0.02)


def test_a_valve_that_never_opens_has_no_gradient(ellipse):
    closed = valve(ellipse, "tricuspid")
    assert math.isnan(closed["mean_gradient_mmHg"])
    assert math.isnan(closed["regurgitant_fraction_percent"])


def test_pressures_and_resistances_of_the_circulation(ellipse):
    found = circulation(ellipse)
    assert found["MAP_mmHg"] == pytest.approx(60)
    assert found["mRAP_mmHg"] == pytest.approx(5)
    assert found["heart_rate_per_min"] == pytest.approx(75)
    output = 250 * 0.8 / math.pi * 75 / 1000
    assert found["CO_L_per_min"] == pytest.approx(output, rel=1e-3)
    assert found["SVR_WU"] == pytest.approx(55 / output, rel=1e-3)
    assert found["cardiac_power_W"] == pytest.approx(60 * output / 451, rel=1e-3)


def test_relaxation_constant_of_an_exponential(ellipse):
    """Pressure falls as 90 exp(-t / 40 ms) mmHg from a plateau."""
    t = ellipse.time
    pressure = np.where(t < 100, 8.0, np.where(t < 400, 90.0, 90 * np.exp(-(t - 400) / 40)))
    steep = replace(ellipse, pressure={**ellipse.pressure, "LV": pressure * mmHg})
    found = chamber(steep, "LV")
    assert found["tau_ms"] == pytest.approx(40, rel=0.02)
    assert found["tau_free_ms"] == pytest.approx(40, rel=0.02)


def test_free_asymptote_finds_tau_where_a_zero_one_is_wrong(ellipse):
    """Pressure falls as -20 + 110 exp(-t / 50 ms) mmHg: the free fit gives 50, the other less."""
    t = ellipse.time
    fall = -20 + 110 * np.exp(-(t - 400) / 50)
    pressure = np.where(t < 100, 8.0, np.where(t < 400, 90.0, np.maximum(fall, 5.0)))
    steep = replace(ellipse, pressure={**ellipse.pressure, "LV": pressure * mmHg})
    found = chamber(steep, "LV")
    assert found["tau_free_ms"] == pytest.approx(50, rel=0.02)
    assert found["tau_ms"] < 42


def test_end_diastole_is_the_last_crossing_before_the_upstroke():
    time = np.arange(0, 800.0, 2)
    atrium = np.full_like(time, 10.0)
    ventricle = np.where(time < 120, 8.0, 8 + 100 * np.clip((time - 120) / 60, 0, 1))
    ventricle = np.where(time > 400, 5.0, ventricle)
    assert time[end_diastole(time, ventricle, atrium)] == pytest.approx(120, abs=4)


def test_end_diastole_looks_back_across_the_beat_start():
    time = np.arange(0, 800.0, 2)
    atrium = np.full_like(time, 10.0)
    ventricle = np.where(time < 700, 12 + 90 * np.exp(-(((time - 60) / 40) ** 2)), 5.0)
    assert time[end_diastole(time, ventricle, atrium)] == pytest.approx(798)


def test_end_systole_without_outflow_is_where_elastance_peaks():
    volume = np.array([100.0, 80, 60, 70, 90]) * mL
    pressure = np.array([5.0, 80, 90, 60, 10])
    assert end_systole(np.zeros(5), pressure, volume) == 2


def test_events_of_a_whole_beat_are_in_order(beat):
    ed, es = events(beat, "LV")
    assert 60 < beat.time[ed] < 160
    assert 300 < beat.time[es] < 450
    assert beat.volume["LV"][ed] == pytest.approx(beat.volume["LV"].max(), rel=0.01)
    assert beat.flow["aortic"][es] > 0
    assert beat.flow["aortic"][es + 2] < 0.02 * beat.flow["aortic"].max()


def test_numbers_of_a_whole_beat_agree_with_each_other(beat):
    found = summarize(beat, audit(beat), scenario="healthy")
    lv, body = found["chambers"]["LV"], found["circulation"]
    assert lv["forward_SV_mL"] == pytest.approx(lv["SV_mL"], rel=0.02)
    assert body["CO_L_per_min"] == pytest.approx(
        lv["forward_SV_mL"] * body["heart_rate_per_min"] / 1000, rel=1e-6
    )
    assert found["valves"]["mitral"]["regurgitant_volume_mL"] == pytest.approx(0, abs=0.1)
    assert body["SVR_WU"] == pytest.approx(1.05 / 0.06, rel=0.05)


def test_a_leak_parts_total_from_forward_stroke_volume():
    leaky = synthetic_beat.beat(synthetic_beat.ISCHEMIC)
    found = summarize(leaky, audit(leaky), scenario="leak")
    lv, mitral = found["chambers"]["LV"], found["valves"]["mitral"]
    lost = lv["SV_mL"] - lv["forward_SV_mL"]
    assert lost == pytest.approx(mitral["regurgitant_volume_mL"], rel=0.1)


def test_body_surface_divides_volumes_and_output(beat):
    found = summarize(beat, audit(beat), scenario="healthy", body_surface=1.8 * m**2)
    lv, body = found["chambers"]["LV"], found["circulation"]
    assert lv["EDVi_mL_per_m2"] == pytest.approx(lv["EDV_mL"] / 1.8)
    assert lv["SVi_mL_per_m2"] == pytest.approx(lv["forward_SV_mL"] / 1.8)
    assert body["CI_L_per_min_m2"] == pytest.approx(body["CO_L_per_min"] / 1.8)
    assert "EDVi_mL_per_m2" not in summarize(beat, audit(beat), scenario="x")["chambers"]["LV"]


def test_orifice_areas_are_those_that_made_the_flow(ellipse):
    """q = A √(2 dp / rho): 3.5 cm² forward through the aortic valve, 0.3 cm² backward."""
    drop = (ellipse.pressure["LV"] - ellipse.pressure["aorta"]) / mmHg
    speed = np.sqrt(2 * np.abs(drop) * mmHg / BLOOD_DENSITY)
    flow = np.where(drop > 0, 3.5 * cm**2, -0.3 * cm**2) * speed
    found = valve(replace(ellipse, flow={**ellipse.flow, "aortic": flow}), "aortic")
    assert found["area_cm2"] == pytest.approx(3.5, rel=1e-3)
    assert found["EROA_cm2"] == pytest.approx(0.3, rel=1e-3)


def test_a_competent_valve_has_no_regurgitant_orifice(beat):
    assert valve(beat, "aortic")["EROA_cm2"] == 0.0


def test_right_heart_ratios(ellipse):
    """Pulmonary artery 15 + 10 sin, right atrium 5, left atrium 40 mmHg."""
    turn = 2 * np.pi * ellipse.time / 800
    artery = (15 + 10 * np.sin(turn)) * mmHg
    found = circulation(replace(ellipse, pressure={**ellipse.pressure, "pulmonary_artery": artery}))
    assert found["PAPi"] == pytest.approx(20 / 5, rel=1e-3)
    assert found["CVP_over_PCWP"] == pytest.approx(5 / 40)


def test_waves_of_an_atrium(ellipse):
    """a wave 12 mmHg before, v wave 18 mmHg after the least volume."""
    t = ellipse.time
    volume = (60 - 20 * np.exp(-(((t - 300) / 80) ** 2))) * mL
    pressure = 6 + 6 * np.exp(-(((t - 80) / 30) ** 2)) + 12 * np.exp(-(((t - 500) / 40) ** 2))
    found = chamber(
        replace(
            ellipse,
            pressure={**ellipse.pressure, "LA": pressure * mmHg},
            volume={**ellipse.volume, "LA": volume},
        ),
        "LA",
    )
    assert found["a_wave_mmHg"] == pytest.approx(12, rel=1e-3)
    assert found["v_wave_mmHg"] == pytest.approx(18, rel=1e-3)


def test_an_atrium_empties_in_two_parts(ellipse):
    """80 mL at most, 60 when the beat starts, 36 after the kick; 20 of 65 mL pass in the kick."""
    t = ellipse.time
    volume = np.interp(t, [0, 100, 500, 650, 800], [60, 36, 80, 60, 60]) * mL
    flow = np.where(t < 100, 200.0, 0.0) + np.where(t > 550, 180.0, 0.0)
    ventricle = np.interp(t, [0, 100, 110, 540, 550, 800], [5, 5, 100, 100, 5, 5]) * mmHg
    beat = replace(
        ellipse,
        pressure={**ellipse.pressure, "LV": ventricle, "LA": np.full_like(t, 8.0) * mmHg},
        volume={**ellipse.volume, "LA": volume},
        flow={**ellipse.flow, "mitral": flow},
    )
    found = chamber(beat, "LA")
    assert found["EF_percent"] == pytest.approx(100 * 44 / 80)
    assert found["conduit_percent"] == pytest.approx(100 * 20 / 80)
    assert found["kick_percent"] == pytest.approx(100 * 24 / 60)
    assert found["kick_of_filling_percent"] == pytest.approx(100 * 20 / 65, rel=0.02)
    closed = replace(beat, pressure={**beat.pressure, "LV": ventricle + 10 * mmHg})
    assert np.isnan(chamber(closed, "LA")["kick_of_filling_percent"])


def test_viability_of_square_pressures(ellipse):
    """LV 100 mmHg for 300 ms, then 10; aorta 80: supply 70 x 500, demand 100 x 300."""
    t = ellipse.time
    systole = (t >= 100) & (t < 400)
    square = np.where(systole, 100.0, 10.0) * mmHg
    level = {"LV": square, "aorta": np.full_like(t, 80.0) * mmHg, "LA": 12 * mmHg + 0 * t}
    flow = {**ellipse.flow, "aortic": np.where(systole, 200.0, 0.0)}
    found = circulation(replace(ellipse, pressure={**ellipse.pressure, **level}, flow=flow))
    assert found["SEVR"] == pytest.approx(70 * 500 / (100 * 300), rel=0.02)


def test_energies_add_up(beat):
    lv = chamber(beat, "LV")
    assert lv["PVA_J"] == pytest.approx(lv["stroke_work_J"] + lv["potential_energy_J"])
    assert lv["efficiency_percent"] == pytest.approx(100 * lv["stroke_work_J"] / lv["PVA_J"])
    assert lv["Ea_over_Ees"] == pytest.approx(lv["Ea_mmHg_per_mL"] / lv["Ees_mmHg_per_mL"])


def test_every_catalogue_entry_is_computed():
    both = synthetic_beat.two_ventricles(9.0)
    beat = synthetic_beat.beat(synthetic_beat.ISCHEMIC, mesh=both)
    found = summarize(beat, audit(beat), scenario="healthy", body_surface=1.8 * m**2)
    missing = [index.key for index in CATALOGUE if math.isnan(value(found, index.key))]
    assert missing == []


def test_catalogue_is_consistent():
    keys = [index.key for index in CATALOGUE]
    assert len(set(keys)) == len(keys)
    assert set(MAIN) <= set(keys)
    for index in CATALOGUE:
        assert math.isnan(index.low) == (not index.source)
        assert not index.low >= index.high
