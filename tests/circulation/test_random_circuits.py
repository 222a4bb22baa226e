"""A thousand random circuits: no failure, no blood lost, no empty chamber."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_circuits import random_circuits

from heartsim.circulation import blood_volume
from heartsim.circulation import step as implicit
from heartsim.circulation.closed_loop import Circulation
from heartsim.circulation.graph import BEDS, CHAMBERS, State
from heartsim.circulation.newton import MAX_ITERATIONS

STEPS = 150


@partial(jax.jit, static_argnums=2)
def many_beats(loops: Circulation, state: State, beats: int) -> tuple[jax.Array, ...]:
    """Run every circuit for some beats.

    Returns
    -------
    converged, iterations, drift, least, bed
        Whether every step converged, the most Newton iterations, the largest change of the blood
        volume as a part of it, and the least volumes of any chamber and of any bed [mm³].
    """

    def run(loop: Circulation) -> tuple[jax.Array, ...]:
        dt = loop.period / STEPS
        total = blood_volume(loop, state)

        def one(carry: tuple[State, tuple[jax.Array, ...]], t: jax.Array):
            now, seen = carry
            step = implicit._step(loop, now, t, dt, {}, implicit.no_cavities())
            new = step.state
            held = jnp.min(new.group("V", CHAMBERS))
            vessels = [getattr(loop, bed) for bed in BEDS]
            stressed = [v.compliance * new.pressure(b) for v, b in zip(vessels, BEDS, strict=True)]
            beds = [v.unstressed + s for v, s in zip(vessels, stressed, strict=True)]
            row = (
                ~step.converged,
                step.iterations,
                jnp.abs(blood_volume(loop, new) / total - 1),
                -held,
                -jnp.min(jnp.stack(beds)),
            )
            return (new, tuple(jnp.maximum(a, b) for a, b in zip(seen, row, strict=True))), None

        first = (jnp.zeros((), bool), jnp.zeros((), int), *(jnp.full((), -jnp.inf),) * 3)
        times = dt * jnp.tile(jnp.arange(STEPS, dtype=float), beats)
        (_, (failed, iterations, drift, least, bed)), _ = jax.lax.scan(one, (state, first), times)
        return ~failed, iterations, drift, -least, -bed

    return jax.vmap(run)(loops)


@pytest.mark.parametrize(
    ("count", "beats"), [(100, 2), pytest.param(1000, 4, marks=pytest.mark.slow)]
)
def test_random_circuits_never_fail(count, beats):
    seen = many_beats(*random_circuits(count), beats)
    converged, iterations, drift, least, bed = map(np.asarray, seen)
    assert np.all(converged)
    assert iterations.max() < MAX_ITERATIONS / 2
    assert drift.max() < 1e-6
    assert least.min() > 0
    assert bed.min() > 0
