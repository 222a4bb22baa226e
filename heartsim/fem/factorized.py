"""A direct factorisation as approximate inverse: exact when it is fresh, good for many steps.

The whole saddle-point matrix is eliminated in single precision by `solve.frontal`. The factors
are kept from step to step and renewed, inside the compiled step, when the Krylov solves that
they serve grow long. `equilibrium.LARGEST_FACTORIZED` says for which hearts.
"""

from dataclasses import replace
from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from heartsim.fem.operator import WallOperator
from heartsim.fem.space import FunctionSpace, Nodes, mesh_edges
from heartsim.solve import frontal
from heartsim.solve.dissection import Tree, dissect
from heartsim.solve.frontal import Factor, Plan

LEAF: Final = 150
"""Unknowns of a part that is not cut any more."""

TIRED: Final = 30
"""Iterations of a Krylov solve after which the factors are renewed."""


class Inverse(eqx.Module):
    """Factors at work."""

    plan: Plan
    factor: Factor

    def apply(self, z: Float[Array, "k m"]) -> Float[Array, "k m"]:
        """Approximate solution of ``operator.apply(x) = z``."""
        return frontal.solve(self.plan, self.factor, z)


class Factorized(eqx.Module):
    """Factors that outlive a step.

    Attributes
    ----------
    plan : Plan
    factor : Factor
    work : () int
        Iterations of the last Krylov solve.
    """

    plan: Plan
    factor: Factor
    work: Int[Array, ""]

    def prepare(self, operator: WallOperator, space: FunctionSpace) -> tuple[Inverse, "Factorized"]:
        """Inverse of a fresh tangent: the kept factors, or new ones when those have aged."""
        del space
        free = jnp.concatenate([operator.free.ravel(), jnp.ones(operator.vertices, self.dtype)])

        def renew() -> Factor:
            return frontal.factorize(self.plan, _elements(operator), 1.0 - free)

        factor = jax.lax.cond(self.renews, renew, lambda: self.factor)
        return Inverse(self.plan, factor), replace(self, factor=factor)

    def used(self, iterations: Int[Array, ""]) -> "Factorized":
        """Note how many iterations a solve took."""
        return replace(self, work=iterations)

    def stale(self) -> "Factorized":
        """The same, to be renewed at the next use."""
        return replace(self, work=jnp.asarray(TIRED + 1, jnp.int32))

    @property
    def renews(self) -> Bool[Array, ""]:
        """Whether the next use makes new factors."""
        return self.work > TIRED

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of the factors."""
        return self.factor[0].inverse.dtype


def _elements(operator: WallOperator) -> Float[Array, "c d d"]:
    """Dense mixed element matrices, prescribed unknowns cleared."""
    _, G, Q = operator.tangent
    K = operator.loaded()
    free = operator.free[operator.cells].reshape(K.shape[0], -1)
    K, G = K * free[:, :, None] * free[:, None, :], G * free[:, None, :]
    upper = jnp.concatenate([K, jnp.swapaxes(G, 1, 2)], axis=2)
    return jnp.concatenate([upper, jnp.concatenate([G, -Q], axis=2)], axis=1)


def plan_factors(nodes: Nodes, dtype: np.dtype) -> Factorized:
    """Plan the elimination of a mesh; the factors come with the first use."""
    corners, count = nodes.cells[:, :4], len(nodes.points)
    pairs, _ = mesh_edges(corners, nodes.vertices)
    weights = np.full(nodes.vertices, 4.0)
    if len(nodes.edges):
        weights += 1.5 * np.bincount(pairs.ravel(), minlength=nodes.vertices)
    tree = dissect(nodes.points[: nodes.vertices], pairs, weights, leaf=LEAF)
    owner = np.arange(nodes.vertices)
    if len(nodes.edges):
        # the middle of an edge goes with the end that is eliminated first
        start, end = nodes.edges.T
        owner = np.append(owner, np.where(tree.level[start] >= tree.level[end], start, end))
    point = np.append(np.repeat(owner, 3), np.arange(nodes.vertices))
    spread = Tree(tree.level[point], tree.place[point], tree.children)
    u = (3 * nodes.cells[:, :, None] + np.arange(3)).reshape(len(nodes.cells), -1)
    plan = frontal.plan(spread, np.column_stack([u, 3 * count + corners]))
    factor = tuple(
        frontal.Front(
            jnp.zeros((*level.pivots.shape, level.pivots.shape[1]), dtype),
            jnp.zeros((*level.pivots.shape, level.border.shape[1]), dtype),
        )
        for level in plan
    )
    return Factorized(plan, factor, jnp.asarray(TIRED + 1, jnp.int32))
