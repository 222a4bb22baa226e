"""Jumps between beats: what stays of the wall's motion."""

import numpy as np
import pytest

from heartsim.beat import march, next_beat
from heartsim.equilibrium import held_volumes
from heartsim.patient import prepare
from heartsim.progress import Progress
from heartsim.restart import PassiveCurve, passive_curve, refill
from heartsim.scenario import Scenario
from heartsim.units import mL


@pytest.fixture(scope="module")
def filling(patient):
    """A heart filled by its atria: the wall moves, the muscle is at rest."""
    steps = march(patient.work, patient.heart, patient.moment, step=10.0, until=100.0)
    work, _, moment = list(steps)[-1]
    return work, moment


@pytest.mark.slow
def test_a_jump_to_where_it_is_moves_nothing(patient, filling):
    work, moment = filling
    _, after = refill(work, patient.heart, next_beat(moment), moment.blood)
    moved = np.linalg.norm(after.wall.u - moment.wall.u, axis=1)
    at_rest = np.linalg.norm(patient.moment.wall.u - moment.wall.u, axis=1)
    assert moved.max() < 1e-3 * at_rest.max()


@pytest.mark.slow
def test_a_jump_fills_to_the_volumes_of_the_circulation(patient, filling):
    work, moment = filling
    blood = moment.blood._replace(V_LV=moment.blood.V_LV + 5 * mL)
    _, after = refill(work, patient.heart, next_beat(moment), blood)
    held = held_volumes(patient.heart, after.wall)
    np.testing.assert_allclose(held, [blood.V_LV, blood.V_RV], atol=0.05 * mL)


def test_a_passive_curve_ends_where_its_volume_turns_back():
    """At half the pressures the left ventricle would be fuller, at twice them the right emptier."""
    held = {0.0: [60, 70], 0.5: [110, 80], 1.0: [100, 90], 1.5: [120, 95], 2.0: [130, 94]}
    curve = PassiveCurve.through(
        {level: np.array(volume, float) for level, volume in held.items()},
        np.array([2.0, 1.0]),
        ("LV", "RV"),
    )
    np.testing.assert_array_equal(curve.volume["LV"], [100, 120, 130])
    np.testing.assert_array_equal(curve.pressure["LV"], [2.0, 3.0, 4.0])
    np.testing.assert_array_equal(curve.volume["RV"], [70, 80, 90, 95])
    np.testing.assert_array_equal(curve.pressure["RV"], [0.0, 0.5, 1.0, 1.5])


@pytest.mark.slow
def test_a_sewn_wall_has_a_passive_curve():
    """Its cut shape holds more than the sewn wall under load."""
    patient = {"mesh": "biventricle", "element": "P1P1", "imaged_at": "unloaded"}
    sewn = prepare(
        Scenario.from_dict(
            {"patient": patient, "procedure": [{"name": "ventricular_restoration"}]}
        ),
        Progress(quiet=True),
    )
    curve, _ = passive_curve(sewn.work, sewn.heart, sewn.moment.wall)
    for name in ("LV", "RV"):
        assert len(curve.volume[name]) >= 5
        assert np.all(np.diff(curve.volume[name]) > 0)
        assert curve.pressure[name][0] == 0
