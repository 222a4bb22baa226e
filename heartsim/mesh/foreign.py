"""Foreign meshes: a name map gives their numbers a meaning, and they become hearts."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import Cavity, HeartMesh
from heartsim.mesh.raw import RawMesh
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary, make_cavity, match_facets
from heartsim.units import cm, m, mm, um

LARGEST_MAP = 100_000
LENGTHS = {"mm": mm, "cm": cm, "m": m, "um": um}


@dataclass(frozen=True)
class NameMap:
    """What the numbers in a foreign file mean.

    Attributes
    ----------
    unit : str
        Length unit of the coordinates: ``"mm"``, ``"cm"``, ``"m"`` or ``"um"``.
    region_array : str
        Cell array that numbers the regions of tetrahedra.
    regions : mapping of number to name
        ``"LV"``, ``"RV"``, ``"septum"`` and further ones. Cells with other numbers are dropped.
    surface_array : str
        Cell array that numbers the surfaces of triangles.
    surfaces : mapping of number to name
        ``"LV_endocardium"``, ``"RV_endocardium"``, ``"epicardium"``, ``"base"``.
    rims : mapping of chamber to names
        Names of the openings of each chamber, the one with most nodes first; ``"base"`` if absent.
    """

    region_array: str
    regions: Mapping[int, str]
    surface_array: str
    surfaces: Mapping[int, str]
    unit: str = "mm"
    rims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_name_map(path: str | Path) -> NameMap:
    """Read a name map from a TOML file.

    ::

        unit = "mm"
        region_array = "gmsh:physical"
        surface_array = "gmsh:physical"
        [regions]
        1 = "LV"
        [surfaces]
        11 = "LV_endocardium"
        12 = "epicardium"
        [rims]
        LV = ["mitral", "aortic"]

    Raises
    ------
    MeshError
        If the file is absent or does not say this.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size > LARGEST_MAP:
        raise MeshError(f"{path}: there is no such name map, or it is too large. Check the path.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return NameMap(
            region_array=str(content["region_array"]),
            regions={int(key): str(name) for key, name in content["regions"].items()},
            surface_array=str(content["surface_array"]),
            surfaces={int(key): str(name) for key, name in content["surfaces"].items()},
            unit=str(content["unit"]),
            rims={key: tuple(map(str, names)) for key, names in content.get("rims", {}).items()},
        )
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise MeshError(
            f"{path.name}: not a name map ({type(error).__name__}: {error}). It needs unit, "
            "region_array, surface_array and the tables regions and surfaces (number = name)."
        ) from error


def name_parts(name: str, raw: RawMesh, names: NameMap) -> HeartMesh:
    """Make a heart of a foreign file: pick, scale, orient and name its parts.

    Triangles of the outer surface that the map does not name become ``"base"``.

    Parameters
    ----------
    name : str
        File name, for messages and the name of the heart.
    raw : RawMesh
        Content of the file.
    names : NameMap
        Meaning of its numbers.
    """
    if names.unit not in LENGTHS:
        raise MeshError(f"{name}: unit {names.unit!r} is not known. Use one of {list(LENGTHS)}.")
    for group, array in (("tet_data", names.region_array), ("triangle_data", names.surface_array)):
        if array not in getattr(raw, group):
            known = listing(getattr(raw, group))
            raise MeshError(f"{name}: it has no cell array {array!r}. Known: {known}.")
    tags = raw.tet_data[names.region_array]
    keep = np.isin(tags, list(names.regions))
    if not keep.any():
        found = np.unique(tags)[:20].tolist()
        raise MeshError(
            f"{name}: no tetrahedron has a region number in {list(names.regions)}; "
            f"{names.region_array!r} holds {found}. Correct the name map."
        )
    used, tets = np.unique(raw.tets[keep], return_inverse=True)
    points = raw.points[used] * LENGTHS[names.unit]
    tets = orient(points, tets.reshape(-1, 4))
    regions: dict[str, np.ndarray] = {}
    for tag, region in names.regions.items():
        found = np.flatnonzero(tags[keep] == tag)
        regions[region] = np.concatenate([regions[region], found]) if region in regions else found
    surfaces = _surfaces(name, raw, names, used, tets)
    return HeartMesh(
        name=Path(name).stem,
        points=points,
        tets=tets,
        regions=regions,
        surfaces=surfaces,
        cavities=_cavities(name, surfaces, names),
        origin=f"imported from {name}",
    )


def _surfaces(
    name: str, raw: RawMesh, names: NameMap, used: np.ndarray, tets: np.ndarray
) -> dict[str, np.ndarray]:
    """Named triangles on the boundary, oriented out of the tissue; the rest is base."""
    place = np.full(len(raw.points), -1)
    place[used] = np.arange(len(used))
    facets, _ = boundary(tets)
    tags = raw.triangle_data[names.surface_array]
    label = np.full(len(facets), -1)
    known = list(dict.fromkeys(names.surfaces.values()))
    for tag, surface in names.surfaces.items():
        triangles = place[raw.triangles[tags == tag]]
        at = match_facets(triangles[(triangles >= 0).all(axis=1)], facets)
        if not (at >= 0).any():
            raise MeshError(
                f"{name}: surface {surface!r} (number {tag}) has no triangle on the boundary of "
                "the tissue. Correct the name map."
            )
        label[at[at >= 0]] = known.index(surface)
    surfaces = {surface: facets[label == number] for number, surface in enumerate(known)}
    rest = facets[label == -1]
    if len(rest):
        surfaces["base"] = np.concatenate([surfaces.get("base", rest[:0]), rest])
    return surfaces


def _cavities(name: str, surfaces: Mapping[str, np.ndarray], names: NameMap) -> dict[str, Cavity]:
    """Build the chambers from the endocardial surfaces there are."""
    return {
        chamber: make_cavity(
            surfaces[f"{chamber}_endocardium"],
            name=f"{name}, {chamber}",
            name_rim=_rim_namer(name, chamber, names.rims.get(chamber, ("base",))),
        )
        for chamber in ("LV", "RV")
        if f"{chamber}_endocardium" in surfaces
    }


def _rim_namer(
    where: str, chamber: str, rims: tuple[str, ...]
) -> Callable[[int, Int[np.ndarray, " nodes"]], str]:
    """Name openings in the order of a name map."""

    def name_rim(number: int, _loop: Int[np.ndarray, " nodes"]) -> str:
        if number >= len(rims):
            raise MeshError(
                f"{where}: the {chamber} endocardium has more openings than the {len(rims)} "
                f"named in the map ({', '.join(rims)}). Close the holes or name every valve."
            )
        return rims[number]

    return name_rim


def listing(names: Mapping[str, np.ndarray]) -> str:
    """Names in quotes, or the word none."""
    return ", ".join(repr(name) for name in names) or "none"
