"""The chapter of the documentation that the command writes: definitions, table, figures.

A folder holds ``results.json`` and one figure a problem. A problem that is run replaces its entry,
the others keep theirs, so that long problems need not be run again for a short one.
"""

import inspect
import json
import math
import platform
from pathlib import Path
from typing import Any

from heartsim.verification import PROBLEMS, Outcome
from heartsim.verification.drawing import draw
from heartsim.verification.table import Problem, Row

INTRODUCTION = """\
# Verification

Written by `heartsim verify --output docs` from results computed on {machine}; a user repeats any
problem with `heartsim verify NAME`. A band is a published value with the tolerance that its
source or the order of the method justifies, never one fitted to our result. Times include
compiling.

The order of Newton's method is read off single steps that begin ever nearer to a solution, on one
line to it: least slope of the residual after a step over the one before it, as logarithms. It is 2
with exact tangents and linear solves, 1 with inexact ones.
"""

LIMITS = """\
## What is not verified

- P1/P1 muscle under the strains of Land et al. (four rows fail on record). In the beam it has the
  order 1.6 and is 2.7 % low on 60 bricks. In problem 2 it is not in the range of h²: locking makes
  the ventricle too small on coarse meshes, the projection that stabilizes it too large on fine ones
  (10.61, 10.76, 10.82 mL at 2, 1.5 and 1 mm, 10.73 published); in problem 3 its order is 1.4.
- The second order of generalised-α in `arostica`, 1.65 at 1 ms (fails on record): viscosity is a
  difference of strains over the step, of first order. Without it the order is 1.94 (`oscillation`).
- An earlier revision of the suite behind `arostica` (478d64a) has p0 at −19.83 and 1.2265 mm, the
  later one at −20.13 and 1.2752. Its fibers are vectors at quadratic nodes in a file that is
  not at hand; unit vectors of the rule at such nodes give −20.42 and 2.15 mm.
- One displacement of nine in `arostica-biv` misses its band by 0.1 mm; a finer rule of integration
  is not tried yet: fibers turn by 120° in single cells of the right wall.
- The elastodynamics benchmark of Aróstica et al. 2025 (doi:10.1016/j.cma.2024.117485) on its
  biventricle after the peak of tension and on the fine mesh of that, and in case 0B after it snaps
  through, where the participants differ by half. Which of them used which scheme is not at hand.
- The monodomain activation times of the Niederer slab: there is no ionic model.
- Strains of the participants of Land et al.: their numbers are not at hand; ours are compared with
  those of an independent spectral code.
"""


def add_to_chapter(outcome: Outcome, folder: Path) -> Path:
    """Write or renew one problem of ``verification.md`` and its figure.

    Parameters
    ----------
    outcome : Outcome
        Problem that was run; the results of the others stay as they are.
    folder : Path
        Folder of the chapter; results and figures lie in ``verification`` inside it.

    Returns
    -------
    Path
        The chapter.
    """
    store = folder / "verification"
    store.mkdir(parents=True, exist_ok=True)
    results = store / "results.json"
    known: dict[str, list[dict[str, Any]]] = {}
    if results.exists():
        known = json.loads(results.read_text(encoding="utf-8"))
    known[outcome.problem.name] = [row.as_dict() for row in outcome.rows]
    if outcome.figure is not None:
        draw(outcome.figure, store / f"{outcome.problem.name}.png")
    results.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    present = [problem for problem in PROBLEMS if problem.name in known]
    sections = [_section(problem, known[problem.name], store) for problem in present]
    head = INTRODUCTION.format(machine=f"{platform.system()} {platform.machine()}")
    page = folder / "verification.md"
    page.write_text(
        "\n".join([head, _summary(present, known), *sections, LIMITS]), encoding="utf-8"
    )
    return page


def _rows(entries: list[dict[str, Any]]) -> list[Row]:
    """Rows from plain data, where None stands for what is not finite."""
    rows = []
    for entry in entries:
        values = {key: value for key, value in entry.items() if key != "passed"}
        values["low"] = -float("inf") if entry["low"] is None else entry["low"]
        values["high"] = float("inf") if entry["high"] is None else entry["high"]
        for key in ("computed", "seconds"):
            values[key] = float("nan") if entry[key] is None else entry[key]
        rows.append(Row(**values))
    return rows


def _summary(problems: list[Problem], known: dict[str, list[dict[str, Any]]]) -> str:
    lines = ["| problem | | passed | unknowns | time |", "|---|---|---|---|---|"]
    for problem in problems:
        rows = _rows(known[problem.name])
        judged = [row for row in rows if row.judged]
        good = f"{sum(row.passed for row in judged)} of {len(judged)}"
        dofs = max(row.dofs for row in rows) or "–"
        link = f"[{problem.name}](#{problem.name})"
        seconds = rows[0].seconds
        time = f"{seconds:.0f} s" if math.isfinite(seconds) else "–"
        lines.append(f"| {link} | {problem.title} | {good} | {dofs} | {time} |")
    return "\n".join(lines) + "\n"


def _section(problem: Problem, entries: list[dict[str, Any]], store: Path) -> str:
    """Definition, table and figure of one problem."""
    lines = [f'<a id="{problem.name}"></a>', "", f"## {problem.title}", ""]
    lines += [inspect.cleandoc(problem.run.__doc__ or ""), ""]
    lines += ["| quantity | computed | band | | source |", "|---|---|---|---|---|"]
    for row in _rows(entries):
        unit = "" if row.unit == "-" else f" {row.unit}"
        verdict = row.verdict.replace("FAIL", "**FAIL**")
        source = row.source.replace("|", "\\|")
        value = f"{row.computed:.8g}{unit}"
        lines.append(f"| {row.quantity} | {value} | {row.band} | {verdict} | {source} |")
    if (store / f"{problem.name}.png").exists():
        lines += ["", f"![{problem.title}](verification/{problem.name}.png)"]
    return "\n".join(lines) + "\n"
