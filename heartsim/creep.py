"""A wall that creeps to rest: an empty one that is filled, or where Newton's method fails."""

from dataclasses import replace
from typing import Final

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from heartsim.bloodside import pressures_given
from heartsim.equilibrium import Workspace, passive_load, refresh, step
from heartsim.errors import SolveFailed
from heartsim.heart import Heart, Load
from heartsim.wallstate import WallState

ROUGH: Final = 0.05
"""Residual over load of a wall that is only on the way."""

MOST_CREEPS: Final = 15
"""Steps that a creeping wall is given to come to rest."""

FIRST_CREEP: Final = 30.0
"""Rate of the first creeping step [1/ms]: viscosity then resists like 30 kPa of stiffness."""

SLOWEST_CREEP: Final = 0.05
"""Rate of the last creeping step [1/ms]."""

CREEP_RATIO: Final = 8.0
"""Each creeping step that converges is followed by one longer by this ratio."""


def creeping_load(heart: Heart, wall: WallState, rate: float) -> Load:
    """No tension; motion away from a wall is resisted at a rate [1/ms]."""
    still = passive_load(heart)
    return eqx.tree_at(lambda x: (x.u_before, x.rate), still, (wall.u, jnp.asarray(rate)))


def hold(
    work: Workspace,
    heart: Heart,
    guess: WallState,
    pressure: np.ndarray,
) -> tuple[WallState, Workspace]:
    """The passive heart under given pressures [kPa], from a guess that may be far.

    Newton's method first. Where that fails the wall creeps there: viscous steps, each longer than
    the last and solved only roughly, that end in equilibrium (pseudo-transient continuation [1]_).
    An empty wall that is to be filled creeps at once: at rest it is softer than the pressure that
    it shall bear, and its tangent indefinite.

    Parameters
    ----------
    work, heart, guess, pressure
        Solver, heart, first guess of the wall and cavity pressures [kPa]. A guess without any
        pressure counts as an empty wall.

    Raises
    ------
    SolveFailed
        If it does not get there in `MOST_CREEPS` steps.

    References
    ----------
    .. [1] Kelley & Keyes (1998). Convergence analysis of pseudo-transient continuation.
       doi:10.1137/S0036142996304796
    """
    usual, residual = work.tolerances, float("inf")
    rough = replace(usual, force=ROUGH)
    blood = pressures_given(jnp.asarray(pressure))
    filling = np.any(pressure) and not np.any(guess.pressure)
    rate = FIRST_CREEP if filling else 0.0
    reached, now = None, guess._replace(pressure=jnp.asarray(pressure))
    for _ in range(MOST_CREEPS):
        load = creeping_load(heart, now, rate)
        work = replace(work, tolerances=rough if rate else usual)
        if rate:
            # levels and factors of another viscosity serve badly
            work = refresh(work, heart, now, load)
        wall, _, info, work = step(work, heart, now, blood, load)
        if bool(info.converged):
            if rate == 0.0:
                return wall, replace(work, tolerances=usual)
            now, reached = wall, rate
            rate = rate / CREEP_RATIO if rate > SLOWEST_CREEP else 0.0
        else:
            residual = float(info.residual)
            fastest = max(FIRST_CREEP, CREEP_RATIO * rate)
            rate = fastest if reached is None else float(np.sqrt(reached * max(rate, 1e-3)))
    raise SolveFailed(
        f"the wall does not come to rest under {np.round(pressure, 2)} kPa: residual "
        f"{residual:.1e} of the load after {MOST_CREEPS} steps. Check the mesh with `heartsim mesh "
        "check` and the stiffness of the tissue."
    )
