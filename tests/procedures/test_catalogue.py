"""The catalogue: ranges, messages, and an entry for everything a clinician must know."""

import inspect
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartsim.errors import ProcedureError
from heartsim.procedures import CATALOGUE, annuloplasty, describe, find, infarct, plan, tavr

ENTRIES = pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.name)


@ENTRIES
def test_defaults_make_a_procedure_without_caution(entry):
    procedure = entry()
    assert procedure.edits
    assert procedure.cautions == ()
    assert plan(procedure.as_entry()) == procedure


@ENTRIES
def test_entry_says_what_it_cannot_represent(entry):
    assert entry.limits
    assert entry.changes
    assert json.loads(json.dumps(describe(entry)))["cannot_represent"] == entry.limits


@ENTRIES
def test_signature_shows_the_doses(entry):
    assert list(inspect.signature(entry).parameters) == list(entry.parameters)


@ENTRIES
def test_hard_limits_hold_the_usual_range(entry):
    for name, parameter in entry.parameters.items():
        for limit in (*parameter.stop, *parameter.usual):
            assert parameter.read(name, limit) is not None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: annuloplasty(ring=28), 'ring = 28 has no unit. Write "28 mm" (length).'),
        (lambda: annuloplasty(ring="50 mm"), "outside the safe range. Choose 24 mm to 36 mm."),
        (lambda: annuloplasty(valve="mitrl"), "Did you mean 'mitral'"),
        (lambda: annuloplasty(size="28 mm"), "Known: valve, ring"),
        (lambda: tavr(area="1.8 mm"), "unit of length, but area is due"),
        (lambda: infarct(fraction="-5 %"), "outside the safe range"),
        (lambda: find("anuloplasty"), "Did you mean 'annuloplasty'"),
        (lambda: plan({"ring": "28 mm"}), "is not a procedure"),
    ],
)
def test_refusal_says_what_to_write(call, words):
    with pytest.raises(ProcedureError) as caught:
        call()
    assert words in str(caught.value)


def test_unusual_dose_is_performed_with_a_caution():
    assert annuloplasty(ring="24 mm").cautions == (
        "annuloplasty: ring is outside the usual range of 26 mm to 34 mm",
    )


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(CATALOGUE)), st.text(max_size=10), st.text(max_size=20))
def test_any_words_are_a_procedure_or_refused(name, key, value):
    with suppress(ProcedureError):
        assert plan({"name": name, key: value}).name


def test_a_tricuspid_ring_needs_a_right_ventricle():
    from heartsim.errors import ProcedureError
    from heartsim.mesh.library import load
    from heartsim.procedures.cabling import LayRing

    with pytest.raises(ProcedureError, match=r"wall of the RV.*tricuspid_repair"):
        LayRing("tricuspid").apply_to_mesh(load("left_ventricle"))
