"""Random circuits: valves, leaks, rates, resistances, holes, pumps, sac and septum drawn widely."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from heartsim.circulation import healthy_adult
from heartsim.circulation.closed_loop import Circulation
from heartsim.circulation.graph import BEDS, HOLES, PUMPS, VALVES, State
from heartsim.circulation.pumps import Balloon, Pump
from heartsim.circulation.surroundings import Pericardium, Septum
from heartsim.units import cm, minute, mL, mmHg, ms, s

RESISTANCE = mmHg * s / mL


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
