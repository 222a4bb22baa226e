"""Operations on 0D hearts: laws they must obey and what catheters found, by shipped scenario."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from heartsim.balance import audit
from heartsim.indices import summarize, value
from heartsim.lumped import lumped_heart, periodic_beat, record, recording_of
from heartsim.procedures import find
from heartsim.scenario import Scenario
from heartsim.units import L, minute

AREA = 1.9
"""Body surface of the patient [m²]."""

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
KEYS = {
    "EF": "chambers.LV.EF_percent",
    "LVEDV": "chambers.LV.EDV_mL",
    "LVEDP": "chambers.LV.EDP_mmHg",
    "RVEDV": "chambers.RV.EDV_mL",
    "RVSP": "chambers.RV.P_max_mmHg",
    "RVEDP": "chambers.RV.EDP_mmHg",
    "forward": "chambers.LV.forward_SV_mL",
    "PR": "valves.pulmonary.regurgitant_fraction_percent",
    "outlet": "valves.pulmonary.mean_gradient_mmHg",
    "mitral": "valves.mitral.mean_gradient_mmHg",
    "CO": "circulation.CO_L_per_min",
    "MAP": "circulation.MAP_mmHg",
    "SBP": "circulation.SBP_mmHg",
    "DBP": "circulation.DBP_mmHg",
    "PP": "circulation.PP_mmHg",
    "mPAP": "circulation.mPAP_mmHg",
    "RAP": "circulation.mRAP_mmHg",
    "LAP": "circulation.mLAP_mmHg",
    "veins": "circulation.mSVP_mmHg",
    "Qp_Qs": "circulation.Qp_Qs",
    "assist": "circulation.assist_L_per_min",
}


@cache
def beat(name: str, doses: tuple[tuple[str, str], ...] | None = ()) -> dict[str, float]:
    """Indices of a scenario: without its operations (None), or with doses of the last one."""
    scenario = Scenario.read(SCENARIOS / f"{name}.toml")
    if doses is None:
        scenario = scenario.baseline()
    elif doses:
        *first, last = scenario.procedures
        changed = find(last.name)(**{**last.parameters, **dict(doses)})
        scenario = scenario.baseline().with_procedures(*first, changed)
    heart, receipts = lumped_heart(scenario)
    found = periodic_beat(heart)
    recording = recording_of(heart, found, scenario, receipts, {}, {})
    assert recording.status == "converged"
    indices = summarize(recording, audit(recording), scenario=name)
    flow = {k: float(np.mean(q)) / (L / minute) for k, q in found.traces.flow.items()}
    numbers = {short: value(indices, key) for short, key in KEYS.items()}
    # what leaves the arteries in a periodic beat is what enters them
    out = flow["systemic_arteries"] + flow["upper_body"]
    assert numbers["CO"] == pytest.approx(out, rel=5e-3)
    assert numbers["Qp_Qs"] == pytest.approx(flow["pulmonary_arteries"] / out, rel=5e-3)
    return numbers


def pair(name: str) -> tuple[dict[str, float], dict[str, float]]:
    """Before and after the operations of a scenario."""
    return beat(name, None), beat(name)


@pytest.mark.parametrize("name", ["asd_closure_0D", "vsd_closure_0D", "ductus_ligation_0D"])
def test_closing_a_hole_makes_the_flows_equal(name):
    open_, closed = pair(name)
    assert open_["Qp_Qs"] > 1.2
    assert closed["Qp_Qs"] == pytest.approx(1.0, abs=2e-3)


def test_closing_an_atrial_defect_unloads_the_right_and_fills_the_left():
    open_, closed = pair("asd_closure_0D")
    assert closed["RVEDV"] < open_["RVEDV"]
    assert closed["LVEDV"] > open_["LVEDV"]
    assert closed["LAP"] > open_["LAP"]


def test_a_larger_hole_that_remains_shunts_more():
    ratios = [beat("asd_closure_0D", (("residual", d),))["Qp_Qs"] for d in ("0 mm", "3 mm", "5 mm")]
    assert ratios == sorted(set(ratios))


def test_ligation_of_a_ductus_raises_the_diastolic_pressure():
    open_, closed = pair("ductus_ligation_0D")
    assert closed["DBP"] > open_["DBP"]
    assert closed["PP"] < open_["PP"]


def test_a_tighter_band_has_more_gradient_and_less_flow_to_the_lungs():
    bands = [beat("pulmonary_band_0D", (("diameter", d),)) for d in ("15 mm", "10 mm", "8 mm")]
    for key, sign in (("outlet", 1), ("RVSP", 1), ("Qp_Qs", -1)):
        found = [sign * band[key] for band in bands]
        assert found == sorted(set(found)), key


def test_a_shunt_device_unloads_a_stiff_ventricle_and_loads_the_right_heart():
    """Wessler 2018: Qp/Qs 1.27 (here 1.1 to 1.5), wedge pressure falls, venous pressure rises."""
    before, after = pair("interatrial_shunt_0D")
    assert 15 < before["LAP"] < 20
    assert 1.1 < after["Qp_Qs"] < 1.5
    assert -4 < after["LAP"] - before["LAP"] < -1.5
    assert after["RAP"] > before["RAP"]


def test_septostomy_unloads_the_right_atrium_and_raises_output():
    """Meta-analysis PMC7403752: right atrium -2.8 (here -5 to -1), left +1.9 (+1 to +3) mmHg,
    cardiac index +0.62 (+0.3 to +0.9) L/min/m2; blood crosses from right to left."""
    before, after = pair("atrial_septostomy_0D")
    assert -5 < after["RAP"] - before["RAP"] < -1
    assert 1 < after["LAP"] - before["LAP"] < 3
    assert 0.3 < (after["CO"] - before["CO"]) / AREA < 0.9
    assert after["Qp_Qs"] < 1


def at_speed(speed: str, target: float | None) -> dict[str, float]:
    """The LVAD scenario at a speed; with a set point the baroreflex holds the pressure."""
    plan = Scenario.read(SCENARIOS / "lvad_0D.toml").baseline()
    plan = plan.with_procedures(find("lvad")(speed=speed))
    if target is not None:
        plan = plan.with_({"protocol.loading": "reflex", "protocol.target": f"{target:.6g} mmHg"})
    recording = record(plan, {}, {})
    assert recording.status == "converged"
    indices = summarize(recording, audit(recording), scenario="lvad")
    return {short: value(indices, key) for short, key in KEYS.items()}


def test_lvad_ramp_has_the_size_of_the_published_one():
    """Uriel 2016 (PMID 26746378), whole ramp: output +1.28 L/min, wedge pressure -9.9 mmHg, venous
    and systolic pressure unchanged. Patients have reflexes, and so has this one."""
    low = at_speed("4800 rpm", None)
    high = at_speed("6400 rpm", low["MAP"])
    assert 0.5 < high["CO"] - low["CO"] < 2.5
    assert -16 < high["LAP"] - low["LAP"] < -6
    assert abs(high["RAP"] - low["RAP"]) < 2
    assert abs(high["SBP"] - low["SBP"]) < 5


@pytest.mark.slow
def test_lvad_unloads_the_left_ventricle_and_not_the_right():
    """Without reflexes too output rises along a ramp and wedge pressure falls."""
    low, high = (beat("lvad_0D", (("speed", rpm),)) for rpm in ("4800 rpm", "6200 rpm"))
    before = beat("lvad_0D", None)
    assert low["assist"] > 1
    assert before["CO"] < low["CO"] < high["CO"]
    assert before["LAP"] > low["LAP"] > high["LAP"]
    assert abs(high["RAP"] - low["RAP"]) < 0.35 * (low["LAP"] - high["LAP"])


@pytest.mark.slow
def test_ecmo_loads_the_left_ventricle_and_unloads_the_right():
    before, after = pair("ecmo_0D")
    assert after["MAP"] > before["MAP"]
    assert after["RAP"] < before["RAP"]
    assert after["forward"] < before["forward"]


@pytest.mark.slow
def test_balloon_augments_output_at_no_higher_filling_pressure():
    before, after = pair("balloon_pump_0D")
    assert after["CO"] > before["CO"]
    assert after["LAP"] <= before["LAP"]
    more = beat("balloon_pump_0D", (("volume", "50 mL"),))
    assert more["CO"] > after["CO"]


@pytest.mark.slow
def test_fontan_raises_the_venous_pressure_above_the_lungs_and_shares_one_flow():
    before, after = pair("fontan_operation_0D")
    assert after["veins"] > before["veins"]
    assert after["veins"] > after["mPAP"] > after["LAP"]
    assert after["Qp_Qs"] == pytest.approx(1.0, abs=2e-3)
    assert after["LVEDV"] < before["LVEDV"]


@pytest.mark.slow
def test_a_fenestration_raises_output_and_lowers_venous_pressure():
    """Fenestration model PMC9280082: output up, venous pressure down."""
    holes = [(("fenestration", d),) for d in ("0 mm", "4 mm", "6 mm")]
    found = [beat("fontan_operation_0D", hole) for hole in holes]
    assert found[0]["CO"] < found[1]["CO"] < found[2]["CO"]
    assert found[0]["veins"] > found[1]["veins"] > found[2]["veins"]


@pytest.mark.slow
def test_pulmonary_valve_shrinks_the_right_ventricle():
    """Regurgitant fraction 49 to 1 % (PMC6466707); its size falls at once by part of the 41 mL/m2
    that patients lose over months."""
    before, after = pair("pulmonary_replacement_0D")
    assert 38 < before["PR"] < 60
    assert after["PR"] < 5
    assert after["RVEDV"] < before["RVEDV"]
    assert after["LVEDV"] > before["LVEDV"]


@pytest.mark.slow
def test_edge_to_edge_repair_raises_forward_stroke_volume():
    """MitraClip series: forward SV 57 to 65 mL, LVEDP 11.4 to 8.8 mmHg, EDV 172 to 158 mL."""
    before, after = pair("mitral_repair_0D")
    assert after["forward"] > before["forward"]
    assert after["LAP"] < before["LAP"]
    assert after["LVEDP"] < before["LVEDP"]
    assert after["LVEDV"] < before["LVEDV"]


@pytest.mark.slow
def test_a_larger_mitral_prosthesis_leaves_less_gradient():
    sizes = ("1.5 cm2", "2.2 cm2", "3 cm2")
    found = [beat("mitral_replacement_0D", (("area", size),))["mitral"] for size in sizes]
    assert found == sorted(set(found), reverse=True)
    assert found[0] < beat("mitral_replacement_0D", None)["mitral"]


@pytest.mark.slow
def test_pericardiectomy_parts_the_pressures_from_the_sac():
    """Constriction: end-diastolic pressures within 5 mmHg; both fall when the sac is gone."""
    before, after = pair("pericardiectomy_0D")
    assert abs(before["LVEDP"] - before["RVEDP"]) < 5
    assert after["RAP"] < before["RAP"]
    assert after["LAP"] < before["LAP"]
    assert after["CO"] > before["CO"]
