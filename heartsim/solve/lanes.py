"""What several systems decide and make together under ``vmap``.

`vmap` turns a condition of one system into one of each, and then computes both branches for all
and copies whole states to keep those that are done. `anywhere` instead asks whether any of them
needs the branch: one condition for all, so that loops and branches stay what they are. `typical`
gives them one matrix, so that a preconditioner is made once and read once for all.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


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


@jax.custom_batching.custom_vmap
def typical(numbers: Float[Array, "..."]) -> Float[Array, "..."]:
    """The numbers themselves; under ``vmap`` the mean of all lanes in which they are finite."""
    return numbers


@typical.def_vmap
def _mean_lane(
    size: int, batched: tuple[bool], numbers: Float[Array, "..."]
) -> tuple[Float[Array, "..."], bool]:
    if not batched[0]:
        return numbers, False
    sound = jnp.isfinite(numbers.reshape(size, -1)).all(axis=1)
    share = sound / jnp.maximum(sound.sum(), 1).astype(numbers.dtype)
    each = sound.reshape(size, *[1] * (numbers.ndim - 1))
    return jnp.tensordot(share.astype(numbers.dtype), jnp.where(each, numbers, 0.0), 1), False
