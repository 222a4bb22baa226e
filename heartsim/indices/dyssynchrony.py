"""How far apart in time the walls of the left ventricle contract, and what that wastes."""

import math
from typing import Final

import numpy as np
from jaxtyping import Float

from heartsim.indices.deformation import segment_strain
from heartsim.indices.hemodynamics import events
from heartsim.mesh.parts import in_ventricles
from heartsim.result import Recording

INDICES: Final = (
    "total_activation_ms",
    "SD_time_to_peak_ms",
    "septal_to_lateral_ms",
    "CURE",
    "wasted_work_ratio",
)
"""Names of the numbers of `dyssynchrony`."""
SEPTAL: Final = (2, 3, 8, 9, 14)
LATERAL: Final = (5, 6, 11, 12, 16)
RINGS: Final = (range(1, 7), range(7, 13), range(13, 17))
"""Basal, mid and apical AHA segments, each in order around the ventricle."""


def dyssynchrony(recording: Recording) -> dict[str, float]:
    """Compute the indices of dyssynchrony; times are as fine as the snapshots, by parabolas.

    ``total_activation_ms``
        First to last activation of the muscle, both ventricles.
    ``SD_time_to_peak_ms``
        Standard deviation over AHA segments 1 to 16 of the time of largest circumferential
        shortening [1]_; above 33 ms is taken as dyssynchrony.
    ``septal_to_lateral_ms``
        Mean time of largest shortening of lateral minus septal segments.
    ``CURE``
        Circumferential uniformity ratio estimate [2]_: √(Σ S0 / Σ (S0 + 2 S1)), S0 and S1 the
        powers of the mean and of the first harmonic of circumferential strain around each of three
        rings, summed over rings and snapshots of systole. 1 is uniform, 0 a pure seesaw.
    ``wasted_work_ratio``
        Work of the pressure on segments that lengthen over that on segments that shorten, from
        end-diastole until the ventricle refills [3]_.

    Parameters
    ----------
    recording : Recording
        Last beat of a run, with segments; not numbers without.

    References
    ----------
    .. [1] Yu et al. (2002). Tissue Doppler echocardiographic evidence of reverse remodeling and
       improved synchronicity by simultaneously delaying regional contraction after biventricular
       pacing therapy in heart failure. Circulation 105:438.
    .. [2] Budge et al. (2012). MR cine DENSE dyssynchrony parameters for the evaluation of heart
       failure. doi:10.1016/j.jcmg.2011.12.024
    .. [3] Russell et al. (2013). Assessment of wasted myocardial work: a novel method to quantify
       energy loss due to uncoordinated left ventricular contractions. Am. J. Physiol. 305:H996,
       PMID 23893165.
    """
    if "LV" not in recording.mesh.cavities:
        return dict.fromkeys(INDICES, math.nan)
    strain = segment_strain(recording, "circumferential")
    time, strain = _from_end_diastole(recording, strain)
    peak = np.array([time_of_peak(time, strain[:, k - 1]) for k in range(1, 17)])
    contracting = _contraction(recording, time)
    activated = recording.mesh.fields.get("activation_time")
    numbers = (
        math.nan if activated is None else float(np.ptp(activated[in_ventricles(recording.mesh)])),
        float(np.std(peak, ddof=1)),
        float(_mean_of(peak, LATERAL) - _mean_of(peak, SEPTAL)),
        uniformity(strain[contracting]),
        wasted_work(_pressure(recording, time[contracting]), strain[contracting, :16]),
    )
    return dict(zip(INDICES, numbers, strict=True))


def time_of_peak(time: Float[np.ndarray, " t"], strain: Float[np.ndarray, " t"]) -> float:
    """Time of the least strain, from a parabola through the three samples around it."""
    if not np.isfinite(strain).all():
        return math.nan
    least = int(np.argmin(strain))
    if least in (0, len(strain) - 1):
        return float(time[least])
    here = slice(least - 1, least + 2)
    a, b, _ = np.polyfit(time[here] - time[least], strain[here], 2)
    return float(time[least] - b / (2 * a)) if a > 0 else float(time[least])


def uniformity(strain: Float[np.ndarray, "t segments"]) -> float:
    """CURE of strains of segments 1 to 16 over time, see `dyssynchrony`."""
    even, first = 0.0, 0.0
    for ring in RINGS:
        values = strain[:, [k - 1 for k in ring]]
        harmonics = np.abs(np.fft.fft(values, axis=1)) ** 2 / values.shape[1] ** 2
        even += float(harmonics[:, 0].sum())
        first += float(harmonics[:, 1].sum())
    return math.sqrt(even / (even + 2 * first)) if even > 0 else math.nan


def wasted_work(
    pressure: Float[np.ndarray, " t"], strain: Float[np.ndarray, "t segments"]
) -> float:
    """Work on lengthening over work on shortening segments, ∫ p dε of each sign."""
    middle = (pressure[1:] + pressure[:-1]) / 2
    work = middle[:, None] * np.diff(strain, axis=0)
    shortening = -float(np.minimum(work, 0).sum())
    return float(np.maximum(work, 0).sum()) / shortening if shortening > 0 else math.nan


def _from_end_diastole(
    recording: Recording, strain: Float[np.ndarray, "t segments"]
) -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, "t segments"]]:
    """Snapshots in the order of time since end-diastole [ms], each once."""
    start = recording.time[events(recording, "LV").end_diastole]
    away = (recording.snapshot_time - start) % recording.heart_rate_period
    time, order = np.unique(np.round(away, 6), return_index=True)
    return time, strain[order]


def _contraction(recording: Recording, time: Float[np.ndarray, " t"]) -> np.ndarray:
    """Snapshots from end-diastole until the ventricle falls below its atrium after ejection."""
    ed, es = events(recording, "LV")
    since = (recording.time - recording.time[ed]) % recording.heart_rate_period
    after = since > since[es]
    below = after & (recording.pressure["LV"] < recording.pressure["LA"])
    end = since[below].min() if below.any() else recording.heart_rate_period
    return time <= end


def _pressure(recording: Recording, time: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """LV pressure [kPa] at times since end-diastole [ms]."""
    start = recording.time[events(recording, "LV").end_diastole]
    period = recording.heart_rate_period
    return np.interp(time + start, recording.time, recording.pressure["LV"], period=period)


def _mean_of(values: Float[np.ndarray, " k"], segments: tuple[int, ...]) -> float:
    return float(np.mean([values[k - 1] for k in segments]))
