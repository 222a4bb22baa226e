"""Published effects: what is refused, and what 0D hearts must reproduce or are known to miss."""

from functools import cache
from pathlib import Path

import pytest

from heartsim.errors import InputError, SolveFailed
from heartsim.units import L, m, minute, mL
from heartsim.verification.replication import (
    EFFECTS,
    circulations,
    oxygen,
    patients,
    series,
    table,
)
from heartsim.verification.replication import __name__ as package
from heartsim.verification.replication.beyond import BEYOND, beyond
from heartsim.verification.replication.effect import Effect, near
from heartsim.verification.replication.oxygen import HUFNER, arterial_saturation
from heartsim.verification.table import Row

QUICK = (*circulations.EFFECTS, *patients.EFFECTS, *oxygen.EFFECTS, *series.EFFECTS)

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"

MISSED = {
    ("mitral_repair", "forward stroke volume"),
    ("mitral_repair", "LVEDV"),
    ("pulmonary_replacement", "RVEF"),
    ("interatrial_shunt", "change of LAP over LAP-RAP, 8 stiff LVs at exercise"),
    ("interatrial_shunt", "Qp/Qs, largest of 8 stiff LVs at exercise"),
    ("mitral_repair", "CI"),
    ("mitral_repair", "LVEF"),
    ("mitral_repair", "LVEDP"),
    ("mitral_repair", "mPAP"),
    ("tavr", "DBP"),
    ("lvad", "RAP"),
    ("lvad", "RVESP"),
    ("lvad", "mPAP"),
    ("pulmonary_replacement", "RVEDVi"),
    ("pulmonary_replacement", "RVESVi"),
    ("pulmonary_replacement", "LVEDVi"),
    ("pericardiectomy", "LVEDP"),
    ("pericardiectomy", "RVEDP"),
    ("pericardiectomy", "LVEDP afterwards"),
    ("interatrial_shunt", "LAP, mean change of 8 stiff LVs at exercise"),
    ("atrial_septostomy", "arterial saturation"),
    ("fontan", "venous pressure, acute"),
    ("fontan", "CI, 17 % more of all blood, from two"),
}
"""Effects that the elastance model misses today: findings, told by `heartsim replicate`."""


def label(effect: Effect) -> str:
    return f"{effect.operation}: {effect.quantity}"


@cache
def computed(operation: str) -> dict[str, float]:
    return {effect.quantity: effect.compute() for effect in QUICK if effect.operation == operation}


def test_operation_without_a_published_effect_is_refused():
    with pytest.raises(InputError, match=r"'batisto' is not an operation.*Did you mean 'batista'"):
        next(table(["batisto"]))


def test_an_effect_that_could_not_be_computed_is_a_miss(monkeypatch):
    def fail() -> float:
        raise SolveFailed("no state")

    lost = Effect("tavr", "stroke work", fail, (-1.0, 1.0), "%", "nobody")
    monkeypatch.setattr(f"{package}.EFFECTS", (lost,))
    (row,) = table(["tavr"])
    assert not row.passed
    assert row.verdict == "FAIL"


@pytest.mark.parametrize("effect", EFFECTS, ids=label)
def test_a_band_is_an_interval_with_a_source(effect):
    low, high = effect.band
    assert low < high
    assert effect.source


def test_no_effect_is_told_twice():
    assert len({label(effect) for effect in EFFECTS}) == len(EFFECTS)


@pytest.mark.parametrize("effect", QUICK, ids=label)
def test_0d_effect_is_met_unless_it_is_a_known_miss(effect):
    low, high = effect.band
    met = low <= computed(effect.operation)[effect.quantity] <= high
    assert met == ((effect.operation, effect.quantity) not in MISSED)


def test_the_cohort_spans_the_gradients_of_its_source():
    """Wessler 2018: wedge less venous pressure 16.8 ± 6.9 mmHg at peak exercise, EF preserved."""
    found = [before["LAP"] - before["RAP"] for before, _ in series.cohort()]
    assert len(found) == 8
    assert found == sorted(found)
    assert 4 < found[0] < 7
    assert 28 < found[-1] < 31


def test_a_larger_gradient_drives_more_blood_through_the_shunt():
    flows = [after["Qp/Qs"] for _, after in series.cohort()]
    assert flows == sorted(flows)


def test_every_step_of_the_ramp_unloads_and_gives_output():
    beats = series.ramp()
    assert len(beats) == len(series.SPEEDS)
    assert [b["LAP"] for b in beats] == sorted((b["LAP"] for b in beats), reverse=True)
    assert [b["CO"] for b in beats] == sorted(b["CO"] for b in beats)


def test_fontan_costs_output_and_blood_gives_it_back():
    without, given = series.acute_fontan(), series.acute_fontan(given=series.GIVEN)
    assert without["venous pressure"] < given["venous pressure"]
    assert without["CI"] < given["CI"]


def test_a_single_number_has_a_band_of_half_around_it():
    assert near(40) == (20, 60)
    assert near(-40) == (-60, -20)


def test_saturation_is_that_of_the_lungs_without_a_shunt():
    consumption = 250 * mL / minute
    assert arterial_saturation(5 * L / minute, 0.0, consumption=consumption) == oxygen.SATURATED


def test_saturation_balances_oxygen_on_both_sides():
    """Two equations for two unknowns: mixing before the arteries, uptake by the body."""
    lungs, past, back = (flow * L / minute for flow in (4.0, 1.0, 0.5))
    uptake = 125 * mL / minute / m**2 * circulations.SURFACE
    arterial = arterial_saturation(lungs, past, consumption=uptake)
    capacity, body = HUFNER * oxygen.HEMOGLOBIN, lungs + past - back
    venous = arterial - uptake / capacity / body
    # blood that crosses back mixes with what returns from the body
    right = (body * venous + back * arterial) / (body + back)
    assert (body + back) * arterial == pytest.approx(lungs * oxygen.SATURATED + past * right)


def test_what_is_out_of_reach_is_told_once_and_says_what_it_needs():
    assert len({(one.operation, one.effect) for one in BEYOND}) == len(BEYOND)
    assert all(one.source and one.needed for one in BEYOND)
    assert {one.operation for one in beyond(["tavr"])} == {"tavr"}
    assert beyond() == BEYOND


def test_the_document_tells_every_effect_of_the_program():
    lines = DOCUMENT.read_text().splitlines()
    for effect in EFFECTS:
        start = f"| {effect.operation} | {effect.quantity} | "
        (line,) = (one for one in lines if one.startswith(start))
        value = float(line.removeprefix(start).split()[0])
        row = Row("", "", value, *effect.band, effect.unit, effect.source)
        verdict = "hit" if row.passed else "**miss**"
        assert line.endswith(f" | {row.band} | {verdict} | {effect.source} |")
    told = [f"| {one.operation} | {one.effect} | {one.source} | {one.needed} |" for one in BEYOND]
    assert [one for one in lines if one in told] == told
