"""Approximate inverse of the wall's tangent: block triangular, multigrid on the displacement.

A wall under stress is stable only among the moves that keep its volume: its block K is
indefinite, and a diagonal stands badly for the Schur complement. So the constraint is added to the
forces first, ``[[K + Gᵀ W G, Gᵀ - Gᵀ W Q], [G, -Q]]``, which changes no solution (augmented
Lagrangian [1]_). What remains of the Schur complement is near a diagonal. Displacement: half a
cycle whose finest level is the finite-element operator itself, smoothed by Chebyshev polynomials
with 3×3 node blocks, then the P1 embedding (for P2), then smoothed aggregation.

References
----------
.. [1] Benzi, Golub & Liesen (2005). Numerical solution of saddle point problems, section 8.
   doi:10.1017/S0962492904000212
"""

from dataclasses import replace
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
from jaxtyping import Array, Bool, Float, Int, Num

from heartsim.fem.linear import Wear
from heartsim.fem.operator import WallOperator
from heartsim.fem.space import Nodes
from heartsim.solve import multigrid
from heartsim.solve.multigrid import Hierarchy, Prolongators, Smoother, corrected_first

SMOOTHING: Final = 3
"""Chebyshev moves: after the correction on the finest level, before and after it on the others."""

PATIENCE: Final = 6
"""Iterations of a solve after which its finest level is smoothed by one more move: soft walls that
begin to fill take 37 instead of 49 for little more work (8: 39, 4: 37)."""

LONG: Final = 12
"""Iterations of a solve after which all levels smooth by one more move every second one: walls
near buckling, under a ring that is drawn tight, take 38 instead of 47."""

MOST_SMOOTHING: Final = 16
"""Moves that no iteration exceeds."""

RESPONSE: Final = 4.0
"""Change of volume under a pressure, over that with the other nodes held: 4 to 12 give equal
iterations in a beat."""

AUGMENTATION: Final = 2.0
"""Weight of the constraint in the displacement block, over the inverse of the diagonal that stands
for the Schur complement without it: 2 to 4 give like numbers of iterations, 1 more."""

MARGIN: Final = 1.25
"""Bound of the spectrum over its estimate, which comes from below."""

POWER_STEPS: Final = 2
"""Power iterations for the spectrum of the fine level, warm-started."""


class Preconditioner(eqx.Module):
    """Approximate inverse of one `WallOperator`.

    Attributes
    ----------
    operator : WallOperator
    multigrid : Multigrid
    inverse_diagonal : (n, 3, 3)
        Inverse node blocks of K.
    weight : (v,)
        Weight W of the constraint in the displacement block [kPa/mm³].
    bulk : (v,)
        Pressure that answers a change of volume: inverse of what stands for the Schur complement
        beside that weight [kPa/mm³].
    largest : ()
        Bound of the spectrum of D⁻¹ (K + Gᵀ W G), with the node blocks D of K.
    """

    operator: WallOperator
    multigrid: "Multigrid"
    inverse_diagonal: Float[Array, "n 3 3"]
    weight: Float[Array, " v"]
    bulk: Float[Array, " v"]
    largest: Float[Array, ""]

    @property
    def in_turn(self) -> bool:
        """Together: what one iteration reads is far larger than a cache."""
        return False

    def apply(self, z: Float[Array, "k m"], iteration: Int[Array, ""]) -> Float[Array, "k m"]:
        """Approximate solution of ``operator.apply(x) = z``, better where a solve takes long."""
        forces, volumes = self.operator.split(z)
        pressure = -self.bulk[None] * volumes
        given = pressure - self.weight[None] * (volumes + self.operator.compressibility(pressure))
        forces = forces - self.operator.coupling(given, forces)
        below = SMOOTHING + jnp.maximum(iteration - LONG, 0) // 2
        finest = below + iteration // PATIENCE
        finest, below = jnp.minimum(finest, MOST_SMOOTHING), jnp.minimum(below, MOST_SMOOTHING)
        return self.operator.join(self.displacement(forces, finest, below), pressure)

    def displacement(
        self, rhs: Float[Array, "k n 3"], finest: Int[Array, ""], below: Int[Array, ""]
    ) -> Float[Array, "k n 3"]:
        """Approximate solution of ``(K + Gᵀ W G) u = rhs``: half a cycle.

        With so many moves of the smoother on the finest level, and on each below.
        """

        def apply(u: Array) -> Array:
            return self.operator.stiffness(u, self.weight)

        def scale(r: Array) -> Array:
            return jnp.einsum("nij,knj->kni", self.inverse_diagonal, r)

        def correct(residual: Array) -> Array:
            free = self.operator.free[None]
            return self._coarse(residual * free, below) * free

        smoother = Smoother(apply, scale, self.largest, finest)
        return corrected_first(smoother, correct, rhs)

    def _coarse(self, r: Float[Array, "k n 3"], moves: Int[Array, ""]) -> Float[Array, "k n 3"]:
        hierarchy, edges = self.multigrid.hierarchy, self.multigrid.edges
        if not edges.shape[0]:
            return multigrid.coarse_correction(hierarchy, 0, r, degree=moves)
        vertices = self.operator.vertices
        half = 0.5 * r[:, vertices:]
        coarse = r[:, :vertices].at[:, edges[:, 0]].add(half).at[:, edges[:, 1]].add(half)
        # an edge that ends at a held vertex pulls at nothing there
        coarse = coarse * self.operator.free[None, :vertices]
        x = multigrid.cycle(hierarchy, coarse, degree=moves)
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
        weight, bulk = _vertex_weights(operator, *_shares(operator, inverse))
        direction, largest = _power(operator, inverse, weight, self.direction, POWER_STEPS)
        kept = replace(self, direction=direction)
        return Preconditioner(operator, kept, inverse, weight, bulk, MARGIN * largest), kept

    def used(self, iterations: Num[Array, ""], exhausted: Bool[Array, ""]) -> "Multigrid":
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


class VertexBlocks(NamedTuple):
    """Stiffness of the vertex level before it is summed.

    Attributes
    ----------
    cells : (c, 12, 12)
        Of the elements, on their vertices.
    strands : (s, 2, 2, 3, 3)
        Of cables, between the ends of each strand.
    """

    cells: Float[Array, "c 12 12"]
    strands: Float[Array, "s 2 2 3 3"]


def vertex_level(
    operator: WallOperator, start: Float[Array, "n 3"], *, steps: int
) -> tuple[VertexBlocks, Float[Array, "n 3"]]:
    """Blocks of the vertex level, and the dominant direction of the fine one.

    Each cell weighs its own share of the constraint, which no other cell sees: never less than
    Gᵀ W G.
    """
    inverse, G = _inverse_diagonal(operator), _free_coupling(operator)
    moved, own = _shares(operator, inverse)
    weighed = (AUGMENTATION * _reciprocal(moved + own))[:, :, None] * G
    cells = vertex_blocks(operator.tangent.K + jnp.einsum("cvi,cvj->cij", G, weighed))
    none = jnp.zeros((0, 2, 2, 3, 3), cells.dtype)
    strands = jnp.concatenate([none, *(tied.blocks for tied in operator.tied)])
    weight, _ = _vertex_weights(operator, moved, own)
    return VertexBlocks(cells, strands), _power(operator, inverse, weight, start, steps)[0]


def _power(
    operator: WallOperator,
    inverse: Float[Array, "n 3 3"],
    weight: Float[Array, " v"],
    start: Float[Array, "n 3"],
    steps: int,
) -> tuple[Float[Array, "n 3"], Float[Array, ""]]:
    """Dominant eigenvector and eigenvalue of D⁻¹ (K + Gᵀ W G), by power iteration."""

    def advance(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        vector = jnp.einsum("nij,knj->kni", inverse, operator.stiffness(carry[0], weight))
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


def _free_coupling(operator: WallOperator) -> Float[Array, "c 4 k"]:
    """Coupling G to the displacements that are not held."""
    free = operator.free[operator.cells].reshape(len(operator.cells), 1, -1)
    return operator.tangent.G * free


def _shares(
    operator: WallOperator, inverse: Float[Array, "n 3 3"]
) -> tuple[Float[Array, "c 4"], Float[Array, "c 4"]]:
    """What cells add to diagonals that stand for G K⁻¹ Gᵀ and for Q [mm³/kPa].

    The inverse blocks at the nodes know in which directions the wall is soft, as a modulus of the
    cell does not.
    """
    rows = _free_coupling(operator)
    rows = rows.reshape(*rows.shape[:2], -1, 3)
    moved = jnp.einsum("cvai,caij,cvaj->cv", rows, inverse[operator.cells], rows)
    return RESPONSE * moved, 2.0 * jnp.diagonal(operator.tangent.Q, axis1=1, axis2=2)


def _vertex_weights(
    operator: WallOperator, moved: Float[Array, "c 4"], own: Float[Array, "c 4"]
) -> tuple[Float[Array, " v"], Float[Array, " v"]]:
    """Weight of the constraint at the vertices, and bulk modulus over volume beside it."""
    moved = operator.at_vertices(moved[None])[0]
    inverse = _reciprocal(moved + operator.at_vertices(own[None])[0])
    weight = AUGMENTATION * jnp.maximum(inverse, 0.0)
    return weight, inverse * (1.0 + weight * moved)


def _reciprocal(x: Array) -> Array:
    """Inverse; zero of zero, as at nodes that are held."""
    return jnp.where(x == 0.0, 0.0, 1.0 / jnp.where(x == 0.0, 1.0, x))


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
    nodes: Nodes, free: np.ndarray, blocks: VertexBlocks, ends: Int[np.ndarray, "s 2"]
) -> sparse.bsr_matrix:
    """Assemble the vertex-level matrix on the host, in 3 × 3 blocks.

    Parameters
    ----------
    nodes : Nodes
    free : (n, 3)
        1 where a displacement is unknown.
    blocks : VertexBlocks
    ends : (s, 2) int
        Vertices that strands join.
    """
    count = nodes.vertices
    joined = (nodes.cells[:, :4].astype(np.int64), ends.astype(np.int64))
    keys = [(some[:, :, None] * count + some[:, None, :]).ravel() for some in joined]
    pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
    rows, columns = np.divmod(pairs, count)
    of_cells = np.asarray(blocks.cells).reshape(-1, 4, 3, 4, 3).swapaxes(2, 3).reshape(-1, 9)
    entries = np.concatenate([of_cells, np.asarray(blocks.strands).reshape(-1, 9)]).T
    sums = [np.bincount(place, one, minlength=len(pairs)) for one in entries]
    data = np.stack(sums, axis=1).reshape(-1, 3, 3)
    mask, own = free[:count], rows == columns
    data *= mask[rows, :, None] * mask[columns, None, :]
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
