"""Laws of composition of procedures, on a stand-in for a heart with a real circulation."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stand_in

from heartsim.circulation.adult import healthy_adult
from heartsim.errors import ProcedureConflict, ProcedureError
from heartsim.procedures import (
    CATALOGUE,
    annuloplasty,
    aortic_stenosis,
    infarct,
    ischemia,
    mitral_regurgitation,
    mitral_repair,
    on_anatomy,
    on_heart,
    pacing_rate,
    revascularise,
    state,
    tavr,
)
from heartsim.procedures.circuit import SetValve
from heartsim.procedures.contract import ContractBroken, check_procedure, same_numbers
from heartsim.procedures.edit import Procedure
from heartsim.procedures.formulary import DRUGS
from heartsim.procedures.material import RecoverTissue, ScaleTissue
from heartsim.procedures.state import KNOBS, SetRate, Turn
from heartsim.units import cm


@pytest.fixture(scope="module")
def heart() -> stand_in.Patient:
    return stand_in.adult()


ALL = [
    infarct(),
    ischemia(),
    aortic_stenosis(),
    mitral_regurgitation(),
    revascularise(),
    tavr(),
    mitral_repair(),
    annuloplasty(),
    pacing_rate(),
    state(),
    *(drug() for drug in DRUGS),
]
DISJOINT = [infarct(), aortic_stenosis(), pacing_rate()]


def test_every_catalogue_entry_is_held_to_the_contract():
    assert {procedure.name for procedure in ALL} == set(CATALOGUE)


@pytest.mark.parametrize("procedure", ALL, ids=lambda procedure: procedure.name)
def test_procedure_obeys_the_laws_of_composition(procedure, heart):
    targets = {target for edit in procedure.edits for target in edit.targets}
    others = [
        other
        for other in DISJOINT
        if not targets & {target for edit in other.edits for target in edit.targets}
        # recovery looks at the strongest muscle, which a region of another name may hold
        and not (procedure.name == "revascularise" and other.name == "infarct")
    ]
    check_procedure(procedure, heart, others=others)


@pytest.mark.parametrize(
    ("dose", "neutral"),
    [
        (lambda x: ScaleTissue("infarct", contractility=x), 1.0),
        (lambda x: ScaleTissue("infarct", stiffness=x), 1.0),
        (lambda x: RecoverTissue("ischemic", recovery=x), 0.0),
        (lambda x: SetValve("aortic", area=x), float(healthy_adult()[0].aortic.area)),
        (lambda x: SetValve("mitral", leak=x), 0.0),
        *((lambda x, knob=knob: Turn(knob, x), 1.0) for knob in KNOBS),
        (lambda x: SetRate(x), 72 / 60000),
        *((lambda x, drug=drug: replace(drug().edits[0], dose=x), 0.0) for drug in DRUGS),
    ],
)
def test_neutral_dose_changes_nothing_and_gradients_are_finite(dose, neutral, heart):
    check_procedure(Procedure("none", "", ()), heart, dose=dose, neutral=neutral)


def test_contract_refuses_an_edit_that_moves_the_baseline(heart):
    with pytest.raises(ContractBroken, match="a neutral dose changes nothing"):
        check_procedure(
            Procedure("none", "", ()), heart, dose=lambda x: Turn("strength", x + 1), neutral=1.0
        )


def test_doses_run_in_one_batch(heart):
    doses = jnp.array([1.0, 5.0, 20.0])
    stiffness = jax.vmap(
        lambda k: ScaleTissue("infarct", stiffness=k).apply_to_heart(heart)[0].tissue.stiffness
    )(doses)
    np.testing.assert_allclose(stiffness[:, 0], doses)
    np.testing.assert_allclose(stiffness[:, 2], 1 + 0.5 * (np.asarray(doses) - 1))


def test_infarct_is_dead_in_the_core_and_half_alive_in_the_middle_of_the_border(heart):
    scarred, receipts = on_heart(heart, [infarct(stiffness="11")])
    np.testing.assert_allclose(scarred.tissue.contractility, [0, 0, 50, 100, 100, 100])
    np.testing.assert_allclose(scarred.tissue.stiffness, [11, 11, 6, 1, 1, 1])
    assert receipts[0].as_dict()["amounts"]["tissue_mL"] == pytest.approx(2.5 * 0.5)
    assert receipts[0].procedure == "infarct"


def test_full_recovery_gives_the_healthy_heart_back(heart):
    ill, _ = on_heart(heart, [ischemia(contractility="40 %")])
    well, receipts = on_heart(ill, [revascularise(recovery="100 %")])
    same_numbers("recovered", well, heart, tolerance=1e-15)
    assert receipts[0].as_dict()["amounts"]["contractility_gain_kPa"] > 50


def test_recovery_grows_with_its_dose(heart):
    ill, _ = on_heart(heart, [ischemia()])
    strengths = [
        float(on_heart(ill, [revascularise(recovery=share)])[0].tissue.contractility.sum())
        for share in ("0 %", "50 %", "100 %")
    ]
    assert strengths == sorted(set(strengths))


def test_new_valve_replaces_the_stenosis(heart):
    ill, _ = on_heart(heart, [aortic_stenosis(area="0.7 cm2")])
    well, receipts = on_heart(ill, [tavr(area="1.8 cm2", leak="0.05 cm2")])
    assert float(well.circulation.aortic.area) == pytest.approx(1.8 * cm**2)
    assert float(well.circulation.aortic.regurgitant_area) == pytest.approx(0.05 * cm**2)
    amounts = receipts[0].as_dict()["amounts"]
    assert amounts["area_before_cm2"] == pytest.approx(0.7)
    assert amounts["area_after_cm2"] == pytest.approx(1.8)


def test_smaller_ring_gives_a_smaller_opening(heart):
    areas = [
        float(on_heart(heart, [annuloplasty(ring=ring)])[0].circulation.mitral.area)
        for ring in ("26 mm", "28 mm", "34 mm")
    ]
    assert areas == sorted(areas)
    assert 2 * cm**2 < areas[1] < 4 * cm**2


def test_faster_heart_has_a_shorter_twitch_in_step_with_the_blood(heart):
    fast, _ = on_heart(heart, [pacing_rate(heart_rate="144 /min")])
    assert float(fast.activation.period) == float(fast.circulation.period)
    ratio = float(fast.activation.twitch.peak / heart.activation.twitch.peak)
    assert ratio == pytest.approx(0.5**0.5)


def test_absent_region_is_answered_with_those_there_are(heart):
    with pytest.raises(ProcedureError, match=r"Known: infarct, ischemic. Did you mean 'ischemic'"):
        on_heart(heart, [revascularise(region="ischemc")])


def test_same_target_twice_is_a_conflict_that_names_both(heart):
    pair = [mitral_repair(), annuloplasty()]
    with pytest.raises(ProcedureConflict, match=r"1 \(mitral_repair\) and 2 \(annuloplasty\)"):
        on_heart(heart, pair)
    with pytest.raises(ProcedureConflict, match="valve:mitral"):
        on_anatomy(None, pair)
    both, receipts = on_heart(heart, pair, overlap="in order")
    assert len(receipts) == 2
    assert float(both.circulation.mitral.regurgitant_area) == pytest.approx(0.05 * cm**2)


def test_wall_without_blood_says_so(heart):
    bare = eqx.tree_at(lambda h: h.circulation, heart, None)
    with pytest.raises(ProcedureError, match="has no circulation"):
        on_heart(bare, [tavr()])
