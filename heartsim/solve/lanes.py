"""What several systems decide and make together under ``vmap``.

`vmap` turns a condition of one system into one of each, and then computes both branches for all
and copies whole states to keep those that are done. `anywhere` instead asks whether any of them
needs the branch: one condition for all, so that loops and branches stay what they are. `typical`
gives them one matrix, so that a preconditioner is made once and read once for all.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def _one_for_all(agreed: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """An array itself; under ``vmap`` what all lanes agree on, the same for each."""

    @jax.custom_batching.custom_vmap
    def own(array: Array) -> Array:
        return array

    @own.def_vmap
    def _common(size: int, batched: tuple[bool], array: Array) -> tuple[Array, bool]:
        del size
        return (agreed(array), False) if batched[0] else (array, False)

    return own


def _mean_of_sound(lanes: Float[Array, "l ..."]) -> Float[Array, "..."]:
    inner = tuple(range(1, lanes.ndim))
    sound = jnp.isfinite(lanes).all(axis=inner, keepdims=True)
    return jnp.where(sound, lanes, 0.0).sum(axis=0) / jnp.maximum(sound.sum(), 1)


_any_lane = _one_for_all(lambda flags: jnp.any(flags, axis=0))
_mean_lane = _one_for_all(_mean_of_sound)


def anywhere(flag: Bool[Array, ""]) -> Bool[Array, ""]:
    """The flag itself; under ``vmap`` whether it is set in any lane, the same for all lanes."""
    return _any_lane(flag)


def typical(numbers: Float[Array, "..."]) -> Float[Array, "..."]:
    """The numbers themselves; under ``vmap`` the mean of all lanes in which they are finite."""
    return _mean_lane(numbers)
