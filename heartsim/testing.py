"""Public contracts: what a constitutive law or a valve must obey, for those who write their own.

::

    from heartsim import runtime, testing
    runtime.use_float64()
    testing.check_law(MyLaw(...))
    testing.check_valve(MyValve(...))
"""

from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim import runtime
from heartsim.circulation.components import Valve
from heartsim.tissue.law import Law, Symmetric
from heartsim.units import mmHg, ms

_STEP = 1e-5
_ROUND_OFF = 1e-12
_DIFFERENCE_TOLERANCE = 1e-7
_COMPILED_TOLERANCE = 1e-13
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))

_DROPS = np.concatenate([np.linspace(-150, 150, 101), np.linspace(-0.4, 0.4, 161)])
"""Pressure drops at which a valve is tried [mmHg]."""

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


class ContractError(AssertionError):
    """A law breaks the contract; the message says which clause, where and by how much."""


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
    _require(shape == (), f"{name}: shape of the energy", shape, "()")
    working = _components(_WORKING.values())
    steps = _STEP * np.concatenate([np.eye(6), -np.eye(6)])
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


def check_valve(valve: Valve) -> None:
    """Check the contract of a valve, which keeps the circulation's step solvable.

    The clauses: no flow without a drop; flow runs down the pressure, never up; flow grows with
    the drop and has no corner; a closed competent valve passes nothing; the valve within a time
    step obeys the same, whatever flow and opening it starts with, and settles to itself;
    everything is finite, gradients in the parameters included.

    Parameters
    ----------
    valve : Valve
        The valve, with scalar parameters.

    Raises
    ------
    ContractError
        At the first clause that fails.
    PrecisionError
        If JAX runs in single precision.
    """
    runtime.require_float64()
    name = type(valve).__name__
    drops = jnp.asarray(_DROPS * mmHg)
    _check_flow(valve, drops, name)
    if float(valve.regurgitant_area) == 0.0:
        leak = float(jnp.max(jnp.abs(valve.flow(jnp.minimum(drops, 0.0)))))
        _require(leak == 0, f"{name}: leak of the competent valve", leak, 0)
    for share in (0.0, 0.5, 1.0):
        opening = share * valve.area
        part, push = valve.within_step(jnp.asarray(50.0), opening, jnp.asarray(1 * ms))
        label = f"{name} within a step, {share:.0%} open"
        _require_finite(np.asarray(push), f"{label}: push")
        _check_flow(part, drops, label)
    settled, _ = valve.within_step(jnp.asarray(0.0), valve.area, jnp.asarray(1e9 * ms))
    _require_close(
        np.asarray(settled.flow(drops)), np.asarray(valve.flow(drops)), 1e-6, f"{name}: long step"
    )
    slopes = jax.vmap(jax.grad(lambda v, drop: v.flow(drop)), in_axes=(None, 0))(valve, drops)
    for path, slope in jax.tree.leaves_with_path(slopes):
        where = f"{name}{jax.tree_util.keystr(path)}: gradient of the flow"
        _require_finite(np.asarray(slope), where)


def _check_flow(valve: Valve, drops: Float[Array, " drops"], name: str) -> None:
    """Flow at rest, its sign, its growth and its smoothness."""
    flow, slope = jax.vmap(jax.value_and_grad(valve.flow))(drops)
    _require_finite(np.asarray(flow), f"{name}: flow")
    _require_finite(np.asarray(slope), f"{name}: slope of the flow")
    still = float(valve.flow(jnp.zeros(())))
    _require(still == 0, f"{name}: flow without a drop", still, 0)
    uphill = float(jnp.min(flow * drops))
    _require(uphill >= 0, f"{name}: least flow times drop", uphill, "not negative")
    falling = float(jnp.min(slope))
    _require(falling >= 0, f"{name}: least slope", falling, "not negative")
    # a corner would keep its jump however close the two sides
    apart = jnp.asarray(1e-9 * mmHg)
    sides = jax.vmap(jax.grad(valve.flow))
    jump = float(jnp.max(jnp.abs(sides(drops + apart) - sides(drops - apart))))
    bound = 1e-3 * (1 + float(jnp.max(slope)))
    _require(jump <= bound, f"{name}: jump of the slope", jump, f"at most {bound:.1e}")


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


def _require(condition: bool, clause: str, found: object, expected: object) -> None:
    if not condition:
        raise ContractError(f"{clause}: found {found}, expected {expected}.")


def _require_finite(value: Float[np.ndarray, "..."], clause: str) -> None:
    _require(bool(np.all(np.isfinite(value))), clause, value, "finite numbers")


def _require_close(
    value: Float[np.ndarray, "..."],
    expected: Float[np.ndarray, "..."],
    tolerance: float,
    clause: str,
) -> None:
    error = float(np.max(np.abs(value - expected)))
    bound = tolerance * (1 + float(np.max(np.abs(expected))))
    _require(error <= bound, clause, f"error {error:.1e}", f"at most {bound:.1e}")


def _check_reference(values: _Values, law: Law, name: str, stress_free: bool) -> None:
    """Zero energy, no (deviatoric) stress and a finite tangent at C = I exactly."""
    bound = _ROUND_OFF * (1 + sum(abs(float(leaf)) for leaf in jax.tree.leaves(law)))
    energy = float(values.energy[0])
    _require(abs(energy) <= bound, f"{name}: energy at C = I [kPa]", energy, 0)
    slope = values.slope[0]
    _require_finite(slope, f"{name}: stress at C = I")
    if not stress_free:
        slope = slope - np.mean(slope[:3]) * np.array([1, 1, 1, 0, 0, 0])
    largest = 2 * float(np.max(np.abs(slope)))
    _require(largest <= bound, f"{name}: stress at C = I [kPa]", largest, 0)
    _require_finite(values.curvature, f"{name}: tangent at C = I")


def _check_derivatives(here: _Values, near: _Values, name: str) -> None:
    """Slope and curvature against central differences of energy and slope."""
    near = _Values(*(v.reshape(2, 6, len(_WORKING), *v.shape[1:]) for v in near))
    slope = (near.energy[0] - near.energy[1]) / (2 * _STEP)
    curvature = (near.slope[0] - near.slope[1]) / (2 * _STEP)
    for s, label in enumerate(_WORKING):
        for k, pair in enumerate(_PAIRS):
            where = f"{name} at {label}, component {pair}"
            found, expected = here.slope[s, k], slope[k, s]
            _require_close(found, expected, _DIFFERENCE_TOLERANCE, f"{where}: stress")
            found, expected = here.curvature[s, k], curvature[k, s]
            _require_close(found, expected, _DIFFERENCE_TOLERANCE, f"{where}: tangent")


def _check_forms(law: Law, here: _Values, name: str) -> None:
    """Plain, compiled and mapped energies agree, and so do both forms of C; S is symmetric."""
    matrices = np.array([F.T @ F for F in _WORKING.values()])
    plain = np.array([float(law.energy(jnp.asarray(C))) for C in matrices])
    _require_close(here.energy, plain, _COMPILED_TOLERANCE, f"{name}: energy of components")
    cells = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(matrices),)), law)
    mapped = np.asarray(_of_matrices(cells, jnp.asarray(matrices)))
    _require_close(mapped, plain, _COMPILED_TOLERANCE, f"{name}: energy mapped over cells")
    for i, j in _PAIRS[3:]:
        skew = np.zeros((3, 3))
        skew[i, j], skew[j, i] = _STEP, -_STEP
        ahead, behind = (_of_matrices(cells, jnp.asarray(matrices + A)) for A in (skew, -skew))
        slope = np.asarray(ahead - behind) / (2 * _STEP)
        _require_close(slope, np.zeros_like(slope), _DIFFERENCE_TOLERANCE, f"{name}: S symmetric")


def _check_wild(far: _Values, name: str) -> None:
    """Trial states of Newton, far from any solution, give finite numbers."""
    for s, label in enumerate(_WILD):
        for quantity, value in zip(("energy", "stress", "tangent"), far, strict=True):
            _require_finite(value[s], f"{name} at {label}: {quantity}")


def _check_parameters(law: Law, name: str) -> None:
    """Gradients in the parameters are finite, at the reference too, and none is idle."""
    states = _components([np.eye(3), *_WORKING.values()])
    gradients = _parameter_gradients(law, jnp.asarray(states))
    for path, slopes in jax.tree.leaves_with_path(gradients):
        parameter = f"{name}{jax.tree_util.keystr(path)}"
        _require_finite(np.asarray(slopes), f"{parameter}: gradient of the energy")
        effect = float(np.max(np.abs(slopes)))
        _require(effect > 0, f"{parameter}: effect on the energy", effect, "some")
