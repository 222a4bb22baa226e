"""Numbers of chambers, valves and circulation from the traces of one beat."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from heartsim.indices.events import end_diastole, end_systole
from heartsim.result import Recording, close_loop, time_mean
from heartsim.units import J, L, minute, mL, mmHg, s

_INLET = {"LV": ("LA", "mitral"), "RV": ("RA", "tricuspid")}
_OUTLET = {"LV": ("aorta", "aortic"), "RV": ("pulmonary_artery", "pulmonary")}
_VALVES = {
    "mitral": ("LA", "LV"),
    "aortic": ("LV", "aorta"),
    "tricuspid": ("RA", "RV"),
    "pulmonary": ("RV", "pulmonary_artery"),
}
_LEAST_VOLUME = 0.1 * mL
_LEAST_FLOW = 1.0  # [mL/s]
_POWER = 451.0  # mmHg L/min in one watt


class Events(NamedTuple):
    """Samples of end-diastole and end-systole of a chamber."""

    end_diastole: int
    end_systole: int


def events(recording: Recording, chamber: str) -> Events:
    """Find the samples at end-diastole and end-systole.

    Ventricles: see `heartsim.indices.events`. Atria: end-diastole is the start of the beat, just
    before they contract, and end-systole where their volume is least.
    """
    pressure, volume = recording.pressure[chamber], recording.volume[chamber]
    if chamber not in _INLET:
        return Events(0, int(np.argmin(volume)))
    atrium, _ = _INLET[chamber]
    _, outlet = _OUTLET[chamber]
    return Events(
        end_diastole(recording.time, pressure, recording.pressure[atrium]),
        end_systole(recording.flow[outlet], pressure, volume),
    )


def stroke_work(recording: Recording, chamber: str) -> float:
    """Work a chamber does on the blood in one beat, ∮ P dV around the loop [µJ].

    Positive for a chamber that pumps: its loop runs counterclockwise.
    """
    _, pressure, volume = close_loop(
        recording.time,
        recording.heart_rate_period,
        recording.pressure[chamber],
        recording.volume[chamber],
    )
    loop_pressure, loop_volume = np.append(pressure, pressure[0]), np.append(volume, volume[0])
    return -float(np.trapezoid(loop_pressure, loop_volume))


def chamber(recording: Recording, name: str) -> dict[str, float]:
    """Compute the indices of one chamber.

    ``EDV_mL``, ``ESV_mL``
        Largest and smallest volume of the beat, as imaging measures them.
    ``SV_mL``, ``EF_percent``
        EDV - ESV, and that over EDV; total, forward and leak together.
    ``EDP_mmHg``, ``ESP_mmHg``
        Pressure at the closure of the inlet valve and of the outlet valve (`events`).
    ``P_max_mmHg``, ``dPdt_max_mmHg_per_s``, ``dPdt_min_mmHg_per_s``
        Extremes of the pressure and of its central difference.
    ``stroke_work_J``
        ∮ P dV, positive for a chamber that pumps.
    ``forward_SV_mL`` (ventricles)
        Net volume through the outlet valve in a beat.
    ``Ea_mmHg_per_mL`` (ventricles)
        Effective arterial elastance ESP / SV [1]_.
    ``tau_ms`` (ventricles)
        Time constant of relaxation, `relaxation_constant`.

    References
    ----------
    .. [1] Sunagawa et al. (1983). Left ventricular interaction with arterial load studied in
       isolated canine ventricle. Am. J. Physiol. 245:H773.
    """
    pressure, volume = recording.pressure[name], recording.volume[name]
    ed, es = events(recording, name)
    largest, smallest = float(volume.max()), float(volume.min())
    slope = pressure_slope(recording, name)
    values = {
        "EDV_mL": largest / mL,
        "ESV_mL": smallest / mL,
        "SV_mL": (largest - smallest) / mL,
        "EF_percent": 100 * (largest - smallest) / largest if largest > 0 else math.nan,
        "EDP_mmHg": float(pressure[ed]) / mmHg,
        "ESP_mmHg": float(pressure[es]) / mmHg,
        "P_max_mmHg": float(pressure.max()) / mmHg,
        "dPdt_max_mmHg_per_s": float(slope.max()) / (mmHg / s),
        "dPdt_min_mmHg_per_s": float(slope.min()) / (mmHg / s),
        "stroke_work_J": stroke_work(recording, name) / J,
    }
    if name in _OUTLET:
        _, valve = _OUTLET[name]
        forward, backward = valve_volumes(recording, valve)
        stroke = (largest - smallest) / mL
        values["forward_SV_mL"] = (forward - backward) / mL
        values["Ea_mmHg_per_mL"] = values["ESP_mmHg"] / stroke if stroke > 0 else math.nan
        values["tau_ms"] = relaxation_constant(recording, name)
    return values


def pressure_slope(recording: Recording, name: str) -> Float[np.ndarray, " times"]:
    """Rate of change of a chamber's pressure [kPa/ms], central and periodic."""
    time, pressure = close_loop(
        recording.time, recording.heart_rate_period, recording.pressure[name]
    )
    return np.gradient(pressure, time)[: len(recording.time)]


def relaxation_constant(recording: Recording, name: str) -> float:
    """Time constant tau of isovolumic relaxation [ms].

    Fit of ln P = a - t / tau (zero asymptote [1]_) from the steepest fall of pressure to 5 mmHg
    above end-diastolic pressure.

    References
    ----------
    .. [1] Weiss, Frederiksen, Weisfeldt (1976). Hemodynamic determinants of the time-course of
       fall in canine left ventricular pressure. J. Clin. Invest. 58:751.
    """
    pressure = recording.pressure[name]
    floor = pressure[events(recording, name).end_diastole] + 5 * mmHg
    start = int(np.argmin(pressure_slope(recording, name)))
    order = (start + np.arange(len(pressure))) % len(pressure)
    above = (pressure > np.maximum(floor, 0.1 * mmHg))[order]
    count = int(np.argmin(above)) if not above.all() else 0
    if count < 4:
        return math.nan
    step = (recording.time[order[:count]] - recording.time[start]) % recording.heart_rate_period
    rate = np.polyfit(step, np.log(pressure[order[:count]]), 1)[0]
    return float(-1 / rate) if rate < 0 else math.nan


def valve_volumes(recording: Recording, name: str) -> tuple[float, float]:
    """Volume through a valve in one beat, forward and backward [mm³], both positive."""
    time, flow = close_loop(recording.time, recording.heart_rate_period, recording.flow[name])
    forward = float(np.trapezoid(np.maximum(flow, 0), time))
    return forward, float(np.trapezoid(np.maximum(-flow, 0), time))


def valve(recording: Recording, name: str) -> dict[str, float]:
    """Compute the indices of one valve.

    ``mean_gradient_mmHg``
        Pressure upstream minus downstream, averaged over the time of forward flow, as two
        catheters measure it.
    ``peak_gradient_mmHg``
        Its largest value in that time (instantaneous, not peak to peak).
    ``forward_volume_mL``, ``regurgitant_volume_mL``
        Volume forward and backward through the valve in a beat.
    ``regurgitant_fraction_percent``
        Backward over forward volume.
    """
    upstream, downstream = _VALVES[name]
    gradient = (recording.pressure[upstream] - recording.pressure[downstream]) / mmHg
    time, flow, gradient = close_loop(
        recording.time, recording.heart_rate_period, recording.flow[name], gradient
    )
    forward, backward = valve_volumes(recording, name)
    is_open = (flow > max(_LEAST_FLOW, 0.01 * float(flow.max()))).astype(float)
    duration = float(np.trapezoid(is_open, time))
    mean = float(np.trapezoid(gradient * is_open, time)) / duration if duration > 0 else math.nan
    peak = float(gradient[is_open > 0].max()) if duration > 0 else math.nan
    enough = forward > _LEAST_VOLUME
    return {
        "mean_gradient_mmHg": mean,
        "peak_gradient_mmHg": peak,
        "forward_volume_mL": forward / mL,
        "regurgitant_volume_mL": backward / mL,
        "regurgitant_fraction_percent": 100 * backward / forward if enough else math.nan,
    }


def circulation(recording: Recording) -> dict[str, float]:
    """Compute the indices of the circulation.

    ``SBP_mmHg``, ``DBP_mmHg``, ``MAP_mmHg``, ``PP_mmHg``
        Largest, smallest and mean pressure of the aorta, and largest minus smallest.
    ``sPAP_mmHg``, ``dPAP_mmHg``, ``mPAP_mmHg``
        The same of the pulmonary artery.
    ``mLAP_mmHg``, ``mRAP_mmHg``
        Mean atrial pressures; the left stands for the wedge.
    ``CO_L_per_min``, ``heart_rate_per_min``
        Net flow through the aortic valve; beats in a minute.
    ``SVR_WU``, ``PVR_WU``
        (MAP - mRAP) / CO, and (mPAP - mLAP) over net pulmonary valve flow [mmHg min/L].
    ``Qp_Qs``
        Net pulmonary over net aortic valve flow.
    ``cardiac_power_W``
        MAP CO / 451 [1]_.
    ``RVSP_over_LVSP``
        Peak pressure of the right over the left ventricle.

    References
    ----------
    .. [1] Cotter et al. (2003). The role of cardiac power and systemic vascular resistance in
       heart failure. Eur. J. Heart Fail. 5:443.
    """
    aorta, artery = (recording.pressure[name] / mmHg for name in ("aorta", "pulmonary_artery"))
    mean = {
        name: time_mean(recording.time, recording.heart_rate_period, recording.pressure[name])
        / mmHg
        for name in ("aorta", "pulmonary_artery", "LA", "RA")
    }
    flow = {name: _net_flow(recording, name) for name in ("aortic", "pulmonary")}
    peak = {name: float(recording.pressure[name].max()) for name in ("LV", "RV")}
    return {
        "SBP_mmHg": float(aorta.max()),
        "DBP_mmHg": float(aorta.min()),
        "MAP_mmHg": mean["aorta"],
        "PP_mmHg": float(aorta.max() - aorta.min()),
        "sPAP_mmHg": float(artery.max()),
        "dPAP_mmHg": float(artery.min()),
        "mPAP_mmHg": mean["pulmonary_artery"],
        "mLAP_mmHg": mean["LA"],
        "mRAP_mmHg": mean["RA"],
        "CO_L_per_min": flow["aortic"],
        "heart_rate_per_min": minute / recording.heart_rate_period,
        "SVR_WU": _ratio(mean["aorta"] - mean["RA"], flow["aortic"]),
        "PVR_WU": _ratio(mean["pulmonary_artery"] - mean["LA"], flow["pulmonary"]),
        "Qp_Qs": _ratio(flow["pulmonary"], flow["aortic"]),
        "cardiac_power_W": mean["aorta"] * flow["aortic"] / _POWER,
        "RVSP_over_LVSP": _ratio(peak["RV"], peak["LV"]),
    }


def _net_flow(recording: Recording, name: str) -> float:
    """Net flow through a valve [L/min]."""
    forward, backward = valve_volumes(recording, name)
    return (forward - backward) / recording.heart_rate_period / (L / minute)


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 1e-3 else math.nan
