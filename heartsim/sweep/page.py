"""The page of a study: how its cases ended, what the outputs span, and what they depend on."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from heartsim import __version__
from heartsim.files import write_file
from heartsim.indices.catalogue import CATALOGUE
from heartsim.render import page
from heartsim.render.responses import Column, importance, responses
from heartsim.render.sheet import sheet
from heartsim.render.style import CAVEAT, data_uri, minus, png, save_png
from heartsim.sweep.study import Study

_INDEX: Final = {index.key: index for index in CATALOGUE}
_MOST_OUTPUTS: Final = 6
_MOST_PICTURES: Final = 64
"""Cases up to which each has a line and a picture of its own."""
_SOBOL: Final = (
    "Part of the variance of an index that a factor explains alone (first) and together with "
    "all its interactions (total); lines are 95 % intervals of a bootstrap. Intervals that span "
    "half the axis ask for a larger sample.size. An index below zero is zero within its interval."
)
_REGRESSION: Final = (
    "Standard deviations by which an index moves for one of the factor, the others held. R² is "
    "the part of the variance that this straight line explains: far below 1, read the responses."
)


def write_page(study: Study, table: pd.DataFrame, effects: pd.DataFrame, folder: Path) -> Path:
    """Write ``report.html``, ``response.png`` and ``hearts.png`` of a complete study.

    Parameters
    ----------
    study : Study
    table : DataFrame
        From `heartsim.sweep.table.tabulate`.
    effects : DataFrame
        From `heartsim.sweep.sensitivity.explain`.
    folder : Path
        Folder of the study.
    """
    factors = [Column(one.column, _factor_label(one.key, one.unit)) for one in study.factors]
    outputs = [Column(key, _label(key)) for key in study.explained if key in table]
    body = page.section("Cases", _endings(table))
    body += page.section("What the indices span", _spans(table, outputs))
    body += page.section("What they depend on", *_importance(effects, factors, outputs))
    if outputs:
        shown = outputs[:_MOST_OUTPUTS]
        drawn = responses(table, factors, shown)
        save_png(drawn, folder / "response.png", dpi=150)
        caption = "Blue: cases. Orange: their mean along the factor, whatever the others are."
        picture = _unscaled(drawn, "Response of the indices to the factors")
        body += page.section("Responses", page.figure(picture, caption))
    (folder / "hearts.png").unlink(missing_ok=True)
    if len(table) <= _MOST_PICTURES:
        if outputs:
            body += page.section("Case by case", _side_by_side(table, factors, outputs))
        body += _pictures(table, factors, folder)
    base = study.scenario
    source = base if isinstance(base, str) else f"{len(base)} scenarios"
    text = page.page(
        title=study.title or study.name,
        question=f"{len(table)} hearts from {source}, {study.sample.method} sample",
        body=body,
        caveat=CAVEAT,
        made=f"heartsim {__version__}. Every number stands in table.csv and sensitivity.csv.",
    )
    target = folder / "report.html"
    write_file(target, text)
    return target


def _label(key: str) -> str:
    index = _INDEX[key]
    return f"{index.label} [{index.unit}]" if index.unit else index.label


def _factor_label(key: str, unit: str) -> str:
    words = key.removeprefix("circulation.").replace("procedure.", "").replace("condition.", "")
    words = words.replace(".", " ").replace("_", " ")
    return f"{words} [{unit}]" if unit else words


def _endings(table: pd.DataFrame) -> str:
    """How the cases ended, and the reasons of those that failed."""
    counts = table["status"].value_counts().sort_index()
    rows = {str(status): [str(count), ""] for status, count in counts.items()}
    bad = table[table["reason"].fillna("") != ""]
    for reason, group in bad.groupby("reason", sort=False):
        numbers = ", ".join(str(number) for number in group["case"].tolist()[:8])
        more = ", …" if len(group) > 8 else ""
        rows[f"case {numbers}{more}"] = [str(len(group)), str(reason)]
    return page.columns(("cases", "reason"), rows)


def _spans(table: pd.DataFrame, outputs: Sequence[Column]) -> str:
    """Range of each output over the cases."""
    heads = ("smallest", "5 %", "median", "95 %", "largest", "normal")
    rows = {}
    for output in outputs:
        index, values = _INDEX[output.name], table[output.name].dropna()
        marks = values.quantile([0, 0.05, 0.5, 0.95, 1.0])
        rows[output.label] = [
            *(_shown(x, output) for x in marks),
            index.normal,
        ]
    return page.columns(heads, rows) if rows else ""


def _shown(value: float, output: Column) -> str:
    """Value of an output with the digits of its index, at least one."""
    return minus(f"{value:.{max(_INDEX[output.name].digits, 1)}f}")


def _named(row: Mapping[str, object], factors: Sequence[Column]) -> str:
    """What distinguishes a case."""
    return f"{row['case']}: " + ", ".join(str(row[factor.name]) for factor in factors)


def _side_by_side(table: pd.DataFrame, factors: Sequence[Column], outputs: Sequence[Column]) -> str:
    """Every case with its outputs."""
    rows = {}
    for row in table.to_dict("records"):
        rows[_named(row, factors)] = [
            _shown(row[output.name], output) if pd.notna(row[output.name]) else "–"
            for output in outputs
        ]
    return page.columns([output.label for output in outputs], rows)


def _pictures(table: pd.DataFrame, factors: Sequence[Column], folder: Path) -> str:
    """End-diastole and end-systole of every case that was drawn."""
    found = [
        (_named(row, factors), folder / str(row["folder"]) / "heart_ed_es.png")
        for row in table.to_dict("records")
    ]
    found = [(label, path) for label, path in found if path.is_file()]
    if not found:
        return ""
    drawn = png(sheet(found), dpi=110)
    write_file(folder / "hearts.png", drawn)
    picture = page.image(data_uri(drawn), "Hearts at end-diastole and end-systole")
    picture = picture.replace("<img", '<img style="max-width:100%"', 1)
    caption = "Fiber stress at end-diastole and end-systole, each heart on its own scale."
    return page.section("Hearts", page.figure(picture, caption))


def _importance(
    effects: pd.DataFrame, factors: Sequence[Column], outputs: Sequence[Column]
) -> list[str]:
    """Figure of the sensitivities and what its numbers mean."""
    if effects.empty:
        return ["<p>Too few cases, or no index that changes: nothing to explain.</p>"]
    known = set(effects["factor"])
    shown = [factor for factor in factors if factor.name in known]
    parts = []
    for method, meaning in (("sobol", _SOBOL), ("regression", _REGRESSION)):
        named = set(effects.loc[effects["method"] == method, "output"])
        explained = [output for output in outputs if output.name in named]
        if explained:
            drawn = importance(effects, shown, explained)
            picture = page.figure(_unscaled(drawn, "Sensitivity indices"))
            parts.append(picture + f'<p class="note">{escape(meaning)}</p>')
    return parts


def _unscaled(drawn: Figure, label: str) -> str:
    """Picture as large as it was drawn: a page too narrow for it scrolls."""
    picture = page.image(data_uri(png(drawn, dpi=150)), label)
    return picture.replace("<img", '<img style="max-width:none"', 1)
