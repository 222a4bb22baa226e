"""Components of the blood network: valve, orifice, pump, vessel, elastance chamber.

Every branch is a smooth (C1), monotone law flow = q(pressure drop), written explicitly, and
every store of blood has a pressure that grows with its volume. An implicit Euler step of any
network of such parts therefore has exactly one solution, with a non-singular tangent everywhere.

Units: pressure [kPa], flow [mm³/ms] (= mL/s), volume [mm³], time [ms], area [mm²].
"""

from abc import abstractmethod
from typing import Final, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.units import BLOOD_DENSITY, mmHg

BLEND: Final = 0.2 * mmHg
"""Pressure drop over which a valve law passes from closed to fully open [kPa]."""

_FLOOR: Final = 1e-9
"""Pressure that keeps square roots differentiable at no flow through no orifice [kPa]."""

_RHYTHM: Final = 0.98
"""Largest part of the period that contraction and relaxation together may take."""

Scalar = Float[Array, ""]


def leaf(value: float | Float[Array, "..."]) -> Float[Array, "..."]:
    """Parameter as a float array leaf, so that changing its value never recompiles."""
    return jnp.asarray(value, dtype=float)


def parameter() -> Float[Array, "..."]:
    """Field of a component that holds one array leaf."""
    return eqx.field(converter=leaf)


def orifice_flow(drop: Scalar, area: Scalar, resistance: Scalar) -> Scalar:
    """Flow through a resistance in series with an orifice, for a drop that is not negative.

    Solves ``drop = R q + B q²`` with the Bernoulli loss ``B = rho / (2 A²)`` [1]_::

        q = 2 drop / (R + √(R² + 4 B drop)) = 2 A drop / (A R + √(A² R² + 2 rho drop))

    The second form holds down to a closed orifice (A = 0 gives q = 0) and up to a pure
    resistance (A → ∞ gives q = drop / R), with finite gradients at both ends.

    Parameters
    ----------
    drop : () float
        Pressure drop [kPa], ≥ 0.
    area : () float
        Effective orifice area [mm²], ≥ 0.
    resistance : () float
        Series resistance [kPa ms/mm³], ≥ 0.

    Returns
    -------
    () float
        Flow [mm³/ms], grows monotonically with the drop.

    References
    ----------
    .. [1] Garcia & Kadem (2006). What do you mean by aortic valve area: geometric orifice area,
       effective orifice area, or Gorlin area? J Heart Valve Dis 15:601-608.
    """
    linear = area * resistance
    root = jnp.sqrt(linear**2 + 2 * BLOOD_DENSITY * (drop + _FLOOR))
    return 2 * area * drop / (linear + root)


def smooth_positive(drop: Scalar, width: float = BLEND) -> Scalar:
    """Positive part of a pressure drop, twice differentiable and monotone.

    Zero for ``drop ≤ 0``, ``drop`` itself for ``drop ≥ width``, and the quintic
    ``width (6 s³ - 8 s⁴ + 3 s⁵)``, s = drop/width, in between. Flow and drop always have the
    same sign, so a branch built on it never pumps.
    """
    s = jnp.clip(drop / width, 0.0, 1.0)
    blend = width * s**3 * (6 - 8 * s + 3 * s**2)
    return jnp.where(drop < width, blend, drop)


@final
class Valve(eqx.Module):
    """Heart valve: a forward orifice and, backwards, a regurgitant orifice.

    ::

        upstream ──[ R ]──▷|──  area (forward), regurgitant_area (backward)  ── downstream

    ``dp = R q + rho/(2 A²) q|q|`` with A the forward effective orifice area (EOA) for dp > 0
    and the regurgitant orifice area (EROA) for dp < 0. A competent valve has EROA = 0 and does
    not leak at all. `smooth_positive` joins the two sides within ±`BLEND` of dp = 0.
    """

    area: Scalar = parameter()
    """Forward effective orifice area [mm²]; 1 cm² = 100 mm². Very large: plain resistance."""
    regurgitant_area: Scalar = parameter()
    """Effective regurgitant orifice area [mm²]; 0 is competent."""
    resistance: Scalar = parameter()
    """Linear resistance [kPa ms/mm³]."""

    def flow(self, drop: Scalar, series: Scalar | float = 0.0) -> Scalar:
        """Flow for a pressure drop across the valve and a resistance in series with it.

        Parameters
        ----------
        drop : () float
            Upstream minus downstream pressure [kPa].
        series : () float
            Resistance in series, such as a characteristic impedance [kPa ms/mm³].

        Returns
        -------
        () float
            Flow [mm³/ms], forward positive.
        """
        area = jnp.where(drop > 0, self.area, self.regurgitant_area)
        size = orifice_flow(smooth_positive(jnp.abs(drop)), area, self.resistance + series)
        return jnp.sign(drop) * size


@final
class Orifice(eqx.Module):
    """Hole or shunt between two compartments, the same in both directions.

    ``dp = R q + rho/(2 A²) q|q|``, with |dp| rounded off within `BLEND` of 0. An area of 0 is
    absence: no flow, and a finite gradient with respect to the area.
    """

    area: Scalar = parameter()
    """Effective orifice area [mm²]."""
    resistance: Scalar = parameter()
    """Linear resistance [kPa ms/mm³]."""

    def flow(self, drop: Scalar) -> Scalar:
        """Flow [mm³/ms] for a pressure drop [kPa]; both change sign together."""
        linear = self.area * self.resistance
        size = jnp.sqrt(drop**2 + BLEND**2)
        return 2 * self.area * drop / (linear + jnp.sqrt(linear**2 + 2 * BLOOD_DENSITY * size))


@final
class Conduit(eqx.Module):
    """Surgical connection without a valve, ``q = G dp``; conductance 0 is absence."""

    conductance: Scalar = parameter()
    """Conductance [mm³/(ms kPa)]."""

    def flow(self, drop: Scalar) -> Scalar:
        """Flow [mm³/ms] for a pressure drop [kPa]."""
        return self.conductance * drop


@final
class Pump(eqx.Module):
    """Continuous-flow assist pump with a straight head-flow line, ``q = G (dp + H)``.

    H is the head at which the pump stalls; above it blood runs backwards, as it does in a
    centrifugal pump. Conductance 0 is absence.
    """

    conductance: Scalar = parameter()
    """Slope of the head-flow line [mm³/(ms kPa)]."""
    head: Scalar = parameter()
    """Shut-off head [kPa]."""

    def flow(self, drop: Scalar) -> Scalar:
        """Flow [mm³/ms] for the drop from inlet to outlet [kPa], negative against a load."""
        return self.conductance * (drop + self.head)


@final
class Vessel(eqx.Module):
    """Vascular bed: characteristic impedance, compliance, then resistance and inertance.

    ::

        in ──[ Z ]──┬──[ R ]──( L )── out
                   ═╪═ C

    ``C p' = q_in - Q`` and ``L Q' = p - p_out - R Q``; at the inlet ``p_in = p + Z q_in``.
    """

    resistance: Scalar = parameter()
    """[kPa ms/mm³]"""
    compliance: Scalar = parameter()
    """[mm³/kPa]"""
    inertance: Scalar = parameter()
    """[kPa ms²/mm³]"""
    impedance: Scalar = parameter()
    """Characteristic impedance at the inlet [kPa ms/mm³]; used for the two great arteries."""

    def implicit_outflow(self, previous: Scalar, dt: Scalar) -> tuple[Scalar, Scalar]:
        """Outflow at the end of an implicit Euler step, as ``conductance * drop + carried``.

        Parameters
        ----------
        previous : () float
            Outflow at the start of the step [mm³/ms].
        dt : () float
            Length of the step [ms].

        Returns
        -------
        conductance, carried : () float
            [mm³/(ms kPa)] and [mm³/ms].
        """
        inertia = self.inertance / dt
        total = self.resistance + inertia
        return 1 / total, inertia * previous / total


class Relation(eqx.Module):
    """Interface of a pressure-volume relation at one instant; pressure grows with volume."""

    @abstractmethod
    def __call__(self, volume: Scalar) -> Scalar:
        """Pressure [kPa] at a volume [mm³]."""


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


class Chamber(eqx.Module):
    """Interface of a chamber without a 3D model."""

    @abstractmethod
    def at(self, time: Scalar, period: Scalar) -> Relation:
        """Pressure-volume relation at a time since the chamber's trigger [ms]."""


@final
class Elastance(Chamber):
    """Time-varying elastance, ``p = (E_active e(t) + E_passive) (V - V0)`` [1]_.

    ``e`` rises as a half cosine over ``contraction`` and falls as one over ``relaxation``, see
    `activation`.

    References
    ----------
    .. [1] Regazzoni et al. (2022). A cardiac electromechanical model coupled with a lumped-
       parameter model for closed-loop blood circulation. doi:10.1016/j.jcp.2022.111083
    """

    active: Scalar = parameter()
    """Elastance added at full contraction [kPa/mm³]."""
    passive: Scalar = parameter()
    """Elastance of the relaxed chamber [kPa/mm³]."""
    unstressed: Scalar = parameter()
    """Volume at zero pressure V0 [mm³]."""
    onset: Scalar = parameter()
    """Start of contraction after the trigger of the chamber [ms]."""
    contraction: Scalar = parameter()
    """Duration of the rise [ms]."""
    relaxation: Scalar = parameter()
    """Duration of the fall [ms]."""

    def at(self, time: Scalar, period: Scalar) -> Line:
        """Pressure-volume line at a time since the chamber's trigger [ms]."""
        e = activation(time - self.onset, period, self.contraction, self.relaxation)
        return Line(self.active * e + self.passive, self.unstressed)


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
