"""Virtual patients: sizes drawn together as they occur together, each made into a heart.

Volume per body surface, EF, relative wall thickness and sphericity come from means, standard
deviations and correlations of the Cardiac Atlas Project: 1 991 people without symptoms and 300
after an infarct [1]_. Body surface comes by sex. A draw that cannot be a heart (below) is drawn
again, and how often that happened is told, for it bends the distribution.

References
----------
.. [1] Cardiac Atlas Project, clinical table beside its LV modes (github.com/CardiacAtlasProject/
   lv-ortho-modes); means, deviations and correlations computed from it.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.made_to_measure import HEALTHY, RANGES, Measures, Sex, made_to_measure
from heartsim.units import mL

Group = Literal["healthy", "infarct"]
COLUMNS = ("EDVI", "EF", "RWT", "sphericity")

PUBLISHED = {
    "healthy": ((67.8, 13.3), (62.9, 7.3), (39.7, 9.5), (37.6, 7.8)),
    "infarct": ((96.5, 25.0), (41.3, 11.0), (35.2, 8.4), (41.3, 8.6)),
}
"""Mean and standard deviation of EDV per body surface [mL/m²], EF, relative wall thickness and
sphericity [%]."""
CORRELATIONS = {
    "healthy": ((0, 1, -0.29), (0, 2, -0.33), (0, 3, 0.20), (2, 3, -0.23)),
    "infarct": ((0, 1, -0.61), (0, 2, -0.46), (0, 3, 0.39), (1, 2, 0.32), (2, 3, -0.48)),
}
BODY_SURFACE_SD = {"male": 0.16, "female": 0.14}
"""Spread of body surface [m²], from memory."""
RV_TO_LV, RV_SPREAD = 1.07, 0.10
"""RV over LV volume of healthy adults (182/166 and 130/124 mL) and its spread (our choice)."""
LOWEST, HIGHEST = (25.0, 10.0, 15.0, 15.0), (220.0, 82.0, 80.0, 75.0)
"""Bounds of EDVI, EF, RWT and sphericity in a draw (our choice)."""
MOST_DRAWS = 200


@dataclass(frozen=True)
class VirtualPatient:
    """One member of a cohort.

    Attributes
    ----------
    name : str
        Such as ``"healthy-007"``.
    sex : str
        ``"female"`` or ``"male"``.
    body_surface : float
        [m²].
    edv, esv : float
        LV volumes [mL].
    ef, rwt, sphericity : float
        EF, relative wall thickness and sphericity [%].
    rv_volume : float
        RV volume at end-diastole [mL].
    """

    name: str
    sex: Sex
    body_surface: float
    edv: float
    esv: float
    ef: float
    rwt: float
    sphericity: float
    rv_volume: float

    @property
    def measures(self) -> Measures:
        """Sizes of the heart; relative wall thickness is twice the wall over the diameter."""
        length = (6 * self.edv * mL / (math.pi * self.sphericity / 100)) ** (1 / 3)
        # diameter of an ellipsoid of that volume and length, cut off at its base
        diameter = 2 * math.sqrt(1.5 * self.edv * mL / (math.pi * length * ELLIPSOID))
        return Measures(
            edv=self.edv * mL,
            length=length,
            wall=self.rwt / 100 * diameter / 2,
            rv_volume=self.rv_volume * mL,
            sex=self.sex,
            body_surface=self.body_surface,
        )


ELLIPSOID = 1.116
"""Volume of the idealized cavity over 2/3 π radius² length, from its cut at z = 24 of 65 mm."""


def cohort(
    count: int, *, group: Group = "healthy", seed: int = 1
) -> tuple[list[VirtualPatient], int]:
    """Draw virtual patients, women and men in turn.

    Parameters
    ----------
    count : int
        How many.
    group : str
        ``"healthy"`` or ``"infarct"``.
    seed : int
        Start of the random numbers.

    Returns
    -------
    patients : list of VirtualPatient
    refused : int
        Draws that were no heart and were drawn again.
    """
    if not 1 <= count <= 10_000:
        raise MeshError(f"a cohort of {count}. Give a number from 1 to 10 000.")
    rng = np.random.default_rng(seed)
    table = np.array(PUBLISHED[group])
    matrix = np.eye(len(COLUMNS))
    for i, j, value in CORRELATIONS[group]:
        matrix[i, j] = matrix[j, i] = value
    root = np.linalg.cholesky(matrix)
    patients: list[VirtualPatient] = []
    refused = 0
    sexes: tuple[Sex, Sex] = ("female", "male")
    while len(patients) < count:
        sex = sexes[len(patients) % 2]
        draw = table[:, 0] + table[:, 1] * (root @ rng.standard_normal(len(COLUMNS)))
        surface = HEALTHY[sex][0] + BODY_SURFACE_SD[sex] * rng.standard_normal()
        ratio = RV_TO_LV * math.exp(RV_SPREAD * rng.standard_normal())
        one = _patient(f"{group}-{len(patients) + 1:03d}", sex, surface, draw, ratio, group)
        if one is None:
            refused += 1
            if refused > MOST_DRAWS + count:
                raise MeshError("too many draws are no heart; the published table was changed.")
            continue
        patients.append(one)
    return patients, refused


def _patient(
    name: str, sex: Sex, surface: float, draw: np.ndarray, ratio: float, group: Group
) -> VirtualPatient | None:
    """One patient, or None if the draw is no heart."""
    if (draw < LOWEST).any() or (draw > HIGHEST).any() or not 1.2 < surface < 2.8:
        return None
    edvi, ef, rwt, sphericity = (float(value) for value in draw)
    edv = edvi * surface
    # an infarct dilates the left ventricle; the right one stays as large as in health
    normal = edv if group == "healthy" else PUBLISHED["healthy"][0][0] * surface
    one = VirtualPatient(
        name, sex, surface, edv, edv * (1 - ef / 100), ef, rwt, sphericity, ratio * normal
    )
    made = (one.measures.wall, RANGES["wall"]), (one.measures.length, RANGES["length"])
    possible = all(value is not None and low <= value <= high for value, (low, high, _) in made)
    return one if possible else None


def heart_of(patient: VirtualPatient, *, edge: float = 9.0) -> HeartMesh:
    """Mesh of a virtual patient at end-diastole."""
    return made_to_measure(patient.measures, edge=edge, name=patient.name)
