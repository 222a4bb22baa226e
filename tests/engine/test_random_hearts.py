"""Fifty random circuits around a finite element ventricle: no failure, at most 8 Newton steps."""

from dataclasses import replace

import drawn_circuits
import jax
import numpy as np
import pytest
from small_ventricle import small_ventricle

from heartsim.beat import begin, march
from heartsim.circulation import blood_volume
from heartsim.circulation.graph import CHAMBERS
from heartsim.procedures.state import with_rate
from heartsim.units import mL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

COUNT, STEPS = 50, 45


@pytest.fixture(scope="module")
def beats(tmp_path_factory):
    """One beat in each circuit: Newton steps of every time level, drift, least volume [mm³]."""
    ventricle = small_ventricle(tmp_path_factory.mktemp("random"))
    loops, state = drawn_circuits.random_circuits(COUNT)
    work, found = ventricle.work, []
    for i in range(COUNT):
        loop = jax.tree.map(lambda values, i=i: values[i], loops)
        base = replace(loop, period=ventricle.heart.loop.period)
        heart = with_rate(replace(ventricle.heart, circulation=base), 1 / loop.period)
        period = float(loop.period)
        blood = state._replace(V_LV=ventricle.moment.blood.V_LV)
        moment = begin(heart, ventricle.moment.wall, blood)
        total, newton, least = float(blood_volume(heart.loop, blood)), [], np.inf
        for level in march(work, heart, moment, step=period / STEPS, until=period):
            steps = work.effort.newton
            work, _, moment = level
            newton.append(work.effort.newton - steps)
            held = [float(moment.blood.volume(name)) for name in CHAMBERS]
            least = min(least, *held)
        drift = float(blood_volume(heart.loop, moment.blood)) / total - 1
        found.append((newton, drift, least, work.effort.failed))
    return found


def test_no_step_fails_and_none_takes_more_than_eight_newton_steps(beats):
    """Also where muscle turns from being drawn out to shortening within one step: hearts above 120
    /min that still fill fast when tension rises again.
    """
    newton = np.concatenate([steps for steps, *_ in beats])
    assert len(newton) == COUNT * STEPS
    assert newton.max() <= 8
    assert beats[-1][3] == 0


def test_blood_is_kept(beats):
    assert max(abs(drift) for _, drift, *_ in beats) < 1e-6


def test_no_chamber_is_emptied(beats):
    assert min(least for _, _, least, _ in beats) > 0.01 * mL
