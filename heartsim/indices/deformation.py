"""Strain, twist and long-axis motion of the left ventricle, as imaging reports them.

All are changes from the shape at end-diastole. Directions are those of the wall there: radial is
the normal of the nearest endocardium, pointing out of the blood, circumferential lies around the
long axis (apex to middle of the inlet) and longitudinal completes the triad.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from heartsim.indices.hemodynamics import events
from heartsim.indices.wall import SEGMENTS, left_wall
from heartsim.mesh.heartmesh import Cavity, HeartMesh
from heartsim.mesh.surfaces import cell_edges, cell_volumes, vertex_normals
from heartsim.result import Recording
from heartsim.units import cm, deg, mm

DIRECTIONS: Final = ("longitudinal", "circumferential", "radial")
INDICES: Final = (
    "GLS_percent",
    "GCS_percent",
    "GRS_percent",
    "twist_deg",
    "torsion_deg_per_cm",
    "apex_rotation_deg",
    "base_rotation_deg",
    "AVPD_mm",
    "TAPSE_mm",
)
"""Names of the numbers of `deformation`."""
_INLETS: Final = {"LV": "mitral", "RV": "tricuspid"}
_CAP: Final = 0.95
"""Cosine between wall normal and long axis beyond which, at the apex, no direction is defined."""
_BASE: Final = (0.65, 1.0)
_APEX: Final = (0.1, 0.35)
"""Heights of the basal and apical slices, as parts of the long axis."""


class Axis(NamedTuple):
    """Long axis of the left ventricle."""

    apex: Float[np.ndarray, " 3"]
    """Endocardial point farthest from the middle of the inlet [mm]."""
    direction: Float[np.ndarray, " 3"]
    """Unit vector from apex to base."""
    length: float
    """[mm]"""


def long_axis(points: Float[np.ndarray, "nodes 3"], cavity: Cavity) -> Axis:
    """Axis from the endocardial apex to the middle of the inlet (of all openings, if unnamed)."""
    middle = inlet_center(points, cavity, "LV")
    inside = points[np.unique(cavity.facets)]
    apex = inside[np.argmax(np.linalg.norm(inside - middle, axis=1))]
    length = float(np.linalg.norm(middle - apex))
    return Axis(apex, (middle - apex) / length, length)


def inlet_center(
    points: Float[np.ndarray, "nodes 3"], cavity: Cavity, chamber: str
) -> Float[np.ndarray, " 3"]:
    """Middle of the mitral or tricuspid ring, or of all rims where none has that name [mm]."""
    centers = {name: points[loop].mean(axis=0) for name, loop in cavity.valves.items()}
    named = centers.get(_INLETS[chamber])
    return np.mean(list(centers.values()), axis=0) if named is None else named


def wall_axes(
    points: Float[np.ndarray, "nodes 3"], mesh: HeartMesh
) -> Float[np.ndarray, "cells directions 3"]:
    """Unit vectors of `DIRECTIONS` in each cell; not numbers at the apical cap."""
    cavity = mesh.cavities["LV"]
    z = long_axis(points, cavity).direction
    inside = np.unique(cavity.facets)
    normals = vertex_normals(points, cavity.facets)[inside]
    _, nearest = KDTree(points[inside]).query(points[mesh.tets].mean(axis=1))
    radial = normals[nearest]
    around = np.cross(z, radial)
    size = np.linalg.norm(around, axis=1, keepdims=True)
    around = np.where(size > math.sqrt(1 - _CAP**2), around / np.maximum(size, 1e-12), math.nan)
    return np.stack([np.cross(radial, around), around, radial], axis=1)


def stretches(
    before: Float[np.ndarray, "nodes 3"], after: Float[np.ndarray, "nodes 3"], mesh: HeartMesh
) -> Float[np.ndarray, "cells directions"]:
    """Length of a line element after over before, |F d|, along `DIRECTIONS` in each cell."""
    gradient = cell_edges(after, mesh.tets) @ np.linalg.inv(cell_edges(before, mesh.tets))
    return np.linalg.norm(np.einsum("cij,cdj->cdi", gradient, wall_axes(before, mesh)), axis=2)


def deformation(recording: Recording) -> dict[str, float]:
    """Compute strains and motions between the snapshots nearest to end-diastole and -systole.

    ``GLS_percent``, ``GCS_percent``, ``GRS_percent``
        Global longitudinal, circumferential and radial strain [1]_: `stretches` minus 1, averaged
        over the left ventricular wall by volume, through the whole thickness; shortening is
        negative. Speckle tracking and feature tracking follow the endocardium, which shortens
        more.
    ``twist_deg``, ``torsion_deg_per_cm``
        Rotation of an apical minus that of a basal slice about the long axis, anticlockwise seen
        from the apex positive [2]_, and that over the distance of the slices.
    ``apex_rotation_deg``, ``base_rotation_deg``
        Of the two slices.
    ``AVPD_mm``, ``TAPSE_mm``
        Motion of the mitral and the tricuspid ring towards the apex, along the long axis and
        relative to the apex, which barely moves in a chest [3]_. The second only with a right
        ventricle.

    Parameters
    ----------
    recording : Recording
        Last beat of a run; without a left ventricular wall nothing is a number.

    References
    ----------
    .. [1] Voigt et al. (2015). Definitions for a common standard for 2D speckle tracking
       echocardiography. Eur. Heart J. Cardiovasc. Imaging 16:1.
    .. [2] Young & Cowan (2012). Evaluation of left ventricular torsion by cardiovascular magnetic
       resonance. J. Cardiovasc. Magn. Reson. 14:49.
    .. [3] Carlsson et al. (2007). Atrioventricular plane displacement is the major contributor to
       left ventricular pumping. Am. J. Physiol. 292:H1452.
    """
    mesh = recording.mesh
    if "LV" not in mesh.cavities:
        return dict.fromkeys(INDICES, math.nan)
    ed, es = (recording.snapshot(recording.time[i]) for i in events(recording, "LV"))
    before, after = (mesh.points + recording.displacement[k] for k in (ed, es))
    chosen = left_wall(mesh)
    strain = 100 * (stretches(before, after, mesh) - 1)
    mean = [_mean(strain[:, k], mesh, chosen) for k in range(len(DIRECTIONS))]
    axis = long_axis(before, mesh.cavities["LV"])
    rotation, height = zip(
        *(_slice(before, after, mesh, axis, level) for level in (_APEX, _BASE)), strict=True
    )
    twist = rotation[0] - rotation[1]
    moved = {
        name: _towards_apex(before, after, mesh, axis, name)
        for name in _INLETS
        if name in mesh.cavities
    }
    turned = (twist / deg, twist / deg / ((height[1] - height[0]) / cm))
    planes = (moved["LV"] / mm, moved["RV"] / mm if "RV" in moved else math.nan)
    numbers = (*mean, *turned, *(angle / deg for angle in rotation), *planes)
    return dict(zip(INDICES, numbers, strict=True))


def segment_strain(recording: Recording, direction: str) -> Float[np.ndarray, "snapshots segments"]:
    """Strain of AHA segments 1 to 17 along one of `DIRECTIONS` in every snapshot, from ED."""
    mesh = recording.mesh
    ed = recording.snapshot(recording.time[events(recording, "LV").end_diastole])
    before, column = mesh.points + recording.displacement[ed], DIRECTIONS.index(direction)
    segment = np.asarray(mesh.fields.get("aha", np.zeros(len(mesh.tets)))).astype(int)
    rows = [
        stretches(before, mesh.points + moved, mesh)[:, column] - 1
        for moved in recording.displacement
    ]
    return np.array(
        [[_mean(row, mesh, segment == k) for k in range(1, SEGMENTS + 1)] for row in rows]
    )


def _mean(values: np.ndarray, mesh: HeartMesh, chosen: np.ndarray) -> float:
    """Mean by unloaded volume over chosen cells where the value is a number."""
    chosen = chosen & np.isfinite(values)
    if not chosen.any():
        return math.nan
    volume = np.abs(cell_volumes(mesh.points, mesh.tets))
    return float(np.average(values[chosen], weights=volume[chosen]))


def _slice(
    before: np.ndarray,
    after: np.ndarray,
    mesh: HeartMesh,
    axis: Axis,
    level: tuple[float, float],
) -> tuple[float, float]:
    """Mean rotation of a slice [rad], anticlockwise from the apex, and its height [mm]."""
    center = before[mesh.tets].mean(axis=1)
    height = (center - axis.apex) @ axis.direction
    low, high = level
    chosen = left_wall(mesh) & (height >= low * axis.length) & (height <= high * axis.length)
    if not chosen.any():
        return math.nan, math.nan
    volume = np.abs(cell_volumes(mesh.points, mesh.tets))[chosen]
    first, second = (
        _flat(x[mesh.tets][chosen].mean(axis=1), volume, axis.direction) for x in (before, after)
    )
    # seen from the apex the axis points away from the eye
    turned = -np.sum(np.cross(first, second) @ axis.direction * volume)
    along = np.sum(np.sum(first * second, axis=1) * volume)
    return math.atan2(turned, along), float(np.average(height[chosen], weights=volume))


def _flat(points: np.ndarray, weights: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Positions about their center, across the axis."""
    away = points - np.average(points, axis=0, weights=weights)
    return away - np.outer(away @ axis, axis)


def _towards_apex(
    before: np.ndarray, after: np.ndarray, mesh: HeartMesh, axis: Axis, chamber: str
) -> float:
    """Motion of an inlet towards the apex of the left ventricle [mm]."""
    cavity = mesh.cavities[chamber]
    inside = np.unique(mesh.cavities["LV"].facets)
    apex = inside[np.argmin(np.linalg.norm(before[inside] - axis.apex, axis=1))]
    ring = inlet_center(after, cavity, chamber) - inlet_center(before, cavity, chamber)
    return float((after[apex] - before[apex] - ring) @ axis.direction)
