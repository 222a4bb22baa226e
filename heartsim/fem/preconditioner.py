"""Approximate inverse of the wall's tangent: block triangular, multigrid on the displacement.

Pressure: a diagonal stands for the Schur complement. Displacement: one cycle
whose finest level is the finite-element operator itself, smoothed by Chebyshev polynomials with
3×3 node blocks, then the P1 embedding (for P2), then smoothed aggregation.
"""

from dataclasses import replace
from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
from jaxtyping import Array, Bool, Float, Int

from heartsim.fem.linear import Wear
from heartsim.fem.operator import WallOperator
from heartsim.fem.space import Nodes
from heartsim.solve import multigrid
from heartsim.solve.multigrid import Hierarchy, Prolongators, Smoother, two_grid

SMOOTHING: Final = 3
"""Chebyshev degree on every level."""

RESPONSE: Final = 4.0
"""Change of volume under a pressure, over that with the other nodes held. Iterations are least with
this in a wall without augmentation; under 20 kPa of it 12 would save a tenth of them."""

POWER_STEPS: Final = 4
"""Power iterations for the spectrum of the fine level, warm-started."""


class Preconditioner(eqx.Module):
    """Approximate inverse of one `WallOperator`."""

    operator: WallOperator
    multigrid: "Multigrid"
    inverse_diagonal: Float[Array, "n 3 3"]
    largest: Float[Array, ""]
    schur: Float[Array, " v"]

    def apply(self, z: Float[Array, "k m"]) -> Float[Array, "k m"]:
        """Approximate solution of ``operator.apply(x) = z``."""
        u, p = self.operator.split(z)
        pressure = -p / self.schur[None]
        forces = u - self.operator.coupling(pressure, u)
        return self.operator.join(self._displacement(forces), pressure)

    def _scale(self, r: Float[Array, "k n 3"]) -> Float[Array, "k n 3"]:
        return jnp.einsum("nij,knj->kni", self.inverse_diagonal, r)

    def _displacement(self, rhs: Float[Array, "k n 3"]) -> Float[Array, "k n 3"]:
        smoother = Smoother(self.operator.stiffness, self._scale, self.largest, SMOOTHING)

        def correct(residual: Array) -> Array:
            free = self.operator.free[None]
            return self._coarse(residual * free) * free

        return two_grid(smoother, correct, rhs)

    def _coarse(self, r: Float[Array, "k n 3"]) -> Float[Array, "k n 3"]:
        hierarchy, edges = self.multigrid.hierarchy, self.multigrid.edges
        if not edges.shape[0]:
            return multigrid.coarse_correction(hierarchy, 0, r, degree=SMOOTHING)
        vertices = self.operator.vertices
        half = 0.5 * r[:, vertices:]
        coarse = r[:, :vertices].at[:, edges[:, 0]].add(half).at[:, edges[:, 1]].add(half)
        x = multigrid.cycle(hierarchy, coarse, degree=SMOOTHING)
        middle = 0.5 * (x[:, edges[:, 0]] + x[:, edges[:, 1]])
        return jnp.concatenate([x, middle], axis=1)


class Multigrid(eqx.Module):
    """What the preconditioner keeps between Newton steps.

    Attributes
    ----------
    hierarchy : Hierarchy
        Algebraic levels; its first level is the vertex level.
    edges : (e, 2) int
        Vertices of each edge node (none for P1).
    direction : (n, 3)
        Last dominant eigenvector of the fine level, to start its power iteration.
    wear : Wear
        Age of the hierarchy, which the host makes anew.
    """

    hierarchy: Hierarchy
    edges: Int[Array, "e 2"]
    direction: Float[Array, "n 3"]
    wear: Wear

    def prepare(self, operator: WallOperator) -> tuple[Preconditioner, "Multigrid"]:
        """Approximate inverse of a fresh tangent on the kept algebraic levels."""
        inverse = _inverse_diagonal(operator)
        direction, largest = _power(operator, inverse, self.direction, POWER_STEPS)
        schur = _schur(operator, inverse)
        kept = replace(self, direction=direction)
        return Preconditioner(operator, kept, inverse, 1.1 * largest, schur), kept

    def used(self, iterations: Int[Array, ""], exhausted: Bool[Array, ""]) -> "Multigrid":
        """Note how many iterations a Newton step took, and whether a solve ran out of them."""
        return replace(self, wear=self.wear.used(iterations, exhausted))

    @property
    def renews(self) -> Bool[Array, ""]:
        """Smoothers are always made anew."""
        return jnp.ones((), bool)

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of the levels."""
        return self.direction.dtype


def dominant_direction(
    operator: WallOperator, start: Float[Array, "n 3"], *, steps: int
) -> Float[Array, "n 3"]:
    """Dominant eigenvector of the block-Jacobi scaled displacement block, by power iteration."""
    return _power(operator, _inverse_diagonal(operator), start, steps)[0]


def _power(
    operator: WallOperator, inverse: Float[Array, "n 3 3"], start: Float[Array, "n 3"], steps: int
) -> tuple[Float[Array, "n 3"], Float[Array, ""]]:
    """Dominant eigenvector and eigenvalue of D⁻¹ K."""

    def advance(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        vector = jnp.einsum("nij,knj->kni", inverse, operator.stiffness(carry[0]))
        size = jnp.linalg.norm(vector)
        return vector / size, size

    first = (start[None].astype(inverse.dtype), jnp.ones((), inverse.dtype))
    vector, largest = jax.lax.fori_loop(0, steps, advance, first)
    return vector[0], largest


def _inverse_diagonal(operator: WallOperator) -> Float[Array, "n 3 3"]:
    """Inverse 3×3 node blocks of K, with prescribed components replaced by 1."""
    cells, free = operator.cells, operator.free
    nodes = cells.shape[1]
    K = operator.tangent.K.reshape(cells.shape[0], nodes, 3, nodes, 3)
    own = jnp.stack([K[:, a, :, a, :] for a in range(nodes)], axis=1)
    diagonal = jnp.zeros((free.shape[0], 3, 3), K.dtype).at[cells].add(own)
    for tied in operator.tied:
        ends = jnp.stack([tied.blocks[:, 0, 0], tied.blocks[:, 1, 1]], axis=1)
        diagonal = diagonal.at[tied.ends].add(ends)
    mask = free[:, :, None] * free[:, None, :]
    diagonal = diagonal * mask + jnp.eye(3, dtype=K.dtype)[None] * (1 - free)[:, :, None]
    return _invert_3x3(diagonal)


def _invert_3x3(a: Float[Array, "n 3 3"]) -> Float[Array, "n 3 3"]:
    """Inverses of symmetric 3×3 blocks by cofactors."""
    rows = [jnp.cross(a[:, i - 2], a[:, i - 1]) for i in range(3)]
    determinant = jnp.sum(a[:, 0] * rows[0], axis=1)
    return jnp.stack(rows, axis=2) / determinant[:, None, None]


def _schur(operator: WallOperator, inverse: Float[Array, "n 3 3"]) -> Float[Array, " v"]:
    """Diagonal stand-in for Q + G K⁻¹ Gᵀ, from the inverse blocks at the nodes of each cell.

    They know in which directions the wall is soft, as a modulus of the cell does not.
    """
    cells, G = operator.cells, operator.tangent.G
    rows = (G * operator.free[cells].reshape(len(cells), 1, -1)).reshape(len(cells), 4, -1, 3)
    given = jnp.einsum("cvai,caij,cvaj->cv", rows, inverse[cells], rows)
    own = jnp.diagonal(operator.tangent.Q, axis1=1, axis2=2)
    spread = RESPONSE * given + 2.0 * own
    return jnp.zeros(operator.vertices, spread.dtype).at[cells[:, :4]].add(spread)


def vertex_blocks(K: Float[Array, "c k k"]) -> Float[Array, "c 12 12"]:
    """Restrict element stiffness blocks to the vertices by the P1 embedding."""
    nodes = K.shape[1] // 3
    if nodes == 4:
        return K
    from heartsim.fem.elements import TET_EDGES

    embedding = np.zeros((nodes, 4))
    embedding[:4] = np.eye(4)
    for row, edge in enumerate(TET_EDGES, start=4):
        embedding[row, list(edge)] = 0.5
    E = jnp.asarray(embedding, K.dtype)
    blocks = K.reshape(-1, nodes, 3, nodes, 3)
    return jnp.einsum("na,cnimj,mb->caibj", E, blocks, E).reshape(-1, 12, 12)


def vertex_matrix(
    nodes: Nodes, free: np.ndarray, blocks: Float[np.ndarray, "c 12 12"]
) -> sparse.bsr_matrix:
    """Assemble the vertex-level matrix on the host, in 3 × 3 blocks.

    Parameters
    ----------
    nodes : Nodes
    free : (n, 3)
        1 where a displacement is unknown.
    blocks : (c, 12, 12)
        Element matrices on the vertices.
    """
    corners, count = nodes.cells[:, :4].astype(np.int64), nodes.vertices
    pairs, place = np.unique(corners[:, :, None] * count + corners[:, None, :], return_inverse=True)
    rows, columns = np.divmod(pairs, count)
    entries = blocks.reshape(-1, 4, 3, 4, 3).swapaxes(2, 3).reshape(-1, 9).T
    sums = [np.bincount(place.ravel(), one, minlength=len(pairs)) for one in entries]
    mask, own = free[:count], rows == columns
    data = np.stack(sums, axis=1).reshape(-1, 3, 3) * mask[rows, :, None] * mask[columns, None, :]
    data[own] += np.eye(3) * (1.0 - mask[rows[own]])[:, :, None]
    # what is prescribed couples to nothing, and is aggregated with nothing
    coupled = own | (mask[rows].any(axis=1) & mask[columns].any(axis=1))
    rows, columns, data = rows[coupled], columns[coupled], data[coupled]
    starts = np.searchsorted(rows, np.arange(count + 1))
    return sparse.bsr_matrix((data, columns, starts), shape=(3 * count, 3 * count))


def choose_prolongators(matrix: sparse.bsr_matrix, nodes: Nodes, free: np.ndarray) -> Prolongators:
    """Aggregate the vertex level of a wall, once for a simulation."""
    modes = multigrid.rigid_body_modes(nodes.points[: nodes.vertices])
    modes *= free[: nodes.vertices].reshape(-1, 1)
    return multigrid.aggregate(matrix, modes)
