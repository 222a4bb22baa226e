"""What the blood side of a heart answers to its wall: given loads, or a circulation.

The wall shows its chambers as a small linear pressure–volume relation (`Cavities`); the blood side
answers with pressures and volumes that both can live with.
"""

from typing import NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.circulation.cavities import Cavities
from heartsim.circulation.closed_loop import Circulation, State
from heartsim.circulation.step import advance_coupled


class Answer(NamedTuple):
    """What the blood side answers to a linearised wall.

    Attributes
    ----------
    pressure : (k,)
        New cavity pressures [kPa].
    volume : (k,)
        Volumes that the chambers must then hold [mm³].
    state : State or None
        New state of the circulation.
    """

    pressure: Float[Array, " k"]
    volume: Float[Array, " k"]
    state: State | None


class BloodSide(Protocol):
    """Closes the wall's pressure–volume relation."""

    def answer(self, cavities: Cavities) -> Answer:
        """Pressures and volumes compatible with V(p) = volume + compliance (p - p0)."""
        ...


class Prescribed(eqx.Module):
    """Cavity pressures or volumes are given: inflation, filling.

    Attributes
    ----------
    pressure : (k,)
        Pressures [kPa], used where `by_volume` is 0.
    volume : (k,)
        Volumes [mm³], used where `by_volume` is 1.
    by_volume : ()
        Which of the two is given.
    """

    pressure: Float[Array, " k"]
    volume: Float[Array, " k"]
    by_volume: Float[Array, ""]

    def answer(self, cavities: Cavities) -> Answer:
        """The given pressures, or those that bring the linearised chambers to the volumes."""
        missing = self.volume - cavities.volume
        # identity in place of an unused compliance keeps the unused solve finite
        unused = (1.0 - self.by_volume) * jnp.eye(missing.size)
        step = jnp.linalg.solve(self.by_volume * cavities.compliance + unused, missing)
        filled = self.by_volume > 0.5
        pressure = jnp.where(filled, cavities.pressure + step, self.pressure)
        return Answer(pressure, jnp.where(filled, self.volume, cavities.at(pressure)), None)


def pressures_given(pressure: Float[Array, " k"]) -> Prescribed:
    """Blood side that holds cavity pressures [kPa]."""
    return Prescribed(pressure, jnp.zeros_like(pressure), jnp.zeros((), pressure.dtype))


def volumes_given(volume: Float[Array, " k"]) -> Prescribed:
    """Blood side that holds cavity volumes [mm³]."""
    return Prescribed(jnp.zeros_like(volume), volume, jnp.ones((), volume.dtype))


class Circulating(eqx.Module):
    """The chambers belong to a closed circulation that takes one implicit time step.

    A circulation may also stand still while the chambers are `held`: the same compiled step then
    inflates a heart and lets it beat.

    Attributes
    ----------
    circulation, state
        The loop and its state at the start of the step.
    t, dt : ()
        Time in the beat and length of the step [ms].
    held : Prescribed
        Used where `flowing` is 0.
    flowing : ()
        1 where the circulation takes the step, 0 where it stands still.
    chambers : tuple of str
        3D chambers.
    """

    circulation: Circulation
    state: State
    t: Float[Array, ""]
    dt: Float[Array, ""]
    held: Prescribed
    flowing: Float[Array, ""]
    chambers: tuple[str, ...] = eqx.field(static=True)

    def answer(self, cavities: Cavities) -> Answer:
        """One step of the circulation against the linearised chambers, or what they are held at."""

        def flow() -> Answer:
            step = advance_coupled(self.circulation, self.state, self.t, self.dt, cavities)
            held = jnp.stack([step.state.volume(name) for name in self.chambers])
            return Answer(step.pressure, held, step.state)

        def stand() -> Answer:
            return self.held.answer(cavities)._replace(state=self.state)

        return jax.lax.cond(self.flowing > 0.5, flow, stand)


def circulating(
    circulation: Circulation,
    state: State,
    t: Float[Array, ""],
    dt: Float[Array, ""],
    chambers: tuple[str, ...],
) -> Circulating:
    """Blood side of a beating heart for a step from `t` to ``t + dt`` [ms]."""
    nothing = pressures_given(jnp.zeros(len(chambers)))
    return Circulating(circulation, state, t, dt, nothing, jnp.ones(()), chambers)


def standing(circulation: Circulation, held: Prescribed, chambers: tuple[str, ...]) -> Circulating:
    """Chambers at given pressures or volumes while the circulation stands still."""
    state = State(*jnp.zeros(len(State._fields)))
    return Circulating(
        circulation, state, jnp.zeros(()), jnp.ones(()), held, jnp.zeros(()), chambers
    )
