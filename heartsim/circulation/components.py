"""Components of the blood network: valve, orifice, conduit, vessel.

Every branch is a smooth (C1), monotone law flow = q(pressure drop), written explicitly, and
every store of blood has a pressure that grows with its volume. An implicit Euler step of any
network of such parts therefore has exactly one solution, with a non-singular tangent everywhere.

Units: pressure [kPa], flow [mm³/ms] (= mL/s), volume [mm³], time [ms], area [mm²].
"""

import dataclasses
from typing import Final, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.units import BLOOD_DENSITY, mL, mmHg, s

BLEND: Final = 0.2 * mmHg
"""Pressure drop over which a valve law passes from closed to fully open [kPa]."""

HOLDING: Final = 10 * mL / s
"""Forward flow that holds leaflets wide open, our choice [mm³/ms]."""

_FLOOR: Final = 1e-9
"""Pressure that keeps square roots differentiable at no flow through no orifice [kPa]."""

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

        upstream ──( L )──[ R ]──▷|──)(── downstream
                                  A    narrowing

    ``dp = L q' + R q + rho/(2 A²) q|q|`` with A the forward effective orifice area (EOA) for q > 0
    and the regurgitant orifice area (EROA) for q < 0. A competent valve has EROA = 0 and does
    not leak at all. `smooth_positive` joins the two sides within ±`BLEND` of dp = 0.

    The leaflets take their time: the open area follows its target, EOA or EROA, with the time
    constants of opening and closing, ``τ A' = target - A``, in the spirit of [1]_ but linear, so
    that a step has one solution. The target passes from EROA to EOA as the flow grows from 0 to
    `HOLDING`; one that jumped would move the moment of opening by whole steps, and no periodic
    beat would have a derivative. Inertance and both times may be 0: the valve then answers at
    once. A band or fixed stenosis is in series, 1/A² = 1/A_valve² + 1/A_band².

    References
    ----------
    .. [1] Mynard et al. (2012). A simple, versatile valve model for use in lumped parameter and
       one-dimensional cardiovascular models. doi:10.1002/cnm.1466
    """

    area: Scalar = parameter()
    """Forward effective orifice area [mm²]; 1 cm² = 100 mm². Very large: plain resistance."""
    regurgitant_area: Scalar = parameter()
    """Effective regurgitant orifice area [mm²]; 0 is competent."""
    resistance: Scalar = parameter()
    """Linear resistance [kPa ms/mm³]."""
    narrowing: Scalar = eqx.field(converter=leaf, default=0.0)
    """Band or stenosis in series, as one over its squared effective area [1/mm⁴]; 0 is none."""
    inertance: Scalar = eqx.field(converter=leaf, default=0.0)
    """Inertance of the blood in the valve [kPa ms²/mm³]."""
    opening_time: Scalar = eqx.field(converter=leaf, default=0.0)
    """Time constant of opening [ms]."""
    closing_time: Scalar = eqx.field(converter=leaf, default=0.0)
    """Time constant of closing [ms]."""

    def flow(self, drop: Scalar, series: Scalar | float = 0.0) -> Scalar:
        """Flow of the settled valve for a pressure drop across it and a resistance in series.

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
        opening = jnp.where(drop > 0, self.area, self.regurgitant_area)
        area = opening / jnp.sqrt(1 + self.narrowing * opening**2)
        size = orifice_flow(smooth_positive(jnp.abs(drop)), area, self.resistance + series)
        return jnp.sign(drop) * size

    def within_step(self, flow: Scalar, opening: Scalar, dt: Scalar) -> tuple["Valve", Scalar]:
        """Valve as it is at the end of an implicit Euler step, itself a settled valve.

        Parameters
        ----------
        flow, opening : () float
            Flow [mm³/ms] and open area [mm²] at the start of the step.
        dt : () float
            Length of the step [ms].

        Returns
        -------
        valve : Valve
            Its areas are those reached at the end of the step with flow forward and backward, its
            resistance holds the inertance.
        push : () float
            Pressure drop that the moving blood adds [kPa].
        """

        def reached(target: Scalar, time: Scalar) -> Scalar:
            return (time * opening + dt * target) / (time + dt)

        inertia = self.inertance / dt
        settled = dataclasses.replace(
            self,
            area=reached(self.area, self.opening_time),
            regurgitant_area=reached(self.regurgitant_area, self.closing_time),
            resistance=self.resistance + inertia,
        )
        return settled, inertia * flow

    def opening(self, flow: Scalar) -> Scalar:
        """Open area [mm²] of a valve `within_step` that carries a flow [mm³/ms] at its end."""
        share = jnp.clip(flow / HOLDING, 0.0, 1.0)
        parted = share**2 * (3 - 2 * share)
        return self.regurgitant_area + parted * (self.area - self.regurgitant_area)


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


def collapse(volume: Scalar, unstressed: Scalar, stiffness: Scalar) -> Scalar:
    """Negative pressure of a chamber or vessel below its unstressed volume [kPa], else 0.

    The tube law ``p = 2/3 E V0 (1 - (V/V0)^(-3/2))`` [1]_: it leaves V0 with the slope E and
    falls without bound as the volume goes to zero. Not a number without volume, so that no search
    ends there.

    References
    ----------
    .. [1] Shapiro (1977). Steady flow in collapsible tubes. doi:10.1115/1.3426281
    """
    empty = jnp.where(volume > 0, jnp.maximum(unstressed / volume, 1.0), jnp.nan)
    return stiffness * unstressed / 1.5 * (1 - empty * jnp.sqrt(empty))


@final
class Vessel(eqx.Module):
    """Vascular bed: characteristic impedance, compliance, then resistance and inertance.

    ::

        in ──[ Z ]──┬──[ R ]──( L )── out
                   ═╪═ C

    ``C p' = q_in - Q`` and ``L Q' = p - p_out - R Q``; at the inlet ``p_in = p + Z q_in``. A bed
    that is sucked below its unstressed volume collapses: its pressure falls without bound as the
    last blood leaves (`collapse`).
    """

    resistance: Scalar = parameter()
    """[kPa ms/mm³]"""
    compliance: Scalar = parameter()
    """[mm³/kPa]"""
    inertance: Scalar = parameter()
    """[kPa ms²/mm³]"""
    impedance: Scalar = parameter()
    """Characteristic impedance at the inlet [kPa ms/mm³]; used for the two great arteries."""
    tied: Scalar = eqx.field(converter=leaf, default=0.0)
    """Part of the outflow that is tied off: 0 open, 1 ligated."""
    unstressed: Scalar = eqx.field(converter=leaf, default=1e9)
    """Blood it holds without pressure [mm³], beside the stressed volume of the loop."""

    def transmural(self, level: Scalar) -> Scalar:
        """Transmural pressure [kPa] at a stressed volume, given as ``V/C``: the same above 0."""
        held = self.unstressed + self.compliance * level
        return jnp.maximum(level, 0.0) + collapse(held, self.unstressed, 1 / self.compliance)

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
        open_ = 1 - self.tied
        return open_ / total, open_ * inertia * previous / total
