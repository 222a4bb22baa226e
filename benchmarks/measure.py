"""Clocks, the machine, and what it could do at best."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from heartsim import runtime
from heartsim.equilibrium import Workspace
from heartsim.fem.factorized import Factorized

STREAM: Final = 2**24
"""Numbers of the vectors that measure memory bandwidth: 64 MB each, beyond any cache."""

SQUARE: Final = 2048
"""Rows of the product that measures arithmetic."""

Answer = TypeVar("Answer")


class Spent(NamedTuple):
    """Processor seconds of all threads, and seconds on the wall."""

    cpu: float
    wall: float

    def row(self, name: str) -> dict[str, float]:
        """Two columns."""
        return {f"{name}_cpu_s": round(self.cpu, 5), f"{name}_wall_s": round(self.wall, 5)}


def now() -> Spent:
    """Both clocks of this process."""
    return Spent(time.process_time(), time.perf_counter())


def since(start: Spent) -> Spent:
    """Time since then."""
    end = now()
    return Spent(end.cpu - start.cpu, end.wall - start.wall)


def timed(call: Callable[[], Answer]) -> tuple[Answer, Spent]:
    """Answer of a function when it is really there, and the time until then."""
    start = now()
    answer = jax.block_until_ready(call())
    return answer, since(start)


def best(call: Callable[[], object], times: int = 5) -> Spent:
    """Least time of several calls, after one that may compile."""
    jax.block_until_ready(call())
    return least([timed(call)[1] for _ in range(times)])


def least(spent: Sequence[Spent]) -> Spent:
    """Least of several measurements."""
    return Spent(min(one.cpu for one in spent), min(one.wall for one in spent))


def roofline() -> dict[str, float]:
    """Memory bandwidth and single-precision arithmetic that this process can reach now."""
    a, b = jnp.ones(STREAM, jnp.float32), jnp.ones(STREAM, jnp.float32)
    add = jax.jit(lambda x, y: x + 1.5 * y)
    copied = best(lambda: add(a, b)).wall
    m = jnp.ones((SQUARE, SQUARE), jnp.float32)
    product = jax.jit(lambda x: x @ x)
    multiplied = best(lambda: product(m), 3).wall
    return {
        "attainable_GB_per_s": round(12 * STREAM / copied / 1e9, 2),
        "attainable_Gflop_per_s": round(2 * SQUARE**3 / multiplied / 1e9, 2),
    }


def machine() -> str:
    """Name of this kind of machine, fit for a file name."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        return device.device_kind.replace(" ", "-").lower()
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    words = "".join(c if c.isalnum() else " " for c in model).split()
    return "-".join([*words, f"{os.cpu_count()}-cores"]).lower()


def circumstances() -> dict[str, object]:
    """Where and with what a row was taken."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "machine": machine(),
        "device": jax.devices()[0].platform,
        "cores": os.cpu_count(),
        "load_average": round(load, 2),
        "precision": "float64; tangents, factors and Krylov vectors float32",
        "peak_memory_MB": runtime.peak_memory_MB(),
        "date": date.today().isoformat(),
        "versions": runtime.versions(),
    }


def gigabytes(tree: object) -> float:
    """Size of all arrays [GB]."""
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree)) / 1e9


def solver_of(work: Workspace) -> str:
    """Linear solver of a row, by which rows of one case are told apart."""
    return "kept factors" if isinstance(work.kept, Factorized) else "multigrid"
