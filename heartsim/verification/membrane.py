"""Cook's membrane: bending with shear, and a detector of volumetric locking."""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from heartsim.fem.space import Nodes
from heartsim.mesh.box import box
from heartsim.tissue.passive import NeoHookean
from heartsim.units import MPa, kPa
from heartsim.verification.bodies import (
    WITHOUT_CONSTRAINT,
    Points,
    compressible,
    heart_of,
    muscle,
    nearest,
    space_on,
    surface_load,
    wall,
)
from heartsim.verification.direct import Body, at_rest, loading, solve
from heartsim.verification.quadratic import Steps, near_solution
from heartsim.verification.table import Figure, Findings, Line, Reading

YOUNG: Final = 1.0985 * MPa
POISSON: Final = 0.3
SHEAR: Final = YOUNG / (2 * (1 + POISSON))
BULK: Final = YOUNG / (3 * (1 - 2 * POISSON))
TRACTION: Final = 62.5 * kPa
"""Compressible case: moduli and shear traction on the right edge."""

STIFF_SHEAR: Final = 80.1938 * MPa
STIFF_BULK: Final = 400_889.8 * MPa
STIFF_TRACTION: Final = 6.25 * MPa
"""Nearly incompressible case."""

SOURCE: Final = "solids4foam benchmarks: deal.II Q2 14.74, Abaqus 14.727 mm"
LOCKING: Final = "independent spectral code: 6.859 (4×4 P4), 6.896 (8×8 P5), rising"


class Tip(NamedTuple):
    """Deflection of the right edge [mm], Newton's steps, unknowns."""

    middle: float
    corner: float
    newton: Steps
    dofs: int


def membrane(fast: bool) -> Findings:
    """Cook's membrane in plane strain, corners (0,0), (48,44), (48,60), (0,44) mm.

    Left edge clamped, dead shear traction on the right edge. (i) E = 1.0985 MPa, nu = 0.3,
    62.5 kPa, W = mu/2 (J^(−2/3) I1 − 3) + kappa/4 (J² − 1 − 2 ln J): the middle of the right edge
    (48, 52) rises by 14.74 mm. (ii) mu = 80.19 MPa, kappa = 400 890 MPa, 6.25 MPa: its upper corner
    rises by 6.9 mm; elements that lock fall far short. A detector, not a three-digit gate: for
    P1/P1 90 % on 8×8 cells and 96 % on 16×16, since locking-free low-order elements (deal.II Q1,
    case i) reach 94 and 98 %.
    """
    counts = (8,) if fast else (4, 8, 16)
    soft = [_bent(count, "P2P1", stiff=False) for count in counts]
    stiff = {
        element: [_bent(count, element, stiff=True) for count in counts]
        for element in ("P2P1", "P1P1")
    }
    reading = Reading("membrane", SOURCE, soft[-1].dofs)
    locking = Reading("membrane", LOCKING, stiff["P2P1"][-1].dofs)
    what, low = "nearly incompressible, upper corner, y", 6.2 if fast else 0.96 * 6.896
    rows = (
        reading.within("compressible, middle of the edge, y", soft[-1].middle, 14.74, 0.005, "mm"),
        locking.between(f"{what}, P2/P1", stiff["P2P1"][-1].corner, 6.80, 6.97, "mm"),
        locking.between(f"{what}, P1/P1", stiff["P1P1"][-1].corner, low, 6.97, "mm"),
    )
    cells = np.array(counts, float)
    ends = np.array([4.0, 16.0])
    lines = (
        Line(cells, np.array([tip.middle for tip in soft]), "compressible, P2", "C0o-"),
        Line(ends, np.full(2, 14.74), "published", "C0:"),
        Line(cells, np.array([t.corner for t in stiff["P2P1"]]), "incompressible, P2/P1", "C1o-"),
        Line(cells, np.array([t.corner for t in stiff["P1P1"]]), "incompressible, P1/P1", "C2o-"),
        Line(ends, np.full(2, 6.896), "independent code", "C1:"),
    )
    figure = Figure("Cook's membrane", "cells along an edge", "deflection [mm]", lines)
    return Findings(rows, figure, (soft[0].newton, stiff["P2P1"][0].newton))


def _bent(count: int, element: str, *, stiff: bool) -> Tip:
    """Bend a membrane of count × count bricks, one through its thickness."""
    thickness = 48.0 / count
    flat = box((1.0, 1.0, thickness), (count, count, 1))
    points = _skewed(flat.points)

    def held(x: Points) -> np.ndarray:
        prescribed = np.zeros(x.shape, bool)
        prescribed[:, 2] = True
        prescribed[np.abs(x[:, 0]) < 1e-9] = True
        return prescribed

    nodes, space = space_on(points, flat.tets, element, held)
    cells = len(space.volume)
    if stiff:
        material = muscle(NeoHookean(STIFF_SHEAR), cells)
        # the projection of P1/P1 is weighed by the shear compliance, as it is in soft tissue
        weight = 1 / STIFF_SHEAR if element == "P1P1" else 0.0
        solid = wall(space, material, compressibility=1 / STIFF_BULK, stabilization=weight)
    else:
        material = compressible(NeoHookean(SHEAR), BULK, cells)
        solid = wall(space, material, compressibility=WITHOUT_CONSTRAINT)
    body = Body(heart_of(solid))
    traction = np.array([0.0, STIFF_TRACTION if stiff else TRACTION, 0.0])
    push = surface_load(nodes, flat.surface("x1"), traction)
    found = at_rest(body)
    for part in (0.25, 0.5, 0.75, 1.0):
        loads = loading(body, dead=part * push)
        found = solve(body, loads, found)
    newton = near_solution(body, loads, found)
    return Tip(_rise(nodes, found.u, 52.0), _rise(nodes, found.u, 60.0), newton, space.dofs)


def _skewed(unit: Points) -> Points:
    """Corners of the unit square to those of the membrane."""
    x, y, z = unit.T
    low, high = 44 * x, 44 + 16 * x
    return np.stack([48 * x, low + y * (high - low), z], axis=1)


def _rise(nodes: Nodes, u: Float[Array, "n 3"], height: float) -> float:
    """Vertical displacement of the right edge at a height [mm]."""
    return float(u[nearest(nodes, (48.0, height, 0.0)), 1])
