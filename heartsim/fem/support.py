"""What holds the heart: springs and dashpots on surfaces (pericardium, base).

Per reference area, with N the reference normal, smoothed unless told otherwise::

    traction = -(k_n N⊗N + k_t (I - N⊗N)) u - (c_n N⊗N + c_t (I - N⊗N)) ∂u/∂t

Linear in the displacement, so the tangent is constant. Values in use: Pfaller et al. (2019)
doi:10.1007/s10237-018-1098-4; Strocchi et al. (2020) doi:10.1016/j.jbiomech.2020.109645.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from heartsim.fem.elements import tabulate
from heartsim.fem.space import BoundaryParts, Nodes, boundary_facets
from heartsim.programs import Program


class Support(eqx.Module):
    """Springs and dashpots on one set of facets.

    Attributes
    ----------
    facets : BoundaryParts
    projector : (f, 3, 3)
        N⊗N of each facet.
    area : (f,)
        Reference area [mm²].
    mass : (b, b)
        Integrals of shape-function products per unit area.
    normal_stiffness, tangential_stiffness : (f,)
        [kPa/mm].
    normal_damping, tangential_damping : (f,)
        [kPa ms/mm].
    """

    facets: BoundaryParts
    projector: Float[Array, "f 3 3"]
    area: Float[Array, " f"]
    mass: Float[Array, "b b"]
    normal_stiffness: Float[Array, " f"]
    tangential_stiffness: Float[Array, " f"]
    normal_damping: Float[Array, " f"]
    tangential_damping: Float[Array, " f"]
    smoothed: bool = eqx.field(static=True)

    def moved_to(self, points: Float[Array, "n 3"]) -> "Support":
        """The same springs on another stress-free shape of the displacement nodes."""
        new = _geometry(points, self.facets.nodes[:, :3], smoothed=self.smoothed)
        return eqx.tree_at(lambda held: (held.projector, held.area), self, new)


def support(
    nodes: Nodes,
    triangles: Int[np.ndarray, "f 3"],
    *,
    normal_stiffness: float | Float[np.ndarray, " f"] = 0.0,
    tangential_stiffness: float | Float[np.ndarray, " f"] = 0.0,
    normal_damping: float | Float[np.ndarray, " f"] = 0.0,
    tangential_damping: float | Float[np.ndarray, " f"] = 0.0,
    smoothed: bool = True,
) -> Support:
    """Build a support on boundary triangles: stiffness of all or of each [kPa/mm, kPa ms/mm].

    Its normals are means of those of the vertices; with ``smoothed=False`` those of the facets.
    """
    quadratic = len(nodes.edges) > 0
    table = tabulate(2, 2 if quadratic else 1, 4 if quadratic else 2)
    uniform = np.ones(len(triangles))
    projector, area = _geometry(nodes.points, triangles, smoothed=smoothed)
    held = Support(
        facets=boundary_facets(nodes, triangles),
        projector=projector,
        area=area,
        mass=np.einsum("q,qa,qb->ab", table.weights, table.values, table.values),
        normal_stiffness=normal_stiffness * uniform,
        tangential_stiffness=tangential_stiffness * uniform,
        normal_damping=normal_damping * uniform,
        tangential_damping=tangential_damping * uniform,
        smoothed=smoothed,
    )
    return jax.device_put(held)


@Program
def _geometry(
    points: Float[Array, "n 3"], triangles: Int[Array, "f 3"], *, smoothed: bool
) -> tuple[Float[Array, "f 3 3"], Float[Array, " f"]]:
    """N⊗N and area of each facet."""
    corners = points[triangles]
    cross = jnp.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = cross
    if smoothed:
        # flat-facet normals hinder sliding over a curved surface at first order; these do not
        at_vertex = jnp.zeros_like(points).at[triangles].add(cross[:, None, :])
        normal = at_vertex[triangles].sum(axis=1)
    length = jnp.maximum(jnp.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    normal = normal / length
    projector = normal[:, :, None] * normal[:, None, :]
    return projector, 0.5 * jnp.linalg.norm(cross, axis=1)


def _tensor(projector, area, normal, tangential) -> Float[Array, "f 3 3"]:
    eye = jnp.eye(3, dtype=projector.dtype)
    spread = normal[:, None, None] * projector + tangential[:, None, None] * (eye[None] - projector)
    return area[:, None, None] * spread


def stiffness(held: Support) -> Float[Array, "f 3 3"]:
    """Spring tensor of each facet [mN/mm]."""
    return _tensor(held.projector, held.area, held.normal_stiffness, held.tangential_stiffness)


def damping(held: Support) -> Float[Array, "f 3 3"]:
    """Dashpot tensor of each facet [mN ms/mm]."""
    return _tensor(held.projector, held.area, held.normal_damping, held.tangential_damping)


def _force(held: Support, tensor: Float[Array, "f 3 3"], v: Float[Array, "n 3"]) -> Array:
    spread = jnp.einsum("ab,fbj->faj", held.mass.astype(v.dtype), v[held.facets.nodes])
    local = jnp.einsum("fij,faj->fai", tensor, spread)
    return jnp.zeros_like(v).at[held.facets.nodes].add(local)


def support_force(
    held: Support, u: Float[Array, "n 3"], u_before: Float[Array, "n 3"], rate: Float[Array, ""]
) -> Float[Array, "n 3"]:
    """Force with which the heart pushes on its support [mN]; residual term of the springs."""
    return _force(held, stiffness(held), u) + _force(held, damping(held), (u - u_before) * rate)


def support_blocks(held: Support, rate: Float[Array, ""]) -> Float[Array, "f b b 3 3"]:
    """Tangent of each facet for a step of 1/rate [mN/mm]."""
    tensor = stiffness(held) + rate * damping(held)
    return jnp.einsum("fij,ab->fabij", tensor, held.mass)


def support_energy(held: Support, u: Float[Array, "n 3"]) -> Float[Array, ""]:
    """Energy stored in the springs [µJ]."""
    return 0.5 * jnp.sum(u * _force(held, stiffness(held), u))


def support_power(held: Support, velocity: Float[Array, "n 3"]) -> Float[Array, ""]:
    """Power lost in the dashpots [mW]."""
    return jnp.sum(velocity * _force(held, damping(held), velocity))
