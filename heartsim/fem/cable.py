"""Cables: strands between points of the wall that pull when they are longer than they want to be.

One energy serves chords and slings through a cavity, rings along a valve's rim, nets around the
heart and sutures. A strand of length ``l`` between two vertices stores::

    E(l) = k ∫ ramp(x) dx up to x = l - rest,  ramp(x) = x where x > 0, else 0

with the corner of the ramp rounded by a parabola of half-width `ROUNDING` of the rest length, so
that the tension is C¹. A suture has rest length 0: its energy is k l²/2, smooth where its ends
meet. Strands push on nothing: no friction, no mass, no contact.
"""

from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

ROUNDING: Final = 0.01
"""Half-width of the rounded corner between slack and taut, over the rest length."""

_TINY: Final = 1e-20


class Cable(eqx.Module):
    """Strands of one device or seam.

    Attributes
    ----------
    ends : (k, 2) int
        Vertices that each strand joins.
    fitted : (k,)
        Length of each strand in the shape that the surgeon sees: the imaged one [mm].
    rest : (k,)
        Length up to which it is slack [mm].
    stiffness : (k,)
        Tension per elongation [mN/mm]; 0 is no strand.
    """

    ends: Int[Array, "k 2"]
    fitted: Float[Array, " k"]
    rest: Float[Array, " k"]
    stiffness: Float[Array, " k"]


def cable(ends: Int[np.ndarray, "k 2"], fitted: Float[np.ndarray, " k"]) -> Cable:
    """Strands that do not pull yet: laid at their fitted length, without stiffness."""
    length = jnp.asarray(fitted, float)
    return Cable(jnp.asarray(ends, jnp.int32), length, length, jnp.zeros_like(length))


def lengths(strands: Cable, x: Float[Array, "n 3"]) -> Float[Array, " k"]:
    """Length of each strand at node positions [mm]."""
    return _length(x[strands.ends])


def _length(ends: Float[Array, "... 2 3"]) -> Float[Array, "..."]:
    # a strand of no length has no direction, but its energy is smooth there
    return jnp.sqrt(jnp.sum((ends[..., 1, :] - ends[..., 0, :]) ** 2, axis=-1) + _TINY)


def _ramp(x: Float[Array, "..."], width: Float[Array, "..."]) -> Float[Array, "..."]:
    """Positive part of x with its corner rounded over ± width."""
    inside = jnp.clip(x + width, 0, 2 * width)
    return inside**2 / (4 * jnp.maximum(width, _TINY)) + jnp.maximum(x - width, 0)


def _ramp_integral(x: Float[Array, "..."], width: Float[Array, "..."]) -> Float[Array, "..."]:
    inside = jnp.clip(x + width, 0, 2 * width)
    corner = inside**3 / (12 * jnp.maximum(width, _TINY))
    return corner + (jnp.maximum(x, width) ** 2 - width**2) / 2


def tensions(strands: Cable, x: Float[Array, "n 3"]) -> Float[Array, " k"]:
    """Tension of each strand [mN]; 0 where it is slack."""
    rest = strands.rest
    return strands.stiffness * _ramp(lengths(strands, x) - rest, ROUNDING * rest)


def _strand_energy(
    ends: Float[Array, "2 3"], rest: Float[Array, ""], stiffness: Float[Array, ""]
) -> Float[Array, ""]:
    return stiffness * _ramp_integral(_length(ends) - rest, ROUNDING * rest)


def cable_energy(strands: Cable, x: Float[Array, "n 3"]) -> Float[Array, ""]:
    """Energy stored in the strands [µJ]."""
    each = jax.vmap(_strand_energy)(x[strands.ends], strands.rest, strands.stiffness)
    return jnp.sum(each)


def cable_force(strands: Cable, x: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """Slope of the energy by the node positions [mN]; residual term of the strands."""
    slope = jax.vmap(jax.grad(_strand_energy))
    local = slope(x[strands.ends], strands.rest, strands.stiffness)
    return jnp.zeros_like(x).at[strands.ends].add(local)


def cable_blocks(strands: Cable, x: Float[Array, "n 3"]) -> Float[Array, "k 2 2 3 3"]:
    """Tangent between the ends of each strand [mN/mm]."""
    curvature = jax.vmap(jax.hessian(_strand_energy))
    blocks = curvature(x[strands.ends], strands.rest, strands.stiffness)
    return jnp.swapaxes(blocks, 2, 3)
