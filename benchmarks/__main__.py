"""Command line: ``python -m benchmarks NAME [--mesh FILE] [--element P2P1] [--json] [--keep]``.

With ``--peer PYTHON``, a Python that has DOLFINx, PETSc and meshio, ``newton`` and ``path`` are
also timed with `benchmarks/fenicsx.py`: both codes in turn on one core and one mesh file, the path
of the peer with our first guesses, and once more without.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from benchmarks.page import ROWS, keep, write_page

ELEMENTS = ("P2P1", "P1P1")
SIZES = ("5k", "15k", "40k", "90k")
Row = dict[str, object]

PAIRED = {"newton": "newton_fresh_cpu_s", "path": "solve_cpu_s"}
"""Problems that the peer solves too, and by which column the faster turn is told."""

TURNS = 2
"""How often both codes are timed, one after the other; the faster time of each counts."""

PROBLEMS = {
    "newton": ("one Newton step of an inflated ventricle, and its parts", SIZES),
    "land2": ("problem 2 of Land 2015 whole: inflation to 10 kPa", SIZES[:3]),
    "land3": ("problem 3 of Land 2015 whole: contraction against 15 kPa", SIZES[:3]),
    "path": ("contraction to 50 kPa against 15 kPa in 40 equal steps", ("5k", "15k", "30k", "40k")),
    "lv-beat": ("first beat of an ellipsoid in the peer's closed loop, 80 steps", ("5k",)),
    "biv-beat": (
        "unloading, one beat of a biventricular heart in its circulation",
        ("biventricle",),
    ),
    "batch": ("1, 8 or 32 hearts in one compiled step, 20 steps of a beat", ("1", "8", "32")),
    "blood": ("one beat of the healthy adult's lumped circulation", ("400",)),
    "start": ("second start of a run, until the first step of its beat", ("biventricle",)),
}
"""What each benchmark is, and the sizes it runs by default."""


def main(words: Sequence[str] | None = None) -> int:
    """Run a benchmark, a process for each size; or draw the page from the rows."""
    parser = _parser()
    options = parser.parse_args(words)
    if options.peer and (options.name not in PAIRED or options.element != "P2P1"):
        parser.error(
            f"--peer: {options.name} with {options.element} has no other side. Pair "
            f"{' or '.join(PAIRED)} with P2P1."
        )
    if options.peer and not which(options.peer):
        parser.error(f"--peer {options.peer}: no such program. Name a Python that has DOLFINx.")
    if options.name == "page":
        for path in write_page():
            print(path)
        return 0
    if options.one is not None:
        print(json.dumps(_measured(options.name, options.one, options)))
        return 0
    given = [str(Path(options.mesh).absolute())] if options.mesh else None
    sizes = given or options.sizes or list(PROBLEMS[options.name][1])
    status, rows = 0, []
    for size in sizes:
        row = _paired(options, size) if options.peer else _apart(options, size)
        if row is None:
            status = 1
            continue
        rows.append(row)
        print(json.dumps(row) if options.json else _line(row), flush=True)
        if options.keep:
            keep(row)
    if options.keep and rows:
        print(f"kept in {ROWS}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="; ".join(f"{name}: {text}" for name, (text, _) in PROBLEMS.items()),
    )
    parser.add_argument("name", choices=[*PROBLEMS, "page"])
    parser.add_argument("--mesh", help="file of the Land ellipsoid, in any unit, or of a heart")
    parser.add_argument("--element", choices=ELEMENTS, default="P2P1")
    parser.add_argument("--sizes", nargs="+", help="other sizes, such as 150k 275k 500k; or lanes")
    parser.add_argument("--quadrature", type=int, default=2, help="exactness of the volume rule")
    parser.add_argument("--multigrid", action="store_true", help="also where factors are kept")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--keep", action="store_true", help="keep the rows for this machine")
    parser.add_argument("--peer", metavar="PYTHON", help="pair with FEniCSx in this Python")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser


def _apart(options: argparse.Namespace, size: str) -> Row | None:
    """Row of one size, measured by a fresh process."""
    words = [sys.executable, "-m", "benchmarks", options.name, "--one", size]
    words += ["--element", options.element, "--quadrature", str(options.quadrature)]
    words += ["--multigrid"] if options.multigrid else []
    return _printed(words, f"{options.name} {size}")


def _printed(words: Sequence[str], what: str) -> Row | None:
    """Row that a process prints last."""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False, cwd=root)
    if done.returncode:
        print(f"{what}: ended with code {done.returncode}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def _paired(options: argparse.Namespace, size: str) -> Row | None:
    """Row of one size, and beside it that of FEniCSx on the same file and the same core."""
    key = PAIRED[options.name]
    with TemporaryDirectory() as folder:
        mesh = size if Path(size).is_file() else _written(size, Path(folder) / f"{size}.vtu")
        words = [options.peer, "benchmarks/fenicsx.py", options.name, mesh]
        words += ["--quadrature", str(options.quadrature)]
        turns = [(_apart(options, mesh), _printed(words, "FEniCSx")) for _ in range(TURNS)]
        unaided = _printed([*words, "--unaided"], "FEniCSx") if options.name == "path" else {}
    ours, theirs = zip(*turns, strict=True)
    if None in ours or None in theirs:
        return None
    row = min(ours, key=lambda one: one[key])
    peer = min(theirs, key=lambda one: one["step_cpu_s"])
    ratios = {
        f"{name}_ratio": round(peer["step_cpu_s"] / row[f"{name}_cpu_s"], 2)
        for name in ("newton_fresh", "newton_aged", "newton_exact", "solve")
        if f"{name}_cpu_s" in row
    }
    apart = max(abs(peer["answer"][name] - row["answer"][name]) for name in peer["answer"])
    row |= {"size": Path(size).stem, "peer": peer, "turns": TURNS, "apex_apart_mm": apart}
    row |= ratios
    if unaided:
        # one run against one: that of ours next to it
        ratio = round(unaided["step_cpu_s"] / ours[-1]["solve_cpu_s"], 2)
        row |= {"peer_unaided": unaided, "solve_ratio_unaided": ratio}
    return row | {"memory_ratio": round(peer["peak_memory_MB"] / row["peak_memory_MB"], 2)}


def _written(size: str, path: Path) -> str:
    """Write a mesh of the ladder to a file that both codes read."""
    import meshio

    from benchmarks.ventricle import shell

    found = shell(size)
    meshio.write_points_cells(path, found.points, [("tetra", found.tets)])
    return str(path)


def _measured(name: str, size: str, options: argparse.Namespace) -> Row:
    """Measure here and now."""
    from heartsim import programs, runtime

    if name == "start":
        os.environ[programs.SWITCH] = "kept"
    runtime.start()
    from benchmarks import beats, inflation
    from benchmarks.measure import circumstances
    from heartsim import equilibrium

    if options.multigrid:
        equilibrium.LARGEST_FACTORIZED = dict.fromkeys(ELEMENTS, 0)
        equilibrium.LARGEST_SHARED = dict.fromkeys(ELEMENTS, 0)
    clock = runtime.CompileClock()
    walls: dict[str, Callable[[], Row]] = {
        "newton": lambda: inflation.newton(size, options.element, options.quadrature),
        "land2": lambda: inflation.whole("land2", size, options.element, options.quadrature),
        "land3": lambda: inflation.whole("land3", size, options.element, options.quadrature),
        "path": lambda: inflation.path(size, options.element, options.quadrature),
        "lv-beat": lambda: beats.left_ventricle(size, options.element),
        "biv-beat": lambda: beats.biventricle(size, options.element),
        "batch": lambda: beats.batch(int(size), options.element),
        "blood": lambda: beats.blood(int(size)),
        "start": lambda: beats.second_start(size, options.element),
    }
    row = {"problem": name, "size": Path(size).name} | walls[name]()
    return circumstances() | row | {"compile_s": round(clock.seconds, 2)}


def _line(row: Row) -> str:
    """Row for a person."""
    hidden = ("versions", "problem", "precision", "machine", "date")
    parts = [f"{key} {_short(value)}" for key, value in row.items() if key not in hidden]
    return f"{row['problem']}: " + ", ".join(parts)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{k} {_short(v)}" for k, v in value.items()) + ")"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
