"""Public contracts: what any law, element, valve and procedure must obey.

For those who write their own::

    from heartsim import runtime, testing
    runtime.use_float64()
    testing.check_law(MyLaw(...))
    testing.check_element(my_table, degree=2)
    testing.check_valve(MyValve(...))
    testing.check_procedure(my_procedure, heart)
"""

from collections.abc import Callable, Iterable
from math import factorial
from typing import NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim import runtime
from heartsim.fem.elements import ElementTable
from heartsim.procedures.contract import check_procedure as check_procedure
from heartsim.tissue.law import Law, Symmetric
from heartsim.units import mmHg

_STEP = 1e-5
_ROUND_OFF = 1e-12
_DIFFERENCE_TOLERANCE = 1e-7
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


class ContractError(AssertionError):
    """A contract is broken; the message says which clause, where and by how much."""


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


def check_element(
    tabulate: Callable[[Float[np.ndarray, "q d1"]], tuple[np.ndarray, np.ndarray]],
    table: ElementTable,
    *,
    nodes: Float[np.ndarray, "a d1"],
    degree: int,
    exact: int,
) -> None:
    """Check the contract of a nodal element on a simplex and of its quadrature rule.

    The clauses: functions are 1 at their own node and 0 at the others; they sum to one and their
    gradients to zero; gradients are the derivatives of the values (against central differences);
    every polynomial of the element's degree is reproduced; weights sum to one, the points lie in
    the simplex, and the rule integrates all polynomials of its degree; the table holds the values
    and gradients of the functions at its points.

    Parameters
    ----------
    tabulate : function
        Barycentric points (q, d + 1) to values (q, a) and reference gradients (q, a, d), the
        reference coordinates being the barycentric ones of vertices 1…d.
    table : ElementTable
        Functions at the points of a quadrature rule.
    nodes : (a, d + 1)
        Nodes of the element in barycentric coordinates.
    degree : int
        Polynomials that the element holds.
    exact : int
        Polynomials that the rule integrates.

    Raises
    ------
    ContractError
        At the first clause that fails.
    """
    dimension = nodes.shape[1] - 1
    values, _ = tabulate(nodes)
    _require_close(values, np.eye(len(nodes)), _ROUND_OFF, "value at the nodes")
    points = np.random.default_rng(0).dirichlet(np.ones(dimension + 1), 7)
    values, gradients = tabulate(points)
    _require_close(values.sum(axis=1), np.ones(7), _ROUND_OFF, "sum of the functions")
    _require_close(gradients.sum(axis=1), np.zeros((7, dimension)), _ROUND_OFF, "sum of gradients")
    for k in range(dimension):
        ahead, behind = (_displaced(points, k, sign * _STEP) for sign in (1, -1))
        slope = (tabulate(ahead)[0] - tabulate(behind)[0]) / (2 * _STEP)
        where = f"gradient by reference coordinate {k}"
        _require_close(gradients[:, :, k], slope, _DIFFERENCE_TOLERANCE, where)
    for powers in _monomials(dimension, degree):
        interpolated = values @ _monomial(nodes, powers)
        clause = f"interpolation of the monomial {powers}"
        _require_close(interpolated, _monomial(points, powers), _ROUND_OFF, clause)
    _check_rule(table, exact)
    values, gradients = tabulate(table.barycentric)
    _require_close(table.values, values, _ROUND_OFF, "values of the table")
    _require_close(table.gradients, gradients, _ROUND_OFF, "gradients of the table")


def _check_rule(table: ElementTable, exact: int) -> None:
    """Points inside the simplex, and exact integrals of monomials over it."""
    inside = bool(np.all(table.barycentric > -_ROUND_OFF))
    _require(inside, "quadrature points", table.barycentric.min(), "inside the simplex")
    dimension = table.barycentric.shape[1] - 1
    for powers in _monomials(dimension, exact):
        found = table.weights @ _monomial(table.barycentric, powers)
        # mean of x^a y^b z^c over the unit simplex: d! a! b! c! / (d + a + b + c)!
        product = np.prod([factorial(power) for power in powers])
        mean = factorial(dimension) * product / factorial(dimension + sum(powers))
        clause = f"integral of the monomial {powers}"
        _require_close(np.asarray(found), np.asarray(mean), _ROUND_OFF, clause)


def _monomials(dimension: int, degree: int) -> list[tuple[int, ...]]:
    """Exponents of all monomials up to a degree."""
    grid = np.ndindex(*(degree + 1,) * dimension)
    return [powers for powers in grid if sum(powers) <= degree]


def _monomial(points: Float[np.ndarray, "k d1"], powers: tuple[int, ...]) -> np.ndarray:
    return np.prod(points[:, 1:] ** np.array(powers), axis=1)


def _displaced(points: Float[np.ndarray, "k d1"], k: int, step: float) -> np.ndarray:
    """Points moved along one reference coordinate."""
    moved = points.copy()
    moved[:, k + 1] += step
    moved[:, 0] -= step
    return moved


class _Branch(Protocol):
    """Anything that answers a pressure drop with a flow."""

    def flow(self, drop: Float[Array, ""]) -> Float[Array, ""]:
        """Flow [mm³/ms] for a pressure drop [kPa]."""
        ...


def check_valve(valve: _Branch, *, leak: bool) -> None:
    """Check the contract of a valve law, a flow for a pressure drop.

    The clauses: no flow without a drop; flow and drop have one sign (a valve never pumps); the
    law is monotone, so that an implicit step has one solution; it is C¹, so that Newton's method
    converges; flow and its gradients by drop and by every parameter are finite, at no drop too; it
    lets more through forward than backward; and a valve without a leak lets nothing back. Drops
    range over ±150 mmHg, finely around zero.

    Parameters
    ----------
    valve : module with ``flow(drop)``
        The valve, with scalar parameters.
    leak : bool
        Whether it regurgitates.

    Raises
    ------
    ContractError
        At the first clause that fails.
    PrecisionError
        If JAX runs in single precision.
    """
    runtime.require_float64()
    name = type(valve).__name__
    drop = np.unique(np.concatenate([np.linspace(-150, 150, 1201), np.linspace(-1, 1, 4001)]))
    drop = drop * mmHg
    flow, slope, gradients = (np.asarray(leaf) for leaf in _answers(valve, jnp.asarray(drop)))
    for what, value in (("flow", flow), ("slope", slope), ("gradients", gradients)):
        _require_finite(value, f"{name}: {what}")
    largest = float(np.abs(flow).max())
    _require(largest > 0, f"{name}: largest flow", largest, "some")
    still = float(np.abs(flow[drop == 0]).max())
    _require(still <= _ROUND_OFF * largest, f"{name}: flow without a drop", still, 0)
    pumped = float((-flow * np.sign(drop)).max())
    _require(pumped <= _ROUND_OFF * largest, f"{name}: flow against its drop", pumped, 0)
    least = float(slope.min())
    _require(least >= -_ROUND_OFF * slope.max(), f"{name}: least slope", least, "≥ 0")
    # across a step a C¹ law gains the mean of the slopes at its ends, to second order
    gained = np.diff(flow) / np.diff(drop)
    between = (slope[1:] + slope[:-1]) / 2
    fine = np.abs(drop[1:]) < mmHg
    error = float(np.abs(gained - between)[fine].max())
    bound = _JUMP * float(slope[np.abs(drop) < mmHg].max())
    _require(error <= bound, f"{name}: jump of flow or slope near no drop", error, f"≤ {bound:.1e}")
    back, forward = float(-flow[0]), float(flow[-1])
    _require(back <= forward, f"{name}: flow back at 150 mmHg", back, f"at most {forward}")
    if leak:
        _require(back > 0, f"{name}: leak at −150 mmHg", back, "some")
    else:
        _require(back <= _ROUND_OFF * largest, f"{name}: leak at −150 mmHg", back, 0)


_JUMP = 0.02
"""Largest error of the trapezoidal rule over a step of 0.0005 mmHg, relative to the slope."""


@eqx.filter_jit  # noqa: TID251
def _answers(valve: _Branch, drop: Float[Array, " k"]) -> tuple[Array, Array, Array]:
    """Flow, its slope, and its gradients by all parameters, at many drops."""
    flow = jax.vmap(valve.flow)(drop)
    slope = jax.vmap(jax.grad(valve.flow))(drop)
    by_parameters = jax.vmap(jax.grad(lambda part, x: part.flow(x)), in_axes=(None, 0))(valve, drop)
    leaves = [leaf.reshape(len(drop), -1) for leaf in jax.tree.leaves(by_parameters)]
    return flow, slope, jnp.concatenate(leaves, axis=1)
