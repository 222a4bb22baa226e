"""Algebraic multigrid below the finite-element level.

The host aggregates once (pyamg, smoothed aggregation with the six rigid-body modes) and freezes
the prolongators; later refreshes only recompute the Galerkin products, so every shape stays
static and one compiled program serves a whole simulation. Matrices travel to the device as rows
of dense blocks padded to one width.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
from jaxtyping import Array, Float, Int

LARGEST_DENSE: Final = 200
"""Largest number of nodes on the coarsest level, which is inverted densely."""

STRONG: Final = 0.04
"""Nodes are aggregated along couplings of at least this share of their own stiffness (0.03 to 0.08
give equal iterations, 0 a fifth more; 0.08 doubles the coarse entries of fine meshes)."""

ENERGY_STEPS: Final = 4
"""Steps that lower the energy of the prolongators, in which the rigid modes stay exact."""

DAMPED: Final = 0.1
"""Smoothers damp from this share of the largest eigenvalue: 0.06 to 0.15 take 6 to 8 iterations in
ventricles; the longest solve of a patient's heart of 112 000 unknowns 39 with 0.1, 41 with 0.15."""


class BlockRows(eqx.Module):
    """Sparse matrix of small dense blocks, each row padded to the same number of blocks.

    Attributes
    ----------
    columns : (n, w) int
    blocks : (n, i, w j)
        The blocks of a row side by side.
    """

    columns: Int[Array, "n w"]
    blocks: Float[Array, "n i wj"]

    @property
    def coarse_size(self) -> int:
        """Unknowns of a node on the side of the columns."""
        return self.blocks.shape[2] // self.columns.shape[1]


class Level(eqx.Module):
    """One algebraic level: its matrix, smoother and the way down.

    Attributes
    ----------
    matrix : BlockRows
    inverse_diagonal : (n, b, b)
    largest : ()
        Largest eigenvalue of the Jacobi-scaled matrix.
    prolongation : BlockRows
        From the next coarser level to this one.
    """

    matrix: BlockRows
    inverse_diagonal: Float[Array, "n b b"]
    largest: Float[Array, ""]
    prolongation: BlockRows


class Hierarchy(eqx.Module):
    """Levels from fine to coarse and the dense inverse at the bottom."""

    levels: tuple[Level, ...]
    coarse_inverse: Float[Array, "m m"]


class Prolongators(NamedTuple):
    """Frozen transfer operators of a hierarchy (host)."""

    matrices: tuple[sparse.bsr_matrix, ...]
    widths: tuple[int, ...]


def rigid_body_modes(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n3 6"]:
    """Three translations and three rotations of a set of points."""
    x, y, z = (points - points.mean(axis=0)).T
    scale = np.abs(points - points.mean(axis=0)).max()
    zero, one = np.zeros_like(x), np.ones_like(x)
    columns = [
        (one, zero, zero), (zero, one, zero), (zero, zero, one),
        (zero, -z, y), (z, zero, -x), (-y, x, zero),
    ]  # fmt: skip
    modes = np.stack([np.stack(column, axis=1).ravel() for column in columns], axis=1)
    modes[:, 3:] /= scale
    return modes


def aggregate(matrix: sparse.bsr_matrix, modes: Float[np.ndarray, "n3 6"]) -> Prolongators:
    """Choose aggregates and smoothed prolongators for a vector matrix, once."""
    from pyamg.aggregation import smoothed_aggregation_solver

    solver = smoothed_aggregation_solver(
        matrix,
        B=modes,
        strength=("symmetric", {"theta": STRONG}),
        smooth=("energy", {"krylov": "cg", "maxiter": ENERGY_STEPS}),
        improve_candidates=None,
        max_coarse=LARGEST_DENSE,
    )
    matrices = tuple(level.P.tobsr() for level in solver.levels[:-1])
    widths = []
    for P in matrices:
        widths.append(_widest(matrix))
        matrix = (P.T @ matrix @ P).tobsr((P.blocksize[1], P.blocksize[1]))
    return Prolongators(matrices, tuple(widths))


def _widest(matrix: sparse.bsr_matrix) -> int:
    return int(np.diff(matrix.indptr).max())


def _block_rows(matrix: sparse.bsr_matrix, width: int, dtype: np.dtype) -> BlockRows:
    """Pad the block rows of a matrix to one width."""
    rows = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
    slot = np.arange(len(matrix.indices)) - matrix.indptr[rows]
    columns = np.zeros((len(matrix.indptr) - 1, width), dtype=np.int32)
    blocks = np.zeros((*columns.shape, *matrix.blocksize), dtype=dtype)
    columns[rows, slot] = matrix.indices
    blocks[rows, slot] = matrix.data
    wide = blocks.transpose(0, 2, 1, 3).reshape(len(columns), matrix.blocksize[0], -1)
    return BlockRows(jnp.asarray(columns), jnp.asarray(wide))


def _jacobi(matrix: sparse.bsr_matrix) -> tuple[np.ndarray, float]:
    """Inverse diagonal blocks and a bound on the scaled spectrum by power iteration."""
    count = matrix.indptr.size - 1
    rows = np.repeat(np.arange(count), np.diff(matrix.indptr))
    on_diagonal = matrix.indices == rows
    size = matrix.blocksize[0]
    diagonal = np.zeros((count, size, size))
    np.add.at(diagonal, rows[on_diagonal], matrix.data[on_diagonal])
    inverse = np.linalg.pinv(diagonal, hermitian=True)
    vector = np.random.default_rng(0).standard_normal(count * size)
    largest = np.float64(1.0)
    for _ in range(15):
        vector = np.einsum("nij,nj->ni", inverse, (matrix @ vector).reshape(-1, size)).ravel()
        largest = np.linalg.norm(vector)
        vector /= largest
    return inverse, float(1.1 * largest)


def build(matrix: sparse.bsr_matrix, frozen: Prolongators, dtype: np.dtype) -> Hierarchy:
    """Compute the coarse matrices of frozen prolongators and move them to the device."""
    levels = []
    for P, width in zip(frozen.matrices, frozen.widths, strict=True):
        inverse, largest = _jacobi(matrix)
        levels.append(
            Level(
                _block_rows(matrix, width, dtype),
                jnp.asarray(inverse.astype(dtype)),
                jnp.asarray(largest, dtype=dtype),
                _block_rows(P, _widest(P), dtype),
            )
        )
        matrix = (P.T @ matrix @ P).tobsr((P.blocksize[1], P.blocksize[1]))
    inverse = np.linalg.inv(matrix.toarray())
    return Hierarchy(tuple(levels), jnp.asarray(inverse.astype(dtype)))


def multiply(matrix: BlockRows, x: Float[Array, "k n j"]) -> Float[Array, "k m i"]:
    """Matrix times several block vectors."""
    gathered = x[:, matrix.columns].reshape(x.shape[0], matrix.columns.shape[0], -1)
    return jnp.einsum("nij,knj->kni", matrix.blocks, gathered)


def restrict(prolongation: BlockRows, r: Float[Array, "k n i"], size: int) -> Array:
    """Transpose of a prolongation times several block vectors."""
    parts = jnp.einsum("nij,kni->knj", prolongation.blocks, r)
    parts = parts.reshape(r.shape[0], *prolongation.columns.shape, -1)
    coarse = jnp.zeros((r.shape[0], size, parts.shape[-1]), r.dtype)
    return coarse.at[:, prolongation.columns].add(parts)


class Smoothed(NamedTuple):
    """Iterate of a smoother, its residual, and a move of it that is still to be made."""

    x: Array
    residual: Array
    move: Array


class Smoother(NamedTuple):
    """Chebyshev polynomials in the Jacobi-scaled matrix, damping [`DAMPED`, 1] of its spectrum.

    Attributes
    ----------
    apply, scale
        Matrix and block-Jacobi inverse.
    largest : ()
        Largest eigenvalue of the scaled matrix.
    degree : () int
        Moves on each way.
    """

    apply: Callable[[Array], Array]
    scale: Callable[[Array], Array]
    largest: Array
    degree: Int[Array, ""]

    @property
    def centre(self) -> Array:
        """Middle of the damped interval."""
        return 0.5 * (1.0 + DAMPED) * self.largest

    @property
    def radius(self) -> Array:
        """Half width of the damped interval."""
        return 0.5 * (1.0 - DAMPED) * self.largest

    def moves(self, start: Smoothed, *, foreign: bool) -> Smoothed:
        """Make the pending move and `degree` - 1 more; another one is left pending.

        A `foreign` pending move (a coarse correction) is not part of the polynomial, which then
        starts after it.
        """
        ratio = self.radius / self.centre

        def advance(count: int, carry: tuple[Smoothed, Array]) -> tuple[Smoothed, Array]:
            now, rho = carry
            residual = now.residual - self.apply(now.move)
            following = 1.0 / (2.0 / ratio - rho)
            old, new = following * rho, 2.0 * following / self.radius
            if foreign:
                first = count == 0
                following = jnp.where(first, ratio, following)
                old = jnp.where(first, 0.0, old)
                new = jnp.where(first, 1.0 / self.centre, new)
            move = old * now.move + new * self.scale(residual)
            return Smoothed(now.x + now.move, residual, move), following

        return jax.lax.fori_loop(0, self.degree, advance, (start, ratio))[0]


def two_grid(smoother: Smoother, correct: Callable[[Array], Array], rhs: Array) -> Array:
    """Smooth from zero, correct on the coarser space, smooth again: a symmetric cycle."""
    begin = Smoothed(jnp.zeros_like(rhs), rhs, smoother.scale(rhs) / smoother.centre)
    down = smoother.moves(begin, foreign=False)
    return down.x + corrected_first(smoother, correct, down.residual)


def corrected_first(smoother: Smoother, correct: Callable[[Array], Array], rhs: Array) -> Array:
    """Correct zero on the coarser space, then smooth: half of the products."""
    begin = Smoothed(jnp.zeros_like(rhs), rhs, correct(rhs))
    up = smoother.moves(begin, foreign=True)
    return up.x + up.move


def cycle(hierarchy: Hierarchy, rhs: Float[Array, "k n b"], *, degree: Int[Array, ""]) -> Array:
    """One symmetric V-cycle on the algebraic levels."""
    return _descend(hierarchy, 0, rhs, degree)


def _descend(hierarchy: Hierarchy, depth: int, rhs: Array, degree: Int[Array, ""]) -> Array:
    if depth == len(hierarchy.levels):
        flat = rhs.reshape(rhs.shape[0], -1)
        return (flat @ hierarchy.coarse_inverse).reshape(rhs.shape)
    level = hierarchy.levels[depth]

    def apply(x):
        return multiply(level.matrix, x)

    def scale(r):
        return jnp.einsum("nij,knj->kni", level.inverse_diagonal, r)

    def correct(r):
        return coarse_correction(hierarchy, depth, r, degree=degree)

    return two_grid(Smoother(apply, scale, level.largest, degree), correct, rhs)


def coarse_correction(
    hierarchy: Hierarchy, depth: int, residual: Array, *, degree: Int[Array, ""]
) -> Array:
    """Correct a residual on the level below `depth` and bring the answer back."""
    if depth == len(hierarchy.levels):
        return _descend(hierarchy, depth, residual, degree)
    prolongation = hierarchy.levels[depth].prolongation
    deeper = depth + 1
    size = (
        hierarchy.levels[deeper].inverse_diagonal.shape[0]
        if deeper < len(hierarchy.levels)
        else hierarchy.coarse_inverse.shape[0] // prolongation.coarse_size
    )
    coarse = restrict(prolongation, residual, size)
    return multiply(prolongation, _descend(hierarchy, deeper, coarse, degree))
