"""Draws the cables of an operated heart tight, little by little, before blood comes in.

Cut edges lie centimeters apart on the unloaded wall. Every strand starts as long as the gap that it
has to close, hence slack, and is shortened to its own length in steps as large as Newton's
method allows: what the wall then holds is the residual stress of the closed sutures.
"""

from dataclasses import replace
from typing import Final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim import creep
from heartsim.equilibrium import Workspace
from heartsim.errors import SolveFailed
from heartsim.fem.cable import cable_force, lengths, tensions
from heartsim.heart import Heart
from heartsim.mesh.surfaces import facet_areas, vertex_normals
from heartsim.procedures.edit import Receipt
from heartsim.units import N, mm, mmHg
from heartsim.wallstate import WallState

LARGEST: Final = 0.25
"""Largest part of the way that is made at once: walls near buckling do not follow a larger one."""

SMALLEST: Final = 1.0 / 64.0
"""A shorter step is not tried."""


def drawn(heart: Heart, share: float) -> Heart:
    """Heart whose strands are drawn in by a share of the way from their unloaded length."""
    points = heart.solid.space.points
    cables = {}
    for name, strands in heart.cables.items():
        slack = jnp.maximum(lengths(strands, points), strands.rest)
        cables[name] = replace(strands, rest=slack + share * (strands.rest - slack))
    return replace(heart, cables=cables)


def sew(work: Workspace, heart: Heart, start: WallState) -> tuple[WallState, Workspace]:
    """Draw all cables tight on a heart without blood pressure.

    Parameters
    ----------
    work : Workspace
    heart : Heart
        With its cables as they shall be in the end.
    start : WallState
        The wall at rest.

    Raises
    ------
    SolveFailed
        If the wall cannot follow.
    """
    now, share, size = start, 0.0, LARGEST
    none = np.zeros(len(heart.chambers))
    while share < 1.0:
        following = min(1.0, share + size)
        try:
            now, work = creep.hold(work, drawn(heart, following), now, none)
        except SolveFailed:
            size *= 0.5
            if size < SMALLEST:
                raise SolveFailed(
                    f"the sutures cannot be closed beyond {100 * share:.0f} % of the way: the wall "
                    "does not follow. Take out less, or use a finer mesh."
                ) from None
            continue
        share, size = following, min(1.5 * size, LARGEST)
    return now, work


def pulls(heart: Heart, wall: WallState) -> tuple[dict[str, object], ...]:
    """Receipts of all cables at a state of the wall: what they bear and how long they are."""
    x = heart.solid.space.points + wall.u
    receipts = []
    for name in sorted(heart.cables):
        strands = heart.cables[name]
        tension, length = tensions(strands, x), lengths(strands, x)
        amounts = {
            "total_tension_N": float(tension.sum()) / N,
            "largest_tension_N": float(tension.max(initial=0.0)) / N,
            "mean_length_mm": float(length.mean()) / mm,
            "taut_percent": 100 * float((tension > 0).mean()),
        }
        if name == "wrap":
            amounts["pressure_on_the_heart_mmHg"] = float(squeeze(heart, wall.u)) / mmHg
        action = f"{name.replace('_', ' ')} at the imaged filling pressures"
        receipts.append(Receipt(action, f"cable:{name}", amounts).as_dict())
    return tuple(receipts)


def squeeze(heart: Heart, u: Float[Array, "n 3"], name: str = "wrap") -> Float[Array, ""]:
    """Mean pressure of a net on the epicardium that it wraps [kPa]."""
    x = heart.solid.space.points + u
    facets = np.asarray(heart.supports[0].facets.nodes)[:, :3]
    place = np.asarray(x)
    normal = vertex_normals(place, facets)
    area = facet_areas(place, facets).sum()
    return jnp.sum(cable_force(heart.cables[name], x) * normal) / area
