"""Derivatives of the passive wall under given cavity pressures."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.adjoint.parameters import Path, leaves, parameter, with_leaves
from heartsim.adjoint.transposed import solve_wall
from heartsim.equilibrium import Workspace, passive_load, sharable, strong
from heartsim.fem.linear import Kept
from heartsim.heart import Heart, cavity_gradients, cavity_volumes, loaded_residual
from heartsim.programs import Program
from heartsim.units import mL
from heartsim.wallstate import WallState


def inflation_gradient(
    work: Workspace, heart: Heart, wall: WallState, by: Sequence[str]
) -> dict[str, Float[np.ndarray, "k ..."]]:
    """Derivatives of the chamber volumes at given pressures by numbers of the heart.

    Parameters
    ----------
    work, heart
        Solver and heart.
    wall : WallState
        Passive equilibrium, as `heartsim.equilibrium.inflate` finds it.
    by : sequence of str
        Numbers, as in `heartsim.adjoint.gradient.differentiate`.

    Returns
    -------
    dict of str to (k, ...)
        For each number the derivatives of the k volumes by its entries [mL per unit].
    """
    numbers = [parameter(heart, name) for name in by]
    paths = tuple(dict.fromkeys(path for number in numbers for path in number.paths))
    kept = sharable(work, heart).kept
    found = dict(zip(paths, _gradient(*strong((heart, paths, kept, wall))), strict=True))
    return {
        number.name: np.add.reduce([found[path] for path in number.paths]) * number.size / mL
        for number in numbers
    }


@Program
def _gradient(
    heart: Heart, paths: tuple[Path, ...], kept: Kept, wall: WallState
) -> tuple[Float[Array, "k ..."], ...]:
    """dV/dθ = ∂V/∂θ - (∂V/∂u K⁻¹) ∂R/∂θ for all chambers at once."""
    still, state = passive_load(heart), (wall.u, wall.p, wall.pressure)
    gradients = cavity_gradients(heart, wall.u).reshape(len(heart.chambers), -1)
    guess = jnp.zeros((len(gradients), heart.solid.space.dofs))
    solves, _ = solve_wall(heart, kept, state, still, gradients, guess)

    def balanced(values: tuple[Array, ...]) -> tuple[Float[Array, " m"], Float[Array, " k"]]:
        other = with_leaves(heart, paths, values)
        residual = loaded_residual(other, wall.u, wall.p, wall.pressure, still)
        return residual, cavity_volumes(other, wall.u)

    _, pull = jax.vjp(balanced, leaves(heart, paths))
    (slopes,) = jax.vmap(pull)((-solves.x, jnp.eye(len(gradients))))
    return slopes
