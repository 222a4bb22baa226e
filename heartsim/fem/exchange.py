"""Energies of a wall in one step: what viscosity takes up, what active tension gives."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.fem.solid import (
    Material,
    Scalar,
    Solid,
    Vector,
    cauchy_green,
    deformation,
    difference,
    quadrature_volume,
    square,
    swelling_of,
    unswollen,
)
from heartsim.tissue.law import Symmetric


def viscous_loss(solid: Solid, u: Vector, u_before: Vector, rate: Scalar) -> Scalar:
    """Energy that viscosity takes up in one step [µJ]."""
    new, old = cauchy_green(deformation(solid, u)), cauchy_green(deformation(solid, u_before))
    weight = quadrature_volume(solid.space) * solid.viscosity[:, None]
    return 0.25 * rate * jnp.sum(weight * square(difference(new, old)))


def _active_slope(c: Symmetric, material: Material, swelling: Scalar, tension: Scalar) -> Symmetric:
    """Part of the energy's slope that is due to active tension."""

    def slope(pull: Scalar) -> Symmetric:
        return jax.grad(lambda x: swelling * material.energy(unswollen(x, swelling), pull))(c)

    return difference(slope(tension), slope(jnp.zeros_like(tension)))


def tension_work(
    solid: Solid,
    u: Vector,
    u_before: Vector,
    tension: Float[Array, " c"],
    tension_before: Float[Array, " c"],
) -> Scalar:
    """Work that deformation does against active tension in one step [µJ]: < 0 when it shortens."""
    over_points = jax.vmap(_active_slope, in_axes=(0, None, None, None))
    over_cells, swelling = jax.vmap(over_points), swelling_of(solid)
    new = cauchy_green(deformation(solid, u))
    old = cauchy_green(deformation(solid, u_before))
    slope_new = over_cells(new, solid.material, swelling, tension)
    slope_old = over_cells(old, solid.material, swelling, tension_before)
    step = difference(new, old)
    work = sum(0.5 * (a + b) * d for a, b, d in zip(slope_new, slope_old, step, strict=True))
    return jnp.sum(quadrature_volume(solid.space) * work)
