"""Lagrange elements of degree 1 and 2 on tetrahedra and triangles, tabulated once.

Nodes are numbered vertices first, then edges in the order of `TET_EDGES` and `TRIANGLE_EDGES`
(VTK's order for quadratic cells). Quadrature comes from scikit-fem.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

TET_EDGES: Final = ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3))
TRIANGLE_EDGES: Final = ((0, 1), (1, 2), (0, 2))


class ElementTable(NamedTuple):
    """Shape functions of one element at the points of one quadrature rule.

    Attributes
    ----------
    values : (q, a)
        Shape functions.
    gradients : (q, a, d)
        Derivatives with respect to the reference coordinates.
    weights : (q,)
        Quadrature weights; they sum to 1, so that a cell's measure multiplies them.
    barycentric : (q, d + 1)
        Quadrature points in barycentric coordinates.
    """

    values: Float[np.ndarray, "q a"]
    gradients: Float[np.ndarray, "q a d"]
    weights: Float[np.ndarray, " q"]
    barycentric: Float[np.ndarray, "q d1"]


def lagrange(
    degree: int, barycentric: Float[np.ndarray, "q d1"]
) -> tuple[Float[np.ndarray, "q a"], Float[np.ndarray, "q a d"]]:
    """Values and reference gradients of Lagrange shape functions on a simplex.

    Parameters
    ----------
    degree : int
        1 or 2.
    barycentric : (q, d + 1)
        Points; d = 2 (triangle) or 3 (tetrahedron).

    Returns
    -------
    (q, a), (q, a, d) float
    """
    corners = barycentric.shape[1]
    dimension = corners - 1
    # reference coordinates are the barycentric ones of vertices 1…d; vertex 0 sits at the origin
    slope = np.vstack([-np.ones(dimension), np.eye(dimension)])
    if degree == 1:
        gradients = np.broadcast_to(slope, (len(barycentric), corners, dimension))
        return barycentric, np.array(gradients)
    edges = np.array(TET_EDGES if dimension == 3 else TRIANGLE_EDGES)
    start, end = barycentric[:, edges[:, 0]], barycentric[:, edges[:, 1]]
    values = np.concatenate([barycentric * (2 * barycentric - 1), 4 * start * end], axis=1)
    vertex = (4 * barycentric - 1)[:, :, None] * slope
    edge = 4 * (start[:, :, None] * slope[edges[:, 1]] + end[:, :, None] * slope[edges[:, 0]])
    return values, np.concatenate([vertex, edge], axis=1)


def quadrature(
    dimension: int, degree: int
) -> tuple[Float[np.ndarray, "q d1"], Float[np.ndarray, " q"]]:
    """Quadrature rule on a simplex, exact for polynomials of a degree.

    Returns
    -------
    (q, d + 1), (q,) float
        Barycentric points and weights that sum to 1.
    """
    from skfem.quadrature import get_quadrature
    from skfem.refdom import RefTet, RefTri

    points, weights = get_quadrature(RefTet if dimension == 3 else RefTri, degree)
    return np.vstack([1 - points.sum(axis=0), points]).T, weights / weights.sum()


def tabulate(dimension: int, degree: int, quadrature_degree: int) -> ElementTable:
    """Tabulate a Lagrange element at the points of a quadrature rule."""
    barycentric, weights = quadrature(dimension, quadrature_degree)
    values, gradients = lagrange(degree, barycentric)
    return ElementTable(values, gradients, weights, barycentric)
