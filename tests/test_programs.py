"""Programs kept between runs: the same answers, never those of other code."""

import os
import sys
import threading

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from heartsim import equilibrium, programs, runtime
from heartsim.circulation.adult import healthy_adult
from heartsim.circulation.periodic import run_beat
from heartsim.coupling import solve_step
from heartsim.errors import InputError
from heartsim.fem import space as spaces
from heartsim.programs import Program
from tests.solve.tiny import ventricle

POINTS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 2]])
CELLS = np.arange(4, dtype=np.int32)[None]


class Doubled(eqx.Module):
    """A law of somebody else."""

    factor: float = 2.0


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where programs are kept in this test."""
    monkeypatch.setenv(programs.SWITCH, "kept")
    monkeypatch.setenv("HEARTSIM_CACHE", str(tmp_path))
    return tmp_path / "programs"


@pytest.fixture
def never_traced(monkeypatch):
    """Call it, and nothing may be traced from then on."""

    def refuse(*_):
        raise AssertionError("traced once more")

    return lambda: monkeypatch.setattr(programs, "_lowered", refuse)


def geometry() -> Program:
    """The program as a new process would have it."""
    return Program(spaces._geometry.__wrapped__)


def names(folder):
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_later_start_traces_nothing(folder, never_traced):
    first = geometry()(POINTS, CELLS)
    never_traced()
    second = geometry()(POINTS, CELLS)
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)
    assert_allclose(second[1], 1 / 3)


def test_results_keep_what_is_no_array(folder, never_traced):
    """A beat takes modules and a number held static, and returns dictionaries by name."""
    loop, state = healthy_adult()
    expected = run_beat(loop, state, 50)
    Program(run_beat)(loop, state, 50)
    never_traced()
    found = Program(run_beat)(loop, state, 50)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert_allclose(one, other, rtol=1e-12)


def test_other_shapes_and_choices_are_other_programs(folder):
    geometry()(POINTS, CELLS)
    geometry()(POINTS, np.repeat(CELLS, 2, axis=0))
    loop, state = healthy_adult()
    Program(run_beat)(loop, state, 50)
    Program(run_beat)(loop, state, 60)
    assert len(names(folder)) == 4


def test_other_sources_are_other_programs(folder, monkeypatch):
    geometry()(POINTS, CELLS)
    monkeypatch.setattr(programs, "SOURCES", b"after an upgrade")
    monkeypatch.setattr(programs, "_sources", lambda: b"after an upgrade")
    geometry()(POINTS, CELLS)
    assert len(names(folder)) == 2


def test_scripts_are_traced(folder, monkeypatch):
    """What a script puts in the place of our functions would not be seen in a kept program."""
    monkeypatch.delenv(programs.SWITCH)
    geometry()(POINTS, CELLS)
    assert names(folder) == set()


def test_code_from_elsewhere_is_not_kept(folder):
    def twice(x, law):
        return law.factor * x

    assert Program(twice)(jnp.ones(2), Doubled()).tolist() == [2.0, 2.0]
    passed = Program(spaces._geometry.__wrapped__)
    assert passed._kept(((POINTS, Doubled()), {}), [POINTS]) is None
    assert names(folder) == set()


def _cut(content):
    return content[:100]


def _flipped(content):
    """One bit, which the format of the program does not notice, and its reader may not survive."""
    return content[:2067] + bytes([content[2067] ^ 16]) + content[2068:]


@pytest.mark.parametrize("damage", [_cut, _flipped])
def test_a_damaged_program_is_made_anew(folder, damage):
    volume = geometry()(POINTS, CELLS)[1]
    (path,) = folder.iterdir()
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    assert programs._read(path.name) is None
    assert_array_equal(geometry()(POINTS, CELLS)[1], volume)
    assert programs._read(path.name) is not None
    assert len(names(folder)) == 1


def test_sources_that_change_under_a_process_are_not_given_its_programs(folder, monkeypatch):
    """What was imported before is not what the files say now."""
    monkeypatch.setattr(programs, "_sources", lambda: b"edited since")
    assert_allclose(geometry()(POINTS, CELLS)[1], 1 / 3)
    assert names(folder) == set()


def test_each_file_and_each_name_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "__file__", str(tmp_path / "programs.py"))
    found = set()
    for name, text in (("a.py", "x = 1"), ("a.py", "x = 2"), ("b.py", ""), ("c/d.py", "x")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        found.add(programs._sources())
    (tmp_path / "b.py").rename(tmp_path / "e.py")
    found.add(programs._sources())
    assert len(found) == 5


def test_what_cannot_be_exported_is_traced(folder, monkeypatch):
    def shown(points):
        jax.debug.print("points {x}", x=points)
        return points.sum()

    monkeypatch.setattr(shown, "__module__", "heartsim.fem.space")
    assert float(Program(shown)(POINTS)) == 4.0
    assert names(folder) == set()


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_device_may_be_given_by_name(folder, device):
    with jax.default_device(device):
        assert_allclose(geometry()(POINTS, CELLS)[1], 1 / 3)
    assert len(names(folder)) == 1


def test_a_folder_that_takes_nothing_costs_only_time(folder):
    folder.write_text("a file where the folder should be")
    assert_allclose(geometry()(POINTS, CELLS)[1], 1 / 3)


def test_a_setting_that_means_nothing_is_refused(monkeypatch):
    monkeypatch.setenv(programs.SWITCH, "keep")
    with pytest.raises(InputError, match="HEARTSIM_PROGRAMS=keep"):
        programs.load_ahead()


@pytest.fixture
def start(folder, monkeypatch):
    """Begin as a new process of the same command does."""

    def begin():
        monkeypatch.setattr(programs, "_AHEAD", programs._Ahead())
        programs.load_ahead()
        for thread in threading.enumerate():
            if thread.name == programs.LOADER:
                thread.join(60)

    return begin


def test_the_same_command_loads_ahead(folder, start, monkeypatch):
    start()
    first = geometry()(POINTS, CELLS)[1]
    start()
    monkeypatch.setattr(programs, "_read", lambda _: pytest.fail("read when it was wanted"))
    assert_array_equal(geometry()(POINTS, CELLS)[1], first)


def test_another_command_loads_nothing_ahead(folder, start, monkeypatch):
    start()
    geometry()(POINTS, CELLS)
    monkeypatch.setattr(sys, "argv", ["heartsim", "run", "another.toml"])
    monkeypatch.setattr(programs, "_read", lambda _: pytest.fail("of another command"))
    start()


def test_a_command_that_needs_more_notes_all(folder, start, monkeypatch):
    start()
    geometry()(POINTS, CELLS)
    start()
    geometry()(POINTS, CELLS)
    twice = geometry()(POINTS, np.repeat(CELLS, 2, axis=0))[1]
    start()
    monkeypatch.setattr(programs, "_read", lambda _: pytest.fail("read when it was wanted"))
    assert_allclose(geometry()(POINTS, CELLS)[1], 1 / 3)
    assert_array_equal(geometry()(POINTS, np.repeat(CELLS, 2, axis=0))[1], twice)


def test_a_program_that_is_gone_is_made_anew(folder, start):
    start()
    geometry()(POINTS, CELLS)
    for path in folder.iterdir():
        if path.name != programs._AHEAD._note:
            path.unlink()
    start()
    assert_allclose(geometry()(POINTS, CELLS)[1], 1 / 3)


def test_what_nobody_loads_is_forgotten(folder, start):
    geometry()(POINTS, CELLS)
    (path,) = folder.iterdir()
    long_ago = path.stat().st_mtime - 1.01 * programs._FORGOTTEN
    os.utime(path, (long_ago, long_ago))
    geometry()(POINTS, CELLS)
    start()
    assert path.name in names(folder)
    os.utime(path, (long_ago, long_ago))
    start()
    assert names(folder) == set()


def test_later_starts_of_a_process_load_nothing_again(folder, start, monkeypatch):
    """Each run of a script calls it."""
    start()
    geometry()(POINTS, CELLS)
    start()
    monkeypatch.setattr(programs, "_read", lambda _: pytest.fail("read again"))
    programs.load_ahead()
    assert_allclose(geometry()(POINTS, CELLS)[1], 1 / 3)


def test_other_sources_load_nothing_ahead(folder, start, monkeypatch):
    start()
    geometry()(POINTS, CELLS)
    monkeypatch.setattr(programs, "SOURCES", b"after an upgrade")
    monkeypatch.setattr(programs, "_read", lambda _: pytest.fail("of other sources"))
    start()


def test_what_is_loaded_ahead_is_not_waited_for(folder, start):
    start()
    geometry()(POINTS, np.repeat(CELLS, 4, axis=0))
    clock = runtime.CompileClock()
    jax.clear_caches()
    start()
    assert clock.seconds == 0.0
    geometry()(POINTS, np.repeat(CELLS, 5, axis=0))
    assert clock.seconds > 0.0


def test_programs_are_differentiated_and_mapped(folder):
    def volume(x):
        return geometry()(x, CELLS)[1].sum()

    assert_allclose(jax.grad(volume)(jnp.asarray(POINTS))[3], [0, 0, 1 / 6], atol=1e-15)
    assert_allclose(jax.vmap(volume)(jnp.asarray([POINTS, 2 * POINTS])), [1 / 3, 8 / 3])
    assert names(folder) == set()


def test_a_kept_step_takes_its_own_results(folder, never_traced):
    """Factors go into the next coupled step as they came out of one, in the same program."""
    _, work, task = ventricle()

    def step(program, kept, guess):
        given = equilibrium.strong((task.heart, kept, guess, task.blood, task.load))
        return program(*given, work.tolerances)

    def steps(program):
        wall, _, _, kept = step(program, work.kept, task.guess)
        return step(program, kept, wall)

    before = names(folder)
    expected = steps(Program(solve_step))
    assert bool(expected[2].converged)
    assert len(names(folder) - before) == 1
    never_traced()
    found = steps(Program(solve_step))
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert_array_equal(one, other)
