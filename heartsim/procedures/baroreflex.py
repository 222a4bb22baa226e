"""Arterial baroreflex at rest: what the nerves do to heart and vessels at a mean pressure.

The static part of Ursino's model [1]_: the carotid sinus turns mean arterial pressure P into
afferent spikes, these into sympathetic and vagal spikes, and these into the effectors::

    f_as = (f_min + f_max exp((P - P_n)/k_a)) / (1 + exp((P - P_n)/k_a))
    f_es = f_es,inf + (f_es,0 - f_es,inf) exp(-k_es f_as)
    f_ev = (f_ev,0 + f_ev,inf exp((f_as - f_as,0)/k_ev)) / (1 + exp((f_as - f_as,0)/k_ev))
    sigma_i = G_i ln(f_es - f_es,min + 1),   heart period also + G_Tv f_ev

A patient's own set point takes the place of P_n, and effectors count relative to their value there,
so at the set point the reflex does nothing.

References
----------
.. [1] Ursino (1998). Interaction between carotid baroregulation and the pulsating heart: a
   mathematical model. doi:10.1152/ajpheart.1998.275.5.H1733, tables 1 to 3.
"""

import math
from typing import Final, NamedTuple

SLOPE: Final = 11.758
"""k_a [mmHg]."""
AFFERENT: Final = (2.52, 47.78)
"""f_min, f_max [spikes/s]."""
SYMPATHETIC: Final = (2.10, 16.11, 0.0675, 2.66)
"""f_es,inf, f_es,0, k_es, f_es,min [spikes/s, spikes/s, s, spikes/s]."""
VAGAL: Final = (3.2, 6.3, 25.0, 7.06)
"""f_ev,0, f_ev,inf, f_as,0, k_ev [spikes/s]."""
PERIOD: Final = (0.58, -0.13, 0.09)
"""T_0, G_Ts, G_Tv [s]."""
STRENGTH: Final = (2.392, 0.475)
"""End-systolic elastance of the left ventricle without nerves, and G [mmHg/mL]."""
BEDS: Final = ((2.49, 0.695), (0.78, 0.53))
"""Resistances of the splanchnic and the other beds without nerves, and G [mmHg s/mL]."""
VEINS: Final = -265.4 - 132.5
"""G of the unstressed volumes of both venous beds [mL]."""
STRESSED: Final = 1842.0
"""Stressed blood of the published subject [mL]: 5300 in all, less all unstressed volumes."""


class Effectors(NamedTuple):
    """What the reflex sets, relative to the set point, where all are 1."""

    rate: float
    strength: float
    systemic_resistance: float
    stressed_volume: float


def effectors(pressure: float, set_point: float) -> Effectors:
    """Steady effect of the reflex at a mean arterial pressure.

    Parameters
    ----------
    pressure, set_point : float
        Mean arterial pressure sensed, and the one at which the reflex does nothing [mmHg].
    """
    drive, vagus = _nerves(pressure - set_point)
    drive_there, vagus_there = _nerves(0.0)
    moved = VEINS * (drive - drive_there) / STRESSED
    return Effectors(
        rate=_period(drive_there, vagus_there) / _period(drive, vagus),
        strength=_strength(drive) / _strength(drive_there),
        systemic_resistance=_resistance(drive) / _resistance(drive_there),
        stressed_volume=1 - moved,
    )


def _nerves(above: float) -> tuple[float, float]:
    """Sympathetic drive ln(f_es - f_es,min + 1) and vagal spikes, pressure above set point."""
    low, high = AFFERENT
    afferent = low + (high - low) / (1 + math.exp(-above / SLOPE))
    rest, silent, fall, threshold = SYMPATHETIC
    sympathetic = rest + (silent - rest) * math.exp(-fall * afferent)
    least, most, middle, width = VAGAL
    vagal = least + (most - least) / (1 + math.exp(-(afferent - middle) / width))
    # below the threshold the effectors no longer feel the nerve
    return math.log(max(sympathetic - threshold, 0.0) + 1), vagal


def _period(drive: float, vagus: float) -> float:
    rest, sympathetic, vagal = PERIOD
    return rest + sympathetic * drive + vagal * vagus


def _strength(drive: float) -> float:
    rest, gain = STRENGTH
    return rest + gain * drive


def _resistance(drive: float) -> float:
    """Two beds side by side."""
    return 1 / sum(1 / (rest + gain * drive) for rest, gain in BEDS)
