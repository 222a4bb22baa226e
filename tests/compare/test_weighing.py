import math

import pytest
import synthetic_beat

from heartsim.compare import CRITERIA, LIMITS, OUTPUTS, Criterion, compare
from heartsim.compare.remarks import cost
from heartsim.compare.weighing import known
from heartsim.errors import InputError
from heartsim.indices import CATALOGUE, value

KEYS = {index.key for index in CATALOGUE}
PRESSURE, VOLUME = "chambers.LV.EDP_mmHg", "chambers.LV.ESV_mL"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    mesh = synthetic_beat.ventricle(14.0)
    cases = {
        "Ischemic LV": synthetic_beat.ISCHEMIC,
        "28 mm ring": synthetic_beat.RING,
        "Dor reconstruction": synthetic_beat.DOR,
    }
    return compare(
        *(
            synthetic_beat.saved(synthetic_beat.beat(p, mesh=mesh, frames=3), folder / name, name)
            for name, p in cases.items()
        )
    )


def test_twenty_outputs_name_indices_that_exist_and_none_twice():
    assert len(OUTPUTS) == 20
    named = [key for one in OUTPUTS for group in one.leads for key in group]
    named += [key for one in OUTPUTS for key in one.others]
    assert set(named) <= KEYS
    assert len(named) == len(set(named))


def test_limits_and_criteria_name_indices_that_exist():
    assert set(LIMITS) <= KEYS
    assert {criterion.key for criterion in CRITERIA} <= KEYS


def test_volume_per_body_surface_wins_where_it_is_known(comparison):
    plain = dict(comparison.results[0].indices)
    left = dict(plain["chambers"]["LV"])
    indexed = {**plain, "chambers": {"LV": {**left, "EDVi_mL_per_m2": 80.0}}}
    assert OUTPUTS[0].shown([plain])[0].key == "chambers.LV.EDV_mL"
    assert OUTPUTS[0].shown([indexed])[0].key == "chambers.LV.EDVi_mL_per_m2"


def test_of_four_valves_the_worst_is_shown(comparison):
    leaky = next(one for one in OUTPUTS if one.label == "Leakiest valve")
    shown = leaky.shown([result.indices for result in comparison.results])
    assert [index.key for index in shown] == ["valves.mitral.regurgitant_fraction_percent"]


def test_score_is_the_weighted_mean_of_steps_and_its_parts_add_up(comparison):
    table = comparison.weigh({PRESSURE: 2, VOLUME: 1}, {PRESSURE: 1.0, VOLUME: 5.0})
    base, ring = (
        [value(r.indices, key) for key in (PRESSURE, VOLUME)] for r in comparison.results[:2]
    )
    expected = (2 * (base[0] - ring[0]) + (base[1] - ring[1]) / 5) / 3
    assert table.loc["28 mm ring", "score"] == pytest.approx(expected)
    assert table.loc["Ischemic LV", "score"] == 0
    assert table["score"].is_monotonic_decreasing
    parts = table[[PRESSURE, VOLUME]].sum(axis=1)
    assert list(parts) == pytest.approx(list(table["score"]))


def test_weights_decide_the_ranking(comparison):
    """The Dor heart empties better and fills worse, so the weight decides whether it leads."""
    emptied = comparison.weigh({VOLUME: 1}).index[0]
    filled = comparison.weigh({PRESSURE: 1}).index[0]
    assert emptied == "Dor reconstruction"
    assert filled != "Dor reconstruction"


def test_without_weights_there_is_no_ranking(comparison):
    for weights in ({}, {PRESSURE: 0}, {PRESSURE: -1, VOLUME: 3}):
        with pytest.raises(InputError, match="no ranking without weights"):
            comparison.weigh(weights)
    with pytest.raises(InputError, match=r"Did you mean 'chambers\.LV\.EDP_mmHg'"):
        comparison.weigh({"chambers.LV.EPD_mmHg": 1})


def test_a_gain_is_a_change_for_the_better():
    assert Criterion(PRESSURE, lower=True, step=2).gain(16, 12) == 2
    assert Criterion("circulation.CO_L_per_min", lower=False, step=0.5).gain(5, 4) == -2
    assert math.copysign(1, Criterion(PRESSURE, lower=True, step=2).gain(3, 3)) == 1


def test_criteria_in_which_nothing_differs_are_left_out(comparison):
    shown = {criterion.key for criterion in known(comparison.results)}
    assert "valves.mitral.regurgitant_volume_mL" in shown
    assert "valves.aortic.regurgitant_volume_mL" not in shown


def test_costs_are_told_and_gains_are_not(comparison):
    base, _, dor = comparison.results
    told = " ".join(cost(base, dor))
    assert "LV end-diastolic pressure +" in told
    assert cost(base, base) == []
    assert "mitral leak" not in told


def test_saved_comparison_lists_outputs_receipts_and_limits(comparison, tmp_path):
    content = comparison.content(tmp_path)
    assert [one["number"] for one in content["outputs"]][:3] == [1, 2, 3]
    assert set(content["receipts"]) == {"Ischemic LV", "28 mm ring", "Dor reconstruction"}
    row = next(r for r in content["rows"] if r["key"] == PRESSURE)
    assert row["acts_at"] == "> 18 congestion"
    assert row["unresolved_below"] is None
    volume = next(r for r in content["rows"] if r["key"] == VOLUME)
    assert volume["unresolved_below"] == pytest.approx(0.2)
