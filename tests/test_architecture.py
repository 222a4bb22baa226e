"""Rules of the tree: short modules, lazy start, public names that exist."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_MODULE = 400


def in_fresh_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_modules_stay_short():
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "heartsim").rglob("*.py")
    }
    assert {path: n for path, n in lengths.items() if n > LONGEST_MODULE} == {}


@pytest.mark.parametrize("module", ["heartsim", "heartsim.cli", "heartsim.scenario"])
def test_start_up_imports_neither_jax_nor_vtk(module):
    heavy = ("jax", "vtk", "vtkmodules", "pyvista", "scipy", "matplotlib", "pandas")
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    assert in_fresh_process(code) == "[]"


def test_every_public_name_exists():
    code = "import heartsim as hs; print([n for n in hs.__all__ if getattr(hs, n) is None])"
    assert in_fresh_process(code) == "[]"


def test_functions_keep_their_names_although_modules_share_them():
    code = (
        "import heartsim.run, heartsim.compare, heartsim as hs\n"
        "print(callable(hs.run), callable(hs.compare))"
    )
    assert in_fresh_process(code) == "True True"


def test_unknown_public_name_is_an_attribute_error():
    code = "import heartsim as hs; print(hasattr(hs, 'simulate'))"
    assert in_fresh_process(code) == "False"
