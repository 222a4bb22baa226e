"""A thousand random circuits: no failure, no blood lost, no empty chamber."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heartsim.circulation import blood_volume, healthy_adult
from heartsim.circulation import step as implicit
from heartsim.circulation.closed_loop import Circulation
from heartsim.circulation.graph import BEDS, CHAMBERS, HOLES, PUMPS, VALVES, State
from heartsim.circulation.newton import MAX_ITERATIONS
from heartsim.circulation.pumps import Balloon, Pump
from heartsim.circulation.surroundings import Pericardium, Septum
from heartsim.units import cm, minute, mL, mmHg, ms, s

STEPS = 150
RESISTANCE = mmHg * s / mL
LEAST_UNSTRESSED = 120 * mL
"""Least unstressed volume of a vascular bed of an adult (pulmonary veins), Ursino (1998),
doi:10.1152/ajpheart.1998.275.5.H1733. Beds hold it beside the stressed volume of the model."""


def random_circuits(count: int, seed: int = 5) -> tuple[Circulation, State]:
    """Circuits, stacked, and the state of a healthy adult to start them all from."""
    rng = np.random.default_rng(seed)
    loop, state = healthy_adult()

    def drawn(low: float, high: float) -> jax.Array:
        return jnp.asarray(rng.uniform(low, high, count))

    def spread(value: jax.Array) -> jax.Array:
        return jnp.asarray(float(value) * 10 ** rng.uniform(-1, 1, count))

    def some(values: jax.Array) -> jax.Array:
        return values * jnp.asarray(rng.random(count) < 0.3)

    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, count), loop)
    parts = {
        name: dataclasses.replace(
            getattr(many, name),
            area=drawn(0.05 * cm**2, 6 * cm**2),
            regurgitant_area=some(drawn(0, 1 * cm**2)),
            narrowing=some(drawn(0.2 * cm**2, 4 * cm**2) ** -2),
            inertance=some(drawn(0, 1e-3) * RESISTANCE * s),
            opening_time=some(drawn(0, 30 * ms)),
            closing_time=some(drawn(0, 30 * ms)),
        )
        for name in VALVES[:4]
    }
    parts |= {
        bed: dataclasses.replace(
            getattr(many, bed), resistance=spread(getattr(loop, bed).resistance)
        )
        for bed in BEDS[:4]
    }
    parts |= {
        name: dataclasses.replace(getattr(many, name), area=some(drawn(0, 3 * cm**2)))
        for name in HOLES
    }
    parts |= {
        name: Pump(some(drawn(0.1 * cm**2, 1 * cm**2)), drawn(0.01, 0.5) * RESISTANCE,
                   drawn(20 * mmHg, 150 * mmHg))
        for name in PUMPS
    }  # fmt: skip
    period = minute / drawn(40, 180)
    parts["balloon"] = Balloon(some(drawn(0, 50 * mL)), 0.5 * period, 0.05 * period)
    parts["pericardium"] = Pericardium(
        some(drawn(0.1, 2) * mmHg), drawn(0.01, 0.06) / mL, drawn(200 * mL, 450 * mL)
    )
    parts["septum"] = Septum(some(drawn(0.1, 3) * mL / mmHg), drawn(0, 100))
    return dataclasses.replace(many, **parts, period=period), state


@partial(jax.jit, static_argnums=2)
def many_beats(loops: Circulation, state: State, beats: int) -> tuple[jax.Array, ...]:
    """Run every circuit for some beats.

    Returns
    -------
    converged, iterations, drift, least, collapsed
        Whether every step converged, the most Newton iterations, the largest change of the blood
        volume as a part of it, the least volume of any chamber [mm³], and the least stressed
        volume of any bed [mm³].
    """

    def run(loop: Circulation) -> tuple[jax.Array, ...]:
        dt = loop.period / STEPS
        total = blood_volume(loop, state)

        def one(carry: tuple[State, tuple[jax.Array, ...]], t: jax.Array):
            now, seen = carry
            step = implicit._step(loop, now, t, dt, {}, implicit.no_cavities())
            new = step.state
            held = jnp.min(new.group("V", CHAMBERS))
            beds = [getattr(loop, bed).compliance * new.pressure(bed) for bed in BEDS]
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
    assert bed.min() > -LEAST_UNSTRESSED
