"""The contract of passive laws."""

from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim import runtime
from heartsim.testing.clauses import (
    DIFFERENCE_TOLERANCE,
    ROUND_OFF,
    STEP,
    require,
    require_close,
    require_finite,
)
from heartsim.tissue.law import Law, Symmetric

_COMPILED_TOLERANCE = 1e-13
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))

_WORKING = {
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


_States = Float[np.ndarray, "states 6"]


class _Values(NamedTuple):
    """Energy and its derivatives in the six components of C at a list of states."""

    energy: Float[np.ndarray, " states"]
    slope: Float[np.ndarray, "states 6"]
    curvature: Float[np.ndarray, "states 6 6"]


def check_law(law: Law, *, stress_free: bool = True) -> None:
    """Check the contract of a passive law with scalar parameters.

    The clauses: zero energy at the reference; no stress there; symmetric stress; stress and
    tangent are the derivatives of the energy (against central differences); compiled and
    mapped values equal plain ones; everything finite at C = I exactly, at small and at wild
    deformations; finite gradients in every parameter; and every parameter counts.
    Objectivity needs no clause, since a law sees only C.

    Parameters
    ----------
    law : Law
        The law, with scalar parameters.
    stress_free : bool
        Whether the reference must be free of stress altogether. With ``False`` a hydrostatic
        pressure is allowed there (laws in the invariants of the full C, such as
        ``NeoHookean(mu, isochoric=False)``, whose pressure the volume constraint balances).

    Raises
    ------
    ContractError
        At the first clause that fails.
    PrecisionError
        If JAX runs in single precision.
    """
    runtime.require_float64()
    law = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), law)
    name = type(law).__name__
    shape = law.energy(jnp.eye(3)).shape
    require(shape == (), f"{name}: shape of the energy", shape, "()")
    working = _components(_WORKING.values())
    steps = STEP * np.concatenate([np.eye(6), -np.eye(6)])
    states = (
        _components([np.eye(3)]),
        working,
        _components(_WILD.values()),
        (working + steps[:, None]).reshape(-1, 6),
    )
    values = _evaluate(law, np.concatenate(states))
    ends = np.cumsum([len(part) for part in states[:-1]])
    parts = zip(*(np.split(value, ends) for value in values), strict=True)
    reference, here, far, near = (_Values(*part) for part in parts)
    _check_reference(reference, law, name, stress_free)
    _check_derivatives(here, near, name)
    _check_forms(law, here, name)
    _check_wild(far, name)
    _check_parameters(law, name)


def _components(gradients: Iterable[Float[np.ndarray, "3 3"]]) -> _States:
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


def _evaluate(law: Law, states: _States) -> _Values:
    return _Values(*(np.asarray(value) for value in _compiled(law, jnp.asarray(states))))


@eqx.filter_jit  # noqa: TID251
def _parameter_gradients(law: Law, states: Float[Array, "states 6"]) -> Law:
    slope = jax.grad(lambda one, c: one.energy(Symmetric(*c)))
    return jax.vmap(slope, in_axes=(None, 0))(law, states)


@eqx.filter_jit  # noqa: TID251
def _of_matrices(cells: Law, states: Float[Array, "states 3 3"]) -> Float[Array, " states"]:
    """Energy of 3×3 arrays, law and state mapped together."""
    return jax.vmap(lambda one, C: one.energy(C))(cells, states)


def _check_reference(values: _Values, law: Law, name: str, stress_free: bool) -> None:
    """Zero energy, no (deviatoric) stress and a finite tangent at C = I exactly."""
    bound = ROUND_OFF * (1 + sum(abs(float(leaf)) for leaf in jax.tree.leaves(law)))
    energy = float(values.energy[0])
    require(abs(energy) <= bound, f"{name}: energy at C = I [kPa]", energy, 0)
    slope = values.slope[0]
    require_finite(slope, f"{name}: stress at C = I")
    if not stress_free:
        slope = slope - np.mean(slope[:3]) * np.array([1, 1, 1, 0, 0, 0])
    largest = 2 * float(np.max(np.abs(slope)))
    require(largest <= bound, f"{name}: stress at C = I [kPa]", largest, 0)
    require_finite(values.curvature, f"{name}: tangent at C = I")


def _check_derivatives(here: _Values, near: _Values, name: str) -> None:
    """Slope and curvature against central differences of energy and slope."""
    near = _Values(*(v.reshape(2, 6, len(_WORKING), *v.shape[1:]) for v in near))
    slope = (near.energy[0] - near.energy[1]) / (2 * STEP)
    curvature = (near.slope[0] - near.slope[1]) / (2 * STEP)
    for s, label in enumerate(_WORKING):
        for k, pair in enumerate(_PAIRS):
            where = f"{name} at {label}, component {pair}"
            found, expected = here.slope[s, k], slope[k, s]
            require_close(found, expected, DIFFERENCE_TOLERANCE, f"{where}: stress")
            found, expected = here.curvature[s, k], curvature[k, s]
            require_close(found, expected, DIFFERENCE_TOLERANCE, f"{where}: tangent")


def _check_forms(law: Law, here: _Values, name: str) -> None:
    """Plain, compiled and mapped energies agree, and so do both forms of C; S is symmetric."""
    matrices = np.array([F.T @ F for F in _WORKING.values()])
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


def _check_wild(far: _Values, name: str) -> None:
    """Trial states of Newton, far from any solution, give finite numbers."""
    for s, label in enumerate(_WILD):
        for quantity, value in zip(("energy", "stress", "tangent"), far, strict=True):
            require_finite(value[s], f"{name} at {label}: {quantity}")


def _check_parameters(law: Law, name: str) -> None:
    """Gradients in the parameters are finite, at the reference too, and none is idle."""
    states = _components([np.eye(3), *_WORKING.values()])
    gradients = _parameter_gradients(law, jnp.asarray(states))
    for path, slopes in jax.tree.leaves_with_path(gradients):
        parameter = f"{name}{jax.tree_util.keystr(path)}"
        require_finite(np.asarray(slopes), f"{parameter}: gradient of the energy")
        effect = float(np.max(np.abs(slopes)))
        require(effect > 0, f"{parameter}: effect on the energy", effect, "some")
