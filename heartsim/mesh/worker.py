"""Child process that opens a foreign mesh file and hands back plain arrays.

VTK and other readers may crash, hang or exit on a damaged file, so that no such file is opened in
the main process. Run as a script in isolated mode, with a limit on memory, time and output:
``python -I worker.py FILE FOLDER MEMORY SECONDS``.
"""

import contextlib
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # isolated mode knows no PYTHONPATH

from heartsim.mesh.formats import dolfin, meshio_files, nifti, plain_text, vtk_files, xdmf
from heartsim.mesh.formats.content import Unreadable


def read_legacy(path: Path) -> dict:
    """Read a legacy .vtk file; VTK does not know the number types that meshio writes into it."""
    try:
        return vtk_files.read(path)
    except Unreadable as error:
        if "Unsupported data type" not in str(error):
            raise
    return meshio_files.read(path)


READERS = {
    **dict.fromkeys((".vtu", ".vtp", ".stl", *vtk_files.EXODUS), vtk_files.read),
    **dict.fromkeys((".msh", ".inp", ".ply", ".obj", ".off", ".med", ".mesh"), meshio_files.read),
    **dict.fromkeys(plain_text.CARP, plain_text.read_carp),
    **dict.fromkeys(plain_text.TETGEN, plain_text.read_tetgen),
    ".vtk": read_legacy,
    **dict.fromkeys((".nii", ".gz"), nifti.read),
    ".xdmf": xdmf.read,
    ".h5": dolfin.read,
}


def main(arguments: list[str]) -> int:
    """Read one file and write its arrays and a manifest."""
    path, folder = Path(arguments[0]), Path(arguments[1])
    memory, seconds = int(arguments[2]), int(arguments[3])
    limit(memory, seconds)
    try:
        content = READERS[path.suffix.lower()](path)
    except (Unreadable, MemoryError) as error:
        return refuse(folder, str(error) or "it needs more memory than allowed")
    except Exception:  # noqa: BLE001  a library's words about its own insides help nobody
        return refuse(folder, f"it does not hold what a {path.suffix} file should")
    save(content, folder)
    return 0


def refuse(folder: Path, reason: str) -> int:
    """Leave a reason behind."""
    (folder / "error.txt").write_text(reason, encoding="utf-8")
    return 3


def limit(memory: int, seconds: int) -> None:
    """Bound memory, processor time and output of this process where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the parent still stops a child that takes too long
        return
    bounds = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: (memory, memory),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, values in bounds.items():
        with contextlib.suppress(ValueError, OSError):  # macOS knows no bound on memory
            resource.setrlimit(kind, values)


def save(content: dict, folder: Path) -> None:
    """Write arrays as .npy and a manifest that names them; numbers only."""
    manifest: dict[str, dict[str, str]] = {}
    count = 0
    for group, arrays in content.items():
        manifest[group] = {}
        for name, array in arrays.items():
            if array.dtype.kind not in "fiub":
                continue
            plain = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
            np.save(folder / f"{count}.npy", plain, allow_pickle=False)
            manifest[group][name] = f"{count}.npy"
            count += 1
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
