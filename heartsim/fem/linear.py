"""What a linear solver of the wall offers to Newton's method: multigrid and kept factors do.

Both keep what is dear to make, factors or algebraic levels, and replace it when using it costs more
than it has on average since it was made, its making included: the cheapest age to replace
anything that wears.
"""

from dataclasses import replace
from typing import Protocol, Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Num

from heartsim.fem.operator import WallOperator


class Wear(eqx.Module):
    """Age of what a linear solver keeps.

    Attributes
    ----------
    price : ()
        What making it costs, in Krylov iterations.
    spent : ()
        Iterations since it was made, and its price; in a batch those of a typical lane.
    uses : () int
        Newton steps that it has served.
    worn : () bool
        Whether it is to be made anew.
    """

    price: Float[Array, ""]
    spent: Float[Array, ""]
    uses: Int[Array, ""]
    worn: Bool[Array, ""]

    @classmethod
    def new(cls, price: Float[Array, ""]) -> "Wear":
        """Of what has just been made."""
        return cls(price, price, jnp.zeros((), jnp.int32), jnp.zeros((), bool))

    def stale(self) -> "Wear":
        """The same, to be made anew."""
        return replace(self, worn=jnp.ones((), bool))

    def used(self, iterations: Num[Array, ""], exhausted: Bool[Array, ""]) -> "Wear":
        """Note how many iterations a Newton step took, and whether a solve ran out of them."""
        spent, uses = self.spent + iterations, self.uses + 1
        worn = self.worn | exhausted | (iterations * uses > spent)
        return Wear(self.price, spent, uses, worn)


class Inverse(Protocol):
    """Approximate inverse of one linearised wall."""

    @property
    def in_turn(self) -> bool:
        """Whether lanes of a batch are better solved one after the other than together."""
        ...

    def apply(self, z: Float[Array, "k m"], iteration: Int[Array, ""]) -> Float[Array, "k m"]:
        """Approximate solution of ``operator.apply(x) = z`` in an iteration of a Krylov solve."""
        ...


class Kept(Protocol):
    """What a linear solver keeps between linearisations: multigrid levels, or factors."""

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of tangents and Krylov vectors."""
        ...

    @property
    def renews(self) -> Bool[Array, ""]:
        """Whether the next `prepare` starts afresh."""
        ...

    def prepare(self, operator: WallOperator) -> tuple[Inverse, Self]:
        """Approximate inverse of a fresh tangent."""
        ...

    def used(self, iterations: Num[Array, ""], exhausted: Bool[Array, ""]) -> Self:
        """Learn how many iterations a Newton step took, and whether a solve ran out of them."""
        ...
