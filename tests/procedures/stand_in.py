"""A stand-in for a heart: a few cells of muscle without shape, and a real circulation."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from heartsim.activation.twitch import Activation, Twitch
from heartsim.circulation.adult import STRESSED_VOLUME, healthy_adult
from heartsim.circulation.closed_loop import Circulation, with_blood_volume
from heartsim.lumped import LumpedHeart

CELLS = 6


@final
class Muscle(eqx.Module):
    """Numbers of `Tissue` that procedures touch."""

    stiffness: jax.Array
    contractility: jax.Array


@final
class Wall(eqx.Module):
    material: Muscle


@final
class Patient(eqx.Module):
    """Face of `Heart` that procedures see."""

    solid: Wall
    activation: Activation
    circulation: Circulation | None
    region: dict[str, jax.Array]
    cell_volume: jax.Array
    filling: jax.Array
    chambers: tuple[str, ...] = eqx.field(static=True, default=("LV", "RV"))

    @property
    def tissue(self) -> Muscle:
        return self.solid.material


def lumped() -> LumpedHeart:
    """Healthy adult without a wall, who holds his blood."""
    loop, blood = healthy_adult()
    return LumpedHeart(loop, with_blood_volume(loop, blood, jnp.asarray(STRESSED_VOLUME)))


def adult() -> Patient:
    """Healthy adult at rest."""
    ramp = jnp.array([1.0, 1.0, 0.5, 0.0, 0.0, 0.0])
    return Patient(
        solid=Wall(Muscle(jnp.ones(CELLS), jnp.full(CELLS, 100.0))),
        activation=Activation(
            jnp.zeros(CELLS),
            Twitch(*map(jnp.asarray, (130.0, 300.0, 220.0))),
            healthy_adult()[0].period,
        ),
        circulation=healthy_adult()[0],
        region={
            "infarct": ramp,
            "ischemic": ramp[::-1],
            "ablation": ramp,
            "hydrogel": ramp,
        },
        cell_volume=jnp.full(CELLS, 500.0),
        filling=jnp.ones(()),
    )
