"""Last beat of a run as plain arrays in internal units (mm, ms, mg, kPa)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from heartsim.errors import ResultError
from heartsim.mesh.heartmesh import HeartMesh

CHAMBERS = ("LV", "RV", "LA", "RA")
VALVES = ("mitral", "aortic", "tricuspid", "pulmonary")
DETOURS = (
    "neoaortic",
    "atrial_shunt",
    "ventricular_shunt",
    "ductus",
    "fenestration",
    "cavopulmonary",
    "glenn",
    "left_pump",
    "right_pump",
    "ecmo",
    "coronary_arteries",
)
"""Ways around the four valves: holes, surgical connections and pumps; most hearts have none."""


@dataclass(frozen=True)
class Recording:
    """Last beat of a run: traces, snapshots of the wall, and how they were computed.

    Attributes
    ----------
    mesh : HeartMesh
        Unloaded reference geometry, with the fields ``"fiber"`` (c, 3), ``"aha"`` (c,) and
        ``"activation_time"`` (c,) [ms].
    time : (t,)
        Time [ms] from 0, the start of the beat just before atrial contraction.
    pressure : mapping of name to (t,)
        Pressures [kPa] of LV, RV, LA, RA, aorta, pulmonary_artery, systemic_veins,
        pulmonary_veins.
    volume : mapping of name to (t,)
        Volumes [mm³] of LV, RV, LA, RA.
    flow : mapping of name to (t,)
        Flows [mm³/ms = mL/s] through the valves mitral, aortic, tricuspid, pulmonary, forward
        positive, and through those of `DETOURS` that carry blood.
    blood_volume : (t,)
        All blood in the circuit [mm³].
    energy : mapping of name to (t,)
        Energies [µJ], cumulative over the beat: ``"stored"`` in the wall, ``"active_work"`` done
        by the contractile stress, ``"pressure_work"`` done by the blood on the wall (negative
        over a beat of a heart that pumps), ``"dissipated"`` by viscosity and dashpots. Change of
        stored + dissipated = pressure_work + active_work.
    wall_volume : (t,)
        Volume of the muscle [mm³].
    snapshot_time : (s,)
        Times of the snapshots [ms].
    displacement : (s, n, 3)
        Displacement from the unloaded points [mm].
    fiber_stress : (s, c)
        Total Cauchy stress along the current fiber [kPa].
    fiber_strain : (s, c)
        Fiber stretch relative to end-diastole, minus 1.
    active_tension : (s, c)
        Active tension [kPa].
    heart_rate_period : float
        Duration of a beat [ms].
    beats : int
        Beats computed.
    periodicity_change : float
        Largest change of a chamber volume between the last two beat starts [mm³].
    status : str
        ``"converged"``, ``"not periodic"``, ``"loading rule not met"`` or ``"failed"``.
    solver : mapping
        dofs, steps, newton_iterations, krylov_iterations, failed_steps, compile_s, solve_s, …
    mesh_reload : mapping, optional
        How well loading the unloaded shape reproduces the imaged one.
    receipts : tuple of mapping
        What each operation changed.
    provenance : mapping
        Versions, hashes and the resolved scenario.
    """

    mesh: HeartMesh
    time: Float[np.ndarray, " times"]
    pressure: Mapping[str, Float[np.ndarray, " times"]]
    volume: Mapping[str, Float[np.ndarray, " times"]]
    flow: Mapping[str, Float[np.ndarray, " times"]]
    blood_volume: Float[np.ndarray, " times"]
    energy: Mapping[str, Float[np.ndarray, " times"]]
    wall_volume: Float[np.ndarray, " times"]
    snapshot_time: Float[np.ndarray, " snapshots"]
    displacement: Float[np.ndarray, "snapshots nodes 3"]
    fiber_stress: Float[np.ndarray, "snapshots cells"]
    fiber_strain: Float[np.ndarray, "snapshots cells"]
    active_tension: Float[np.ndarray, "snapshots cells"]
    heart_rate_period: float
    beats: int
    periodicity_change: float
    status: str
    solver: Mapping[str, object]
    mesh_reload: Mapping[str, object] | None = None
    receipts: tuple[Mapping[str, object], ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse traces and snapshots whose lengths disagree.

        Raises
        ------
        ResultError
            Naming the array, its length and the length expected.
        """
        steps, frames = len(self.time), len(self.snapshot_time)
        groups = {"pressure": self.pressure, "volume": self.volume, "flow": self.flow}
        traces = {f"{kind} of {k}": v for kind, all_ in groups.items() for k, v in all_.items()}
        traces |= {f"energy {name}": trace for name, trace in self.energy.items()}
        traces |= {"blood_volume": self.blood_volume, "wall_volume": self.wall_volume}
        for name, trace in traces.items():
            _check(name, np.shape(trace), (steps,))
        nodes, cells = len(self.mesh.points), len(self.mesh.tets)
        _check("displacement", np.shape(self.displacement), (frames, nodes, 3))
        for name in ("fiber_stress", "fiber_strain", "active_tension"):
            _check(name, np.shape(getattr(self, name)), (frames, cells))
        if steps < 3 or not self.heart_rate_period > 0:
            raise ResultError(
                f"recording: {steps} times, period {self.heart_rate_period} ms. "
                "A beat needs at least 3 times and a positive period."
            )

    def snapshot(self, time: float) -> int:
        """Index of the snapshot nearest to a time [ms], counted around the beat."""
        if len(self.snapshot_time) == 0:
            raise ResultError("recording: no snapshots of the wall. Record at least one.")
        away = np.abs(np.asarray(self.snapshot_time) - time) % self.heart_rate_period
        return int(np.argmin(np.minimum(away, self.heart_rate_period - away)))


def _check(name: str, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if found != expected:
        raise ResultError(f"recording: {name} has shape {found}, expected {expected}.")


def close_loop(
    time: Float[np.ndarray, " times"], period: float, *traces: Float[np.ndarray, " times"]
) -> tuple[Float[np.ndarray, " closed"], ...]:
    """Append the first sample at the end of the beat, unless it is there already.

    Parameters
    ----------
    time : (t,)
        Times [ms].
    period : float
        Duration of the beat [ms].
    *traces : (t,)
        Traces sampled at `time`.

    Returns
    -------
    tuple of (t,) or (t + 1,)
        Times, then traces, reaching from one beat start to the next.
    """
    if time[-1] - time[0] >= period * (1 - 1e-9):
        return (np.asarray(time), *map(np.asarray, traces))
    closed = [np.append(trace, trace[0]) for trace in traces]
    return (np.append(time, time[0] + period), *closed)


def time_mean(
    time: Float[np.ndarray, " times"], period: float, trace: Float[np.ndarray, " times"]
) -> float:
    """Mean of a trace over one beat, by the trapezoidal rule."""
    t, values = close_loop(time, period, trace)
    return float(np.trapezoid(values, t) / (t[-1] - t[0]))


def carried_flows(
    flow: Mapping[str, Float[np.ndarray, " times"]],
) -> dict[str, Float[np.ndarray, " times"]]:
    """Flows to record: those of the valves, and those of the detours that carry blood."""
    present = [name for name in DETOURS if name in flow and np.any(flow[name])]
    return {name: flow[name] for name in (*VALVES, *present)}
