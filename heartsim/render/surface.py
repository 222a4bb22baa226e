"""Beating surfaces small enough to travel in a page: whole and cut open, for the turnable heart.

The cut is made once, at end-diastole, and its face moves with the muscle like a section marked in
the tissue, so that one set of triangles serves the whole beat. Positions are stored in 1/8000 of
the view and values in 254 steps of the color range, as differences in time, compressed.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from jaxtyping import Float

from heartsim.render.grid import deformed
from heartsim.render.scene import TIMES, View, anchors, color_range, viewpoint
from heartsim.render.style import SCALARS, Scalar
from heartsim.result import Frame, Result

if TYPE_CHECKING:
    import pyvista

_STEPS: Final = 8000
_MOST_FRAMES: Final = 24
_LEAST_FRAMES: Final = 10
_MOST_NUMBERS: Final = 6_000_000
"""Numbers of all hearts of a page, about one byte each when compressed."""
_SHARP: Final = 50.0  # [deg]
_ABSENT: Final = 255
_STILL: Final = "activation_time_ms"
_PARTS: Final = ("back", "front", "cap")


@dataclass(frozen=True)
class Beating:
    """Surface of one heart over a beat.

    Attributes
    ----------
    times : (f,)
        [ms]
    parts : mapping of name to (k, 3) int
        Triangles of the half that stays, of the half that a cut takes away, and of the cut face.
    positions : (f, n, 3)
        Nodes in axes of the view: right, up, towards the viewer; 1 is half the picture.
    values : mapping of key to (f, n) or (1, n)
        Fields at the nodes in the unit shown.
    """

    times: Float[np.ndarray, " frames"]
    parts: Mapping[str, np.ndarray]
    positions: Float[np.ndarray, "frames nodes 3"]
    values: Mapping[str, np.ndarray]


def packed_hearts(results: Sequence[Result]) -> dict[str, object]:
    """All hearts of a page on shared color ranges, as plain data for its script.

    Parameters
    ----------
    results : sequence of Result
        Hearts with a wall.

    Returns
    -------
    dict
        ``fields`` with label, unit, range and color table; ``hearts`` with times, end-diastole
        ``ED`` and end-systole ``ES`` [ms], triangles, positions and values, packed.
    """
    chosen = [frames(result, most=_count(results)) for result in results]
    every = [frame for one in chosen for frame in one]
    seen = viewpoint(every)
    ranges = {scalar.key: color_range(every, scalar) for scalar in SCALARS}
    hearts = []
    for result, one in zip(results, chosen, strict=True):
        made = beating(one, result.frame("end-diastole"), seen, _MOST_NUMBERS // len(results))
        hearts.append(_pack(made, result, seen, ranges))
    return {"fields": [_field(scalar, ranges[scalar.key]) for scalar in SCALARS], "hearts": hearts}


def frames(result: Result, *, most: int = _MOST_FRAMES) -> list[Frame]:
    """Snapshots spread over the beat, end-diastole and end-systole among them."""
    times = np.array([time for time, _ in result.frame_files])
    spread = np.linspace(0, len(times) - 1, min(most, len(times))).round().astype(int)
    events = [int(np.abs(times - result.event(event)).argmin()) for event in TIMES]
    return [result.frame(float(times[k])) for k in sorted({*spread.tolist(), *events})]


def beating(listed: Sequence[Frame], cut_at: Frame, seen: View, most: int) -> Beating:
    """Surface of a heart over a beat, cut in the plane of `seen` as it lies at `cut_at`.

    Parameters
    ----------
    listed : sequence of Frame
        Snapshots of one heart, in order of time.
    cut_at : Frame
        When the cut is made.
    seen : View
        Viewpoint and plane of the cut.
    most : int
        Numbers that the surface may take; a finer one is thinned out.
    """
    solid = deformed(cut_at)
    solid.clear_data()
    for k, frame in enumerate(listed):
        moved = frame.points + frame.displacement
        solid.point_data[f"x{k}"] = np.asarray(moved, np.float32)
        for scalar in SCALARS:
            if scalar.key in frame.cells and (k == 0 or scalar.key != _STILL):
                values = scalar.scale * np.asarray(frame.cells[scalar.key], float)
                solid.point_data[f"{scalar.key} {k}"] = at_nodes(frame.tets, values, solid.n_points)
    plane = {"normal": tuple(seen.toward), "origin": tuple(seen.origin)}
    shell = solid.extract_surface(algorithm="dataset_surface").triangulate()
    allowed = most // ((3 + len(SCALARS)) * len(listed))
    if shell.n_points > allowed:
        shell = shell.decimate_pro(1 - allowed / shell.n_points, preserve_topology=True)
    halves = [shell.clip(**plane, invert=invert).triangulate() for invert in (True, False)]
    cap = solid.slice(**plane).triangulate()
    return _joined(halves, cap, listed, seen)


def at_nodes(tets: np.ndarray, values: np.ndarray, count: int) -> Float[np.ndarray, " nodes"]:
    """Mean of the cells around each node; cells without a value do not count."""
    known = np.isfinite(values)
    corners = tets[known].ravel()
    share = np.bincount(corners, minlength=count)
    total = np.bincount(corners, np.repeat(values[known], 4), count)
    with np.errstate(invalid="ignore"):
        return np.where(share > 0, total / np.maximum(share, 1), np.nan)


def _joined(
    halves: Sequence["pyvista.PolyData"],
    cap: "pyvista.PolyData",
    listed: Sequence[Frame],
    seen: View,
) -> Beating:
    """One list of nodes for both halves, which share those of the seam, and for the cap."""
    import pyvista

    for mesh, name in zip(halves, ("back", "front"), strict=True):
        mesh.cell_data.clear()
        mesh.cell_data["part"] = np.full(mesh.n_cells, _PARTS.index(name), np.uint8)
    filled = [half for half in halves if half.n_cells]
    shell = pyvista.merge(filled, merge_points=True).extract_surface(algorithm="dataset_surface")
    # nodes are doubled along sharp edges, so that the shade breaks there
    shell = shell.compute_normals(
        split_vertices=True,
        feature_angle=_SHARP,
        consistent_normals=False,
        auto_orient_normals=False,
    )
    triangles = shell.regular_faces
    part = shell.cell_data["part"]
    parts = {name: triangles[part == k] for k, name in enumerate(_PARTS[:2])}
    parts["cap"] = cap.regular_faces + shell.n_points if cap.n_cells else np.zeros((0, 3), int)

    def both(name: str) -> np.ndarray:
        found = [
            np.asarray(mesh.point_data[name]) for mesh in (shell, cap) if name in mesh.point_data
        ]
        return np.concatenate(found)

    axes = np.stack([seen.right, seen.up, seen.toward]) / seen.half
    count = len(listed)
    values = {}
    for scalar in SCALARS:
        names = [f"{scalar.key} {k}" for k in range(1 if scalar.key == _STILL else count)]
        if all(name in shell.point_data for name in names):
            values[scalar.key] = np.stack([both(name) for name in names])
    return Beating(
        np.array([frame.time for frame in listed]),
        parts,
        np.stack([(both(f"x{k}") - seen.center) @ axes.T for k in range(count)]),
        values,
    )


def _pack(
    made: Beating, result: Result, seen: View, ranges: Mapping[str, tuple[float, float]]
) -> dict[str, object]:
    """One heart as plain data."""
    diastole = result.frame("end-diastole")
    places = {
        name: [round(float(axis @ (x - seen.center)) / seen.half, 4) for axis in _axes(seen)]
        for name, x in anchors(diastole, seen).items()
    }
    stored = result.provenance.get("period_ms")
    period = stored if isinstance(stored, int | float) else result.traces["t_ms"].iloc[-1]
    moved = np.round(made.positions * _STEPS).astype(np.int16)
    return {
        "period": round(float(period), 3),
        "times": [round(float(t), 3) for t in made.times],
        "ED": round(diastole.time, 3),
        "ES": round(result.frame("end-systole").time, 3),
        "half": round(seen.half, 3),
        "scale": 1 / _STEPS,
        "vertices": made.positions.shape[1],
        "places": places,
        "parts": {
            k: _text(np.ascontiguousarray(t, "<u4").tobytes()) for k, t in made.parts.items()
        },
        "positions": _text(_planes(_in_time(moved.transpose(0, 2, 1)))),
        "values": {
            scalar.key: _text(
                _in_time(_steps(made.values[scalar.key], *ranges[scalar.key])).tobytes()
            )
            if scalar.key in made.values
            else _text(np.full(made.positions.shape[1], _ABSENT, np.uint8).tobytes())
            for scalar in SCALARS
        },
    }


def _axes(seen: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return seen.right, seen.up, seen.toward


def _count(results: Sequence[Result]) -> int:
    """Frames of a heart, fewer where there are many large hearts."""
    nodes = max(len(result.frame("end-diastole").points) for result in results)
    # about half of the nodes of a coarse wall lie on its surface
    each = _MOST_NUMBERS / len(results) / ((3 + len(SCALARS)) * max(nodes / 2, 1))
    return int(np.clip(each, _LEAST_FRAMES, _MOST_FRAMES))


def _field(scalar: Scalar, value_range: tuple[float, float]) -> dict[str, object]:
    """Label, range and color table of a field."""
    colors = mpl.colormaps[scalar.colors](np.linspace(0, 1, 255))[:, :3]
    table = np.vstack([np.round(255 * colors), [[217, 221, 225]]]).astype(np.uint8)
    low, high = value_range
    return {
        "key": scalar.key,
        "label": scalar.short,
        "title": scalar.title,
        "unit": scalar.unit,
        "low": round(low, 6),
        "high": round(high, 6),
        "digits": 0 if high - low > 5 else 1,
        "lut": _text(table.tobytes()),
    }


def _steps(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values in 254 steps of a range; 255 where there is none."""
    scaled = np.clip((values - low) / (high - low), 0, 1) * 254
    return np.where(np.isfinite(scaled), np.round(scaled), _ABSENT).astype(np.uint8)


def _in_time(numbers: np.ndarray) -> np.ndarray:
    """Differences along the first axis, wrapping around; the first row stays."""
    out = numbers.copy()
    out[1:] = numbers[1:] - numbers[:-1]
    return out


def _planes(numbers: np.ndarray) -> bytes:
    """Low bytes of all 16-bit numbers, then the high bytes, which compresses better."""
    split = np.ascontiguousarray(numbers, "<i2").view(np.uint8).reshape(-1, 2)
    return split[:, 0].tobytes() + split[:, 1].tobytes()


def _text(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()
