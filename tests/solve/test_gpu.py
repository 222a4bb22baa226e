"""The way of a batch to a GPU, without one."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import jax
import pytest

from heartsim import runtime
from tests.solve.tiny import batched_step

ROOT = Path(__file__).resolve().parents[2]
COMPILER = os.environ.get("HEARTSIM_CUDA_PACKAGES", "")
"""Folder of `pip install --no-deps --target FOLDER jax-cuda12-pjrt jax-cuda12-plugin
nvidia-cuda-nvcc-cu12`: a GPU's compiler that other processes do not see."""


def test_batched_step_lowers_for_cuda_as_one_program():
    step, arrays = batched_step(2)
    exported = jax.export.export(jax.jit(step), platforms=["cuda"])(arrays)
    assert exported.platforms == ("cuda",)
    text = exported.mlir_module()
    assert "callback" not in text
    # Newton's correction, the renewal of factors and the learning of responses stay branches for
    # all lanes: as selections they would be computed in every pass
    assert text.count("stablehlo.case") >= 3


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 8])
def test_batched_step_compiles_for_an_h100(tmp_path, lanes, capsys):
    """Needs the compiler of a GPU, not a GPU; reports the memory plan."""
    if not COMPILER and find_spec("jax_cuda12_plugin") is None:
        pytest.skip("no CUDA compiler: set HEARTSIM_CUDA_PACKAGES, see above")
    done = compiled(tmp_path, lanes)
    assert done.returncode == 0, done.stderr[-3000:]
    plan = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        sys.stdout.write(f"\nmemory plan on an H100: {plan}\n")
    assert 0 < plan["temporary_MB"] < 80_000
    kernels = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*.ptx"))
    assert kernels, "no kernels were dumped"
    loops = set(re.findall(r"atom\S*\.cas\.\S*", kernels))
    assert not loops, f"compare-and-swap: {loops}"


def compiled(dump: Path, lanes: int) -> subprocess.CompletedProcess[str]:
    """Compile in a process of its own, which alone sees the CUDA plugin."""
    toolkit = Path(COMPILER) / "nvidia" / "cuda_nvcc"
    # without a GPU nothing tries the tiles of Triton's products
    flags = [
        *runtime.PLAIN_KERNELS,
        "--xla_gpu_autotune_level=0",
        "--xla_gpu_enable_triton_gemm=false",
        f"--xla_dump_to={dump}",
        f"--xla_gpu_cuda_data_dir={toolkit}",
    ]
    places = [str(ROOT), COMPILER, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "JAX_SKIP_CUDA_CONSTRAINTS_CHECK": "1",
        "XLA_FLAGS": " ".join(flags),
        "PATH": os.pathsep.join([str(toolkit / "bin"), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.solve.accelerator", str(lanes)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
