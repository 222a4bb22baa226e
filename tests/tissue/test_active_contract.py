"""Active laws obey their contract, and laws that do not are told which clause they break."""

import equinox as eqx
import pytest

from heartsim.testing import ContractError, check_active
from heartsim.tissue.active import ActiveTension, InvariantTension, active_tension
from heartsim.tissue.law import components


@pytest.mark.parametrize(
    "law",
    [InvariantTension(), active_tension(), active_tension(cross=0.3), ActiveTension(0.0, 1.2)],
    ids=["invariant", "human", "cross", "constant"],
)
def test_laws_obey_the_contract(law):
    check_active(law)


class _Broken(eqx.Module):
    """Tension that grows with length, without drag; each flaw of one kind."""

    slope: float = 1.0
    offset: float = 0.0
    brake: float = 0.0
    drift: float = 0.0
    passive: float = 0.0
    square: float = 0.0

    def energy(self, C, tension):
        strain = (components(C).ff - 1) / 2
        across = components(C).nn - 1
        own = self.offset + self.passive * across**2 + self.square * tension**2 * across
        return tension * (strain + self.slope * strain**2 / 2) + own

    def drag(self, C, before, tension, rate):
        change = components(C).ff - components(before).ff
        return tension * rate * (self.brake * change**2 + self.drift * change)


@pytest.mark.parametrize(
    ("law", "words"),
    [
        (_Broken(offset=1.0), "energy at C = I"),
        (_Broken(slope=6.0), "pull along the fiber"),
        (_Broken(passive=5.0), "stress without tension"),
        (_Broken(square=0.3), "stress at twice the tension"),
        (_Broken(drift=0.1), "drag stress without motion"),
        (_Broken(brake=-0.1), "work that drag takes"),
    ],
)
def test_flaws_are_named(law, words):
    with pytest.raises(ContractError, match=words):
        check_active(law)


def test_a_sound_law_of_this_kind_passes():
    check_active(_Broken(brake=0.1))
