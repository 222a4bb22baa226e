"""Shape functions: partition of unity, nodal values, gradients, and scikit-fem as an oracle."""

import numpy as np
import pytest
from skfem import ElementTetP1, ElementTetP2, ElementTriP1, ElementTriP2

from heartsim.fem.elements import TET_EDGES, lagrange, quadrature, tabulate

ORACLES = {
    (3, 1): ElementTetP1,
    (3, 2): ElementTetP2,
    (2, 1): ElementTriP1,
    (2, 2): ElementTriP2,
}


@pytest.mark.parametrize(("dimension", "degree"), ORACLES)
def test_functions_sum_to_one_and_gradients_to_zero(dimension, degree):
    table = tabulate(dimension, degree, 4)
    np.testing.assert_allclose(table.values.sum(axis=1), 1.0, atol=1e-14)
    np.testing.assert_allclose(table.gradients.sum(axis=1), 0.0, atol=1e-14)
    assert table.weights.sum() == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize(("dimension", "degree"), ORACLES)
def test_same_functions_as_scikit_fem_up_to_their_order(dimension, degree):
    barycentric, _ = quadrature(dimension, 3)
    values, gradients = lagrange(degree, barycentric)
    oracle = ORACLES[dimension, degree]()
    points = barycentric[:, 1:].T
    for node in range(values.shape[1]):
        theirs = [oracle.lbasis(points, i) for i in range(values.shape[1])]
        match = [i for i, (phi, _) in enumerate(theirs) if np.allclose(phi, values[:, node])]
        assert len(match) == 1
        np.testing.assert_allclose(theirs[match[0]][1].T, gradients[:, node], atol=1e-13)


def test_quadratic_nodes_are_vertices_then_edge_midpoints():
    corners = np.eye(4)
    middles = np.array([(corners[i] + corners[j]) / 2 for i, j in TET_EDGES])
    values, _ = lagrange(2, np.vstack([corners, middles]))
    np.testing.assert_allclose(values, np.eye(10), atol=1e-14)
