"""The closed loop of the peer's beat, to repeat its problem number by number.

Four chambers, systemic and pulmonary arteries and veins with inertia, valves whose resistance goes
smoothly over seven decades; the left ventricle is the wall, the other chambers are elastances.
Structure of Regazzoni et al. (2022), doi:10.1016/j.jcp.2022.111083, with the numbers of the run
that is compared with. Implicit Euler. Inside mmHg, mL and s, as the peer has them.
"""

from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.bloodside import Answer
from heartsim.circulation.newton import newton
from heartsim.circulation.step import Cavities
from heartsim.units import mL, mmHg, s

PERIOD: Final = 0.8
TRIGGER, RISE, FALL = 0.16, 0.20, 0.20
ATRIAL_RISE, ATRIAL_FALL = 0.08, 0.08
"""Times [s]."""

LEAST, MOST = 0.0075, 75006.2
"""Resistance of an open and of a closed valve [mmHg s/mL]."""

LA, RA, RV = (0.07, 0.18, 4.0), (0.06, 0.07, 4.0), (0.6, 0.029, 16.0)
"""Active and passive elastance [mmHg/mL], unstressed volume [mL]."""

SYSTEMIC: Final = (0.733, 1.372, 5e-3, 0.32, 11.363, 5e-4)
PULMONARY: Final = (0.046, 20.0, 5e-4, 0.0015, 16.0, 5e-4)
"""Resistance, compliance, inertance of arteries, then of veins."""


class Loop(NamedTuple):
    """State: volumes [mL], pressures [mmHg], flows [mL/s]."""

    LA: Array
    LV: Array
    RA: Array
    RV: Array
    p_arteries: Array
    p_veins: Array
    p_lung_arteries: Array
    p_lung_veins: Array
    q_arteries: Array
    q_veins: Array
    q_lung_arteries: Array
    q_lung_veins: Array


def first_state() -> Loop:
    """Where the peer's run starts; the wall starts at rest."""
    values = (87.0, 65.1, 86.0, 150.0, 80.0, 36.0, 19.5, 15.0, 70.0, 94.0, 94.0, 100.0)
    return Loop(*map(jnp.asarray, values))


def twitch(t: Array) -> Array:
    """Activation of the ventricles, 0 to 1: half a cosine up, half a cosine down."""
    return _hump(t - TRIGGER, RISE, FALL)


def _hump(t: Array, rise: float, fall: float) -> Array:
    up = 0.5 * (1 - jnp.cos(jnp.pi * t / rise))
    down = 0.5 * (1 + jnp.cos(jnp.pi * (t - rise) / fall))
    return jnp.where(t < 0, 0.0, jnp.where(t < rise, up, jnp.where(t < rise + fall, down, 0.0)))


def _elastic(numbers: tuple[float, float, float], strength: Array, volume: Array) -> Array:
    active, passive, unstressed = numbers
    return (passive + active * strength) * (volume - unstressed)


def _through(drop: Array) -> Array:
    """Flow through a valve."""
    share = 0.5 + jnp.arctan(100 * jnp.pi * drop) / jnp.pi
    return drop / 10 ** (jnp.log10(MOST) + share * (jnp.log10(LEAST) - jnp.log10(MOST)))


class _Step(eqx.Module):
    """Balance of one implicit step, with the pressure of the LV in place of its volume."""

    before: Loop
    t: Float[Array, ""]
    dt: Float[Array, ""]
    cavity: Float[Array, " 3"]
    """Pressure, volume and compliance of the linearised wall."""

    def full(self, unknown: Float[Array, " 12"]) -> tuple[Loop, Array]:
        """State and LV pressure of an unknown."""
        state, pressure = Loop(*unknown), unknown[1]
        p0, held, compliance = self.cavity
        return state._replace(LV=held + compliance * (pressure - p0)), pressure

    def balance(self, unknown: Float[Array, " 12"]) -> Float[Array, " 12"]:
        """Residual of volumes [mL] and of the momentum of the vessels, over their resistance."""
        now, lv = self.full(unknown)
        old, dt = self.before, self.dt
        atrial, ventricular = _hump(self.t, ATRIAL_RISE, ATRIAL_FALL), twitch(self.t)
        la, ra = _elastic(LA, atrial, now.LA), _elastic(RA, atrial, now.RA)
        rv = _elastic(RV, ventricular, now.RV)
        mitral, aortic = _through(la - lv), _through(lv - now.p_arteries)
        tricuspid, pulmonary = _through(ra - rv), _through(rv - now.p_lung_arteries)

        def vessels(numbers, p, q, old_p, old_q, inflow, behind):
            resistance, compliance, inertance = numbers
            kept = compliance * (p - old_p) - dt * (inflow - q)
            moved = inertance * (q - old_q) - dt * (p - behind - resistance * q)
            return kept, moved / (inertance + dt * resistance)

        arteries = vessels(
            SYSTEMIC[:3],
            now.p_arteries,
            now.q_arteries,
            old.p_arteries,
            old.q_arteries,
            aortic,
            now.p_veins,
        )
        veins = vessels(
            SYSTEMIC[3:],
            now.p_veins,
            now.q_veins,
            old.p_veins,
            old.q_veins,
            now.q_arteries,
            ra,
        )
        lung_arteries = vessels(
            PULMONARY[:3],
            now.p_lung_arteries,
            now.q_lung_arteries,
            old.p_lung_arteries,
            old.q_lung_arteries,
            pulmonary,
            now.p_lung_veins,
        )
        lung_veins = vessels(
            PULMONARY[3:],
            now.p_lung_veins,
            now.q_lung_veins,
            old.p_lung_veins,
            old.q_lung_veins,
            now.q_lung_arteries,
            la,
        )
        volumes = (
            now.LA - old.LA - dt * (now.q_lung_veins - mitral),
            now.LV - old.LV - dt * (mitral - aortic),
            now.RA - old.RA - dt * (now.q_veins - tricuspid),
            now.RV - old.RV - dt * (tricuspid - pulmonary),
        )
        beds = (arteries, veins, lung_arteries, lung_veins)
        return jnp.stack([*volumes, *(bed[0] for bed in beds), *(bed[1] for bed in beds)])

    def tangent(self, unknown: Float[Array, " 12"]) -> Float[Array, "12 12"]:
        """Derivative of the balance."""
        return jax.jacfwd(self.balance)(unknown)

    def moved(self, unknown: Float[Array, " 12"], change: Float[Array, " 12"]) -> Array:
        """Unknown after a change."""
        return unknown + change

    def tolerance(self) -> Array:
        """Largest residual [mL] that counts as solved."""
        return jnp.asarray(1e-9)


class PeerSide(eqx.Module):
    """Blood side of one step of the loop.

    Attributes
    ----------
    state : Loop
        At the start of the step.
    t, dt : ()
        End of the step and its length [s].
    """

    state: Loop
    t: Float[Array, ""]
    dt: Float[Array, ""]

    def answer(self, cavities: Cavities) -> Answer:
        """Advance the loop against the linearised ventricle."""
        p0, held = cavities.pressure[0] / mmHg, cavities.volume[0] / mL
        compliance = cavities.compliance[0, 0] * mmHg / mL
        step = _Step(self.state, self.t, self.dt, jnp.stack([p0, held, compliance]))
        unknown, _, _ = newton(step, jnp.stack(self.state).at[1].set(p0))
        state, pressure = step.full(unknown)
        return Answer(pressure[None] * mmHg, state.LV[None] * mL, state)


def side(state: Loop, t_ms: float, dt_ms: float) -> PeerSide:
    """Blood side of a step of ``dt`` that ends at ``t`` [ms]."""
    return PeerSide(state, jnp.asarray(t_ms / s), jnp.asarray(dt_ms / s))
