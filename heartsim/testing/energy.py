"""Clauses of any energy of the right Cauchy–Green tensor, passive or active."""

from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.testing.clauses import DIFFERENCE_TOLERANCE, STEP, require_close, require_finite
from heartsim.tissue.law import Law, Symmetric

_COMPILED_TOLERANCE = 1e-13
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))

WORKING = {
    "fiber stretch 1.15": np.diag([1.15, 1.15**-0.5, 1.15**-0.5]),
    "fiber shortening 0.85": np.diag([0.85, 0.85**-0.5, 0.85**-0.5]),
    "shear 0.3": np.array([[1.03, 0.3, 0.1], [0.0, 0.98, -0.2], [0.0, 0.0, 0.99]]),
    "a general deformation": np.array(
        [[1.1, 0.05, -0.02], [0.03, 0.95, 0.04], [-0.01, 0.02, 1.02]]
    ),
}
_WILD = {
    f"wild stretches {s}": np.diag(s) + 0.01 * np.eye(3, k=1)
    for s in ((4.0, 1.0, 1.0), (1.0, 4.0, 4.0), (0.25, 4.0, 1.0), (4.0, 4.0, 4.0), (0.2, 0.2, 0.2))
}


States = Float[np.ndarray, "states 6"]


class Values(NamedTuple):
    """Energy and its derivatives in the six components of C at a list of states."""

    energy: Float[np.ndarray, " states"]
    slope: Float[np.ndarray, "states 6"]
    curvature: Float[np.ndarray, "states 6 6"]


def components_of(gradients: Iterable[Float[np.ndarray, "3 3"]]) -> States:
    """Components of C in the order of `Symmetric` for deformation gradients."""
    rows, columns = zip(*_PAIRS, strict=True)
    return np.array([(F.T @ F)[rows, columns] for F in gradients])


@eqx.filter_jit  # noqa: TID251
def _compiled(law: Law, states: Float[Array, "states 6"]) -> tuple[Float[Array, "..."], ...]:
    """Energy, slope and curvature, mapped over states."""

    def energy(c: Float[Array, "6"]) -> Float[Array, ""]:
        return law.energy(Symmetric(*c))

    functions = (energy, jax.grad(energy), jax.hessian(energy))
    return tuple(jax.vmap(function)(states) for function in functions)


def _evaluate(law: Law, states: States) -> Values:
    return Values(*(np.asarray(value) for value in _compiled(law, jnp.asarray(states))))


@eqx.filter_jit  # noqa: TID251
def _of_matrices(cells: Law, states: Float[Array, "states 3 3"]) -> Float[Array, " states"]:
    """Energy of 3×3 arrays, law and state mapped together."""
    return jax.vmap(lambda one, C: one.energy(C))(cells, states)


def _check_derivatives(here: Values, near: Values, name: str) -> None:
    """Slope and curvature against central differences of energy and slope."""
    near = Values(*(v.reshape(2, 6, len(WORKING), *v.shape[1:]) for v in near))
    slope = (near.energy[0] - near.energy[1]) / (2 * STEP)
    curvature = (near.slope[0] - near.slope[1]) / (2 * STEP)
    for s, label in enumerate(WORKING):
        for k, pair in enumerate(_PAIRS):
            where = f"{name} at {label}, component {pair}"
            found, expected = here.slope[s, k], slope[k, s]
            require_close(found, expected, DIFFERENCE_TOLERANCE, f"{where}: stress")
            found, expected = here.curvature[s, k], curvature[k, s]
            require_close(found, expected, DIFFERENCE_TOLERANCE, f"{where}: tangent")


def _check_forms(law: Law, here: Values, name: str) -> None:
    """Plain, compiled and mapped energies agree, and so do both forms of C; S is symmetric."""
    matrices = np.array([F.T @ F for F in WORKING.values()])
    plain = np.array([float(law.energy(jnp.asarray(C))) for C in matrices])
    require_close(here.energy, plain, _COMPILED_TOLERANCE, f"{name}: energy of components")
    cells = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(matrices),)), law)
    mapped = np.asarray(_of_matrices(cells, jnp.asarray(matrices)))
    require_close(mapped, plain, _COMPILED_TOLERANCE, f"{name}: energy mapped over cells")
    for i, j in _PAIRS[3:]:
        skew = np.zeros((3, 3))
        skew[i, j], skew[j, i] = STEP, -STEP
        ahead, behind = (_of_matrices(cells, jnp.asarray(matrices + A)) for A in (skew, -skew))
        slope = np.asarray(ahead - behind) / (2 * STEP)
        require_close(slope, np.zeros_like(slope), DIFFERENCE_TOLERANCE, f"{name}: S symmetric")


def _check_wild(far: Values, name: str) -> None:
    """Trial states of Newton, far from any solution, give finite numbers."""
    for s, label in enumerate(_WILD):
        for quantity, value in zip(("energy", "stress", "tangent"), far, strict=True):
            require_finite(value[s], f"{name} at {label}: {quantity}")


def check_energy(law: Law, name: str) -> Values:
    """Hold an energy against all clauses of this module; its values at C = I exactly."""
    working = components_of(WORKING.values())
    steps = STEP * np.concatenate([np.eye(6), -np.eye(6)])
    states = (
        components_of([np.eye(3)]),
        working,
        components_of(_WILD.values()),
        (working + steps[:, None]).reshape(-1, 6),
    )
    values = _evaluate(law, np.concatenate(states))
    ends = np.cumsum([len(part) for part in states[:-1]])
    parts = zip(*(np.split(value, ends) for value in values), strict=True)
    reference, here, far, near = (Values(*part) for part in parts)
    _check_derivatives(here, near, name)
    _check_forms(law, here, name)
    _check_wild(far, name)
    return reference
