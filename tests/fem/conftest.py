"""A small heart wall in both element families, in a state away from rest."""

import jax.numpy as jnp
import numpy as np
import pytest

from heartsim.fem.solid import Solid
from heartsim.fem.space import DEGREE, function_space, number_nodes
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.microstructure.fibers import ellipsoid_rule
from heartsim.tissue.active import active_tension
from heartsim.tissue.passive import HolzapfelOgden
from heartsim.tissue.tissue import Tissue, uniform


class Wall:
    """Solid of a small ventricle with its mesh, numbering and a random state."""

    def __init__(self, element: str) -> None:
        self.mesh = left_ventricle(6.0)
        self.nodes = number_nodes(self.mesh.points, self.mesh.tets, DEGREE[element])
        cells = len(self.mesh.tets)
        space = function_space(self.nodes, element)
        middle = self.mesh.points[self.mesh.tets].mean(axis=1)
        law = HolzapfelOgden(0.5, 8.0, 4.0, 5.0, 2.0, 4.0, 0.3, 4.0)
        one = jnp.ones(cells)
        tissue = Tissue(uniform(law, cells), uniform(active_tension(), cells), one, one, 2.0 * one)
        self.solid = Solid(
            space=space,
            frames=jnp.asarray(ellipsoid_rule(middle))[:, None],
            material=tissue,
            augmentation=jnp.asarray(7.0),
            compressibility=jnp.asarray(0.01),
            stabilization=jnp.asarray(0.1 if element == "P1P1" else 0.0),
            viscosity=jnp.full(cells, 3.0),
        )
        random = np.random.default_rng(1)
        self.u = jnp.asarray(0.1 * random.standard_normal(self.nodes.points.shape))
        self.before = jnp.asarray(0.1 * random.standard_normal(self.nodes.points.shape))
        self.p = jnp.asarray(random.standard_normal(space.vertices))
        self.tension = jnp.asarray(5.0 + random.standard_normal(cells))
        self.rate = jnp.asarray(0.2)
        self.random = random


@pytest.fixture(scope="session", params=["P2P1", "P1P1"])
def wall(request) -> Wall:
    return Wall(request.param)
