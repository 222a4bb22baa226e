"""Loading rules: the outer solve on 0D hearts, and the reflex that one of them is."""

import math
from dataclasses import replace

import numpy as np
import pytest
import stand_in
from numpy.testing import assert_allclose

from heartsim.circulation import healthy_adult, limit_cycle, with_blood_volume
from heartsim.circulation.adult import STRESSED_VOLUME
from heartsim.errors import InputError
from heartsim.loading import MOST_TRIALS, RULES, Trial, next_unknown, rule_of, settle
from heartsim.procedures import aortic_stenosis, mitral_regurgitation, on_heart, state
from heartsim.procedures.baroreflex import effectors
from heartsim.units import mL

STEPS = 400
BASELINE = stand_in.adult()


def periodic(heart):
    """Limit cycle of a 0D heart with the blood that its filling leaves."""
    _, start = healthy_adult()
    total = STRESSED_VOLUME * heart.filling
    found = limit_cycle(
        heart.circulation, with_blood_volume(heart.circulation, start, total), STEPS
    )
    assert float(found.change) < 0.01 * mL
    return found


def measured(rule, heart, found) -> float:
    pressure = {name: np.asarray(trace) for name, trace in found.traces.pressure.items()}
    period = float(heart.circulation.period)
    return rule.measure(np.asarray(found.traces.time), period, pressure)


def under(rule, procedures, target):
    """Operated 0D heart under a rule: trials, the last heart, its limit cycle."""
    operated, _ = on_heart(BASELINE, procedures)

    def attempt(unknown, trials, last):
        heart, _ = on_heart(operated, [rule.procedure(unknown, target)])
        found = periodic(heart)
        return measured(rule, heart, found), (heart, found)

    return settle(rule, target, attempt)


@pytest.fixture(scope="module")
def baseline():
    """Pressure of the healthy adult that each rule holds."""
    found = periodic(BASELINE)
    return {name: measured(rule, BASELINE, found) for name, rule in RULES.items()}


OPERATIONS = {
    "none": (),
    "stenosis": (aortic_stenosis(area="0.7 cm2"),),
    "leak": (mitral_regurgitation(leak="0.4 cm2"),),
    "weak": (state(contractility="60 %"),),
    "bleeding": (state(stressed_volume="75 %"),),
    "constricted": (state(systemic_resistance="150 %"),),
}


@pytest.mark.parametrize("name", ["match-LVEDP", "match-MAP"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_rule_holds_its_pressure_in_a_few_periodic_states(name, operation, baseline):
    rule, target = RULES[name], baseline[name]
    trials, _ = under(rule, OPERATIONS[operation], target)
    assert abs(trials[-1].pressure - target) <= rule.tolerance
    assert len(trials) <= 5
    if operation == "none":
        assert trials == (Trial(0.0, trials[0].pressure),)


def test_matching_filling_pressure_gives_back_the_blood_that_was_lost(baseline):
    """LVEDP depends on the blood alone here, so the answer is known: the factor 1 / 0.75."""
    rule = replace(RULES["match-LVEDP"], tolerance=0.01)
    _, (heart, _) = under(rule, OPERATIONS["bleeding"], baseline["match-LVEDP"])
    assert_allclose(float(heart.filling), 1.0, atol=2e-3)


def test_matching_arterial_pressure_gives_back_the_resistance(baseline):
    rule = replace(RULES["match-MAP"], tolerance=0.01)
    _, (heart, _) = under(rule, OPERATIONS["constricted"], baseline["match-MAP"])
    before = BASELINE.circulation.systemic_arteries.resistance
    assert_allclose(heart.circulation.systemic_arteries.resistance / before, 1.0, atol=1e-3)


def test_rules_leave_everything_else_alone(baseline):
    rule = RULES["match-LVEDP"]
    _, (heart, _) = under(rule, OPERATIONS["weak"], baseline["match-LVEDP"])
    expected, _ = on_heart(BASELINE, OPERATIONS["weak"])
    assert heart.filling != expected.filling
    blood, same = heart.circulation, expected.circulation
    assert blood.systemic_arteries.resistance == same.systemic_arteries.resistance
    assert blood.LV.active == same.LV.active
    assert blood.period == same.period


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_reflex_is_a_fixed_point_that_softens_the_fall_of_pressure(operation, baseline):
    rule, target = RULES["reflex"], baseline["reflex"]
    trials, (heart, _) = under(rule, OPERATIONS[operation], target)
    last = trials[-1]
    assert abs(last.pressure - (target + last.unknown)) <= rule.tolerance
    assert len(trials) <= 6
    without, with_reflex = (abs(trial.pressure - target) for trial in (trials[0], last))
    assert with_reflex <= without + rule.tolerance
    faster = heart.circulation.period < BASELINE.circulation.period
    assert faster == (last.unknown < 0) or abs(last.unknown) < rule.tolerance


def test_at_its_set_point_the_reflex_does_nothing():
    assert effectors(87.0, 87.0) == (1.0, 1.0, 1.0, 1.0)


def test_a_fall_of_pressure_drives_heart_and_vessels():
    low, lower = effectors(80.0, 92.0), effectors(60.0, 92.0)
    assert all(1 < a < b for a, b in zip(low, lower, strict=True))
    assert all(value < 1 for value in effectors(110.0, 92.0))


def test_open_loop_heart_period_of_the_published_reflex():
    """0.58 - 0.13 ln(3.005) + 0.09 x 4.767 = 0.866 s at rest, by hand from the formulas."""
    rest = 0.58 - 0.13 * math.log(4.665 - 2.66 + 1) + 0.09 * 4.767
    silent = (
        0.58
        - 0.13 * math.log(2.10 + 14.01 * math.exp(-0.0675 * 2.52) - 2.66 + 1)
        + 0.09 * (3.2 + 3.1 / (1 + math.exp(22.48 / 7.06)))
    )
    assert_allclose(effectors(0.0, 200.0).rate, rest / silent, rtol=2e-3)


def test_a_search_that_was_interrupted_goes_on_where_it_was():
    rule, target = RULES["match-MAP"], 90.0

    def attempt(unknown, trials, last):
        return 70.0 + 55.0 * unknown + 8.0 * unknown**2, unknown

    whole, _ = settle(rule, target, attempt)
    for cut in range(1, len(whole)):
        rest, _ = settle(rule, target, attempt, whole[:cut])
        assert rest == whole


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_cannot_be_met_gives_up(name):
    trials, _ = settle(RULES[name], 90.0, lambda unknown, trials, last: (250.0, None))
    assert len(trials) == MOST_TRIALS
    steps = np.abs(np.diff([trial.unknown for trial in trials]))
    assert steps.max() <= RULES[name].stride * (1 + 1e-12) * MOST_TRIALS


def test_the_next_unknown_stays_in_its_bracket():
    rule = RULES["match-MAP"]
    trials = (Trial(0.0, 60.0), Trial(0.5, 150.0), Trial(0.1, 60.5))
    assert 0.1 < next_unknown(rule, 90.0, trials) < 0.5


def test_unknown_rule_is_named():
    with pytest.raises(InputError, match="Did you mean 'match-LVEDP'"):
        rule_of("match-LVEPD")
    assert rule_of("same-stressed-volume") is None
