"""Gradients of indices of the periodic beat by parameters of the circuit, against differences."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation import (
    blood_volume,
    healthy_adult,
    limit_cycle,
    periodic_state,
    with_blood_volume,
)
from heartsim.circulation.periodic import run_beat
from heartsim.circulation.surroundings import Pericardium, Septum
from heartsim.units import cm, mL, mmHg

pytestmark = pytest.mark.slow

STEPS = 200
INDICES = ("MAP", "pulse", "EDV", "ESV", "stroke work", "LVEDP", "mPAP", "leak", "shunt")
PARAMETERS = (
    ("LV", "active"),
    ("LV", "passive"),
    ("RV", "active"),
    ("systemic_arteries", "resistance"),
    ("systemic_arteries", "compliance"),
    ("pulmonary_arteries", "resistance"),
    ("aortic", "area"),
    ("mitral", "regurgitant_area"),
    ("mitral", "closing_time"),
    ("atrial_shunt", "area"),
    ("pericardium", "pressure"),
    ("septum", "compliance"),
)


def diseased():
    """Loop in which every parameter counts."""
    loop, state = healthy_adult()
    mitral = dataclasses.replace(
        loop.mitral, regurgitant_area=jnp.asarray(0.2 * cm**2), closing_time=jnp.asarray(8.0)
    )
    hole = dataclasses.replace(loop.atrial_shunt, area=jnp.asarray(0.5 * cm**2))
    return dataclasses.replace(
        loop,
        mitral=mitral,
        atrial_shunt=hole,
        pericardium=Pericardium(0.5 * mmHg, 0.02 / mL, 250 * mL),
        septum=Septum(0.5 * mL / mmHg, 30.0),
    ), state


def changed(loop, factors: jax.Array):
    """Loop with each of `PARAMETERS` multiplied."""
    for (part, field), factor in zip(PARAMETERS, factors, strict=True):
        old = getattr(loop, part)
        new = dataclasses.replace(old, **{field: getattr(old, field) * factor})
        loop = dataclasses.replace(loop, **{part: new})
    return loop


def indices(loop, state) -> jax.Array:
    """`INDICES` of the beat that starts from a periodic state."""
    _, beat = run_beat(loop, state, STEPS)
    p, v, q = beat.pressure, beat.volume, beat.flow
    work = jnp.sum((p["LV"] + jnp.roll(p["LV"], 1)) / 2 * (jnp.roll(v["LV"], 1) - v["LV"]))
    return jnp.stack(
        [
            p["aorta"].mean(),
            p["aorta"].max() - p["aorta"].min(),
            v["LV"].max(),
            v["LV"].min(),
            work,
            p["LV"][STEPS * 150 // 833],
            p["pulmonary_artery"].mean(),
            jnp.minimum(q["mitral"], 0.0).mean(),
            q["atrial_shunt"].mean(),
        ]
    )


@jax.jit
def settled(factors: jax.Array):
    """Periodic state of the changed loop, with the blood of the unchanged one, and its indices."""
    loop, state = diseased()
    now = changed(loop, factors)
    filled = with_blood_volume(now, state, blood_volume(loop, state))
    found = limit_cycle(now, filled, STEPS, tolerance=1e-6, most_beats=60)
    return found.state, indices(now, found.state), found.change


@jax.jit
def slopes(state) -> jax.Array:
    """Derivative of `INDICES` by the factors, through the periodic state."""
    loop, _ = diseased()

    def of(factors: jax.Array) -> jax.Array:
        now = changed(loop, factors)
        return indices(now, periodic_state(now, state, STEPS))

    return jax.jacfwd(of)(jnp.ones(len(PARAMETERS)))


@pytest.fixture(scope="module")
def both():
    """Implicit derivatives, central differences, and the indices themselves."""
    h = 1e-3
    ones, steps = jnp.ones(len(PARAMETERS)), h * jnp.eye(len(PARAMETERS))
    high, low = (
        jax.vmap(lambda d, sign=sign: settled(ones + sign * d)[1])(steps) for sign in (1, -1)
    )
    state, values, change = settled(ones)
    assert change < 1e-5
    return slopes(state), ((high - low) / (2 * h)).T, values


@pytest.mark.parametrize("row", range(len(INDICES)), ids=INDICES)
def test_gradient_of_an_index_matches_differences(both, row):
    implicit, differences, values = both
    assert_allclose(implicit[row], differences[row], rtol=2e-2, atol=1e-3 * abs(float(values[row])))
