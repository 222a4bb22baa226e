"""Unloaded shapes."""

import numpy as np
import pytest

from heartsim import equilibrium
from heartsim.build import anatomy, heart_on
from heartsim.prestress import reload, unload


@pytest.mark.slow
def test_unloaded_shape_reloads_to_the_image(scenario, patient):
    from heartsim.patient import load_mesh

    mesh = load_mesh(scenario)
    built = anatomy(mesh, scenario)

    def heart_at(points):
        return heart_on(built, points, scenario)

    work = equilibrium.workspace(heart_at(mesh.points), built.nodes)
    pressure = patient.moment.wall.pressure
    found, steps = unload(work, heart_at, mesh.points, pressure)
    assert steps <= 10
    reloaded, _ = reload(work, heart_at(found.points), found, mesh.points, pressure)
    assert reloaded.largest_error < 1e-3
    heart = heart_at(found.points)
    fresh = equilibrium.workspace(heart, built.nodes)
    loaded, _ = equilibrium.inflate(
        fresh, heart, equilibrium.rest(heart), patient.moment.wall.pressure
    )
    again = found.points + np.asarray(loaded.u)[: len(found.points)]
    assert np.linalg.norm(again - mesh.points, axis=1).max() < 0.1
