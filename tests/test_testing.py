"""Public contracts of elements and valves: ours keep them, broken ones do not."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from heartsim import testing
from heartsim.circulation.components import Orifice, Valve
from heartsim.fem.elements import TET_EDGES, TRIANGLE_EDGES, lagrange, tabulate
from heartsim.procedures import contract
from heartsim.testing import ContractError, check_element, check_valve
from heartsim.units import cm, mL, mmHg, s

RESISTANCE = 0.001 * mmHg * s / mL


def nodes_of(dimension, degree):
    corners = np.eye(dimension + 1)
    if degree == 1:
        return corners
    edges = TET_EDGES if dimension == 3 else TRIANGLE_EDGES
    return np.vstack([corners, [(corners[i] + corners[j]) / 2 for i, j in edges]])


def check(dimension, degree, rule, functions=None, table=None):
    check_element(
        functions or (lambda points: lagrange(degree, points)),
        table or tabulate(dimension, degree, rule),
        nodes=nodes_of(dimension, degree),
        degree=degree,
        exact=rule,
    )


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("rule", [2, 4])
def test_elements_keep_their_contract(dimension, degree, rule):
    check(dimension, degree, rule)


def test_a_wrong_gradient_breaks_the_contract():
    def wrong(points):
        values, gradients = lagrange(2, points)
        return values, gradients[:, :, ::-1]

    with pytest.raises(ContractError, match="gradient"):
        check(3, 2, 2, functions=wrong)


def test_swapped_nodes_break_the_contract():
    def wrong(points):
        values, gradients = lagrange(1, points)
        return values[:, ::-1], gradients[:, ::-1]

    with pytest.raises(ContractError, match="value at the nodes"):
        check(3, 1, 2, functions=wrong)


def test_a_rule_of_too_low_degree_breaks_the_contract():
    with pytest.raises(ContractError, match="integral of the monomial"):
        check(3, 2, 4, table=tabulate(3, 2, 2))


@pytest.mark.parametrize("area", [0.7 * cm**2, 4 * cm**2])
@pytest.mark.parametrize("leak", [0.0, 0.4 * cm**2])
def test_valves_keep_their_contract(area, leak):
    valve = Valve(area=area, regurgitant_area=leak, resistance=RESISTANCE)
    check_valve(valve, leak=leak > 0)


def test_an_orifice_leaks_both_ways():
    check_valve(Orifice(area=0.5 * cm**2, resistance=RESISTANCE), leak=True)
    with pytest.raises(ContractError, match="leak"):
        check_valve(Orifice(area=0.5 * cm**2, resistance=RESISTANCE), leak=False)


@final
class Diode(eqx.Module):
    """Valve with a corner: open for a positive drop, shut for a negative one."""

    conductance: float

    def flow(self, drop):
        """Flow [mm³/ms]."""
        return self.conductance * jnp.maximum(drop, 0.0)


def test_a_valve_with_a_corner_breaks_the_contract():
    with pytest.raises(ContractError, match="jump"):
        check_valve(Diode(10.0), leak=False)


def test_a_valve_the_wrong_way_round_breaks_the_contract():
    turned = Valve(area=0.4 * cm**2, regurgitant_area=4 * cm**2, resistance=RESISTANCE)
    with pytest.raises(ContractError, match="flow back"):
        check_valve(turned, leak=True)


@final
class Pumping(eqx.Module):
    """Branch that pushes blood without a drop."""

    conductance: float

    def flow(self, drop):
        """Flow [mm³/ms]."""
        return self.conductance * (drop + 1.0)


def test_a_branch_that_pumps_is_no_valve():
    with pytest.raises(ContractError, match="flow without a drop"):
        check_valve(Pumping(10.0), leak=True)


def test_contract_of_procedures_is_public_here_too():
    assert testing.check_procedure is contract.check_procedure
