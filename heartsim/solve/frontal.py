"""Direct factorisation of a finite-element matrix, front by front, in batched dense products.

Multifrontal elimination on a nested-dissection tree. Fronts of like size share one padded shape, so
a level is a handful of batched matrix products: the same code runs on CPU and GPU, inside a
compiled step and under ``vmap``. The host plans once for a mesh; the numbers change as often as
wanted. Meant for single precision, as a preconditioner that serves many steps.

References
----------
Duff & Reid (1983). The multifrontal solution of indefinite sparse symmetric linear equations.
doi:10.1145/356044.356047.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from heartsim.solve.dissection import Tree

BATCH_COST: Final = 1e9
"""Operations that one more batch must save, at least: each makes the compiled step longer."""

MOST_BATCHES: Final = 18
"""Batches beyond which the next one must save more, whatever the mesh, or one a level."""


class Batch(eqx.Module):
    """Fronts of one level of the tree with one padded shape: what they eliminate and touch.

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
    start, stride : (f, 2) int
        Where each child's border matrix begins in what the level below passes on, and the length
        of its rows there.
    spots : (f, 2, p+b) int
        Where the unknowns of a front lie in the borders of its children; the last place of a row
        is empty and stands for nowhere.
    """

    pivots: Int[Array, "f p"]
    border: Int[Array, "f b"]
    elements: Int[Array, " e"]
    front: Int[Array, " e"]
    place: Int[Array, "e d"]
    start: Int[Array, "f 2"]
    stride: Int[Array, "f 2"]
    spots: Int[Array, "f 2 m"]


Plan = tuple[tuple[Batch, ...], ...]
"""Batches of the levels of an elimination, root first."""


class Front(NamedTuple):
    """Factors of a batch.

    Attributes
    ----------
    inverse : (f, p, p)
        Inverse pivot blocks.
    coupling : (f, p, b)
        These times the coupling to the border.
    returning : (f, b, p) or None
        The coupling from the border times these; None where the matrix is symmetric.
    """

    inverse: Float[Array, "f p p"]
    coupling: Float[Array, "f p b"]
    returning: Float[Array, "f b p"] | None

    @property
    def back(self) -> Float[Array, "f b p"]:
        """What the border sees of a change of the pivots' right-hand side."""
        if self.returning is None:
            return jnp.swapaxes(self.coupling, 1, 2)
        return self.returning


Factor = tuple[tuple[Front, ...], ...]
"""Factors of all batches, root first."""


class _Passed(NamedTuple):
    """Borders that a level passes on, on the host: unknowns, and where each matrix will lie."""

    border: Int[np.ndarray, "f b"]
    start: Int[np.ndarray, " f"]
    stride: Int[np.ndarray, " f"]
    unknowns: int

    def read_by(
        self, children: Int[np.ndarray, "g 2"], slots: Int[np.ndarray, "g m"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`start`, `stride` and `spots` of fronts that have these children and unknowns."""
        # a front without a child reads the empty places of the first one
        child = np.maximum(children, 0)
        start, stride = self.start[child], self.stride[child]
        spots = _find(self.border, children[:, :, None], slots[:, None, :], self.unknowns)
        return start, stride, np.minimum(spots, stride[:, :, None] - 1)


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
    levels: list[_Level] = []
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
        entering = np.flatnonzero(enters == level)
        levels.append(_Level(pivots, border, entering, front[entering], children))
        if level:
            above = _parents(tree.children[level - 1], fronts)
            front[reached] = above[front[reached]]
    below = _Passed(np.zeros((0, 0), int), np.zeros(1, int), np.ones(1, int), unknowns)
    batched: list[tuple[Batch, ...]] = []
    for level, alike in zip(levels, _grouped(levels, unknowns), strict=True):
        batches, below = _batches(level, alike, elements, below)
        batched.append(batches)
    return jax.device_put(tuple(reversed(batched)))


class _Level(NamedTuple):
    """Fronts of a level: unknowns, and which elements enter where."""

    pivots: Int[np.ndarray, "f p"]
    border: Int[np.ndarray, "f b"]
    entering: Int[np.ndarray, " k"]
    front: Int[np.ndarray, " k"]
    children: Int[np.ndarray, "f 2"]


def _grouped(levels: Sequence[_Level], unknowns: int) -> list[list[np.ndarray]]:
    """Fronts of the batches of each level, few enough for a program that compiles soon."""
    sizes = [
        ((level.pivots < unknowns).sum(axis=1), (level.border < unknowns).sum(axis=1))
        for level in levels
    ]
    cost = BATCH_COST
    while True:
        groups = [list(_alike(*size, cost)) for size in sizes]
        if sum(map(len, groups)) <= max(MOST_BATCHES, len(levels)):
            return groups
        cost *= 1.5


def _batches(
    level: _Level,
    groups: list[np.ndarray],
    elements: Int[np.ndarray, "e d"],
    below: _Passed,
) -> tuple[tuple[Batch, ...], _Passed]:
    """Batches of a level, and the borders that they pass on, one matrix after the other."""
    unknowns, batches, first = below.unknowns, [], 0
    start, stride = np.zeros(len(level.pivots), int), np.zeros(len(level.pivots), int)
    for some in groups:
        inner = _trimmed(level.pivots[some], unknowns)
        outer = _trimmed(level.border[some], unknowns)
        slots = np.concatenate([inner, outer], axis=1)
        among = np.isin(level.front, some)
        here, at = level.entering[among], np.searchsorted(some, level.front[among])
        place = _find(slots, at[:, None], elements[here], unknowns)
        tables = (inner, outer, here, at, place, *below.read_by(level.children[some], slots))
        batches.append(Batch(*(table.astype(np.int32) for table in tables)))
        row = outer.shape[1] + 1
        start[some], stride[some] = first + row**2 * np.arange(len(some)), row
        first += row**2 * len(some)
    return tuple(batches), _Passed(level.border, start, stride, unknowns)


def _alike(
    pivots: Int[np.ndarray, " f"], border: Int[np.ndarray, " f"], batch_cost: float
) -> Iterator[np.ndarray]:
    """Cut the fronts of a level into batches of like size, each with the work of its largest."""
    order = np.argsort(pivots + border, kind="stable")
    p, b = pivots[order].astype(float), border[order].astype(float)
    best, cut = np.zeros(len(order) + 1), np.zeros(len(order) + 1, int)
    for end in range(1, len(order) + 1):
        widest = [np.maximum.accumulate(size[end - 1 :: -1])[::-1] for size in (p[:end], b[:end])]
        work = _operations(*widest) * (end - np.arange(end))
        cost = best[:end] + work + batch_cost
        cut[end] = np.argmin(cost)
        best[end] = cost[cut[end]]
    end = len(order)
    while end:
        yield np.sort(order[cut[end] : end])
        end = cut[end]


def _trimmed(rows: Int[np.ndarray, "f m"], empty: int) -> Int[np.ndarray, "f k"]:
    """Rows without the columns that are empty in all of them, one at least."""
    return rows[:, : max(1, (rows < empty).sum(axis=1).max())]


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


def _operations(pivots: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Multiplications and additions that eliminate one front."""
    return 2.0 * pivots * (pivots**2 + pivots * border + border**2)


def operations(plan: Plan) -> float:
    """Multiplications and additions of a factorization, padding included."""
    sizes = [(*b.pivots.shape, b.border.shape[1]) for level in plan for b in level]
    fronts, pivots, border = np.array(sizes, float).T
    return float(fronts @ _operations(pivots, border))


def unmade(plan: Plan, dtype: np.dtype) -> Factor:
    """Factors of a symmetric matrix, of the right shapes, that have not been computed."""

    def front(batch: Batch) -> Front:
        fronts, count = batch.pivots.shape
        shapes = (fronts, count, count), (fronts, count, batch.border.shape[1])
        inverse, coupling = (np.zeros(shape, dtype) for shape in shapes)
        return Front(inverse, coupling, None)

    return jax.device_put(tuple(tuple(front(batch) for batch in level) for level in plan))


def factorize(
    plan: Plan,
    blocks: Float[Array, "e d d"],
    diagonal: Float[Array, " n"],
    *,
    symmetric: bool = True,
) -> Factor:
    """Eliminate all unknowns of a matrix.

    Parameters
    ----------
    plan : Plan
    blocks : (e, d, d)
        Dense element matrices.
    diagonal : (n,)
        Added to the diagonal: 1 for prescribed unknowns, else 0.
    symmetric : bool
        Whether the matrix is; one that is not costs as much and keeps more.
    """
    factors, below = [], None
    padded = jnp.concatenate([diagonal, jnp.ones(1, diagonal.dtype)])
    for level in reversed(plan):
        fronts, passed = [], []
        for batch in level:
            matrix = _assembled(batch, blocks, padded, below)
            count = batch.pivots.shape[1]
            inverse = jnp.linalg.inv(matrix[:, :count, :count])
            outer = matrix[:, :count, count:]
            coupling = inverse @ outer
            inner = jnp.swapaxes(outer, 1, 2) if symmetric else matrix[:, count:, :count]
            rest = matrix[:, count:, count:] - inner @ coupling
            fronts.append(Front(inverse, coupling, None if symmetric else inner @ inverse))
            passed.append(jnp.pad(rest, ((0, 0), (0, 1), (0, 1))).ravel())
            # one batch after another: XLA 0.10 on a CPU can hang on batches side by side
            padded = padded + 0.0 * inverse[0, 0, 0]
        factors.append(tuple(fronts))
        below = jnp.concatenate(passed)
    return tuple(reversed(factors))


def _assembled(
    batch: Batch,
    blocks: Float[Array, "e d d"],
    diagonal: Float[Array, " n1"],
    below: Float[Array, " s"] | None,
) -> Float[Array, "f m m"]:
    """Matrices of the fronts of a batch: elements, diagonal, and what the children leave."""
    fronts, count = batch.pivots.shape
    size, own = count + batch.border.shape[1], jnp.arange(count)
    at = (batch.front[:, None, None], batch.place[:, :, None], batch.place[:, None, :])
    matrix = jnp.zeros((fronts, size, size), blocks.dtype).at[at].add(blocks[batch.elements])
    matrix = matrix.at[:, own, own].add(diagonal[batch.pivots])
    if below is None:
        return matrix
    for side in (0, 1):
        spot, row = batch.spots[:, side], batch.stride[:, side, None, None]
        start = batch.start[:, side, None, None]
        matrix += below[start + spot[:, :, None] * row + spot[:, None, :]]
    return matrix


def solve(plan: Plan, factor: Factor, rhs: Float[Array, "k n"]) -> Float[Array, "k n"]:
    """Solve with the factors for several right-hand sides."""
    x = jnp.pad(rhs.T, ((0, 1), (0, 0)))
    pairs = [pair for level in zip(plan, factor, strict=True) for pair in zip(*level, strict=True)]
    for batch, front in reversed(pairs):
        push = front.back @ x[batch.pivots]
        x = x.at[batch.border].add(-push)
    for batch, front in pairs:
        mine = front.inverse @ x[batch.pivots] - front.coupling @ x[batch.border]
        x = x.at[batch.pivots].set(mine)
    return x[:-1].T
