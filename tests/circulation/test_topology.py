"""Re-routing keeps the blood and does what the operation is for."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation import blood_volume, healthy_adult, limit_cycle
from heartsim.circulation import topology as routes
from heartsim.circulation.components import Conduit, Vessel
from heartsim.circulation.pumps import Balloon, Pump
from heartsim.units import L, cm, minute, mL, mmHg, s, wood

RESISTANCE = mmHg * s / mL


def adult():
    """Loop and blood of the healthy adult."""
    return healthy_adult()


def single():
    """Single left ventricle with a hole of 6 cm² between the atria."""
    loop, blood, _ = routes.single_left_ventricle(*healthy_adult(), 6 * cm**2)
    return loop, blood


OPERATIONS = {
    "single ventricle": lambda: routes.single_left_ventricle(*adult(), 6 * cm**2),
    "glenn": lambda: routes.glenn(*single(), 0.5, 0.5 * wood),
    "fontan": lambda: routes.fontan(*single(), 0.5 * wood, 0.2 * cm**2),
    "norwood": lambda: routes.norwood(*adult(), 6 * cm**2, 0.15 * cm**2),
}


@jax.jit
def settled(loop, blood):
    """Periodic beat."""
    return limit_cycle(loop, blood, 200)


def flows(found) -> dict[str, float]:
    """Mean flows [L/min]."""
    assert found.change < 0.01 * mL
    return {name: float(q.mean()) / (L / minute) for name, q in found.traces.flow.items()}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_keeps_the_blood_and_the_beat_too(name):
    loop, blood, _ = OPERATIONS[name]()
    before = float(blood_volume(*healthy_adult()))
    assert_allclose(blood_volume(loop, blood), before, rtol=1e-12)
    found = settled(loop, blood)
    assert_allclose(found.traces.blood_volume, before, rtol=1e-9)
    assert flows(found)["systemic_arteries"] > 1


def test_upper_body_apart_changes_nothing_but_names():
    found = flows(settled(*healthy_adult()))
    loop, blood, moved = routes.upper_body_apart(*healthy_adult(), 0.4)
    apart = flows(settled(loop, blood))
    assert moved > 0
    assert_allclose(apart["aortic"], found["aortic"], rtol=1e-3)
    assert_allclose(apart["upper_body"] / apart["aortic"], 0.4, rtol=1e-3)


def test_glenn_sends_the_upper_body_through_the_lungs():
    loop, blood, _ = OPERATIONS["glenn"]()
    flow = flows(settled(loop, blood))
    assert_allclose(flow["pulmonary_arteries"], flow["upper_body"], rtol=1e-3)
    assert 0.4 < flow["pulmonary_arteries"] / flow["aortic"] < 0.6


def test_fontan_sends_all_but_the_fenestration_through_the_lungs():
    loop, blood, _ = OPERATIONS["fontan"]()
    found = settled(loop, blood)
    flow = flows(found)
    assert flow["fenestration"] > 0.05
    assert_allclose(flow["pulmonary_arteries"] + flow["fenestration"], flow["aortic"], rtol=1e-3)
    venous = found.traces.pressure["systemic_veins"].mean()
    assert venous > found.traces.pressure["pulmonary_artery"].mean()


def test_norwood_shares_the_right_ventricle_between_body_and_lungs():
    loop, blood, _ = OPERATIONS["norwood"]()
    flow = flows(settled(loop, blood))
    assert_allclose(flow["neoaortic"], flow["systemic_arteries"] + flow["ductus"], rtol=1e-3)
    assert flow["ductus"] > 0.5
    assert abs(flow["aortic"]) < 1e-6


def with_parts(**parts):
    """Periodic beat of a healthy loop with some parts replaced."""
    loop, blood = healthy_adult()
    return settled(dataclasses.replace(loop, **parts), blood)


def test_assist_pump_unloads_the_left_ventricle():
    found, helped = settled(*healthy_adult()), with_parts(
        left_pump=Pump(0.5 * cm**2, 0.3 * RESISTANCE, 110 * mmHg)
    )  # fmt: skip
    assert flows(helped)["left_pump"] > 1.5
    assert helped.traces.pressure["LA"].mean() < found.traces.pressure["LA"].mean()
    assert helped.traces.volume["LV"].max() < found.traces.volume["LV"].max()


def test_ecmo_unloads_the_right_and_loads_the_left_ventricle():
    found, helped = settled(*healthy_adult()), with_parts(
        ecmo=Pump(0.5 * cm**2, 0.8 * RESISTANCE, 200 * mmHg)
    )  # fmt: skip
    assert flows(helped)["ecmo"] > 1.5
    assert flows(helped)["pulmonary"] < flows(found)["pulmonary"]
    assert helped.traces.volume["LV"].min() > found.traces.volume["LV"].min()


def test_balloon_raises_diastolic_and_lowers_end_diastolic_aortic_pressure():
    found = settled(*healthy_adult())
    helped = with_parts(balloon=Balloon(40 * mL, 480.0, 110.0))
    aorta, alone = (np.asarray(f.traces.pressure["aorta"]) for f in (helped, found))
    diastole = np.asarray(found.traces.time) > 560
    assert aorta[diastole].mean() > alone[diastole].mean() + 5 * mmHg
    assert aorta.min() < alone.min()


def test_squeezed_muscle_is_perfused_in_diastole():
    """Two thirds and more of the left coronary flow enter after the aortic valve closes [1].

    [1] Spaan et al. (1981), doi:10.1161/01.RES.49.3.584: the intramyocardial pump.
    """
    found = with_parts(
        coronary_arteries=Conduit(1 / (12 * RESISTANCE)),
        coronary=Vessel(8 * RESISTANCE, 0.08 * mL / mmHg, 0.0, 0.0),
        muscle_squeeze=0.6,
    )
    flow = np.asarray(found.traces.flow["coronary_arteries"])
    assert 0.15 < float(flow.mean()) / (L / minute) < 0.35
    ejecting = np.asarray(found.traces.pressure["LV"]) > 60 * mmHg
    assert flow[~ejecting].sum() / flow.sum() > 2 / 3
    assert flow[ejecting].mean() < 0.6 * flow[~ejecting].mean()


def test_chamber_without_elastance_cannot_be_taken_out():
    loop, blood = healthy_adult()
    with pytest.raises(Exception, match="not an elastance"):
        routes.emptied(dataclasses.replace(loop, RV=None), blood, "RV")


def test_empty_ventricle_gives_its_blood_to_the_veins():
    loop, blood = healthy_adult()
    after, moved = routes.emptied(loop, blood, "RV")
    assert_allclose(after.V_RV, loop.RV.unstressed)
    gained = (after.p_systemic_veins - blood.p_systemic_veins) * loop.systemic_veins.compliance
    assert_allclose(gained, moved)
    assert jnp.all(moved > 0)
