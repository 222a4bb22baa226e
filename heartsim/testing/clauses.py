"""A clause of a contract: it holds, or it says what broke it."""

import numpy as np
from jaxtyping import Float

from heartsim.errors import ContractError

STEP = 1e-5
"""Half a central difference."""

ROUND_OFF = 1e-12
"""Relative error that counts as none."""

DIFFERENCE_TOLERANCE = 1e-7
"""Relative error of a central difference."""


def require(condition: bool, clause: str, found: object, expected: object) -> None:
    """Raise `ContractError` unless a condition holds."""
    if not condition:
        raise ContractError(f"{clause}: found {found}, expected {expected}.")


def require_finite(value: Float[np.ndarray, "..."], clause: str) -> None:
    """Raise `ContractError` unless all numbers are finite."""
    require(bool(np.all(np.isfinite(value))), clause, value, "finite numbers")


def require_close(
    value: Float[np.ndarray, "..."],
    expected: Float[np.ndarray, "..."],
    tolerance: float,
    clause: str,
) -> None:
    """Raise `ContractError` unless values agree to a relative tolerance."""
    error = float(np.max(np.abs(value - expected)))
    bound = tolerance * (1 + float(np.max(np.abs(expected))))
    require(error <= bound, clause, f"error {error:.1e}", f"at most {bound:.1e}")
