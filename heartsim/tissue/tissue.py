"""Heart muscle: a passive law, active tension, and how stiff, strong and fibrous each cell is."""

from typing import TypeVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.tissue.active import ActiveTension, InvariantTension
from heartsim.tissue.law import CauchyGreen, Law, Scalar
from heartsim.tissue.passive import NeoHookean

_Module = TypeVar("_Module", bound=eqx.Module)


@final
class Tissue(eqx.Module):
    """Muscle of a whole heart; every parameter has one value for each cell.

    A scar, a stiff patch or a weak region is a change of numbers in some cells, and the law of
    one cell is had by mapping over the first axis of all leaves.
    """

    passive: Law
    """Passive law, parameters (c,)."""
    active: ActiveTension | InvariantTension
    """Length dependence of the tension, parameters (c,)."""
    stiffness: Float[Array, " cells"]
    """Multiplier of the passive energy [-]; 1 is healthy."""
    contractility: Float[Array, " cells"]
    """Peak active tension at the unloaded length, per unloaded cross-section [kPa]; 0 in scar."""
    fibrous: Float[Array, " cells"]
    """Shear modulus of fibrous tissue woven into the muscle [kPa]: 0 in ventricles but at
    valves."""

    def energy(self, C: CauchyGreen, tension: Scalar) -> Scalar:
        """Energy of one cell per reference volume (call it under ``vmap`` over the cells).

        Parameters
        ----------
        C : (3, 3) or Symmetric
            Right Cauchy–Green tensor in fiber axes.
        tension : ()
            Active tension of the cell now [kPa], from `tension`.

        Returns
        -------
        () float
            Energy [kPa].
        """
        muscle = self.stiffness * self.passive.energy(C) + self.active.energy(C, tension)
        return muscle + NeoHookean(self.fibrous).energy(C)

    def drag(self, C: CauchyGreen, before: CauchyGreen, tension: Scalar, rate: Scalar) -> Scalar:
        """Potential of the tension that shortening costs in a step [kPa]."""
        return self.active.drag(C, before, tension, rate)

    def tension(self, fraction: Float[Array, " cells"]) -> Float[Array, " cells"]:
        """Active tension [kPa] of each cell for activation fractions in [0, 1]."""
        return self.contractility * fraction


def uniform(law: _Module, cells: int) -> _Module:
    """Give every cell the same parameters.

    Parameters
    ----------
    law : eqx.Module
        A law with scalar parameters, such as ``Guccione(2.0, 8.0, 2.0, 4.0)``.
    cells : int
        Number of cells c.

    Returns
    -------
    eqx.Module
        The same law with parameters (c,), in the floating-point precision of the session.

    Examples
    --------
    >>> from heartsim.tissue.passive import NeoHookean
    >>> uniform(NeoHookean(10.0), 3).mu.tolist()
    [10.0, 10.0, 10.0]
    """
    return jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf, float), (cells,)), law)
