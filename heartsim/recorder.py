"""Collects a beat as it is computed and hands it over as a `Recording`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from heartsim.beat import Moment, Observation, observed, snapshot
from heartsim.heart import Heart
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.result import Recording
from heartsim.result.recording import carried_flows

ENERGIES = ("stored", "active_work", "pressure_work", "dissipated")
SHAPES = ("displacement", "fiber_stress", "fiber_stretch", "active_tension")


@dataclass(frozen=True)
class Recorder:
    """Rows of one beat so far.

    Attributes
    ----------
    every : float
        Time between snapshots [ms].
    rows : mapping of name to tuple of float
        Traces, one entry a time level.
    shapes : mapping of name to tuple of array
        Snapshots.
    """

    every: float
    rows: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    shapes: Mapping[str, tuple[np.ndarray, ...]] = field(default_factory=dict)

    def emptied(self) -> "Recorder":
        """Recorder for the next beat."""
        return Recorder(self.every)

    def after(self, heart: Heart, before: Moment, moment: Moment) -> "Recorder":
        """Add a time level, and a snapshot when one is due."""
        row = _row(observed(heart, before, moment), moment.t)
        rows = {name: (*self.rows.get(name, ()), value) for name, value in row.items()}
        grown = replace(self, rows=rows)
        due = self.every * len(self.shapes.get("time", ()))
        return grown._with_snapshot(heart, moment) if moment.t >= due - 1e-6 else grown

    def _with_snapshot(self, heart: Heart, moment: Moment) -> "Recorder":
        seen = snapshot(heart, moment.wall, moment.load)
        new = dict(zip(SHAPES, map(np.asarray, seen), strict=True)) | {"time": np.array(moment.t)}
        shapes = {name: (*self.shapes.get(name, ()), value) for name, value in new.items()}
        return replace(self, shapes=shapes)

    def column(self, name: str) -> np.ndarray:
        """One trace in internal units."""
        return np.array(self.rows[name])

    def packed(self) -> dict[str, np.ndarray]:
        """Everything as arrays, for a checkpoint."""
        rows = {f"row:{name}": np.array(values) for name, values in self.rows.items()}
        return rows | {f"shape:{name}": np.stack(values) for name, values in self.shapes.items()}

    def unpacked(self, arrays: Mapping[str, np.ndarray]) -> "Recorder":
        """Recorder with the content of a checkpoint."""
        rows, shapes = {}, {}
        for key, values in arrays.items():
            kind, _, name = key.partition(":")
            if kind == "row":
                rows[name] = tuple(values.tolist())
            else:
                shapes[name] = tuple(values)
        return Recorder(self.every, rows, shapes)

    def recording(
        self,
        *,
        mesh: HeartMesh,
        period: float,
        trigger: float,
        outcome: tuple[str, int, float],
        solver: Mapping[str, object],
        reload: Mapping[str, object] | None,
        receipts: tuple[Mapping[str, object], ...],
        provenance: Mapping[str, object],
    ) -> Recording:
        """Hand the beat over.

        Parameters
        ----------
        mesh : HeartMesh
            Unloaded anatomy.
        period, trigger : float
            Duration of the beat and time of the ventricular trigger [ms].
        outcome : (status, beats, change)
            How the search for a periodic beat ended; change in mm³.
        solver, reload, receipts, provenance
            As in `Recording`.
        """
        status, beats, change = outcome
        shapes = {name: np.stack(values) for name, values in self.shapes.items()}
        end_diastole = int(np.argmin(np.abs(shapes["time"] - trigger)))
        strain = shapes["fiber_stretch"] / shapes["fiber_stretch"][end_diastole] - 1.0
        return Recording(
            mesh=mesh,
            time=self.column("time"),
            pressure=self._group("pressure"),
            volume=self._group("volume"),
            flow=carried_flows(self._group("flow")),
            blood_volume=self.column("blood_volume"),
            energy={name: self._energy(name) for name in ENERGIES},
            wall_volume=self.column("wall_volume"),
            snapshot_time=shapes["time"],
            displacement=shapes["displacement"],
            fiber_stress=shapes["fiber_stress"],
            fiber_strain=strain,
            active_tension=shapes["active_tension"],
            heart_rate_period=period,
            beats=beats,
            periodicity_change=change,
            status=status,
            solver=solver,
            mesh_reload=reload,
            receipts=receipts,
            provenance=provenance,
        )

    def _group(self, kind: str) -> dict[str, np.ndarray]:
        start = f"{kind}."
        names = [name.removeprefix(start) for name in self.rows if name.startswith(start)]
        return {name: self.column(start + name) for name in names}

    def _energy(self, name: str) -> np.ndarray:
        """Energies exchanged are summed over the beat; the stored one is what it is."""
        values = self.column(name)
        return values if name == "stored" else np.cumsum(values)


def _row(seen: Observation, t: float) -> dict[str, float]:
    """One time level as flat names."""
    row = {"time": t}
    for name, value in seen._asdict().items():
        if isinstance(value, dict):
            row |= {f"{name}.{part}": float(number) for part, number in value.items()}
        else:
            row[name] = float(value)
    return row
