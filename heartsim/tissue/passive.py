"""Passive laws of heart muscle and of simple rubber, one energy each.

Every law has the static choice ``isochoric``: which invariants are taken of ``J^(-2/3) C`` and
are blind to a change of volume. With exact incompressibility the two choices give the same
deformation; they differ in the pressure and, in nearly incompressible tissue, at second order.
"""

import math
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from heartsim.tissue.law import (
    EXPONENT_LIMIT,
    CauchyGreen,
    Law,
    Parameter,
    Scalar,
    Symmetric,
    bounded_expm1,
    components,
    green_lagrange,
    isochoric_part,
)

LOGISTIC_SLOPE = 100.0
"""Slope k of the logistic switch 1/(1 + exp(−k (I4 − 1))) of Aróstica et al. 2025."""

_SMALL_EXPONENT = 1e-8


@final
class NeoHookean(Law):
    """Isotropic rubber, psi = mu/2 (I1 − 3).

    Notes
    -----
    With ``isochoric=False`` the reference carries the pressure ``-mu``, which the constraint of
    incompressibility balances; it is then not free of stress by itself.
    """

    mu: Parameter
    """Shear modulus [kPa]."""
    isochoric: bool = eqx.field(static=True, default=True)

    def energy(self, C: CauchyGreen) -> Scalar:
        """Strain energy per reference volume [kPa]."""
        C = _split(C, self.isochoric)
        return self.mu / 2 * (C.trace - 3)


@final
class MooneyRivlin(Law):
    """Isotropic rubber, psi = c1 (I1 − 3) + c2 (I2 − 3); shear modulus 2 (c1 + c2).

    Notes
    -----
    With ``isochoric=False`` the reference carries the pressure ``-(2 c1 + 4 c2)``, as in
    `NeoHookean`.
    """

    c1: Parameter
    """Coefficient of I1 [kPa]."""
    c2: Parameter
    """Coefficient of I2 [kPa]."""
    isochoric: bool = eqx.field(static=True, default=True)

    def energy(self, C: CauchyGreen) -> Scalar:
        """Strain energy per reference volume [kPa]."""
        C = _split(C, self.isochoric)
        I2 = C.ff * C.ss + C.ss * C.nn + C.nn * C.ff - C.fs**2 - C.fn**2 - C.sn**2
        return self.c1 * (C.trace - 3) + self.c2 * (I2 - 3)


@final
class Guccione(Law):
    """Transversely isotropic Fung law, psi = C/2 (exp Q − 1) [1]_.

    Q = bf Eff² + bt (Ess² + Enn² + 2 Esn²) + 2 bfs (Efs² + Efn²), E the Green–Lagrange strain,
    of the isochoric part of C by default.

    References
    ----------
    .. [1] Guccione et al. (1995). Finite element stress analysis of left ventricular mechanics in
       the beating dog heart. doi:10.1016/0021-9290(94)00174-3.
    """

    C: Parameter
    """Stress scale [kPa]."""
    bf: Parameter
    """Exponent of fiber strain [-]."""
    bt: Parameter
    """Exponent of cross-fiber strain [-]."""
    bfs: Parameter
    """Exponent of fiber shear [-]."""
    isochoric: bool = eqx.field(static=True, default=True)

    def energy(self, C: CauchyGreen) -> Scalar:
        """Strain energy per reference volume [kPa]."""
        E = green_lagrange(_split(C, self.isochoric))
        Q = (
            self.bf * E.ff**2
            + self.bt * (E.ss**2 + E.nn**2 + 2 * E.sn**2)
            + 2 * self.bfs * (E.fs**2 + E.fn**2)
        )
        return self.C / 2 * bounded_expm1(Q)


@final
class Usyk(Law):
    """Orthotropic Fung law, psi = C/2 (exp Q − 1) [1]_.

    Q = bff Eff² + bss Ess² + bnn Enn² + 2 (bfs Efs² + bfn Efn² + bsn Esn²).

    References
    ----------
    .. [1] Usyk et al. (2002). Computational model of three-dimensional cardiac electromechanics.
       doi:10.1007/s00791-002-0081-9.
    """

    C: Parameter
    """Stress scale [kPa]."""
    bff: Parameter
    bss: Parameter
    bnn: Parameter
    bfs: Parameter
    bfn: Parameter
    bsn: Parameter
    isochoric: bool = eqx.field(static=True, default=True)

    def energy(self, C: CauchyGreen) -> Scalar:
        """Strain energy per reference volume [kPa]."""
        E = green_lagrange(_split(C, self.isochoric))
        Q = (
            self.bff * E.ff**2
            + self.bss * E.ss**2
            + self.bnn * E.nn**2
            + 2 * (self.bfs * E.fs**2 + self.bfn * E.fn**2 + self.bsn * E.sn**2)
        )
        return self.C / 2 * bounded_expm1(Q)


@final
class HolzapfelOgden(Law):
    """Orthotropic law of ventricular muscle [1]_.

    psi = a/2b (exp b(I1 − 3) − 1) + Σ_{f,s} a_i/2b_i (exp b_i (I4i − 1)² − 1)
    + a_fs/2b_fs (exp b_fs I8fs² − 1), with I4f = C_ff, I4s = C_ss, I8fs = C_fs.

    Notes
    -----
    ``isochoric`` concerns I1 only; I4 and I8 always take the full C, so that collagen and muscle
    see their true stretch. Fiber and sheet terms act in tension only: by default with
    ``(I4 − 1)₊`` (stress continuous, stiffness of the tension side at I4 = 1), with
    ``logistic=True`` by the factor 1/(1 + exp(−100 (I4 − 1))) on the whole term [2]_.
    An exponent b_i may be zero: the term is then quadratic.

    Exponentials are fitted to small shear. In a wall that grows half as thick again, I1 − 3 is 0.6,
    more than twice that of any test of shear, and exp b(I1 − 3) a hundred: the cavity stands
    still at nearly one volume under any load, unlike a heart. With ``largest_shear`` γ the terms of
    I1 and I8 go on beyond γ² by their parabolas in I1 and I8² (C², convex, non-decreasing): the
    wall still stiffens, which keeps thin places from ballooning, but no faster than in proportion.

    References
    ----------
    .. [1] Holzapfel, Ogden (2009). Constitutive modelling of passive myocardium.
       doi:10.1098/rsta.2009.0091, eq. 5.38.
    .. [2] Aróstica et al. (2025). A software benchmark for cardiac elastodynamics.
       doi:10.1016/j.cma.2024.117485.
    """

    a: Parameter
    """Stress scale of the matrix [kPa]."""
    b: Parameter
    a_f: Parameter
    """Stress scale of the fibers [kPa]."""
    b_f: Parameter
    a_s: Parameter
    """Stress scale of the sheets [kPa]."""
    b_s: Parameter
    a_fs: Parameter
    """Stress scale of the fiber-sheet shear [kPa]."""
    b_fs: Parameter
    isochoric: bool = eqx.field(static=True, default=True)
    logistic: bool = eqx.field(static=True, default=False)
    largest_shear: float = eqx.field(static=True, default=math.inf)
    """Simple shear beyond which the terms of I1 and I8 go on by their parabolas [-]."""

    def energy(self, C: CauchyGreen) -> Scalar:
        """Strain energy per reference volume [kPa]."""
        C, end = components(C), self.largest_shear**2
        matrix = _exponential(self.a, self.b, _split(C, self.isochoric).trace - 3, end)
        fiber = self._in_tension(self.a_f, self.b_f, C.ff - 1)
        sheet = self._in_tension(self.a_s, self.b_s, C.ss - 1)
        shear = _exponential(self.a_fs, self.b_fs, C.fs**2, end)
        return matrix + fiber + sheet + shear

    def _in_tension(self, a: Parameter, b: Parameter, x: Scalar) -> Scalar:
        """Term of one family of fibers, x = I4 − 1."""
        if self.logistic:
            return jax.nn.sigmoid(LOGISTIC_SLOPE * x) * _exponential(a, b, x**2)
        return _exponential(a, b, jnp.where(x >= 0, x, 0.0) ** 2)


def _split(C: CauchyGreen, isochoric: bool) -> Symmetric:
    """Components of C, or of its isochoric part."""
    C = components(C)
    return isochoric_part(C) if isochoric else C


def _exponential(a: Parameter, b: Parameter, y: Scalar, end: float = math.inf) -> Scalar:
    """Evaluate a/2b (exp(b y) − 1), a y/2 in the limit b = 0; beyond an end its parabola there."""
    b = jnp.maximum(b, _SMALL_EXPONENT)
    limit = EXPONENT_LIMIT if math.isinf(end) else jnp.minimum(EXPONENT_LIMIT, b * end)
    return a / (2 * b) * bounded_expm1(b * y, limit)
