"""A manufactured solution: observed orders of both element families."""

from collections.abc import Callable
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.fem.elements import tabulate
from heartsim.fem.space import DEGREE, FunctionSpace
from heartsim.mesh.box import box
from heartsim.tissue.passive import NeoHookean
from heartsim.units import kPa
from heartsim.verification.bodies import Points, heart_of, muscle, space_on, volume_load, wall
from heartsim.verification.direct import Body, Equilibrium, loading, solve
from heartsim.verification.quadratic import Steps, near_solution
from heartsim.verification.table import Figure, Findings, Line, Reading, observed_order

SHEAR: Final = 10.0 * kPa
BULK: Final = 50.0 * kPa
AMPLITUDE: Final = 0.05
"""Shear and bulk modulus, and amplitude of the displacement [mm] on the unit cube."""

DIVISIONS: Final = {"P2P1": (3, 6, 8), "P1P1": (4, 8, 12)}
"""Bricks along an edge; ``--fast`` leaves out the finest."""

ORDERS: Final = {"P2P1": (2.85, 1.85), "P1P1": (1.85, 1.5)}
"""Least observed order of displacement and of pressure in L2: theory 3 and 2 for Taylor–Hood, 2
and at least 1.5 for stabilised P1/P1; 0.15 less where theory is exact, for meshes not yet small."""


class Errors(NamedTuple):
    """L2 errors of one mesh, and Newton's steps on it."""

    displacement: float
    pressure: float
    newton: Steps
    dofs: int


def displacement(x: Float[Array, " 3"]) -> Float[Array, " 3"]:
    """Exact displacement [mm]."""
    return AMPLITUDE * jnp.sin(jnp.pi * jnp.stack([x[1] + x[2] / 2, x[2], x[0] - x[1] / 2]))


def pressure(x: Float[Array, " 3"]) -> Float[Array, ""]:
    """Exact multiplier p = kappa (J − 1) [kPa]."""
    return BULK * (jnp.linalg.det(_gradient(x)) - 1)


def _gradient(x: Float[Array, " 3"]) -> Float[Array, "3 3"]:
    return jnp.eye(3) + jax.jacfwd(displacement)(x)


def _piola(x: Float[Array, " 3"]) -> Float[Array, "3 3"]:
    """First Piola stress by hand: mu dev(J^(-2/3) F) and p J F⁻ᵀ [kPa]."""
    F = _gradient(x)
    J, inverse = jnp.linalg.det(F), jnp.linalg.inv(F).T
    distortion = F - jnp.sum(F * F) / 3 * inverse
    return SHEAR * J ** (-2 / 3) * distortion + pressure(x) * J * inverse


def _body_force(x: Float[Array, " 3"]) -> Float[Array, " 3"]:
    """Force per reference volume that the exact solution needs, −Div P [mN/mm³]."""
    return -jnp.trace(jax.jacfwd(_piola)(x), axis1=1, axis2=2)


@eqx.filter_jit  # noqa: TID251
def _mapped(field: Callable, x: Float[Array, "n 3"]) -> Array:
    return jax.vmap(field)(x)


def _at(field: Callable, points: Points) -> np.ndarray:
    """Values of an exact field at points."""
    return np.asarray(_mapped(field, jnp.asarray(points)))


def convergence(fast: bool) -> Findings:
    """Manufactured solution on the unit cube: observed orders of convergence.

    u = 0.05 sin π(y + z/2, z, x − y/2) mm, neo-Hookean mu = 10 kPa (isochoric) with bulk modulus
    50 kPa, p = kappa (J − 1); the body force −Div P follows by differentiation of the stress
    written by hand, and the displacement is prescribed on all faces. Theory, L2 norms: Taylor–Hood
    P2/P1 3 in u and 2 in p; stabilised P1/P1 2 in u and at least 1.5 in p.
    """
    rows, lines, newton = [], [], []
    for k, (element, divisions) in enumerate(DIVISIONS.items()):
        counts = divisions[:2] if fast else divisions
        errors = [_errors(count, element) for count in counts]
        sizes = 1 / np.array(counts)
        reading = Reading("convergence", "theory less 0.15", errors[-1].dofs)
        for what, least, style in zip(
            ("displacement", "pressure"), ORDERS[element], ("o-", "s--"), strict=True
        ):
            found = np.array([getattr(error, what) for error in errors])
            order = observed_order(sizes, found)
            rows.append(reading.at_least(f"{element}, order of the {what} in L2", order, least))
            unit = "mm" if what == "displacement" else "kPa"
            lines.append(Line(sizes, found, f"{element}, {what} [{unit}]", f"C{k}{style}"))
        newton.append(errors[0].newton)
    for order, anchor in ((3, lines[0]), (2, lines[2])):
        x = np.array([anchor.x[0], anchor.x[-1]])
        lines.append(Line(x, 0.6 * anchor.y[0] * (x / x[0]) ** order, f"slope {order}", "k:"))
    figure = Figure("Manufactured solution", "cell size [mm]", "L2 error", tuple(lines), True)
    return Findings(tuple(rows), figure, tuple(newton))


def _errors(count: int, element: str) -> Errors:
    """Solve on count³ bricks and measure."""
    mesh = box((1.0, 1.0, 1.0), (count,) * 3)

    def faces(x: Points) -> np.ndarray:
        on = np.any((x < 1e-9) | (x > 1 - 1e-9), axis=1)
        return np.repeat(np.asarray(on)[:, None], 3, axis=1)

    degree = 4 if element == "P2P1" else 2
    _, space = space_on(mesh.points, mesh.tets, element, faces, quadrature_degree=degree)
    material = muscle(NeoHookean(SHEAR), len(space.volume))
    body = Body(heart_of(wall(space, material, compressibility=1 / BULK)))
    loads = loading(body, dead=volume_load(space, lambda x: _at(_body_force, x)))
    points = np.asarray(space.points)
    exact = jnp.asarray(_at(displacement, points))
    held = jnp.asarray(_at(pressure, points[: space.vertices]))
    found = solve(body, loads, Equilibrium(exact, held, ()))
    newton = near_solution(body, loads, found, off=0.1)
    return Errors(*_l2_errors(space, found), newton, space.dofs)


def _l2_errors(space: FunctionSpace, found: Equilibrium) -> tuple[float, float]:
    """L2 errors of displacement [mm] and pressure [kPa] by a rule of degree 6."""
    table = tabulate(3, DEGREE[space.element], 6)
    cells = np.asarray(space.cells)
    points = np.einsum("qb,cbi->cqi", table.barycentric, np.asarray(space.points)[cells[:, :4]])
    at = points.reshape(-1, 3)
    u = np.einsum("qa,cai->cqi", table.values, np.asarray(found.u)[cells]).reshape(-1, 3)
    p = np.einsum("qb,cb->cq", table.barycentric, np.asarray(found.p)[cells[:, :4]]).ravel()
    weight = (np.asarray(space.volume)[:, None] * table.weights).ravel()
    off_u = u - _at(displacement, at)
    off_p = p - _at(pressure, at)
    return (
        float(np.sqrt(np.sum(weight * np.sum(off_u**2, axis=1)))),
        float(np.sqrt(np.sum(weight * off_p**2))),
    )
