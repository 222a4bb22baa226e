"""Where in the space of the factors the cases lie: full grid, Latin hypercube, Sobol."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.stats import qmc

from heartsim.sweep.factor import Factor

Setting = tuple[tuple[object, float | str], ...]
"""One case: for each factor its value as a scenario file writes it, and as the table shows it."""


def grid(factors: Sequence[Factor]) -> list[Setting]:
    """Every combination of the levels, the last factor fastest."""
    levels = [tuple(zip(one.levels, one.shown, strict=True)) for one in factors]
    return list(product(*levels))


def latin_hypercube(factors: Sequence[Factor], size: int, seed: int) -> list[Setting]:
    """Cases of which each of `size` equally likely slices of each factor holds exactly one.

    McKay, Beckman and Conover 1979, A comparison of three methods for selecting values of input
    variables in the analysis of output from a computer code, Technometrics.
    """
    return _settings(factors, qmc.LatinHypercube(len(factors), rng=seed).random(size))


def sobol(factors: Sequence[Factor], size: int, seed: int) -> list[Setting]:
    """Cases from which first and total Sobol indices follow.

    Two scrambled Sobol samples A and B of `size` points, then for each factor A with this factor
    taken from B: (2 + factors) × size cases. Saltelli and others 2010,
    doi:10.1016/j.cpc.2009.09.018.
    """
    count = len(factors)
    both = qmc.Sobol(2 * count, rng=seed, bits=64).random(size)
    first, second = both[:, :count], both[:, count:]
    blocks = [first, second]
    for place in range(count):
        mixed = first.copy()
        mixed[:, place] = second[:, place]
        blocks.append(mixed)
    return _settings(factors, np.concatenate(blocks))


def _settings(factors: Sequence[Factor], unit_cube: np.ndarray) -> list[Setting]:
    """Cases at points (n, factors) of the unit cube."""
    columns = [one.quantile(unit_cube[:, place]) for place, one in enumerate(factors)]
    return [
        tuple((one.spelled(float(x)), float(x)) for one, x in zip(factors, row, strict=True))
        for row in zip(*columns, strict=True)
    ]
