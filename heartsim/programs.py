"""Compiled programs, kept between runs: a later start need not trace what an earlier one met.

JAX's cache of compiled programs is asked with the whole program, so each start traces and lowers
everything anew, which takes longer than to load what was compiled. Here a lowered program is kept
under all that it was made from: the sources of heartsim, the versions below it, the kind of device,
and the arguments apart from the values of their arrays. Where any of these differs it is traced.
What a command loads is noted too: from its second start on a thread loads it while the heart is
made ready.
"""

import hashlib
import io
import multiprocessing
import os
import pickle
import platform
import sys
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum
from functools import cache, update_wrapper
from pathlib import Path
from types import FunctionType
from typing import Final, Generic, NamedTuple, ParamSpec, TypeVar

import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp
import jaxlib
import numpy as np
from jax.core import Tracer

from heartsim.cache import cache_folder
from heartsim.errors import InputError
from heartsim.files import write_file

_P = ParamSpec("_P")
_R = TypeVar("_R")

SWITCH: Final = "HEARTSIM_PROGRAMS"
"""Environment variable: ``kept``, as the command line sets it, or ``traced``, as it is otherwise. A
script may put functions of its own in the place of ours, and our sources would not tell."""

_KNOWN: Final = frozenset({"heartsim", "jax", "jaxlib", "equinox", "numpy", "builtins", "enum"})
"""Packages whose sources or versions name a program: with a law from elsewhere it is traced."""

_DIGEST: Final = hashlib.sha256().digest_size

LOADER: Final = "heartsim loads ahead"
"""Name of the thread that loads what is to come."""

_FORGOTTEN: Final = 90 * 86400.0
"""Time after which a program that nobody loads is thrown away [s]."""


class _Slot(Enum):
    """Stands for an array among arguments or results."""

    ARRAY = 0


class _Loaded(NamedTuple):
    """A compiled program from arrays to arrays, and its result with slots for those."""

    run: Callable[..., Sequence[jax.Array]]
    result: object


class Program(Generic[_P, _R]):
    """A compiled function: arrays are traced, all else is held static.

    Parameters
    ----------
    function : callable
        Pure, and importable by its name.
    """

    __wrapped__: Callable[_P, _R]

    def __init__(self, function: Callable[_P, _R]) -> None:
        self._traced = eqx.filter_jit(function)
        self._loaded: dict[Hashable, _Loaded | None] = {}
        self._turn = threading.RLock()
        update_wrapper(self, function)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run what was compiled for such arguments; in another trace, become part of that."""
        if os.environ.get(SWITCH) != "kept":
            return self._traced(*args, **kwargs)
        tree, fixed, arrays = _apart((args, kwargs))
        if any(isinstance(array, Tracer) for array in arrays):
            return self._traced(*args, **kwargs)
        kinds = tuple((x.shape, x.dtype, getattr(x, "weak_type", False)) for x in arrays)
        key = (tree, fixed, kinds, _device())
        with self._turn:
            if key not in self._loaded:
                self._loaded[key] = self._kept(tree.unflatten(fixed), arrays)
        loaded = self._loaded[key]
        if loaded is None:
            return self._traced(*args, **kwargs)
        return _filled(loaded.result, loaded.run(*arrays))

    def _kept(self, example: object, arrays: Sequence[jax.Array]) -> _Loaded | None:
        """The program for such arguments, traced if it is not there; None if it cannot be kept."""
        try:
            where = _place(self.__wrapped__), self.__wrapped__.__qualname__
            told = _pickled((where, example, [str(jax.typeof(array)) for array in arrays]))
        except _Elsewhere:
            return None
        name = hashlib.sha256(SOURCES + _ground(_device()) + told).hexdigest()
        loaded = _AHEAD.take(name)
        if loaded is None:
            lowered = _lowered(self.__wrapped__, example, arrays)
            # what was imported under other sources than these must not go by their name
            if lowered is not None and _sources() == SOURCES and _written(name, lowered):
                loaded = _read(name)
        return loaded


def _lowered(
    function: Callable[..., object], example: object, arrays: Sequence[jax.Array]
) -> bytes | None:
    """A program from arrays to arrays and its result with slots for those; None if not exported."""
    results = []

    def flat(*given: jax.Array) -> list[jax.Array]:
        args, kwargs = _filled(example, given)
        tree, fixed, found = _apart(function(*args, **kwargs))
        results.append(tree.unflatten(fixed))
        return found

    flat.__name__ = function.__name__
    # a device calls itself "gpu", whoever made it; an export wants to know
    kind = "cpu" if _device().platform == "cpu" else jax.export.default_export_platform()
    try:
        exported = jax.export.export(jax.jit(flat), platforms=[kind])(*arrays)
        return pickle.dumps((bytes(exported.serialize()), results[-1]))
    except (NotImplementedError, ValueError, ImportError, AttributeError, pickle.PicklingError):
        return None


def _apart(whole: object):
    """Structure, leaves with slots for the arrays among them, and these arrays."""
    leaves, tree = jax.tree.flatten(whole)
    fixed = tuple(_Slot.ARRAY if eqx.is_array(leaf) else leaf for leaf in leaves)
    return tree, fixed, [leaf for leaf in leaves if eqx.is_array(leaf)]


def _filled(example, arrays: Sequence[jax.Array]):
    """An example with its slots filled."""
    leaves, tree = jax.tree.flatten(example)
    rest = iter(arrays)
    return tree.unflatten([next(rest) if leaf is _Slot.ARRAY else leaf for leaf in leaves])


class _Elsewhere(Exception):
    """Something is named neither by a version nor by our sources."""


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: object):
        """Refuse classes and functions whose code no known package tells."""
        if isinstance(obj, (type, FunctionType)):
            _place(obj)
        return NotImplemented


def _place(code: Callable[..., object]) -> str:
    if code.__module__.partition(".")[0] not in _KNOWN:
        raise _Elsewhere
    return code.__module__


def _pickled(told: object) -> bytes:
    with io.BytesIO() as file:
        try:
            _Pickler(file).dump(told)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise _Elsewhere from error
        return file.getvalue()


def _device() -> jax.Device:  # pyright: ignore[reportInvalidTypeForm]
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    if chosen is None or isinstance(chosen, str):
        return jax.local_devices(backend=chosen)[0]
    return chosen


def _sources() -> bytes:
    """Hash of the files of heartsim."""
    own, digest = Path(__file__).parent, hashlib.sha256()
    for path in sorted(own.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(own)} {len(content)} ".encode() + content)
    return digest.digest()


SOURCES: Final = _sources()
"""Of what has been imported: the files may change while a process runs."""


@cache
def _ground(device: jax.Device) -> bytes:  # pyright: ignore[reportInvalidTypeForm]
    """What all programs of a device are made from beside our sources: versions, settings."""
    versions = [module.__version__ for module in (jax, jaxlib, eqx, np)]
    kinds = [platform.python_version(), device.platform, device.device_kind]
    settings = sorted(x for x in os.environ.items() if x[0].startswith(("JAX_", "XLA_")))
    return repr([versions, kinds, settings, str(jnp.result_type(float))]).encode()


class _Ahead:
    """Loads in a thread what the same command loaded before, and notes what this one loads."""

    def __init__(self) -> None:
        self._coming: dict[str, Future[_Loaded | None]] = {}
        self._met: dict[str, None] = {}
        self._note: str | None = None

    def begin(self) -> None:
        """Look up what is to come, and begin to load it; once in a process.

        Workers of a study do not: they share the words of the command, not its programs.
        """
        if self._note is not None or multiprocessing.parent_process() is not None:
            return
        words = SOURCES + _ground(_device()) + repr(sys.argv).encode()
        self._note = hashlib.sha256(words).hexdigest()
        names = (_content(self._note) or b"").decode().split()
        self._coming = {name: Future() for name in names}
        threading.Thread(target=self._load, name=LOADER).start()

    def _load(self) -> None:
        for name, coming in self._coming.items():
            # Python waits for its threads when it ends, and what is left is of no use then
            if not threading.main_thread().is_alive():
                return
            if coming.set_running_or_notify_cancel():
                coming.set_result(_read(name))
        _forget()

    def take(self, name: str) -> _Loaded | None:
        """A program that has come or is about to; what the thread has not begun is read here."""
        coming, self._met[name] = self._coming.get(name), None
        if self._note is not None and not self._met.keys() <= self._coming.keys():
            _written(self._note, "\n".join(self._met).encode())
        return _read(name) if coming is None or coming.cancel() else coming.result()


_AHEAD: Final = _Ahead()


def load_ahead() -> None:
    """Begin to load what the same command loaded before. Call once devices are chosen.

    Raises
    ------
    InputError
        If the environment says neither that programs are kept nor that they are traced.
    """
    chosen = os.environ.get(SWITCH, "traced")
    if chosen not in ("kept", "traced"):
        raise InputError(f"{SWITCH}={chosen} in the environment: say kept or traced.")
    if chosen == "kept":
        _AHEAD.begin()


def _folder() -> Path:
    return cache_folder() / "programs"


def _content(name: str) -> bytes | None:
    """What was kept under a name; None where there is nothing, or nothing as it was written."""
    path = _folder() / name
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):  # a cache that cannot be written still serves
        os.utime(path)
    written, payload = content[:_DIGEST], content[_DIGEST:]
    return payload if hashlib.sha256(payload).digest() == written else None


def _read(name: str) -> _Loaded | None:
    """A kept program; None where there is none."""
    try:
        code, result = pickle.loads(_content(name) or b"")
        exported = jax.export.deserialize(bytearray(code))
        return _Loaded(jax.jit(exported.call).lower(*exported.in_avals).compile(), result)
    except Exception:  # noqa: BLE001  (whatever is wrong with a file of a cache: it is made anew)
        return None


def _written(name: str, payload: bytes) -> bool:
    """Keep something; False where the disk takes nothing."""
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file(folder / name, hashlib.sha256(payload).digest() + payload)
    except OSError:
        return False
    return True


def _forget() -> None:
    """Throw away what nobody has loaded for long."""
    for path in _folder().glob("*"):
        with suppress(OSError):  # another process is free to do the same
            if path.stat().st_mtime < time.time() - _FORGOTTEN:
                path.unlink()
