"""Result folders: save a recording, load it again."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self
from xml.etree import ElementTree as ET

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import ResultError, not_found
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.result.folder import finished, new_folder
from heartsim.result.recording import CHAMBERS, Recording
from heartsim.result.vtu import read_vtu, write_pvd, write_vtu
from heartsim.units import J, mL, mmHg

if TYPE_CHECKING:
    import pandas as pd
    import pyvista

_KINDS = (("P", "mmHg"), ("V", "mL"))
_REGIONS = {
    **{"LV": 1, "RV": 2, "septum": 3},
    **{"LA": 4, "RA": 5, "aorta": 6, "pulmonary_artery": 7},
}
_SURFACES = {
    **{"base": 4, "epicardium": 3, "RA_endocardium": 7, "LA_endocardium": 6},
    **{"RV_endocardium": 2, "LV_endocardium": 1},
}
_LV_RIM = 5
_COLUMNS = ("t_ms", *(f"{kind}_{c}_{unit}" for c in CHAMBERS for kind, unit in _KINDS))
_EVENTS = {"end-diastole": "end_diastole_ms", "end-systole": "end_systole_ms"}


@dataclass(frozen=True)
class Frame:
    """The wall at one time.

    Attributes
    ----------
    time : float
        Time in the beat [ms].
    points : (n, 3)
        Unloaded node coordinates [mm].
    tets : (c, 4) int
        Tetrahedra.
    displacement : (n, 3)
        Displacement from the unloaded points [mm].
    surface : (n,) int
        1 LV endocardium, 2 RV endocardium, 3 epicardium, 4 base, 5 rims of the LV openings,
        6 LA endocardium, 7 RA endocardium, 0 inside the wall.
    cells : mapping of name to (c,)
        ``fiber_stress_kPa``, ``fiber_strain``, ``activation_time_ms``, ``active_tension_kPa``,
        ``region`` (1 LV, 2 RV, 3 septum, 4 LA, 5 RA, 6 aorta, 7 pulmonary artery),
        ``AHA_segment`` (0 outside the LV), ``region_<name>``.
    """

    time: float
    points: Float[np.ndarray, "nodes 3"]
    tets: Int[np.ndarray, "cells 4"]
    displacement: Float[np.ndarray, "nodes 3"]
    surface: Int[np.ndarray, " nodes"]
    cells: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Result:
    """A finished result folder.

    Attributes
    ----------
    folder : Path
        Where it is.
    indices : mapping
        Content of ``indices.json``.
    provenance : mapping
        Content of ``provenance.json``.
    """

    folder: Path
    indices: Mapping[str, object]
    provenance: Mapping[str, object]

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a result folder.

        Raises
        ------
        ResultError
            If the folder is missing, unfinished or damaged.
        """
        path = Path(folder)
        if not path.is_dir():
            raise ResultError(f"{path}: no such folder. Give a folder that `heartsim run` wrote.")
        if not finished(path):
            raise ResultError(
                f"{path}: no indices.json, so the run is unfinished. "
                "Resume it with `heartsim run SCENARIO.toml --resume`."
            )
        if not finished(path, last="provenance.json"):
            raise ResultError(
                f"{path}: has indices.json but no provenance.json, so heartsim did not write it. "
                "Give a folder that `heartsim run` wrote."
            )
        return cls(path, _read_json(path / "indices.json"), _read_json(path / "provenance.json"))

    @property
    def name(self) -> str:
        """Title of the scenario."""
        return str(self.indices.get("scenario") or self.folder.name)

    @property
    def label(self) -> str:
        """Title without the question that may follow its first colon."""
        head, colon, question = self.name.partition(": ")
        return head if colon and question.rstrip().endswith("?") else self.name

    @property
    def receipts(self) -> tuple[Mapping[str, object], ...]:
        """What each operation changed."""
        listed = self.provenance.get("receipts")
        return tuple(listed) if isinstance(listed, list) else ()

    @property
    def has_wall(self) -> bool:
        """Whether the heart has a 3D wall; a 0D one has traces and indices only."""
        mesh = self.provenance.get("mesh")
        return not isinstance(mesh, Mapping) or bool(mesh.get("tets"))

    @cached_property
    def traces(self) -> "pd.DataFrame":
        """Last beat: columns ``t_ms``, ``P_LV_mmHg``, ``V_LV_mL``, ``Q_mitral_mL_per_s``, more."""
        import pandas as pd

        path = self.folder / "traces.csv"
        try:
            table = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise ResultError(f"{path}: cannot be read ({error}). Run the case again.") from error
        lacking = [name for name in _COLUMNS if name not in table]
        if lacking or table.empty:
            found = f"no column {lacking[0]}" if lacking else "no rows"
            raise ResultError(f"{path}: {found}. Run the case again.")
        return table

    @cached_property
    def frame_files(self) -> tuple[tuple[float, Path], ...]:
        """Time [ms] and file of each snapshot; none of a heart without a wall."""
        if not self.has_wall:
            return ()
        path = self.folder / "fields.pvd"
        try:
            rows = ET.fromstring(path.read_bytes()).iterfind(".//DataSet")
            return tuple(
                (
                    float(row.get("timestep", "")),
                    self.folder / "fields" / Path(row.get("file", "")).name,
                )
                for row in rows
            )
        except (OSError, ValueError, ET.ParseError) as error:
            raise ResultError(f"{path}: cannot be read ({error}). Run the case again.") from error

    def event(self, name: str) -> float:
        """Time of ``"end-diastole"`` or ``"end-systole"`` of the left ventricle [ms]."""
        if name not in _EVENTS:
            raise not_found(ResultError, "time", name, self.name, [*_EVENTS, "a number in ms"])
        events = self.indices.get("events")
        return float(events[_EVENTS[name]]) if isinstance(events, Mapping) else math.nan

    def frame(self, time: str | float = "end-systole") -> Frame:
        """Snapshot nearest to a time.

        Parameters
        ----------
        time : str or float
            ``"end-systole"``, ``"end-diastole"``, or a time [ms].
        """
        wanted = self.event(time) if isinstance(time, str) else float(time)
        if not self.frame_files:
            raise ResultError(f"{self.folder}: the run stored no snapshots of the wall.")
        stored = self.provenance.get("period_ms")
        period = float(stored) if isinstance(stored, int | float) else math.inf
        at, path = min(self.frame_files, key=lambda item: _around(item[0] - wanted, period))
        points, tets, nodes, cells = read_vtu(path)
        if "displacement_mm" not in nodes:
            raise ResultError(f"{path}: has no displacement. Run the case again.")
        surface = nodes.get("surface", np.zeros(len(points), np.uint8))
        return Frame(at, points, tets, nodes["displacement_mm"], surface, cells)

    def fields(self, time: str | float = "end-systole") -> "pyvista.UnstructuredGrid":
        """Wall at a time as a PyVista grid on the unloaded points, with ``displacement_mm``.

        Parameters
        ----------
        time : str or float
            ``"end-systole"``, ``"end-diastole"``, or a time [ms].
        """
        from heartsim.render.grid import grid

        return grid(self.frame(time))


def names(results: Sequence[Result]) -> list[str]:
    """Label of each result, numbered where labels repeat."""
    labels = [result.label for result in results]
    return [
        f"{label} ({labels[:i].count(label) + 1})" if labels.count(label) > 1 else label
        for i, label in enumerate(labels)
    ]


def save(recording: Recording, folder: str | Path, indices: Mapping[str, object]) -> Result:
    """Write a result folder, whole or not at all.

    Parameters
    ----------
    recording : Recording
        Last beat of a run.
    folder : path
        Where to write; files of the same name are replaced.
    indices : mapping
        Content of ``indices.json``, from `heartsim.indices.summarize`.

    Returns
    -------
    Result
        The folder, opened.
    """
    with new_folder(folder, last="indices.json") as path:
        traces(recording).to_csv(path / "traces.csv", index=False, float_format="%.10g")
        if len(recording.mesh.tets):
            _write_fields(recording, path)
        _write_json(path / "provenance.json", _provenance(recording))
        _write_json(path / "indices.json", indices)
    return Result.load(folder)


def traces(recording: Recording) -> "pd.DataFrame":
    """Traces of the last beat in clinical units, as in ``traces.csv``."""
    import pandas as pd

    columns = {"t_ms": recording.time}
    columns |= {f"P_{c}_mmHg": recording.pressure[c] / mmHg for c in CHAMBERS}
    columns |= {f"V_{c}_mL": recording.volume[c] / mL for c in CHAMBERS}
    columns |= {f"Q_{name}_mL_per_s": flow for name, flow in recording.flow.items()}
    vessels = [name for name in recording.pressure if name not in CHAMBERS]
    columns |= {f"P_{name}_mmHg": recording.pressure[name] / mmHg for name in vessels}
    columns |= {"blood_volume_mL": recording.blood_volume / mL}
    columns |= {"wall_volume_mL": recording.wall_volume / mL}
    columns |= {f"E_{name}_J": trace / J for name, trace in recording.energy.items()}
    return pd.DataFrame({name: np.asarray(column, float) for name, column in columns.items()})


def unloaded_frame(mesh: HeartMesh) -> Frame:
    """Describe the unloaded shape of a mesh as a frame without displacement."""
    still = np.zeros_like(mesh.points, dtype=float)
    return Frame(0.0, mesh.points, mesh.tets, still, _node_surfaces(mesh), _cell_labels(mesh))


def jsonable(value: object) -> object:
    """Plain JSON value: arrays become lists, numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return str(value)


def _write_fields(recording: Recording, folder: Path) -> None:
    """Snapshots as VTU files with their PVD list, and the unloaded shape with its fibers."""
    mesh = recording.mesh
    (folder / "fields").mkdir()
    nodes, cells = {"surface": _node_surfaces(mesh)}, _cell_labels(mesh)
    frames = []
    for i, time in enumerate(recording.snapshot_time):
        name = f"fields/beat_{i:04d}.vtu"
        moving = {
            "fiber_stress_kPa": recording.fiber_stress[i],
            "fiber_strain": recording.fiber_strain[i],
            "active_tension_kPa": recording.active_tension[i],
        }
        shown = {"displacement_mm": recording.displacement[i], **nodes}
        write_vtu(folder / name, mesh.points, mesh.tets, nodes=shown, cells={**moving, **cells})
        frames.append((float(time), name))
    write_pvd(folder / "fields.pvd", frames)
    if "fiber" in mesh.fields:
        cells = {**cells, "fiber": np.asarray(mesh.fields["fiber"], float)}
    path = folder / "fields" / "unloaded.vtu"
    write_vtu(path, mesh.points, mesh.tets, nodes=nodes, cells=cells)


def _cell_labels(mesh: HeartMesh) -> dict[str, np.ndarray]:
    """Fields of the cells that do not change in time."""
    count = len(mesh.tets)
    region = np.zeros(count, np.uint8)
    labels = {"region": region}
    for name, members in mesh.regions.items():
        if name in _REGIONS:
            region[members] = _REGIONS[name]
        else:
            labels[f"region_{name}"] = np.zeros(count, np.uint8)
            labels[f"region_{name}"][members] = 1
    segment = np.asarray(mesh.fields.get("aha", np.zeros(count)))
    labels["AHA_segment"] = np.maximum(segment, 0).astype(np.uint8)
    activation = mesh.fields.get("activation_time", np.full(count, np.nan))
    return {**labels, "activation_time_ms": np.asarray(activation, float)}


def _node_surfaces(mesh: HeartMesh) -> np.ndarray:
    """Surface each node lies on; where several meet, the rims win, then the endocardium."""
    label = np.zeros(len(mesh.points), np.uint8)
    for name, number in _SURFACES.items():
        if name in mesh.surfaces:
            label[np.unique(mesh.surfaces[name])] = number
    if "LV" in mesh.cavities:
        for rim in mesh.cavities["LV"].valves.values():
            label[rim] = _LV_RIM
    return label


def _provenance(recording: Recording) -> dict[str, object]:
    """Content of provenance.json."""
    mesh = recording.mesh
    return {
        **recording.provenance,
        "period_ms": recording.heart_rate_period,
        "solver": recording.solver,
        "unloading": recording.mesh_reload,
        "receipts": list(recording.receipts),
        "mesh": {
            "name": mesh.name,
            "origin": mesh.origin,
            "nodes": len(mesh.points),
            "tets": len(mesh.tets),
            "regions": {name: len(cells) for name, cells in mesh.regions.items()},
        },
        "legend": {
            "region": {str(number): name for name, number in _REGIONS.items()},
            "surface": {
                **{str(number): name for name, number in _SURFACES.items()},
                str(_LV_RIM): "rims of the LV openings",
            },
            "points": "unloaded shape [mm]; add displacement_mm for the shape at that time",
            "fiber_strain": "fiber stretch relative to end-diastole, minus 1",
        },
    }


def _around(difference: float, period: float) -> float:
    """Distance between two times of a periodic beat [ms]."""
    away = abs(difference) % period if math.isfinite(period) else abs(difference)
    return min(away, period - away)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(jsonable(value), indent=1, allow_nan=False) + "\n")


def _read_json(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ResultError(f"{path}: cannot be read ({error}). Run the case again.") from error
    if not isinstance(value, dict):
        raise ResultError(f"{path}: not a JSON object. Delete the folder and run again.")
    return value
