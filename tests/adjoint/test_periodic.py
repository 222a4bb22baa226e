"""Derivatives of the periodic beat: the equations against a dense solve, and against runs."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.adjoint.gradient import differentiate
from heartsim.adjoint.indices import indices
from heartsim.adjoint.parameters import BLOOD, leaves, parameter, shifted
from heartsim.adjoint.periodic import PERIODIC, cycle
from heartsim.adjoint.tape import remembered, seeds, traces
from heartsim.adjoint.transposed import Wanted
from heartsim.beat import next_beat
from heartsim.circulation.closed_loop import State, blood_volume, with_blood_volume
from heartsim.circulation.graph import BEDS, CHAMBERS
from heartsim.circulation.topology import cut_off
from heartsim.units import mL

PATH = ("circulation", "systemic_arteries", "resistance")


def test_equations_are_those_of_a_dense_solve(ready):
    """Random beat that forgets all but its blood, two beds cut off; two indices, one parameter."""
    heart = ready.heart
    points = heart.solid.space.points
    size, count = points.size, points.size + len(State._fields)
    rng = np.random.default_rng(3)
    stored = np.zeros(count)
    stored[size : size + len(CHAMBERS)] = 1.0
    stored[size + len(CHAMBERS) : size + len(CHAMBERS) + len(BEDS)] = [
        float(getattr(heart.loop, bed).compliance) for bed in BEDS
    ]
    apart = size + len(CHAMBERS) + np.array([BEDS.index(bed) for bed in cut_off(heart.loop)])
    assert len(apart) == 2
    stored[apart] = 0.0
    right = np.zeros(count)
    right[size] = 1.0
    left = rng.standard_normal((count, 4)) / np.sqrt(count)
    forget = 0.5 * left @ rng.standard_normal((4, count)) / np.sqrt(count)
    # M keeps the blood: stored · M = stored, and that of beds that are cut off
    beat = forget + np.outer(right, stored - stored @ forget)
    index, pushed = rng.standard_normal((2, count)), rng.standard_normal(count)
    beat[apart], beat[:, apart], beat[apart, apart] = 0.0, 0.0, 1.0
    index[:, apart], pushed[apart] = 0.0, 0.0
    pushed -= stored * (stored @ pushed) / (stored @ stored)
    direct = rng.standard_normal(2)

    def rows(wanted):
        blood = np.stack([np.asarray(part) for part in wanted.blood], axis=1)
        return np.concatenate([np.asarray(wanted.u).reshape(len(blood), -1), blood], axis=1)

    def wanted(rows):
        u = jnp.asarray(rows[:, :size].reshape(len(rows), *points.shape))
        return Wanted(u, State(*map(jnp.asarray, rows[:, size:].T)))

    def walk(end):
        return wanted(rows(end) @ beat), (rows(end) @ pushed,)

    found = cycle(heart, (PATH,), ready.moment.blood, (wanted(index), (direct,)), walk)
    bordered = np.block(
        [[np.eye(count) - beat.T, stored[:, None]], [stored[None], np.zeros((1, 1))]]
    )
    bordered[apart, apart] = 1.0
    exact = np.linalg.solve(bordered, np.vstack([index.T, np.zeros((1, 2))]))
    assert found.missed < PERIODIC
    assert_allclose(found.by_blood, exact[-1], rtol=1e-3)
    assert_allclose(found.gradient[0], direct + exact[:-1].T @ pushed, rtol=1e-3)


STEP = 25.0
OF = ("EDV_mL", "ESV_mL", "SBP_mmHg", "MAP_mmHg")
BY = {"circulation.systemic_resistance": 2e-3, "circulation.systemic_compliance": 5e-3, BLOOD: 1.0}


def periodic(ready, heart, moment, total):
    """Periodic beat of a heart with a blood volume, by Anderson's method over plain beats."""
    until = float(heart.loop.period)
    work, blood = ready.work, with_blood_volume(heart.loop, moment.blood, jnp.asarray(total))
    moment = replace(moment, blood=blood)
    points, changes = [], []
    for _ in range(40):
        start = np.array(moment.blood, float)
        tape, moment, work = remembered(work, heart, next_beat(moment), step=STEP, until=until)
        change = np.array(moment.blood, float) - start
        points.append(start)
        changes.append(change)
        if np.abs(change[: len(CHAMBERS)]).max() < 1e-6 * mL:
            break
        recent = np.array(changes[-6:])
        new = start + change
        if len(recent) > 2:
            slope = np.diff(recent, axis=0)
            weights = np.linalg.lstsq(slope.T, change, rcond=1e-10)[0]
            new = new - weights @ (np.diff(np.array(points[-6:]), axis=0) + slope)
        blood = State(*map(jnp.asarray, new))
        blood = with_blood_volume(heart.loop, blood, jnp.asarray(total))
        moment = replace(moment, blood=blood)
    assert np.abs(change[: len(CHAMBERS)]).max() < 1e-5 * mL
    return seeds(indices(OF), traces(heart, tape))[0], moment


@pytest.mark.slow
def test_periodic_gradient_is_that_of_differences(ready):
    heart = ready.heart
    total = float(blood_volume(heart.loop, ready.moment.blood))
    _, moment = periodic(ready, heart, ready.moment, total)
    found = differentiate(
        ready.work,
        heart,
        next_beat(moment),
        of=OF,
        by=tuple(BY),
        step=STEP,
        until=float(heart.loop.period),
        periodic=True,
    )
    assert found.missed < PERIODIC
    for name, change in BY.items():

        def moved(amount, name=name):
            if name == BLOOD:
                return periodic(ready, heart, moment, total + amount * mL)[0]
            other = shifted(heart, parameter(heart, name), amount)
            return periodic(ready, other, moment, total)[0]

        differences = (moved(change) - moved(-change)) / (2 * change)
        slopes = [found.of(index, by=name).value for index in OF]
        assert_allclose(slopes, differences, rtol=2e-4, atol=1e-5 * np.abs(differences).max())


def test_percent_is_the_change_with_one_percent_of_a_leaf(ready):
    number = parameter(ready.heart, "circulation.systemic_resistance")
    (resistance,) = leaves(ready.heart, number.paths)
    moved = shifted(ready.heart, number, 0.01 * float(resistance) / number.size)
    assert float(moved.loop.systemic_arteries.resistance) == pytest.approx(1.01 * float(resistance))
