import json
import math
from dataclasses import replace

import pandas as pd
import pytest
import synthetic_beat

from heartsim.compare import Comparison, compare
from heartsim.errors import InputError, ResultError
from heartsim.indices import value
from heartsim.loading import MISSED


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    cases = {
        "base": (synthetic_beat.ISCHEMIC, "Ischemic LV"),
        "ring": (synthetic_beat.RING, "28 mm ring: does it cost filling?"),
        "dor": (synthetic_beat.DOR, "Dor reconstruction"),
    }
    mesh = synthetic_beat.ventricle(14.0)
    return [
        synthetic_beat.saved(synthetic_beat.beat(p, mesh=mesh, frames=4), folder / name, title)
        for name, (p, title) in cases.items()
    ]


def test_delta_and_percent_are_against_the_baseline(results):
    table = compare(*results).table()
    row = table.loc["chambers.LV.EDV_mL"]
    base, ring = (value(r.indices, "chambers.LV.EDV_mL") for r in results[:2])
    assert row["baseline"] == base
    assert row["28 mm ring"] == ring
    assert row["delta 28 mm ring"] == pytest.approx(ring - base)
    assert row["percent 28 mm ring"] == pytest.approx(100 * (ring - base) / base)
    assert row["unit"] == "mL"
    assert row["normal range"] == "82 to 230"


def test_a_result_against_itself_changes_nothing(results):
    table = compare(results[0], results[0]).table()
    assert (table["delta Ischemic LV (2)"].abs() == 0).all()


def test_percent_keeps_the_sign_of_a_negative_index(results):
    table = compare(*results).table()
    row = table.loc["chambers.LV.dPdt_min_mmHg_per_s"]
    assert math.copysign(1, row["percent 28 mm ring"]) == math.copysign(1, row["delta 28 mm ring"])


def test_files_hold_the_table_and_load_again(results, tmp_path):
    folder = compare(*results, loading_rule="match-MAP").save(tmp_path / "comparison")
    table = pd.read_csv(folder / "comparison.csv", index_col="key")
    content = json.loads((folder / "comparison.json").read_text())
    assert content["loading_rule"] == "match-MAP"
    assert content["baseline"]["name"] == "Ischemic LV"
    row = next(r for r in content["rows"] if r["key"] == "chambers.LV.EF_percent")
    column = table.loc["chambers.LV.EF_percent", "delta Dor reconstruction"]
    assert row["scenarios"]["Dor reconstruction"]["delta"] == pytest.approx(column, rel=1e-5)
    again = Comparison.load(folder)
    assert again.names == ["Ischemic LV", "28 mm ring", "Dor reconstruction"]
    assert again.loading_rule == "match-MAP"


def test_unfinished_comparison_is_refused(tmp_path):
    with pytest.raises(ResultError, match=r"no comparison\.json"):
        Comparison.load(tmp_path)


def test_numbers_that_belong_together_are_said(results):
    remarks = " ".join(compare(*results).remarks())
    assert "28 mm ring: ejection fraction falls" in remarks
    assert "less blood leaks back" in remarks
    assert "Dor reconstruction: ejection fraction rises" in remarks
    assert "end-diastolic pressure rises" in remarks


def test_a_rule_that_was_not_met_is_said(results):
    remarks = " ".join(compare(*results, loading_rule="match-LVEDP").remarks())
    assert "The rule is match-LVEDP, but the pressures differ by" in remarks


def test_a_rule_that_was_given_up_is_said(results):
    missed = replace(results[1], indices={**results[1].indices, "status": MISSED})
    remarks = compare(results[0], missed, loading_rule="reflex").remarks()
    assert any("loading rule not met" in text for text in remarks)
    assert not any("from beat to beat" in text for text in remarks)


def test_unknown_rule_and_lone_result_are_refused(results):
    with pytest.raises(InputError, match="Did you mean 'match-LVEDP'"):
        compare(*results, loading_rule="match-LVEPD")
    with pytest.raises(InputError, match="at least one other"):
        compare(results[0])


def test_summary_fits_a_terminal(results):
    summary = compare(*results).summary()
    assert "LV ejection fraction" in summary
    assert "same-stressed-volume" in summary
    assert max(map(len, summary.splitlines())) <= 120
