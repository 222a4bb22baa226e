"""Command line: ``python -m benchmarks NAME [--mesh FILE] [--element P2P1] [--json] [--keep]``."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.page import ROWS, keep, write_page

ELEMENTS = ("P2P1", "P1P1")
SIZES = ("5k", "15k", "40k", "90k")
Row = dict[str, object]

PROBLEMS = {
    "newton": ("one Newton step of an inflated ventricle, and its parts", SIZES),
    "land2": ("problem 2 of Land 2015 whole: inflation to 10 kPa", SIZES[:3]),
    "land3": ("problem 3 of Land 2015 whole: contraction against 15 kPa", SIZES[:3]),
    "path": ("contraction to 50 kPa against 15 kPa in 40 equal steps", SIZES[:3]),
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
    options = _parser().parse_args(words)
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
        row = _apart(options, size)
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
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--keep", action="store_true", help="keep the rows for this machine")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser


def _apart(options: argparse.Namespace, size: str) -> Row | None:
    """Row of one size, measured by a fresh process."""
    words = [options.name, "--one", size, "--element", options.element]
    words += ["--quadrature", str(options.quadrature)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[1],
    )
    if done.returncode:
        print(f"{options.name} {size}: ended with code {done.returncode}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def _measured(name: str, size: str, options: argparse.Namespace) -> Row:
    """Measure here and now."""
    from heartsim import runtime

    runtime.start()
    from benchmarks import beats, inflation
    from benchmarks.measure import circumstances

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
