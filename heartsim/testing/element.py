"""The contract of Lagrange elements on simplices."""

from collections.abc import Callable
from math import factorial

import numpy as np
from jaxtyping import Float

from heartsim.fem.elements import ElementTable
from heartsim.testing.clauses import (
    DIFFERENCE_TOLERANCE,
    ROUND_OFF,
    STEP,
    require,
    require_close,
)


def check_element(
    tabulate: Callable[[Float[np.ndarray, "q d1"]], tuple[np.ndarray, np.ndarray]],
    table: ElementTable,
    *,
    nodes: Float[np.ndarray, "a d1"],
    degree: int,
    exact: int,
) -> None:
    """Check the contract of a nodal element on a simplex and of its quadrature rule.

    The clauses: functions are 1 at their own node and 0 at the others; they sum to one and their
    gradients to zero; gradients are the derivatives of the values (against central differences);
    every polynomial of the element's degree is reproduced; weights sum to one, the points lie in
    the simplex, and the rule integrates all polynomials of its degree; the table holds the values
    and gradients of the functions at its points.

    Parameters
    ----------
    tabulate : function
        Barycentric points (q, d + 1) to values (q, a) and reference gradients (q, a, d), the
        reference coordinates being the barycentric ones of vertices 1…d.
    table : ElementTable
        Functions at the points of a quadrature rule.
    nodes : (a, d + 1)
        Nodes of the element in barycentric coordinates.
    degree : int
        Polynomials that the element holds.
    exact : int
        Polynomials that the rule integrates.

    Raises
    ------
    ContractError
        At the first clause that fails.
    """
    dimension = nodes.shape[1] - 1
    values, _ = tabulate(nodes)
    require_close(values, np.eye(len(nodes)), ROUND_OFF, "value at the nodes")
    points = np.random.default_rng(0).dirichlet(np.ones(dimension + 1), 7)
    values, gradients = tabulate(points)
    require_close(values.sum(axis=1), np.ones(7), ROUND_OFF, "sum of the functions")
    require_close(gradients.sum(axis=1), np.zeros((7, dimension)), ROUND_OFF, "sum of gradients")
    for k in range(dimension):
        ahead, behind = (_displaced(points, k, sign * STEP) for sign in (1, -1))
        slope = (tabulate(ahead)[0] - tabulate(behind)[0]) / (2 * STEP)
        where = f"gradient by reference coordinate {k}"
        require_close(gradients[:, :, k], slope, DIFFERENCE_TOLERANCE, where)
    for powers in _monomials(dimension, degree):
        interpolated = values @ _monomial(nodes, powers)
        clause = f"interpolation of the monomial {powers}"
        require_close(interpolated, _monomial(points, powers), ROUND_OFF, clause)
    _check_rule(table, exact)
    values, gradients = tabulate(table.barycentric)
    require_close(table.values, values, ROUND_OFF, "values of the table")
    require_close(table.gradients, gradients, ROUND_OFF, "gradients of the table")


def _check_rule(table: ElementTable, exact: int) -> None:
    """Points inside the simplex, and exact integrals of monomials over it."""
    inside = bool(np.all(table.barycentric > -ROUND_OFF))
    require(inside, "quadrature points", table.barycentric.min(), "inside the simplex")
    dimension = table.barycentric.shape[1] - 1
    for powers in _monomials(dimension, exact):
        found = table.weights @ _monomial(table.barycentric, powers)
        # mean of x^a y^b z^c over the unit simplex: d! a! b! c! / (d + a + b + c)!
        product = np.prod([factorial(power) for power in powers])
        mean = factorial(dimension) * product / factorial(dimension + sum(powers))
        clause = f"integral of the monomial {powers}"
        require_close(np.asarray(found), np.asarray(mean), ROUND_OFF, clause)


def _monomials(dimension: int, degree: int) -> list[tuple[int, ...]]:
    """Exponents of all monomials up to a degree."""
    grid = np.ndindex(*(degree + 1,) * dimension)
    return [powers for powers in grid if sum(powers) <= degree]


def _monomial(points: Float[np.ndarray, "k d1"], powers: tuple[int, ...]) -> np.ndarray:
    return np.prod(points[:, 1:] ** np.array(powers), axis=1)


def _displaced(points: Float[np.ndarray, "k d1"], k: int, step: float) -> np.ndarray:
    """Points moved along one reference coordinate."""
    moved = points.copy()
    moved[:, k + 1] += step
    moved[:, 0] -= step
    return moved
