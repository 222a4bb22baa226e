"""Active tension as an energy of the stretches along and across the fibers."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.tissue.law import CauchyGreen, Parameter, Scalar, components

ROUNDING = 0.03
"""Half-width in stretch over which the corners of the length dependence are rounded."""

TWITCH_BETA = 5.0
"""Slope of the length dependence of a twitch at the unloaded length [-]: no tension at a stretch of
0.8 (sarcomeres of 1.5 µm), twice as much at 1.2 (2.3 µm).

Measured twitches are at least as steep: papillary muscle of rats, shortened to 0.75 of the length
of its largest tension (2.2 µm at rest), keeps a tenth of it [1]_; h keeps a fifth. Overlap of the
filaments gives less than half of the slope, beta0 = 2.3 of Land et al. 2017; the rest is that
longer muscle is more sensitive to calcium.

References
----------
.. [1] Julian & Sollins (1975). Sarcomere length-tension relations in living rat papillary muscle.
   Circ. Res. 37:299. doi:10.1161/01.RES.37.3.299
"""

HILL_CURVATURE = 0.25
"""a/F0 of Hill's hyperbola [-], our choice: 1 would be nearly straight."""

HILL_SLOWNESS = 200.0
"""One over the largest speed of shortening, 5 lengths a second [ms].

At peak ejection human fibers shorten by 1.6 /s under a stress of a third of the largest
(de Tombe & ter Keurs 2012, PMC3568939); with the curvature above the hyperbola gives 0.30 there.
"""

LENGTHENING = 1.5
"""Tension of muscle that is drawn out fast, over its isometric tension [-]; it does "not exceed
150 %" (PMC3217276, fig. 2)."""

_SMALL_SLOPE = 1e-8
_SMALL_STRETCH2 = 1e-12


@final
class InvariantTension(eqx.Module):
    """Active stress of the benchmark of Land et al. (2015), S_a = Ta f⊗f.

    References
    ----------
    Land et al. (2015). Verification of cardiac mechanics software. doi:10.1098/rspa.2015.0641.
    """

    def energy(self, C: CauchyGreen, tension: Scalar) -> Scalar:
        """Active energy per reference volume [kPa], Ta/2 (I4f − 1), for a tension Ta [kPa]."""
        return tension * (components(C).ff - 1) / 2

    def drag(self, C: CauchyGreen, before: CauchyGreen, tension: Scalar, rate: Scalar) -> Scalar:
        """Tension without velocity dependence [kPa]: nothing."""
        del C, before, rate
        return 0.0 * tension


@final
class ActiveTension(eqx.Module):
    """Active stress that grows with sarcomere length, S_a = Ta (h(λ)/λ f⊗f + cross n⊗n).

    h(λ) = 1 + beta (λ − 1), held at its value above ``plateau`` and at zero where the line would
    turn negative; both corners are rounded by parabolas of half-width `ROUNDING`, so that h is C¹
    and the tangent continuous.

    Notes
    -----
    Convention: Ta h(λ) is the force along the fiber on the *unloaded* cross-section, as it is
    measured on muscle preparations [2]_; the Cauchy stress along the fiber is ``Ta h(λ) λ/J``.

    λ = √C_ff is measured from the *unloaded* state, where the sarcomere is about 1.9 µm long. At
    end-diastole λ is 1.10–1.15; the plateau at 1.2 is the 2.2–2.3 µm of full overlap [1]_. So
    tension grows with filling (Frank–Starling) through the whole working range.

    Muscle that shortens pulls less: h is multiplied by Hill's g of the speed (`drag`), which keeps
    the flow of ejection down while isovolumic pressure rises fast. The speed is that of the
    implicit step, the h beside it that of the level before: so the loss is the slope of a convex
    potential, and tangents stay symmetric.

    Fibers are dispersed about their mean and branch, so contracting muscle also pulls across it in
    the plane of the wall, n. Without this a wall with helix angles of ±60° shortens round its
    axis only: the long axis and the base stay where they are (ARCHITECTURE.md has the figures).

    References
    ----------
    .. [1] Land et al. (2017). A model of cardiac contraction based on novel measurements of
       tension development in human cardiomyocytes. doi:10.1016/j.yjmcc.2017.03.008.
    .. [2] Regazzoni et al. (2022). A cardiac electromechanical model coupled with a
       lumped-parameter model for closed-loop blood circulation. doi:10.1016/j.jcp.2022.111083.
    """

    beta: Parameter
    """Slope of h at the unloaded length [-]; 0 is tension without length dependence."""
    plateau: Parameter
    """Fiber stretch of full overlap [-]."""
    cross: Parameter = 0.0
    """Stress across the fibers over the tension along them at the unloaded length [-]."""
    slowness: Parameter = 0.0
    """Time in which unloaded muscle would shorten by its unloaded length [ms]: one over Hill's
    largest speed; 0 is tension that does not depend on the speed of shortening."""

    def energy(self, C: CauchyGreen, tension: Scalar) -> Scalar:
        """Active energy per reference volume, zero at the reference.

        Parameters
        ----------
        C : (3, 3) or Symmetric
            Right Cauchy–Green tensor in fiber axes.
        tension : ()
            Tension Ta at the unloaded length [kPa].

        Returns
        -------
        () float
            Energy [kPa], Ta ∫₁^λ h(l) dl + Ta cross/2 (I4n − 1).
        """
        C = components(C)
        stretch = _stretch(C.ff)
        zero = 1 - 1 / jnp.maximum(self.beta, _SMALL_SLOPE)
        line = stretch - 1 + self.beta * (stretch - 1) ** 2 / 2
        beyond = _ramp_integral(stretch - self.plateau) + _ramp_integral(zero - stretch)
        return tension * (line - self.beta * beyond + self.cross * (C.nn - 1) / 2)

    def drag(self, C: CauchyGreen, before: CauchyGreen, tension: Scalar, rate: Scalar) -> Scalar:
        """Potential of the tension that a step of shortening costs, zero without motion.

        Parameters
        ----------
        C, before : (3, 3) or Symmetric
            Right Cauchy–Green tensor in fiber axes now and at the previous time level.
        tension : ()
            Tension Ta at the unloaded length [kPa].
        rate : ()
            One over the time step [1/ms]; 0 is quasi-static.

        Returns
        -------
        () float
            Potential per reference volume [kPa]; convex in the stretches along and across.
        """
        C, before = components(C), components(before)
        now, old = (_stretch(c.ff) for c in (C, before))
        along = self.length_factor(old) * self._lost(now - old, rate)
        wide, narrow = (_stretch(c.nn) for c in (C, before))
        return tension * (along + self.cross * narrow * self._lost(wide - narrow, rate))

    def _lost(self, change: Scalar, rate: Scalar) -> Scalar:
        """∫ (1 − g) of the shortening speed over a change of stretch in one step [-]."""
        per = self.slowness * rate
        speed = -per * change
        safe = jnp.where(per > 0, per, 1.0)
        return jnp.where(per > 0, _hill_integral(speed) / safe, 0.0)

    def length_factor(self, stretch: Float[Array, "..."]) -> Float[Array, "..."]:
        """Factor h(λ) of the tension [-] at a fiber stretch from the unloaded state."""
        zero = 1 - 1 / jnp.maximum(self.beta, _SMALL_SLOPE)
        line = 1 + self.beta * (stretch - 1)
        return line + self.beta * (_ramp(zero - stretch) - _ramp(stretch - self.plateau))


def active_tension(
    beta: float = TWITCH_BETA,
    plateau: float = 1.2,
    cross: float = 0.0,
    slowness: float = HILL_SLOWNESS,
) -> ActiveTension:
    """Tension that depends on length and speed, human defaults, as scalars for `uniform`."""
    return ActiveTension(beta, plateau, cross, slowness)


def _stretch(square: Scalar) -> Scalar:
    return jnp.sqrt(jnp.maximum(square, _SMALL_STRETCH2))


def _hill_integral(x: Scalar) -> Scalar:
    """Integral from rest of 1 − g(x) over the speed of shortening, as a part of the largest.

    Shortening, x > 0: g = (1 − x)/(1 + x/k), so 1 − g = (1 + k) x/(k + x). Lengthening: the
    hyperbola of the same slope at rest that ends at `LENGTHENING`.
    """
    k, above = HILL_CURVATURE, LENGTHENING - 1
    corner = above * k / (1 + k)
    short, long = jnp.where(x < 0, 0.0, x), jnp.where(x < 0, -x, 0.0)
    shortening = (1 + k) * (short - k * jnp.log1p(short / k))
    return shortening + above * (long - corner * jnp.log1p(long / corner))


def _ramp(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Positive part of x with its corner rounded by a parabola."""
    w = ROUNDING
    y = jnp.clip(x + w, 0, 2 * w)
    return y**2 / (4 * w) + jnp.maximum(x - w, 0)


def _ramp_integral(x: Scalar) -> Scalar:
    """Integral up to x of the rounded ramp, C²."""
    w = ROUNDING
    y = jnp.clip(x + w, 0, 2 * w)
    return y**3 / (12 * w) + (jnp.maximum(x, w) ** 2 - w**2) / 2
