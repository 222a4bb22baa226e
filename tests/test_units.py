"""Units: coherent factors, and a parser that refuses what it does not know."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartsim import units
from heartsim.errors import UnitError
from heartsim.units import dimensions, parse, symbols


def test_force_is_pressure_times_area():
    assert units.kPa * units.mm**2 == units.mN


def test_energy_is_pressure_times_volume():
    assert units.kPa * units.mm**3 == units.uJ


def test_millilitre_per_second_is_the_internal_flow():
    assert units.mL / units.s == 1.0


def test_pressure_and_resistance_share_one_factor():
    resistance = units.mmHg * units.s / units.mL
    assert resistance == pytest.approx(units.mmHg)


def test_kinetic_pressure_has_no_factor():
    # Bernoulli, 4 v^2 mmHg for v in m/s and blood of 1.06 g/mL (the clinical rule of thumb).
    pressure = units.BLOOD_DENSITY * (1 * units.m / units.s) ** 2 / 2
    assert pressure / units.mmHg == pytest.approx(3.975, abs=0.01)


@pytest.mark.parametrize("dimension", dimensions())
def test_every_symbol_is_read_back(dimension):
    for symbol in symbols(dimension):
        assert parse(f"2.5 {symbol}", dimension) == pytest.approx(
            2.5 * parse(f"1 {symbol}", dimension)
        )


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("12 mmHg", "pressure", 12 * 133.322387415e-3),
        ("  0.7 cm2 ", "area", 70.0),
        ("72 /min", "frequency", 72 / 60000),
        ("-60 deg", "angle", -math.pi / 3),
        ("1e-1 MPa", "pressure", 100.0),
        ("20 %", "number", 0.2),
        (3, "number", 3.0),
        ("10 WU", "resistance", 10 * 0.06 * 133.322387415e-3),
    ],
)
def test_quantities_become_internal_numbers(text, dimension, value):
    assert parse(text, dimension) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "dimension", "words"),
    [
        (28, "length", 'Write "28 mm" (length)'),
        ("28", "length", 'Write "28 mm" (length)'),
        ("28 mmHg", "length", "unit of pressure, but length is due"),
        ("28 milimeter", "length", "unknown unit"),
        ("12 mmhg", "pressure", "Did you mean 'mmHg'"),
        ("nan mmHg", "pressure", "is not a quantity"),
        ("1e400 Pa", "pressure", "unknown unit"),
        ("9**9**9 Pa", "pressure", "unknown unit"),
        (math.inf, "number", "is not a quantity"),
        (True, "number", "is not a quantity"),
        (None, "length", "is not a quantity"),
        ("1" * 5000 + " mm", "length", "is not a quantity"),
    ],
)
def test_refusal_says_what_to_write(text, dimension, words):
    with pytest.raises(UnitError) as caught:
        parse(text, dimension)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


@settings(max_examples=100, derandomize=True)
@given(st.text(max_size=80), st.sampled_from(dimensions()))
def test_any_text_is_a_finite_number_or_refused(text, dimension):
    try:
        value = parse(text, dimension)
    except UnitError:
        return
    assert math.isfinite(value)
