"""Nested dissection and the batched direct factorisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.mesh.box import box
from heartsim.solve import frontal
from heartsim.solve.dissection import dissect
from heartsim.solve.frontal import factorize, operations, plan, solve


@pytest.fixture(scope="module")
def grid():
    """Points, tetrahedra and links of a small block."""
    mesh = box((3.0, 2.0, 1.0), (9, 6, 3))
    every = [(i, j) for i in range(4) for j in range(i)]
    links = np.unique(np.sort(mesh.tets[:, every].reshape(-1, 2), axis=1), axis=0)
    return mesh.points, mesh.tets, links


@pytest.fixture(scope="module", params=[12.0, 40.0, 1e9])
def tree(grid, request):
    points, _, links = grid
    return dissect(points, links, np.ones(len(points)), leaf=request.param)


def _fronts_above(tree, level, place):
    """Fronts from one up to the root."""
    path = {(level, place)}
    while level:
        (place,), _ = np.nonzero(tree.children[level - 1] == place)
        level -= 1
        path.add((level, int(place)))
    return path


def test_coupled_points_lie_on_one_way_to_the_root(grid, tree):
    """Only then can the two halves of a cut be eliminated apart."""
    _, _, links = grid
    for start, end in links:
        low, high = sorted((start, end), key=lambda k: -tree.level[k])
        above = _fronts_above(tree, int(tree.level[low]), int(tree.place[low]))
        assert (tree.level[high], tree.place[high]) in above


def test_a_part_that_cannot_be_cut_stays_whole():
    """Every point coupled to every other, as around a pole of a mesh."""
    points = np.random.default_rng(0).standard_normal((9, 3))
    links = np.array([(i, j) for i in range(9) for j in range(i)])
    tree = dissect(points, links, np.ones(9), leaf=2.0)
    assert len(tree.children) == 1


def _system(tets, count, seed):
    """Random symmetric matrix of the mesh, in element blocks and assembled."""
    random = np.random.default_rng(seed)
    blocks = random.standard_normal((len(tets), 4, 4))
    blocks = blocks + blocks.transpose(0, 2, 1)
    blocks += 12.0 * np.eye(4)
    matrix = np.zeros((count, count))
    np.add.at(matrix, (tets[:, :, None], tets[:, None, :]), blocks)
    return blocks, matrix


def test_solution_is_that_of_the_assembled_matrix(grid, tree):
    points, tets, _ = grid
    blocks, matrix = _system(tets, len(points), 1)
    extra = np.zeros(len(points))
    extra[::7] = 3.0
    layout = plan(tree, tets)
    factor = jax.jit(factorize)(layout, jnp.asarray(blocks), jnp.asarray(extra))
    rhs = np.random.default_rng(2).standard_normal((3, len(points)))
    expected = np.linalg.solve(matrix + np.diag(extra), rhs.T).T
    found = jax.jit(solve)(layout, factor, jnp.asarray(rhs))
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_matrix_that_is_not_symmetric_is_inverted_too(grid, tree):
    points, tets, _ = grid
    blocks, matrix = _system(tets, len(points), 3)
    skew = np.random.default_rng(4).standard_normal(blocks.shape)
    np.add.at(matrix, (tets[:, :, None], tets[:, None, :]), skew)
    layout = plan(tree, tets)
    eliminate = jax.jit(factorize, static_argnames="symmetric")
    factor = eliminate(layout, jnp.asarray(blocks + skew), jnp.zeros(len(points)), symmetric=False)
    rhs = np.random.default_rng(5).standard_normal((2, len(points)))
    expected = np.linalg.solve(matrix, rhs.T).T
    found = jax.jit(solve)(layout, factor, jnp.asarray(rhs))
    assert_allclose(found, expected, rtol=1e-8, atol=1e-11)


@pytest.mark.slow
def test_batches_of_like_size_save_work_and_change_nothing(grid, monkeypatch):
    """Fronts of one level padded to one shape, or each level in several batches."""
    points, tets, links = grid
    tree = dissect(points, links, np.ones(len(points)), leaf=12.0)
    blocks, _ = _system(tets, len(points), 7)
    rhs = jnp.asarray(np.random.default_rng(8).standard_normal((2, len(points))))
    whole = plan(tree, tets)
    monkeypatch.setattr(frontal, "BATCH_COST", 1.0)
    monkeypatch.setattr(frontal, "MOST_BATCHES", 8)
    cut = plan(tree, tets)
    assert sum(map(len, cut)) > sum(map(len, whole)) == len(whole)
    assert operations(cut) < 0.8 * operations(whole)
    nothing = jnp.zeros(len(points))
    together, apart = (
        jax.jit(solve)(layout, jax.jit(factorize)(layout, jnp.asarray(blocks), nothing), rhs)
        for layout in (whole, cut)
    )
    assert_allclose(apart, together, rtol=1e-9, atol=1e-12)


def test_a_plan_stays_small_whatever_the_mesh(grid, monkeypatch):
    """Each batch makes the program longer; where many would pay, few remain."""
    points, tets, links = grid
    tree = dissect(points, links, np.ones(len(points)), leaf=12.0)
    depth = len(tree.children)
    monkeypatch.setattr(frontal, "BATCH_COST", 1.0)
    assert sum(map(len, plan(tree, tets))) <= max(frontal.MOST_BATCHES, depth)
    monkeypatch.setattr(frontal, "MOST_BATCHES", 1000)
    many = plan(tree, tets)
    assert sum(map(len, many)) > depth
    monkeypatch.setattr(frontal, "MOST_BATCHES", depth + 1)
    few = plan(tree, tets)
    assert depth <= sum(map(len, few)) <= depth + 1
    assert operations(few) >= operations(many)


def test_single_precision_is_good_enough_to_precondition(grid, tree):
    points, tets, _ = grid
    blocks, matrix = _system(tets, len(points), 3)
    layout = plan(tree, tets)
    single = jnp.asarray(blocks, jnp.float32)
    factor = jax.jit(factorize)(layout, single, jnp.zeros(len(points), jnp.float32))
    rhs = np.random.default_rng(4).standard_normal((1, len(points)))
    x = np.asarray(jax.jit(solve)(layout, factor, jnp.asarray(rhs, jnp.float32)), float)
    assert np.linalg.norm(matrix @ x[0] - rhs[0]) < 1e-4 * np.linalg.norm(rhs)


def test_a_batch_of_matrices_factorizes_at_once(grid, tree):
    points, tets, _ = grid
    layout = plan(tree, tets)
    nothing = jnp.zeros(len(points))
    pairs = [_system(tets, len(points), seed)[0] for seed in (5, 6)]
    rhs = jnp.ones((1, len(points)))

    @jax.jit
    def answer(blocks):
        return solve(layout, factorize(layout, blocks, nothing), rhs)

    together = jax.jit(jax.vmap(answer))(jnp.asarray(np.stack(pairs)))
    apart = jnp.stack([answer(jnp.asarray(blocks)) for blocks in pairs])
    assert_allclose(together, apart, rtol=1e-9)
