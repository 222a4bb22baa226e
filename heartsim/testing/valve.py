"""The contract of valves and other branches."""

from typing import Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim import runtime
from heartsim.circulation.components import Valve
from heartsim.testing.clauses import (
    ROUND_OFF,
    require,
    require_close,
    require_finite,
)
from heartsim.units import mmHg, ms


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
        require_finite(value, f"{name}: {what}")
    largest = float(np.abs(flow).max())
    require(largest > 0, f"{name}: largest flow", largest, "some")
    still = float(np.abs(flow[drop == 0]).max())
    require(still <= ROUND_OFF * largest, f"{name}: flow without a drop", still, 0)
    pumped = float((-flow * np.sign(drop)).max())
    require(pumped <= ROUND_OFF * largest, f"{name}: flow against its drop", pumped, 0)
    least = float(slope.min())
    require(least >= -ROUND_OFF * slope.max(), f"{name}: least slope", least, "≥ 0")
    # across a step a C¹ law gains the mean of the slopes at its ends, to second order
    gained = np.diff(flow) / np.diff(drop)
    between = (slope[1:] + slope[:-1]) / 2
    fine = np.abs(drop[1:]) < mmHg
    error = float(np.abs(gained - between)[fine].max())
    bound = _JUMP * float(slope[np.abs(drop) < mmHg].max())
    require(error <= bound, f"{name}: jump of flow or slope near no drop", error, f"≤ {bound:.1e}")
    _check_backward(name, float(-flow[0]), float(flow[-1]), largest, leak)
    if isinstance(valve, Valve):
        _check_within_step(valve, name)


def _check_backward(name: str, back: float, forward: float, largest: float, leak: bool) -> None:
    require(back <= forward, f"{name}: flow back at 150 mmHg", back, f"at most {forward}")
    if leak:
        require(back > 0, f"{name}: leak at −150 mmHg", back, "some")
    else:
        require(back <= ROUND_OFF * largest, f"{name}: leak at −150 mmHg", back, 0)


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


def _check_within_step(valve: Valve, name: str) -> None:
    """A moving valve is, within a time step, a settled one; in a long step it settles to itself."""
    drops = jnp.linspace(-150.0 * mmHg, 150.0 * mmHg, 101)
    for share in (0.0, 0.5, 1.0):
        part, push = valve.within_step(jnp.asarray(50.0), share * valve.area, jnp.asarray(1 * ms))
        flow, slope = jax.vmap(jax.value_and_grad(part.flow))(drops)
        where = f"{name} within a step, {share:.0%} open"
        for what, value in (("push", push), ("flow", flow), ("slope", slope)):
            require_finite(np.asarray(value), f"{where}: {what}")
        least = float(jnp.min(slope))
        require(least >= 0, f"{where}: least slope", least, "≥ 0")
    settled, _ = valve.within_step(jnp.asarray(0.0), valve.area, jnp.asarray(1e9 * ms))
    long, still = (np.asarray(jax.vmap(law.flow)(drops)) for law in (settled, valve))
    require_close(long, still, 1e-6, f"{name}: long step")
