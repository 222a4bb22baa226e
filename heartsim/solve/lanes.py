"""Iterations that several systems make together under ``vmap``.

`vmap` turns a condition of one system into one of each, and then computes both branches for all
and copies whole states to keep those that are done. `anywhere` instead asks whether any of them
needs the branch: one condition for all, so that loops and branches stay what they are.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool


@jax.custom_batching.custom_vmap
def anywhere(flag: Bool[Array, ""]) -> Bool[Array, ""]:
    """The flag itself; under ``vmap`` whether it is set in any lane, the same for all lanes."""
    return flag


@anywhere.def_vmap
def _any_lane(
    size: int, batched: tuple[bool], flag: Bool[Array, "..."]
) -> tuple[Bool[Array, "..."], bool]:
    del size
    return (jnp.any(flag, axis=0), False) if batched[0] else (flag, False)
