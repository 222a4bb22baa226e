"""Stiffness of a ventricle at end-systole and end-diastole, and the energies that follow.

Pressures in mmHg, volumes in mL, elastances in mmHg/mL, areas of the pressure-volume plane in
mmHg mL unless a name says otherwise.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import fminbound

LOWEST_INTERCEPT: Final = -30.0
"""V0 [mL] below which a line from a single beat is not believed (our choice)."""

_ITERATIONS = 50
_SAME_INTERCEPT = 1e-6  # [mL]
_LEAST_SAMPLES = 6


class Espvr(NamedTuple):
    """End-systolic line P = Ees (V - V0)."""

    Ees: float
    """[mmHg/mL]"""
    V0: float
    """[mL]"""
    r_squared: float
    """Share of the variance that the line explains; not a number for a single beat."""


class Edpvr(NamedTuple):
    """End-diastolic curve P = alpha V^beta through an end-diastolic point."""

    alpha: float
    beta: float
    V0: float
    """Volume at zero pressure [mL]."""
    V15: float
    """Volume at 15 mmHg [mL]."""
    V30: float
    """Volume at 30 mmHg [mL]."""
    stiffness: float
    """Slope dP/dV at the end-diastolic point [mmHg/mL]."""


Loop = tuple[Float[np.ndarray, " times"], Float[np.ndarray, " times"]]


def espvr(loops: Sequence[Loop]) -> Espvr:
    """End-systolic line by load variation, from beats of one ventricle at different loads [1]_.

    Each beat gives the point of its largest P / (V - V0); the line through the points gives a new
    V0, until it stays.

    Parameters
    ----------
    loops : sequence of (volume (t,) [mL], pressure (t,) [mmHg])
        Two or more periodic beats.

    Returns
    -------
    Espvr
        Slope, intercept and R².

    References
    ----------
    .. [1] Kono et al. (1984). The use of left ventricular end-ejection pressure and peak pressure
       in the estimation of the end-systolic pressure-volume relationship. Circulation 70:1057.
    """
    V0 = 0.0
    slope = math.nan
    points = np.empty((0, 2))
    for _ in range(_ITERATIONS):
        points = np.array([_end_systole(volume, pressure, V0) for volume, pressure in loops])
        slope, offset = np.polyfit(points[:, 0], points[:, 1], 1)
        before, V0 = V0, float(-offset / slope)
        if abs(V0 - before) < _SAME_INTERCEPT:
            break
    return Espvr(float(slope), V0, _r_squared(points[:, 0], points[:, 1]))


def recruitable_work(loops: Sequence[Loop]) -> tuple[float, float, float]:
    """Preload-recruitable stroke work: line of stroke work over end-diastolic volume [1]_.

    Parameters
    ----------
    loops : sequence of (volume (t,) [mL], pressure (t,) [mmHg])
        Periodic beats at different preloads, in order of time around the loop.

    Returns
    -------
    slope : float
        Mw [mmHg].
    intercept : float
        Volume at zero work [mL].
    r_squared : float
        Share of the variance that the line explains.

    References
    ----------
    .. [1] Glower et al. (1985). Linearity of the Frank-Starling relationship in the intact heart:
       the concept of preload recruitable stroke work. Circulation 71:994.
    """
    filled = np.array([float(volume.max()) for volume, _ in loops])
    work = np.array([loop_area(volume, pressure) for volume, pressure in loops])
    slope, offset = np.polyfit(filled, work, 1)
    return float(slope), float(-offset / slope), _r_squared(filled, work)


def loop_area(volume: Float[np.ndarray, " times"], pressure: Float[np.ndarray, " times"]) -> float:
    """Area of a pressure-volume loop, ∮ P dV, positive where it runs counterclockwise."""
    return -float(np.trapezoid(np.append(pressure, pressure[0]), np.append(volume, volume[0])))


def isovolumic_peak(
    time: Float[np.ndarray, " times"],
    period: float,
    pressure: Float[np.ndarray, " times"],
    *,
    end_diastole: int,
) -> float:
    """Peak pressure that the beat would reach without ejecting [mmHg].

    A sinusoid P = a + b sin(c t + d) through the isovolumic phases, end-diastole to dP/dt max and
    dP/dt min to end-diastolic pressure [1]_, [2]_; its peak is a + b. For each frequency the other
    numbers follow by linear least squares, and the frequency by a search of one variable.

    Parameters
    ----------
    time, period
        Times of one beat (t,), each once, and its duration [ms].
    pressure : (t,)
        Ventricular pressure [mmHg].
    end_diastole : int
        Sample at end-diastole.

    Returns
    -------
    float
        Peak [mmHg]; not a number if the phases have too few samples.

    References
    ----------
    .. [1] Takeuchi et al. (1991). Single-beat estimation of the slope of the end-systolic
       pressure-volume relation in the human left ventricle. Circulation 83:202.
    .. [2] Brimioulle et al. (2003). Single-beat estimation of right ventricular end-systolic
       pressure-volume relationship. Am. J. Physiol. 284:H1625.
    """
    order = (end_diastole + np.arange(len(time))) % len(time)
    t, p = (time[order] - time[end_diastole]) % period, pressure[order]
    slope = np.gradient(p, t)
    rise = int(np.argmax(slope))
    fall = rise + int(np.argmin(slope[rise:]))
    relaxed = np.flatnonzero(p[fall:] <= p[0])
    end = fall + int(relaxed[0]) if relaxed.size else len(p)
    chosen = np.r_[0 : rise + 1, fall:end]
    if len(chosen) < _LEAST_SAMPLES or fall <= rise:
        return math.nan

    def fitted(frequency: float) -> tuple[float, np.ndarray]:
        angle = frequency * t[chosen]
        basis = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1)
        numbers, *_ = np.linalg.lstsq(basis, p[chosen], rcond=None)
        return float(np.sum((basis @ numbers - p[chosen]) ** 2)), numbers

    # half a period to a whole one between the ends of the two phases
    span = t[chosen[-1]]
    low, high = 0.6 * math.pi / span, 2.4 * math.pi / span
    frequency = fminbound(lambda w: fitted(w)[0], low, high, xtol=1e-10)
    a, b, c = fitted(float(frequency))[1]
    return float(a + math.hypot(b, c))


def single_beat(
    peak: float, end_diastole: tuple[float, float], end_systole: tuple[float, float]
) -> Espvr:
    """End-systolic line of one beat, from its isovolumic peak to its end-systolic point.

    ``Ees = (P_iso - ESP) / (EDV - ESV)``, ``V0 = ESV - ESP / Ees`` (Takeuchi 1991, see
    `isovolumic_peak`). With a leaking valve no phase is isovolumic and the line is a guess.

    A clinical estimate that ranks contractility. It assumes that relaxation at the small volume
    mirrors contraction at the large one; a ventricle of pure time-varying elastance does not, and
    there it falls short (healthy adult in 0D: 1.3 where load variation gives 2.9 mmHg/mL).

    Parameters
    ----------
    peak : float
        From `isovolumic_peak` [mmHg].
    end_diastole, end_systole : (volume [mL], pressure [mmHg])
        At the closure of the inlet and of the outlet valve.
    """
    (filled, _), (emptied, pressure) = end_diastole, end_systole
    ejected = filled - emptied
    slope = (peak - pressure) / ejected if ejected > 0 else math.nan
    if not slope > 0:
        return Espvr(math.nan, math.nan, math.nan)
    return Espvr(slope, emptied - pressure / slope, math.nan)


def klotz(volume: float, pressure: float) -> Edpvr:
    """End-diastolic curve through one point, by the shape that human hearts share [1]_, [2]_.

    ``V0 = V (0.6 - 0.006 P)``, ``V30 = V0 + (V - V0) / (P / 27.78)^(1/2.76)``; then
    ``P = alpha V^beta`` through the point and V30, or, above 22 mmHg, V15 = V0 + 0.8 (V30 - V0).

    Parameters
    ----------
    volume, pressure : float
        End-diastolic point [mL, mmHg].

    Returns
    -------
    Edpvr
        Not numbers for a pressure of zero or less.

    References
    ----------
    .. [1] Klotz et al. (2006). Single-beat estimation of end-diastolic pressure-volume
       relationship. Am. J. Physiol. 291:H403.
    .. [2] Klotz, Dickstein, Burkhoff (2007). A computational method of prediction of the
       end-diastolic pressure-volume relationship by single beat. Nat. Protoc. 2:2152.
    """
    if not pressure > 0 or not volume > 0:
        return Edpvr(*[math.nan] * 6)
    V0 = volume * (0.6 - 0.006 * pressure)
    V30 = V0 + (volume - V0) / (pressure / 27.78) ** (1 / 2.76)
    if pressure <= 22:
        beta = math.log(pressure / 30) / math.log(volume / V30)
    else:
        beta = math.log(pressure / 15) / math.log(volume / (V0 + 0.8 * (V30 - V0)))
    alpha = pressure / volume**beta
    V15 = (15 / alpha) ** (1 / beta)
    return Edpvr(alpha, beta, V0, V15, V30, beta * pressure / volume)


def potential_energy(line: Espvr, end_systole: tuple[float, float]) -> float:
    """Elastic energy left in the wall at end-systole, ESP (ESV - V0) / 2 [mmHg mL] [1]_.

    The triangle below the end-systolic line; the passive energy at end-systolic volume, below the
    diastolic curve, is a percent of it and is neglected.

    References
    ----------
    .. [1] Suga (1990). Ventricular energetics. Physiol. Rev. 70:247-277.
    """
    volume, pressure = end_systole
    return 0.5 * pressure * (volume - line.V0)


def _end_systole(
    volume: Float[np.ndarray, " times"], pressure: Float[np.ndarray, " times"], V0: float
) -> tuple[float, float]:
    """Point of largest P / (V - V0)."""
    at = int(np.argmax(pressure / np.maximum(volume - V0, 1e-3)))
    return float(volume[at]), float(pressure[at])


def _r_squared(x: Float[np.ndarray, " k"], y: Float[np.ndarray, " k"]) -> float:
    return float(np.corrcoef(x, y)[0, 1] ** 2) if len(x) > 1 else math.nan
