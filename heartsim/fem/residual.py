"""Inner forces of the wall and its volume constraint: the first derivative of its energy."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.fem.lots import by_lots
from heartsim.fem.solid import (
    Scalar,
    Solid,
    Vector,
    at_points,
    deformation,
    fiber_gradient,
    point_energy,
    pressure_form,
    pulled_back,
    quadrature_volume,
    rows_first,
    swelling_of,
    volume_ratio_all,
)


def residual(
    solid: Solid,
    u: Vector,
    p: Float[Array, " v"],
    tension: Float[Array, " c"],
    u_before: Vector,
    rate: Scalar,
) -> tuple[Vector, Float[Array, " v"]]:
    """Internal forces and constraint residual: derivative of the energy by u and p.

    Parameters
    ----------
    u, p
        Displacement [mm] and pressure multiplier [kPa].
    tension : (c,)
        Active tension of each cell [kPa].
    u_before, rate
        Displacement of the previous time level [mm] and 1/dt [1/ms]; rate 0 is quasi-static.

    Returns
    -------
    (n, 3), (v,) float
        Forces [mN] and weighted volume change [mm³].
    """
    cells = solid.space.cells
    forces, constraint = cell_residuals(solid, u, p, tension, u_before, rate)
    return (
        jnp.zeros_like(u).at[cells].add(forces),
        jnp.zeros_like(p).at[cells[:, :4]].add(constraint),
    )


def cell_residuals(
    solid: Solid, u: Vector, p: Float[Array, " v"], tension: Float[Array, " c"], *memory
) -> tuple[Float[Array, "c a 3"], Float[Array, "c 4"]]:
    """Share of each cell in them, at its nodes and corners."""

    def of_cells(some: Solid, pulling: Float[Array, " c"]) -> tuple[Array, Array]:
        return _of_cells(some, u, p, pulling, *memory)

    return by_lots(of_cells, solid, tension)


def _of_cells(
    solid: Solid, u: Vector, p: Float[Array, " v"], tension: Float[Array, " c"], *memory
) -> tuple[Float[Array, "c a 3"], Float[Array, "c 4"]]:
    space = solid.space
    F = deformation(solid, u)
    slope = at_points(jax.grad(point_energy), solid, F, p, tension, *memory)
    weight = quadrature_volume(space)
    pulled = weight[None, None] * pulled_back(
        rows_first(F), slope, rows_first(fiber_gradient(solid))
    )
    forces = jnp.einsum("ircq,qar->cai", pulled, space.gradients)
    dilation = weight * (volume_ratio_all(F) / swelling_of(solid)[:, None] - 1.0)
    constraint = jnp.einsum("cq,qb->cb", dilation, space.pressure_values)
    constraint -= jnp.einsum("cab,cb->ca", pressure_form(solid), p[space.cells[:, :4]])
    return forces, constraint
