"""Flags for XLA: set once, and what the user set stays. Compiled programs: whole or not there."""

import os
from pathlib import Path

import jax
import pytest
from jax._src import compilation_cache

from heartsim import runtime
from heartsim.errors import InputError


@pytest.mark.parametrize("given", ["", "--xla_dump_to=here", "--xla_gpu_ftz=false"])
def test_flags_of_the_user_stay(monkeypatch, given):
    monkeypatch.setenv("XLA_FLAGS", given)
    runtime.use_plain_kernels()
    runtime.use_plain_kernels()
    flags = os.environ["XLA_FLAGS"].split()
    names = [flag.partition("=")[0] for flag in flags]
    assert len(set(names)) == len(names)
    assert set(given.split()) <= set(flags)
    assert {flag.partition("=")[0] for flag in runtime.PLAIN_KERNELS} <= set(names)


def test_versions_nobody_looked_at_get_no_flag(monkeypatch):
    """XLA ends the process at a flag that it does not know."""
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(runtime, "KNOWN_TO", (0, 0))
    runtime.use_plain_kernels()
    assert os.environ["XLA_FLAGS"] == ""


@pytest.mark.parametrize("given", [None, "no-such-device"])
def test_a_device_that_is_not_there_is_refused_by_the_name_it_was_given(monkeypatch, given):
    monkeypatch.setenv("JAX_DEFAULT_DEVICE", "elsewhere")
    with pytest.raises(InputError) as refused:
        runtime.choose_device(given)
    asked = f"--device {given}" if given else "JAX_DEFAULT_DEVICE=elsewhere"
    assert str(refused.value).startswith(asked)


def test_no_process_reads_half_of_a_compiled_program(tmp_path, monkeypatch):
    """Two of a test run's workers started together; one met an entry that was being written."""
    program, whole, seen = b"instructions", Path.write_bytes, []
    cache = runtime.WholeEntries(str(tmp_path), max_size=-1)

    def interrupted(path, data):
        whole(path, data[: len(data) // 2])
        seen.append(cache.get("step"))
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", interrupted)
        with pytest.raises(OSError, match="killed"):
            cache.put("step", program)
    assert seen == [None]
    assert cache.get("step") is None
    assert not list(tmp_path.iterdir())
    cache.put("step", program)
    cache.put("step", b"another")
    assert cache.get("step") == program


def test_jax_keeps_its_programs_there():
    jax.jit(lambda x: 3.0 * x)(1.0)
    assert isinstance(compilation_cache._get_cache(jax.devices()[0].client), runtime.WholeEntries)
