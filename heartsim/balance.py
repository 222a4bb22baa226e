"""Audit of a beat: is blood kept, does the energy add up, is the muscle incompressible."""

import math

import numpy as np

from heartsim.errors import ResultError
from heartsim.result import Recording
from heartsim.units import mL

_TERMS = ("stored", "active_work", "dissipated", "pressure_work")


def audit(recording: Recording) -> dict[str, float]:
    """Errors of conservation over one beat.

    ``blood_volume_drift_mL``
        Largest departure of the total blood volume from its value at the start of the beat.
    ``energy_residual_percent``
        Largest imbalance over the beat of
        pressure_work + active_work - change of stored - dissipated, in percent of the external
        work, which is the net work the wall does on the blood in the beat. Sign conventions in
        `heartsim.result.Recording`.
    ``wall_volume_change_percent``
        Largest departure of the muscle volume from its value at the start of the beat.

    Parameters
    ----------
    recording : Recording
        Last beat of a run.

    Returns
    -------
    dict
        The three errors; not a number where they are undefined.
    """
    blood = np.asarray(recording.blood_volume)
    muscle = np.asarray(recording.wall_volume)
    return {
        "blood_volume_drift_mL": float(np.abs(blood - blood[0]).max()) / mL,
        "energy_residual_percent": _energy_residual(recording),
        "wall_volume_change_percent": 100 * float(np.abs(muscle / muscle[0] - 1).max()),
    }


def _energy_residual(recording: Recording) -> float:
    """Largest imbalance of energy in percent of external work."""
    missing = [name for name in _TERMS if name not in recording.energy]
    if missing:
        raise ResultError(
            f"recording: energy lacks {', '.join(missing)}. Expected {', '.join(_TERMS)}."
        )
    change = {name: recording.energy[name] - recording.energy[name][0] for name in _TERMS}
    supplied = change["pressure_work"] + change["active_work"]
    residual = np.abs(supplied - change["stored"] - change["dissipated"]).max()
    external = abs(float(change["pressure_work"][-1]))
    return 100 * float(residual) / external if external > 0 else math.nan
