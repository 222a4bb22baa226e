"""Displacement and pressure spaces of one mesh: numbering, geometry and tables on the device.

Displacement is P2 or P1, pressure is P1 in both families; vertices are numbered first, so a
vertex has the same number in both spaces. Cells are straight-sided: one Jacobian each.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from heartsim.errors import MeshError
from heartsim.fem.elements import TET_EDGES, TRIANGLE_EDGES, tabulate
from heartsim.mesh.surfaces import boundary, match_facets
from heartsim.programs import Program

DEGREE: Final[Mapping[str, int]] = {"P2P1": 2, "P1P1": 1}
"""Displacement degree of each element family."""


class Nodes(NamedTuple):
    """Numbering of the displacement nodes of a tetrahedral mesh (host).

    Attributes
    ----------
    points : (n, 3)
        Vertices first, then edge midpoints [mm].
    cells : (c, a)
        Nodes of each tetrahedron.
    edges : (e, 2)
        Vertices of each edge, smaller first; edge k is node ``vertices + k``. Empty for P1.
    vertices : int
        Number of vertices.
    """

    points: Float[np.ndarray, "n 3"]
    cells: Int[np.ndarray, "c a"]
    edges: Int[np.ndarray, "e 2"]
    vertices: int

    def midpoints(self, edges: Int[np.ndarray, "e 2"]) -> Int[np.ndarray, " e"]:
        """Node numbers in the middle of edges."""
        table = _edge_key(self.edges, self.vertices)
        return self.vertices + np.searchsorted(table, _edge_key(edges, self.vertices))

    def facets(self, triangles: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "f b"]:
        """Displacement nodes of triangles that are faces of the mesh."""
        if not len(self.edges):
            return triangles
        middles = [self.midpoints(triangles[:, side]) for side in TRIANGLE_EDGES]
        return np.column_stack([triangles, *middles])

    def interpolate(self, values: Float[np.ndarray, "v ..."]) -> Float[np.ndarray, "n ..."]:
        """Extend vertex values linearly to all displacement nodes."""
        if not len(self.edges):
            return values
        middle = 0.5 * (values[self.edges[:, 0]] + values[self.edges[:, 1]])
        return np.concatenate([values, middle])


def _edge_key(pairs: np.ndarray, vertices: int) -> np.ndarray:
    low, high = np.sort(pairs, axis=1).T
    return low.astype(np.int64) * vertices + high


def mesh_edges(
    tets: Int[np.ndarray, "c 4"], vertices: int
) -> tuple[Int[np.ndarray, "e 2"], Int[np.ndarray, "c 6"]]:
    """Edges of a mesh, smaller vertex first, and the numbers of each cell's edges."""
    pairs = tets[:, TET_EDGES].reshape(-1, 2)
    key, inverse = np.unique(_edge_key(pairs, vertices), return_inverse=True)
    return np.column_stack([key // vertices, key % vertices]), inverse.reshape(len(tets), -1)


class BoundaryParts(eqx.Module):
    """Faces or edges of the mesh on its boundary, and one cell behind each.

    Attributes
    ----------
    nodes : (f, b) int
        Displacement nodes of each part.
    cell : (f,) int
        Tetrahedron that it belongs to.
    local : (f, b) int
        Which of the cell's nodes those of the part are.
    """

    nodes: Int[Array, "f b"]
    cell: Int[Array, " f"]
    local: Int[Array, "f b"]


def boundary_facets(nodes: Nodes, triangles: Int[np.ndarray, "f 3"]) -> BoundaryParts:
    """Find the cells behind boundary triangles.

    Raises
    ------
    MeshError
        If a triangle is not on the boundary of the mesh.
    """
    outer, owner = boundary(nodes.cells[:, :4])
    place = match_facets(triangles, outer)
    if (place < 0).any():
        raise MeshError(
            f"{np.count_nonzero(place < 0)} of {len(triangles)} surface triangles are not on the "
            f"boundary of the tetrahedra (first is triangle {int(np.argmin(place))}). Export "
            "surface and volume from the same mesh."
        )
    return _parts(nodes, nodes.facets(triangles), owner[place])


def boundary_edges(
    nodes: Nodes, edges: Int[np.ndarray, "r 2"], facets: BoundaryParts
) -> BoundaryParts:
    """Give the edges of a surface the cells behind its facets; midpoints follow the ends."""
    corners = np.asarray(facets.nodes)[:, :3]
    sides = corners[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    keys = _edge_key(sides, nodes.vertices)
    order = np.argsort(keys)
    wanted = _edge_key(edges, nodes.vertices)
    side = order[np.searchsorted(keys[order], wanted)]
    own = edges
    if len(nodes.edges):
        own = np.column_stack([edges, nodes.midpoints(edges)])
    return _parts(nodes, own, np.asarray(facets.cell)[side // 3])


def _parts(nodes: Nodes, own: np.ndarray, cell: np.ndarray) -> BoundaryParts:
    local = np.argmax(nodes.cells[cell][:, None, :] == own[:, :, None], axis=2)
    return jax.device_put(BoundaryParts(*(table.astype(np.int32) for table in (own, cell, local))))


def number_nodes(
    points: Float[np.ndarray, "v 3"], tets: Int[np.ndarray, "c 4"], degree: int
) -> Nodes:
    """Number the displacement nodes of a mesh for P1 or P2."""
    vertices = len(points)
    if degree == 1:
        return Nodes(points, tets, np.empty((0, 2), dtype=tets.dtype), vertices)
    edges, number = mesh_edges(tets, vertices)
    middle = points[edges].mean(axis=1)
    cells = np.column_stack([tets, vertices + number])
    return Nodes(np.vstack([points, middle]), cells, edges, vertices)


class FunctionSpace(eqx.Module):
    """Displacement–pressure space on the device.

    Attributes
    ----------
    points : (n, 3)
        Reference positions of the displacement nodes [mm].
    cells : (c, a) int
        Displacement nodes of each cell; the first four are its vertices.
    inverse_jacobian : (c, 3, 3)
        Derivative of the reference coordinates (rows) by position (columns) [1/mm].
    volume : (c,)
        Cell volumes [mm³].
    values : (q, a), gradients : (q, a, 3), weights : (q,)
        Displacement element at the quadrature points.
    pressure_values : (q, 4)
        Pressure shape functions there.
    free : (n, 3)
        1 where a displacement is unknown, 0 where it is prescribed.
    vertices : int
        Number of vertices, hence of pressure unknowns.
    element : str
        ``"P2P1"`` or ``"P1P1"``.
    """

    points: Float[Array, "n 3"]
    cells: Int[Array, "c a"]
    inverse_jacobian: Float[Array, "c 3 3"]
    volume: Float[Array, " c"]
    values: Float[Array, "q a"]
    gradients: Float[Array, "q a 3"]
    weights: Float[Array, " q"]
    pressure_values: Float[Array, "q 4"]
    free: Float[Array, "n 3"]
    vertices: int = eqx.field(static=True)
    element: str = eqx.field(static=True)

    @property
    def dofs(self) -> int:
        """Number of displacement and pressure unknowns."""
        return 3 * self.points.shape[0] + self.vertices

    def moved_to(self, points: Float[Array, "n 3"]) -> "FunctionSpace":
        """Return the same space on another reference shape."""
        inverse, volume = _geometry(points, self.cells)
        return eqx.tree_at(
            lambda s: (s.points, s.inverse_jacobian, s.volume), self, (points, inverse, volume)
        )


@Program
def _geometry(
    points: Float[Array, "n 3"], cells: Int[Array, "c a"]
) -> tuple[Float[Array, "c 3 3"], Float[Array, " c"]]:
    """Inverse Jacobians and volumes of straight-sided tetrahedra."""
    corners = points[cells[:, :4]]
    edges = corners[:, 1:] - corners[:, :1]  # rows: dx/d(reference coordinate)
    cofactor = jnp.stack([jnp.cross(edges[:, i - 2], edges[:, i - 1]) for i in range(3)], axis=1)
    determinant = jnp.einsum("ci,ci->c", edges[:, 0], cofactor[:, 0])
    return cofactor / determinant[:, None, None], determinant / 6.0


def function_space(
    nodes: Nodes,
    element: str,
    *,
    fixed: Int[np.ndarray, " k"] | None = None,
    quadrature_degree: int = 2,
) -> FunctionSpace:
    """Build the device tables of an element family on numbered nodes.

    Parameters
    ----------
    nodes : Nodes
        From `number_nodes` with the family's displacement degree.
    element : str
        ``"P2P1"`` (Taylor–Hood) or ``"P1P1"`` (stabilised).
    fixed : (k,) int, optional
        Displacement nodes held at zero displacement.
    quadrature_degree : int
        Exactness of the volume rule; 2 (four points) by default. P1 strain is constant in a
        cell, but fibers turn through the wall: with one point a coarse wall has no helix.
    """
    degree = DEGREE[element]
    table = tabulate(3, degree, quadrature_degree)
    cells = nodes.cells.astype(np.int32)
    inverse, volume = _geometry(nodes.points, cells)
    free = np.ones((len(nodes.points), 3))
    if fixed is not None:
        free[fixed] = 0.0
    space = FunctionSpace(
        points=nodes.points,
        cells=cells,
        inverse_jacobian=inverse,
        volume=volume,
        values=table.values,
        gradients=table.gradients,
        weights=table.weights,
        pressure_values=table.barycentric,
        free=free,
        vertices=nodes.vertices,
        element=element,
    )
    return jax.device_put(space)
