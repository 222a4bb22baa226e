"""Loading rules on a 3D heart."""

import json

import pytest

from heartsim.compare import compare
from heartsim.errors import ScenarioError
from heartsim.procedures import state
from heartsim.run import run, run_all
from heartsim.scenario import Scenario

RULES = ("match-LVEDP", "match-MAP", "reflex")


def patient(rule: str, name: str, *procedures) -> Scenario:
    plan = Scenario.from_dict(
        {
            "title": name,
            "patient": {"mesh": "left_ventricle", "element": "P1P1"},
            "protocol": {
                "step": "10 ms",
                "at_most_beats": 8,
                "periodic_within": "0.5 mL",
                "snapshots": 5,
                "loading": rule,
            },
        }
    ).with_procedures(*procedures)
    plan._source = f"{name}.toml"
    return plan


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_a_weaker_heart_is_compared_under_the_rule(rule, tmp_path):
    """Each rule holds its pressure, says what it changed, and takes a few periodic states."""
    plans = [patient(rule, "before"), patient(rule, "after", state(contractility="75 %"))]
    before, after = run_all(plans, tmp_path, quiet=True)
    assert after.indices["status"] == before.indices["status"] == "converged"
    told = after.receipts[-1]["amounts"]
    assert told["periodic_states"] <= 5
    off = told["found_mmHg"] - told["due_mmHg"]
    assert abs(off) <= (0.2 if rule == "match-LVEDP" else 0.5)
    comparison = compare(before, after)
    assert comparison.loading_rule == rule
    assert not any("The rule is" in text for text in comparison.remarks())
    key = "chambers.LV.EDP_mmHg" if rule == "match-LVEDP" else "circulation.MAP_mmHg"
    row = comparison.table().loc[key]
    if rule == "reflex":
        assert -12 < row["delta after"] < -0.5  # softened, not abolished
        assert after.indices["circulation"]["heart_rate_per_min"] > 73
    else:
        assert abs(row["delta after"]) <= 0.5
    assert json.loads((after.folder / "indices.json").read_text())["status"] == "converged"


def test_a_rule_without_a_pressure_says_what_to_write(tmp_path):
    plan = patient("match-MAP", "alone", state(contractility="75 %"))
    with pytest.raises(ScenarioError, match=r"heartsim compare BASELINE.toml alone.toml"):
        run(plan, tmp_path / "alone", quiet=True)
