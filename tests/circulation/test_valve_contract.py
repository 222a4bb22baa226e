"""The public contract of valves, for ours and for broken ones."""

import jax.numpy as jnp
import pytest

from heartsim.circulation.components import Valve
from heartsim.testing import ContractError, check_valve
from heartsim.units import cm, mL, mmHg, s

RESISTANCE = 0.001 * mmHg * s / mL

VALVES = {
    "healthy": Valve(4 * cm**2, 0.0, RESISTANCE),
    "stenosed": Valve(0.5 * cm**2, 0.0, RESISTANCE),
    "leaking": Valve(4 * cm**2, 0.5 * cm**2, RESISTANCE),
    "banded": Valve(4 * cm**2, 0.0, RESISTANCE, narrowing=(0.6 * cm**2) ** -2),
    "heavy": Valve(4 * cm**2, 0.2 * cm**2, RESISTANCE, 0.0, 1e-6, 20.0, 10.0),
}


@pytest.mark.parametrize("name", VALVES)
def test_valve_keeps_the_contract(name):
    valve = VALVES[name]
    check_valve(valve, leak=float(valve.regurgitant_area) > 0)


class Sticky(Valve):
    """A valve whose flow falls where the drop is large, as a collapsing leaflet might."""

    def flow(self, drop, series=0.0):
        return super().flow(drop, series) * jnp.exp(-((drop / (20 * mmHg)) ** 2))


class Ratchet(Valve):
    """A valve that lets blood through without a drop."""

    def flow(self, drop, series=0.0):
        return super().flow(drop, series) + 1.0


@pytest.mark.parametrize(("kind", "words"), [(Sticky, "slope"), (Ratchet, "without a drop")])
def test_contract_finds_a_broken_valve(kind, words):
    with pytest.raises(ContractError, match=words):
        check_valve(kind(4 * cm**2, 0.0, RESISTANCE), leak=False)
