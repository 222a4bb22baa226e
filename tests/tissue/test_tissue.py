"""Tissue: what each cell adds up to."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from heartsim.tissue.active import active_tension
from heartsim.tissue.passive import Guccione, NeoHookean
from heartsim.tissue.tissue import Tissue, uniform

CELLS = 3
C = jnp.array([[1.21, 0.05, 0.0], [0.05, 0.9, 0.02], [0.0, 0.02, 0.95]])


def make_tissue():
    return Tissue(
        passive=uniform(Guccione(2.0, 8.0, 2.0, 4.0), CELLS),
        active=uniform(active_tension(), CELLS),
        stiffness=jnp.array([1.0, 10.0, 1.0]),
        contractility=jnp.array([60.0, 0.0, 30.0]),
        fibrous=jnp.array([0.0, 0.0, 25.0]),
    )


def test_uniform_gives_each_cell_the_scalar_law():
    law = uniform(Guccione(2, 8, 2, 4, isochoric=False), CELLS)
    assert not law.isochoric
    for name, value in (("C", 2.0), ("bf", 8.0), ("bt", 2.0), ("bfs", 4.0)):
        assert_allclose(getattr(law, name), np.full(CELLS, value))
        assert getattr(law, name).dtype == jnp.float64


def test_energy_of_each_cell_is_its_own_passive_and_active_part():
    tissue = make_tissue()
    tension = tissue.tension(jnp.array([0.5, 0.5, 1.0]))
    assert_allclose(tension, [30.0, 0.0, 30.0])
    found = jax.vmap(Tissue.energy, in_axes=(0, None, 0))(tissue, C, tension)
    passive = Guccione(2.0, 8.0, 2.0, 4.0).energy(C)
    active = active_tension().energy(C, jnp.asarray(30.0))
    annulus = passive + active + NeoHookean(25.0).energy(C)
    assert_allclose(found, [passive + active, 10 * passive, annulus], rtol=1e-13)
