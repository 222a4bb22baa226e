"""Sparse factors in double precision of saddle-point matrices (host, small problems)."""

from typing import Final, NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from scipy.sparse.linalg import SuperLU, splu

PIVOT: Final = 0.01
"""A diagonal entry this large beside its column is the pivot, which keeps a symmetric order."""

SOFT: Final = 1e-3
"""Part of the median below which a diagonal entry scales no other row."""


class Factors(NamedTuple):
    """Factors of a matrix whose rows and columns were scaled alike."""

    scaled: SuperLU
    scale: Float[np.ndarray, " m"]

    def solve(self, right: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """Solution for a right-hand side."""
        return self.scale * self.scaled.solve(self.scale * right)


def factorize(matrix: sp.csr_array) -> Factors:
    """Factorize displacements and multipliers together.

    They are scaled to diagonals of order one, a multiplier by the stiffness it stands against, so
    that pivots stay on the diagonal: else they leave the order that keeps the factors sparse, and
    those of a small P1/P1 beam grow sevenfold.
    """
    diagonal, squares = np.abs(matrix.diagonal()), matrix.multiply(matrix).tocsr()
    partners = np.maximum(diagonal, SOFT * np.median(diagonal))
    against = (sp.diags_array(1 / partners) @ squares).max(axis=0).toarray().ravel()
    scale = 1 / np.sqrt(np.maximum(diagonal, against))
    scaled = (sp.diags_array(scale) @ matrix @ sp.diags_array(scale)).tocsc()
    # the pattern is symmetric: minimum degree of it fills a third of what a column order does
    options = {"SymmetricMode": True}
    factors = splu(scaled, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=PIVOT, options=options)
    return Factors(factors, scale)
