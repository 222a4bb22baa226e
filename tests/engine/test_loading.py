"""Loading rules on a 3D heart."""

import pytest

from heartsim.compare import compare
from heartsim.errors import ScenarioError
from heartsim.loading import RULES
from heartsim.procedures import state
from heartsim.result import Result
from heartsim.run import run
from heartsim.scenario import Scenario

LESS_BLOOD = {"stressed_volume": 0.8}
MORE_RESISTANCE = {"systemic_resistance": 1.3}
CASES = {"match-LVEDP": LESS_BLOOD, "match-MAP": MORE_RESISTANCE, "reflex": LESS_BLOOD}
"""What is done to the heart under each rule, knob and factor."""


@pytest.fixture(scope="module")
def plan(scenario) -> Scenario:
    return scenario.with_(
        {
            "protocol.step": "12 ms",
            "protocol.at_most_beats": 8,
            "protocol.periodic_within": "1 mL",
        }
    )


@pytest.fixture(scope="module")
def before(plan, tmp_path_factory) -> Result:
    return run(plan, tmp_path_factory.mktemp("rules") / "before", quiet=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("rule", CASES)
def test_a_changed_heart_is_compared_under_the_rule(rule, plan, before, tmp_path):
    """Match rules undo what was done, so that their answer is known; the reflex softens it."""
    ((knob, done),) = CASES[rule].items()
    changed = plan.with_({"protocol.loading": rule}).with_procedures(state(**{knob: f"{done:g}"}))
    after = run(changed, tmp_path / "after", baseline=before, quiet=True)
    assert after.indices["status"] == before.indices["status"] == "converged"
    told = after.receipts[-1]["amounts"]
    assert abs(told["found_mmHg"] - told["due_mmHg"]) <= RULES[rule].tolerance
    assert 2 <= told["periodic_states"] <= 5
    comparison = compare(before, after, loading_rule=rule)
    delta = comparison.table().loc[RULES[rule].index, f"delta {comparison.names[1]}"]
    if rule == "reflex":
        assert -15 < delta < -1
        assert after.indices["circulation"]["heart_rate_per_min"] > 73
    else:
        assert abs(delta) <= RULES[rule].tolerance
        held = after.receipts[-2]["amounts"]["factor"]
        assert held * done == pytest.approx(1.0, abs=0.04)
        assert not any("The rule is" in text for text in comparison.remarks())


def test_a_rule_without_a_pressure_says_what_to_write(scenario, tmp_path):
    alone = scenario.with_({"protocol.loading": "match-MAP"}).with_procedures(
        state(contractility="75 %")
    )
    with pytest.raises(ScenarioError, match=r"heartsim compare BASELINE.toml scenario.toml"):
        run(alone, tmp_path / "alone", quiet=True)


def test_a_rule_takes_its_pressure_from_the_baseline_once(scenario):
    """The pressure becomes part of the scenario, so that stored results are found again."""
    plan = scenario.with_({"protocol.loading": "match-MAP", "protocol.target": "90 mmHg"})
    assert plan.content_hash() != scenario.content_hash()
    other = plan.with_({"protocol.target": "91 mmHg"})
    assert plan.content_hash() != other.content_hash()
