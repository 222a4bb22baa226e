"""Beats of the 0D loop, its limit cycle, and the gradient of that limit cycle."""

from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from heartsim.circulation.closed_loop import Circulation, blood_volume, flows, pressures
from heartsim.circulation.components import Scalar
from heartsim.circulation.graph import BEDS, CHAMBERS, NODES, VALVES, State
from heartsim.circulation.newton import solve
from heartsim.circulation.step import advance_ahead
from heartsim.programs import Program
from heartsim.units import mL, mm, ms

TOLERANCE: Final = 1e-3 * mL
"""Change from beat to beat of the blood in any compartment that counts as periodic [mm³]."""

_WINDOW: Final = 6
_FLOW_WEIGHT: Final = 10 * ms
_AREA_WEIGHT: Final = 1 * mm
_RIDGE: Final = 1e-12
_SETBACK: Final = 2.0
_ISOLATED: Final = 1e-10
"""Largest entry of the row of a compartment that is cut off from the loop."""

_LEAST: Final = 0.1
"""Share of a chamber's volume or of a valve's opening that an extrapolation must leave."""

_Vector = Float[Array, " entries"]


class Traces(NamedTuple):
    """One beat, sampled at the end of each step; the last sample is t = 0 of the next beat."""

    time: Float[Array, " steps"]
    """[ms]"""
    pressure: dict[str, Float[Array, " steps"]]
    """[kPa]; names of `heartsim.circulation.closed_loop.pressures`."""
    volume: dict[str, Float[Array, " steps"]]
    """[mm³]; LA LV RA RV."""
    flow: dict[str, Float[Array, " steps"]]
    """[mm³/ms]; names of `heartsim.circulation.closed_loop.BRANCHES`."""
    blood_volume: Float[Array, " steps"]
    """[mm³]"""


class LimitCycle(NamedTuple):
    """Periodic state of the 0D loop."""

    state: State
    """State at t = 0, reproduced a period later within ``change``."""
    traces: Traces
    """The beat that starts there."""
    change: Scalar
    """Largest change of the blood in any compartment over that beat [mm³]."""
    beats: Int[Array, ""]
    """Beats that were run."""


class _Window(NamedTuple):
    """Recent history of a fixed-point search."""

    x: _Vector
    change: _Vector
    differences: Float[Array, "2 window entries"]


class _Search(NamedTuple):
    """State of a fixed-point search: its last point, and the beat that starts there."""

    x: _Vector
    change: _Vector
    window: _Window
    traces: Traces
    beats: Int[Array, ""]
    last: Bool[Array, ""]
    """Whether this beat was the last, begun where the one before it ended."""


def run_beat(circulation: Circulation, state: State, n_steps: int) -> tuple[State, Traces]:
    """Run one beat of the 0D loop in equal implicit Euler steps, from t = 0 to the period.

    Parameters
    ----------
    circulation : Circulation
        The loop; all four chambers are 0D.
    state : State
        State at t = 0.
    n_steps : int
        Number of steps.

    Returns
    -------
    state : State
        State at the start of the next beat.
    traces : Traces
        The beat.
    """
    dt = circulation.period / n_steps

    def step(carry: tuple[State, _Vector], t: Scalar) -> tuple[tuple[State, _Vector], _Vector]:
        now = advance_ahead(circulation, carry[0], t, dt, carry[1])
        return now, jnp.stack(now[0])

    starts = dt * jnp.arange(n_steps, dtype=dt.dtype)
    at_rest = jnp.zeros(len(NODES) + 1, dt.dtype)
    (last, _), states = jax.lax.scan(step, (state, at_rest), starts)
    traces = jax.vmap(lambda now, t: _traces(circulation, State(*now), t))(states, starts + dt)
    return last, traces


def _traces(circulation: Circulation, state: State, t: Scalar) -> Traces:
    """What is recorded of one state."""
    return Traces(
        time=t,
        pressure=pressures(circulation, state, t, {}),
        volume={name: state.volume(name) for name in CHAMBERS},
        flow=flows(circulation, state, t, {}),
        blood_volume=blood_volume(circulation, state),
    )


beat = Program(run_beat)
"""`run_beat`, compiled once per number of steps."""


def limit_cycle(
    circulation: Circulation,
    state: State,
    n_steps: int = 500,
    *,
    miss: State | None = None,
    tolerance: float = TOLERANCE,
    most_beats: int = 150,
) -> LimitCycle:
    """Find the periodic state of the 0D loop that holds as much blood as ``state``.

    Beats are combined by Anderson acceleration. A combination of beats has weights that sum to
    one, so the total blood volume of ``state`` is kept. The slow exchange between the systemic
    and pulmonary veins takes 50 to 200 beats without it, about 10 with it.

    Parameters
    ----------
    circulation : Circulation
        The loop; all four chambers are 0D.
    state : State
        Any state at t = 0 with the wanted blood volume.
    n_steps : int
        Steps in a beat.
    miss : State, optional
        What a better model of the same heart ends a beat with beyond this one: added to the end
        of every beat. It must hold no blood in all.
    tolerance : float
        Largest change over a beat [mm³].
    most_beats : int
        Beats after which the search stops.

    Returns
    -------
    LimitCycle
        State, traces, remaining change and beats. Look at ``change``: it exceeds the tolerance
        if ``most_beats`` was too few. Carries no gradient; `periodic_state` does.
    """
    none = State(*(jnp.zeros_like(value) for value in state))
    limits = jnp.asarray(tolerance), jnp.asarray(most_beats)
    found = _search(circulation, state, none if miss is None else miss, n_steps, *limits)
    periodic = State(*(found.x / _scale(circulation)))
    return LimitCycle(periodic, found.traces, jnp.max(jnp.abs(found.change)), found.beats)


def periodic_state(circulation: Circulation, state: State, n_steps: int = 500) -> State:
    """Refine a periodic state by one Newton step that carries its gradient.

    The limit cycle solves ``x = beat(x, parameters)`` with a given blood volume. The derivative of
    this equation, bordered by the volume, gives the derivative of the state with respect to
    every parameter of the loop without a pass through the beats that led to it.

    Parameters
    ----------
    circulation : Circulation
        The loop; gradients flow into its leaves.
    state : State
        State of a `limit_cycle` of this very circulation and number of steps. Its blood volume
        is held constant under changes of the parameters.
    n_steps : int
        Steps in a beat.

    Returns
    -------
    State
        The same state, differentiable with respect to ``circulation``.
    """
    frozen = jax.lax.stop_gradient((circulation, state))
    x = jnp.stack(frozen[1])
    target = blood_volume(*frozen)
    infusion = (
        jnp.zeros_like(x)
        .at[State._fields.index("p_systemic_veins")]
        .set(1 / frozen[0].systemic_veins.compliance)
    )

    def error(y: _Vector, loop: Circulation) -> _Vector:
        now = State(*y)
        new, _ = run_beat(loop, now, n_steps)
        return y - jnp.stack(new) + infusion * (blood_volume(loop, now) - target)

    tangent = jax.jacfwd(error)(x, frozen[0])
    scale = _scale(frozen[0])
    scaled = tangent * scale[:, None] / scale[None]
    # a bed that is tied off keeps what it holds whatever that is: its row is empty, so hold it
    alone = jnp.max(jnp.abs(scaled), axis=1) < _ISOLATED
    scaled += jnp.diag(alone.astype(scaled.dtype))
    correction = jnp.linalg.solve(scaled, error(x, circulation) * scale) / scale
    return State(*(x - correction))


@Program
def differentiated_beat(
    circulation: Circulation, state: State, n_steps: int, directions: Circulation
) -> Traces:
    """Derivatives of the traces of a periodic beat in directions of the parameters.

    Parameters
    ----------
    circulation, state, n_steps
        As in `periodic_state`.
    directions : Circulation
        Changes of the parameters, stacked along a first axis.

    Returns
    -------
    Traces
        Derivatives, stacked along a first axis.
    """

    def traces(loop: Circulation) -> Traces:
        return run_beat(loop, periodic_state(loop, state, n_steps), n_steps)[1]

    return jax.vmap(lambda d: jax.jvp(traces, (circulation,), (d,))[1])(directions)


@Program
def _search(
    circulation: Circulation,
    state: State,
    miss: State,
    n_steps: int,
    tolerance: Scalar,
    most_beats: Int[Array, ""],
) -> _Search:
    """Iterate accelerated beats until the change of one is small, and make the beat after it.

    All beats share one loop, so the beat is compiled in one place.
    """
    scale = _scale(circulation)

    def iterate(carry: _Search) -> _Search:
        moving = jnp.max(jnp.abs(carry.change)) >= tolerance
        last = (carry.beats > 0) & ~(moving & (carry.beats < most_beats))
        ahead, window = _accelerate(carry)
        x = jnp.where(last, carry.x + carry.change, ahead)
        new, traces = run_beat(circulation, State(*(x / scale)), n_steps)
        change = (jnp.stack(new) + jnp.stack(miss)) * scale - x
        return _Search(x, change, window, traces, carry.beats + 1, last)

    start = jnp.stack(state) * scale
    rest = jnp.zeros_like(start)
    window = _Window(start, rest, jnp.zeros((2, _WINDOW, start.size), start.dtype))
    shape = jax.eval_shape(lambda: run_beat(circulation, state, n_steps)[1])
    empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
    first = _Search(start, rest, window, empty, jnp.zeros((), int), jnp.zeros((), bool))
    return jax.lax.while_loop(lambda now: ~now.last, iterate, first)


def _scale(circulation: Circulation) -> _Vector:
    """Factors that turn the entries of a `State` into volumes [mm³]."""
    compliance = jnp.stack([getattr(circulation, bed).compliance for bed in BEDS])
    ones = jnp.ones(len(CHAMBERS), compliance.dtype)
    flow = jnp.full(len(BEDS) + len(VALVES), _FLOW_WEIGHT, compliance.dtype)
    area = jnp.full(len(VALVES), _AREA_WEIGHT, compliance.dtype)
    return jnp.concatenate([ones, compliance, ones[:1], flow, area])


def _accelerate(search: _Search) -> tuple[_Vector, _Window]:
    """Next point of Anderson's method; a plain beat after a setback, which clears the window."""
    x, change, window = search.x, search.change, search.window
    latest = jnp.stack([x - window.x, change - window.change])[:, None]
    differences = jnp.concatenate([latest, window.differences[:, :-1]], axis=1)
    worse = jnp.sum(change**2) > _SETBACK**2 * jnp.sum(window.change**2)
    differences = jnp.where((search.beats <= 1) | worse, jnp.zeros_like(differences), differences)
    step, slope = differences
    gram = slope @ slope.T
    ridge = _RIDGE * jnp.trace(gram) + jnp.finfo(gram.dtype).tiny
    weights = solve(gram + ridge * jnp.eye(_WINDOW, dtype=gram.dtype), slope @ change)
    plain = x + change
    ahead = plain - weights @ (step + slope)
    # a combination of beats may lie where no beat can: an empty chamber, a negative opening
    held = jnp.array([*range(len(CHAMBERS)), *range(x.size - len(VALVES), x.size)])
    possible = jnp.all(ahead[held] >= _LEAST * plain[held])
    return jnp.where(possible, ahead, plain), _Window(x, change, differences)
