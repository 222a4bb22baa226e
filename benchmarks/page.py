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

COLUMNS: Final = {
    "newton": (
        "linear_solver",
        "newton_fresh_cpu_s",
        "newton_aged_cpu_s",
        "newton_exact_cpu_s",
        "krylov_fresh",
        "krylov_aged",
        "krylov_exact",
        "peer_cpu_s",
        "turns",
        "newton_fresh_ratio",
        "newton_aged_ratio",
        "memory_ratio",
        "apex_apart_mm",
        "residual_us_per_cell",
        "tangent_us_per_cell",
        "product_GB_per_s",
        "factorization_Gflop_per_s",
        "attainable_GB_per_s",
        "attainable_Gflop_per_s",
    ),
    "land2": ("load_steps", "newton", "krylov", "solve_cpu_s"),
    "land3": ("load_steps", "newton", "krylov", "solve_cpu_s"),
    "path": (
        "linear_solver",
        "load_steps",
        "newton",
        "krylov",
        "solve_cpu_s",
        "peer_newton",
        "peer_cpu_s",
        "turns",
        "solve_ratio",
        "peer_unaided_newton",
        "solve_ratio_unaided",
        "memory_ratio",
        "apex_apart_mm",
    ),
    "lv-beat": ("time_steps", "newton", "krylov", "solve_cpu_s"),
    "biv-beat": (
        "time_steps",
        "newton",
        "krylov",
        "unloading_and_compile_cpu_s",
        "solve_cpu_s",
        "solve_wall_s",
    ),
    "batch": ("lanes", "rounds", "alone_cpu_s", "together_cpu_s", "ratio"),
    "blood": ("time_steps", "beat_cpu_s"),
    "start": ("import_s", "prepared_s", "first_step_s"),
}
"""What the page shows of each problem, besides mesh, size, memory and answer."""

FEWEST: Final = 3
"""Newton rows of a machine from which a curve is drawn."""

CURVES: Final = (
    ("kept factors", "fresh", "C0o-"),
    ("kept factors", "aged", "C0o--"),
    ("multigrid", "fresh", "C1^-"),
)
"""Linear solver, age of what it keeps, and line of a curve."""

ROOFS: Final = (
    ("kept factors", "product_GB_per_s", "attainable_GB_per_s", "C0v--"),
    ("multigrid", "product_GB_per_s", "attainable_GB_per_s", "C1v--"),
    ("kept factors", "factorization_Gflop_per_s", "attainable_Gflop_per_s", "C0o-"),
)
"""Linear solver, rate that a part reaches, the limit of the machine, and line of a curve."""

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

Columns of a peer are FEniCSx and MUMPS (`benchmarks/fenicsx.py`) on the same file, core, element,
quadrature, laws, loads, first guesses and tolerance, kernels compiled with -O3 for its processor,
both codes in turn (`--peer PYTHON`); the fastest of its `turns` counts. Ratios are its processor
seconds over ours; `apex apart` is how far both answers differ. A step is *fresh* with new factors,
*aged* with factors of half the pressure, *exact* with a linear solve to 1e-5; the peer's is exact.
Multigrid has levels of half the pressure in all three (rows before 29 November: those at hand).
On the path the peer has our first guesses; *unaided* it starts each step from the last
one, which takes more Newton steps: that ratio is one of solvers and of guesses.
A batch and its hearts alone take three turns, the least processor seconds of each count.
Up to 15 000 unknowns (P1/P1: 250 000) rows with multigrid were asked for (`--multigrid`), rows with
factors beyond are older.
Attainable bandwidth is that of adding two vectors beyond any cache; products of small meshes find
part of a matrix in one. On a Linux that gives huge pages on request, meshes of 10 000 cells and
more take a tenth less with `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`; rows are without it.

The first beat of the ellipsoid took fenicsx-pulse 0.12 278 s (6 829 unknowns, 473 Newton steps, EF
62.2 %, peak 112.1 mmHg) on another machine: that ranks, it is no pair.
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
        shown = [_shown(_with_peer(row).get(name, "")) for name in names]
        shown[0] += " *" if _number(row, "load_average") > BUSY * _number(row, "cores") else ""
        lines.append("| " + " | ".join(shown) + " |")
    return lines


def _with_peer(row: Row) -> Row:
    """Row with what it says of a peer among its own columns."""
    peer = row.get("peer")
    if not isinstance(peer, dict):
        return row
    told = {"peer_cpu_s": peer["step_cpu_s"], "peer_newton": peer.get("newton", 1)}
    if "peer_unaided" in row:
        told["peer_unaided_newton"] = row["peer_unaided"]["newton"]
    return row | told


def _column(rows: Sequence[Row], name: str) -> tuple[list[float], list[float]]:
    """Unknowns and a number of the rows that have it."""
    found = [(_number(row, "dofs"), _number(row, name)) for row in rows if name in row]
    return [dofs for dofs, _ in found], [value for _, value in found]


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "–".join(_shown(part) for part in value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _draw(machines: dict[str, list[Row]]) -> None:
    """Time and iterations of a Newton step over unknowns, and how near it comes to the limits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    time, iterations, limits = figure.subplots(1, 3)
    for machine, rows in machines.items():
        newton = [_with_peer(row) for row in rows if row["problem"] == "newton"]
        if len(newton) < FEWEST:
            continue
        for solver, name, line in CURVES:
            mine = [row for row in newton if row.get("linear_solver") == solver]
            label = f"{solver}, {name}, {machine}"
            time.loglog(*_column(mine, f"newton_{name}_cpu_s"), line, label=label)
            iterations.semilogx(*_column(mine, f"krylov_{name}"), line)
        label = f"FEniCSx and MUMPS, the same files, {machine}"
        time.loglog(*_column(newton, "peer_cpu_s"), "ks:", label=label)
        for solver, part, limit, line in ROOFS:
            reached = [r for r in newton if part in r and r.get("linear_solver") == solver]
            share = [_number(row, part) / _number(row, limit) for row in reached]
            label = f"{part.partition('_')[0]}, {solver}"
            limits.semilogx(_column(reached, part)[0], share, line, label=label)
    time.set(xlabel="unknowns", ylabel="processor seconds", title="One Newton step")
    iterations.set(xlabel="unknowns", ylabel="Krylov iterations", title="Linear solves of the step")
    limits.set(xlabel="unknowns", ylabel="achieved / attainable", title="Roofline", ylim=(0, 2.4))
    for axes in (time, iterations, limits):
        axes.grid(alpha=0.3)
        axes.set_xlim(1e4, 1e6)
    limits.legend(fontsize=7, loc="upper right")
    figure.legend(
        *time.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8
    )
    figure.savefig(FIGURE, dpi=130)
