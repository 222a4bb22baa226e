"""How much of the outside each facet of a surface sees: little in a cavity, much on the outside."""

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.mesh.surfaces import facet_areas, facet_edges, facet_normals
from heartsim.units import deg

GRID = 72
DIRECTIONS = 40
MOST_FACETS = 6000
SOFTNESS = 15 * deg
"""Angle at which an edge of a rim is cheaper by e."""


def exposure(
    points: Float[np.ndarray, "nodes 3"], facets: Int[np.ndarray, "facets 3"]
) -> Float[np.ndarray, " facets"]:
    """Share of the half space before each facet, weighted by the cosine, that is open.

    Rays march through a grid whose cells the surface occupies; their start keeps off the facet by
    two cells. On fine meshes a sample of facets is traced, and the others take the value of the
    nearest one of like orientation.

    Parameters
    ----------
    points : (n, 3)
        Nodes, in any unit.
    facets : (f, 3)
        Triangles, normals out of the tissue.

    Returns
    -------
    (f,) float
        0 in a closed cavity, about 1/2 at the rim of an open one, 1 on a convex outside.
    """
    cell = float(np.linalg.norm(np.ptp(points[facets].reshape(-1, 3), axis=0))) / GRID
    origin = points[facets].reshape(-1, 3).min(axis=0) - 3 * cell
    taken = _occupied(points, facets, origin, cell)
    centers, normals = points[facets].mean(axis=1), facet_normals(points, facets)
    step = -(-len(facets) // MOST_FACETS)
    traced = np.arange(0, len(facets), step)
    value = _open_share(centers[traced], normals[traced], taken, origin, cell)
    if step == 1:
        return value
    from scipy.spatial import KDTree

    reach = 10 * cell  # a facet that faces the other way is as far as this
    tree = KDTree(np.hstack([centers[traced], reach * normals[traced]]))
    return value[tree.query(np.hstack([centers, reach * normals]))[1]]


def _occupied(
    points: np.ndarray, facets: np.ndarray, origin: np.ndarray, cell: float
) -> Bool[np.ndarray, "x y z"]:
    """Grid cells that the surface passes through."""
    corner = points[facets]
    longest = np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).max(axis=1)
    pieces = np.clip(np.ceil(longest / (0.6 * cell)), 1, 200).astype(int)
    shape = np.ceil(np.ptp(corner.reshape(-1, 3), axis=0) / cell).astype(int) + 7
    taken = np.zeros(shape, bool)
    for count in np.unique(pieces):
        i, j = np.meshgrid(np.arange(count + 1), np.arange(count + 1))
        inside = i + j <= count
        weight = np.stack([i[inside], j[inside], count - i[inside] - j[inside]], axis=1) / count
        chosen = corner[pieces == count]
        for part in np.array_split(chosen, max(1, chosen.shape[0] * len(weight) // 10**6)):
            at = ((weight @ part - origin) / cell).astype(int).reshape(-1, 3)
            taken[tuple(at.T)] = True
    return taken


def _open_share(
    centers: np.ndarray, normals: np.ndarray, taken: np.ndarray, origin: np.ndarray, cell: float
) -> Float[np.ndarray, " facets"]:
    """March along each direction from all facets that face it."""
    seen, total = np.zeros(len(centers)), np.zeros(len(centers))
    start = (centers + 2 * cell * normals - origin) / cell
    for direction in _directions(DIRECTIONS):
        cosine = normals @ direction
        facing = np.flatnonzero(cosine > 0.05)
        total[facing] += cosine[facing]
        at, going = start[facing], facing
        while len(going):
            index = np.floor(at).astype(int)
            inside = ((index >= 0) & (index < taken.shape)).all(axis=1)
            seen[going[~inside]] += cosine[going[~inside]]
            at, going, index = at[inside], going[inside], index[inside]
            free = ~taken[tuple(index.T)]
            at, going = at[free] + 0.8 * direction, going[free]
    return seen / np.maximum(total, 1e-12)


def _directions(count: int) -> Float[np.ndarray, "count 3"]:
    """Evenly spread unit vectors on a Fibonacci spiral."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)


def neighbors(facets: Int[np.ndarray, "facets 3"]) -> Int[np.ndarray, "edges 4"]:
    """Find pairs of facets that share an edge: two facets, two nodes.

    The surface is a manifold: an edge with other than two facets is left out.
    """
    edges = facet_edges(facets)
    order = np.lexsort(edges.T[::-1])
    ordered = edges[order]
    same = (ordered[1:] == ordered[:-1]).all(axis=1)
    crowd = np.zeros(len(same), bool)
    crowd[1:] |= same[1:] & same[:-1]
    crowd[:-1] |= same[1:] & same[:-1]
    at = np.flatnonzero(same & ~crowd)
    return np.column_stack([order[at] // 3, order[at + 1] // 3, ordered[at]])


def cheapest_cut(
    points: Float[np.ndarray, "nodes 3"],
    facets: Int[np.ndarray, "facets 3"],
    leaning: Float[np.ndarray, " facets"],
    *,
    weight: float = 0.4,
) -> Bool[np.ndarray, " facets"]:
    """Part a surface in two along sharp outer edges: the minimum cut of its dual graph.

    A cut pays the length of its edges, less on a ridge of the tissue (`ridge_prices`), and each
    facet on the wrong side pays its leaning times the square root of its area.

    Parameters
    ----------
    points, facets : (n, 3), (f, 3)
        Manifold surface, normals out of the tissue.
    leaning : (f,)
        Positive for facets that should be in the part, negative for the others; ±inf binds.
    weight : float
        Worth of the leanings against the length of the cut.

    Returns
    -------
    (f,) bool
        The facets in the part.
    """
    from scipy.sparse import coo_array, csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    pairs = neighbors(facets)
    price = ridge_prices(points, facets, pairs)
    size = np.sqrt(facet_areas(points, facets))
    bound = np.nan_to_num(leaning, posinf=1e3, neginf=-1e3)
    scale = 1e4 / max(float(size.mean()), 1e-30)
    cost = np.minimum(np.abs(bound) * size * weight * scale, 2**27).astype(np.int64)
    edge = np.maximum(price * scale, 1).astype(np.int64)
    count = len(facets)
    source, sink = count, count + 1
    inward, outward = np.flatnonzero(bound > 0), np.flatnonzero(bound < 0)
    start = np.concatenate([pairs[:, 0], pairs[:, 1], np.full(len(inward), source), outward])
    end = np.concatenate([pairs[:, 1], pairs[:, 0], inward, np.full(len(outward), sink)])
    capacity = np.concatenate([edge, edge, cost[inward], cost[outward]])
    graph = csr_array(
        coo_array((capacity, (start, end)), shape=(count + 2, count + 2)), dtype=np.int32
    )
    rest = csr_array(graph - maximum_flow(graph, source, sink).flow)
    rest.data = np.maximum(rest.data, 0)
    rest.eliminate_zeros()
    reached = breadth_first_order(rest, source, return_predecessors=False)
    part = np.zeros(count + 2, bool)
    part[reached] = True
    return part[:count]


def ridge_prices(
    points: Float[np.ndarray, "nodes 3"],
    facets: Int[np.ndarray, "facets 3"],
    pairs: Int[np.ndarray, "edges 4"],
) -> Float[np.ndarray, " edges"]:
    """Length of each edge, made cheaper on a ridge by exp(−angle / `SOFTNESS`)."""
    length = np.linalg.norm(points[pairs[:, 2]] - points[pairs[:, 3]], axis=1)
    return length * np.exp(-np.maximum(ridge_angles(points, facets, pairs), 0) / SOFTNESS)


def ridge_angles(
    points: Float[np.ndarray, "nodes 3"],
    facets: Int[np.ndarray, "facets 3"],
    pairs: Int[np.ndarray, "edges 4"],
) -> Float[np.ndarray, " edges"]:
    """Angle between the normals across each edge [rad]; negative in a groove of the tissue."""
    normals, centers = facet_normals(points, facets), points[facets].mean(axis=1)
    one, other = pairs[:, 0], pairs[:, 1]
    angle = np.arccos(np.clip(np.einsum("ei,ei->e", normals[one], normals[other]), -1, 1))
    across = np.einsum("ei,ei->e", centers[other] - centers[one], normals[one])
    return np.where(across < 0, angle, -angle)


def connected(
    facets: Int[np.ndarray, "facets 3"], chosen: Bool[np.ndarray, " facets"]
) -> Int[np.ndarray, " facets"]:
    """Number of the edge-connected part of each chosen facet; −1 elsewhere."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = neighbors(facets)
    pairs = pairs[chosen[pairs[:, 0]] & chosen[pairs[:, 1]]]
    graph = coo_array(
        (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(facets), len(facets))
    )
    _, label = connected_components(graph, directed=False)
    part = np.full(len(facets), -1)
    _, part[chosen] = np.unique(label[chosen], return_inverse=True)
    return part
