"""Published parameter sets of passive laws, with unit and source.

Stress scales are in kPa, exponents have no dimension. Only numbers that were checked in a
second, public implementation are listed; the source says where we left something out or changed it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from heartsim.errors import InputError, not_found
from heartsim.tissue.law import Law
from heartsim.tissue.passive import Guccione, HolzapfelOgden, Usyk

_HO_SOURCE: Final = "Holzapfel, Ogden 2009, Phil. Trans. R. Soc. A 367, table 1"
_HO_DOI: Final = "10.1098/rsta.2009.0091"
_LAND_DOI: Final = "10.1098/rspa.2015.0641"


@dataclass(frozen=True)
class ParameterSet:
    """One published set of parameters of a passive law.

    Attributes
    ----------
    name : str
        Name by which `passive_law` and scenarios know it.
    law : type of Law
        The law it belongs to.
    values : mapping of field name to float
        Parameters; stress scales in kPa, exponents without dimension.
    tissue : str
        Species and kind of test.
    source : str
        Author, year, where in the paper.
    doi : str
        Digital object identifier.
    choices : mapping of field name to bool or float
        Static choices of the law where they differ from its defaults.
    """

    name: str
    law: type[Law]
    values: Mapping[str, float]
    tissue: str
    source: str
    doi: str
    choices: Mapping[str, bool | float] = field(default_factory=dict)

    def build(self) -> Law:
        """Law with these parameters, as scalars (see `heartsim.tissue.tissue.uniform`)."""
        return self.law(**self.values, **self.choices)

    def unit(self, parameter: str) -> str:
        """Return the unit of one parameter: ``"kPa"`` for stress scales, ``"-"`` for exponents."""
        return "kPa" if parameter.startswith(("a", "C", "mu", "c")) else "-"


def _holzapfel_ogden(
    a: float,
    b: float,
    fiber: tuple[float, float],
    sheet: tuple[float, float],
    shear: tuple[float, float],
) -> dict[str, float]:
    """Name the eight parameters of Holzapfel–Ogden."""
    names = ("a", "b", "a_f", "b_f", "a_s", "b_s", "a_fs", "b_fs")
    return dict(zip(names, (a, b, *fiber, *sheet, *shear), strict=True))


_ORTHOTROPIC: Final = _holzapfel_ogden(
    0.059, 8.023, (18.472, 16.026), (2.481, 11.120), (0.216, 11.436)
)

_ALL: Final = (
    ParameterSet(
        "holzapfel-ogden-2009-shear",
        HolzapfelOgden,
        _ORTHOTROPIC,
        "pig, simple shear of cubes",
        f"{_HO_SOURCE}, orthotropic",
        _HO_DOI,
    ),
    # across the wall the sheets' exponential lets it thicken by a quarter at most, whatever the
    # tension; in the heart sheets shear and tilt instead (ARCHITECTURE.md has the figures)
    ParameterSet(
        "holzapfel-ogden-2009-fibers",
        HolzapfelOgden,
        {**_ORTHOTROPIC, "a_s": 0.0},
        "pig, simple shear of cubes, without the stretch of sheets",
        f"{_HO_SOURCE}, orthotropic, a_s = 0",
        _HO_DOI,
    ),
    # the exponential of the matrix lets the wall thicken by a half at most (figures there)
    ParameterSet(
        "holzapfel-ogden-2009-wall",
        HolzapfelOgden,
        {**_ORTHOTROPIC, "a_s": 0.0},
        "the same, parabolas beyond the shear of a half to which the cubes were tested",
        f"{_HO_SOURCE}, orthotropic, a_s = 0; ours: parabolas of I1 and I8 beyond a shear of 0.5",
        _HO_DOI,
        {"largest_shear": 0.5},
    ),
    ParameterSet(
        "holzapfel-ogden-2009-shear-partial",
        HolzapfelOgden,
        _holzapfel_ogden(0.057, 8.094, (21.503, 15.819), (6.841, 6.959), (0.0, 0.0)),
        "pig, simple shear of cubes",
        f"{_HO_SOURCE}, without I8",
        _HO_DOI,
    ),
    ParameterSet(
        "holzapfel-ogden-2009-biaxial",
        HolzapfelOgden,
        _holzapfel_ogden(2.280, 9.726, (1.685, 15.779), (0.0, 0.0), (0.0, 0.0)),
        "dog, biaxial stretch, transversely isotropic",
        f"{_HO_SOURCE}, biaxial",
        _HO_DOI,
    ),
    ParameterSet(
        "holzapfel-ogden-arostica-2025",
        HolzapfelOgden,
        _ORTHOTROPIC,
        "benchmark: the 2009 shear set with logistic switches",
        "Aróstica et al. 2025, CMAME 435, monoventricular case",
        "10.1016/j.cma.2024.117485",
        {"logistic": True},
    ),
    ParameterSet(
        "guccione-land-2015",
        Guccione,
        {"C": 2.0, "bf": 8.0, "bt": 2.0, "bfs": 4.0},
        "benchmark: problems 1 and 3",
        "Land et al. 2015, Proc. R. Soc. A 471, problem 1",
        _LAND_DOI,
    ),
    ParameterSet(
        "guccione-land-2015-isotropic",
        Guccione,
        {"C": 10.0, "bf": 1.0, "bt": 1.0, "bfs": 1.0},
        "benchmark: problem 2",
        "Land et al. 2015, Proc. R. Soc. A 471, problem 2",
        _LAND_DOI,
    ),
    ParameterSet(
        "guccione-1995",
        Guccione,
        {"C": 0.876, "bf": 18.48, "bt": 3.58, "bfs": 1.627},
        "dog, left ventricle",
        "Guccione et al. 1995, J. Biomech. 28",
        "10.1016/0021-9290(94)00174-3",
    ),
    ParameterSet(
        "usyk-2002",
        Usyk,
        {"C": 0.88, "bff": 8.0, "bss": 6.0, "bnn": 3.0, "bfs": 12.0, "bfn": 3.0, "bsn": 3.0},
        "dog, left ventricle",
        "Usyk et al. 2002, Comput. Visual. Sci. 4",
        "10.1007/s00791-002-0081-9",
    ),
)

PARAMETER_SETS: Final[Mapping[str, ParameterSet]] = MappingProxyType({p.name: p for p in _ALL})
"""All published sets by name."""


def passive_law(name: str) -> Law:
    """Passive law with a published set of parameters, as scalars.

    Parameters
    ----------
    name : str
        Name of the set, such as ``"holzapfel-ogden-2009-shear"``.

    Raises
    ------
    InputError
        If there is no such set; the message lists those there are.

    Examples
    --------
    >>> passive_law("guccione-land-2015").bf
    8.0
    """
    if name not in PARAMETER_SETS:
        raise not_found(InputError, "parameter set", name, "heartsim.tissue", PARAMETER_SETS)
    return PARAMETER_SETS[name].build()
