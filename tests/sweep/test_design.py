"""Samples of a study: counts, stratification, distributions, columns."""

import numpy as np
import pytest
from scipy import stats

from heartsim.errors import ScenarioError
from heartsim.sweep import Study
from heartsim.sweep.design import grid, latin_hypercube, sobol
from heartsim.sweep.factor import read_factor, unit_word

RATE = {"from": "60 /min", "to": "100 /min"}


def test_grid_holds_every_combination_once():
    factors = [
        read_factor("circulation.heart_rate", {**RATE, "count": 5}),
        read_factor("circulation.aortic.area", ["0.7 cm2", "100 mm2"]),
        read_factor("protocol.loading", ["match-MAP", "reflex", "same-stressed-volume"]),
    ]
    cases = grid(factors)
    assert len(cases) == len(set(cases)) == 5 * 2 * 3
    assert cases[0] == (("60 /min", 60.0), ("0.7 cm2", 0.7), ("match-MAP", "match-MAP"))
    assert {case[0][1] for case in cases} == {60.0, 70.0, 80.0, 90.0, 100.0}
    assert {case[1] for case in cases} == {("0.7 cm2", 0.7), ("100 mm2", 1.0)}


def test_latin_hypercube_fills_every_slice_of_every_factor_once():
    size = 40
    factors = [
        read_factor("a", RATE),
        read_factor("b", {"mean": "5 mmHg", "sd": "2 mmHg"}),
        read_factor("c", {"median": "100 mL", "factor": 1.3}),
    ]
    drawn = np.array([[x for _, x in case] for case in latin_hypercube(factors, size, seed=3)])
    laws = [stats.uniform(60, 40), stats.norm(5, 2), stats.lognorm(np.log(1.3), scale=100)]
    for column, law in zip(drawn.T, laws, strict=True):
        slices = np.floor(law.cdf(column) * size).astype(int)
        assert sorted(slices) == list(range(size))


def test_same_seed_same_cases_other_seed_others():
    factors = [read_factor("a", RATE), read_factor("b", RATE)]
    assert sobol(factors, 8, seed=1) == sobol(factors, 8, seed=1)
    assert sobol(factors, 8, seed=1) != sobol(factors, 8, seed=2)
    assert len(sobol(factors, 8, seed=1)) == 8 * (2 + 2)


def test_bounded_normal_keeps_its_bounds_and_its_shape_between():
    factor = read_factor("x", {"mean": "10 mmHg", "sd": "4 mmHg", "from": "4 mmHg", "to": "2 kPa"})
    values = factor.quantile((np.arange(2000) + 0.5) / 2000)
    high = 2 / 0.133322387415
    assert values.min() >= 4
    assert values.max() <= high
    cut = stats.truncnorm((4 - 10) / 4, (high - 10) / 4, 10, 4)
    assert values.mean() == pytest.approx(cut.mean(), rel=1e-3)
    assert values.std() == pytest.approx(cut.std(), rel=1e-3)


def test_lognormal_median_and_spread():
    factor = read_factor("x", {"median": "1.4 WU", "factor": 1.2})
    below, middle, above = factor.quantile(stats.norm.cdf([-1.0, 0.0, 1.0]))
    assert middle == pytest.approx(1.4)
    assert above / middle == pytest.approx(1.2)
    assert middle / below == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("unit", "word"),
    [
        ("/min", "per_min"),
        ("1/min", "per_min"),
        ("mmHg s/mL", "mmHg_s_per_mL"),
        ("mmHg*s/mL", "mmHg_s_per_mL"),
        ("%", "percent"),
        ("cm²", "cm2"),
    ],
)
def test_units_in_column_names(unit, word):
    assert unit_word(unit) == word


def test_what_is_run_is_what_the_table_says():
    study = Study.from_dict(
        {
            "scenario": "healthy_0D",
            "sample": {"method": "latin-hypercube", "size": 6},
            "vary": {"circulation": {"blood_volume": {"from": "1200 mL", "to": "1.6 L"}}},
        }
    )
    for case in study.cases:
        assert (
            case.scenario.circulation.blood_volume
            == case.inputs["input.circulation.blood_volume_mL"] * 1000
        )
    assert len({case.name for case in study.cases}) == 6


def test_doses_of_procedures_are_named_and_checked():
    document = {
        "scenario": "healthy_0D",
        "set": {"procedure": [{"name": "tavr", "area": "1.8 cm2"}]},
        "vary": {"procedure.tavr.area": ["1.5 cm2", "2.0 cm2"]},
    }
    cases = Study.from_dict(document).cases
    assert [case.scenario.procedure[0]["area"] for case in cases] == ["1.5 cm2", "2.0 cm2"]
    assert cases[1].inputs == {"input.procedure.tavr.area_cm2": 2.0}
    with pytest.raises(ScenarioError, match=r"vary.procedure.tavr.area.*Choose"):
        Study.from_dict({**document, "vary": {"procedure.tavr.area": ["900 cm2"]}})


def test_several_scenarios_are_a_factor():
    """Each is found by its name, `set` holds for all, and a dose is where each of them has it."""
    study = Study.from_dict(
        {
            "scenario": ["aortic_replacement_0D", "aortic_stenosis_0D"],
            "set": {"protocol.at_most_beats": 7},
            "vary": {"circulation.heart_rate": ["60 /min", "80 /min"]},
        }
    )
    assert [case.inputs["input.scenario"] for case in study.cases] == [
        "aortic_replacement_0D",
        "aortic_replacement_0D",
        "aortic_stenosis_0D",
        "aortic_stenosis_0D",
    ]
    assert [len(case.scenario.procedure) for case in study.cases] == [1, 1, 0, 0]
    assert {case.scenario.protocol.at_most_beats for case in study.cases} == {7}
    alone = Study.from_dict({"scenario": ["aortic_replacement_0D", "aortic_stenosis_0D"]})
    assert len(alone.cases) == 2


def test_operations_in_a_table_are_their_names_and_doses():
    study = Study.from_dict(
        {
            "scenario": "healthy_0D",
            "vary": {
                "procedure": [
                    [],
                    [{"name": "tavr", "area": "1.8 cm2"}, {"name": "lvad", "speed": "5000 rpm"}],
                ]
            },
        }
    )
    shown = [case.inputs["input.procedure"] for case in study.cases]
    assert shown == ["none", "tavr area 1.8 cm2 + lvad speed 5000 rpm"]


HEAD = 'scenario = "aortic_stenosis_0D"\n'
SOBOL = HEAD + '[sample]\nmethod = "sobol"\nsize = 8\n[vary]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + '[vary]\ncirculation.heart_rate = ["60 /min", "400 /min"]',
            r"bad.toml, line 3, vary.circulation.heart_rate: 400 /min is outside .* Choose 30 /min",
        ),
        (
            HEAD + '[vary]\ncirculation.aortic.aera = ["1 cm2"]',
            r"line 3, .*aera: unknown key.*Did you mean 'area'",
        ),
        (
            HEAD + '[vary]\n"procedure.tavr.area" = ["1 cm2"]',
            r"line 3, .*names no parameter of a procedure.*has: none.*add \[\[procedure\]\]",
        ),
        (
            HEAD + '[vary]\ncirculation.heart_rate = { from = "60 /min", too = "70 /min" }',
            r"line 3, .*too: unknown.*Did you mean 'to'",
        ),
        (
            HEAD + '[vary]\ncirculation.heart_rate = { from = "60 /min", to = "70 mmHg" }',
            r"line 3, .*has the unit of pressure, but frequency is due",
        ),
        (
            HEAD + '[vary]\ncirculation.heart_rate = { from = "60 /min", to = "70 /min" }',
            r"line 3, .*a distribution in a grid. Add count",
        ),
        (
            SOBOL.replace("8", "12")
            + 'circulation.heart_rate = { from = "6 /min", to = "7 /min" }',
            r"line 4, sample: size 12 is not a power of two. Write 8",
        ),
        (
            SOBOL + 'circulation.heart_rate = { mean = "60 /min", sd = "50 /min" }',
            r"line 6, .*outside the accepted range.*Bound the distribution",
        ),
        (SOBOL + 'circulation.heart_rate = ["60 /min"]', r"line 6, .*listed values in a sobol"),
        (SOBOL.replace("size", "sice") + "a = [1]", r"line 4, sample.sice: unknown key"),
        (
            'scenario = ["healthy_0D", "healthy_0D"]',
            r"line 1, scenario: 'healthy_0D' stands there twice",
        ),
        (
            'scenario = ["healthy_0D", "twin_0D"]\n'
            + SOBOL.partition("\n")[2]
            + 'circulation.heart_rate = { from = "60 /min", to = "70 /min" }',
            r"line 1, scenario: listed values in a sobol sample",
        ),
        (
            'scenario = ["aortic_replacement_0D", "healthy_0D"]\n'
            '[vary]\n"procedure.tavr.area" = ["1 cm2"]',
            r"line 3, .*of healthy_0D, which has: none",
        ),
        ('scenario = "no_such_heart"\n[vary]\na = [1]', r"line 1, scenario: .*no such file"),
        (
            'outputs = ["chambers.LV.EF_percen"]\n'
            + HEAD
            + '[vary]\ncirculation.heart_rate = ["60 /min"]',
            r"line 1, outputs: .*not an index. Did you mean 'chambers.LV.EF_percent'",
        ),
        (HEAD + "[vary]\n", r"line 2, vary: nothing varies"),
        (HEAD + '[vary]\ntitle = ["a", "a"]', r"line 3, vary.title: 'a' stands there twice"),
    ],
)
def test_bad_studies_say_where_what_and_what_to_do(tmp_path, text, message):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=message):
        Study.read(file)
