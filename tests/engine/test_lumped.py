"""0D hearts: same folder, indices, report and comparison as a 3D heart."""

import json
import math

import jax.numpy as jnp
import numpy as np
import pytest

from heartsim.compare import compare
from heartsim.errors import ScenarioError
from heartsim.indices import value
from heartsim.loop import circulation_of
from heartsim.report import write_comparison
from heartsim.result import Result
from heartsim.run import run
from heartsim.scenario import Scenario
from heartsim.units import mL, mmHg

STENOSIS = {
    "title": "Stenosis",
    "patient": {"model": "0D"},
    "condition": [{"name": "aortic_stenosis", "area": "0.7 cm2"}],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> tuple[Result, Result, object]:
    """A stenosis in 0D, the same after a new valve, and their folder."""
    folder = tmp_path_factory.mktemp("lumped")
    sick = Scenario.from_dict(STENOSIS)
    cured = sick.with_({"procedure": [{"name": "tavr", "area": "2.0 cm2"}], "title": "Valve"})
    pair = (sick, cured)
    first, second = (run(s, folder / s.title, device="cpu", quiet=True) for s in pair)
    return first, second, folder


def test_folder_is_that_of_any_result(results):
    first, _, _ = results
    names = {path.name for path in first.folder.iterdir()}
    assert {"indices.json", "traces.csv", "provenance.json", "report.html"} <= names
    assert {"pv_loops.png", "pressures.png"} <= names
    assert not (first.folder / "fields.pvd").exists()
    assert not first.has_wall
    assert first.frame_files == ()
    assert first.traces["P_LV_mmHg"].max() > 120


def test_indices_are_there_and_those_of_a_wall_are_absent(results):
    first, second, _ = results
    assert first.indices["status"] == "converged"
    assert value(first.indices, "valves.aortic.mean_gradient_mmHg") > 40
    assert value(second.indices, "valves.aortic.mean_gradient_mmHg") < 15
    assert value(first.indices, "balance.blood_volume_drift_mL") < 1e-6
    assert math.isnan(value(first.indices, "wall.fiber_stress_ED_kPa.p50"))


def test_receipts_say_what_was_done(results):
    _, second, _ = results
    assert [r["procedure"] for r in second.receipts] == ["aortic_stenosis", "tavr"]


def test_report_has_loops_and_no_wall(results):
    first, _, _ = results
    page = (first.folder / "report.html").read_text()
    assert "Pressure-volume loops" in page
    assert "Stress and strain of the wall" not in page
    assert "Segments of the left ventricle" not in page


def test_comparison_of_two(results):
    first, second, folder = results
    comparison = compare(first, second)
    assert write_comparison(comparison, folder / "both").is_file()
    assert "LV stroke work" in comparison.summary()


def test_rate_and_drugs_act_on_the_chambers(tmp_path):
    doses = [
        {"name": "pacing_rate", "heart_rate": "100 /min"},
        {"name": "state", "contractility": "130 %"},
    ]
    scenario = Scenario.from_dict({"patient": {"model": "0D"}, "procedure": doses})
    result = run(scenario, tmp_path / "fast", device="cpu", quiet=True)
    assert value(result.indices, "circulation.heart_rate_per_min") == pytest.approx(100)
    assert value(result.indices, "chambers.LV.dPdt_max_mmHg_per_s") > 1500


def test_rerouted_heart_says_what_blood_it_moved(tmp_path):
    fontan = {"routes": {"topology": "fontan"}, "atrial_shunt": "6 cm2", "blood_volume": "1500 mL"}
    scenario = Scenario.from_dict({"patient": {"model": "0D"}, "circulation": fontan})
    result = run(scenario, tmp_path / "fontan", device="cpu", quiet=True)
    unused, receipt = result.receipts
    assert unused["amounts"]["blood_handed_over_mL"] > 50
    assert receipt["amounts"]["blood_volume_mL"] == pytest.approx(1500)


@pytest.mark.slow
def test_fitted_ventricles_repeat_the_beat_they_were_fitted_to(tmp_path):
    """A result that carries its passive curves comes back: EF within 2 points, pressures 5 %."""
    scenario = Scenario.from_dict({"patient": {"model": "0D"}})
    first = run(scenario, tmp_path / "first", device="cpu", quiet=True)
    loop, volumes = circulation_of(scenario), np.linspace(0.3, 1.6, 9) * 120 * mL
    curves = {
        name: {
            "volume_mL": (volumes / mL).tolist(),
            "pressure_mmHg": [
                float(getattr(loop, name).at(jnp.asarray(800.0), jnp.asarray(1000.0))(v)) / mmHg
                for v in jnp.asarray(volumes)
            ],
        }
        for name in ("LV", "RV")
    }
    path = first.folder / "provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "passive_curve": curves}))
    fitted = scenario.with_({"patient.fitted_to": str(first.folder)})
    second = run(fitted, tmp_path / "second", device="cpu", quiet=True)
    for chamber in ("LV", "RV"):
        was, now = (value(r.indices, f"chambers.{chamber}.EF_percent") for r in (first, second))
        assert abs(now - was) < 2
    for name in ("circulation.MAP_mmHg", "circulation.mPAP_mmHg", "chambers.LV.EDP_mmHg"):
        assert value(second.indices, name) == pytest.approx(value(first.indices, name), rel=0.05)


def test_regional_disease_needs_a_wall(tmp_path):
    scenario = Scenario.from_dict({**STENOSIS, "condition": [{"name": "infarct"}]})
    with pytest.raises(ScenarioError, match="a 0D heart has no wall"):
        run(scenario, tmp_path / "infarct", device="cpu", quiet=True)


@pytest.mark.parametrize(
    ("patient", "blood", "words"),
    [
        ({}, {}, "patient.mesh: missing"),
        ({"mesh": "biventricle"}, {"LV": {"active": "2 mmHg/mL"}}, "belongs to 0D chambers"),
        ({"mesh": "biventricle"}, {"routes": {"topology": "fontan"}}, "belongs to 0D chambers"),
    ],
)
def test_mixed_up_models_are_refused(patient, blood, words):
    with pytest.raises(ScenarioError, match=words):
        Scenario.from_dict({"patient": patient, "circulation": blood})
