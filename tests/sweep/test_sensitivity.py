"""Sensitivity against functions whose indices are known."""

import numpy as np
import pandas as pd
import pytest

from heartsim.sweep.design import latin_hypercube, sobol
from heartsim.sweep.factor import read_factor
from heartsim.sweep.sensitivity import explain

PI = float(np.pi)


def sampled(draw, size, count, low=-PI, high=PI) -> np.ndarray:
    """Points (cases, factors) of a design."""
    factors = [read_factor(f"x{n}", {"from": low, "to": high}) for n in range(count)]
    return np.array([[x for _, x in case] for case in draw(factors, size, seed=5)])


def table_of(points: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    inputs = {f"x{n}": column for n, column in enumerate(points.T)}
    return pd.DataFrame({**inputs, "y": values})


def ishigami(points: np.ndarray) -> np.ndarray:
    """Ishigami and Homma 1990, doi:10.1109/ISUMA.1990.151285, with a = 7, b = 0.1."""
    x, y, z = points.T
    return np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)


def test_sobol_indices_of_the_ishigami_function():
    size = 2048
    points = sampled(sobol, size, 3)
    found = explain(table_of(points, ishigami(points)), ("x0", "x1", "x2"), ("y",), size=size)
    # variance by hand: parts of x, of y, and of x with z
    part_x = 0.5 * (1 + 0.1 * PI**4 / 5) ** 2
    part_y = 7**2 / 8
    part_xz = 0.1**2 * PI**8 * (1 / 18 - 1 / 50)
    whole = part_x + part_y + part_xz
    first = np.array([part_x, part_y, 0]) / whole
    total = np.array([part_x + part_xz, part_y, part_xz]) / whole
    assert list(found["method"]) == ["sobol"] * 3
    np.testing.assert_allclose(found["first"], first, atol=0.02)
    np.testing.assert_allclose(found["total"], total, atol=0.02)
    assert (found["total_low"] <= total + 0.02).all()
    assert (found["total_high"] >= total - 0.02).all()
    assert (found["total_high"] - found["total_low"]).max() < 0.15


def test_regression_of_a_plane_gives_its_scaled_slopes():
    points = sampled(latin_hypercube, 200, 2, low=0.0, high=1.0)
    values = 3 * points[:, 0] - 4 * points[:, 1]
    found = explain(table_of(points, values), ("x0", "x1"), ("y",))
    scale = points.std(axis=0) / values.std()
    np.testing.assert_allclose(found["coefficient"], np.array([3, -4]) * scale, rtol=1e-9)
    np.testing.assert_allclose(found["R2"], 1.0, rtol=1e-9)


def test_regression_owns_up_to_what_a_line_misses():
    points = sampled(latin_hypercube, 400, 1, low=-1.0, high=1.0)
    found = explain(table_of(points, points[:, 0] ** 2), ("x0",), ("y",))
    assert found["R2"].iloc[0] < 0.05


def test_a_missing_value_turns_sobol_into_regression_without_it():
    points = sampled(sobol, 64, 2)
    values = 2 * points[:, 0] + points[:, 1]
    values[7] = np.nan
    found = explain(table_of(points, values), ("x0", "x1"), ("y",), size=64)
    assert list(found["method"]) == ["regression"] * 2
    np.testing.assert_allclose(found["R2"], 1.0, rtol=1e-9)


@pytest.mark.parametrize("values", [np.full(40, 3.0), np.full(40, np.nan)])
def test_what_does_not_change_is_not_explained(values):
    points = sampled(latin_hypercube, 40, 2)
    assert explain(table_of(points, values), ("x0", "x1"), ("y", "absent")).empty
