"""The contract of passive laws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim import runtime
from heartsim.testing.clauses import (
    ROUND_OFF,
    require,
    require_finite,
)
from heartsim.testing.energy import WORKING, Values, check_energy, components_of
from heartsim.tissue.law import Law, Symmetric


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
    reference = check_energy(law, name)
    _check_reference(reference, law, name, stress_free)
    _check_parameters(law, name)


@eqx.filter_jit  # noqa: TID251
def _parameter_gradients(law: Law, states: Float[Array, "states 6"]) -> Law:
    slope = jax.grad(lambda one, c: one.energy(Symmetric(*c)))
    return jax.vmap(slope, in_axes=(None, 0))(law, states)


def _check_reference(values: Values, law: Law, name: str, stress_free: bool) -> None:
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


def _check_parameters(law: Law, name: str) -> None:
    """Gradients in the parameters are finite, at the reference too, and none is idle."""
    states = components_of([np.eye(3), *WORKING.values()])
    gradients = _parameter_gradients(law, jnp.asarray(states))
    for path, slopes in jax.tree.leaves_with_path(gradients):
        parameter = f"{name}{jax.tree_util.keystr(path)}"
        require_finite(np.asarray(slopes), f"{parameter}: gradient of the energy")
        effect = float(np.max(np.abs(slopes)))
        require(effect > 0, f"{parameter}: effect on the energy", effect, "some")
