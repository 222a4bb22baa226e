"""Energies of a wall in one step: what viscosity and shortening take up, what tension gives."""

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

Stepped = tuple[Float[Array, " c"], Vector, Scalar]


def viscous_loss(solid: Solid, u: Vector, u_before: Vector, rate: Scalar) -> Scalar:
    """Energy that viscosity takes up in one step [µJ]."""
    new, old = cauchy_green(deformation(solid, u)), cauchy_green(deformation(solid, u_before))
    weight = quadrature_volume(solid.space) * solid.viscosity[:, None]
    return 0.25 * rate * jnp.sum(weight * square(difference(new, old)))


def drag_loss(solid: Solid, u: Vector, u_before: Vector, now: Stepped, before: Stepped) -> Scalar:
    """Work of active tension that the speed of shortening costs in one step [µJ], never given back.

    Parameters
    ----------
    u, u_before
        Displacements at both ends of the step [mm].
    now, before : tuple of (c,), (n, 3), ()
        Of the steps that led to each: tension [kPa], displacement before [mm] and 1/dt [1/ms].
    """
    new = cauchy_green(deformation(solid, u))
    old = cauchy_green(deformation(solid, u_before))
    ends = ((new, *now), (old, *before))
    slopes = [_drag_slopes(solid, c, *level) for c, *level in ends]
    return _work_between(solid, slopes, difference(new, old))


def _drag_slopes(
    solid: Solid, c: Symmetric, tension: Float[Array, " c"], u_before: Vector, rate: Scalar
) -> Symmetric:
    """Slopes of the potential of drag at all points."""

    def slope(c: Symmetric, before: Symmetric, material: Material, s: Scalar, pull: Scalar):
        def potential(x: Symmetric) -> Scalar:
            return s * material.drag(unswollen(x, s), unswollen(before, s), pull, rate)

        return jax.grad(potential)(c)

    over_points = jax.vmap(slope, in_axes=(0, 0, None, None, None))
    before = cauchy_green(deformation(solid, u_before))
    return jax.vmap(over_points)(c, before, solid.material, swelling_of(solid), tension)


def _work_between(solid: Solid, slopes: list[Symmetric], step: Symmetric) -> Scalar:
    """Work of the mean of two slopes on a change of C [µJ]."""
    work = sum(0.5 * (a + b) * d for a, b, d in zip(*slopes, step, strict=True))
    return jnp.sum(quadrature_volume(solid.space) * work)


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
    slopes = [
        over_cells(new, solid.material, swelling, tension),
        over_cells(old, solid.material, swelling, tension_before),
    ]
    return _work_between(solid, slopes, difference(new, old))
