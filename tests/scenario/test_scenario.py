"""Scenario files: units, defaults, derived copies, and what a mistake is answered with."""

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartsim.errors import HeartsimError, ProcedureConflict, ScenarioError
from heartsim.procedures import annuloplasty, mitral_repair, tavr
from heartsim.scenario import Scenario, parse_override, schema
from heartsim.units import kPa, minute, mm, mmHg

SCENARIOS = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.toml"))
PLAIN = {"patient": {"mesh": "biventricle"}}

WRONG = """\
titel = "a slip"
[patient]
mesh = "biventricle"
resolution = 4
fibers = { rule = "ldrb", endocardum = "60 deg" }
imaged_pressure = { LV = "8 mm" }
element = "P2P2"

[tissue]
contractility = "-3 kPa"

[[condition]]
name = "infarct"
fraction = "90 %"
[[condition]]
name = "tavr"

[[procedure]]
name = "annuloplasty"
rng = "28 mm"
ring = 28
[[procedure]]
nam = "tavr"

[protocol]
at_most_beats = "ten"
"""


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(WRONG)
    return path


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_shipped_scenario_reads_and_has_a_header(path):
    assert Scenario.read(path).title
    header = path.read_text().splitlines()[:4]
    starts = ["# heartsim ", "# Question: ", "# Expected: ", "# Read next: "]
    assert [line[: len(start)] for line, start in zip(header, starts, strict=True)] == starts


def test_only_the_mesh_is_needed():
    scenario = Scenario.from_dict(PLAIN)
    assert scenario.circulation.heart_rate * minute == pytest.approx(72)
    pressure = scenario.patient.imaged_pressure
    assert pressure.LV / mmHg == pytest.approx(8)
    assert pressure.LA / mmHg == pytest.approx(5)
    assert pressure.RA / mmHg == pytest.approx(3)
    assert scenario.patient.chambers == "ventricles"


def test_values_arrive_in_internal_units():
    scenario = Scenario.from_dict(
        {"patient": {"mesh": "a", "resolution": "0.4 cm"}, "tissue": {"contractility": "0.1 MPa"}}
    )
    assert scenario.patient.resolution == pytest.approx(4 * mm)
    assert scenario.tissue.contractility == pytest.approx(100 * kPa)


@pytest.mark.parametrize(
    "expected",
    [
        r"line 1, titel: unknown key\. .* Did you mean 'title'\?",
        r'line 4, patient\.resolution: 4 has no unit\. Write "4 mm" \(length\)\.',
        r"line 5, patient\.fibers\.endocardum: unknown key.*Did you mean 'endocardium'",
        r'line 6, patient\.imaged_pressure\.LV: "8 mm" has the unit of length',
        r"line 7, patient\.element: 'P2P2' is not known\. Choose one of: P2P1, P1P1",
        r"line 10, tissue\.contractility: -3 kPa is outside the accepted range",
        r"line 14, condition 1: fraction = 90 % is outside the safe range\. Choose 1 % to 50 %",
        r"line 16, condition 2, name: tavr is an operation.*\[\[procedure\]\]",
        r"line 20, procedure 1: rng is not a parameter of annuloplasty.*Did you mean 'ring'",
        r'line 21, procedure 1: ring = 28 has no unit\. Write "28 mm" \(length\)',
        r"line 22, procedure 2: no name\. Choose one of: infarct",
        r"line 26, protocol\.at_most_beats: 'ten' is not accepted\. Expected: integer",
    ],
)
def test_every_mistake_is_told_with_its_line(wrong, expected):
    with pytest.raises(ScenarioError) as caught:
        Scenario.read(wrong)
    assert re.search(expected, str(caught.value)), str(caught.value)


def test_all_mistakes_come_at_once_without_links(wrong):
    with pytest.raises(ScenarioError) as caught:
        Scenario.read(wrong)
    assert str(caught.value).startswith("wrong.toml: 12 problems.")
    assert "pydantic" not in str(caught.value)


def test_line_is_found_inside_an_inline_list(tmp_path):
    path = tmp_path / "inline.toml"
    path.write_text(
        'procedure = [\n  { name = "tavr" },\n  { name = "annuloplasty", ring = 28 },\n]\n'
        '[patient]\nmesh = "biventricle"\n'
    )
    with pytest.raises(ScenarioError, match=r"line 3, procedure 2: ring = 28 has no unit"):
        Scenario.read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[patient\n", "not valid TOML"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
        (b"", "patient: missing. Add [patient] to the file."),
        (b"[patient]\n", "patient.mesh: missing. A name from"),
        (b"patient = 3\n", "patient: 3 is not a table. Write [patient]"),
        (b'procedure = "tavr"\n[patient]\nmesh = "a"\n', "Write [[procedure]] above each entry"),
        (b'[patient]\nmesh = "a"\n[tissue]\nlaw = "usyk"\nparameters = "guccione-1995"\n', "usyk"),
    ],
)
def test_broken_file_is_answered_in_a_sentence(tmp_path, content, words):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        Scenario.read(path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"a": 0.12}, 'a = 0.12 has no unit. Write "0.12 kPa" (pressure).'),
        ({"b_g": 8.0}, "'b_g' is not a parameter of holzapfel-ogden"),
        ({"C": "2 kPa"}, "Known: a, a_f"),
        ({"b": "8 kPa"}, "b = "),
    ],
)
def test_single_tissue_parameters_are_checked(overrides, words):
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict({**PLAIN, "tissue": {"overrides": overrides}})
    assert words in str(caught.value)


def test_single_tissue_parameters_are_those_of_the_laws():
    from heartsim.tissue.parameters import PARAMETER_SETS

    for name, published in PARAMETER_SETS.items():
        law = next(law for law in ("holzapfel-ogden", "guccione", "usyk") if name.startswith(law))
        overrides = {
            key: f"{value} kPa" if published.unit(key) == "kPa" else value
            for key, value in published.values.items()
        }
        tissue = {"law": law, "parameters": name, "overrides": overrides}
        assert Scenario.from_dict({**PLAIN, "tissue": tissue}).tissue.overrides == overrides


def test_missing_file_suggests_its_neighbor(wrong):
    with pytest.raises(ScenarioError, match=r"no such file\. Did you mean 'wrong.toml'"):
        Scenario.read(wrong.with_name("wrnog.toml"))


def test_shipped_scenarios_are_found_by_name():
    assert Scenario.read("demo_baseline").name == "demo_baseline"


def test_mesh_path_is_relative_to_the_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('[patient]\nmesh = "meshes/heart.vtu"\n')
    assert Scenario.read(path).patient.mesh == str(tmp_path.resolve() / "meshes" / "heart.vtu")


def test_overrides_go_through_the_same_checks(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('[patient]\nmesh = "biventricle"\n')
    changed = Scenario.read(path, dict([parse_override("circulation.heart_rate=90 /min")]))
    assert changed.circulation.heart_rate * minute == pytest.approx(90)
    with pytest.raises(ScenarioError, match="Did you mean 'heart_rate'"):
        Scenario.read(path, dict([parse_override("circulation.heart_rat=90 /min")]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("protocol.at_most_beats=3", 3),
        ("protocol.step=1 ms", "1 ms"),
        ("patient.fibers={ rule = 'ldrb' }", {"rule": "ldrb"}),
        ("title=a = b", "a = b"),
    ],
)
def test_override_values_are_toml_where_they_are(text, value):
    assert parse_override(text)[1] == value


def test_override_without_value_is_refused():
    with pytest.raises(ScenarioError, match="KEY=VALUE"):
        parse_override("protocol.step")


def test_list_entries_are_overridden_by_number():
    scenario = Scenario.from_dict(PLAIN).with_procedures(annuloplasty(ring="28 mm"))
    assert scenario.with_({"procedure.0.ring": "30 mm"}).procedure[0]["ring"] == "30 mm"
    with pytest.raises(ScenarioError, match="is not there"):
        scenario.with_({"procedure.3.ring": "30 mm"})


def test_procedures_survive_the_way_through_a_file():
    planned = tavr(area="1.6 cm2")
    scenario = Scenario.from_dict(PLAIN).with_procedures(planned)
    assert scenario.procedures == (planned,)
    assert scenario.baseline().procedures == ()


def test_conflicting_operations_are_refused_unless_asked_for():
    base = Scenario.from_dict(PLAIN)
    pair = (mitral_repair(), annuloplasty())
    with pytest.raises(ProcedureConflict, match=r"both change valve:mitral"):
        base.with_procedures(*pair)
    assert len(base.with_({"overlap": "in order"}).with_procedures(*pair).procedures) == 2


def test_scenarios_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Scenario.from_dict(PLAIN).title = "other"


def test_hash_follows_the_content_and_not_the_title():
    base = Scenario.from_dict(PLAIN)
    assert base.content_hash() == base.with_({"title": "another"}).content_hash()
    assert base.content_hash() == base.with_({"protocol.step": "0.002 s"}).content_hash()
    assert base.content_hash() != base.with_({"protocol.step": "1 ms"}).content_hash()
    assert base.content_hash() != base.with_procedures(tavr()).content_hash()


def test_hash_follows_the_bytes_of_the_mesh(tmp_path):
    mesh = tmp_path / "heart.vtu"
    mesh.write_bytes(b"one")
    scenario = Scenario.from_dict({"patient": {"mesh": str(mesh)}})
    before = scenario.content_hash()
    mesh.write_bytes(b"two")
    assert scenario.content_hash() != before


def test_resolved_scenario_is_plain_and_complete():
    resolved = Scenario.from_dict(PLAIN).with_procedures(tavr()).resolved()
    assert json.loads(json.dumps(resolved)) == resolved
    assert resolved["tissue"]["parameters"] == "holzapfel-ogden-2009-wall"
    assert resolved["procedure"] == [{"name": "tavr", "area": 180.0, "leak": 0.0}]


def test_parameter_sets_are_those_of_the_tissue_library():
    from typing import get_args

    from heartsim.scenario.models import USUAL_SET, ParameterSet
    from heartsim.tissue.parameters import PARAMETER_SETS

    assert set(get_args(ParameterSet)) == set(PARAMETER_SETS)
    assert set(USUAL_SET.values()) <= set(PARAMETER_SETS)


def test_usual_length_dependence_is_that_of_the_tissue_library():
    from heartsim.scenario.models import Tissue
    from heartsim.tissue.active import TWITCH_BETA

    assert Tissue().length_dependence == TWITCH_BETA


def test_defaults_of_the_circulation_are_those_of_the_healthy_adult():
    from heartsim.circulation.adult import healthy_adult

    loop, _ = healthy_adult()
    blood = Scenario.from_dict(PLAIN).circulation
    assert 1 / blood.heart_rate == pytest.approx(float(loop.period))
    assert blood.systemic_resistance == pytest.approx(float(loop.systemic_arteries.resistance))
    assert blood.systemic_compliance == pytest.approx(float(loop.systemic_arteries.compliance))
    assert blood.pulmonary_resistance == pytest.approx(float(loop.pulmonary_arteries.resistance))
    assert blood.pulmonary_compliance == pytest.approx(float(loop.pulmonary_arteries.compliance))


def test_schema_knows_every_procedure_and_accepts_plain_json():
    content = json.loads(json.dumps(schema()))
    entries = content["properties"]["procedure"]["items"]["oneOf"]
    assert {entry["properties"]["name"]["const"] for entry in entries} >= {"tavr", "annuloplasty"}
    entry = next(e for e in entries if e["properties"]["name"]["const"] == "annuloplasty")
    pattern = entry["properties"]["ring"]["pattern"]
    assert re.search(pattern, "28 mm")
    assert not re.search(pattern, "28")


_LEAVES = st.one_of(st.integers(), st.text(max_size=8), st.booleans(), st.floats(), st.none())
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.sampled_from(["patient", "condition", "procedure", "tissue", "protocol", "title"]), _TREES
)
def test_any_document_is_read_or_refused_with_our_errors(section, content):
    with suppress(HeartsimError):
        Scenario.from_dict({**PLAIN, section: content})
