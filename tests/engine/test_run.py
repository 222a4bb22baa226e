"""Whole runs: what a beat must keep, and runs that are interrupted."""

import importlib

import numpy as np
import pytest

from heartsim.errors import ScenarioError
from heartsim.result import Result
from heartsim.run import run, run_all
from heartsim.scenario import Scenario

pytestmark = pytest.mark.slow

# the package hands out the function under this name
running = importlib.import_module("heartsim.run")


@pytest.fixture(scope="module")
def twice(scenario) -> Scenario:
    """Two beats, the second from the guess of a periodic state."""
    return scenario.with_({"protocol.at_most_beats": 2})


@pytest.fixture(scope="module")
def undisturbed(twice, tmp_path_factory) -> Result:
    return run(twice, tmp_path_factory.mktemp("run") / "whole", quiet=True)


def test_a_beat_keeps_blood_energy_and_muscle(undisturbed):
    balance = undisturbed.indices["balance"]
    assert balance["blood_volume_drift_mL"] < 0.1
    assert balance["wall_volume_change_percent"] < 1.0
    assert abs(balance["energy_residual_percent"]) < 3.0  # first order in the 10 ms step


def test_a_heart_pumps(undisturbed):
    left = undisturbed.indices["chambers"]["LV"]
    assert 30.0 < left["EF_percent"] < 75.0
    assert 60.0 < left["P_max_mmHg"] < 200.0


@pytest.mark.parametrize("cut", [(0, 50), (1, 0)], ids=["within a beat", "between beats"])
def test_an_interrupted_run_resumes_to_the_same_bits(
    cut, twice, undisturbed, tmp_path, monkeypatch
):
    class Interrupted(Exception):
        pass

    original = running.save_checkpoint

    def save_then_stop(folder, digest, checkpoint):
        original(folder, digest, checkpoint)
        if (checkpoint.beat, checkpoint.moment.step) == cut:
            raise Interrupted

    monkeypatch.setattr(running, "save_checkpoint", save_then_stop)
    with pytest.raises(Interrupted):
        run(twice, tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    resumed = run(twice, tmp_path / "cut", resume=True, quiet=True)
    for column in undisturbed.traces.columns:
        np.testing.assert_array_equal(
            resumed.traces[column], undisturbed.traces[column], err_msg=column
        )
    assert resumed.provenance["passive_curve"] == undisturbed.provenance["passive_curve"]


def test_a_finished_run_is_not_repeated(twice, undisturbed, monkeypatch):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr(running, "prepare", never)
    again = run(twice, undisturbed.folder, quiet=True)
    assert again.indices == undisturbed.indices


def test_scenarios_of_one_name_are_refused(tmp_path):
    """Their results would fall into one folder."""
    plan = Scenario.from_dict({"patient": {"mesh": "biventricle"}})
    with pytest.raises(ScenarioError, match="names must differ"):
        run_all([plan, plan], tmp_path)
