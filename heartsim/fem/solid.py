"""The heart wall as a mixed displacement–pressure solid: its energy at the points.

Energy per reference volume, with C the right Cauchy–Green tensor in fiber axes::

    W = s (psi(C', Ta) + phi(C', C'_n, Ta, dt)) + gamma/2 (J' - 1)² + p (J' - 1) - p² / (2 kappa)
        + eta/2 |E - E_n|² / dt

C' and J' = J/s are those of the deformation that is left after the wall has been thickened by a
factor s across its sheets: 1 but where something was injected.

`psi` and `phi` are any material's ``energy`` and ``drag``. They are differentiated in the six
components of C at each point (never the element), held as six arrays over all points, and points
become elements by one shared product of reference gradients. ``kappa → ∞``
(zero compressibility) is exact incompressibility. For P1/P1 the pressure is stabilised by local
projection [1]_.

References
----------
.. [1] Bochev, Dohrmann & Gunzburger (2006). Stabilization of low-order mixed finite elements for
   the Stokes equations. doi:10.1137/S0036142905444482; for the heart: Karabelas et al. (2020),
   doi:10.1007/s00466-019-01760-w.
"""

from dataclasses import replace
from typing import Final, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from heartsim.fem.space import FunctionSpace
from heartsim.programs import Program
from heartsim.solve.lanes import in_turn
from heartsim.tissue.law import Symmetric

PAIRS: Final = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Order of the six components of C."""

Vector = Float[Array, "n 3"]
Scalar = Float[Array, ""]


class Material(Protocol):
    """Anything whose energy depends on C in fiber axes and on active tension."""

    def energy(self, C: Symmetric, tension: Scalar) -> Scalar:
        """Energy per reference volume [kPa] without the volumetric terms."""
        ...

    def drag(self, C: Symmetric, before: Symmetric, tension: Scalar, rate: Scalar) -> Scalar:
        """Potential [kPa] of what motion since the last time level costs in tension."""
        ...


class Solid(eqx.Module):
    """Wall of the heart: where it is, how its fibers run and what it is made of.

    Attributes
    ----------
    space : FunctionSpace
    frames : (c, q or 1, 3, 3)
        Rows fiber, sheet, normal.
    material : Material
        Leaves lead with the cell axis.
    augmentation : () or (c,)
        gamma [kPa]: vanishes at J = 1, makes the displacement block definite.
    compressibility : ()
        1 / kappa [1/kPa]; 0 for an incompressible wall.
    stabilization : ()
        Weight of the pressure projection [1/kPa]; 0 for P2/P1.
    viscosity : (c,)
        eta [kPa ms].
    swelling : (c,) or ()
        s, unloaded volume over that of the mesh [-]: 1 but where something was injected.
    """

    space: FunctionSpace
    frames: Float[Array, "c q 3 3"]
    material: Material
    augmentation: Float[Array, "..."]
    compressibility: Scalar
    stabilization: Scalar
    viscosity: Float[Array, " c"]
    swelling: Float[Array, "..."] = eqx.field(converter=jnp.asarray, default=1.0)

    def moved_to(self, points: Float[Array, "n 3"]) -> "Solid":
        """The same wall on another stress-free shape of its nodes, fibers carried along."""
        space = self.space.moved_to(points)
        frames = carried(self.frames, self.space.inverse_jacobian, space)
        return eqx.tree_at(lambda solid: (solid.space, solid.frames), self, (space, frames))


def some_cells(solid: Solid, start: Int[Array, ""], count: int) -> Solid:
    """Wall of `count` cells from one on, with all nodes."""

    def cut(leaf: Array) -> Array:
        return jax.lax.dynamic_slice_in_dim(leaf, start, count) if leaf.ndim else leaf

    space = solid.space
    return replace(
        solid,
        space=replace(
            space,
            cells=cut(space.cells),
            inverse_jacobian=cut(space.inverse_jacobian),
            volume=cut(space.volume),
        ),
        frames=cut(solid.frames),
        material=jax.tree.map(cut, solid.material),
        augmentation=cut(solid.augmentation),
        viscosity=cut(solid.viscosity),
        swelling=cut(solid.swelling),
    )


def swelling_of(solid: Solid) -> Float[Array, " c"]:
    """Unloaded volume of each cell over that of the mesh [-]."""
    return jnp.broadcast_to(solid.swelling, solid.viscosity.shape)


@Program
def carried(
    frames: Float[Array, "c q 3 3"], inverse_jacobian: Float[Array, "c 3 3"], space: FunctionSpace
) -> Float[Array, "c q 3 3"]:
    """Fiber frames of a shape with these inverse Jacobians, carried to a space and orthonormal."""
    corners = space.points[space.cells[:, :4]]
    edges = corners[:, 1:] - corners[:, :1]  # rows: dx/d(reference coordinate)
    there = jnp.einsum("cri,crj->cij", edges, inverse_jacobian)
    fiber = _unit(jnp.einsum("cij,cqj->cqi", there, frames[:, :, 0]))
    # sheets stay in the plane that fiber and wall direction span
    sheet = jnp.einsum("cij,cqj->cqi", there, frames[:, :, 1])
    sheet = _unit(sheet - jnp.sum(sheet * fiber, axis=-1, keepdims=True) * fiber)
    return jnp.stack([fiber, sheet, jnp.cross(fiber, sheet)], axis=2)


def _unit(vectors: Array) -> Array:
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)


def fiber_gradient(solid: Solid) -> Float[Array, "c q 3 3"]:
    """Derivative of reference coordinates (rows) along the fiber axes (columns) [1/mm]."""
    return jnp.einsum("crx,cqmx->cqrm", solid.space.inverse_jacobian, solid.frames)


def deformation(solid: Solid, u: Vector) -> Float[Array, "c q 3 3"]:
    """Deformation gradient with its second index in fiber axes, at the quadrature points."""
    reference = jnp.einsum("cai,qar->cqir", u[solid.space.cells], solid.space.gradients)
    return jnp.swapaxes(solid.frames, 2, 3) + reference @ fiber_gradient(solid)


def cauchy_green(F: Float[Array, "... 3 3"]) -> Symmetric:
    """Six components of C in fiber axes, one array each."""
    return Symmetric(*(jnp.sum(F[..., :, m] * F[..., :, n], axis=-1) for m, n in PAIRS))


def difference(new: Symmetric, old: Symmetric) -> Symmetric:
    """Change of C, component by component."""
    return Symmetric(*(a - b for a, b in zip(new, old, strict=True)))


def square(c: Symmetric) -> Array:
    """Sum of the squares of all nine entries."""
    diagonal, mixed = c.ff**2 + c.ss**2 + c.nn**2, c.fs**2 + c.fn**2 + c.sn**2
    return diagonal + 2.0 * mixed


def point_volume_ratio(c: Symmetric) -> Scalar:
    """J of a point from its right Cauchy–Green tensor."""
    return jnp.sqrt(c.determinant)


def unswollen(c: Symmetric, swelling: Scalar) -> Symmetric:
    """C of what is left of a deformation after the wall has swollen across its sheets."""
    s = 1.0 / swelling
    return Symmetric(c.ff, s * s * c.ss, c.nn, s * c.fs, c.fn, s * c.sn)


def quadrature_volume(space: FunctionSpace) -> Float[Array, "c q"]:
    """Reference volume that each quadrature point stands for [mm³]."""
    return space.volume[:, None] * space.weights[None]


def point_pressure(space: FunctionSpace, p: Float[Array, " v"]) -> Float[Array, "c q"]:
    """Pressure multiplier at the quadrature points [kPa]."""
    return jnp.einsum("qb,cb->cq", space.pressure_values, p[space.cells[:, :4]])


def pressure_form(solid: Solid) -> Float[Array, "c 4 4"]:
    """Matrix of the term quadratic in pressure: compressibility and projection [mm³/kPa]."""
    mass = (1.0 + jnp.eye(4)) / 20.0
    per_volume = solid.compressibility * mass + solid.stabilization * (mass - 1.0 / 16.0)
    return solid.space.volume[:, None, None] * per_volume[None]


def point_energy(
    c: Symmetric,
    before: Symmetric,
    p: Scalar,
    rate: Scalar,
    augmentation: Scalar,
    cell: tuple[Material, Scalar, Scalar, Scalar],
) -> Scalar:
    """Energy per reference volume at one point of one cell [kPa]."""
    material, viscosity, swelling, tension = cell
    dilation = point_volume_ratio(c) / swelling - 1.0
    dissipation = viscosity * rate / 8.0 * square(difference(c, before))
    own = unswollen(c, swelling)
    elastic = swelling * material.energy(own, tension)
    elastic += swelling * material.drag(own, unswollen(before, swelling), tension, rate)
    return elastic + (0.5 * augmentation * dilation + p) * dilation + dissipation


def at_points(function, solid: Solid, F, p, tension, u_before: Vector, rate: Scalar):
    """Map a function of the point energy's arguments over all points of all cells."""
    before = cauchy_green(deformation(solid, u_before))
    pressure = point_pressure(solid.space, p)
    over_points = jax.vmap(function, in_axes=(0, 0, 0, None, None, None))
    by_cell = 0 if solid.augmentation.ndim else None
    over_cells = jax.vmap(over_points, in_axes=(0, 0, 0, None, by_cell, 0))
    cell = (solid.material, solid.viscosity, swelling_of(solid), tension)
    return over_cells(cauchy_green(F), before, pressure, rate, solid.augmentation, cell)


def volume_ratio_all(F: Float[Array, "... 3 3"]) -> Float[Array, "..."]:
    """Signed J at many points (negative where a cell is turned inside out)."""
    return jnp.einsum("...i,...i->...", F[..., 0], jnp.cross(F[..., 1], F[..., 2]))


def rows_first(F: Float[Array, "c q 3 3"]) -> Float[Array, "3 3 c q"]:
    """Rows and columns of the matrices of all points first."""
    return jnp.moveaxis(F, (0, 1), (-2, -1))


def pulled_back(
    left: Float[Array, "3 3 c q"], slope: Symmetric, right: Float[Array, "3 3 c q"]
) -> Float[Array, "3 3 c q"]:
    """``left S rightᵀ``: S from the slope of the energy in the components of C."""
    a, b, c = (2.0 * part for part in slope[:3])
    d, e, f = slope[3:]
    stress = ((a, d, e), (d, b, f), (e, f, c))

    def row(one: Float[Array, "3 c q"]) -> Float[Array, "3 c q"]:
        x, y, z = (one[0] * s[0] + one[1] * s[1] + one[2] * s[2] for s in stress)
        return x[None] * right[:, 0] + y[None] * right[:, 1] + z[None] * right[:, 2]

    return in_turn(row, left)


def least_volume_ratio(solid: Solid, u: Vector) -> Scalar:
    """Smallest J over all quadrature points; negative where a cell is inside out."""
    return jnp.min(volume_ratio_all(deformation(solid, u)))


def stored_energy(solid: Solid, u: Vector, p: Float[Array, " v"]) -> Scalar:
    """Passive elastic energy of the wall [µJ].

    Where the constraint holds, the volumetric part ``p (J - 1) - p² / (2 kappa)`` is
    ``p² / (2 kappa)``; the projection that stabilises P1/P1 stores energy in the same form.
    """
    none = jnp.zeros_like(solid.viscosity)
    still = jnp.zeros((), u.dtype)
    passive = eqx.tree_at(lambda s: s.viscosity, solid, none)
    F, slack = deformation(solid, u), jnp.zeros_like(p)
    energy = at_points(point_energy, passive, F, slack, none, u, still)
    held = p[solid.space.cells[:, :4]]
    volumetric = 0.5 * jnp.einsum("ca,cab,cb->", held, pressure_form(solid), held)
    return jnp.sum(quadrature_volume(solid.space) * energy) + volumetric


def current_volume(solid: Solid, u: Vector) -> Scalar:
    """Volume of the deformed wall [mm³]."""
    return jnp.sum(quadrature_volume(solid.space) * volume_ratio_all(deformation(solid, u)))


def fiber_state(
    solid: Solid,
    u: Vector,
    p: Float[Array, " v"],
    tension: Float[Array, " c"],
    u_before: Vector,
    rate: Scalar,
) -> tuple[Float[Array, " c"], Float[Array, " c"]]:
    """Total Cauchy stress along the deformed fiber [kPa] and fiber stretch, means of each cell.

    Parameters as those of `residual`.
    """
    F = deformation(solid, u)
    slope = at_points(jax.grad(point_energy), solid, F, p, tension, u_before, rate)
    stretch = jnp.sqrt(jnp.sum(F[..., 0] ** 2, axis=-1))
    along = jnp.einsum("cqim,cqi->cqm", F, F[..., 0] / stretch[..., None])
    pairs = zip(slope, PAIRS, strict=True)
    stress = 2.0 * sum(part * along[..., m] * along[..., n] for part, (m, n) in pairs)
    weights = solid.space.weights
    return stress / volume_ratio_all(F) @ weights, stretch @ weights
