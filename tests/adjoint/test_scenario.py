"""Gradient of a scenario: what is refused before anything is computed."""

import pytest

import heartsim as hs
from heartsim.errors import InputError


def test_heart_without_wall_is_refused():
    with pytest.raises(InputError, match="no wall"):
        hs.gradient(hs.Scenario.read("healthy_0D"), of=["EF_percent"], by=["tissue.stiffness"])


def test_maps_need_the_right_file_name():
    plan = hs.Scenario.read("demo_baseline")
    with pytest.raises(InputError, match="vtu"):
        hs.gradient(plan, of=["EF_percent"], by=["tissue.stiffness"], fields="maps.png")
