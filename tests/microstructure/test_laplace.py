import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse.linalg import spsolve

from heartsim.errors import MeshError
from heartsim.microstructure.laplace import shape_gradients, solve, stiffness


def test_gradients_reproduce_linear_fields(left):
    gradients, volumes = shape_gradients(left.points, left.tets)
    field = left.points @ [1.0, -2.0, 0.5] + 3
    slope = np.einsum("cai,ca->ci", gradients, field[left.tets])
    assert_allclose(slope, np.tile([1.0, -2.0, 0.5], (len(slope), 1)), atol=1e-11)
    assert np.all(volumes > 0)


def test_stiffness_is_the_one_of_scikit_fem(left):
    skfem = pytest.importorskip("skfem")
    from skfem.models.poisson import laplace

    gradients, volumes = shape_gradients(left.points, left.tets)
    basis = skfem.Basis(skfem.MeshTet(left.points.T, left.tets.T), skfem.ElementTetP1())
    oracle = laplace.assemble(basis)
    assert abs(stiffness(gradients, volumes, left.tets) - oracle).max() < 1e-12 * oracle.max()


def test_solution_is_the_direct_one(left):
    matrix = stiffness(*shape_gradients(left.points, left.tets), left.tets)
    fixed = np.unique(left.surface("base"))
    source = np.random.default_rng(0).standard_normal(len(left.points))
    values = left.points[fixed, 0]
    free = np.setdiff1d(np.arange(len(left.points)), fixed)
    direct = spsolve(matrix[free][:, free].tocsc(), source[free] - matrix[free][:, fixed] @ values)
    assert_allclose(
        solve(matrix, fixed, values, source=source)[free], direct, atol=1e-8 * abs(direct).max()
    )


def test_inverted_cells_are_refused(left):
    with pytest.raises(MeshError, match="5892 of 5892 tetrahedra are inverted"):
        shape_gradients(left.points, left.tets[:, [1, 0, 2, 3]])
