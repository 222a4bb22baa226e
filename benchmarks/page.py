"""Rows on disk, one file a machine, and the page that shows them."""

import json
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
ROWS: Final = Path(__file__).resolve().parent / "rows"
PAGE: Final = ROOT / "docs" / "benchmarks.md"

Row = dict[str, object]


def keep(row: Row) -> None:
    """Put a row into the file of its machine, in place of an older one of the same case."""
    ROWS.mkdir(exist_ok=True)
    path = ROWS / f"{row['machine']}.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    rows = [old for old in rows if _case(old) != _case(row)] + [row]
    rows.sort(key=lambda one: (str(one["problem"]), str(one["element"]), one.get("dofs", 0)))
    path.write_text(json.dumps(rows, indent=1) + "\n")


def _case(row: Row) -> tuple[object, ...]:
    return tuple(row.get(name) for name in ("problem", "size", "element", "quadrature_points"))


def write_page() -> list[Path]:
    """Write docs/benchmarks.md and its figure."""
    return []
