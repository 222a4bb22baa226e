"""Chambers without a 3D model: pressure-volume relations that never reach an empty chamber.

Every relation grows with its volume and falls without bound as the volume goes to zero, so a
pump or a racing heart can empty a chamber but never take blood that is not there.

Units: pressure [kPa], volume [mm³], time [ms].
"""

import dataclasses
from abc import abstractmethod
from typing import Final, Self, TypeVar, final

import equinox as eqx
import jax.numpy as jnp

from heartsim.circulation.components import Scalar, collapse, leaf, parameter

_RHYTHM: Final = 0.98
"""Largest part of the period that contraction and relaxation together may take."""

_STRAIGHT: Final = 8.0
"""Exponent beyond which an exponential relation goes on as its tangent."""


class Relation(eqx.Module):
    """Interface of a pressure-volume relation at one instant; pressure grows with volume."""

    @abstractmethod
    def __call__(self, volume: Scalar) -> Scalar:
        """Pressure [kPa] at a volume [mm³]."""


def exponential(x: Scalar, rate: Scalar) -> Scalar:
    """``(exp(rate x) - 1) / rate``, equal to x for rate 0, straight beyond `_STRAIGHT`/rate."""
    z = rate * x
    inside = jnp.minimum(z, _STRAIGHT)
    safe = jnp.where(jnp.abs(inside) < 1e-6, 1.0, inside)
    growth = jnp.where(jnp.abs(inside) < 1e-6, 1 + inside / 2, jnp.expm1(safe) / safe)
    steep = jnp.exp(_STRAIGHT)
    slope = jnp.where(z > _STRAIGHT, z, 1.0)
    beyond = (steep - 1 + steep * (z - _STRAIGHT)) / slope
    return x * jnp.where(z > _STRAIGHT, beyond, growth)


@final
class Line(Relation):
    """Straight relation, ``p = E (V - V0)``."""

    elastance: Scalar = parameter()
    """[kPa/mm³]"""
    unstressed: Scalar = parameter()
    """[mm³]"""

    def __call__(self, volume: Scalar) -> Scalar:
        """Pressure [kPa] at a volume [mm³]."""
        return self.elastance * (volume - self.unstressed)


@final
class Held(Relation):
    """Pressure that comes from outside, whatever the volume."""

    pressure: Scalar = parameter()
    """[kPa]"""

    def __call__(self, volume: Scalar) -> Scalar:
        """Pressure [kPa]; the volume [mm³] does not matter."""
        return self.pressure + jnp.zeros_like(volume)


@final
class Muscle(Relation):
    """Active line plus passive exponential above V0, the tube law below it.

    ::

        V ≥ V0:  p = E_a (V - V0) + E_p (exp(k (V - V0)) - 1) / k
        V < V0:  `collapse` with the slope E_a + E_p
    """

    active: Scalar = parameter()
    """Active elastance now [kPa/mm³]."""
    passive: Scalar = parameter()
    """Passive elastance at V0 [kPa/mm³]."""
    stiffening: Scalar = parameter()
    """k [1/mm³]; 0 is a straight passive relation."""
    unstressed: Scalar = parameter()
    """V0 [mm³]."""

    def __call__(self, volume: Scalar) -> Scalar:
        """Pressure [kPa] at a volume [mm³]."""
        stretch = jnp.maximum(volume - self.unstressed, 0.0)
        filled = self.active * stretch + self.passive * exponential(stretch, self.stiffening)
        return filled + collapse(volume, self.unstressed, self.active + self.passive)


class Chamber(eqx.Module):
    """Interface of a chamber without a 3D model."""

    @abstractmethod
    def at(self, time: Scalar, period: Scalar) -> Relation:
        """Pressure-volume relation at a time since the chamber's trigger [ms]."""

    @abstractmethod
    def strength(self, time: Scalar, period: Scalar) -> Scalar:
        """Activation between 0 and 1 at a time since the chamber's trigger [ms]."""

    @abstractmethod
    def stronger(self, factor: Scalar) -> Self:
        """Chamber whose muscle pulls harder (above 1) or less hard."""

    @abstractmethod
    def timed(self, rise: Scalar | float = 1.0, fall: Scalar | float = 1.0) -> Self:
        """Chamber whose rise and fall of activation take longer (above 1) or shorter."""


@final
class Elastance(Chamber):
    """Time-varying elastance, ``p = E_active e(t) (V - V0) + passive(V)`` [1]_.

    ``e`` rises as a half cosine over ``contraction`` and falls as one over ``relaxation``, see
    `activation`; the passive part is that of `Muscle`.

    References
    ----------
    .. [1] Regazzoni et al. (2022). A cardiac electromechanical model coupled with a lumped-
       parameter model for closed-loop blood circulation. doi:10.1016/j.jcp.2022.111083
    """

    active: Scalar = parameter()
    """Elastance added at full contraction [kPa/mm³]."""
    passive: Scalar = parameter()
    """Elastance of the relaxed chamber at V0 [kPa/mm³]."""
    unstressed: Scalar = parameter()
    """Volume at zero pressure V0 [mm³], positive."""
    onset: Scalar = parameter()
    """Start of contraction after the trigger of the chamber [ms]."""
    contraction: Scalar = parameter()
    """Duration of the rise [ms]."""
    relaxation: Scalar = parameter()
    """Duration of the fall [ms]."""
    stiffening: Scalar = eqx.field(converter=leaf, default=0.0)
    """Rate at which the relaxed chamber stiffens as it fills [1/mm³]."""

    def at(self, time: Scalar, period: Scalar) -> Muscle:
        """Pressure-volume relation at a time since the chamber's trigger [ms]."""
        pull = self.active * self.strength(time, period)
        return Muscle(pull, self.passive, self.stiffening, self.unstressed)

    def strength(self, time: Scalar, period: Scalar) -> Scalar:
        """Activation at a time since the chamber's trigger [ms]."""
        return activation(time - self.onset, period, self.contraction, self.relaxation)

    def stronger(self, factor: Scalar) -> "Elastance":
        """Chamber with another active elastance."""
        return dataclasses.replace(self, active=self.active * factor)

    def timed(self, rise: Scalar | float = 1.0, fall: Scalar | float = 1.0) -> "Elastance":
        """Chamber with another contraction and relaxation."""
        return _retimed(self, rise, fall)


@final
class Fiber(Relation):
    """Pressure of a wall whose fibers all carry one stress, see `OneFiber`."""

    law: "OneFiber"
    tension: Scalar = parameter()
    """Active tension at the unloaded length now [kPa]."""

    def __call__(self, volume: Scalar) -> Scalar:
        """Pressure [kPa] at a volume [mm³]."""
        law = self.law
        empty = law.volume(law.slack)
        stretch = law.stretch(jnp.maximum(volume, 0.0))
        pull = self.tension * jnp.maximum(stretch - law.slack, 0.0) / (1 - law.slack)
        nominal = pull + law.stiffness * exponential(stretch - 1.0, law.exponent)
        # slope with which the fibers leave the collapse below the volume of slack fibers
        steep = (self.tension / (1 - law.slack) + law.stiffness) / law.wall
        return nominal / (law.thinness * stretch**2) + collapse(volume, empty, steep)


@final
class OneFiber(Chamber):
    """Chamber whose wall is one fiber: stress, stretch and wall volume give pressure [1]_.

    ::

               ┌─── wall V_w ───┐        λ³ = (1 + 3 V/V_w) / (1 + 3 V0/V_w)
               │   ┌────────┐   │        p dV = V_w σ dλ/λ    (work of the fibers)
        σ, λ ──┤   │  p, V  │   ├──      p = σ / (1 + 3 V/V_w)
               │   └────────┘   │
               └────────────────┘

    Per unloaded section the fiber pulls with ``S = T e(t) (λ - λ_s)/(1 - λ_s) + k (exp(c (λ - 1))
    - 1)/c``, so that σ = λ S; shorter than the slack stretch λ_s it does not pull, and below the
    volume at that stretch the wall meets and resists by `collapse`. The pressure grows with
    volume up to λ = 2 λ_s, far beyond any heart. No velocity of shortening, no plateau of length.

    References
    ----------
    .. [1] Arts et al. (1991). Relation between left ventricular cavity pressure and volume and
       systolic fiber stress and strain in the wall. Biophys. J. 59:93-102.
    """

    wall: Scalar = parameter()
    """Volume of the wall V_w [mm³]."""
    unstressed: Scalar = parameter()
    """Cavity volume of the unloaded wall V0, where λ = 1 [mm³]."""
    tension: Scalar = parameter()
    """Active tension T at λ = 1 and full activation, per unloaded section [kPa]."""
    slack: Scalar = parameter()
    """Stretch λ_s below which muscle does not pull."""
    stiffness: Scalar = parameter()
    """Passive stiffness k at λ = 1 [kPa]."""
    exponent: Scalar = parameter()
    """Exponent c with which it stiffens."""
    onset: Scalar = parameter()
    """Start of contraction after the trigger of the chamber [ms]."""
    contraction: Scalar = parameter()
    """Duration of the rise [ms]."""
    relaxation: Scalar = parameter()
    """Duration of the fall [ms]."""

    @property
    def thinness(self) -> Scalar:
        """``1 + 3 V0/V_w``: ratio of fiber stress and pressure of the unloaded shape."""
        return 1 + 3 * self.unstressed / self.wall

    def stretch(self, volume: Scalar) -> Scalar:
        """Stretch of the fibers at a cavity volume [mm³]."""
        return jnp.cbrt((1 + 3 * volume / self.wall) / self.thinness)

    def volume(self, stretch: Scalar) -> Scalar:
        """Cavity volume [mm³] at a stretch of the fibers."""
        return self.wall / 3 * (self.thinness * stretch**3 - 1)

    def at(self, time: Scalar, period: Scalar) -> Fiber:
        """Pressure-volume relation at a time since the chamber's trigger [ms]."""
        return Fiber(self, self.tension * self.strength(time, period))

    def strength(self, time: Scalar, period: Scalar) -> Scalar:
        """Activation at a time since the chamber's trigger [ms]."""
        return activation(time - self.onset, period, self.contraction, self.relaxation)

    def stronger(self, factor: Scalar) -> "OneFiber":
        """Chamber with another active tension."""
        return dataclasses.replace(self, tension=self.tension * factor)

    def timed(self, rise: Scalar | float = 1.0, fall: Scalar | float = 1.0) -> "OneFiber":
        """Chamber with another contraction and relaxation."""
        return _retimed(self, rise, fall)


_Timed = TypeVar("_Timed", Elastance, OneFiber)


def _retimed(law: _Timed, rise: Scalar | float, fall: Scalar | float) -> _Timed:
    return dataclasses.replace(
        law, contraction=law.contraction * rise, relaxation=law.relaxation * fall
    )


def activation(time: Scalar, period: Scalar, contraction: Scalar, relaxation: Scalar) -> Scalar:
    """Periodic activation between 0 and 1, made of two half cosines, C1 in time.

    ::

        e = (1 - cos(π a/TC))/2  while a < TC
        e = (1 + cos(π b/TR))/2  while 0 ≤ b = a - TC < TR,  else 0;   a = time mod period

    When TC + TR exceeds the period (a racing heart), both shrink to fit.

    Parameters
    ----------
    time : () float
        Time since the onset of contraction [ms], any sign.
    period, contraction, relaxation : () float
        Heart period, TC and TR [ms].

    Returns
    -------
    () float
        Activation.
    """
    fit = jnp.minimum(1.0, _RHYTHM * period / (contraction + relaxation))
    a = jnp.mod(time, period)
    rise, fall = fit * contraction, fit * relaxation
    rising = (1 - jnp.cos(jnp.pi * jnp.clip(a / rise, 0.0, 1.0))) / 2
    falling = (1 + jnp.cos(jnp.pi * jnp.clip((a - rise) / fall, 0.0, 1.0))) / 2
    return rising * falling
