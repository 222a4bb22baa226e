"""Openings of a chamber: which valve each is, or whether it is a hole in the wall.

Valves lie about as high above the tip of the chamber as its highest opening does. What lies deeper
or is much smaller is no valve; blood through it would be an error, so it is refused unless named.
"""

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.guesses import Guess, Guesses
from heartsim.mesh.heartmesh import Cavity
from heartsim.mesh.surfaces import lid_area, rims

VALVES = {"LV": ("mitral", "aortic"), "RV": ("tricuspid", "pulmonary")}
LOWEST_VALVE = 0.6
"""Height above the tip, over that of the highest opening, below which an opening is a hole."""
LEAST_VALVE = 0.06
"""Share of the area of the largest opening below which an opening is a hole."""


def open_chamber(
    name: str,
    points: Float[np.ndarray, "nodes 3"],
    lining: Int[np.ndarray, "facets 3"],
    chamber: str,
    known: Guesses,
    up: Float[np.ndarray, " 3"] | None = None,
) -> tuple[Cavity, Guess]:
    """Chamber with its openings named, the largest first.

    Parameters
    ----------
    name : str
        File name, for messages.
    points, lining : (n, 3), (f, 3)
        Endocardium, normals out of the tissue, in any unit.
    chamber : {"LV", "RV"}
        Which chamber it lines.
    known : Guesses
        Names of the openings, from the user.
    up : (3,) float, optional
        Direction from apex to base of the heart, where it is known; else the tip of the chamber is
        what lies farthest from its largest opening.

    Raises
    ------
    MeshError
        If there is no opening, or one that can be no valve and has no name.
    """
    facets = np.ascontiguousarray(lining[:, ::-1])
    loops = sorted(
        rims(facets, where=f"{name}, {chamber}"), key=lambda loop: -lid_area(points, loop)
    )
    if not loops:
        raise MeshError(
            f"{name}: the {chamber} has no opening: valves or caps are meshed as tissue. Cut "
            "them off, so that the base is open."
        )
    given = known.lv_rims if chamber == "LV" else known.rv_rims
    if given is not None and len(given) != len(loops):
        raise MeshError(
            f"{name}: the {chamber} has {len(loops)} openings, and {len(given)} names are given "
            f"({', '.join(given)}). Name each, the largest first."
        )
    if given is None:
        _refuse_holes(name, points, facets, loops, chamber, up)
    names = given or (("base",) if len(loops) == 1 else VALVES[chamber])
    confidence = 1.0 if given else {1: 0.95, 2: 0.7}[len(loops)]
    reason = "named by the user" if given else "sorted by area, the largest first"
    cavity = Cavity(facets, dict(zip(names, loops, strict=True)))
    return cavity, Guess(f"{chamber} openings", ", ".join(names), confidence, reason)


def _refuse_holes(
    name: str,
    points: np.ndarray,
    facets: np.ndarray,
    loops: list[Int[np.ndarray, " nodes"]],
    chamber: str,
    up: Float[np.ndarray, " 3"] | None,
) -> None:
    """Refuse openings too deep, too small or too many for valves."""
    option = f"--{chamber.lower()}-rims"
    centers = np.array([points[loop].mean(axis=0) for loop in loops])
    areas = np.array([lid_area(points, loop) for loop in loops])
    inner = points[np.unique(facets)]
    if up is None:
        tip = inner[np.argmax(np.linalg.norm(inner - centers[0], axis=1))]
        up = centers[0] - tip
    else:
        # the outflow tract of a right ventricle may be farther from its inlet than its tip
        tip = inner[np.argmin(inner @ up)]
    height = (centers - tip) @ up
    height = height / max(float(height.max()), 1e-300)
    holes = np.flatnonzero((height < LOWEST_VALVE) | (areas < LEAST_VALVE * areas[0]))
    if len(loops) - len(holes) > len(VALVES[chamber]):
        raise MeshError(
            f"{name}: the {chamber} has {len(loops)} openings, and a ventricle has two valves. An "
            "atrium or a vessel may still be attached: cut it off at the valve, or import the mesh "
            f"with a name map (--names) that keeps the ventricles; or name all: {option} a,b,c."
        )
    if len(holes):
        k = int(holes[0])
        place = ", ".join(f"{x:.4g}" for x in centers[k])
        raise MeshError(
            f"{name}: the {chamber} has {len(holes)} holes besides its valves. The first, around "
            f"({place}), has {areas[k] / areas[0]:.0%} of the area of the largest opening and lies "
            f"{height[k]:.0%} of the way from the tip of the chamber to the highest. Close the "
            f"wall there, or, if it is an opening by intention, name all {len(loops)} openings, "
            f"the largest first: {option} base,hole."
        )
