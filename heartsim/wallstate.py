"""State of the wall, and how far it is from balance with its cavity pressures."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.fem.solid import least_volume_ratio
from heartsim.heart import Heart, Load, cavity_gradients, cavity_volumes, loaded_residual


class WallState(NamedTuple):
    """Mechanical unknowns.

    Attributes
    ----------
    u : (n, 3)
        Displacement [mm].
    p : (v,)
        Pressure multiplier [kPa].
    pressure : (k,)
        Cavity pressures [kPa].
    response : (k, m)
        Change of (u, p) with each cavity pressure; zeros where it is not known, and the next
        step solves for it.
    """

    u: Float[Array, "n 3"]
    p: Float[Array, " v"]
    pressure: Float[Array, " k"]
    response: Float[Array, "k m"]


class Balance(NamedTuple):
    """Wall evaluated at a state.

    Attributes
    ----------
    residual : (m,)
        Forces [mN] of all nodes, then the volume constraint [mm³].
    norm, scale : ()
        Of the residual; of the load that the cavity pressures put on the wall, at least that of
        0.1 kPa.
    gradients : (k, m)
        Slope of the cavity volumes [mm²].
    held : (k,)
        Cavity volumes [mm³].
    least : ()
        Smallest J of any point.
    """

    residual: Float[Array, " m"]
    norm: Float[Array, ""]
    scale: Float[Array, ""]
    gradients: Float[Array, "k m"]
    held: Float[Array, " k"]
    least: Float[Array, ""]


def balance_at(heart: Heart, wall: WallState, load: Load) -> Balance:
    """Residual of the wall, and what the blood side sees of it."""
    gradients = cavity_gradients(heart, wall.u)
    residual = loaded_residual(heart, wall.u, wall.p, wall.pressure, load)
    weight = jnp.maximum(jnp.abs(wall.pressure), 0.1)
    rest = jnp.zeros((len(heart.chambers), wall.p.size), residual.dtype)
    return Balance(
        residual=residual,
        norm=jnp.linalg.norm(residual),
        scale=jnp.linalg.norm(jnp.tensordot(weight, gradients, 1)),
        gradients=jnp.concatenate([gradients.reshape(len(rest), -1), rest], axis=1),
        held=cavity_volumes(heart, wall.u),
        least=least_volume_ratio(heart.solid, wall.u),
    )
