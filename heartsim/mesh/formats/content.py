"""What every reader hands back, and how it refuses."""

from pathlib import Path

import numpy as np

PARTS = ("tet_data", "triangle_data", "point_data", "field_data")


class Unreadable(Exception):
    """The file cannot be used; the message tells why."""


def content(
    points: np.ndarray,
    tets: np.ndarray | None = None,
    triangles: np.ndarray | None = None,
    **data: dict[str, np.ndarray],
) -> dict[str, dict[str, np.ndarray]]:
    """Tables of one mesh; two coordinates are completed by a zero.

    Parameters
    ----------
    points : (n, 2) or (n, 3)
        Coordinates in the unit of the file.
    tets, triangles : (c, 4), (f, 3), optional
        Cells.
    data : mapping of name to array
        ``tet_data``, ``triangle_data``, ``point_data``, ``field_data``.
    """
    points = np.asarray(points, float)
    if points.ndim == 2 and points.shape[1] == 2:
        points = np.column_stack([points, np.zeros(len(points))])
    return {
        "points": {"": points},
        "tets": {"": np.zeros((0, 4), np.int64) if tets is None else tets},
        "triangles": {"": np.zeros((0, 3), np.int64) if triangles is None else triangles},
        **{part: data.get(part, {}) for part in PARTS},
    }


def lines_of(path: Path, marks: str = "#") -> list[list[str]]:
    """Words of each line that is neither empty nor a comment."""
    if not path.is_file():
        raise Unreadable(f"{path.name} should lie beside it and does not")
    text = path.read_text(encoding="ascii", errors="replace")
    rows = (line.split(marks, 1)[0].split() for line in text.splitlines())
    return [row for row in rows if row]


def table(rows: list[list[str]], count: int, width: int, what: str) -> np.ndarray:
    """Numbers (count, width) of the first rows, which must all be there and be long enough.

    The declared count is compared with the rows there are before anything is allocated.
    """
    if count < 0 or count > len(rows):
        raise Unreadable(f"it declares {count} {what} and holds {len(rows)}")
    chosen = [row[:width] for row in rows[:count]]
    if any(len(row) < width for row in chosen):
        raise Unreadable(f"a line of its {what} has fewer than {width} numbers")
    try:
        return np.array(chosen, float).reshape(count, width)
    except ValueError as error:
        raise Unreadable(f"its {what} hold something else than numbers ({error})") from error


def whole(numbers: np.ndarray, what: str) -> np.ndarray:
    """Numbers that must be whole, as integers."""
    if not np.isfinite(numbers).all() or (np.abs(numbers) > 2**53).any():
        raise Unreadable(f"its {what} hold numbers that are not finite")
    result = numbers.astype(np.int64)
    if (result != numbers).any():
        raise Unreadable(f"its {what} hold numbers that are not whole")
    return result


def counted(row: list[str], what: str) -> int:
    """Count at the head of a list."""
    try:
        return int(row[0])
    except (ValueError, IndexError) as error:
        raise Unreadable(f"it starts with {row[:1]} where a number of {what} is due") from error
