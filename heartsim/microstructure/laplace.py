"""Linear finite elements for Laplace problems on a tetrahedral mesh (host)."""

import numpy as np
from jaxtyping import Float, Int
from pyamg import ruge_stuben_solver
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import cg

from heartsim.errors import MeshError

_TOLERANCE = 1e-10
_ITERATIONS = 500


def shape_gradients(
    points: Float[np.ndarray, "nodes 3"], tets: Int[np.ndarray, "cells 4"]
) -> tuple[Float[np.ndarray, "cells 4 3"], Float[np.ndarray, " cells"]]:
    """Gradients of the four linear shape functions, and volumes.

    Parameters
    ----------
    points : (n, 3) float
        Node coordinates [mm].
    tets : (c, 4) int
        Positively oriented tetrahedra.

    Returns
    -------
    gradients : (c, 4, 3) float
        [1/mm].
    volumes : (c,) float
        [mm³].

    Raises
    ------
    MeshError
        If a tetrahedron is inverted or flat.
    """
    corner = points[tets]
    edges = corner[:, 1:] - corner[:, :1]
    volumes = np.linalg.det(edges) / 6
    if not np.all(volumes > 0):
        bad = int(np.count_nonzero(~(volumes > 0)))
        raise MeshError(
            f"{bad} of {len(tets)} tetrahedra are inverted or flat; all must have a positive "
            "volume. Repair the mesh first (heartsim mesh check)."
        )
    last = np.linalg.inv(edges).transpose(0, 2, 1)
    return np.concatenate([-last.sum(1, keepdims=True), last], axis=1), volumes


def stiffness(
    gradients: Float[np.ndarray, "cells 4 3"],
    volumes: Float[np.ndarray, " cells"],
    tets: Int[np.ndarray, "cells 4"],
) -> csr_matrix:
    """Stiffness matrix of the Laplacian with linear elements.

    Parameters
    ----------
    gradients : (c, 4, 3) float
        Shape gradients [1/mm].
    volumes : (c,) float
        Cell volumes [mm³].
    tets : (c, 4) int
        Tetrahedra.

    Returns
    -------
    (n, n) csr_matrix
        Symmetric, rows sum to zero.
    """
    blocks = np.einsum("cai,cbi,c->cab", gradients, gradients, volumes)
    rows = np.repeat(tets, 4, axis=1).ravel()
    columns = np.tile(tets, (1, 4)).ravel()
    n = int(tets.max()) + 1
    return csr_matrix((blocks.ravel(), (rows, columns)), shape=(n, n))


def solve(
    matrix: csr_matrix,
    fixed: Int[np.ndarray, " k"],
    values: Float[np.ndarray, " k"],
    *,
    source: Float[np.ndarray, " nodes"] | None = None,
) -> Float[np.ndarray, " nodes"]:
    """Solution of ``matrix @ x = source`` with prescribed values at some nodes.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
        Symmetric, positive definite once the fixed rows are removed.
    fixed : (k,) int
        Nodes with prescribed values, each once; may be empty.
    values : (k,) float
        The prescribed values.
    source : (n,) float, optional
        Right-hand side, zero by default.

    Returns
    -------
    (n,) float
        Nodal values.

    Raises
    ------
    MeshError
        If the conjugate gradients stall.
    """
    x = np.zeros_like(matrix.diagonal())
    x[fixed] = values
    free = np.ones(len(x), bool)
    free[fixed] = False
    rhs = (-(matrix @ x) if source is None else source - matrix @ x)[free]
    inner = matrix[free][:, free]
    cycle = ruge_stuben_solver(inner).aspreconditioner()
    answer, stalled = cg(inner, rhs, rtol=_TOLERANCE, atol=0, maxiter=_ITERATIONS, M=cycle)
    if stalled:
        raise MeshError(
            f"A Laplace problem on {len(x)} nodes did not converge in {_ITERATIONS} iterations. "
            "The mesh has extreme slivers: repair or remesh it (heartsim mesh check)."
        )
    x[free] = answer
    return x


def unit(vectors: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
    """Vectors of length one; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
