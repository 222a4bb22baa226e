"""Laws of the loop: conservation, analytic Windkessels, volume handling, dormant branches."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation import (
    State,
    advance,
    blood_volume,
    flows,
    healthy_adult,
    pressures,
    regazzoni_2022,
    with_blood_volume,
)
from heartsim.circulation.closed_loop import node_pressures, stored_volumes
from heartsim.circulation.components import Conduit, Orifice, Valve, Vessel
from heartsim.circulation.graph import BEDS, BRANCHES, INCIDENCE, NODES, net_inflow
from heartsim.circulation.pumps import Pump
from heartsim.units import cm, mL, mmHg, s

RESISTANCE, COMPLIANCE = mmHg * s / mL, mL / mmHg
SINK = 1e12
STEPS = 500


def at(value: float) -> jax.Array:
    return jnp.asarray(value, float)


@eqx.filter_jit
def run(circulation, state, dt, given):
    """Advance `STEPS` equal steps; also return the whole history."""

    def step(now: State, t: jax.Array) -> tuple[State, State]:
        new = advance(circulation, now, t, dt, given)
        return new, new

    return jax.lax.scan(step, state, dt * jnp.arange(STEPS, dtype=float))


flow = eqx.filter_jit(flows)


@eqx.filter_jit
def defect(circulation, state, previous, t, dt, given):
    """Error of one implicit step: blood of each node, momentum of each bed in use [mm³]."""
    flow = flows(circulation, state, t + dt, given)
    gained = stored_volumes(circulation, state) - stored_volumes(circulation, previous)
    node = dict(zip(NODES, node_pressures(circulation, state, t + dt, given), strict=True))
    momentum = []
    for name in BEDS[:4]:
        bed, (source, target) = getattr(circulation, name), BRANCHES[name]
        inertia = bed.inertance * (state.flow(name) - previous.flow(name)) / dt
        wanted = (node[source] - node[target] - inertia) / bed.resistance
        momentum.append(dt * (state.flow(name) - wanted))
    return gained - dt * net_inflow(jnp.stack(list(flow.values()))), jnp.stack(momentum)


def windkessel(resistance: float, compliance: float, impedance: float = 0.0):
    """Loop cut down to its systemic arteries between the LV and a sink at zero pressure."""
    circulation, state = healthy_adult()
    arteries = Vessel(
        resistance=resistance * RESISTANCE,
        compliance=compliance * COMPLIANCE,
        inertance=0.0,
        impedance=impedance * RESISTANCE,
    )
    veins = dataclasses.replace(circulation.systemic_veins, compliance=SINK)
    circulation = dataclasses.replace(circulation, systemic_arteries=arteries, systemic_veins=veins)
    return circulation, state._replace(p_systemic_veins=at(0.0))


def test_every_flow_leaves_one_node_and_enters_another():
    assert np.all(INCIDENCE.sum(axis=0) == 0)
    assert np.all(np.abs(INCIDENCE).sum(axis=0) == 2)
    assert INCIDENCE.shape == (len(NODES), len(BRANCHES))


@pytest.mark.parametrize("make", [healthy_adult, regazzoni_2022])
def test_blood_is_conserved_over_beats(make):
    circulation, state = make()
    _, history = run(circulation, state, at(4.0), {})
    volume = jax.vmap(blood_volume, in_axes=(None, 0))(circulation, history)
    assert_allclose(volume, float(blood_volume(circulation, state)), rtol=1e-12)


def test_step_zeroes_the_residual():
    circulation, state = healthy_adult()
    given = {"LV": at(60 * mmHg)}
    _, history = run(circulation, state, at(2.0), given)
    first, second = (State(*(values[k] for values in history)) for k in (70, 71))
    nodal, momentum = defect(circulation, second, first, at(142.0), at(2.0), given)
    assert_allclose(nodal, 0.0, atol=1e-9 * mL)
    assert_allclose(momentum, 0.0, atol=1e-9 * mL)


def test_arteries_decay_with_the_time_constant_rc():
    """A closed aortic valve: p' = -p/(R C), p = p0 exp(-t/RC), RC = 1.05 · 1.3 s."""
    circulation, state = windkessel(1.05, 1.3)
    state = state._replace(p_systemic_arteries=at(100 * mmHg))
    dt, constant = 0.5, 1.05 * 1.3 * s
    end, _ = run(circulation, state, at(dt), {"LV": at(0.0)})
    discrete = 100 * (1 + dt / constant) ** (-STEPS)
    assert_allclose(end.p_systemic_arteries / mmHg, discrete, rtol=1e-8)
    assert_allclose(discrete, 100 * np.exp(-STEPS * dt / constant), rtol=1e-4)


@pytest.mark.parametrize(("end", "expected"), [(500, 37.204075), (1000, 59.530983)])
def test_rcr_answers_a_constant_inflow(end, expected):
    """Root pressure p = 100 (Rc + Rp (1 - exp(-t/(Rp C)))) mmHg under 100 mL/s from rest."""
    circulation, state = windkessel(1.05, 1.3, 0.05)
    source = 1e6 * RESISTANCE
    valve = Valve(area=1e12, regurgitant_area=0.0, resistance=source)
    circulation = dataclasses.replace(circulation, aortic=valve)
    state = state._replace(p_systemic_arteries=at(0.0), Q_systemic_arteries=at(0.0))
    given = {"LV": source * at(100 * mL / s)}
    final, _ = run(circulation, state, at(end / STEPS), given)
    root = pressures(circulation, final, at(float(end)), given)["aorta"]
    assert_allclose(root / mmHg, expected, rtol=1e-3)


def test_inertance_delays_a_flow():
    """L Q' = dp - R Q from rest under a held drop: Q = dp/R (1 - exp(-R t/L))."""
    circulation, state = healthy_adult()
    bed = Vessel(
        resistance=1.0 * RESISTANCE,
        compliance=SINK,
        inertance=0.1 * mmHg * s**2 / mL,
        impedance=0.0,
    )
    veins = dataclasses.replace(circulation.systemic_veins, compliance=SINK)
    circulation = dataclasses.replace(circulation, systemic_arteries=bed, systemic_veins=veins)
    state = state._replace(
        p_systemic_arteries=at(90 * mmHg),
        p_systemic_veins=at(10 * mmHg),
        Q_systemic_arteries=at(0.0),
    )
    end, _ = run(circulation, state, at(0.2), {"LV": at(0.0)})
    assert_allclose(end.Q_systemic_arteries, 80 * (1 - np.exp(-1)), rtol=2e-3)


def test_blood_volume_is_set_through_the_systemic_veins():
    circulation, state = healthy_adult()
    more = with_blood_volume(circulation, state, at(1200 * mL))
    assert_allclose(blood_volume(circulation, more), 1200 * mL, rtol=1e-14)
    assert more.p_systemic_veins > state.p_systemic_veins
    assert more.V_LV == state.V_LV


@pytest.mark.parametrize(
    ("branch", "part", "sign"),
    [
        ("atrial_shunt", Orifice(area=1 * cm**2, resistance=0.0), 1),
        ("ventricular_shunt", Orifice(area=0.5 * cm**2, resistance=0.0), 1),
        ("ductus", Orifice(area=0.3 * cm**2, resistance=0.0), 1),
        ("fenestration", Orifice(area=0.2 * cm**2, resistance=0.0), -1),
        ("cavopulmonary", Conduit(conductance=50.0), -1),
        ("left_pump", Pump(area=1 * cm**2, resistance=0.3 * RESISTANCE, head=110 * mmHg), 1),
        ("right_pump", Pump(area=1 * cm**2, resistance=0.3 * RESISTANCE, head=40 * mmHg), 1),
        ("ecmo", Pump(area=1 * cm**2, resistance=0.3 * RESISTANCE, head=150 * mmHg), 1),
    ],
)
def test_surgical_branch_flows_downhill_and_is_absent_at_zero(branch, part, sign):
    circulation, state = healthy_adult()
    state = state._replace(V_LA=state.V_LA * 1.3)
    t, given = at(60.0), {}
    assert flow(circulation, state, t, given)[branch] == 0
    present = dataclasses.replace(circulation, **{branch: part})
    assert sign * flow(present, state, t, given)[branch] > 0
    after, _ = run(present, state, at(4.0), given)
    assert_allclose(blood_volume(present, after), blood_volume(circulation, state), rtol=1e-12)
