"""How fast the pressure of a ventricle falls after ejection."""

import math

import numpy as np
from jaxtyping import Float

from heartsim.units import mmHg

_LEAST_SAMPLES = 4


def relaxation_constants(
    time: Float[np.ndarray, " times"],
    period: float,
    pressure: Float[np.ndarray, " times"],
    slope: Float[np.ndarray, " times"],
    filling: float,
) -> tuple[float, float]:
    """Time constant tau of isovolumic relaxation [ms] by two definitions that do not mix.

    Both fit the fall from dP/dt min to 5 mmHg above end-diastolic pressure:

    *Zero asymptote* [1]_: ``ln P = a - t / tau``; biased when pressure heads for another level.
    *Free asymptote* [2]_: ``dP/dt = -(P - P_inf) / tau``, a line of dP/dt over P.

    Parameters
    ----------
    time, period
        Times of the beat and its duration [ms].
    pressure, slope : (t,)
        Pressure [kPa] and its rate of change [kPa/ms].
    filling : float
        End-diastolic pressure [kPa].

    Returns
    -------
    zero, free : float
        [ms]; not a number where the fall has fewer than four samples or does not decay.

    References
    ----------
    .. [1] Weiss, Frederiksen, Weisfeldt (1976). Hemodynamic determinants of the time-course of
       fall in canine left ventricular pressure. J. Clin. Invest. 58:751.
    .. [2] Raff & Glantz (1981). Volume loading slows left ventricular isovolumic relaxation rate.
       Circ. Res. 48:813.
    """
    start = int(np.argmin(slope))
    order = (start + np.arange(len(pressure))) % len(pressure)
    above = (pressure > max(filling + 5 * mmHg, 0.1 * mmHg))[order]
    count = int(np.argmin(above)) if not above.all() else 0
    if count < _LEAST_SAMPLES:
        return math.nan, math.nan
    chosen = order[:count]
    elapsed = (time[chosen] - time[start]) % period
    return (
        _constant(elapsed, np.log(pressure[chosen])),
        _constant(pressure[chosen], slope[chosen]),
    )


def _constant(x: Float[np.ndarray, " k"], y: Float[np.ndarray, " k"]) -> float:
    """Minus one over the slope of a falling line."""
    rate = np.polyfit(x, y, 1)[0]
    return float(-1 / rate) if rate < 0 else math.nan
