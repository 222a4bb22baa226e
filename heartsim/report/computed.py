"""What the operations changed, and how the numbers were computed."""

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from heartsim.indices import CATALOGUE, value
from heartsim.indices.catalogue import AUDIT
from heartsim.render import page, style
from heartsim.result import Result

_UNITS: Final = {
    **{unit: unit for unit in ("s", "ms", "mm", "mL", "MB", "kPa", "mmHg", "J", "N", "g", "deg")},
    **{"percent": "%", "mm2": "mm²", "cm2": "cm²", "L_per_min": "L/min"},
}


def receipts(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Tell what each edit changed, with its amounts; what the baseline shares is told once."""
    parts, shared = [], {_fingerprint(one) for one in results[0].receipts}
    for i, (result, name) in enumerate(zip(results, names, strict=True)):
        own = [one for one in result.receipts if not (i and _fingerprint(one) in shared)]
        items = [(_head(one), _change(one)) for one in own]
        same = i and len(own) < len(result.receipts)
        told = f"As in “{names[0]}”{', and besides:' if own else '.'}" if same else ""
        undone = shared - {_fingerprint(one) for one in result.receipts}
        if undone:
            dropped = [_head(one) for one in results[0].receipts if _fingerprint(one) in undone]
            items.append(("without", ", ".join(dict.fromkeys(dropped))))
        if items or told:
            heading = f"<h3>{escape(name)}</h3>" if len(results) > 1 else ""
            note = f'<p class="note">{escape(told)}</p>' if told else ""
            parts += [heading, note, page.pairs(items)]
    return parts


def _head(receipt: Mapping[str, object]) -> str:
    """Name of the operation, in words."""
    return str(receipt.get("procedure") or receipt.get("target") or "edit").replace("_", " ")


def _change(receipt: Mapping[str, object]) -> str:
    """What was done and how much, changes as from one size to another."""
    amounts = receipt.get("amounts")
    listed = dict(amounts) if isinstance(amounts, Mapping) else {}
    sizes = []
    for key, size in listed.items():
        if "_after" in key and key.replace("_after", "_before") in listed:
            continue
        after = listed.get(key.replace("_before", "_after")) if "_before" in key else None
        if after is None:
            sizes.append(_amount(key, size))
        elif after != size:
            name, unit = _split(key.replace("_before", ""))
            sizes.append(f"{name} {_short(size)} to {_short(after)} {unit}".strip())
    action = str(receipt.get("action", "")).replace("_", " ")
    return f"{action} ({', '.join(sizes)})" if sizes else action


def _fingerprint(receipt: Mapping[str, object]) -> str:
    return json.dumps(receipt, sort_keys=True, default=str)


def numerics(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Solver, audit and provenance of the scenarios, one column each, folded away."""
    described = [_computed(result) for result in results]
    rows = {key: [one.get(key, "–") for one in described] for one in described for key in one}
    table = page.columns(names if len(names) > 1 else [""], rows)
    return [f"<details><summary>Show solver, audit and versions</summary>{table}</details>"]


def _computed(result: Result) -> dict[str, str]:
    """How one result was computed, as names and texts."""
    change = value(result.indices, "periodicity.volume_change_mL")
    rows = {
        "Status": f"{result.indices.get('status')} after {result.indices.get('beats')} beats",
        "Change between the last two beats": f"{_short(change)} mL",
    }
    rows |= {
        index.label: f"{_short(value(result.indices, index.key))} {index.unit}"
        for index in CATALOGUE
        if index.group == AUDIT
    }
    rows |= _flat(result.indices.get("solver"))
    for key, prefix in (("mesh", "mesh"), ("unloading", "unloading"), ("versions", "version of")):
        rows |= _flat(result.provenance.get(key), prefix)
    stated = {key: item for key, item in result.provenance.items() if isinstance(item, str)}
    return rows | _flat(result.provenance.get("hashes"), "hash of") | _flat(stated)


def _flat(content: object, prefix: str = "") -> dict[str, str]:
    """Names and values of a mapping, one level deep."""
    if not isinstance(content, Mapping):
        return {}
    rows = {}
    for key, item in content.items():
        if not isinstance(item, Mapping | list):
            name, unit = _split(str(key))
            rows[f"{prefix} {name}".strip().capitalize()] = f"{_short(item)} {unit}".strip()
    return rows


def _amount(key: str, size: object) -> str:
    """Name, size and unit of a change: ``area_cm2`` and 1.8 are ``area 1.8 cm²``."""
    name, unit = _split(key)
    return f"{name} {_short(size)} {unit}".strip()


def _split(key: str) -> tuple[str, str]:
    """Words and unit of a key: ``solve_s`` is ``solve`` and ``s``."""
    head, _, last = key.rpartition("_")
    if head and last in _UNITS:
        return head.replace("_", " "), _UNITS[last]
    return key.replace("_", " "), ""


def _short(item: object) -> str:
    """Value as text: numbers with at most four figures, whole ones in full."""
    if isinstance(item, bool) or not isinstance(item, int | float):
        return "–" if item is None else str(item)
    if not math.isfinite(item):
        return "–"
    if float(item).is_integer() and abs(item) < 1e15:
        return style.minus(f"{int(item):,}".replace(",", "\u202f"))
    return "< 0.001" if abs(item) < 1e-3 else style.minus(f"{item:.4g}")
