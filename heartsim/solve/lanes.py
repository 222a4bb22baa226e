"""What several systems decide and make together under ``vmap``.

`vmap` turns a condition of one system into one of each, and then computes both branches for all
and copies whole states to keep those that are done. `anywhere` instead asks whether any of them
needs the branch: one condition for all, so that loops and branches stay what they are. `typical`
gives them one matrix, so that a preconditioner is made once for all. `lane_by_lane`
keeps what is large in the cache of a CPU, and leaves out who is done.
"""

import functools
from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_Given = TypeVar("_Given")
_Tree = TypeVar("_Tree")


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


def in_turn(function: Callable[[_Given], _Tree], over: _Given) -> _Tree:
    """Map over the first axis: one after the other on a CPU, all at once elsewhere.

    XLA on a CPU computes what it stacks anew for each number of the stack, a whole law at each
    point; what a loop reads is computed once. Tangents so take half of the time.
    """

    def one_by_one(over: _Given) -> _Tree:
        return jax.lax.map(function, over)

    return jax.lax.platform_dependent(over, cpu=one_by_one, default=jax.vmap(function))


def lane_by_lane(function: Callable[..., _Tree], needed: Bool[Array, ""]) -> Callable[..., _Tree]:
    """The function itself; under ``vmap`` lanes `in_turn`, with nan where not needed.

    On a CPU what one lane reads and writes at all points of a heart so stays in the cache, lanes
    that are not needed cost nothing, and XLA does not move arrays with lanes in front from layout
    to layout. Results must be floating-point arrays, and have no reverse derivative.
    """

    def called(*args: object, **kwargs: object) -> _Tree:
        given, fixed = eqx.partition((args, kwargs), eqx.is_array)

        # traced once, whoever asks for it below, and part of the program around it
        @functools.partial(jax.jit, inline=True)  # noqa: TID251
        def plain(given) -> _Tree:
            args, kwargs = eqx.combine(given, fixed)
            return function(*args, **kwargs)

        own = jax.custom_batching.custom_vmap(lambda needed, given: plain(given))

        @own.def_vmap
        def _lanes(size: int, batched, needed, given):
            lanes, common = eqx.partition(given, batched[1])

            def one(lane) -> _Tree:
                return plain(eqx.combine(lane, common))

            shape = jax.eval_shape(one, jax.tree.map(lambda leaf: leaf[0], lanes))
            nothing = jax.tree.map(lambda x: jnp.full(x.shape, jnp.nan, x.dtype), shape)

            def if_needed(given) -> _Tree:
                return jax.lax.cond(given[0], one, lambda _: nothing, given[1])

            found = in_turn(if_needed, (jnp.broadcast_to(needed, size), lanes))
            return found, jax.tree.map(lambda _: True, found)

        return own(needed, given)

    return called
