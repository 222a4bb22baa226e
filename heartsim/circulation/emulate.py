"""A chamber emulated from one recorded beat, so that the loop finds its limit cycle in 0D.

A beat of a 3D heart is expensive, the exchange of blood between the circulations is slow. One
recorded beat of a chamber tells how it pulls over time, and its passive curve tells how it fills;
together they make a 0D chamber that repeats the recorded beat exactly and answers to another
filling or load about as the 3D chamber would. The limit cycle of the loop with such chambers, at
the same total blood volume, is where the next 3D beat should start.
"""

import dataclasses
from typing import Final, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.circulation.chambers import Chamber, Line, Relation
from heartsim.circulation.components import Scalar, collapse, leaf, parameter
from heartsim.errors import InputError

_DEAD_FRACTION: Final = 0.25
_DEAD_LIMIT: Final = 0.9
_END: Final = 1e-9
_EMPTY: Final = 0.25
"""Share of the smallest passive volume below which the walls meet and resist suction."""


@final
class MonotoneCurve(eqx.Module):
    """Increasing C1 curve through given points: monotone cubic, straight beyond the ends.

    Slopes at the points are weighted harmonic means of the secants [1]_, so the curve never turns
    back between points that increase.

    References
    ----------
    .. [1] Fritsch & Butland (1984). A method for constructing local monotone piecewise cubic
       interpolants. doi:10.1137/0905021
    """

    x: Float[Array, " n"] = parameter()
    """Increasing abscissae."""
    y: Float[Array, " n"] = parameter()
    """Increasing ordinates."""

    slope: Float[Array, " n"] = parameter()
    """Slopes at the points."""

    def __call__(self, at: Scalar) -> Scalar:
        """Value of the curve."""
        slope = self.slope
        within = jnp.clip(at, self.x[0], self.x[-1])
        i = jnp.clip(jnp.searchsorted(self.x, within) - 1, 0, self.x.size - 2)
        width = self.x[i + 1] - self.x[i]
        s = (within - self.x[i]) / width
        inside = (
            self.y[i] * (1 + 2 * s) * (1 - s) ** 2
            + self.y[i + 1] * s**2 * (3 - 2 * s)
            + width * (slope[i] * s * (1 - s) ** 2 - slope[i + 1] * s**2 * (1 - s))
        )
        below = slope[0] * jnp.minimum(at - self.x[0], 0.0)
        above = slope[-1] * jnp.maximum(at - self.x[-1], 0.0)
        return inside + below + above


def monotone_curve(x: Float[Array, " n"], y: Float[Array, " n"]) -> MonotoneCurve:
    """Curve through increasing points."""
    x, y = leaf(x), leaf(y)
    width, secant = jnp.diff(x), jnp.diff(y) / jnp.diff(x)
    left, right = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    middle = (left + right) / (left / secant[:-1] + right / secant[1:])
    return MonotoneCurve(x, y, jnp.concatenate([secant[:1], middle, secant[-1:]]))


@final
class Mixture(Relation):
    """Relation between the passive curve and the active line, ``(1 - e) p_passive + e p_a + d``.

    A chamber that is almost empty resists by `collapse`, far below any recorded volume.
    """

    passive: MonotoneCurve
    active: Line
    activation: Scalar
    offset: Scalar

    def __call__(self, volume: Scalar) -> Scalar:
        """Pressure [kPa] at a volume [mm³]."""
        relaxed, contracted = self.passive(volume), self.active(volume)
        empty = collapse(volume, _EMPTY * self.passive.x[0], self.passive.slope[0])
        return relaxed + self.activation * (contracted - relaxed) + self.offset + empty


@final
class EmulatedChamber(Chamber):
    """Chamber ``p = (1 - e(t)) p_passive(V) + e(t) E (V - V0) + d(t)`` [1]_.

    ``e`` and ``d`` are tables over the beat, linear in between and periodic.

    References
    ----------
    .. [1] Suga & Sagawa (1974). Instantaneous pressure-volume relationships and their ratio in
       the excised, supported canine left ventricle. doi:10.1161/01.RES.35.1.117
    """

    passive: MonotoneCurve
    """Passive pressure [kPa] over volume [mm³]."""
    active: Line
    """End-systolic line E (V - V0)."""
    time: Float[Array, " n"] = parameter()
    """Beat times of the tables [ms]."""
    activation: Float[Array, " n"] = parameter()
    """e between 0 and 1."""
    offset: Float[Array, " n"] = parameter()
    """d [kPa]: what clipping e left over; zero in most of the beat."""
    trigger: Scalar = parameter()
    """Beat time of the chamber's trigger [ms]: the AV delay for a ventricle, 0 for an atrium."""
    period: Scalar = parameter()
    """Period of the recorded beat [ms]."""
    peak: Scalar = parameter()
    """Time of full activation since the trigger [ms]."""
    rise: Scalar = eqx.field(converter=leaf, default=1.0)
    """How much longer than recorded the activation takes to rise."""
    fall: Scalar = eqx.field(converter=leaf, default=1.0)
    """How much longer than recorded it takes to fall."""

    def at(self, time: Scalar, period: Scalar) -> Mixture:
        """Pressure-volume relation at a time since the chamber's trigger [ms]."""
        phase = self._recorded(time, period)
        d = jnp.interp(phase, self.time, self.offset, period=self.period)
        return Mixture(self.passive, self.active, self._activation(phase), d)

    def strength(self, time: Scalar, period: Scalar) -> Scalar:
        """Activation at a time since the chamber's trigger [ms]."""
        return self._activation(self._recorded(time, period))

    def stronger(self, factor: Scalar) -> "EmulatedChamber":
        """Chamber whose end-systolic line is steeper (above 1) about the same intercept."""
        line = dataclasses.replace(self.active, elastance=self.active.elastance * factor)
        return dataclasses.replace(self, active=line)

    def timed(self, rise: Scalar | float = 1.0, fall: Scalar | float = 1.0) -> "EmulatedChamber":
        """Chamber whose recorded activation is stretched in time before and after its peak."""
        return dataclasses.replace(self, rise=self.rise * rise, fall=self.fall * fall)

    def _activation(self, phase: Scalar) -> Scalar:
        return jnp.interp(phase, self.time, self.activation, period=self.period)

    def _recorded(self, time: Scalar, period: Scalar) -> Scalar:
        """Beat time of the record that a time since the trigger stands for [ms].

        A beat longer than the record ends with its relaxed end, a shorter one cuts that off.
        """
        since = jnp.mod(time, period)
        fallen = self.peak + (since - self.peak * self.rise) / self.fall
        same = jnp.where(since < self.peak * self.rise, since / self.rise, fallen)
        # just short of a whole record, which would be the next trigger
        return self.trigger + jnp.minimum(same, (1 - _END) * self.period)


def emulate_chamber(
    beat: tuple[Float[np.ndarray, " t"], Float[np.ndarray, " t"], Float[np.ndarray, " t"]],
    passive: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]],
    *,
    trigger: float,
    period: float,
    dead_volume: float | None = None,
    stiffness: Float[np.ndarray, " t"] | None = None,
) -> EmulatedChamber:
    """Fit an emulated chamber to one recorded beat; it reproduces that beat.

    The active line goes through the recorded point of largest P/(V - V0), so that e = 1 there;
    elsewhere e is read off the recorded pressure.

    Parameters
    ----------
    beat : tuple of (t,), (t,), (t,)
        Time in the beat [ms], volume [mm³] and pressure [kPa]. Times increase and lie within one
        period.
    passive : tuple of (n,), (n,)
        Volume [mm³] and pressure [kPa] of the passive chamber, both increasing.
    trigger : float
        Beat time of the chamber's trigger [ms].
    period : float
        Period of the recorded beat [ms].
    dead_volume : float, optional
        V0 [mm³]. A single beat does not tell it; without it (and without ``stiffness``) a quarter
        of the passive unloaded volume is taken.
    stiffness : (t,), optional
        Recorded ∂p/∂V at constant activation [kPa/mm³]: the active line then has the recorded
        slope at end-systole, which sets V0.

    Returns
    -------
    EmulatedChamber
        The chamber, to be put in place by `with_chambers`.

    Raises
    ------
    InputError
        If a passive curve does not increase.
    """
    time, volume, pressure = (np.asarray(values, float) for values in beat)
    passive_volume, passive_pressure = (np.asarray(values, float) for values in passive)
    if np.any(np.diff(passive_volume) <= 0) or np.any(np.diff(passive_pressure) <= 0):
        raise InputError(
            "passive curve of an emulated chamber: volumes or pressures do not increase. Both must "
            "increase strictly. Sort the points and drop repeated ones."
        )
    curve = monotone_curve(passive_volume, passive_pressure)
    if dead_volume is None:
        dead_volume = _dead_volume(volume, pressure, passive, stiffness)
    dead = min(dead_volume, _DEAD_LIMIT * float(volume.min()))
    line = volume - dead
    elastance = float(np.max(pressure / line))
    relaxed = np.asarray(jax.vmap(curve)(jnp.asarray(volume)))
    span = elastance * line - relaxed
    e = np.clip((pressure - relaxed) / np.where(span > 0, span, 1.0), 0.0, 1.0)
    e = np.where(span > 0, e, 0.0)
    return EmulatedChamber(
        time=time,
        activation=e,
        offset=pressure - relaxed - e * span,
        passive=curve,
        active=Line(elastance, dead),
        trigger=trigger,
        period=period,
        peak=(time[np.argmax(e)] - trigger) % period,
    )


def _dead_volume(
    volume: Float[np.ndarray, " t"],
    pressure: Float[np.ndarray, " t"],
    passive: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]],
    stiffness: Float[np.ndarray, " t"] | None,
) -> float:
    """Volume intercept of the active line [mm³], from the stiffness at end-systole or by rule."""
    unloaded = float(np.interp(0.0, passive[1], passive[0]))
    if stiffness is None:
        return _DEAD_FRACTION * unloaded
    end_systole = int(np.argmax(pressure / volume))
    intercept = volume[end_systole] - pressure[end_systole] / stiffness[end_systole]
    return float(np.clip(intercept, 0.0, unloaded))
