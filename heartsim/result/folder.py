"""Folders that are complete or not there: write aside, flush to disk, rename."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heartsim.errors import ResultError


@contextmanager
def new_folder(folder: str | Path, *, last: str) -> Iterator[Path]:
    """Write a folder so that a crash never leaves a half-written one that looks finished.

    The block writes into a temporary sibling. At the end its files are flushed to disk and the
    sibling is renamed. If `folder` exists already, e.g. with checkpoints in it, the marker `last`
    is removed first and the new files move in one by one, `last` at the end.

    Parameters
    ----------
    folder : path
        Where the folder will be.
    last : str
        File whose presence means "finished", such as ``"indices.json"``.

    Yields
    ------
    Path
        Temporary folder to write into.

    Raises
    ------
    ResultError
        If `folder` is a file.
    """
    target = Path(folder).absolute()
    if target.exists() and not target.is_dir():
        raise ResultError(f"{target} is a file; results need a folder. Choose another name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield aside
        aside.chmod(0o755)
        _flush(aside)
        if target.exists():
            _move_in(aside, target, last)
        else:
            aside.replace(target)
        _flush_folder(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def finished(folder: str | Path, *, last: str = "indices.json") -> bool:
    """Whether a folder holds a complete result."""
    return (Path(folder) / last).is_file()


def _move_in(aside: Path, target: Path, last: str) -> None:
    """Replace the files of an existing folder, the marker first out and last in."""
    (target / last).unlink(missing_ok=True)
    _flush_folder(target)
    for item in sorted(aside.iterdir(), key=lambda path: path.name == last):
        old = target / item.name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        item.replace(old)
    _flush_folder(target)


def _flush(folder: Path) -> None:
    """Force all files and folders below `folder` onto the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            _flush_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
