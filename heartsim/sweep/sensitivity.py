"""Which factor an index depends on: Sobol indices, or standardized regression."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import sobol_indices

RESAMPLES: Final = 200
"""Bootstrap samples behind an interval."""

SOBOL: Final = "sobol"
REGRESSION: Final = "regression"


def explain(
    table: pd.DataFrame, factors: Sequence[str], outputs: Sequence[str], *, size: int = 0
) -> pd.DataFrame:
    """Sensitivity of indices to the numeric factors of a study.

    The rows of a Sobol design (`heartsim.sweep.design.sobol`) give the part of the variance that
    a factor explains alone (``first``) and with all its interactions (``total``), with 95 %
    intervals of a bootstrap over its base points: Saltelli and others 2010,
    doi:10.1016/j.cpc.2009.09.018. Other samples, and a Sobol design with a missing value, give the
    standardized regression coefficients (``coefficient``: standard deviations of the index for
    one of the factor, the others held) and the part of the variance that the line explains
    (``R2``).

    Parameters
    ----------
    table : DataFrame
        From `heartsim.sweep.table.tabulate`.
    factors, outputs : sequence of str
        Columns; those that are absent, constant or have too few values are left out.
    size : int
        Base points of a Sobol design; 0 for any other sample.

    Returns
    -------
    DataFrame
        One row for each output and factor.
    """
    rows = []
    for output in outputs:
        if output not in table or not factors:
            continue
        values = table[output].to_numpy(float)
        finite = np.isfinite(values)
        if finite.sum() < len(factors) + 3 or np.ptp(values[finite]) <= 1e-9 * abs(
            values[finite]
        ).max(initial=0.0):
            continue
        if size and finite.all():
            found = _sobol(values, size)
            method = SOBOL
        else:
            inputs = table[list(factors)].to_numpy(float)
            found = _regression(inputs[finite], values[finite])
            method = REGRESSION
        for place, factor in enumerate(factors):
            numbers = {name: column[place] for name, column in found.items()}
            rows.append({"output": output, "factor": factor, "method": method, **numbers})
    return pd.DataFrame(rows)


def _sobol(values: Float[np.ndarray, " cases"], size: int) -> dict[str, np.ndarray]:
    """First and total indices of the factors, and their 95 % intervals."""
    blocks = values.reshape(-1, size)

    def indices(points: np.ndarray) -> np.ndarray:
        """Indices (2, factors) from some of the base points."""
        chosen = blocks[:, points]
        found = sobol_indices(
            func={"f_A": chosen[:1], "f_B": chosen[1:2], "f_AB": chosen[2:, None, :]}, n=size
        )
        return np.stack([np.atleast_1d(found.first_order), np.atleast_1d(found.total_order)])

    first, total = indices(np.arange(size))
    # a fixed start: the same table always gives the same interval
    draws = np.random.default_rng(0).integers(size, size=(RESAMPLES, size))
    spread = np.stack([indices(points) for points in draws])
    low, high = np.percentile(spread, [2.5, 97.5], axis=0)
    return {
        "first": first,
        "first_low": low[0],
        "first_high": high[0],
        "total": total,
        "total_low": low[1],
        "total_high": high[1],
    }


def _regression(
    inputs: Float[np.ndarray, "cases factors"], values: Float[np.ndarray, " cases"]
) -> dict[str, np.ndarray]:
    """Standardized regression coefficients of the factors, and R² of the line."""
    spread = inputs.std(axis=0)
    scaled = (inputs - inputs.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    target = (values - values.mean()) / values.std()
    slopes = np.linalg.lstsq(scaled, target, rcond=None)[0]
    explained = 1 - np.mean((target - scaled @ slopes) ** 2)
    return {"coefficient": slopes, "R2": np.full(len(slopes), explained)}
