"""Settings shared by all tests: double precision, one compile cache per user."""

import os
import sys
from pathlib import Path

import jax
import pytest

from heartsim import runtime

os.environ.setdefault("MPLBACKEND", "Agg")
# tests put wrong functions in the place of right ones, which programs kept between runs would hide
os.environ["HEARTSIM_PROGRAMS"] = "traced"
runtime.use_plain_kernels()
runtime.use_float64()
runtime.use_one_blas_thread()
runtime.use_compile_cache()
jax.config.update("jax_numpy_rank_promotion", "raise")

ROOT = Path(__file__).resolve().parents[1]
SHARED_MESHES = ROOT.parent / "shared" / "meshes"
SLOW_TIMEOUT = 900


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give slow tests a longer leash unless they state their own."""
    if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT))
    if item.get_closest_marker("gpu") and not _has_gpu():
        item.add_marker(pytest.mark.skip(reason="no accelerator here"))


def _has_gpu() -> bool:
    return any(device.platform == "gpu" for device in jax.devices())


@pytest.fixture(scope="session")
def shared_meshes() -> Path:
    """Folder of public meshes kept beside the checkout; skip where it is absent."""
    if not SHARED_MESHES.is_dir():
        pytest.skip("no ../shared/meshes beside this checkout")
    return SHARED_MESHES


@pytest.fixture(scope="session")
def python() -> str:
    """Interpreter for tests that need a fresh process."""
    return sys.executable
