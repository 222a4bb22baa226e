"""Tension transients: how hard a cell pulls in the course of a beat."""

from typing import Self, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

REFERENCE_PERIOD = 850.0
"""Heart period of the default twitch [ms], 71 beats per minute."""

LONGEST_SHARE = 0.9
"""Largest part of a period that a twitch may take, so that it ends before the next one."""

_Number = Float[Array, "..."] | float


@final
class Twitch(eqx.Module):
    """Isometric tension after the onset of activation: C¹, exactly 0 before and after, 1 at peak.

    ``sin²(π t / 2 rise)``, held at 1 from ``rise`` on, times the late growth
    ``1 − growth (1 − t/peak)²`` until ``peak``, then ``cos²`` over ``relaxation``.

    The fast rise sets dP/dt max, the late growth keeps ejecting muscle loaded until end-systole,
    as measured elastance curves do, and the relaxation sets the fall of isovolumic pressure, whose
    time constant is a sixth to a seventh of it. How fast the muscle may eject is set by the speed
    dependence of its tension (`heartsim.tissue.active`).

    Notes
    -----
    The defaults were chosen on a one-fiber ventricle [1]_, then on the shipped two-chamber heart:
    dP/dt max 1700 mmHg/s, tau 35 ms, ejection in 320 ms.

    References
    ----------
    .. [1] Arts et al. (1991). Relation between left ventricular cavity pressure and volume and
       systolic fiber stress and strain in the wall. doi:10.1016/S0006-3495(91)82327-9.
    """

    rise: _Number = 200.0
    """Time to full activation [ms]."""
    peak: _Number = 330.0
    """Time to peak tension [ms], at least ``rise``."""
    relaxation: _Number = 250.0
    """Time from peak tension to rest [ms]."""
    growth: _Number = 0.5
    """Part of the tension that is gained between activation and peak [-]."""

    def fraction(self, elapsed: Float[Array, "..."]) -> Float[Array, "..."]:
        """Tension fraction [-] at a time since the onset of activation [ms]."""
        rise = jnp.sin(jnp.pi / 2 * jnp.clip(elapsed / self.rise, 0, 1)) ** 2
        growth = 1 - self.growth * jnp.maximum(1 - elapsed / self.peak, 0) ** 2
        fall = jnp.cos(jnp.pi / 2 * jnp.clip((elapsed - self.peak) / self.relaxation, 0, 1)) ** 2
        over = elapsed >= self.peak + self.relaxation
        return jnp.where(over, 0, rise * growth * fall)

    def at_period(self, period: _Number) -> Self:
        """Twitch of the same muscle at another heart period [ms].

        All times scale with the square root of the period, as the QT interval does, which agrees
        with the measured shortening of electromechanical systole (546 − 2.1 HR ms) [2]_ within
        8 % from 50 to 130 beats per minute. No twitch is longer than `LONGEST_SHARE` of the period.

        References
        ----------
        .. [2] Weissler et al. (1968). Systolic time intervals in heart failure in man.
           doi:10.1161/01.CIR.37.2.149.
        """
        duration = (self.peak + self.relaxation) / REFERENCE_PERIOD
        scale = jnp.sqrt(period / REFERENCE_PERIOD)
        scale = jnp.minimum(scale, LONGEST_SHARE * period / (REFERENCE_PERIOD * duration))
        return type(self)(
            scale * self.rise, scale * self.peak, scale * self.relaxation, self.growth
        )


@final
class Activation(eqx.Module):
    """When each cell is activated, and the twitch that follows, repeated every beat."""

    time: Float[Array, " cells"]
    """Onset of tension in each cell [ms] after the start of the beat."""
    twitch: Twitch
    """Tension transient, parameters scalar or (c,)."""
    period: _Number
    """Heart period [ms]."""

    def tension_fraction(self, t: Float[Array, ""] | float) -> Float[Array, " cells"]:
        """Tension fraction of each cell [-] at a time [ms] after the start of any beat.

        Before its first onset a cell is where the beat before has left it.
        """
        return self.twitch.fraction(jnp.mod(t - self.time, self.period))
