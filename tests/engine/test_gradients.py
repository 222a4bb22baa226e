"""Every index by every number of the circulation: implicit derivatives against differences."""

from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from heartsim.balance import audit
from heartsim.circulation import blood_volume, limit_cycle, with_blood_volume
from heartsim.errors import InputError
from heartsim.indices import summarize, value
from heartsim.lumped import STEPS, LumpedHeart, lumped_heart, periodic_beat, recording_of
from heartsim.lumped_gradients import gradients, moved, parameters
from heartsim.scenario import Scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SICK = Scenario.from_dict(
    {
        "patient": {"model": "0D", "body_surface": "1.9 m2"},
        "circulation": {
            "mitral": {"leak": "0.2 cm2"},
            "aortic": {"leak": "0.05 cm2", "area": "1.2 cm2"},
            "tricuspid": {"leak": "0.2 cm2"},
            "pulmonary": {"leak": "0.1 cm2", "band": "2 cm2"},
            "atrial_shunt": "0.3 cm2",
            "ventricular_shunt": "0.1 cm2",
            "ductus": "0.05 cm2",
            "pericardium": {
                "pressure": "0.5 mmHg",
                "stiffening": "0.02 /mL",
                "unstressed": "250 mL",
            },
            "septum": {"compliance": "0.5 mL/mmHg", "stiffening": 30.0},
            "coronary": {"share": "5 %"},
            "devices": {"balloon": {"volume": "20 mL"}},
        },
    }
)
"""A patient in whom nearly every part of the loop carries blood."""

SIZES = {
    "area": 0.02, "regurgitant_area": 0.02, "narrowing": 1e-9, "conductance": 0.1, "head": 0.05,
    "inertance": 1e-6, "opening_time": 0.5, "closing_time": 0.5, "onset": 0.02, "stiffening": 1e-8,
    "impedance": 1e-6, "tied": 1e-4,
}  # fmt: skip
"""Change of a number that is 0, by its name, in internal units."""

RELATIVE = 1e-4


def heart_and_plan() -> tuple[Scenario, LumpedHeart]:
    heart, _ = lumped_heart(SICK)
    loop = heart.circulation
    alive = {
        name: replace(
            getattr(loop, name), opening_time=jnp.asarray(6.0), closing_time=jnp.asarray(9.0)
        )
        for name in ("mitral", "aortic", "tricuspid", "pulmonary")
    }
    return SICK, replace(heart, circulation=replace(loop, **alive))


def step_of(circulation, name: str) -> float:
    *path, last = name.split(".")
    part = circulation
    for one in (*path, last):
        part = getattr(part, one)
    here = abs(float(part))
    return RELATIVE * here if here > 0 else SIZES.get(last, RELATIVE)


@cache
def both() -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Derivatives by both ways, times the step of each parameter; and the indices themselves."""
    plan, heart = heart_and_plan()
    names = parameters(heart.circulation)
    exact = gradients(plan, heart)
    steps = np.array([step_of(heart.circulation, name) for name in names])
    start = periodic_beat(heart).state
    total = blood_volume(heart.circulation, start)
    loops = [
        moved(heart.circulation, name, sign * step)
        for sign in (1, -1)
        for name, step in zip(names, steps, strict=True)
    ]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *loops)

    def settle(loop):
        return limit_cycle(
            loop, with_blood_volume(loop, start, total), STEPS, tolerance=1e-6, most_beats=60
        )

    found = eqx.filter_jit(jax.vmap(settle))(stacked)
    assert float(found.change.max()) < 1e-4

    def read(i: int) -> np.ndarray:
        one = jax.tree.map(lambda leaf: leaf[i], found)
        there = LumpedHeart(loops[i], heart.blood, heart.filling)
        recording = recording_of(there, one, plan, (), {}, {})
        indices = summarize(recording, audit(recording), scenario="x")
        return np.array([value(indices, key) for key in exact.columns])

    count = len(names)
    rows = [(read(i) - read(count + i)) / 2 for i in range(count)]
    differences = pd.DataFrame(rows, index=list(names), columns=exact.columns)
    recording = recording_of(heart, periodic_beat(heart), plan, (), {}, {})
    indices = summarize(recording, audit(recording), scenario="x")
    values = pd.Series({key: value(indices, key) for key in exact.columns})
    return exact.mul(steps, axis=0), differences, values


def test_all_numbers_and_indices_are_there():
    exact, _, _ = both()
    assert len(exact) > 120
    assert exact.shape[1] > 60
    assert np.isfinite(exact.to_numpy()).all()


def test_parts_that_are_absent_change_nothing():
    exact, _, _ = both()
    for name in ("balloon.inflated", "left_pump.head", "upper_veins.compliance"):
        if name.startswith("balloon"):
            assert np.abs(exact.loc[name]).max() > 0
        else:
            assert np.abs(exact.loc[name]).max() < 1e-9


def test_ways_into_a_bed_that_is_cut_off_have_no_derivative():
    """However little the upper body's veins are opened, they fill to the same volume."""
    plan, heart = heart_and_plan()
    known = parameters(heart.circulation)
    shut = ("upper_veins.tied", "glenn.conductance", "upper_body.conductance")
    assert not set(known) & set(shut)
    assert {"upper_veins.compliance", "cavopulmonary.conductance", "coronary.tied"} <= set(known)
    with pytest.raises(InputError, match=r"glenn\.conductance opens a bed that is cut off"):
        gradients(plan, heart, by=["glenn.conductance"])
    open_ = moved(heart.circulation, "upper_body.conductance", 1e-3)
    assert set(shut) <= set(parameters(open_))


def errors() -> pd.DataFrame:
    """Where both ways differ by more than 2 %, and by more than 2e-6 of the index."""
    exact, differences, values = both()
    allowed = 0.02 * exact.abs() + 2e-6 * values.abs() + 1e-7
    return (exact - differences).abs() > allowed


SMOOTH = (
    "EDV_mL", "ESV_mL", "EF_percent", "SV_mL", "stroke_work_J", "P_max_mmHg", "CO_L_per_min",
    "MAP_mmHg", "SBP_mmHg", "DBP_mmHg", "PP_mmHg", "mPAP_mmHg", "sPAP_mmHg", "dPAP_mmHg",
    "mLAP_mmHg", "mRAP_mmHg", "SVR_WU", "PVR_WU", "Qp_Qs", "cardiac_power_W", "EDP_mmHg",
    "regurgitant_volume_mL", "regurgitant_fraction_percent", "heart_rate_per_min", "PAPi",
)  # fmt: skip


def test_indices_of_extremes_means_and_integrals_match_differences_by_every_number():
    wrong = errors()
    smooth = [key for key in wrong.columns if key.split(".")[-1] in SMOOTH]
    assert len(smooth) > 25
    missed = np.argwhere(wrong[smooth].to_numpy())
    assert [(str(wrong.index[i]), smooth[k]) for i, k in missed] == []


def test_the_others_differ_only_where_a_sample_enters_or_leaves_what_they_average():
    """Relaxation constants, open times of valves and phases jump when a sample changes sides; a
    difference across a jump is no derivative. Fewer than 2 in 100 meet one."""
    assert errors().to_numpy().mean() < 0.02
