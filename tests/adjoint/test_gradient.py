"""Gradients of a beat against central differences of whole beats."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.adjoint.gradient import differentiate
from heartsim.adjoint.indices import indices
from heartsim.adjoint.parameters import BLOOD, leaves, parameter, shifted, with_leaves
from heartsim.adjoint.tape import remembered, seeds, traces
from heartsim.circulation.closed_loop import blood_volume, with_blood_volume
from heartsim.errors import InputError
from heartsim.units import mL

STEP, UNTIL = 20.0, 420.0
OF = ("EDV_mL", "ESV_mL", "P_max_mmHg", "EF_percent", "SBP_mmHg")
BY = {
    "tissue.stiffness": 1e-3,
    "tissue.contractility": 1e-2,
    "tissue.length_dependence": 1e-3,
    "circulation.systemic_resistance": 1e-4,
    "activation.time": 1e-2,
    BLOOD: 1.0,
}
"""Numbers, and the change at which differences are best."""


@pytest.fixture(scope="module")
def found(ready):
    return differentiate(
        ready.work, ready.heart, ready.moment, of=OF, by=tuple(BY), step=STEP, until=UNTIL
    )


def values(ready, heart, blood):
    moment = _with_blood(ready, heart, blood)
    tape, _, _ = remembered(ready.work, heart, moment, step=STEP, until=UNTIL)
    return seeds(indices(OF), traces(heart, tape))[0]


def _with_blood(ready, heart, extra):
    blood = ready.moment.blood
    held = blood_volume(heart.loop, blood) + extra * mL
    return replace(ready.moment, blood=with_blood_volume(heart.loop, blood, held))


@pytest.mark.parametrize("number", BY)
def test_gradient_is_that_of_differences(ready, found, number):
    change = BY[number]

    def moved(amount):
        if number == BLOOD:
            return values(ready, ready.heart, amount)
        return values(ready, shifted(ready.heart, parameter(ready.heart, number), amount), 0.0)

    differences = (moved(change) - moved(-change)) / (2 * change)
    slopes = [found.of(index, by=number).value for index in OF]
    assert_allclose(slopes, differences, rtol=1e-4, atol=1e-7 * np.abs(differences).max())


def test_part_of_the_wall_counts_for_its_part(ready, found):
    sensitivity = found.of("ESV_mL", by="tissue.contractility")
    half = (np.arange(len(sensitivity.each)) % 2).astype(float)
    assert sensitivity.within(half) + sensitivity.within(1 - half) == pytest.approx(
        sensitivity.value
    )
    number = parameter(ready.heart, "tissue.contractility")
    change = 1e-2 * jnp.asarray(half)
    up, down = (values(ready, _raised(ready.heart, number, c), 0.0) for c in (change, -change))
    difference = (up - down)[1] / 2e-2
    assert_allclose(sensitivity.within(half), difference, rtol=1e-4)


def _raised(heart, number, change):
    (value,) = leaves(heart, number.paths)
    return with_leaves(heart, number.paths, (value + change,))


def test_map_over_the_wall_sums_to_the_derivative(ready, found):
    density = found.field("EF_percent", by="tissue.contractility")
    whole = float(np.sum(density * np.asarray(ready.heart.cell_volume) / mL))
    assert whole == pytest.approx(found.of("EF_percent", by="tissue.contractility").value)


def test_more_strength_empties_and_more_resistance_fills(found):
    assert found.of("ESV_mL", by="tissue.contractility").value < 0
    assert found.of("P_max_mmHg", by="tissue.contractility").value > 0
    assert found.of("ESV_mL", by="circulation.systemic_resistance").value > 0


def test_scalar_of_ones_own_is_differentiated_by_its_traces(ready):
    tape, _, _ = remembered(ready.work, ready.heart, ready.moment, step=STEP, until=UNTIL)
    own = indices({"ejected": lambda beat: beat.mean(beat.flow("aortic")) * UNTIL / mL})
    value, rows = seeds(own, traces(ready.heart, tape))
    volume = [float(level.blood.V_LV) / mL for level in tape.levels]
    assert value[0] == pytest.approx(max(volume) - min(volume), rel=0.02)
    assert_allclose(rows["flow"]["aortic"][0].sum(), UNTIL / mL)
    assert np.all(rows["pressure"]["LV"] == 0)


def test_transposed_solves_are_accurate(found):
    assert found.effort.missed < 1e-6


@pytest.mark.parametrize(
    ("of", "by", "hint"),
    [
        (["EF"], ["tissue.contractility"], "EF_percent"),
        (["EF_percent"], ["tissue.contractilty"], "contractility"),
        (["EF_percent"], ["tissue.largest_shear"], "largest_shear"),
        (["EF_percent"], ["circulation.period"], "heart rates"),
        (["EF_percent"], ["circulation.glenn.conductance"], "cut off"),
        ([], ["tissue.contractility"], "Name an index"),
    ],
)
def test_what_cannot_be_differentiated_is_said(ready, of, by, hint):
    with pytest.raises(InputError, match=hint):
        differentiate(ready.work, ready.heart, ready.moment, of=of, by=by, step=20.0, until=20.0)


def test_number_without_cells_has_no_map(found):
    with pytest.raises(InputError, match="one number"):
        found.field("EF_percent", by="circulation.systemic_resistance")


def test_one_name_has_the_unit_of_its_place(ready):
    """A chamber stiffens by volume, the septum as it contracts, muscle by a multiplier."""
    units = {
        name: parameter(ready.heart, name).unit
        for name in (
            "circulation.septum.stiffening",
            "circulation.LA.stiffening",
            "tissue.stiffness",
        )
    }
    assert list(units.values()) == ["", "1/mL", ""]
