"""Stress and strain of the muscle at end-diastole and end-systole."""

import math

import numpy as np
from jaxtyping import Bool, Float

from heartsim.indices.hemodynamics import events
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.surfaces import cell_volumes
from heartsim.result import Recording, time_mean
from heartsim.units import mL

SEGMENTS = 17


def left_wall(mesh: HeartMesh) -> Bool[np.ndarray, " cells"]:
    """Cells of the left ventricular wall: the AHA segments, or LV and septum, or all."""
    segment = np.asarray(mesh.fields.get("aha", np.zeros(len(mesh.tets))))
    if (segment > 0).any():
        return segment > 0
    chosen = np.zeros(len(mesh.tets), bool)
    for name in ("LV", "septum"):
        if name in mesh.regions:
            chosen[mesh.regions[name]] = True
    return chosen if chosen.any() else np.ones(len(mesh.tets), bool)


def percentile(
    values: Float[np.ndarray, " k"], weights: Float[np.ndarray, " k"], percent: float
) -> float:
    """Percentile of values that stand for different volumes of tissue.

    The value below which `percent` of the weight lies, interpolated between the middles of the
    weights.
    """
    if not len(values) or not weights.sum() > 0:
        return math.nan
    order = np.argsort(values)
    weight = weights[order]
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    return float(np.interp(percent / 100, middle, values[order]))


def distribution(
    mesh: HeartMesh, values: Float[np.ndarray, " cells"]
) -> dict[str, float | list[float] | dict[str, float]]:
    """How a cell field is spread over the wall, weighted by unloaded volume.

    ``p50``, ``p95``
        Median and 95th percentile over the left ventricular wall. Never the largest cell, which
        depends on the mesh.
    ``mean``
        Mean over the left ventricular wall.
    ``aha17``
        Means of AHA segments 1 to 17 [1]_; not a number where a segment is absent.
    ``regions``
        Means over each named region.

    References
    ----------
    .. [1] Cerqueira et al. (2002). Standardized myocardial segmentation and nomenclature for
       tomographic imaging of the heart. Circulation 105:539.
    """
    volume = np.abs(cell_volumes(mesh.points, mesh.tets))
    chosen = left_wall(mesh)
    segment = np.asarray(mesh.fields.get("aha", np.zeros(len(mesh.tets)))).astype(int)
    segment, share = segment[chosen], volume[chosen]
    size = np.bincount(segment, share, SEGMENTS + 1)[1 : SEGMENTS + 1]
    total = np.bincount(segment, share * values[chosen], SEGMENTS + 1)[1 : SEGMENTS + 1]
    return {
        "p50": percentile(values[chosen], volume[chosen], 50),
        "p95": percentile(values[chosen], volume[chosen], 95),
        "mean": _mean(values[chosen], volume[chosen]),
        "aha17": [float(t / v) if v > 0 else math.nan for t, v in zip(total, size, strict=True)],
        "regions": {name: _mean(values[k], volume[k]) for name, k in mesh.regions.items()},
    }


def wall(recording: Recording) -> dict[str, object]:
    """Compute the indices of the wall, from the snapshots nearest to LV end-diastole and -systole.

    ``fiber_stress_ED_kPa``, ``fiber_stress_ES_kPa``
        Total Cauchy stress along the fibers, `distribution`.
    ``fiber_strain_ES_percent``
        Change of fiber length from end-diastole; shortening is negative, so ``p95`` is the tissue
        that shortens least.
    ``activation_time_ms``
        Time from the trigger of the ventricles to activation, if the mesh carries it.
    ``wall_volume_mL``
        Volume of the whole wall, with 3D atria and great vessels where there are any, mean over
        the beat.
    """
    ed, es = (recording.snapshot(recording.time[i]) for i in events(recording, "LV"))
    mesh = recording.mesh
    volume = time_mean(recording.time, recording.heart_rate_period, recording.wall_volume)
    activation = mesh.fields.get("activation_time")
    timing = {} if activation is None else {"activation_time_ms": distribution(mesh, activation)}
    return {
        "fiber_stress_ED_kPa": distribution(mesh, recording.fiber_stress[ed]),
        "fiber_stress_ES_kPa": distribution(mesh, recording.fiber_stress[es]),
        "fiber_strain_ES_percent": distribution(mesh, 100 * recording.fiber_strain[es]),
        **timing,
        "wall_volume_mL": volume / mL,
    }


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.average(values, weights=weights)) if len(values) else math.nan
