"""Numbers of an atrium: it stores blood, lets it through, and pumps [1]_.

References
----------
.. [1] Hoit (2014). Left atrial size and function: role in prognosis. J. Am. Coll. Cardiol.
   63:493. doi:10.1016/j.jacc.2013.10.055
"""

import math
from typing import Final

import numpy as np

from heartsim.indices.events import end_diastole
from heartsim.result import Recording, close_loop
from heartsim.units import mmHg

_OUTLET: Final = {"LA": ("LV", "mitral"), "RA": ("RV", "tricuspid")}
"""Ventricle and valve that each atrium empties through."""


def atrium(recording: Recording, name: str) -> dict[str, float]:
    """Compute the indices that only an atrium has.

    A beat starts just before the atria contract, so its first volume is that before the kick.

    ``a_wave_mmHg``, ``v_wave_mmHg``
        Peak pressure before and after the atrium is smallest: of its contraction, and of its
        filling against a closed valve.
    ``conduit_percent``
        Passive emptying: largest volume minus that before contraction, over the largest. All
        emptying, the reservoir, is ``EF_percent``.
    ``kick_percent``
        Active emptying: volume before contraction minus the smallest, over the former.
    ``kick_of_filling_percent``
        Blood that passes the atrioventricular valve from the start of the beat to the
        end-diastole of its ventricle, over all that passes it forward in the beat. Not a number
        where filling has ended before.

    Parameters
    ----------
    recording : Recording
        Last beat of a run.
    name : str
        ``"LA"`` or ``"RA"``.
    """
    pressure, volume = recording.pressure[name], recording.volume[name]
    smallest = int(np.argmin(volume))
    largest, waiting, least = (float(v) for v in (volume.max(), volume[0], volume[smallest]))
    return {
        "a_wave_mmHg": float(pressure[: smallest + 1].max()) / mmHg,
        "v_wave_mmHg": float(pressure[smallest:].max()) / mmHg,
        "conduit_percent": _percent(largest - waiting, largest),
        "kick_percent": _percent(waiting - least, waiting),
        "kick_of_filling_percent": _kick_of_filling(recording, name),
    }


def _kick_of_filling(recording: Recording, name: str) -> float:
    """Forward flow from the start of the beat to end-diastole, in percent of all of it."""
    ventricle, valve = _OUTLET[name]
    pressure = recording.pressure
    until = end_diastole(recording.time, pressure[ventricle], pressure[name])
    if pressure[ventricle][0] > pressure[name][0] or until == len(recording.time) - 1:
        return math.nan
    time, flow = close_loop(recording.time, recording.heart_rate_period, recording.flow[valve])
    forward = np.maximum(flow, 0.0)
    kick, whole = (float(np.trapezoid(forward[:k], time[:k])) for k in (until + 1, None))
    return _percent(kick, whole)


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole > 0 else math.nan
