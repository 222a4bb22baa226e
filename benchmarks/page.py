"""Rows on disk, one file a machine, and the page that shows them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
ROWS: Final = Path(__file__).resolve().parent / "rows"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
FIGURE: Final = ROOT / "docs" / "benchmarks.png"

BUSY: Final = 0.5
"""Load average per core above which a row was taken beside other work."""

PEER: Final = ((14_601, 0.62), (32_895, 2.10), (87_669, 8.73), (150_597, 22.76))
"""Unknowns and processor seconds of one Newton step: FEniCSx 0.11, P2, MUMPS, one core of a shared
machine, 14-point quadrature, benchmark ellipsoid (our measurement of 2026-11-22)."""

COLUMNS: Final = {
    "newton": (
        "newton_fresh_cpu_s",
        "newton_aged_cpu_s",
        "newton_exact_cpu_s",
        "krylov_fresh",
        "krylov_aged",
        "krylov_exact",
        "residual_us_per_cell",
        "tangent_us_per_cell",
        "product_GB_per_s",
        "factorization_Gflop_per_s",
        "attainable_GB_per_s",
        "attainable_Gflop_per_s",
    ),
    "land2": ("load_steps", "newton", "krylov", "solve_cpu_s"),
    "land3": ("load_steps", "newton", "krylov", "solve_cpu_s"),
    "path": ("load_steps", "newton", "krylov", "solve_cpu_s"),
    "lv-beat": ("time_steps", "newton", "krylov", "solve_cpu_s"),
    "biv-beat": ("time_steps", "newton", "krylov", "unloading_and_compile_cpu_s", "solve_cpu_s"),
    "batch": ("lanes", "rounds", "alone_cpu_s", "together_cpu_s", "ratio"),
    "blood": ("time_steps", "beat_cpu_s"),
    "start": ("import_s", "prepared_s", "first_step_s"),
}
"""What the page shows of each problem, besides mesh, size, memory and answer."""

TITLES: Final = {
    "newton": "One Newton step of the inflated ventricle (2 kPa), and its parts",
    "land2": "Problem 2 of Land et al. 2015, whole",
    "land3": "Problem 3 of Land et al. 2015, whole",
    "path": "Contraction to 50 kPa against 15 kPa in 40 steps",
    "lv-beat": "First beat of the ellipsoid in the peer's closed loop, 10 ms steps",
    "biv-beat": "Unloading and first beat of a biventricular heart",
    "batch": "Several hearts in one compiled step",
    "blood": "One beat of the lumped circulation",
    "start": "Second start of a run (compiled programs in the cache)",
}

INTRODUCTION: Final = """# Benchmarks

Made by `python -m benchmarks page` from `benchmarks/rows/`, one file a machine; a row is made by
`python -m benchmarks NAME --keep`, each size in a process of its own. Seconds are processor seconds
of all threads. `answer` ties a time to a result: apex heights and volume of the cavity for the
ellipsoid, EF and pressures for a beat. A row marked * was taken beside other work on the machine:
counts and answers are exact, times upper bounds.

![Newton step, its Krylov iterations, and the limits of the machine](benchmarks.png)

The line of the other code is FEniCSx 0.11 with MUMPS on meshes of the same ellipsoid, one core, P2
with 14 quadrature points, measured by us on another shared machine: it ranks, it is not a paired
comparison. For that, time both codes on one file: `--mesh FILE`. Its first beat of the ellipsoid
(fenicsx-pulse 0.12, 6 829 unknowns, 473 Newton steps, EF 62.2 %, peak 112.1 mmHg) took 278 s there.
"""

Row = dict[str, object]


def keep(row: Row) -> None:
    """Put a row into the file of its machine, in place of an older one of the same case."""
    ROWS.mkdir(exist_ok=True)
    path = ROWS / f"{row['machine']}.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    rows = [old for old in rows if _case(old) != _case(row)] + [row]
    rows.sort(key=lambda one: (str(one["problem"]), str(one.get("element")), _number(one, "dofs")))
    path.write_text(json.dumps(rows, indent=1) + "\n")


def _case(row: Row) -> tuple[object, ...]:
    names = ("problem", "mesh", "element", "quadrature_points", "lanes", "device", "linear_solver")
    return tuple(row.get(name) for name in names)


def _number(row: Row, name: str) -> float:
    value = row.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def write_page() -> list[Path]:
    """Write docs/benchmarks.md and its figure from the rows of all machines."""
    machines = {path.stem: json.loads(path.read_text()) for path in sorted(ROWS.glob("*.json"))}
    text = INTRODUCTION.splitlines()
    for machine, rows in machines.items():
        text += ["", f"## {machine}"]
        for problem, title in TITLES.items():
            mine = [row for row in rows if row["problem"] == problem]
            if mine:
                text += ["", f"### {title}", "", *_table(problem, mine)]
    PAGE.write_text("\n".join(text) + "\n", encoding="utf-8")
    _draw(machines)
    return [PAGE, FIGURE]


def _table(problem: str, rows: Sequence[Row]) -> list[str]:
    """Markdown table of a problem."""
    names = ["mesh", "element", "dofs", "elements", *COLUMNS[problem], "peak_memory_MB", "answer"]
    lines = [
        "| " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|---" * len(names) + "|",
    ]
    for row in rows:
        shown = [_shown(row.get(name, "")) for name in names]
        shown[0] += " *" if _number(row, "load_average") > BUSY * _number(row, "cores") else ""
        lines.append("| " + " | ".join(shown) + " |")
    return lines


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "–".join(_shown(part) for part in value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _draw(machines: dict[str, list[Row]]) -> None:
    """Time and iterations of a Newton step over unknowns, and how near it comes to the limits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    time, iterations, limits = figure.subplots(1, 3)
    size, spent = zip(*PEER, strict=True)
    time.loglog(size, spent, "k:", marker="s", label="FEniCSx + MUMPS (see text)")
    for machine, rows in machines.items():
        for element, mark in (("P2P1", "o"), ("P1P1", "^")):
            mine = [r for r in rows if r["problem"] == "newton" and r["element"] == element]
            if not mine:
                continue
            where = f"{element}, {machine[:28]}"
            for name, line in (("fresh", "-"), ("aged", "--")):
                found = [row for row in mine if f"krylov_{name}" in row]
                dofs = [_number(row, "dofs") for row in found]
                spent = [_number(row, f"newton_{name}_cpu_s") for row in found]
                time.loglog(dofs, spent, line, marker=mark, label=f"{name} factors, {where}")
                count = [_number(row, f"krylov_{name}") for row in found]
                iterations.semilogx(dofs, count, line, marker=mark, label=f"{name}, {element}")
            dofs = [_number(row, "dofs") for row in mine]
            for part, limit in (
                ("product_GB_per_s", "attainable_GB_per_s"),
                ("factorization_Gflop_per_s", "attainable_Gflop_per_s"),
            ):
                share = [_number(r, part) / max(_number(r, limit), 1e-9) for r in mine]
                label = f"{part.partition('_')[0]}, {element}"
                limits.semilogx(dofs, share, marker=mark, label=label)
    time.set(xlabel="unknowns", ylabel="processor seconds", title="One Newton step")
    iterations.set(xlabel="unknowns", ylabel="Krylov iterations", title="Linear solves of the step")
    limits.set(xlabel="unknowns", ylabel="achieved / attainable", title="Roofline", ylim=(0, None))
    for axes in (time, iterations, limits):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=6)
    figure.savefig(FIGURE, dpi=130)
