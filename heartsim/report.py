"""Reports: one self-contained page for one scenario or for several.

The page is put together from standard-library string templates: it has one skeleton and a dozen
short fragments, all inserted text passes through `html.escape`, and a template engine would be
one more dependency for no less code.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

from heartsim.compare import Comparison, percent
from heartsim.indices import CATALOGUE, MAIN, Index, value
from heartsim.indices.catalogue import AUDIT
from heartsim.render import bullseye, loops, page, scene, style
from heartsim.render.headless import NoScreen
from heartsim.result import Result, new_folder
from heartsim.result import names as titles
from heartsim.result.folder import write_file

_HEARTS: Final = (
    (style.SCALARS[0], ("end-diastole", "end-systole")),
    (style.SCALARS[1], ("end-systole",)),
)
_UNITS: Final = {
    **{unit: unit for unit in ("s", "ms", "mm", "mL", "MB", "kPa", "mmHg", "J", "N", "g", "deg")},
    **{"percent": "%", "mm2": "mm²", "cm2": "cm²", "L_per_min": "L/min"},
}
_log = logging.getLogger(__name__)


def write_report(source: Result | str | Path) -> Path:
    """Write the figures and the page of a result, or of a stored comparison.

    Parameters
    ----------
    source : Result or path
        A result, its folder, or a comparison folder.

    Returns
    -------
    Path
        ``report.html`` in that folder. Beside it ``pv_loops.png``, ``pressures.png`` and
        ``heart_ed_es.png``, or ``comparison.png``. Where 3D pictures cannot be drawn the page says
        so and leaves them out.
    """
    if not isinstance(source, Result) and (Path(source) / "comparison.json").is_file():
        return write_comparison(Comparison.load(source), source)
    result = source if isinstance(source, Result) else Result.load(source)
    folder = result.folder
    style.save_png(loops.loops_sheet([result]), folder / "pv_loops.png")
    style.save_png(loops.pressures_sheet(result), folder / "pressures.png")
    if result.has_wall:
        try:
            style.save_png(scene.heart([result]), folder / "heart_ed_es.png")
        except NoScreen as error:
            _log.warning("%s", error)
    write_file(folder / "report.html", html([result]))
    return folder / "report.html"


def write_comparison(comparison: Comparison, folder: str | Path) -> Path:
    """Write a comparison folder: table, pictures and page.

    Parameters
    ----------
    comparison : Comparison
        From `heartsim.compare.compare`.
    folder : path
        Where to write ``comparison.json``, ``comparison.csv``, ``comparison.png``,
        ``report.html``. Other files there, such as the result folders, stay.

    Returns
    -------
    Path
        The page.
    """
    with new_folder(folder, last="comparison.json") as path:
        comparison.write(path, Path(folder))
        style.save_png(loops.loops_sheet(comparison.results), path / "comparison.png")
        (path / "report.html").write_text(html(comparison.results, comparison))
    return Path(folder) / "report.html"


def html(results: Sequence[Result], comparison: Comparison | None = None) -> str:
    """Page of one result, or of several with their comparison, as text."""
    names = titles(results)
    title = names[0] if comparison is None else f"{names[0]}: {' or '.join(names[1:])}"
    caveat = style.CAVEAT
    opening = []
    if comparison is not None:
        rule = f"Loading rule: {comparison.loading_rule}; all scenarios at {comparison.rule}."
        caveat = f"{style.CAVEAT} {rule}"
        opening = [_remarks(comparison.remarks())]
    walls = [(r, n) for r, n in zip(results, names, strict=True) if r.has_wall]
    hearts, called = [r for r, _ in walls], [n for _, n in walls]
    body = "".join(
        [
            f'<p class="caveat">{escape(caveat)}</p>',
            *opening,
            page.section("Key numbers", _table(results, names, _named(MAIN)), _note()),
            page.section("Pressure-volume loops", _loops(results)),
            page.section("Pressures and volumes", *_pressures(results, names)),
            page.section("Stress and strain of the wall", *_hearts(hearts, called)),
            page.section("Segments of the left ventricle", *_bullseyes(hearts, called)),
            page.section("What the operations changed", *_receipts(results, names)),
            page.section("All numbers", _table(results, names, CATALOGUE)),
            page.section("How it was computed", _numerics(results, names)),
        ]
    )
    made = f"Made by heartsim on {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}."
    return page.page(
        title=title, question=_question(results, names), body=body, caveat=caveat, made=made
    )


def _question(results: Sequence[Result], names: Sequence[str]) -> str:
    """Ask what the title of the only operation asks, or plainly what the scenarios change."""
    title = results[-1].name.rstrip()
    if len(results) <= 2 and title.endswith("?"):
        _, _, asked = title.rpartition(": ")
        return asked[:1].upper() + asked[1:]
    if len(results) > 1:
        changes = " or ".join(names[1:])
        return f"What does {changes} change, right after the operation, against {names[0]}?"
    return f"How does this heart pump: {names[0]}?"


def _remarks(remarks: Sequence[str]) -> str:
    if not remarks:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in remarks)
    return f'<div class="remarks"><strong>Read together</strong><ul>{items}</ul></div>'


def _named(keys: Sequence[str]) -> list[Index]:
    return [index for index in CATALOGUE if index.key in keys]


def _table(results: Sequence[Result], names: Sequence[str], shown: Sequence[Index]) -> str:
    """Tabulate indices by group, each scenario with its difference from the baseline."""
    heads = "".join(
        f'<th scope="col"><span class="dot" style="background:{style.color(i)}"></span>'
        f"{escape(name)}</th>"
        for i, name in enumerate(names)
    )
    rows, group = [], ""
    for index in shown:
        values = [value(result.indices, index.key) for result in results]
        if index.group == AUDIT or not any(map(math.isfinite, values)):
            continue
        if index.group != group:
            group = index.group
            rows.append(
                f'<tr class="group"><th scope="rowgroup" colspan="{len(names) + 1}">{group}</th>'
                '<td class="normal column"></td></tr>\n'
            )
        rows.append(_row(index, values))
    return (
        '<div class="scroll"><table>\n<thead><tr><th scope="col">Index</th>'
        f'{heads}<th scope="col" class="normal column">Normal</th></tr></thead>\n'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _note() -> str:
    """Where the normal ranges come from."""
    sources = sorted({index.source for index in CATALOGUE if index.source} - {"typical"})
    text = (
        "▲ above, ▼ below the normal range of adults at rest. “Typical” ranges are textbook "
        f"values for orientation; the others are from: {'; '.join(sources)}. Ranges hold for one "
        "way of measuring and must not be mixed. Small figures: difference from the baseline."
    )
    return f'<p class="note">{escape(text)}</p>'


def _row(index: Index, values: Sequence[float]) -> str:
    """One line of the table."""
    first, *others = values
    normal = index.normal + (" (typical)" if index.source == "typical" else "")
    under = f'<span class="normal under">{escape(normal)}</span>' if normal else ""
    cells = [f"<td>{_number(first, index)}</td>"]
    cells += [f"<td>{_number(v, index)}{_delta(index, first, v)}</td>" for v in others]
    return (
        f'<tr><td>{escape(index.label)} <span class="unit">{escape(index.unit)}</span>{under}</td>'
        f'{"".join(cells)}<td class="normal column">{escape(normal)}</td></tr>\n'
    )


def _number(number: float, index: Index) -> str:
    """Value with a mark if it lies outside the normal range."""
    if not math.isfinite(number):
        return "–"
    text = style.minus(f"{number:.{index.digits}f}")
    if not index.outside(number):
        return text
    mark, word = ("▲", "above normal") if number > index.high else ("▼", "below normal")
    return f'<span title="{word}" aria-label="{text}, {word}">{mark} {text}</span>'


def _delta(index: Index, first: float, other: float) -> str:
    """Difference from the baseline, in points for percentages, with percent for the rest."""
    change = other - first
    if not math.isfinite(change):
        return ""
    if round(change, index.digits) == 0:
        return '<span class="delta">±0</span>'
    parts = [f"{change:+.{index.digits}f}"]
    relative = percent(first, other)
    if index.unit == "%":
        parts.append("points")
    elif math.isfinite(relative) and abs(relative) < 1000:
        parts.append(f"({relative:+.0f} %)")
    whole = " ".join(f"<span>{style.minus(part)}</span>" for part in parts)
    return f'<span class="delta">{whole}</span>'


def _loops(results: Sequence[Result]) -> str:
    drawn = [
        page.figure(
            style.svg(loops.loop(results, chamber), f"Pressure-volume loops of the {chamber}")
        )
        for chamber in ("LV", "RV")
    ]
    return page.grid(drawn)


def _pressures(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Left and right heart of each scenario, on shared axes."""
    tops = {side: loops.shared_tops(results, side) for side in ("left", "right")}
    parts = []
    for result, name in zip(results, names, strict=True):
        drawn = [
            page.figure(
                style.svg(loops.pressures(result, side, tops[side]), f"{name}, {side} heart")
            )
            for side in ("left", "right")
        ]
        parts += [_heading(results, name), page.grid(drawn)]
    return parts


def _hearts(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Cut-open hearts on shared color ranges: stress at both times, strain at end-systole."""
    if not results:
        return []
    try:
        parts = []
        for scalar, times in _HEARTS:
            frames = [result.frame(time) for result in results for time in times]
            seen, shared = scene.viewpoint(frames), scene.color_range(frames, scalar)
            drawn = []
            for result, name in zip(results, names, strict=True):
                made = scene.heart(
                    [result],
                    scalar,
                    times=times,
                    value_range=shared,
                    seen=seen,
                    width=2.7 * len(times),
                )
                label = f"{name}: {scalar.label.lower()} at {' and '.join(times)}"
                uri = style.data_uri(style.png(made, dpi=170))
                drawn.append(page.figure(page.image(uri, label)))
            parts += [f"<h3>{scalar.label}</h3>", page.grid(drawn, small=len(times) == 1)]
    except NoScreen as error:
        return [f'<p class="note">{escape(str(error))}</p>']
    return parts


def _bullseyes(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Seventeen-segment plots of each scenario, on shared color ranges."""
    if not results:
        return []
    ranges = {q.key: bullseye.shared_range(results, q) for q in bullseye.QUANTITIES}
    parts = []
    for result, name in zip(results, names, strict=True):
        drawn = [
            page.figure(
                style.svg(
                    bullseye.bullseye(values, q, ranges[q.key]), f"{name}: {q.label}, 17 segments"
                )
            )
            for q in bullseye.QUANTITIES
            if not all(map(math.isnan, values := q.values(result)))
        ]
        parts += [_heading(results, name), page.grid(drawn, small=True)] if drawn else []
    return parts


def _receipts(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Tell what each edit changed, with its amounts."""
    parts = []
    for result, name in zip(results, names, strict=True):
        items = []
        for receipt in result.receipts:
            amounts = receipt.get("amounts")
            listed = amounts.items() if isinstance(amounts, Mapping) else ()
            sizes = ", ".join(_amount(key, size) for key, size in listed)
            action = f"{receipt.get('action', '')} {f'({sizes})' if sizes else ''}".strip()
            head = str(receipt.get("procedure") or receipt.get("target") or "edit")
            items.append((head, action))
        if items:
            parts += [_heading(results, name), page.pairs(items)]
    return parts


def _numerics(results: Sequence[Result], names: Sequence[str]) -> str:
    """Solver, audit and provenance of the scenarios, one column each."""
    described = [_computed(result) for result in results]
    rows = {key: [one.get(key, "–") for one in described] for one in described for key in one}
    return page.columns(names if len(names) > 1 else [""], rows)


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


def _heading(results: Sequence[Result], name: str) -> str:
    return f"<h3>{escape(name)}</h3>" if len(results) > 1 else ""


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
