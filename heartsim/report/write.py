"""Files of a report, and the order of its page."""

import logging
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

from heartsim.compare import Comparison
from heartsim.files import write_file
from heartsim.render import charts, loops, page, scene, style, surface
from heartsim.render.headless import NoScreen
from heartsim.report import computed, numbers, pictures, places, weighing
from heartsim.result import Result, finished, new_folder
from heartsim.result import names as titles

_log = logging.getLogger(__name__)
_MISSING: Final = "Charts need a browser that runs scripts. What they show at a glance:"


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
    if not isinstance(source, Result) and finished(source, last="comparison.json"):
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
    walls = [i for i, result in enumerate(results) if result.has_wall]
    hearts, called = [results[i] for i in walls], [names[i] for i in walls]
    colors = [style.color(i) for i in walls]
    loop_charts, trace_charts = charts.loop_charts(results), charts.trace_charts(results)
    parts = {
        "Key numbers": numbers.twenty(results, names, comparison),
        "The heart in motion": pictures.stage(called, colors),
        "Pressure-volume loops": [page.charts(loop_charts), _fallback(results)],
        "Stress and strain of the wall": [
            *pictures.hearts(hearts, called),
            *places.stress(results, names, comparison),
        ],
        "Segments of the left ventricle": pictures.bullseyes(hearts, called),
        "Pressures, volumes and flows": [page.charts(trace_charts)],
        "Weigh it yourself": weighing.form(results, names),
        "What the operations changed": computed.receipts(results, names),
        "All numbers": numbers.every(results, names, comparison),
        "How it was computed": computed.numerics(results, names),
    }
    opening = "" if comparison is None else _remarks(comparison.remarks())
    data: dict[str, object] = {
        "scenarios": [{"name": name, "color": style.color(i)} for i, name in enumerate(names)],
        "charts": [*loop_charts, *trace_charts],
        "criteria": weighing.data(results),
    }
    if hearts:
        data["heart"] = surface.packed_hearts(hearts)
        data["walls"] = walls
    made = f"Made by heartsim on {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}."
    return page.page(
        title=title,
        question=_question(results, names),
        body=opening + "".join(page.section(head, *part) for head, part in parts.items()),
        caveat=_caveat(comparison),
        made=made,
        contents=[head for head, part in parts.items() if any(part)],
        data=data,
    )


def _caveat(comparison: Comparison | None) -> str:
    """Say in one sentence what the numbers are and under which loading they hold."""
    if comparison is None:
        return style.CAVEAT
    rule = f"loading rule: {comparison.loading_rule}, all scenarios at {comparison.rule}"
    return f"{style.CAVEAT.rstrip('.')}; {rule}."


def _question(results: Sequence[Result], names: Sequence[str]) -> str:
    """Ask what the title of the only operation asks, or plainly what the scenarios change."""
    title = results[-1].name.rstrip()
    if len(results) <= 2 and title.endswith("?"):
        _, _, asked = title.rpartition(": ")
        return asked[:1].upper() + asked[1:]
    if len(results) > 1:
        return f"What would each change right after the operation, compared with “{names[0]}”?"
    return f"How does this heart pump: {names[0]}?"


def _remarks(remarks: Sequence[str]) -> str:
    if not remarks:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in remarks)
    return f'<div class="remarks"><strong>Read together</strong><ul>{items}</ul></div>'


def _fallback(results: Sequence[Result]) -> str:
    """Still picture of the loops for readers without scripts."""
    uri = style.data_uri(style.png(loops.loops_sheet(results), dpi=110))
    still = page.image(uri, "Pressure-volume loops of both ventricles")
    return f'<noscript><p class="note">{_MISSING}</p>{still}</noscript>'
