"""The verification command: its rows, its problems, its chapter, and the second solver."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.errors import InputError, SolveFailed
from heartsim.fem.cavity import cavity_surface
from heartsim.mesh.box import box
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.tissue.passive import NeoHookean
from heartsim.verification import PROBLEMS, direct, outcomes, verify
from heartsim.verification.bodies import heart_of, muscle, space_on, wall
from heartsim.verification.chapter import add_to_chapter
from heartsim.verification.direct import Body
from heartsim.verification.quadratic import near_solution, newton_order
from heartsim.verification.table import (
    Figure,
    Findings,
    Problem,
    Reading,
    Row,
    extrapolate,
    observed_order,
)

QUICK = ["point", "active-bar", "helix", "wave", "cavity", "windkessel"]
"""Problems of a few seconds; between them they see tissue, fibers, waves, cavities and blood."""

ON_RECORD = {
    "land-1": {"P1P1, tip of the beam, z": 4.055},
    "land-2": {"P1P1, cavity volume": 10.863, "P1P1, order of the cavity volume": -3.2},
    "land-3": {"P1P1, order of the cavity volume": 1.401},
    "arostica": {"generalised-α, order": 1.652},
    "arostica-biv": {"uz of p1 at 0.48 s": 2.918},
}
"""Rows that fail and what they say, each explained in the chapter under "What is not verified". No
others may fail, these may not get worse, and one that passes again is to be struck off."""


@pytest.fixture(autouse=True)
def _as_users_run_it():
    """Whole problems run with JAX's own broadcasting, not with the strict rule of unit tests."""
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.parametrize("name", QUICK)
def test_quick_problem_is_in_its_band(name):
    rows = verify([name], fast=True)
    assert rows
    assert [str(row) for row in rows if not row.passed] == []
    assert {row.name for row in rows} == {name}
    assert all(row.seconds > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [p.name for p in PROBLEMS if p.name not in QUICK])
def test_long_problem_is_in_its_band(name):
    failed = [row for row in verify([name]) if not row.passed]
    known = ON_RECORD.get(name, {})
    assert sorted(row.quantity for row in failed) == sorted(known), "\n".join(map(str, failed))
    for row in failed:
        assert row.computed == pytest.approx(known[row.quantity], rel=0.01), str(row)


def test_unknown_problem_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'land-1'"):
        verify(["land1"])


def test_every_problem_has_a_definition_for_the_chapter():
    for problem in PROBLEMS:
        assert len(problem.run.__doc__ or "") > 100, problem.name


def test_row_tells_its_verdict():
    reading = Reading("name", "paper", 12)
    row = reading.within("length", 1.02, 1.0, 0.01, "mm")
    assert not row.passed
    assert str(row).startswith("FAIL")
    keys = {"name", "quantity", "computed", "low", "high", "unit", "source", "passed"}
    assert set(row.as_dict()) == keys | {"dofs", "seconds"}
    assert Row("name", "length", 1.0, 1.0, 1.0, "mm", "paper").passed
    assert not Row("name", "length", float("nan"), 0.0, 1.0, "mm", "paper").passed


def test_row_without_a_bound_is_plain_json():
    row = Reading("name", "paper").at_least("order", 2.0, 1.8)
    assert json.loads(json.dumps(row.as_dict(), allow_nan=False))["high"] is None
    assert row.passed
    assert row.band == "≥ 1.8"


def test_row_without_any_bound_is_told_and_not_judged():
    row = Reading("name", "paper").reported("apex", -26.2, "mm")
    assert not row.judged
    assert str(row).startswith("told")
    assert row.band == "–"
    assert json.loads(json.dumps(row.as_dict(), allow_nan=False))["low"] is None


def test_observed_order_is_that_of_the_errors():
    sizes = np.array([0.5, 0.25, 0.125])
    assert_allclose(observed_order(sizes, 7 * sizes**3), 3.0, rtol=1e-12)


def test_extrapolation_removes_an_error_of_second_order():
    sizes = np.array([4.0, 3.0, 2.0])
    assert_allclose(extrapolate(sizes, -12.0 + 0.1 * sizes**2), -12.0, rtol=1e-13)


def test_a_problem_that_does_not_converge_is_a_failing_row(monkeypatch):
    def diverges(fast: bool) -> Findings:
        raise SolveFailed("too hard")

    hopeless = Problem("hopeless", "Hopeless", True, diverges)
    monkeypatch.setattr("heartsim.verification.PROBLEMS", (hopeless,))
    (row,) = verify()
    assert not row.passed
    assert row.source == "too hard"


def test_a_number_without_a_band_fails_only_if_it_could_not_be_computed():
    told, lost = (Reading("p", "s").reported("length", x, "mm") for x in (2.0, math.nan))
    assert (told.verdict, told.as_dict()["passed"]) == ("told", None)
    assert (lost.verdict, lost.as_dict()["passed"], lost.band) == ("FAIL", False, "–")


def test_chapter_keeps_the_problems_that_are_not_run_again(tmp_path):
    for name in ("wave", "helix", "wave"):
        (outcome,) = outcomes([name], fast=True)
        page = add_to_chapter(outcome, tmp_path).read_text(encoding="utf-8")
    assert page.count("\n## ") == 3  # two problems, and what is not verified
    assert "far corner" in page
    assert "Laplace rule" in page
    for name in ("wave", "helix"):
        assert (tmp_path / "verification" / f"{name}.png").stat().st_size > 1000


def held(where):
    return np.repeat(where[:, None], 3, axis=1)


def small_body(element):
    """Ventricle with a chamber whose rim can move, and a block with an open pressed face."""
    if element == "block":
        mesh = box((1.0, 1.0, 1.0), (1, 1, 1))
        nodes, space = space_on(mesh.points, mesh.tets, "P2P1", lambda x: held(x[:, 0] < 1e-9))
        solid = wall(space, muscle(NeoHookean(10.0), len(mesh.tets)))
        return Body(heart_of(solid), direct.patch(nodes, mesh.surface("z0")))
    mesh = left_ventricle(12.0, layers=1)

    def half_base(x):
        return held((x[:, 2] > 5.0 - 1e-9) & (x[:, 0] > 0))

    nodes, space = space_on(mesh.points, mesh.tets, element, half_base)
    chamber = mesh.cavities["LV"]
    surface = cavity_surface(nodes, chamber.facets, chamber.rims)
    return Body(heart_of(wall(space, muscle(NeoHookean(10.0), len(mesh.tets))), (surface,)))


@pytest.mark.parametrize("element", ["block", "P1P1"])
def test_direct_correction_is_newtons(element):
    """Tangent times correction is the right-hand side: matrix, patch, facets and lids together."""
    body = small_body(element)
    space = body.heart.solid.space
    random = np.random.default_rng(0)
    u = jnp.asarray(0.03 * random.standard_normal(space.points.shape))
    p = jnp.asarray(random.standard_normal(space.vertices))
    loads = direct.loading(body, cavity=2.0, pressure=3.0, tension=20.0)
    keep = np.concatenate([np.asarray(space.free).ravel() > 0, np.ones(space.vertices, bool)])
    out = keep * random.standard_normal(space.dofs)
    change = direct._correction(body, loads, u, p, keep, out)
    step = 1e-7 / np.abs(change).max()
    du, dp = change[: u.size].reshape(u.shape), change[u.size :]
    ahead, behind = (
        np.asarray(direct.out_of_balance(body, loads, u + h * du, p + h * dp))
        for h in (step, -step)
    )
    slope = (ahead - behind) / (2 * step)
    assert_allclose(slope, out, atol=1e-5 * np.abs(out).max())


WRONG_TANGENTS = {
    "a tenth stiffer": ("_sparse", 1.1),
    "follower load of the wrong sign": ("pushed_blocks", -1.0),
    "follower load a tenth too stiff": ("pushed_blocks", 1.1),
}


@pytest.mark.parametrize(("part", "factor"), WRONG_TANGENTS.values(), ids=WRONG_TANGENTS)
def test_newtons_order_tells_an_exact_tangent_from_a_wrong_one(part, factor, monkeypatch):
    body = small_body("block")
    loads = direct.loading(body, pressure=0.5)
    found = direct.solve(body, loads, direct.at_rest(body))
    assert_allclose(newton_order(near_solution(body, loads, found)), 2.0, atol=0.05)
    right = getattr(direct, part)
    monkeypatch.setattr(direct, part, lambda *a: factor * right(*a))
    jax.clear_caches()
    order = newton_order(near_solution(body, loads, found))
    jax.clear_caches()
    assert order < 1.5


def test_a_problem_that_hands_back_no_newton_residuals_fails(monkeypatch):
    def silent(fast: bool) -> Findings:
        row = Reading("silent", "paper").at_most("error", 0.0, 1.0)
        return Findings((row,), Figure("", "", "", ()))

    problems = (Problem("silent", "Silent", True, silent),)
    monkeypatch.setattr("heartsim.verification.PROBLEMS", problems)
    good, newton = verify()
    assert good.passed
    assert not newton.passed


def test_newtons_order_is_the_least_slope_of_residuals_after_steps_over_those_before():
    assert_allclose(newton_order([(1.0, 0.5), (0.1, 5e-3), (0.01, 5e-5)]), 2.0)
    assert_allclose(newton_order([(1.0, 0.5), (0.1, 5e-3), (0.01, 5e-4)]), 1.0)
    for no_way_down in ([(1.0, 0.1)], [(1.0, 0.1), (0.1, 0.2)], [(1.0, 0.1), (0.1, 0.0)]):
        assert np.isnan(newton_order(no_way_down))


def test_a_search_that_left_the_body_is_no_solution(monkeypatch):
    """Small beside the largest force of a search that blew up is not small beside the load."""
    body = small_body("P1P1")
    exact = direct._correction
    monkeypatch.setattr(direct, "_correction", lambda *a: 1e6 * exact(*a))
    with pytest.raises(SolveFailed, match="after 2 steps"):
        direct.solve(body, direct.loading(body, cavity=2.0), direct.at_rest(body))


def test_a_damped_step_brings_a_rough_guess_down():
    body = small_body("P1P1")
    loads = direct.loading(body, cavity=2.0)
    found = direct.solve(body, loads, direct.at_rest(body))
    rough = found._replace(u=1.6 * found.u)
    damped = direct.solve(body, loads, rough, damped=True)
    assert_allclose(damped.u, found.u, atol=1e-6)
    assert (np.diff(damped.history) < 0).all()


def test_two_processes_find_what_one_does():
    alone = {row.quantity: row.computed for row in verify(["helix", "wave"], fast=True)}
    outcome = list(outcomes(["helix", "wave"], fast=True, workers=2))
    assert {row.quantity: row.computed for o in outcome for row in o.rows} == alone


def test_pressure_on_a_face_is_its_area_times_the_outward_normal():
    mesh = box((2.0, 3.0, 1.0), (2, 1, 1))
    nodes, _ = space_on(mesh.points, mesh.tets, "P2P1", lambda x: np.zeros(x.shape, bool))
    pressed = direct.patch(nodes, mesh.surface("z0"))
    corners = jnp.asarray(nodes.points)[pressed.facets]
    total = sum(direct._push(pressed, facet).sum(axis=0) for facet in corners)
    assert_allclose(total, [0, 0, -6.0], atol=1e-12)
