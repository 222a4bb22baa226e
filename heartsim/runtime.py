"""Precision, device and compile cache: the only module that writes ``jax.config``."""

import gc
import os
import platform
import resource
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Final

import jax
import jax.numpy as jnp
import scipy.linalg  # noqa: F401  (loads the BLAS behind jax.numpy.linalg, to be limited here)
from jax._src import compilation_cache
from jax._src.lru_cache import LRUCache
from threadpoolctl import threadpool_limits

from heartsim.cache import cache_folder
from heartsim.errors import InputError, PrecisionError
from heartsim.programs import LOADER, load_ahead

PLAIN_KERNELS: Final = ("--xla_cpu_use_fusion_emitters=false", "--xla_gpu_ftz=true")
"""XLA makes CPU kernels the older way, which is quicker to compile and here to run; and a GPU adds
single-precision numbers by its own instruction, not by a loop of compare-and-swap."""

KNOWN_TO: Final = (0, 12)
"""First version of JAX in which these were not looked for: XLA ends at a flag it does not know."""


def use_float64() -> None:
    """Switch JAX to double precision. Call before building arrays."""
    jax.config.update("jax_enable_x64", True)


def require_float64() -> None:
    """Refuse to go on in single precision.

    Raises
    ------
    PrecisionError
        If JAX is in its default float32 mode.
    """
    if jnp.zeros(()).dtype != jnp.float64:
        raise PrecisionError(
            "arrays are float32, but mechanics needs float64. "
            "Call heartsim.runtime.use_float64() before building arrays."
        )


class WholeEntries(LRUCache):
    """JAX's cache of compiled programs, its entries complete or not there.

    JAX writes them in place: processes that start together read halves of each other's, and one
    that is killed leaves a half that each later one reads and none replaces. Nothing is thrown out.
    """

    def put(self, key: str, value: bytes) -> None:
        """Write an entry aside, then give it its name."""
        place = Path(self.path) / f"{key}-cache"
        if not place.exists():
            aside = place.with_name(f".{key}.{os.getpid()}.{threading.get_ident()}")
            try:
                aside.write_bytes(value)
                aside.replace(place)
            finally:
                aside.unlink(missing_ok=True)


def use_compile_cache() -> Path:
    """Keep compiled programs between runs, so that a second start takes seconds."""
    folder = cache_folder() / "compiled"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    compilation_cache.LRUCache = WholeEntries  # pyright: ignore[reportPrivateImportUsage]
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return folder


def use_one_blas_thread() -> None:
    """Leave parallel work to XLA: threads of a second pool wait actively and take its cores.

    Front by front the dense inverses are small; with two pools on two cores a factorization took
    2 to 17 times as long.
    """
    threadpool_limits(limits=1, user_api="blas")


def use_plain_kernels() -> None:
    """Say how XLA makes kernels. Call before anything is computed; later it has no effect.

    Ventricle of 3 180 P2 tets: the step compiles in 14 instead of 26 CPU-s, and element tangents
    take 14 to 21 instead of 58 µs a cell. What the user sets in ``XLA_FLAGS`` stays.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if jax.__version_info__ < KNOWN_TO:
        new = [flag for flag in PLAIN_KERNELS if flag.partition("=")[0] not in flags]
        os.environ["XLA_FLAGS"] = " ".join([flags, *new]).strip()


def choose_device(name: str | None = None) -> jax.Device:  # pyright: ignore[reportInvalidTypeForm]
    """Select ``"cpu"``, ``"gpu"`` or, without a name, JAX_DEFAULT_DEVICE or the best at hand.

    Raises
    ------
    InputError
        If the device asked for is not there.
    """
    wanted = name or os.environ.get("JAX_DEFAULT_DEVICE")
    if not wanted:
        return jax.devices()[0]
    try:
        device = jax.devices(wanted)[0]
    except RuntimeError as error:
        present = ", ".join(sorted({d.platform for d in jax.devices()}))
        source = f"--device {name}" if name else f"JAX_DEFAULT_DEVICE={wanted}"
        raise InputError(
            f"{source}: no such device. Found: {present}. "
            "For a GPU install jax with CUDA: pip install 'heartsim[gpu]'."
        ) from error
    jax.config.update("jax_default_device", device)
    return device


def start(device: str | None = None) -> jax.Device:  # pyright: ignore[reportInvalidTypeForm]
    """Double precision, kernels, one pool of threads, compile cache and device in one call.

    What has been imported by then lives as long as the process: the garbage collector passes it
    over, a tenth of a start. What the same command loaded before begins to load.
    """
    gc.freeze()
    use_plain_kernels()
    use_float64()
    use_one_blas_thread()
    use_compile_cache()
    chosen = choose_device(device)
    load_ahead()
    return chosen


class CompileClock:
    """Counts the seconds for which XLA's compiling is waited for, from its creation on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        jax.monitoring.register_event_duration_secs_listener(self._listen)

    def _listen(self, event: str, duration: float, **_: str | int) -> None:
        ahead = threading.current_thread().name == LOADER
        if event == "/jax/core/compile/backend_compile_duration" and not ahead:
            self.seconds += duration


def peak_memory_MB() -> int:
    """Largest resident size of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    names = ("heartsim", "jax", "jaxlib", "equinox", "numpy", "scipy", "pyamg", "mmgpy")
    found = {name: version(name) for name in names}
    return {"python": platform.python_version(), **found}
