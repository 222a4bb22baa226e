"""The contract of active laws: muscle that pulls along its fibers."""

from typing import Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from heartsim import runtime
from heartsim.testing.clauses import ROUND_OFF, require, require_finite
from heartsim.testing.energy import WORKING, check_energy, components_of
from heartsim.tissue.law import CauchyGreen, Scalar, Symmetric

_TENSION = 60.0
_RATES = (0.0, 0.1, 1.0)
_BEFORE = np.diag([1.05, 0.98, 0.97])
"""Apart from the states at which derivatives are compared: drag may have a corner at rest."""
_STRETCHES = np.linspace(0.6, 1.5, 91)


class Active(Protocol):
    """What an active law offers."""

    def energy(self, C: CauchyGreen, tension: Scalar) -> Scalar:
        """Active energy per reference volume [kPa] at a tension [kPa]."""
        ...

    def drag(self, C: CauchyGreen, before: CauchyGreen, tension: Scalar, rate: Scalar) -> Scalar:
        """Potential [kPa] of what a step of motion from ``before`` takes from the tension."""
        ...


class _Held(eqx.Module):
    """The energy of an active law at a constant tension."""

    law: Active
    tension: Scalar

    def energy(self, C: CauchyGreen) -> Scalar:
        """As a passive law."""
        return self.law.energy(C, self.tension)


class _Moved(eqx.Module):
    """The drag of an active law in a step from a given state."""

    law: Active
    before: Symmetric
    tension: Scalar
    rate: Scalar

    def energy(self, C: CauchyGreen) -> Scalar:
        """As a passive law."""
        return self.law.drag(C, self.before, self.tension, self.rate)


def check_active(law: Active) -> None:
    """Check the contract of an active law with scalar parameters.

    The clauses, for the energy: zero at the reference; proportional to the tension; the pull along
    the fiber is the tension at the unloaded length and nowhere a push. For the drag: nothing
    without motion or at rate 0, and no motion gains energy from it. For both: symmetric
    stress, derivatives, compiled and mapped values and wild states as in `check_law`, and finite
    gradients in the parameters.

    Parameters
    ----------
    law : Active
        The law, with scalar parameters.

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
    tension = jnp.asarray(_TENSION)
    reference = check_energy(_Held(law, tension), f"{name}, energy")
    bound = ROUND_OFF * (1 + _TENSION)
    require(abs(reference.energy[0]) <= bound, f"{name}: energy at C = I", reference.energy[0], 0)
    _check_pull(law, name)
    _check_proportion(law, name)
    before = Symmetric(*components_of([_BEFORE])[0])
    check_energy(_Moved(law, before, tension, jnp.asarray(0.1)), f"{name}, drag")
    _check_drag(law, name)
    _check_gradients(law, before, name)


def _check_pull(law: Active, name: str) -> None:
    """Pull along the fiber: the tension at the unloaded length, and never a push."""

    def pull(stretch: Scalar, tension: Scalar) -> Scalar:
        across = 1 / stretch
        held = jax.grad(lambda s: law.energy(_stretched(s, across), tension))
        return held(stretch)

    pulls = np.asarray(jax.vmap(pull, in_axes=(0, None))(jnp.asarray(_STRETCHES), _TENSION))
    at_rest = float(pull(jnp.asarray(1.0), jnp.asarray(_TENSION)))
    bound = ROUND_OFF * (1 + _TENSION)
    require(
        abs(at_rest - _TENSION) <= bound,
        f"{name}: pull at the unloaded length [kPa]",
        at_rest,
        _TENSION,
    )
    least = float(pulls.min())
    require(least >= -bound, f"{name}: pull along the fiber [kPa]", least, "no push")


def _check_proportion(law: Active, name: str) -> None:
    """All components of the stress are proportional to the tension."""
    states = jnp.asarray(components_of([np.eye(3), *WORKING.values()]))

    def stress(tension: float) -> np.ndarray:
        slope = jax.grad(lambda c: law.energy(Symmetric(*c), tension))
        return np.asarray(jax.vmap(slope)(states))

    idle = float(np.max(np.abs(stress(0.0))))
    require(idle == 0, f"{name}: stress without tension [kPa]", idle, 0)
    off = float(np.max(np.abs(stress(2 * _TENSION) - 2 * stress(_TENSION))))
    bound = ROUND_OFF * (1 + _TENSION)
    require(off <= bound, f"{name}: stress at twice the tension [kPa]", off, "twice the stress")


def _check_drag(law: Active, name: str) -> None:
    """Drag: none at rest, and power only lost."""
    states = components_of([np.eye(3), *WORKING.values()])

    def slope(now: jax.Array, before: jax.Array, rate: float) -> np.ndarray:
        drag = jax.grad(lambda c: law.drag(Symmetric(*c), Symmetric(*before), _TENSION, rate))
        return np.asarray(drag(now))

    for rate in _RATES:
        for before in jnp.asarray(states):
            still = float(np.max(np.abs(slope(before, before, rate))))
            require(
                still <= ROUND_OFF * (1 + _TENSION),
                f"{name}: drag stress without motion [kPa]",
                still,
                0,
            )
            for now in jnp.asarray(states):
                found = slope(now, before, rate)
                lost = float(found @ np.asarray(now - before))
                if rate == 0:
                    idle = float(np.max(np.abs(found)))
                    require(idle == 0, f"{name}: drag stress at rate 0 [kPa]", idle, 0)
                require(
                    lost >= -ROUND_OFF * _TENSION,
                    f"{name}: work that drag takes in a step [kPa]",
                    lost,
                    "none given back",
                )


def _check_gradients(law: Active, before: Symmetric, name: str) -> None:
    """Gradients in the parameters are finite, at the reference too."""

    def total(one: Active, c: jax.Array) -> Scalar:
        C = Symmetric(*c)
        return one.energy(C, _TENSION) + sum(one.drag(C, before, _TENSION, r) for r in _RATES)

    for state in jnp.asarray(components_of([np.eye(3), *WORKING.values()])):
        for path, slope in jax.tree.leaves_with_path(jax.grad(total)(law, state)):
            where = f"{name}{jax.tree_util.keystr(path)}: gradient of energy and drag"
            require_finite(np.asarray(slope), where)


def _stretched(along: Scalar, area: Scalar) -> Symmetric:
    """C of a stretch along the fiber with a cross-section of a given area."""
    zero = jnp.zeros(())
    return Symmetric(along**2, area, area, zero, zero, zero)
