"""Scenarios side by side: one table, what to read with care, and under which loading rule."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import pandas as pd

from heartsim.compare import weighing
from heartsim.compare.outputs import LIMITS, OUTPUTS
from heartsim.compare.places import Place, places
from heartsim.compare.remarks import remarks
from heartsim.errors import InputError, ResultError, not_found
from heartsim.indices import CATALOGUE, Index, value
from heartsim.indices.catalogue import nested
from heartsim.result import Result, finished, names, new_folder

SCHEMA: Final = 1
RULES: Final = {
    "same-stressed-volume": "the same stressed blood volume",
    "match-LVEDP": "the same left ventricular end-diastolic pressure",
    "match-MAP": "the same mean aortic pressure",
    "reflex": "the pressure where the baroreflex comes to rest, set to the baseline's",
}


@dataclass(frozen=True)
class Comparison:
    """Results of several scenarios, the first of them the baseline.

    Attributes
    ----------
    results : tuple of Result
        Baseline first.
    loading_rule : str
        ``"same-stressed-volume"``, ``"match-LVEDP"``, ``"match-MAP"`` or ``"reflex"``.
    """

    results: tuple[Result, ...]
    loading_rule: str

    @property
    def names(self) -> list[str]:
        """Title of each result, told apart by number where titles repeat."""
        return names(self.results)

    @property
    def rule(self) -> str:
        """The loading rule in words."""
        return RULES[self.loading_rule]

    def rows(self) -> list[Index]:
        """Return the indices that at least one result has."""
        return [row for row in CATALOGUE if any(math.isfinite(v) for v in self.values(row))]

    def leading(self) -> list[Index]:
        """Return the indices of the twenty outputs, in their order."""
        indices = [result.indices for result in self.results]
        return [row for output in OUTPUTS for row in output.shown(indices)]

    def values(self, index: Index) -> list[float]:
        """One index of every result; not a number where it is undefined."""
        return [value(result.indices, index.key) for result in self.results]

    def table(self) -> pd.DataFrame:
        """Table of all indices.

        Returns
        -------
        DataFrame
            One row an index, its key in ``indices.json`` as row label. Columns ``index``,
            ``unit``, ``baseline``; for each scenario its name, ``delta <name>`` (scenario minus
            baseline, in the unit of the row) and ``percent <name>`` (delta over the size of the
            baseline); ``normal range`` and ``range source``.
        """
        table = {}
        for row in self.rows():
            first, *others = self.values(row)
            cells: dict[str, str | float] = {
                "index": row.label,
                "unit": row.unit,
                "baseline": first,
            }
            for name, other in zip(self.names[1:], others, strict=True):
                cells |= {name: other, f"delta {name}": other - first}
                cells[f"percent {name}"] = percent(first, other)
            cells |= {"normal range": row.normal, "range source": row.source}
            table[row.key] = cells
        frame = pd.DataFrame.from_dict(table, orient="index")
        frame.index.name = "key"
        return frame

    def summary(self) -> str:
        """Table of the twenty outputs as plain text, for a terminal."""
        lines = [["", "unit", *self.names]]
        for row in self.leading():
            first, *others = self.values(row)
            shown = [_told(other, row.digits, other - first) for other in others]
            lines.append([row.label, row.unit, _told(first, row.digits), *shown])
        lines[0][2:] = [name if len(name) <= 26 else name[:25] + "…" for name in lines[0][2:]]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(
                cell.ljust(width) if k < 2 else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*text, "", f"Loading rule: {self.loading_rule}."])

    @cached_property
    def places(self) -> list[Place]:
        """Fiber stress in every marked part of the wall; see `heartsim.compare.places`."""
        return places(self.results)

    def remarks(self) -> list[str]:
        """Tell what a reader must not miss: numbers that only make sense together, and doubts."""
        return remarks(self.results, self.names, self.loading_rule)

    def weigh(
        self, weights: Mapping[str, float], steps: Mapping[str, float] | None = None
    ) -> pd.DataFrame:
        """Rank the scenarios by weights that the team sets; see `heartsim.compare.weighing`.

        Examples
        --------
        ``comparison.weigh({"chambers.LV.EDP_mmHg": 2, "chambers.LV.forward_SV_mL": 1})``
        """
        return weighing.weigh(self.results, self.names, weights, steps)

    @property
    def volume_noise(self) -> float:
        """Volume by which the results still move between their last two beats [mL]."""
        return max(value(r.indices, "periodicity.volume_change_mL") for r in self.results)

    def noise(self, index: Index) -> float:
        """Change of an index that the solution does not resolve, in its unit.

        Volumes still move by what `periodicity` says between the last two beats of each result;
        for other indices this is not known and the answer is not a number.
        """
        if not (index.unit == "mL" and index.key.startswith("chambers.")):
            return math.nan
        return self.volume_noise

    def content(self, folder: Path) -> dict[str, object]:
        """Content of ``comparison.json``; result folders are named relative to `folder`."""
        described = [
            {
                "name": name,
                "folder": os.path.relpath(result.folder.resolve(), folder.resolve()),
                "status": result.indices.get("status"),
            }
            for name, result in zip(self.names, self.results, strict=True)
        ]
        return {
            "schema": SCHEMA,
            "loading_rule": self.loading_rule,
            "baseline": described[0],
            "scenarios": described[1:],
            "remarks": self.remarks(),
            "outputs": [
                {"number": i + 1, "output": one.label, "leading": [r.key for r in rows]}
                for i, one in enumerate(OUTPUTS)
                if (rows := one.shown([result.indices for result in self.results]))
            ],
            "receipts": {
                name: list(result.receipts)
                for name, result in zip(self.names, self.results, strict=True)
            },
            "places": [
                {
                    "name": place.name,
                    "volume_mL": place.volume,
                    **{
                        f"fiber_stress_{moment}_kPa": [_finite(one) for one in values]
                        for moment, values in place.stress.items()
                    },
                }
                for place in self.places
            ],
            "rows": [self._row(row) for row in self.rows()],
        }

    def save(self, folder: str | Path) -> Path:
        """Write ``comparison.csv`` and ``comparison.json`` into a folder.

        `heartsim.report.write_comparison` writes these and the pictures and the page.
        """
        with new_folder(folder, last="comparison.json") as path:
            self.write(path, Path(folder))
        return Path(folder)

    def write(self, path: Path, folder: Path) -> None:
        """Write the two files into `path`, which will become `folder`."""
        self.table().to_csv(path / "comparison.csv", float_format="%.6g")
        text = json.dumps(self.content(folder), indent=1, allow_nan=False)
        (path / "comparison.json").write_text(text + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a comparison folder with the results it names.

        Raises
        ------
        ResultError
            If the folder is unfinished or damaged, or a result it names is gone.
        """
        path = Path(folder)
        if not finished(path, last="comparison.json"):
            raise ResultError(
                f"{path}: no comparison.json. Give a folder that `heartsim compare` wrote."
            )
        try:
            content = json.loads((path / "comparison.json").read_text())
            listed = [content["baseline"], *content["scenarios"]]
            folders = [path / str(item["folder"]) for item in listed]
            rule = str(content["loading_rule"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultError(
                f"{path}/comparison.json: damaged ({error}). Compare again."
            ) from error
        _check_rule(rule)
        return cls(tuple(Result.load(item) for item in folders), rule)

    def _row(self, row: Index) -> dict[str, object]:
        """One row of ``comparison.json``."""
        first, *others = self.values(row)
        scenarios = {
            name: {
                "value": _finite(other),
                "delta": _finite(other - first),
                "percent": _finite(percent(first, other)),
            }
            for name, other in zip(self.names[1:], others, strict=True)
        }
        normal = {"low": _finite(row.low), "high": _finite(row.high), "source": row.source}
        return {
            "key": row.key,
            "index": row.label,
            "unit": row.unit,
            "baseline": _finite(first),
            "scenarios": scenarios,
            "normal": normal if row.source else None,
            "acts_at": LIMITS[row.key].text if row.key in LIMITS else None,
            "unresolved_below": _finite(self.noise(row)),
        }


def compare(*results: Result, loading_rule: str | None = None) -> Comparison:
    """Put results side by side; the first is the baseline.

    Parameters
    ----------
    *results : Result
        Two or more.
    loading_rule : str, optional
        What was kept the same between them. By default the rule their scenarios were run under.

    Raises
    ------
    InputError
        If there are fewer than two results, the rule is unknown, or the scenarios disagree on it.
    """
    if len(results) < 2:
        raise InputError(f"compare: {len(results)} result. Give a baseline and at least one other.")
    rule = loading_rule or _common_rule(results)
    _check_rule(rule)
    return Comparison(tuple(results), rule)


def _told(number: float, digits: int, change: float = math.nan) -> str:
    """Number with its change, a dash where it is undefined."""
    if not math.isfinite(number):
        return "–"
    shown = f"{number:.{digits}f}"
    return f"{shown} ({change:+.{digits}f})" if math.isfinite(change) else shown


def percent(first: float, other: float) -> float:
    """Change in percent of the size of the first; not a number if that is zero."""
    return 100 * (other - first) / abs(first) if first else math.nan


def _check_rule(rule: str) -> None:
    if rule not in RULES:
        raise not_found(InputError, "loading rule", rule, "compare", RULES)


def _common_rule(results: Sequence[Result]) -> str:
    """Find the loading rule of the scenarios, which must agree."""
    rules = [_rule_of(result) for result in results]
    named = sorted({rule for rule in rules if rule})
    if len(named) > 1:
        raise InputError(
            f"compare: the scenarios were run under different loading rules ({', '.join(named)}). "
            "Run them under one, or state which holds with loading_rule=…"
        )
    return named[0] if named else "same-stressed-volume"


def _rule_of(result: Result) -> str | None:
    here = nested(result.provenance, "scenario", "protocol", "loading")
    return here if isinstance(here, str) else None


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
