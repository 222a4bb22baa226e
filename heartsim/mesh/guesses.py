"""What the user says about a mesh, and what was concluded without being told."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Guesses:
    """What the user knows better; None leaves it to the shape.

    Attributes
    ----------
    unit : str, optional
        Unit of the coordinates: ``"mm"``, ``"cm"``, ``"m"`` or ``"um"``.
    lv, rv : int, optional
        Which cavity is which ventricle; cavities are numbered from 1, the largest first.
    lv_rims, rv_rims : tuple of str, optional
        Names of the openings, the one of largest area first.
    labels : mapping of number to str, optional
        What the numbers of a segmentation mean: ``"LV"``, ``"RV"``, ``"wall"`` or ``"none"``.
    rv_wall : float, optional
        Wall put over a right ventricle that was segmented without one [mm].
    """

    unit: str | None = None
    lv: int | None = None
    rv: int | None = None
    lv_rims: tuple[str, ...] | None = None
    rv_rims: tuple[str, ...] | None = None
    labels: Mapping[int, str] | None = None
    rv_wall: float | None = None


@dataclass(frozen=True)
class Guess:
    """One conclusion about the mesh.

    Attributes
    ----------
    what, value : str
        What was asked and what was concluded.
    confidence : float
        0 to 1; below 1/2 it should be checked by eye.
    reason : str
        What it rests on.
    """

    what: str
    value: str
    confidence: float
    reason: str
