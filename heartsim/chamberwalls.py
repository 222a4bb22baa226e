"""What differs from wall to wall: strength, twitch and trigger, vessels, and the pericardium.

A heart of two ventricles is the plain case. Atria are thinner and quicker muscle that waits for
no delay; great vessels are passive and stiff, and only hold the base where it is.
"""

from dataclasses import replace
from typing import Final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from heartsim.activation.twitch import Activation, Twitch
from heartsim.circulation.closed_loop import Circulation
from heartsim.mesh.heartmesh import ATRIA, GREAT_VESSELS, HeartMesh
from heartsim.mesh.parts import cells_of, in_ventricles
from heartsim.scenario.models import Support, Tissue

WALLS: Final = ("LV", "RV", *ATRIA)
"""Chambers that may have a wall of their own, in the order of their cavities."""

ATRIAL: Final = Twitch(rise=60.0, peak=70.0, relaxation=110.0, growth=0.0)
"""Twitch of atrial muscle: its tension rises at least twice as fast as that of ventricular muscle
(Urthaler et al. 1975, Circ. Res. 37:762). Our choice within that: with the spread of the wave over
the atria it peaks before the mitral valve closes, and is over soon after."""


def contractility(mesh: HeartMesh, plan: Tissue) -> Float[np.ndarray, " c"]:
    """Peak tension of each cell [kPa]: less in right free wall and atria, none in vessels."""
    tension = np.full(len(mesh.tets), plan.contractility)
    tension[cells_of(mesh, ["RV"])] *= plan.right_wall
    tension[cells_of(mesh, ATRIA)] *= plan.atrial_wall
    tension[cells_of(mesh, GREAT_VESSELS)] = 0.0
    return tension


def activation(mesh: HeartMesh, circulation: Circulation) -> Activation:
    """Onset and twitch of each cell; atria start with the beat, ventricles after the delay."""
    atrial = jnp.asarray(cells_of(mesh, ATRIA))
    onset = jnp.asarray(mesh.fields["activation_time"])
    onset = onset + jnp.where(atrial, 0.0, circulation.av_delay)
    twitch = Twitch().at_period(circulation.period)
    if np.any(atrial):
        quick = ATRIAL.at_period(circulation.period)
        both = {
            name: jnp.where(atrial, getattr(quick, name), getattr(twitch, name))
            for name in ("rise", "peak", "relaxation", "growth")
        }
        twitch = replace(twitch, **both)
    return Activation(onset, twitch, circulation.period)


def held_share(mesh: HeartMesh, plan: Support) -> Float[np.ndarray, " f"]:
    """Share of the pericardial stiffness that each facet of the epicardium feels.

    The pericardium holds the free walls of the ventricles; atria move nearly freely in it, or the
    ring between them could not descend [1]_.

    References
    ----------
    .. [1] Strocchi et al. (2020). Simulating ventricular systolic motion in a four-chamber heart
       model with spatially varying Robin boundary conditions to model the effect of the
       pericardium. J. Biomech. 101:109645. doi:10.1016/j.jbiomech.2020.109645
    """
    loose = np.zeros(len(mesh.points), bool)
    loose[mesh.tets[~in_ventricles(mesh)]] = True
    at_node = np.where(loose, plan.atrial_pericardium, 1.0)
    return at_node[mesh.surface("epicardium")].mean(axis=1)
