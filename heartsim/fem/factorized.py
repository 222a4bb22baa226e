"""A direct factorisation as approximate inverse: exact when it is fresh, good for many steps.

The whole saddle-point matrix is eliminated in single precision by `solve.frontal`. The factors
are kept from step to step and renewed, inside the compiled step, when they are worn.
`equilibrium.LARGEST_FACTORIZED` and `LARGEST_SHARED` say for which hearts. Hearts of a batch share
the factors of their mean tangent: made once, and read once for all unless they are small.
"""

from dataclasses import replace
from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from heartsim.fem.linear import Wear
from heartsim.fem.operator import Tied, WallOperator
from heartsim.fem.space import Nodes, mesh_edges
from heartsim.solve import frontal
from heartsim.solve.dissection import Tree, dissect
from heartsim.solve.frontal import Factor, Plan
from heartsim.solve.lanes import typical

LEAF: Final = 150
"""Unknowns of a part that is not cut any more."""

OPERATIONS_PER_READ: Final = 22.0
"""Operations of a factorization in the time that a solve takes to read one number (measured)."""

CACHE: Final = 16e6
"""Bytes that stay in the cache of a CPU from one Krylov iteration to the next."""


class Inverse(eqx.Module):
    """Factors at work; attributes as in `Factorized`."""

    plan: Plan
    factor: Factor
    in_turn: bool = eqx.field(static=True, default=False)

    def apply(self, z: Float[Array, "k m"], iteration: Int[Array, ""]) -> Float[Array, "k m"]:
        """Approximate solution of ``operator.apply(x) = z``, the same in every iteration."""
        del iteration
        return frontal.solve(self.plan, self.factor, z)


class Factorized(eqx.Module):
    """Factors that outlive a step.

    Attributes
    ----------
    plan : Plan
    factor : Factor
    wear : Wear
    in_turn : bool
        Whether lanes of a batch are solved one after the other: small factors stay in a cache,
        so that lanes win nothing by waiting for the slowest one.
    """

    plan: Plan
    factor: Factor
    wear: Wear
    in_turn: bool = eqx.field(static=True)

    def prepare(self, operator: WallOperator) -> tuple[Inverse, "Factorized"]:
        """Inverse of a fresh tangent: the kept factors, or new ones when those have aged."""

        def renew() -> tuple[Factor, Wear]:
            made = _eliminated(self.plan, operator, wall_elements(operator), symmetric=True)
            return made, Wear.new(self.wear.price)

        def keep() -> tuple[Factor, Wear]:
            return self.factor, self.wear

        factor, wear = jax.lax.cond(self.renews, renew, keep)
        return Inverse(self.plan, factor, self.in_turn), replace(self, factor=factor, wear=wear)

    def used(self, iterations: Num[Array, ""], exhausted: Bool[Array, ""]) -> "Factorized":
        """Note how many iterations a Newton step took, and whether a solve ran out of them."""
        return replace(self, wear=self.wear.used(iterations, exhausted))

    def stale(self) -> "Factorized":
        """The same, to be renewed at the next use."""
        return replace(self, wear=self.wear.stale())

    @property
    def renews(self) -> Bool[Array, ""]:
        """Whether the next use makes new factors."""
        return self.wear.worn

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of the factors."""
        return self.factor[0][0].inverse.dtype


def invert(plan: Plan, operator: WallOperator, elements: Float[Array, "e d d"]) -> Inverse:
    """Inverse of a matrix in the unknowns of a wall that need not be symmetric.

    Rows and columns of prescribed displacements are zero in the elements.
    """
    return Inverse(plan, _eliminated(plan, operator, elements, symmetric=False))


def _eliminated(
    plan: Plan, operator: WallOperator, elements: Float[Array, "e d d"], *, symmetric: bool
) -> Factor:
    """Factors, with rows and columns of the identity for prescribed displacements."""
    fixed = 1.0 - operator.free.ravel()
    fixed = jnp.concatenate([fixed, jnp.zeros(operator.vertices, fixed.dtype)])
    return frontal.factorize(plan, typical(elements), typical(fixed), symmetric=symmetric)


def wall_elements(operator: WallOperator) -> Float[Array, "e d d"]:
    """Dense mixed element matrices, prescribed unknowns cleared."""
    _, G, Q = operator.tangent
    K = operator.loaded()
    free = operator.free[operator.cells].reshape(K.shape[0], -1)
    K, G = K * free[:, :, None] * free[:, None, :], G * free[:, None, :]
    upper = jnp.concatenate([K, jnp.swapaxes(G, 1, 2)], axis=2)
    cells = jnp.concatenate([upper, jnp.concatenate([G, -Q], axis=2)], axis=1)
    return jnp.concatenate([cells, *(_strands(tied, operator, cells) for tied in operator.tied)])


def _strands(tied: Tied, operator: WallOperator, like: Float[Array, "c d d"]) -> Array:
    """Tangents of strands in matrices of the size of an element's."""
    free = operator.free[tied.ends].reshape(-1, 6)
    own = jnp.swapaxes(tied.blocks, 2, 3).reshape(-1, 6, 6) * free[:, :, None] * free[:, None, :]
    rest = like.shape[1] - own.shape[1]
    return jnp.pad(own, ((0, 0), (0, rest), (0, rest)))


def plan_factors(
    nodes: Nodes, dtype: np.dtype, strands: Int[np.ndarray, "s 2"] | None = None
) -> Factorized:
    """Plan the elimination of a mesh; the factors come with the first use.

    Parameters
    ----------
    nodes : Nodes
    dtype : dtype
        Precision of the factors.
    strands : (s, 2) int, optional
        Vertices that cables join, in the order of the operator's.
    """
    tied = np.zeros((0, 2), int) if strands is None else strands
    corners, count = nodes.cells[:, :4], len(nodes.points)
    pairs, _ = mesh_edges(corners, nodes.vertices)
    weights = np.full(nodes.vertices, 4.0)
    if len(nodes.edges):
        weights += 1.5 * np.bincount(pairs.ravel(), minlength=nodes.vertices)
    linked = np.concatenate([pairs, tied])
    tree = dissect(nodes.points[: nodes.vertices], linked, weights, leaf=LEAF)
    owner = np.arange(nodes.vertices)
    if len(nodes.edges):
        # the middle of an edge goes with the end that is eliminated first
        start, end = nodes.edges.T
        owner = np.append(owner, np.where(tree.level[start] >= tree.level[end], start, end))
    point = np.append(np.repeat(owner, 3), np.arange(nodes.vertices))
    spread = Tree(tree.level[point], tree.place[point], tree.children)
    u = (3 * nodes.cells[:, :, None] + np.arange(3)).reshape(len(nodes.cells), -1)
    elements = np.column_stack([u, 3 * count + corners])
    # a strand is an element whose other unknowns are its first one again, with no numbers there
    own = (3 * tied[:, :, None] + np.arange(3)).reshape(-1, 6)
    again = np.broadcast_to(own[:, :1], (len(own), elements.shape[1] - 6))
    plan = frontal.plan(spread, np.concatenate([elements, np.column_stack([own, again])]))
    factor = frontal.unmade(plan, dtype)
    numbers = sum(leaf.size for leaf in jax.tree.leaves(factor))
    price = jnp.asarray(frontal.operations(plan) / (OPERATIONS_PER_READ * numbers))
    in_turn = numbers * dtype.itemsize <= CACHE
    return Factorized(plan, factor, Wear.new(price).stale(), in_turn)
