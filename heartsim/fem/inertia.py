"""Inertia of the wall: what a time scheme adds to the forces of one step.

Every one-step scheme for M a + f(u, v) = 0 gives acceleration and velocity at its stage as affine
functions of the displacement u there, ``a = stiffening (u − coasting)``: coasting is where the wall
would be without forces. So a step of dynamics is a step of statics with one more spring, M. Hearts
beat without it: at 1 mg/mm³ and 10 m/s² a wall of 10 mm needs 0.1 kPa.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.fem.elements import tabulate
from heartsim.fem.space import DEGREE, FunctionSpace


class Inertia(eqx.Module):
    """Mass of the wall and the time scheme's view of its acceleration.

    Attributes
    ----------
    density : ()
        Mass per reference volume [mg/mm³].
    overlap : (a, a)
        Integrals of products of the displacement's shape functions per unit volume.
    coasting : (n, 3)
        Displacement at which the acceleration vanishes [mm].
    stiffening : ()
        Acceleration per displacement from there [1/ms²].
    """

    density: Float[Array, ""]
    overlap: Float[Array, "a a"]
    coasting: Float[Array, "n 3"]
    stiffening: Float[Array, ""]


def inertia(space: FunctionSpace, density: float) -> Inertia:
    """Mass of a wall of uniform density [mg/mm³], at rest and not yet in any step."""
    degree = DEGREE[space.element]
    table = tabulate(3, degree, 2 * degree)
    return Inertia(
        density=jnp.asarray(float(density)),
        overlap=jnp.einsum("q,qa,qb->ab", table.weights, table.values, table.values),
        coasting=jnp.zeros_like(space.points),
        stiffening=jnp.zeros(()),
    )


def inertial_force(
    mass: Inertia, space: FunctionSpace, u: Float[Array, "n 3"]
) -> Float[Array, "n 3"]:
    """Force M a that the acceleration takes [mN]; residual term."""
    away = mass.stiffening * (u - mass.coasting)
    local = jnp.einsum(
        "c,ab,cbi->cai", mass.density * space.volume, mass.overlap, away[space.cells]
    )
    return jnp.zeros_like(u).at[space.cells].add(local)


def inertial_blocks(mass: Inertia, space: FunctionSpace) -> Float[Array, "c k k"]:
    """Element blocks of its tangent, unknowns ordered (node, component) [mN/mm]."""
    block = jnp.kron(mass.overlap, jnp.eye(3, dtype=mass.overlap.dtype))
    return (mass.stiffening * mass.density * space.volume)[:, None, None] * block[None]
