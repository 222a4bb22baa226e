"""3D cavities as the circulation sees them: volumes that answer linearly to pressures.

Units: pressure [kPa], volume [mm³].
"""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


@final
class Cavities(eqx.Module):
    """3D cavities, linearised about their present pressures: V(p) = volume + compliance (p - p0).

    The compliance is a sensitivity of a solved finite element state. It should be positive
    definite; off-diagonal entries carry the interaction through the septum.
    """

    chambers: tuple[str, ...] = eqx.field(static=True)
    """Names of the chambers, such as ``("LV", "RV")``."""
    pressure: Float[Array, " k"]
    """Pressures p0 [kPa]."""
    volume: Float[Array, " k"]
    """Volumes at p0 [mm³]."""
    compliance: Float[Array, "k k"]
    """∂V/∂p [mm³/kPa]."""

    def at(self, pressure: Float[Array, " k"]) -> Float[Array, " k"]:
        """Volumes [mm³] at given pressures [kPa]."""
        return self.volume + self.compliance @ (pressure - self.pressure)


def no_cavities(dtype: jnp.dtype = float) -> Cavities:
    """`Cavities` of a circulation whose chambers are all 0D."""
    nothing = jnp.zeros(0, dtype)
    return Cavities((), nothing, nothing, jnp.zeros((0, 0), dtype))
