"""Clinical indices of a beat: the content of ``indices.json``, defined where it is computed."""

from collections.abc import Mapping

from heartsim.indices.catalogue import CATALOGUE, MAIN, Index, value
from heartsim.indices.deformation import deformation
from heartsim.indices.dyssynchrony import dyssynchrony
from heartsim.indices.hemodynamics import chamber, circulation, events, per_body_surface, valve
from heartsim.indices.wall import wall
from heartsim.result import Recording
from heartsim.result.recording import CHAMBERS, VALVES
from heartsim.units import m, mL

__all__ = ["CATALOGUE", "MAIN", "Index", "summarize", "value"]

SCHEMA = 1


def summarize(
    recording: Recording,
    balance: Mapping[str, float],
    *,
    scenario: str,
    body_surface: float | None = None,
) -> dict[str, object]:
    """Every index of a beat, as written to ``indices.json``.

    Chambers, valves and circulation are defined in `heartsim.indices.hemodynamics`, the wall in
    `heartsim.indices.wall`, strain and motion in `heartsim.indices.deformation`, timing in
    `heartsim.indices.dyssynchrony`, the balance in `heartsim.balance`. ``events`` holds the times
    of end-diastole and end-systole of the left ventricle. Numbers that are undefined, such as the
    gradient of a valve that never opens, are not a number, and null in the file.

    Parameters
    ----------
    recording : Recording
        Last beat of a run.
    balance : mapping
        From `heartsim.balance.audit`.
    scenario : str
        Title of the scenario.
    body_surface : float, optional
        Body surface [mm²]; with it volumes and output are also given per square meter.
    """
    ed, es = events(recording, "LV")
    chambers = {name: chamber(recording, name) for name in CHAMBERS}
    body = circulation(recording)
    if body_surface is not None:
        area = body_surface / m**2
        chambers = {name: per_body_surface(row, area) for name, row in chambers.items()}
        body = per_body_surface(body, area)
    return {
        "schema": SCHEMA,
        "scenario": scenario,
        "status": recording.status,
        "beats": recording.beats,
        "periodicity": {"volume_change_mL": recording.periodicity_change / mL},
        "events": {
            "end_diastole_ms": float(recording.time[ed]),
            "end_systole_ms": float(recording.time[es]),
        },
        "chambers": chambers,
        "circulation": body,
        "valves": {name: valve(recording, name) for name in VALVES},
        "wall": wall(recording),
        "deformation": deformation(recording),
        "dyssynchrony": dyssynchrony(recording),
        "balance": dict(balance),
        "solver": dict(recording.solver),
    }
