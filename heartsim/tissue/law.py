"""What a constitutive law is: an energy of the right Cauchy–Green tensor in fiber axes."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, ""]

Parameter = Float[Array, "..."] | float
"""A parameter of a law: a number inside the law, one value for each cell outside."""

EXPONENT_LIMIT = 15.0
"""Exponent above which exponential laws continue as a parabola.

At 15 the stress exceeds 10⁵ kPa in every published set, a hundred times what tissue bears, so no
solution is touched; a wild trial step of Newton then meets a large finite number, not infinity.
"""


class Symmetric(NamedTuple):
    """A symmetric tensor by its six components in fiber axes (f fiber, s sheet, n normal).

    Laws read their argument once into this form. A solver that holds the components already hands
    them over as they are: differentiating six numbers instead of a 3×3 array is many times faster.
    """

    ff: Scalar
    ss: Scalar
    nn: Scalar
    fs: Scalar
    fn: Scalar
    sn: Scalar

    @property
    def trace(self) -> Scalar:
        """Sum of the diagonal."""
        return self.ff + self.ss + self.nn

    @property
    def determinant(self) -> Scalar:
        """Determinant, written out: no factorization, smooth to second order."""
        return (
            self.ff * (self.ss * self.nn - self.sn * self.sn)
            - self.fs * (self.fs * self.nn - self.sn * self.fn)
            + self.fn * (self.fs * self.sn - self.ss * self.fn)
        )

    def scaled(self, factor: Scalar) -> "Symmetric":
        """Every component times a factor."""
        return Symmetric(*(factor * component for component in self))


CauchyGreen = Float[Array, "3 3"] | Symmetric
"""Right Cauchy–Green tensor C = Fᵀ F in fiber axes."""


class Law(eqx.Module):
    """A hyperelastic law, written as its strain energy.

    Every field but a static choice is a parameter and a number inside the law. Outside, it is an
    array with one value for each cell (`heartsim.tissue.tissue.uniform`) and the law is mapped over
    the cells.

    Notes
    -----
    Index 0 is the fiber, 1 the sheet, 2 the sheet normal. Since the energy sees the deformation
    gradient only through C, it is objective by construction. With C symmetric,

    - second Piola stress ``S = 2 ∂energy/∂C``,
    - first Piola stress ``P = F S``, Cauchy stress ``σ = F S Fᵀ / det F``.
    """

    @abstractmethod
    def energy(self, C: CauchyGreen) -> Scalar:
        """Strain energy per reference volume.

        Parameters
        ----------
        C : (3, 3) or Symmetric
            Right Cauchy–Green tensor in fiber axes (0 fiber, 1 sheet, 2 normal).

        Returns
        -------
        () float
            Energy [kPa = µJ/mm³], zero at the reference.
        """


def components(C: CauchyGreen) -> Symmetric:
    """Read the six components of a symmetric tensor, once."""
    if isinstance(C, Symmetric):
        return C
    fs, fn, sn = ((C[i, j] + C[j, i]) / 2 for i, j in ((0, 1), (0, 2), (1, 2)))
    return Symmetric(C[0, 0], C[1, 1], C[2, 2], fs, fn, sn)


def isochoric_part(C: Symmetric) -> Symmetric:
    """C of the deformation without its change of volume, ``J^(-2/3) C``."""
    return C.scaled(C.determinant ** (-1 / 3))


def green_lagrange(C: Symmetric) -> Symmetric:
    """Green–Lagrange strain E = (C − I)/2."""
    ff, ss, nn = ((stretch2 - 1) / 2 for stretch2 in C[:3])
    return Symmetric(ff, ss, nn, C.fs / 2, C.fn / 2, C.sn / 2)


def bounded_expm1(x: Scalar, limit: Scalar | float = EXPONENT_LIMIT) -> Scalar:
    """Evaluate exp(x) − 1, continued above a limit by its parabola (C² there)."""
    inside = jnp.minimum(x, limit)
    excess = x - inside
    return jnp.expm1(inside) + jnp.exp(inside) * (excess + excess**2 / 2)
