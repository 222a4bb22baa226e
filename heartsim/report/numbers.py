"""Tables of a report: the twenty outputs, and all numbers behind them."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple

from heartsim.compare import LIMITS, OUTPUTS, Comparison, percent
from heartsim.compare.remarks import trusted
from heartsim.indices import CATALOGUE, Index, value
from heartsim.indices.catalogue import AUDIT, TYPICAL
from heartsim.render import style
from heartsim.result import Result

_TEXTBOOK: Final = {TYPICAL, "textbook"}
_FEW: Final = 3
_NO_CHANGE: Final = '<span class="delta"></span>'


class _Line(NamedTuple):
    """One line of a table: an index under a heading."""

    head: str
    row: Index


def twenty(
    results: Sequence[Result], names: Sequence[str], comparison: Comparison | None
) -> list[str]:
    """Tabulate the twenty outputs, and say how to read them."""
    indices = [result.indices for result in results]
    lines = [
        _Line(str(i + 1), index)
        for i, output in enumerate(OUTPUTS)
        for index in output.shown(indices)
    ]
    return [_table(results, names, lines, comparison), _note(lines, comparison)]


def every(
    results: Sequence[Result], names: Sequence[str], comparison: Comparison | None
) -> list[str]:
    """Tabulate every index under its output, folded away; what belongs to none comes last."""
    indices = [result.indices for result in results]
    listed = [
        _Line(f"{i + 1} {output.label}", index)
        for i, output in enumerate(OUTPUTS)
        for index in output.every(indices)
    ]
    named = {line.row.key for line in listed}
    rest = [
        _Line("Others", index)
        for index in CATALOGUE
        if index.key not in named
        and index.group != AUDIT
        and any(math.isfinite(value(one, index.key)) for one in indices)
    ]
    lines = [*listed, *rest]
    table = _table(results, names, lines, comparison)
    summary = f"<summary>Show all {len(lines)} numbers</summary>"
    return [f"<details>{summary}{table}{_note(lines, comparison)}</details>"]


def _table(
    results: Sequence[Result],
    names: Sequence[str],
    lines: Iterable[_Line],
    comparison: Comparison | None,
) -> str:
    """Tabulate indices under their heads, each scenario with its change from the baseline."""
    heads = "".join(
        f'<th scope="col"><span class="dot" style="background:{style.color(i)}"></span>'
        f"{escape(name)}</th>"
        for i, name in enumerate(names)
    )
    kind = "numbers many" if len(names) > _FEW else "numbers"
    rows, last = [], ""
    for head, index in lines:
        number = head if head.isdigit() and head != last else ""
        if head != last and not number:
            rows.append(
                f'<tr class="group"><th scope="rowgroup" colspan="{len(names) + 1}">'
                f'{escape(head)}</th><td class="normal column"></td></tr>\n'
            )
        last = head
        noise = math.nan if comparison is None else comparison.noise(index)
        if head.isdigit():
            number = f'<span class="number">{number}</span>'
        rows.append(_row(index, results, noise, number))
    return (
        f'<div class="scroll"><table class="{kind}" style="--count:{len(names)}">\n<thead><tr>'
        f'<th scope="col">Output</th>{heads}<th scope="col" class="normal column">'
        "Normal, and where teams act</th></tr>"
        f"</thead>\n<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(index: Index, results: Sequence[Result], noise: float, number: str) -> str:
    """One line of the table; `number` is HTML that goes before the label."""
    believed = [trusted(result, index.key) for result in results]
    first, *others = (value(result.indices, index.key) for result in results)
    ranges = _ranges(index)
    under = f'<span class="normal under">{ranges}</span>' if ranges else ""
    cells = [f"<td>{_number(first, index) if believed[0] else _doubted(first, index)}</td>"]
    for other, sure in zip(others, believed[1:], strict=True):
        shown = _number(other, index) if sure else _doubted(other, index)
        change = _delta(index, first, other, noise) if sure and believed[0] else _NO_CHANGE
        cells.append(f"<td>{shown}{change}</td>")
    return (
        f'<tr><td>{number}{escape(index.label)} <span class="unit">{escape(index.unit)}</span>'
        f"{under}</td>"
        f'{"".join(cells)}<td class="normal column">{ranges}</td></tr>\n'
    )


def _ranges(index: Index) -> str:
    """Normal range and decision limit, as HTML."""
    normal = index.normal + (" (typical)" if index.source == TYPICAL else "")
    parts = [f"<span>{escape(normal)}</span>"] if normal else []
    if index.key in LIMITS:
        parts.append(f'<span class="limit">◆ {escape(LIMITS[index.key].text)}</span>')
    return " ".join(parts)


def _number(number: float, index: Index) -> str:
    """Value with marks if it lies outside the normal range or beyond a decision limit."""
    if not math.isfinite(number):
        return "–"
    text = _text(number, index)
    marks, words = "", []
    if index.key in LIMITS and LIMITS[index.key].crossed(number):
        marks, words = "◆", [f"beyond {LIMITS[index.key].text}"]
    if index.outside(number):
        high = number > index.high
        marks += "▲" if high else "▼"
        words.append("above normal" if high else "below normal")
    if not marks:
        return text
    said = escape(", ".join(words), quote=True)
    return f'<span title="{said}" aria-label="{text}, {said}">{marks} {text}</span>'


def _text(number: float, index: Index) -> str:
    """Value as text, with more decimals where rounding would hide that it is outside."""
    texts = [f"{number:.{index.digits + more}f}" for more in range(4)]
    honest = (text for text in texts if index.outside(float(text)) == index.outside(number))
    return style.minus(next(honest, texts[0]))


def _doubted(number: float, index: Index) -> str:
    """Value that cannot be believed."""
    if not math.isfinite(number):
        return "–"
    text = style.minus(f"{number:.{index.digits}f}")
    return f'<span class="doubted" title="the single-beat estimate fails here">({text})</span>'


def _delta(index: Index, first: float, other: float, noise: float) -> str:
    """Difference from the baseline, in points for percentages, with percent for the rest."""
    change = other - first
    if not math.isfinite(change):
        return _NO_CHANGE
    if round(change, index.digits) == 0:
        return '<span class="delta"><span>±0</span></span>'
    unsure = "≈ " if abs(change) < noise else ""
    parts = [f"{unsure}{change:+.{index.digits}f}"]
    relative = percent(first, other)
    if index.unit == "%":
        parts.append("points")
    elif math.isfinite(relative) and abs(relative) < 1000:
        parts.append(f"({relative:+.0f} %)")
    whole = " ".join(f"<span>{style.minus(part)}</span>" for part in parts)
    return f'<span class="delta">{whole}</span>'


def _note(lines: Sequence[_Line], comparison: Comparison | None) -> str:
    """Where the ranges come from, and what the marks mean."""
    shown = [line.row for line in lines]
    sources = sorted({index.source for index in shown if index.source} - _TEXTBOOK)
    limits = sorted({LIMITS[i.key].source for i in shown if i.key in LIMITS} - _TEXTBOOK)
    text = (
        "▲ above, ▼ below the normal range of adults at rest; ◆ beyond a value at which teams act. "
        "“Typical” ranges and limits without a source are textbook values, to orient. "
    )
    if sources:
        text += f"Other ranges: {'; '.join(sources)}. "
    if limits:
        text += f"Other limits: {'; '.join(limits)}. "
    text += "Ranges hold for one way of measuring and must not be mixed."
    if comparison is not None:
        text += " Small figures beside the values: change from the baseline."
        noise = comparison.volume_noise
        if math.isfinite(noise):
            text += (
                f" ≈: smaller than the {noise:.1f} mL by which volumes still move from beat to "
                "beat. Other uncertainty, of the patient or of the model, is not in these numbers."
            )
    return f'<p class="note">{escape(text)}</p>'
