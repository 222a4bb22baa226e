"""Laws of composition of procedures, on a stand-in for a heart with a real circulation."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stand_in

from heartsim.circulation.adult import healthy_adult
from heartsim.circulation.graph import HOLES, PUMPS
from heartsim.errors import ContractError, ProcedureConflict, ProcedureError
from heartsim.lumped import LumpedHeart
from heartsim.procedures import (
    CATALOGUE,
    annuloplasty,
    aortic_stenosis,
    atrial_septal_defect,
    atrial_septostomy,
    balloon_valvuloplasty,
    infarct,
    interatrial_shunt,
    ischemia,
    lvad,
    mitral_repair,
    mitral_replacement,
    on_anatomy,
    on_heart,
    pacing_rate,
    potts_shunt,
    pulmonary_debanding,
    revascularise,
    septal_myectomy,
    tavr,
)
from heartsim.procedures.circuit import (
    SetBalloon,
    SetBand,
    SetPericardium,
    SetPump,
    SetShunt,
    SetValve,
)
from heartsim.procedures.contract import check_procedure, same_numbers
from heartsim.procedures.edit import Procedure
from heartsim.procedures.formulary import DRUGS
from heartsim.procedures.material import InjectGel, RecoverTissue, ScaleTissue
from heartsim.procedures.routing import Reroute
from heartsim.procedures.state import KNOBS, SetRate, Turn
from heartsim.units import cm


@pytest.fixture(scope="module")
def heart() -> stand_in.Patient:
    return stand_in.adult()


@pytest.fixture(scope="module")
def lumped() -> LumpedHeart:
    return stand_in.lumped()


ALL = [entry() for entry in CATALOGUE.values()]
DISJOINT = [infarct(), aortic_stenosis(), pacing_rate(), lvad(), atrial_septal_defect()]


def targets_of(procedure: Procedure) -> set[str]:
    return {target for edit in procedure.edits for target in edit.targets}


def of_wall(procedure: Procedure) -> bool:
    return any(target.startswith(("tissue:", "region:")) for target in targets_of(procedure))


def lumped_only(procedure: Procedure) -> bool:
    """Whether it needs blood to hand over, or a sac around four 0D chambers."""
    return any(isinstance(edit, Reroute | SetPericardium) for edit in procedure.edits)


@pytest.mark.parametrize("procedure", ALL, ids=lambda procedure: procedure.name)
def test_procedure_obeys_the_laws_of_composition(procedure, heart, lumped):
    patient = lumped if lumped_only(procedure) else heart
    others = [
        other
        for other in DISJOINT
        if not targets_of(procedure) & targets_of(other)
        and not (patient is lumped and of_wall(other))
        # recovery looks at the strongest muscle, which a region of another name may hold
        and not (procedure.name == "revascularise" and other.name == "infarct")
    ]
    assert others
    check_procedure(procedure, patient, others=others)


@pytest.mark.parametrize(
    "procedure", [p for p in ALL if lumped_only(p)], ids=lambda procedure: procedure.name
)
def test_what_needs_a_heart_without_a_mesh_says_so(procedure, heart):
    with pytest.raises(ProcedureError, match=r'patient\.model = "0D"'):
        on_heart(heart, [procedure])


@pytest.mark.parametrize("route", ["glenn", "fontan"])
def test_size_of_a_route_has_a_finite_gradient(route, lumped):
    def edit(x):
        doses = {"glenn": {"share": x}, "fontan": {"fenestration": x}}[route]
        return Reroute(route, {"resistance": 1e-5, **doses})

    check_procedure(Procedure("none", "", ()), lumped, dose=edit)


def test_a_sac_without_pressure_changes_nothing(lumped):
    check_procedure(Procedure("none", "", ()), lumped, dose=SetPericardium, neutral=0.0)


@pytest.mark.parametrize(
    ("dose", "neutral"),
    [
        (lambda x: ScaleTissue("infarct", contractility=x), 1.0),
        (lambda x: ScaleTissue("infarct", stiffness=x), 1.0),
        (lambda x: RecoverTissue("ischemic", recovery=x), 0.0),
        (lambda x: SetValve("aortic", area=x), float(healthy_adult()[0].aortic.area)),
        (lambda x: SetValve("mitral", leak=x), 0.0),
        (lambda x: SetBand("pulmonary", x), 0.0),
        *((lambda x, hole=hole: SetShunt(hole, x), 0.0) for hole in HOLES),
        (lambda x: SetValve("mitral", leak=x, bound="at most"), 0.1 * cm**2),
        (lambda x: SetBand("pulmonary", x, "at most"), 1e-5),
        *((lambda x, hole=hole: SetShunt(hole, x, "at most"), 1 * cm**2) for hole in HOLES),
        *((lambda x, pump=pump: SetPump(pump, x), 0.0) for pump in PUMPS),
        (lambda x: SetBalloon(x), 0.0),
        (lambda x: InjectGel("hydrogel", x, 3.0), 0.0),
        *((lambda x, knob=knob: Turn(knob, x), 1.0) for knob in KNOBS),
        (lambda x: SetRate(x), 72 / 60000),
        *((lambda x, drug=drug: replace(drug().edits[0], dose=x), 0.0) for drug in DRUGS),
    ],
)
def test_neutral_dose_changes_nothing_and_gradients_are_finite(dose, neutral, heart):
    check_procedure(Procedure("none", "", ()), heart, dose=dose, neutral=neutral)


def test_contract_refuses_an_edit_that_moves_the_baseline(heart):
    with pytest.raises(ContractError, match="a neutral dose changes nothing"):
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


def with_part(heart, part, **areas):
    """Heart whose valve or hole has other areas [cm²]."""
    blood = heart.circulation
    sizes = {name: jnp.asarray(area * cm**2) for name, area in areas.items()}
    return replace(
        heart, circulation=replace(blood, **{part: replace(getattr(blood, part), **sizes)})
    )


LEAK = "regurgitant_area"
REPAIRS = {
    "mitral_repair": ("mitral", LEAK, {"residual_leak": "0.1 cm2"}),
    "tricuspid_repair": ("tricuspid", LEAK, {"residual_leak": "0.1 cm2"}),
    "annuloplasty": ("mitral", LEAK, {"residual_leak": "0.1 cm2"}),
    "transventricular_chord": ("mitral", LEAK, {"residual_leak": "0.1 cm2"}),
    "papillary_sling": ("mitral", LEAK, {"residual_leak": "0.1 cm2"}),
    "asd_closure": ("atrial_shunt", "area", {"residual": "3.568 mm"}),
    "vsd_closure": ("ventricular_shunt", "area", {"residual": "3.568 mm"}),
    "ductus_ligation": ("ductus", "area", {"residual": "2.999 mm"}),
    "fenestration_closure": ("fenestration", "area", {"residual": "3.568 mm"}),
}
"""What each repair makes smaller, and a dose that leaves a tenth of a cm² or less."""


@pytest.mark.parametrize("name", REPAIRS)
def test_a_repair_leaves_the_smaller_of_what_was_and_its_dose(name, heart):
    part, area, dose = REPAIRS[name]

    def left(before, dose=dose):
        sick = with_part(heart, part, **{area: before})
        cured, receipts = on_heart(sick, [CATALOGUE[name](**dose)])
        assert receipts[-1].action.endswith("at most to its dose")
        return float(getattr(getattr(cured.circulation, part), area)) / cm**2

    assert left(0.0) == 0.0
    assert left(0.02) == pytest.approx(0.02)
    assert 0.07 < left(0.4) < 0.101
    none = {key: f"0 {text.split()[1]}" for key, text in dose.items()}
    assert left(0.4, none) == 0.0


@pytest.mark.parametrize("entry", [mitral_repair, annuloplasty])
def test_a_clip_or_a_ring_does_not_widen_a_narrow_valve(entry, heart):
    narrow = with_part(heart, "mitral", area=1.2)
    assert float(on_heart(narrow, [entry()])[0].circulation.mitral.area) == 1.2 * cm**2


def test_a_balloon_neither_narrows_a_valve_nor_mends_its_leak(heart):
    wide = with_part(heart, "mitral", area=4.5, regurgitant_area=0.3)
    after = on_heart(wide, [balloon_valvuloplasty()])[0]
    same_numbers("wide already", after.circulation, wide.circulation)
    narrow = with_part(heart, "mitral", area=1.0)
    after = on_heart(narrow, [balloon_valvuloplasty()])[0].circulation.mitral
    assert float(after.area) == pytest.approx(1.8 * cm**2)
    assert float(after.regurgitant_area) == pytest.approx(0.05 * cm**2)


def test_a_prosthesis_brings_its_own_area_and_leak(heart):
    wide = with_part(heart, "mitral", area=4.5)
    after = on_heart(wide, [mitral_replacement(leak="0.1 cm2")])[0].circulation.mitral
    assert float(after.area) == pytest.approx(2.2 * cm**2)
    assert float(after.regurgitant_area) == pytest.approx(0.1 * cm**2)


@pytest.mark.parametrize("entry", [septal_myectomy, pulmonary_debanding])
def test_an_outlet_that_was_never_narrow_stays_as_it_is(entry, heart):
    widened = [edit for edit in entry().edits if isinstance(edit, SetBand)]
    after = on_heart(heart, [replace(entry(), edits=tuple(widened))])[0]
    same_numbers("no band before", after.circulation, heart.circulation)


@pytest.mark.parametrize(
    ("entry", "hole"),
    [
        (atrial_septostomy, "atrial_shunt"),
        (interatrial_shunt, "atrial_shunt"),
        (potts_shunt, "ductus"),
    ],
)
def test_a_hole_made_does_not_narrow_a_larger_one(entry, hole, heart):
    large = with_part(heart, hole, area=3.0)
    after = on_heart(large, [entry()])[0]
    assert float(getattr(after.circulation, hole).area) == pytest.approx(3.0 * cm**2)
    assert float(getattr(on_heart(heart, [entry()])[0].circulation, hole).area) > 0.2 * cm**2


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
    with pytest.raises(ProcedureError, match=r"infarct, ischemic. Did you mean 'ischemic'"):
        on_heart(heart, [revascularise(region="ischemc")])


def test_same_target_twice_is_a_conflict_that_names_both(heart):
    pair = [mitral_repair(), annuloplasty()]
    with pytest.raises(ProcedureConflict, match=r"1 \(mitral_repair\) and 2 \(annuloplasty\)"):
        on_heart(heart, pair)
    with pytest.raises(ProcedureConflict, match="valve:mitral"):
        on_anatomy(None, pair)
    leaky = with_part(heart, "mitral", regurgitant_area=0.4)
    both, receipts = on_heart(leaky, pair, overlap="in order")
    assert len(receipts) == 3
    assert float(both.circulation.mitral.regurgitant_area) == pytest.approx(0.05 * cm**2)


def test_wall_without_blood_says_so(heart):
    bare = eqx.tree_at(lambda h: h.circulation, heart, None)
    with pytest.raises(ProcedureError, match="has no circulation"):
        on_heart(bare, [tavr()])
