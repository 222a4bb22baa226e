"""A beat without a solver: elastance chambers in a closed loop, and an ellipsoid that moves along.

Pressures, volumes and flows obey the circuit, so blood is conserved. The wall moves by an
area-preserving map of each cross-section; stress and strain are smooth made-up fields.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np

from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.result import Recording
from heartsim.units import mL, mmHg

ENDOCARDIUM, EPICARDIUM, BASE = (24.0, 62.0), (34.0, 71.0), 18.0


@dataclass(frozen=True)
class Patient:
    """Knobs of the elastance model: mmHg, mL, s."""

    period: float = 0.84
    contractility: float = 2.6
    stiffness: float = 0.0175
    mitral_leak: float = 0.0
    mitral_resistance: float = 0.004
    aortic_resistance: float = 0.008
    systemic_resistance: float = 1.05
    volume: float = 1330.0


def _activation(phase, start, rise, fall):
    t = (phase - start) % 1.0
    up = 0.5 * (1 - np.cos(np.pi * t / rise))
    down = 0.5 * (1 + np.cos(np.pi * (t - rise) / fall))
    return np.where(t < rise, up, np.where(t < rise + fall, down, 0.0))


def _valve(drop, resistance, leak):
    return drop / resistance if drop > 0 else drop * leak


@functools.cache
def circuit(patient: Patient, beats: int = 12, step: float = 4e-4):
    """Pressures [mmHg], volumes [mL] and flows [mL/s] of the last beat, every 2 ms."""
    names = (
        "LV",
        "RV",
        "LA",
        "RA",
        "aorta",
        "pulmonary_artery",
        "systemic_veins",
        "pulmonary_veins",
    )
    share = np.array([0.13, 0.13, 0.07, 0.07, 0.13, 0.07, 0.3, 0.10])
    volume = patient.volume * share / share.sum()
    unstressed = np.array([10.0, 15.0, 10.0, 10.0, 0, 0, 0, 0])
    compliance = np.array([1, 1, 1, 1, 1.4, 4.0, 50.0, 12.0])
    peak = np.array([patient.contractility, 0.45, 0.18, 0.16])
    count = round(patient.period / step)
    phase = np.arange(count) / count
    drive = np.stack(
        [_activation(phase, 0.14, 0.32, 0.16)] * 2 + [_activation(phase, 0.01, 0.1, 0.1)] * 2
    )
    passive = np.array([patient.stiffness, 0.015, 0.03, 0.022])
    rows = []
    for beat in range(beats):
        for k in range(count):
            excess = volume - unstressed
            pressure = excess / compliance
            relaxed = 1.2 * np.expm1(passive * excess[:4])
            pressure[:4] = relaxed + drive[:, k] * (peak * excess[:4] - relaxed)
            lv, rv, la, ra, ao, pa, sv, pv = pressure
            mitral = _valve(la - lv, patient.mitral_resistance, patient.mitral_leak)
            aortic = _valve(lv - ao, patient.aortic_resistance, 0.0)
            tricuspid = _valve(ra - rv, 0.004, 0.0)
            pulmonary = _valve(rv - pa, 0.005, 0.0)
            body, lung = (ao - sv) / patient.systemic_resistance, (pa - pv) / 0.08
            left, right = (pv - la) / 0.01, (sv - ra) / 0.02
            if beat == beats - 1 and k % 5 == 0:
                flow = (mitral, aortic, tricuspid, pulmonary)
                rows.append(np.concatenate([[k * step * 1e3], pressure, volume, flow]))
            volume = volume + step * np.array(
                [
                    mitral - aortic,
                    tricuspid - pulmonary,
                    left - mitral,
                    right - tricuspid,
                    aortic - body,
                    pulmonary - lung,
                    body - right,
                    lung - left,
                ]
            )
    table = np.array(rows).T
    valves = ("mitral", "aortic", "tricuspid", "pulmonary")
    return (
        table[0],
        {n: table[1 + i] * mmHg for i, n in enumerate(names)},
        {n: table[9 + i] * mL for i, n in enumerate(names)},
        {n: table[17 + i] for i, n in enumerate(valves)},
    )


@functools.cache
def ventricle(edge: float = 9.0) -> HeartMesh:
    """Left ventricle of human size with segments, fibers, activation times and a scar."""
    mesh = left_ventricle(
        edge, layers=2, endocardium=ENDOCARDIUM, epicardium=EPICARDIUM, base=BASE, name="ellipsoid"
    )
    center = mesh.points[mesh.tets].mean(axis=1)
    depth = transmural(center)
    angle = np.arctan2(center[:, 1], center[:, 0])
    radial = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    around = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    slope = np.arctan2(center[:, 2], np.linalg.norm(center[:, :2], axis=1))[:, None]
    along = np.cos(slope) * np.array([0.0, 0, 1]) - np.sin(slope) * radial
    helix = np.deg2rad(60 - 120 * depth)[:, None]
    low = mesh.points[:, 2].min()
    return mesh.with_fields(
        {
            "fiber": np.cos(helix) * around + np.sin(helix) * along,
            "aha": segments(center, low),
            "activation_time": 120 + 0.6 * (center[:, 2] - low) + 20 * depth,
        }
    ).with_region("infarct", np.flatnonzero((center[:, 2] < low + 35) & (center[:, 0] > 5)))


def transmural(x: np.ndarray) -> np.ndarray:
    """0 at the endocardium, 1 at the epicardium."""
    radius, height = np.linalg.norm(x[:, :2], axis=1), np.abs(x[:, 2])
    inner = np.hypot(radius / ENDOCARDIUM[0], height / ENDOCARDIUM[1])
    outer = np.hypot(radius / EPICARDIUM[0], height / EPICARDIUM[1])
    return np.clip((inner - 1) / np.maximum(inner - outer, 1e-9), 0, 1)


def segments(x: np.ndarray, low: float) -> np.ndarray:
    """AHA segment: thirds of the long axis, septum towards −x, anterior towards +y."""
    level = (x[:, 2] - low) / (BASE - low)
    turn = np.arctan2(x[:, 1], x[:, 0])
    six = ((turn - np.pi / 3) // (np.pi / 3)).astype(int) % 6
    four = ((turn - np.pi / 4) // (np.pi / 2)).astype(int) % 4
    return np.select([level > 0.66, level > 0.36, level > 0.1], [1 + six, 7 + six, 13 + four], 17)


def moved(points: np.ndarray, change: float) -> np.ndarray:
    """Shape after r² → r² + change, faded out at the apex."""
    low = points[:, 2].min()
    fade = np.clip((points[:, 2] - low - 6) / 40, 0, 1)
    radius = np.linalg.norm(points[:, :2], axis=1)
    new = np.sqrt(np.maximum(radius**2 + change * fade, 0.3 * radius**2))
    out = points.copy()
    out[:, :2] *= (new / np.maximum(radius, 1e-9))[:, None]
    out[:, 2] += (
        0.02 * change * (1 - (points[:, 2] - low) / (BASE - low)) * 0
        - 6e-3 * change * ((points[:, 2] - low) / (BASE - low)) * -1
    )
    return out


def beat(
    patient: Patient = Patient(), *, mesh: HeartMesh | None = None, frames: int = 12
) -> Recording:
    """Recording of a patient's last beat."""
    mesh = mesh or ventricle()
    time, pressure, volume, flow = circuit(patient)
    total = sum(volume.values())
    work = {
        c: np.concatenate(
            [[0], np.cumsum(np.diff(volume[c]) * (pressure[c][1:] + pressure[c][:-1]) / 2)]
        )
        for c in ("LV", "RV")
    }
    outside = work["LV"] + work["RV"]
    stored = 2.5e5 * np.sin(np.pi * time / time[-1]) ** 2
    energy = {
        "pressure_work": outside,
        "stored": stored,
        "dissipated": 3e4 * time / time[-1],
        "active_work": stored + 3e4 * time / time[-1] - outside,
    }
    pick = np.linspace(0, len(time) - 1, frames).astype(int)
    center = mesh.points[mesh.tets].mean(axis=1)
    depth = transmural(center)
    tension = pressure["LV"] / pressure["LV"].max()
    scar = np.isin(np.arange(len(mesh.tets)), mesh.regions.get("infarct", []))
    contraction = (volume["LV"] - volume["LV"].max()) / np.ptp(volume["LV"])
    displacement = np.stack(
        [moved(mesh.points, 3.4e-3 * (volume["LV"][k] - 75 * mL)) - mesh.points for k in pick]
    )
    level = 1.3 - 0.5 * depth + 0.15 * np.sin(center[:, 2] / 9)
    weaker = np.where(scar, 0.15, 1.0)
    return Recording(
        mesh=mesh,
        time=time,
        pressure=pressure,
        volume={c: volume[c] for c in ("LV", "RV", "LA", "RA")},
        flow=flow,
        blood_volume=total,
        energy=energy,
        wall_volume=np.full_like(time, 1.6e5),
        snapshot_time=time[pick],
        displacement=displacement,
        fiber_stress=np.stack([pressure["LV"][k] * 1.6 * level * (1 + 0.5 * scar) for k in pick]),
        fiber_strain=np.stack([0.16 * contraction[k] * weaker * level for k in pick]),
        active_tension=np.stack([80 * tension[k] * weaker * level for k in pick]),
        heart_rate_period=patient.period * 1e3,
        beats=8,
        periodicity_change=0.2 * mL,
        status="converged",
        solver={
            "dofs": 3 * len(mesh.points),
            "steps": len(time),
            "newton_iterations": 1260,
            "krylov_iterations": 48200,
            "failed_steps": 0,
            "compile_s": 14.2,
            "solve_s": 95.0,
            "device": "cpu",
            "element": "P2",
            "precision": "float64",
            "peak_memory_MB": 812,
        },
        provenance={
            "versions": {"heartsim": "0.1.0", "jax": "0.10.2"},
            "hashes": {"mesh": "ab12", "scenario": "cd34"},
        },
    )


ISCHEMIC = Patient(contractility=1.1, stiffness=0.0125, mitral_leak=1.5, volume=1560.0)
RING = replace(ISCHEMIC, mitral_leak=0.1, mitral_resistance=0.018)
DOR = replace(ISCHEMIC, mitral_leak=0.8, contractility=1.55, stiffness=0.0165)


def ellipse(
    *, edv: float = 120.0, esv: float = 50.0, middle: float = 70.0, swing: float = 50.0
) -> Recording:
    """Beat whose LV loop is an ellipse, so that every number is known by hand."""
    base = beat()
    t = np.arange(0, 800.0, 2.0)
    turn = 2 * np.pi * t / 800.0
    volume = ((edv + esv) / 2 + (edv - esv) / 2 * np.cos(turn)) * mL
    pressure = (middle + swing * np.sin(turn)) * mmHg
    one = np.ones_like(t)
    flow = np.where(turn < np.pi, np.sin(turn), 0.0)
    steady = {
        "RV": 20,
        "LA": 40,
        "RA": 5,
        "aorta": 60,
        "pulmonary_artery": 15,
        "systemic_veins": 6,
        "pulmonary_veins": 8,
    }
    return replace(
        base,
        time=t,
        heart_rate_period=800.0,
        pressure={"LV": pressure, **{k: v * mmHg * one for k, v in steady.items()}},
        volume={"LV": volume, "RV": 100 * mL * one, "LA": 60 * mL * one, "RA": 60 * mL * one},
        flow={
            "mitral": np.where(turn >= np.pi, -np.sin(turn) * 150, -30.0),
            "aortic": 250 * flow,
            "tricuspid": 0 * t,
            "pulmonary": 0 * t,
        },
        blood_volume=5000 * mL + 0.01 * mL * np.sin(turn),
        wall_volume=150 * mL * (1 + 0.002 * np.sin(turn)),
        energy=dict.fromkeys(("stored", "active_work", "dissipated", "pressure_work"), 0 * t),
    )


def two_ventricles(edge: float = 7.0) -> HeartMesh:
    """Idealized biventricle, decorated like `ventricle`, right ventricle towards +x."""
    from heartsim.mesh.biventricle import biventricle

    mesh = biventricle(edge)
    center = mesh.points[mesh.tets].mean(axis=1)
    low = mesh.points[:, 2].min()
    left = np.ones(len(mesh.tets), bool)
    left[mesh.regions["RV"]] = False
    flipped = center * np.array([-1.0, -1.0, 1.0])
    angle = np.arctan2(center[:, 1], center[:, 0])
    around = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    return mesh.with_fields(
        {
            "fiber": around,
            "aha": np.where(left, segments(flipped, low), 0),
            "activation_time": 120 + 0.6 * (center[:, 2] - low),
        }
    ).with_region("infarct", np.flatnonzero((center[:, 2] < low + 45) & (center[:, 1] > 0) & left))


def saved(recording: Recording, folder, title: str):
    """Result folder of a recording."""
    from heartsim.balance import audit
    from heartsim.indices import summarize
    from heartsim.result import save

    return save(recording, folder, summarize(recording, audit(recording), scenario=title))
