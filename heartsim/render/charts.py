"""Pressure-volume loops and traces of several scenarios as data for the charts of a page."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from heartsim.indices import value
from heartsim.indices.catalogue import nested
from heartsim.indices.elastance import LOWEST_INTERCEPT
from heartsim.render.loops import CHAMBER_TITLES, looped
from heartsim.result import Result

_SAMPLES: Final = 240
_EVENTS: Final = (("end-diastole", True), ("end-systole", False))
_TRACES: Final = (
    ("left", "Left heart: pressures", "Pressure [mmHg]", "P_{}_mmHg", ("LV", "aorta", "LA")),
    (
        "right",
        "Right heart: pressures",
        "Pressure [mmHg]",
        "P_{}_mmHg",
        ("RV", "pulmonary_artery", "RA"),
    ),
    ("volumes", "Volumes of the ventricles", "Volume [mL]", "V_{}_mL", ("LV", "RV")),
    ("atria", "Volumes of the atria", "Volume [mL]", "V_{}_mL", ("LA", "RA")),
    ("flows", "Flow through the left valves", "Flow [mL/s]", "Q_{}_mL_per_s", ("mitral", "aortic")),
    (
        "flows_right",
        "Flow through the right valves",
        "Flow [mL/s]",
        "Q_{}_mL_per_s",
        ("tricuspid", "pulmonary"),
    ),
)
_WORDS: Final = {
    "aorta": "Aorta",
    "pulmonary_artery": "Pulmonary artery",
    "mitral": "Mitral",
    "aortic": "Aortic",
    "tricuspid": "Tricuspid",
    "pulmonary": "Pulmonary",
}
_DASHES: Final = ("solid", "dash", "dot")


def loop_charts(results: Sequence[Result]) -> list[dict[str, object]]:
    """Loops of the chambers, each with its end-systolic line and end-diastolic curve."""
    return [_loop(results, chamber) for chamber in looped(results)]


def trace_charts(results: Sequence[Result]) -> list[dict[str, object]]:
    """Pressures, volumes and flows over one beat, all scenarios in one chart."""
    found = []
    for name, title, label, column, kinds in _TRACES:
        lines = []
        for i, result in enumerate(results):
            pick = _pick(len(result.traces))
            time = result.traces["t_ms"].to_numpy()[pick]
            for kind, dash in zip(kinds, _DASHES, strict=False):
                key = column.format(kind)
                if key in result.traces:
                    y = result.traces[key].to_numpy()[pick]
                    word = _WORDS.get(kind, kind)
                    lines.append(_line(i, word, dash, time, y))
        chart = {
            "id": f"chart_{name}",
            "title": title,
            "label": f"{title} over one beat",
            "x": "Time in the beat [ms]",
            "y": label,
            "xUnit": "ms",
            "yUnit": label.split("[")[1].rstrip("]"),
            "time": True,
            "series": lines,
        }
        if len(results) == 1:
            chart["marks"] = [
                {"x": _round(results[0].event(event)), "text": text}
                for event, text in (("end-diastole", "ED"), ("end-systole", "ES"))
            ]
        found.append(chart)
    return found


def end_systolic_line(result: Result, chamber: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Volumes [mL] and pressures [mmHg] of the end-systolic line, estimated from one beat.

    None where the estimate makes no sense: no slope, or zero pressure far below zero volume.
    """
    slope, intercept, smallest, largest = (
        value(result.indices, f"chambers.{chamber}.{name}")
        for name in ("Ees_mmHg_per_mL", "V0_mL", "ESV_mL", "EDV_mL")
    )
    if not (slope > 0 and LOWEST_INTERCEPT <= intercept < smallest):
        return None
    stroke = largest - smallest
    volume = np.array([max(intercept, smallest - 0.45 * stroke), smallest + 0.3 * stroke])
    return volume, slope * (volume - intercept)


def end_diastolic_curve(result: Result, chamber: str) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Volumes [mL], pressures [mmHg] and origin of the end-diastolic curve of a ventricle.

    That of the passive wall as it was inflated, where the run kept it; else the curve of Klotz
    through the end-diastolic point.
    """
    curve = nested(result.provenance, "passive_curve", chamber)
    if isinstance(curve, Mapping):
        volume, pressure = (np.asarray(curve[k], float) for k in ("volume_mL", "pressure_mmHg"))
        return volume, pressure, "passive inflation"
    beta, anchor = (
        value(result.indices, f"chambers.{chamber}.{name}") for name in ("EDPVR_beta", "V30_mL")
    )
    if not (math.isfinite(beta) and anchor > 0):
        return None
    top = value(result.indices, f"chambers.{chamber}.EDP_mmHg")
    volume = anchor * (np.linspace(0.5, max(1.5 * top, 10.0), 40) / 30.0) ** (1 / beta)
    return volume, 30.0 * (volume / anchor) ** beta, "Klotz"


def _loop(results: Sequence[Result], chamber: str) -> dict[str, object]:
    """One chart of loops."""
    lines, points, origins, missing = [], [], set(), False
    for i, result in enumerate(results):
        traces, pick = result.traces, _pick(len(result.traces))
        closed = np.append(pick, pick[0])
        time, volume, pressure = (
            traces[key].to_numpy() for key in ("t_ms", f"V_{chamber}_mL", f"P_{chamber}_mmHg")
        )
        loop = _line(i, "Loop", "solid", volume[closed], pressure[closed])
        loop["t"] = [*map(_round, time[pick])]
        lines.append(loop)
        for event, open_ in _EVENTS if chamber == "LV" else ():
            at = int(np.abs(time - result.event(event)).argmin())
            point = {"scenario": i, "x": _round(volume[at]), "y": _round(pressure[at])}
            points.append({**point, "open": open_})
        systolic, diastolic = (
            end_systolic_line(result, chamber),
            end_diastolic_curve(result, chamber),
        )
        missing |= systolic is None and chamber in ("LV", "RV")
        if systolic:
            lines.append({**_line(i, "ESPVR", "dash", *systolic), "thin": True})
        if diastolic:
            origins.add(diastolic[2])
            lines.append({**_line(i, "EDPVR", "dot", *diastolic[:2]), "thin": True})
    title = CHAMBER_TITLES[chamber]
    return {
        "id": f"chart_{chamber}",
        "title": f"{title}: pressure and volume",
        "label": f"Pressure-volume loops of the {title.lower()}",
        "x": f"{chamber} volume [mL]",
        "y": f"{chamber} pressure [mmHg]",
        "xUnit": "mL",
        "yUnit": "mmHg",
        "time": False,
        "series": lines,
        "points": points,
        "note": _note(chamber, lines, origins, missing),
    }


def _note(
    chamber: str, lines: Sequence[Mapping[str, object]], origins: set[str], missing: bool
) -> str:
    """What the marks and curves are, and why some are not there."""
    said = ["○ end-diastole, ● end-systole."] if chamber == "LV" else []
    kinds = {line["kind"] for line in lines}
    if "ESPVR" in kinds:
        said.append("ESPVR: end-systolic line, estimated from one beat.")
    if "EDPVR" in kinds:
        said.append(f"EDPVR: end-diastolic curve ({', '.join(sorted(origins))}).")
    if missing:
        which = "Some" if "ESPVR" in kinds else "All"
        said.append(f"{which} end-systolic lines are left out: one beat does not determine them.")
    return " ".join(said)


def _line(scenario: int, kind: str, dash: str, x: np.ndarray, y: np.ndarray) -> dict[str, object]:
    return {
        "scenario": scenario,
        "kind": kind,
        "dash": dash,
        "x": [*map(_round, x)],
        "y": [*map(_round, y)],
    }


def _pick(count: int) -> np.ndarray:
    """Samples that keep a line smooth."""
    return np.unique(np.linspace(0, count - 1, min(count, _SAMPLES)).round().astype(int))


def _round(number: float) -> float:
    return float(f"{number:.4g}")
