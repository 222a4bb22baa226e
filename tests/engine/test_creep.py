"""Walls that are filled from rest."""

import numpy as np
import pytest

from heartsim import creep, equilibrium
from heartsim.prestress import Guess, reload
from heartsim.units import mmHg


@pytest.mark.slow
def test_an_empty_wall_fills_in_easy_steps_to_where_small_loads_bring_it(patient, monkeypatch):
    """At rest it is softer than this pressure: by Newton's method alone solves take five times as
    many iterations."""
    monkeypatch.setattr(equilibrium, "LARGEST_FACTORIZED", {"P1P1": 0, "P2P1": 0})
    heart, pressure = patient.heart, np.array([20.0, 10.0]) * mmHg
    work = equilibrium.workspace(heart, patient.work.nodes)
    wall, filled = creep.hold(work, heart, equilibrium.rest(heart), pressure)
    assert filled.effort.failed == 0
    assert filled.effort.krylov < 12 * filled.effort.newton
    held = equilibrium.held_volumes(heart, wall)
    wall = equilibrium.rest(heart)
    for share in np.linspace(0.25, 1.0, 4):
        wall, work = equilibrium.inflate(work, heart, wall, share * pressure)
    np.testing.assert_allclose(held, equilibrium.held_volumes(heart, wall), rtol=1e-4)


@pytest.mark.parametrize("share", [0.98, 1.0])
def test_a_filled_wall_is_held_by_newtons_method_at_once(patient, share):
    wall = patient.moment.wall
    _, work = creep.hold(patient.work, patient.heart, wall, share * np.asarray(wall.pressure))
    assert work.effort.steps == patient.work.effort.steps + 1


def test_a_kept_shape_is_reloaded_by_newtons_method_though_it_has_no_pressure(patient):
    wall, space = patient.moment.wall, patient.heart.solid.space
    vertices = np.asarray(space.points)[: space.vertices]
    found = Guess(vertices, wall._replace(pressure=np.zeros_like(wall.pressure)))
    image = vertices + np.asarray(wall.u)[: space.vertices]
    _, work = reload(patient.work, patient.heart, found, image, np.asarray(wall.pressure))
    assert work.effort.steps == patient.work.effort.steps + 1
