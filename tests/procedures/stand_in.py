"""A stand-in for a heart: a few cells of muscle without shape, and a real circulation."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from heartsim.activation.twitch import Activation, Twitch
from heartsim.circulation.adult import STRESSED_VOLUME, healthy_adult
from heartsim.circulation.closed_loop import Circulation, with_blood_volume
from heartsim.fem.cable import Cable, cable
from heartsim.lumped import LumpedHeart

CELLS = 6
CABLES = ("chord", "patch", "ring mitral", "seam", "sling", "straps", "wedge", "wrap")


@final
class Muscle(eqx.Module):
    """Numbers of `Tissue` that procedures touch."""

    stiffness: jax.Array
    contractility: jax.Array


@final
class Wall(eqx.Module):
    material: Muscle
    swelling: jax.Array


@final
class Springs(eqx.Module):
    """Numbers of `Support` that procedures touch."""

    normal_stiffness: jax.Array
    normal_damping: jax.Array


@final
class Patient(eqx.Module):
    """Face of `Heart` that procedures see."""

    solid: Wall
    activation: Activation
    circulation: Circulation | None
    region: dict[str, jax.Array]
    cell_volume: jax.Array
    filling: jax.Array
    cables: dict[str, Cable]
    supports: tuple[Springs, ...]
    chambers: tuple[str, ...] = eqx.field(static=True, default=("LV", "RV"))

    @property
    def tissue(self) -> Muscle:
        return self.solid.material


def laid() -> Cable:
    """Two strands without stiffness."""
    return cable(np.array([[0, 1], [1, 2]]), np.array([10.0, 20.0]))


def lumped() -> LumpedHeart:
    """Healthy adult without a wall, who holds his blood."""
    loop, blood = healthy_adult()
    return LumpedHeart(loop, with_blood_volume(loop, blood, jnp.asarray(STRESSED_VOLUME)))


def adult() -> Patient:
    """Healthy adult at rest."""
    ramp = jnp.array([1.0, 1.0, 0.5, 0.0, 0.0, 0.0])
    return Patient(
        solid=Wall(Muscle(jnp.ones(CELLS), jnp.full(CELLS, 100.0)), jnp.ones(CELLS)),
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
        cables={name: laid() for name in CABLES},
        supports=(Springs(jnp.full(4, 0.2), jnp.full(4, 5.0)),),
    )
