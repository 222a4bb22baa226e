"""Clinical sanity of a heart at end-diastole: sizes against the ranges of healthy adults.

Ranges are means ± 2 standard deviations of the UK Biobank, from the lower end for women to the
upper end for men [1]_; the ratios are the textbook orders of magnitude that follow from the means
(mass/EDV about 0.6 g/mL, RV/LV about 1.1), with room for disease.

References
----------
.. [1] Petersen et al. (2017). Reference ranges for cardiac structure and function using
   cardiovascular magnetic resonance in Caucasians from the UK Biobank population cohort.
   J. Cardiovasc. Magn. Reson. 19. doi:10.1186/s12968-017-0327-9
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.surfaces import TET_EDGES, cavity_volume, cell_volumes
from heartsim.units import BLOOD_DENSITY, g, mL

THIN = 2
"""Cells across the wall below which bending is poorly resolved."""


@dataclass(frozen=True)
class Sanity:
    """One clinical number of a mesh.

    Attributes
    ----------
    name, unit : str
        What it is and in which unit.
    value : float
        As found.
    low, high : float
        Range of healthy adults.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str

    @property
    def usual(self) -> bool:
        """Whether it lies in the range of healthy adults."""
        return self.low <= self.value <= self.high


def clinical(mesh: HeartMesh) -> list[Sanity]:
    """Volumes, mass, mass/EDV and RV/LV of a heart, each with its normal range.

    The LV mass counts the regions ``"LV"`` and ``"septum"``.
    """
    volume = {name: cavity_volume(mesh.points, cavity) for name, cavity in mesh.cavities.items()}
    cells = [mesh.regions[name] for name in ("LV", "septum") if name in mesh.regions]
    rows = []
    if "LV" in volume:
        rows.append(Sanity("LV volume", volume["LV"] / mL, 82, 230, "mL"))
    if "RV" in volume:
        rows.append(Sanity("RV volume", volume["RV"] / mL, 82, 254, "mL"))
    if "LV" in volume and cells and volume["LV"] > 0:
        wall = cell_volumes(mesh.points, mesh.tets)[np.unique(np.concatenate(cells))].sum()
        mass = float(wall) * BLOOD_DENSITY
        rows.append(Sanity("LV mass", mass / g, 44, 145, "g"))
        rows.append(Sanity("LV mass/EDV", (mass / g) / (volume["LV"] / mL), 0.3, 1.0, "g/mL"))
    if "LV" in volume and "RV" in volume and volume["LV"] > 0:
        rows.append(Sanity("RV/LV volume", volume["RV"] / volume["LV"], 0.8, 1.4, ""))
    return rows


def cells_across(mesh: HeartMesh) -> Float[np.ndarray, " endocardial"]:
    """Cells between each endocardial node and the nearest surface on the other side.

    Breadth-first steps along edges, from each endocardium to the outside or to the other
    endocardium; one step is one cell.
    """
    found = []
    for name in mesh.cavities:
        lining = mesh.surfaces.get(f"{name}_endocardium")
        if lining is None or len(lining) == 0:
            continue
        start = np.unique(lining)
        others = [f for other, f in mesh.surfaces.items() if _across(name, other)]
        rims = np.concatenate([*mesh.cavities[name].rims.values(), np.zeros(0, np.int64)])
        goal = np.setdiff1d(np.unique(np.concatenate([o.ravel() for o in others])), start)
        steps = _steps(mesh, goal)[np.setdiff1d(start, rims)]
        found.append(steps[np.isfinite(steps)])
    return np.concatenate(found) if found else np.zeros(0)


def _across(chamber: str, surface: str) -> bool:
    """Whether a surface may lie on the other side of the wall of a chamber."""
    lining = surface.removesuffix("_endocardium")
    return surface == "epicardium" or lining not in (surface, chamber)


def _steps(mesh: HeartMesh, goal: np.ndarray) -> Float[np.ndarray, " nodes"]:
    """Edges from each node to the nearest goal; infinite where none is reached."""
    pairs = mesh.tets[:, TET_EDGES].reshape(-1, 2)
    steps = np.full(len(mesh.points), np.inf)
    steps[goal] = 0
    for step in range(1, 30):
        near = steps[pairs] == step - 1
        touched = np.unique(pairs[:, ::-1][near])
        new = touched[~np.isfinite(steps[touched])]
        if len(new) == 0:
            break
        steps[new] = step
    return steps
