"""Operations on a wall, by static states of a coarse left ventricle: directions, doses, residuals.

Slow: every operation that adds or removes structure is a program of its own.
"""

from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest

from heartsim.fem.cable import lengths, tensions
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.io import write
from heartsim.patient import prepare
from heartsim.procedures import (
    Procedure,
    aneurysmectomy,
    annuloplasty,
    batista,
    find,
    hydrogel,
    infarct,
    infarct_straps,
    papillary_sling,
    pericardial_stripping,
    septal_myectomy,
    support_wrap,
    transventricular_chord,
    ventricular_restoration,
)
from heartsim.progress import Progress
from heartsim.scenario import Scenario
from heartsim.units import mmHg
from heartsim.verification.operated import (
    FILLING,
    Outside,
    Relations,
    freed,
    operated,
    patient,
    relations,
)
from heartsim.verification.replication.walls import WEAK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(autouse=True)
def _as_users_run_it():
    import jax

    with jax.numpy_rank_promotion("allow"):
        yield


@cache
def ventricle():
    return patient(human_left_ventricle(12.0), WEAK)


@cache
def state(name: str = "", **doses: str) -> Relations:
    chosen = [find(name)(**doses)] if name else []
    return relations(operated(ventricle(), chosen))


def monotone(name: str, dose: str, values: tuple[str, ...], key: str) -> None:
    found = [getattr(state(name, **{dose: value}), key) for value in values]
    assert found == sorted(set(found), reverse=True), (name, dose, key, found)


def test_a_wrap_costs_stroke_volume_and_takes_stress():
    """PMC2844501: 2.3 mmHg, stroke volume -10 %, fiber stress at end-diastole -14 to -18 %."""
    free, held = state(), state(support_wrap.name)
    assert 0.5 < held.squeeze < 8
    assert held.diastolic < free.diastolic
    assert held.stroke < free.stroke
    assert held.diastolic_stress < free.diastolic_stress


def test_a_tighter_wrap_holds_more():
    monotone(support_wrap.name, "fit", ("100 %", "96 %", "92 %"), "diastolic")
    monotone(support_wrap.name, "fit", ("100 %", "96 %", "92 %"), "stroke")


def test_cloth_without_stiffness_is_no_wrap():
    none = state(support_wrap.name, stiffness="0 N/m")
    assert none.diastolic == pytest.approx(state().diastolic, rel=1e-6)
    assert none.tension == 0.0


def test_restoration_gains_elastance_and_costs_stroke_volume():
    """Lee 2013: systolic gain, offset by diastole; the Starling curve is usually depressed."""
    before, after = state(), state(ventricular_restoration.name)
    assert after.systolic < before.systolic
    assert after.elastance > before.elastance
    assert after.stroke < 1.05 * before.stroke
    assert after.tension > 0


def test_the_more_is_excluded_the_smaller_the_ventricle():
    monotone(ventricular_restoration.name, "excluded", ("10 %", "20 %", "30 %"), "diastolic")


def test_a_wedge_less_raises_elastance_and_lowers_stroke_volume():
    """Popovic 2000, and the theory of 2001: both relations shift left."""
    before, after = state(), state(batista.name)
    assert after.elastance > before.elastance
    assert after.diastolic < before.diastolic
    assert after.stroke < before.stroke
    monotone(batista.name, "width", ("20 mm", "40 mm"), "diastolic")


def test_seams_close_and_leave_tension_behind():
    heart = operated(ventricle(), [aneurysmectomy(segment="17")])
    found = relations(heart)
    open_ = float(lengths(heart.cables["seam"], heart.solid.space.points).mean())
    assert open_ > 8
    # tension over stiffness is the gap that is left
    gaps = found.tension / len(heart.cables["seam"].rest)
    assert 0 < gaps < 0.15 * open_


def test_a_wall_freed_of_its_sutures_has_their_shape_but_not_their_stress():
    heart = operated(ventricle(), [batista(width="20 mm")])
    held, free = relations(heart), relations(freed(heart))
    assert free.unloaded == pytest.approx(held.unloaded, rel=1e-3)
    # a strand as long as it wants to be pulls a little: its corner is rounded
    assert abs(free.regional["LV"].residual) < 0.1 * abs(held.regional["LV"].residual)
    assert free.diastolic != pytest.approx(held.diastolic, rel=1e-3)


def test_pressure_from_outside_is_pressure_less_inside():
    heart = operated(ventricle(), [])
    fluid = 5 * mmHg
    drowned = relations(heart, outside=Outside(fluid, 0.0))
    assert drowned.diastolic == pytest.approx(
        relations(heart, filling=FILLING - fluid).diastolic, rel=1e-6
    )
    assert drowned.systolic == pytest.approx(relations(heart).systolic, rel=1e-6)


def test_straps_without_stiffness_are_none_and_stiff_ones_hold_the_scar():
    def held(stiffness: str) -> Relations:
        scar, straps = infarct(), infarct_straps(stiffness=stiffness)
        return relations(operated(ventricle(), [Procedure("both", "", scar.edits + straps.edits)]))

    none, stiff = held("0 N/mm"), held("5 N/mm")
    scarred = relations(operated(ventricle(), [infarct()]))
    assert none.diastolic == pytest.approx(scarred.diastolic, rel=1e-6)
    assert stiff.tension > 0
    assert stiff.systolic < none.systolic


def test_a_chord_shifts_both_relations_left():
    """Carrick 2012: end-diastolic and end-systolic relations shift left, stress falls."""
    before, after = state(), state(transventricular_chord.name)
    assert after.diastolic < before.diastolic
    assert after.systolic < before.systolic
    assert after.diastolic_stress < before.diastolic_stress
    monotone(transventricular_chord.name, "shortening", ("5 %", "15 %", "30 %"), "diastolic")


def test_a_shorter_sling_narrows_the_ventricle():
    monotone(papillary_sling.name, "distance", ("40 mm", "30 mm", "20 mm"), "diastolic")


def test_a_smaller_ring_draws_the_base_in():
    sizes = []
    for ring in ("36 mm", "30 mm", "24 mm"):
        heart = operated(ventricle(), [annuloplasty(ring=ring)])
        sizes.append(relations(heart).diastolic)
    assert sizes == sorted(set(sizes), reverse=True)


def test_gel_thickens_the_wall_and_lowers_fiber_stress():
    """Lee 2013, Sabbah 2013: volumes and fiber stress fall, the wall thickens."""
    before, after = state(), state(hydrogel.name)
    assert after.diastolic < before.diastolic
    assert after.diastolic_stress < before.diastolic_stress
    assert after.systolic_stress < before.systolic_stress
    monotone(hydrogel.name, "points", ("5", "15", "25"), "systolic_stress")


def test_without_pericardium_the_ventricle_fills_more():
    kept = [state(pericardial_stripping.name, extent=e) for e in ("0 %", "50 %", "100 %")]
    volumes = [one.diastolic for one in kept]
    assert volumes == sorted(set(volumes))


def test_a_pared_septum_leaves_more_room():
    rooms = [state(septal_myectomy.name, depth=d).diastolic for d in ("0 mm", "1.5 mm", "3 mm")]
    assert rooms == sorted(set(rooms))


def test_a_patient_is_cut_sewn_and_filled_as_in_a_run(tmp_path):
    """The product's own way: unloaded shape, cut, sutures drawn tight, blood."""
    path = tmp_path / "coarse.vtu"
    write(human_left_ventricle(12.0), path)
    scenario = Scenario.from_dict(
        {
            "title": "Does a sewn heart hold blood?",
            "patient": {"mesh": str(path), "element": "P1P1", "imaged_at": "unloaded"},
        }
    ).with_procedures(ventricular_restoration(segment="17", excluded="12 %"))
    ready = prepare(scenario, Progress(quiet=True))
    strands = ready.heart.cables["patch"]
    x = ready.heart.solid.space.points + ready.moment.wall.u
    assert float(tensions(strands, x).max()) > 0
    mean = float(jnp.mean(lengths(strands, x) / strands.fitted))
    assert mean < 0.75
    told = {r["target"]: r["amounts"] for r in ready.receipts}
    assert told["cut:patch"]["removed_mL"] > 5
    assert told["cable:patch"]["total_tension_N"] > 0
    assert len(ready.mesh.tets) == len(np.asarray(ready.heart.cell_volume))
