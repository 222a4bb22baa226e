from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat

from heartsim.balance import audit
from heartsim.errors import ResultError
from heartsim.units import mL


@pytest.fixture(scope="module")
def beat():
    return synthetic_beat.beat()


def test_a_closed_circuit_keeps_its_blood(beat):
    assert audit(beat)["blood_volume_drift_mL"] < 1e-9


def test_drift_and_swelling_are_the_largest_of_the_beat():
    found = audit(synthetic_beat.ellipse())
    assert found["blood_volume_drift_mL"] == pytest.approx(0.01, rel=1e-4)
    assert found["wall_volume_change_percent"] == pytest.approx(0.2, rel=1e-4)


def test_energy_adds_up(beat):
    assert audit(beat)["energy_residual_percent"] < 1e-9


def test_lost_energy_shows_in_percent_of_external_work(beat):
    """A tenth of the external work goes missing in the wall."""
    external = beat.energy["pressure_work"][-1] - beat.energy["pressure_work"][0]
    assert external < 0
    lost = -0.1 * external * np.linspace(0, 1, len(beat.time))
    leaking = {**beat.energy, "stored": beat.energy["stored"] - lost}
    assert audit(replace(beat, energy=leaking))["energy_residual_percent"] == pytest.approx(10)


def test_a_missing_term_is_named(beat):
    partial = {name: trace for name, trace in beat.energy.items() if name != "dissipated"}
    with pytest.raises(ResultError, match="energy lacks dissipated"):
        audit(replace(beat, energy=partial))


def test_drift_is_in_milliliters(beat):
    moved = beat.blood_volume + np.linspace(0, 3 * mL, len(beat.time))
    assert audit(replace(beat, blood_volume=moved))["blood_volume_drift_mL"] == pytest.approx(3)
