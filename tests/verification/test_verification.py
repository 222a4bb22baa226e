"""The verification command: its rows, its problems, and the second solver behind some of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.errors import InputError
from heartsim.fem.solid import Solid
from heartsim.fem.space import function_space, number_nodes
from heartsim.mesh.box import box
from heartsim.tissue.active import active_tension
from heartsim.tissue.passive import NeoHookean
from heartsim.tissue.tissue import Tissue, uniform
from heartsim.verification import PROBLEMS, direct, land, verify
from heartsim.verification.table import Row, within

QUICK = ["shear", "active-bar", "wave", "land-1"]


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


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [p.name for p in PROBLEMS if p.name not in QUICK])
def test_long_problem_is_in_its_band(name):
    assert [str(row) for row in verify([name]) if not row.passed] == []


def test_unknown_problem_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'land-1'"):
        verify(["land1"])


def test_row_tells_its_verdict():
    row = within("name", "length", 1.02, 1.0, 0.01, unit="mm", source="paper")
    assert not row.passed
    assert str(row).startswith("FAIL")
    keys = {"name", "quantity", "computed", "low", "high", "unit", "source", "passed"}
    assert set(row.as_dict()) == keys
    assert Row("name", "length", 1.0, 1.0, 1.0, "mm", "paper").passed
    assert not Row("name", "length", float("nan"), 0.0, 1.0, "mm", "paper").passed


def test_extrapolation_removes_an_error_of_second_order():
    exact, slope = np.array([-12.0, -15.0, 1800.0]), np.array([0.1, -0.2, 5.0])
    coarse, fine = (land.Shape(*(exact + slope * edge**2)) for edge in land.EDGES)
    assert_allclose(land.extrapolate(coarse, fine), exact, rtol=1e-13)


def test_direct_matrix_is_the_derivative_of_its_residual():
    """Wall and follower pressure on an open face, against central differences."""
    mesh = box((1.0, 1.0, 1.0), (1, 1, 1))
    nodes = number_nodes(mesh.points, mesh.tets, 2)
    space = function_space(nodes, "P2P1")
    cells = len(mesh.tets)
    one = jnp.ones(cells)
    tissue = Tissue(
        uniform(NeoHookean(10.0), cells), uniform(active_tension(), cells), one, one, 0 * one
    )
    none = jnp.zeros(())
    frames = jnp.broadcast_to(jnp.eye(3), (cells, 1, 3, 3))
    wall = Solid(space, frames, tissue, none, none, none, 0 * one)
    pressed = direct.patch(nodes, mesh.surface("z0"))
    random = np.random.default_rng(0)
    u = jnp.asarray(0.03 * random.standard_normal(nodes.points.shape))
    p = jnp.asarray(random.standard_normal(space.vertices))
    state = (jnp.asarray(3.0), 20 * one)
    matrix = direct._matrix(wall, pressed, *state, u, p)
    step = 1e-6
    for _ in range(3):
        v = random.standard_normal(u.size + p.size)
        dp = step * v[u.size :]
        du = step * v[: u.size].reshape(u.shape)
        ahead = direct._residual(wall, pressed, *state, u + du, p + dp)
        behind = direct._residual(wall, pressed, *state, u - du, p - dp)
        found = matrix @ v
        difference = np.asarray(ahead - behind) / (2 * step)
        assert_allclose(found, difference, atol=1e-6 * np.abs(found).max())


def test_pressure_on_a_face_is_its_area_times_the_outward_normal():
    mesh = box((2.0, 3.0, 1.0), (2, 1, 1))
    nodes = number_nodes(mesh.points, mesh.tets, 2)
    pressed = direct.patch(nodes, mesh.surface("z0"))
    corners = jnp.asarray(nodes.points)[pressed.facets]
    total = sum(direct._push(pressed, facet).sum(axis=0) for facet in corners)
    assert_allclose(total, [0, 0, -6.0], atol=1e-12)
