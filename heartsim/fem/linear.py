"""What a linear solver of the wall offers to Newton's method: multigrid and kept factors do."""

from typing import Protocol, Self

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from heartsim.fem.operator import WallOperator
from heartsim.fem.space import FunctionSpace


class Inverse(Protocol):
    """Approximate inverse of one linearised wall."""

    def apply(self, z: Float[Array, "k m"]) -> Float[Array, "k m"]:
        """Approximate solution of ``operator.apply(x) = z``."""
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

    def prepare(self, operator: WallOperator, space: FunctionSpace) -> tuple[Inverse, Self]:
        """Approximate inverse of a fresh tangent."""
        ...

    def used(self, iterations: Int[Array, ""], exhausted: Bool[Array, ""]) -> Self:
        """Learn how many iterations a Newton step took, and whether a solve ran out of them."""
        ...
