"""Foreign mesh files as plain arrays, read in a child process with limits."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import MeshError

GIBIBYTE = 2**30
MOST_BYTES = 2 * GIBIBYTE
MOST_CELLS = 50_000_000
MOST_NAMES = 1000
HEADER_BYTES = 2**20

SUFFIXES = (
    *(".vtu", ".vtk", ".vtp", ".stl", ".ply", ".obj", ".off", ".e", ".exo", ".ex2"),
    *(".msh", ".inp", ".med", ".mesh", ".xdmf"),
    *(".pts", ".elem", ".node", ".ele", ".nii", ".nii.gz", ".h5"),
)
LEAST_MEMORY, MOST_MEMORY = 3 * GIBIBYTE // 2, 16 * GIBIBYTE
LEAST_SECONDS, MOST_SECONDS = 5, 600
WAIT = 12  # on a busy machine a second of processor time takes several


@dataclass(frozen=True)
class RawMesh:
    """Content of a mesh file before anything has a meaning.

    Attributes
    ----------
    points : (n, 3) float
        Coordinates, in the unit of the file.
    tets, triangles : (c, 4), (f, 3) int
        Cells of the two kinds.
    tet_data, triangle_data, point_data, field_data : mapping of name to array
        Numbers on cells, nodes and the whole file.
    """

    points: Float[np.ndarray, "nodes 3"]
    tets: Int[np.ndarray, "cells 4"]
    triangles: Int[np.ndarray, "facets 3"]
    tet_data: Mapping[str, np.ndarray]
    triangle_data: Mapping[str, np.ndarray]
    point_data: Mapping[str, np.ndarray]
    field_data: Mapping[str, np.ndarray]


def read_raw(path: str | Path, *, memory: int | None = None, seconds: int | None = None) -> RawMesh:
    """Open a mesh file in a child process and check what comes back.

    Parameters
    ----------
    path : path
        A file in one of the formats in `SUFFIXES`.
    memory : int, optional
        Address space of the child process [bytes]; by default 1.5 GiB and 40 times the file, so
        that a small file cannot make it allocate much.
    seconds : int, optional
        Processor time of the child process [s]; by default 5 s and 4 s for each megabyte.

    Raises
    ------
    MeshError
        If the file is absent, too large, damaged, or holds other cells.
    """
    path = Path(path)
    _check_file(path)
    size = sum(other.stat().st_size for other in _family(path))
    memory = memory or min(LEAST_MEMORY + 40 * size, MOST_MEMORY)
    if seconds is None:
        seconds = min(LEAST_SECONDS + 4 * size // 10**6, MOST_SECONDS)
    with tempfile.TemporaryDirectory(prefix="heartsim-read-") as name:
        folder = Path(name)
        _run_worker(path, folder, memory, seconds)
        return _collect(path.name, folder)


def _family(path: Path) -> list[Path]:
    """Files that make up a mesh: those beside it with the same name and a suffix we read."""
    beside = {path}
    if path.suffix.lower() in (".pts", ".elem", ".node", ".ele"):
        kin = (".pts", ".elem", ".lon", ".surf", ".node", ".ele", ".face")
        beside |= {path.with_suffix(suffix) for suffix in kin}
    elif path.suffix.lower() == ".xdmf":
        beside.add(path.with_suffix(".h5"))
    return [other for other in beside if other.is_file()]


def suffix_of(path: Path) -> str:
    """End of a file name that tells its format."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def _check_file(path: Path) -> None:
    """Refuse what can be refused without opening the file for real."""
    if not path.is_file():
        raise MeshError(f"{path}: there is no such file. Check the path.")
    suffix = suffix_of(path)
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise MeshError(f"{path.name}: files of type {suffix!r} are not read. Known: {known}.")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise MeshError(
            f"{path.name}: {size / GIBIBYTE:.1f} GiB, at most {MOST_BYTES // GIBIBYTE} GiB are "
            "read. Coarsen the mesh or drop data arrays."
        )
    if suffix == ".vtu":
        _check_header(path, size)


def _check_header(path: Path, size: int) -> None:
    """Look at the start of a VTU file: right kind, no document type, believable counts."""
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if not re.match(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<VTKFile", head, re.DOTALL):
        raise MeshError(
            f"{path.name}: not a VTU file (it does not start with <VTKFile>). Export the mesh as "
            "XML unstructured grid, for example from ParaView."
        )
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise MeshError(f"{path.name}: it declares XML entities, which no mesh needs. Refused.")
    if b'type="UnstructuredGrid"' not in head:
        raise MeshError(f"{path.name}: not an unstructured grid. Export tetrahedra as .vtu.")
    for kind, number in re.findall(rb'NumberOf(Points|Cells)\s*=\s*"([^"]{0,40})"', head):
        name = kind.decode().lower()
        if not re.fullmatch(rb"\d+", number):
            raise MeshError(
                f"{path.name}: its number of {name} is {number.decode(errors='replace')!r}. "
                "It is damaged; export it again."
            )
        if int(number) > MOST_CELLS or int(number) > 1000 * size:
            raise MeshError(
                f"{path.name}: it declares {int(number):,} {name} in a file of {size:,} bytes "
                f"(at most {MOST_CELLS:,} are read). It is damaged, hostile or too large."
            )


def _run_worker(path: Path, folder: Path, memory: int, seconds: int) -> None:
    """Run the child process and turn its end into a message."""
    command = [sys.executable, "-I", str(Path(__file__).resolve().with_name("worker.py"))]
    command += [str(path.resolve()), str(folder), str(memory), str(seconds)]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            timeout=WAIT * seconds,
            check=False,
            # each thread of a numerical library would reserve address space
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise MeshError(
            f"{path.name}: reading took more than {WAIT * seconds} s and was stopped. "
            "It is damaged or too large."
        ) from error
    if done.returncode == 0:
        return
    note = folder / "error.txt"
    if note.is_file():
        reason = note.read_text(encoding="utf-8", errors="replace")[:400].strip()
    elif done.returncode in (-int(getattr(signal, "SIGXCPU", 24)), -9):
        reason = f"it took more than {seconds} s of processor time"
    elif done.returncode < 0:
        reason = f"it crashed the reader (signal {-done.returncode})"
    else:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["unknown reason"]
        reason = f"its reader stopped: {lines[-1][:300]}"
    raise MeshError(f"{path.name}: cannot be read, {reason}. The file is damaged; export it again.")


def _collect(name: str, folder: Path) -> RawMesh:
    """Load the arrays that the child wrote and check their shapes."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if sum(len(arrays) for arrays in manifest.values()) > MOST_NAMES:
        raise MeshError(f"{name}: more than {MOST_NAMES} data arrays. Export fewer.")
    groups = {
        group: {key: np.load(folder / file, allow_pickle=False) for key, file in arrays.items()}
        for group, arrays in manifest.items()
    }
    points, tets, triangles = (groups[part][""] for part in ("points", "tets", "triangles"))
    if points.ndim != 2 or points.shape[1] != 3:
        raise MeshError(f"{name}: its points have shape {points.shape}; three coordinates are due.")
    _check_indices(name, len(points), tets, "tetrahedra")
    _check_indices(name, len(points), triangles, "triangles")
    return RawMesh(
        points=points,
        tets=tets,
        triangles=triangles,
        tet_data=groups["tet_data"],
        triangle_data=groups["triangle_data"],
        point_data=groups["point_data"],
        field_data=groups["field_data"],
    )


def _check_indices(name: str, nodes: int, cells: Int[np.ndarray, "cells k"], kind: str) -> None:
    """Refuse cells that point outside the list of nodes."""
    wrong = ((cells < 0) | (cells >= nodes)).any(axis=1)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise MeshError(
            f"{name}: {np.count_nonzero(wrong)} {kind} use nodes that do not exist "
            f"(first: number {first}, nodes {cells[first].tolist()} of {nodes}). "
            "The file is damaged; export it again."
        )
