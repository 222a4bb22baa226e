"""Direct factorisation of a finite-element matrix, front by front, in batched dense products.

Multifrontal elimination on a nested-dissection tree. All fronts of a level share one padded
shape, so a level is a handful of batched matrix products: the same code runs on CPU and GPU,
inside a compiled step and under ``vmap``. The host plans once for a mesh; the numbers change as
often as wanted. Meant for single precision, as a preconditioner that serves many steps.

References
----------
Duff & Reid (1983). The multifrontal solution of indefinite sparse symmetric linear equations.
doi:10.1145/356044.356047.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from heartsim.solve.dissection import Tree


class Level(eqx.Module):
    """All fronts of one level of the tree: what they eliminate and what they touch.

    Unknown number ``n`` stands for no unknown; elements and children fill the fronts.

    Attributes
    ----------
    pivots : (f, p) int
        Unknowns that each front eliminates.
    border : (f, b) int
        Unknowns of later fronts that it touches.
    elements : (e,) int
        Elements that enter here.
    front : (e,) int
        Front of each of them.
    place : (e, d) int
        Where its unknowns lie in that front.
    children : (f, 2) int
        Fronts of the next level that feed each front; -1 for none.
    spots : (f, 2, p+b) int
        Where the unknowns of a front lie in the borders of its children; the width of a border
        stands for nowhere.
    """

    pivots: Int[Array, "f p"]
    border: Int[Array, "f b"]
    elements: Int[Array, " e"]
    front: Int[Array, " e"]
    place: Int[Array, "e d"]
    children: Int[Array, "f 2"]
    spots: Int[Array, "f 2 m"]


Plan = tuple[Level, ...]
"""Levels of an elimination, root first."""


class Front(NamedTuple):
    """Factors of a level: inverse pivot blocks, and these times the coupling to the border."""

    inverse: Float[Array, "f p p"]
    coupling: Float[Array, "f p b"]


Factor = tuple[Front, ...]
"""Factors of all levels, root first."""


def plan(tree: Tree, elements: Int[np.ndarray, "e d"]) -> Plan:
    """Lay out the fronts of a tree.

    Parameters
    ----------
    tree : Tree
        Where each unknown is eliminated.
    elements : (e, d) int
        Unknowns of each element.
    """
    unknowns, depth = len(tree.level), len(tree.children)
    deepest = np.argmax(tree.level[elements], axis=1)
    last = elements[np.arange(len(elements)), deepest]
    enters, front = tree.level[last], tree.place[last].copy()
    levels: list[Level] = []
    below = np.zeros((0, 0), int)
    for level in range(depth - 1, -1, -1):
        children = tree.children[level]
        fronts = len(children)
        mine = np.flatnonzero(tree.level == level)
        pivots = _padded(tree.place[mine], mine, fronts, unknowns)
        reached = enters >= level
        touched = elements[reached]
        outer = tree.level[touched] < level
        path = np.broadcast_to(front[reached][:, None], outer.shape)
        keys = np.unique(path[outer] * unknowns + touched[outer])
        border = _padded(keys // unknowns, keys % unknowns, fronts, unknowns)
        slots = np.concatenate([pivots, border], axis=1)
        entering = np.flatnonzero(enters == level)
        place = _find(slots, front[entering][:, None], elements[entering], unknowns)
        spots = _find(below, children[:, :, None], slots[:, None, :], unknowns)
        tables = (pivots, border, entering, front[entering], place, children, spots)
        levels.append(Level(*(jnp.asarray(table, jnp.int32) for table in tables)))
        if level:
            above = _parents(tree.children[level - 1], fronts)
            front[reached] = above[front[reached]]
        below = border
    return tuple(reversed(levels))


def _parents(children: Int[np.ndarray, "f 2"], fronts: int) -> Int[np.ndarray, " g"]:
    """Front above each front of a level."""
    parents = np.zeros(fronts, int)
    there = children >= 0
    parents[children[there]] = np.nonzero(there)[0]
    return parents


def _padded(front: np.ndarray, unknown: np.ndarray, fronts: int, empty: int) -> np.ndarray:
    """One row of unknowns for each front, filled up with `empty`."""
    order = np.argsort(front, kind="stable")
    front, unknown = front[order], unknown[order]
    start = np.searchsorted(front, np.arange(fronts))
    column = np.arange(len(front)) - start[front]
    rows = np.full((fronts, column.max(initial=0) + 1), empty)
    rows[front, column] = unknown
    return rows


def _find(rows: np.ndarray, row: np.ndarray, value: np.ndarray, empty: int) -> np.ndarray:
    """Column of each value in its row; the width of the rows where it is not there."""
    if not rows.size:
        return np.zeros(np.broadcast_shapes(row.shape, value.shape), int)
    base = empty + 1
    keys = (np.arange(len(rows))[:, None] * base + rows).ravel()
    order = np.argsort(keys, kind="stable")
    wanted = row * base + value
    spot = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    found = (keys[order][spot] == wanted) & (value < empty) & (row >= 0)
    return np.where(found, order[spot] % rows.shape[1], rows.shape[1])


def factorize(plan: Plan, blocks: Float[Array, "e d d"], diagonal: Float[Array, " n"]) -> Factor:
    """Eliminate all unknowns of a symmetric matrix.

    Parameters
    ----------
    plan : Plan
    blocks : (e, d, d)
        Dense element matrices.
    diagonal : (n,)
        Added to the diagonal: 1 for prescribed unknowns, else 0.
    """
    factors, passed = [], None
    padded = jnp.concatenate([diagonal, jnp.ones(1, diagonal.dtype)])
    for level in reversed(plan):
        fronts, count = level.pivots.shape
        size = count + level.border.shape[1]
        at = (level.front[:, None, None], level.place[:, :, None], level.place[:, None, :])
        matrix = jnp.zeros((fronts, size, size), blocks.dtype).at[at].add(blocks[level.elements])
        own = jnp.arange(count)
        matrix = matrix.at[:, own, own].add(padded[level.pivots])
        if passed is not None:
            matrix += _from_children(level, passed)
        inverse = jnp.linalg.inv(matrix[:, :count, :count])
        outer = matrix[:, :count, count:]
        coupling = inverse @ outer
        passed = matrix[:, count:, count:] - jnp.swapaxes(outer, 1, 2) @ coupling
        factors.append(Front(inverse, coupling))
    return tuple(reversed(factors))


def _from_children(level: Level, passed: Float[Array, "g b b"]) -> Float[Array, "f m m"]:
    """What the children leave of their borders, where it belongs in each front."""
    width = passed.shape[1] + 1
    entries = jnp.pad(passed, ((0, 0), (0, 1), (0, 1))).ravel()

    def child(side: int) -> Array:
        spot, start = level.spots[:, side], level.children[:, side] * width**2
        # a front without this child has all its spots in the padding
        start = jnp.maximum(start, 0)[:, None, None]
        return entries[start + spot[:, :, None] * width + spot[:, None, :]]

    return child(0) + child(1)


def solve(plan: Plan, factor: Factor, rhs: Float[Array, "k n"]) -> Float[Array, "k n"]:
    """Solve with the factors for several right-hand sides."""
    rhs = jnp.pad(rhs, ((0, 0), (0, 1)))
    held = []
    for level, front in zip(reversed(plan), reversed(factor), strict=True):
        own = rhs[:, level.pivots]
        held.append(own)
        rhs = rhs.at[:, level.border].add(-jnp.einsum("fpb,kfp->kfb", front.coupling, own))
    x = jnp.zeros_like(rhs)
    for level, front, own in zip(plan, factor, reversed(held), strict=True):
        mine = jnp.einsum("fpq,kfq->kfp", front.inverse, own)
        mine -= jnp.einsum("fpb,kfb->kfp", front.coupling, x[:, level.border])
        x = x.at[:, level.pivots].set(mine)
    return x[:, :-1]
