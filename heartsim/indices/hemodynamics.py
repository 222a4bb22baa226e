"""Numbers of chambers, valves and circulation from the traces of one beat."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from heartsim.indices import elastance
from heartsim.indices.atrium import atrium
from heartsim.indices.events import end_diastole, end_systole
from heartsim.indices.relaxation import relaxation_constants
from heartsim.result import Recording, close_loop, time_mean
from heartsim.units import BLOOD_DENSITY, J, L, cm, minute, mL, mmHg, s

_INLET = {"LV": ("LA", "mitral"), "RV": ("RA", "tricuspid")}
_OUTLET = {"LV": "aortic", "RV": "pulmonary"}
_VALVES = {
    "mitral": ("LA", "LV"),
    "aortic": ("LV", "aorta"),
    "tricuspid": ("RA", "RV"),
    "pulmonary": ("RV", "pulmonary_artery"),
}
_EJECTED = {
    "LV": ("aortic", "left_pump"),
    "RV": ("pulmonary", "neoaortic", "right_pump"),
}
"""Ways from each ventricle to the arteries."""
_TO_BODY = {"aortic": 1, "neoaortic": 1, "left_pump": 1, "ecmo": 1, "ductus": -1}
_TO_LUNGS = {"pulmonary": 1, "right_pump": 1, "ductus": 1, "glenn": 1, "cavopulmonary": 1}
"""Flows that enter the arteries of body and lungs; a ductus takes from one for the other."""
_PUMPS = ("left_pump", "right_pump", "ecmo")
_PER_SURFACE = {
    "EDV_mL": "EDVi_mL_per_m2",
    "ESV_mL": "ESVi_mL_per_m2",
    "forward_SV_mL": "SVi_mL_per_m2",
    "CO_L_per_min": "CI_L_per_min_m2",
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
    outlet = recording.flow[_OUTLET[chamber]]
    if chamber == "RV":
        outlet = outlet + recording.flow.get("neoaortic", 0.0)
    return Events(
        end_diastole(recording.time, pressure, recording.pressure[atrium]),
        end_systole(outlet, pressure, volume),
    )


def stroke_work(recording: Recording, chamber: str) -> float:
    """Work a chamber does on the blood in one beat, ∮ P dV around the loop [µJ].

    Positive for a chamber that pumps: its loop runs counterclockwise.
    """
    return elastance.loop_area(recording.volume[chamber], recording.pressure[chamber])


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

    Ventricles have those of `ventricle` as well, atria those of `heartsim.indices.atrium`.
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
    more = ventricle(recording, name, values) if name in _OUTLET else atrium(recording, name)
    return values | more


def ventricle(recording: Recording, name: str, measured: Mapping[str, float]) -> dict[str, float]:
    """Compute the indices that only a ventricle has.

    ``forward_SV_mL``, ``forward_EF_percent``
        Net volume to the arteries in a beat, through valves and assist pumps, and that over EDV.
    ``Ea_mmHg_per_mL``
        Effective arterial elastance ESP / SV [1]_.
    ``Ees_mmHg_per_mL``, ``V0_mL``
        End-systolic line of the single beat, `heartsim.indices.elastance.single_beat`; by load
        variation see `heartsim.indices.elastance.espvr`.
    ``Ea_over_Ees``
        Ventriculo-arterial coupling: work is largest near 1, efficiency near 0.5.
    ``potential_energy_J``, ``PVA_J``, ``efficiency_percent``
        `heartsim.indices.elastance.potential_energy`, stroke work plus that (the pressure-volume
        area, proportional to oxygen consumption), and stroke work over the area [2]_.
    ``energy_per_minute_J``
        Pressure-volume area times heart rate.
    ``V15_mL``, ``V30_mL``, ``EDPVR_beta``, ``ED_stiffness_mmHg_per_mL``
        Diastolic curve through the end-diastolic point, `heartsim.indices.elastance.klotz`
        (human left ventricles; for the right one a convention).
    ``tau_ms``, ``tau_free_ms``
        Time constants with zero and with free asymptote,
        `heartsim.indices.relaxation.relaxation_constants`.

    References
    ----------
    .. [1] Sunagawa et al. (1983). Left ventricular interaction with arterial load studied in
       isolated canine ventricle. Am. J. Physiol. 245:H773.
    .. [2] Suga (1990). Ventricular energetics. Physiol. Rev. 70:247-277.
    """
    ed, es = events(recording, name)
    pressure, volume = recording.pressure[name] / mmHg, recording.volume[name] / mL
    forward = _net_flow(recording, dict.fromkeys(_EJECTED[name], 1)) * recording.heart_rate_period
    arterial = _ratio(measured["ESP_mmHg"], measured["SV_mL"])
    filled = (float(volume[ed]), float(pressure[ed]))
    emptied = (float(volume[es]), float(pressure[es]))
    line = elastance.single_beat(_isovolumic_peak(recording, name), filled, emptied)
    left_over = elastance.potential_energy(line, emptied) * mmHg * mL / J
    area = measured["stroke_work_J"] + left_over
    curve = elastance.klotz(*filled)
    zero, free = relaxation_constants(
        recording.time,
        recording.heart_rate_period,
        recording.pressure[name],
        pressure_slope(recording, name),
        recording.pressure[name][ed],
    )
    return {
        "forward_SV_mL": forward / mL,
        "forward_EF_percent": 100 * forward / mL / measured["EDV_mL"],
        "Ea_mmHg_per_mL": arterial,
        "Ees_mmHg_per_mL": line.Ees,
        "V0_mL": line.V0,
        "Ea_over_Ees": arterial / line.Ees,
        "potential_energy_J": left_over,
        "PVA_J": area,
        "efficiency_percent": 100 * measured["stroke_work_J"] / area,
        "energy_per_minute_J": area * minute / recording.heart_rate_period,
        "V15_mL": curve.V15,
        "V30_mL": curve.V30,
        "EDPVR_beta": curve.beta,
        "ED_stiffness_mmHg_per_mL": curve.stiffness,
        "tau_ms": zero,
        "tau_free_ms": free,
    }


def _isovolumic_peak(recording: Recording, name: str) -> float:
    """Peak pressure without ejection [mmHg], from the samples of the beat, each once."""
    period = recording.heart_rate_period
    span = recording.time[-1] - recording.time[0]
    once = slice(None, -1 if span >= period * (1 - 1e-9) else None)
    pressure = recording.pressure[name][once] / mmHg
    start = events(recording, name).end_diastole % len(pressure)
    return elastance.isovolumic_peak(recording.time[once], period, pressure, end_diastole=start)


def pressure_slope(recording: Recording, name: str) -> Float[np.ndarray, " times"]:
    """Rate of change of a chamber's pressure [kPa/ms], central and periodic."""
    time, pressure = close_loop(
        recording.time, recording.heart_rate_period, recording.pressure[name]
    )
    return np.gradient(pressure, time)[: len(recording.time)]


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
    ``area_cm2``, ``EROA_cm2``
        Effective orifice area forward and backward: volume over the integral of the velocity
        v = √(2 ΔP / rho) that the pressure drop drives [1]_, as Doppler divides a volume by the
        velocity-time integral of its jet.

    References
    ----------
    .. [1] Enriquez-Sarano et al. (1994). Effective regurgitant orifice area: a noninvasive Doppler
       development of an old hemodynamic concept. doi:10.1016/0735-1097(94)90432-4
    """
    upstream, downstream = _VALVES[name]
    gradient = (recording.pressure[upstream] - recording.pressure[downstream]) / mmHg
    time, flow, gradient = close_loop(
        recording.time, recording.heart_rate_period, recording.flow[name], gradient
    )
    forward, backward = valve_volumes(recording, name)
    driven = np.sqrt(2 * np.abs(gradient) * mmHg / BLOOD_DENSITY)
    jets = [float(np.trapezoid(driven * (sign * flow > 0), time)) for sign in (1, -1)]
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
        "area_cm2": forward / jets[0] / cm**2 if enough and jets[0] > 0 else math.nan,
        "EROA_cm2": backward / jets[1] / cm**2 if backward > _LEAST_VOLUME else 0.0,
    }


def circulation(recording: Recording) -> dict[str, float]:
    """Compute the indices of the circulation.

    ``SBP_mmHg``, ``DBP_mmHg``, ``MAP_mmHg``, ``PP_mmHg``
        Largest, smallest and mean pressure of the aorta, and largest minus smallest.
    ``sPAP_mmHg``, ``dPAP_mmHg``, ``mPAP_mmHg``
        The same of the pulmonary artery.
    ``mLAP_mmHg``, ``mRAP_mmHg``
        Mean atrial pressures; the left stands for the wedge.
    ``mSVP_mmHg``
        Mean pressure of the systemic veins, which a Fontan parts from the right atrium.
    ``CO_L_per_min``, ``heart_rate_per_min``
        Systemic flow Qs: what enters the arteries of the body from ventricles, assist pumps and
        neo-aorta less what a ductus takes to the lungs; beats in a minute. Without those it is the
        net flow through the aortic valve.
    ``Qp_L_per_min``
        Flow through the lungs: what enters their arteries from the pulmonary valve, a ductus,
        a pump, and veins that are joined to them.
    ``assist_L_per_min``
        Flow of all pumps together.
    ``SVR_WU``, ``PVR_WU``
        (MAP - mRAP) / Qs, and (mPAP - mLAP) / Qp [mmHg min/L].
    ``Qp_Qs``
        Pulmonary over systemic flow.
    ``cardiac_power_W``
        MAP CO / 451 [1]_.
    ``RVSP_over_LVSP``
        Peak pressure of the right over the left ventricle.
    ``PAPi``
        Pulmonary artery pulsatility: pulse pressure over right atrial pressure [2]_.
    ``CVP_over_PCWP``
        Mean right over mean left atrial pressure, the latter for the wedge; above 0.63 warns of
        right heart failure after an assist device.
    ``coronary_mL_per_min``, ``coronary_diastolic_percent``
        Flow into the vessels of the heart muscle, and the part of it outside systole; only where
        these vessels are apart.
    ``SEVR``
        Subendocardial viability (Buckberg) ratio: ∫(aorta - LV) dt outside systole over ∫ LV dt
        from end-diastole to end-systole [3]_.

    References
    ----------
    .. [1] Cotter et al. (2003). The role of cardiac power and systemic vascular resistance in
       heart failure. Eur. J. Heart Fail. 5:443.
    .. [2] Mazimba et al. (2019). Haemodynamically derived pulmonary artery pulsatility index
       predicts mortality in pulmonary arterial hypertension. Heart Lung Circ. 28:752.
    .. [3] Salvi et al. (2021). Comparison between invasive and noninvasive methods to estimate
       subendocardial oxygen supply and demand imbalance. doi:10.1161/JAHA.121.021207
    """
    aorta, artery = (recording.pressure[name] / mmHg for name in ("aorta", "pulmonary_artery"))
    mean = {
        name: time_mean(recording.time, recording.heart_rate_period, recording.pressure[name])
        / mmHg
        for name in ("aorta", "pulmonary_artery", "LA", "RA", "systemic_veins")
    }
    body, lungs, pumps = (
        _net_flow(recording, ways) / (L / minute)
        for ways in (_TO_BODY, _TO_LUNGS, dict.fromkeys(_PUMPS, 1))
    )
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
        "mSVP_mmHg": mean["systemic_veins"],
        "CO_L_per_min": body,
        "Qp_L_per_min": lungs,
        "assist_L_per_min": pumps,
        "heart_rate_per_min": minute / recording.heart_rate_period,
        "SVR_WU": _ratio(mean["aorta"] - mean["RA"], body),
        "PVR_WU": _ratio(mean["pulmonary_artery"] - mean["LA"], lungs),
        "Qp_Qs": _ratio(lungs, body),
        "cardiac_power_W": mean["aorta"] * body / _POWER,
        "RVSP_over_LVSP": _ratio(peak["RV"], peak["LV"]),
        "PAPi": _ratio(float(artery.max() - artery.min()), mean["RA"]),
        "CVP_over_PCWP": _ratio(mean["RA"], mean["LA"]),
        "SEVR": viability(recording),
        **(coronary(recording) if "coronary_arteries" in recording.flow else {}),
    }


def per_body_surface(measured: Mapping[str, float], body_surface: float) -> dict[str, float]:
    """Add volumes and output per body surface [m²] to the indices of a chamber or circulation.

    ``EDVi_mL_per_m2``, ``ESVi_mL_per_m2`` of every chamber, ``SVi_mL_per_m2`` (forward) of the
    ventricles, ``CI_L_per_min_m2`` of the circulation.
    """
    indexed = {
        name: measured[key] / body_surface for key, name in _PER_SURFACE.items() if key in measured
    }
    return {**measured, **indexed}


def viability(recording: Recording) -> float:
    """Subendocardial viability ratio, supply over demand; see `circulation`."""
    time, aorta, pressure = close_loop(
        recording.time,
        recording.heart_rate_period,
        recording.pressure["aorta"],
        recording.pressure["LV"],
    )
    systole = _in_systole(recording, len(time))
    supply = np.where(systole, 0.0, np.maximum(aorta - pressure, 0.0))
    demand = np.where(systole, pressure, 0.0)
    return _ratio(float(np.trapezoid(supply, time)), float(np.trapezoid(demand, time)))


def coronary(recording: Recording) -> dict[str, float]:
    """Flow of the vessels in the heart muscle, and when it comes; see `circulation`."""
    name, period = "coronary_arteries", recording.heart_rate_period
    time, flow = close_loop(recording.time, period, recording.flow[name])
    outside = np.trapezoid(np.where(_in_systole(recording, len(time)), 0.0, flow), time)
    whole = float(np.trapezoid(flow, time))
    return {
        "coronary_mL_per_min": whole / period / (mL / minute),
        "coronary_diastolic_percent": 100 * float(outside) / whole,
    }


def _in_systole(recording: Recording, samples: int) -> Bool[np.ndarray, " times"]:
    """Samples of a closed beat from end-diastole to end-systole of the left ventricle."""
    ed, es = events(recording, "LV")
    order = (np.arange(samples) - ed) % len(recording.time)
    return order <= (es - ed) % len(recording.time)


def _net_flow(recording: Recording, ways: Mapping[str, int]) -> float:
    """Mean of flows with their signs [mm³/ms]; a way that is absent carries nothing."""
    still = np.zeros(len(recording.time))
    total = sum((sign * recording.flow.get(name, still) for name, sign in ways.items()), still)
    return time_mean(recording.time, recording.heart_rate_period, total)


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 1e-3 else math.nan
