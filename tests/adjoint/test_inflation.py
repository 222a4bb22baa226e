"""Passive inflation: volume by stiffness."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim import creep, equilibrium
from heartsim.adjoint.inflation import inflation_gradient
from heartsim.adjoint.parameters import parameter, shifted
from heartsim.units import mL


def test_a_heart_with_multigrid_is_differentiated_with_factors(ready, monkeypatch):
    heart, wall = ready.heart, ready.moment.wall
    monkeypatch.setattr(equilibrium, "LARGEST_FACTORIZED", {"P1P1": 0, "P2P1": 0})
    other = equilibrium.workspace(heart, ready.work.nodes)
    assert type(other.kept) is not type(ready.work.kept)
    names = ("tissue.stiffness",)
    one, same = (inflation_gradient(work, heart, wall, names) for work in (ready.work, other))
    assert_allclose(one["tissue.stiffness"], same["tissue.stiffness"], rtol=1e-5)


@pytest.mark.slow
def test_volume_by_stiffness_is_that_of_differences(ready):
    heart, wall = ready.heart, ready.moment.wall
    pressure = np.asarray(wall.pressure)
    wall, work = creep.hold(ready.work, heart, wall, pressure)
    changes = {"tissue.stiffness": 1e-3, "support.base_stiffness": 1e-4}
    names = (*changes, "solid.space.points")
    found = inflation_gradient(work, heart, wall, names)

    def volume(changed):
        held, _ = creep.hold(work, changed, wall, pressure)
        return equilibrium.held_volumes(changed, held)[0] / mL

    for name, change in changes.items():
        number = parameter(heart, name)
        up, down = (volume(shifted(heart, number, amount)) for amount in (change, -change))
        assert_allclose(found[name][0].sum(), (up - down) / (2 * change), rtol=1e-4)
    assert np.all(found["tissue.stiffness"].sum() < 0)
