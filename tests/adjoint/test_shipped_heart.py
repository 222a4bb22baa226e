"""The shipped left ventricle in its circulation: accuracy and cost of a gradient."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim import creep, equilibrium
from heartsim.adjoint.gradient import differentiate
from heartsim.adjoint.indices import indices
from heartsim.adjoint.parameters import parameter, shifted
from heartsim.adjoint.tape import remembered, seeds, traces
from heartsim.beat import begin
from heartsim.build import anatomy, heart_on
from heartsim.coupling import Tolerances
from heartsim.loop import first_blood
from heartsim.mesh import library
from heartsim.mesh.surfaces import cavity_volume
from heartsim.scenario import Scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

EXACT = Tolerances(force=1e-10, volume=1e-11, linear=1e-3)
STEP, UNTIL = 20.0, 420.0
OF = ("EDV_mL", "ESV_mL", "P_max_mmHg")
BY = {
    "tissue.stiffness": 1e-3,
    "tissue.contractility": 1e-2,
    "circulation.systemic_resistance": 1e-4,
}


@pytest.fixture(scope="module")
def filled():
    scenario = Scenario.from_dict(
        {
            "title": "What does the shipped ventricle depend on?",
            "patient": {"mesh": "left_ventricle", "element": "P1P1", "imaged_at": "unloaded"},
        }
    )
    mesh = library.load("left_ventricle")
    built = anatomy(mesh, scenario)
    heart = heart_on(built, mesh.points, scenario)
    work = equilibrium.workspace(heart, built.nodes)
    filling = np.array([scenario.patient.imaged_pressure.LV])
    wall, work = creep.hold(work, heart, equilibrium.rest(heart), filling)
    held = {"LV": float(equilibrium.held_volumes(heart, wall)[0])}
    imaged = {"LV": cavity_volume(mesh.points, mesh.cavities["LV"])}
    return work, heart, begin(heart, wall, first_blood(scenario, imaged, held))


def gradient(filled, work):
    _, heart, moment = filled
    return differentiate(work, heart, moment, of=OF, by=tuple(BY), step=STEP, until=UNTIL)


def test_gradient_is_that_of_differences(filled):
    work, heart, moment = filled
    exact = replace(work, tolerances=EXACT)
    found = gradient(filled, exact)
    for name, change in BY.items():
        number, values = parameter(heart, name), []
        for amount in (change, -change):
            other = shifted(heart, number, amount)
            tape, _, _ = remembered(exact, other, moment, step=STEP, until=UNTIL)
            values.append(seeds(indices(OF), traces(other, tape))[0])
        differences = (values[0] - values[1]) / (2 * change)
        slopes = [found.of(index, by=name).value for index in OF]
        assert_allclose(slopes, differences, rtol=1e-4, atol=1e-7 * np.abs(differences).max())


def test_gradient_costs_less_than_three_beats(filled):
    gradient(filled, filled[0])
    found = gradient(filled, filled[0])
    assert found.effort.walks == 1
    assert jnp.isfinite(found.of("ESV_mL", by="tissue.stiffness").value)
    assert found.forward_seconds + found.effort.seconds < 3.0 * found.forward_seconds
