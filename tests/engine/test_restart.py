"""Jumps between beats: what stays of the wall's motion."""

import numpy as np
import pytest

from heartsim.beat import march, next_beat
from heartsim.equilibrium import held_volumes
from heartsim.restart import refill
from heartsim.units import mL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def filling(patient):
    """A heart filled by its atria: the wall moves, the muscle is at rest."""
    steps = march(patient.work, patient.heart, patient.moment, step=10.0, until=100.0)
    work, _, moment = list(steps)[-1]
    return work, moment


def test_a_jump_to_where_it_is_moves_nothing(patient, filling):
    work, moment = filling
    _, after = refill(work, patient.heart, next_beat(moment), moment.blood)
    moved = np.linalg.norm(after.wall.u - moment.wall.u, axis=1)
    at_rest = np.linalg.norm(patient.moment.wall.u - moment.wall.u, axis=1)
    assert moved.max() < 1e-3 * at_rest.max()


def test_a_jump_fills_to_the_volumes_of_the_circulation(patient, filling):
    work, moment = filling
    blood = moment.blood._replace(V_LV=moment.blood.V_LV + 5 * mL)
    _, after = refill(work, patient.heart, next_beat(moment), blood)
    held = held_volumes(patient.heart, after.wall)
    np.testing.assert_allclose(held, [blood.V_LV, blood.V_RV], atol=0.05 * mL)
