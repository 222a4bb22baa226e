"""Imaged four-chamber hearts of PyAnsys-Heart: all of them, or the ventricles cut out.

Such a file holds tetrahedra numbered by part and triangles numbered by surface; a name map beside
it tells what the numbers mean. Its fibers are placeholders and are dropped; the middle nodes of
its valve caps belong to no tetrahedron and are dropped too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from jaxtyping import Int

from heartsim.errors import MeshError
from heartsim.mesh.ears import without_ears
from heartsim.mesh.heartmesh import VEINS, Cavity, HeartMesh
from heartsim.mesh.hinges import without_hinges
from heartsim.mesh.raw import RawMesh, read_raw
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary, make_cavity, match_facets, rims
from heartsim.mesh.tubes import tube_sides

Chambers = Literal["ventricles", "all"]
"""How much of an imaged heart is read."""


@dataclass(frozen=True)
class _Extent:
    """What of a file is read, as names here and names there.

    Attributes
    ----------
    regions : mapping of region to part
    surfaces : mapping of surface to the surfaces it is made of
    rims : mapping of chamber to mapping of rim to the cap that fits it
    vessels : mapping of the wall of a vessel to the cap where it begins
        Their outer side joins the epicardium, their end the base.
    cut : tuple of str
        How the names of surfaces end that are made of ``"base"``; all facets that have no other
        name, without any.
    """

    regions: Mapping[str, str]
    surfaces: Mapping[str, tuple[str, ...]]
    rims: Mapping[str, Mapping[str, str]]
    vessels: Mapping[str, str]
    cut: tuple[str, ...]


_VENTRICLES: Final = _Extent(
    regions={"LV": "Left ventricle", "RV": "Right ventricle", "septum": "Septum"},
    surfaces={
        "LV_endocardium": ("Left ventricle endocardium",),
        "RV_endocardium": ("Right ventricle endocardium", "Right ventricle septum"),
        "epicardium": ("Left ventricle epicardium", "Right ventricle epicardium"),
    },
    rims={
        "LV": {"mitral": "mitral-valve", "aortic": "aortic-valve"},
        "RV": {"tricuspid": "tricuspid-valve", "pulmonary": "pulmonary-valve"},
    },
    vessels={},
    cut=(),
)

# The names of the caps say which vein is which; those of the borders are scrambled.
_ALL: Final = _Extent(
    regions={
        **_VENTRICLES.regions,
        "LA": "Left atrium",
        "RA": "Right atrium",
        "aorta": "Aorta",
        "pulmonary_artery": "Pulmonary artery",
    },
    surfaces={
        "LV_endocardium": _VENTRICLES.surfaces["LV_endocardium"],
        "RV_endocardium": _VENTRICLES.surfaces["RV_endocardium"],
        "LA_endocardium": ("Left atrium endocardium",),
        "RA_endocardium": ("Right atrium endocardium",),
        "epicardium": (
            *_VENTRICLES.surfaces["epicardium"],
            "Left atrium epicardium",
            "Right atrium epicardium",
        ),
    },
    rims={
        **_VENTRICLES.rims,
        "LA": {
            "mitral": "mitral-valve-atrium",
            **{vein: vein.replace("_", "-") for vein in VEINS["LA"][:-1]},
            VEINS["LA"][-1]: "left-atrium-appendage",
        },
        "RA": {
            "tricuspid": "tricuspid-valve-atrium",
            **{vein: vein.replace("_", "-") for vein in VEINS["RA"]},
        },
    },
    vessels={"Aorta wall": "aortic-valve", "Pulmonary artery wall": "pulmonary-valve"},
    cut=("-border", "-inlet"),
)

_EXTENTS: Final = {"ventricles": _VENTRICLES, "all": _ALL}

REGION_ARRAY = "_volume-id"
SURFACE_ARRAY = "_surface-id"
LARGEST_MAP = 1_000_000


def name_map_beside(path: Path) -> Path:
    """Where the name map of a mesh file lies if it has one."""
    return path.with_name(path.name.removesuffix(path.suffix) + ".namemap.json")


def read_four_chamber(
    path: str | Path,
    name_map: str | Path | None = None,
    *,
    name: str | None = None,
    origin: str = "",
    chambers: Chambers = "ventricles",
) -> HeartMesh:
    """Read a PyAnsys-Heart mesh.

    Parameters
    ----------
    path : path
        VTU file in mm.
    name_map : path, optional
        JSON file of names; by default the one beside the mesh.
    name, origin : str
        Name and source of the heart.
    chambers : {"ventricles", "all"}
        Whether atria and great vessels are left out.

    Returns
    -------
    HeartMesh
        Ventricles: regions ``"LV"``, ``"RV"``, ``"septum"``; cavities ``"LV"`` with the rims
        ``"mitral"`` and ``"aortic"``, ``"RV"`` with ``"tricuspid"`` and ``"pulmonary"``; the
        surface ``"base"`` is where atria, vessels and valves were cut off, and the tips of that
        cut are gone.
        All: also the regions ``"LA"``, ``"RA"``, ``"aorta"``, ``"pulmonary_artery"`` and the
        cavities ``"LA"`` and ``"RA"`` with the rims of their inlet valve and of their veins;
        ``"base"`` is where veins and great vessels were cut off.

    Raises
    ------
    MeshError
        If a file cannot be read or a part, surface or valve is missing.
    """
    path = Path(path)
    beside = name_map_beside(path)
    parts, surfaces = _read_names(Path(name_map) if name_map else beside)
    raw = read_raw(path)
    for data, array in ((raw.tet_data, REGION_ARRAY), (raw.triangle_data, SURFACE_ARRAY)):
        if array not in data:
            raise MeshError(
                f"{path.name}: it has no cell array {array!r}, so it is not a PyAnsys-Heart mesh. "
                "Import it with a name map."
            )
    extent = _EXTENTS[chambers]
    tags = raw.tet_data[REGION_ARRAY]
    keep = np.isin(tags, [_number(path.name, parts, part) for part in extent.regions.values()])
    keep[keep] = without_hinges(raw.tets[keep])
    tets = orient(raw.points, raw.tets[keep])
    names = [*extent.surfaces, "base"]
    facets, label = _labelled(path.name, raw, surfaces, extent, tets)
    blunt, facets, label = without_ears(tets, facets, label, names.index("base"), ridges=False)
    keep[keep] = blunt
    used, tets = np.unique(tets[blunt], return_inverse=True)
    place = np.full(len(raw.points), -1)
    place[used] = np.arange(len(used))
    named = {name: place[facets[label == number]] for number, name in enumerate(names)}
    return HeartMesh(
        name=name or path.stem,
        points=raw.points[used],
        tets=tets.reshape(-1, 4),
        regions={
            region: np.flatnonzero(tags[keep] == parts[part])
            for region, part in extent.regions.items()
        },
        surfaces=named,
        cavities=_cavities(path.name, raw, surfaces, extent, place, named),
        origin=origin or f"imported from {path.name}",
    )


def _read_names(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Numbers of parts and of surfaces by name."""
    if not path.is_file():
        raise MeshError(f"{path}: there is no such name map. Keep it beside the mesh or name it.")
    if path.stat().st_size > LARGEST_MAP:
        raise MeshError(f"{path.name}: too large for a name map.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        parts = {str(name): int(key) for key, name in content["_volume_id_to_name"].items()}
        surfaces = {str(name): int(key) for key, name in content["_surface_id_to_name"].items()}
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise MeshError(
            f"{path.name}: not a name map ({type(error).__name__}: {error}). It needs the objects "
            "_volume_id_to_name and _surface_id_to_name."
        ) from error
    return parts, surfaces


def _number(where: str, numbers: dict[str, int], name: str) -> int:
    """Look up the number that a name stands for."""
    if name not in numbers:
        raise MeshError(f"{where}: its name map lacks {name!r}. Known: {', '.join(numbers)}.")
    return numbers[name]


def _triangles(
    where: str, raw: RawMesh, surfaces: dict[str, int], name: str
) -> Int[np.ndarray, "f 3"]:
    """Triangles of one surface in the numbering of the file."""
    found = raw.triangles[raw.triangle_data[SURFACE_ARRAY] == _number(where, surfaces, name)]
    if len(found) == 0:
        raise MeshError(f"{where}: surface {name!r} has no triangles. The mesh is incomplete.")
    return found


def _labelled(
    where: str,
    raw: RawMesh,
    surfaces: dict[str, int],
    extent: _Extent,
    tets: Int[np.ndarray, "c 4"],
) -> tuple[Int[np.ndarray, "f 3"], Int[np.ndarray, " f"]]:
    """Outer triangles and the number of each one's name: then comes base, then no name."""
    facets, _ = boundary(tets)
    base = len(extent.surfaces)
    label = np.full(len(facets), base + 1 if extent.cut else base)

    def places(source: str) -> np.ndarray:
        at = match_facets(_triangles(where, raw, surfaces, source), facets)
        return at[at >= 0]

    for source in surfaces:
        if extent.cut and source.endswith(extent.cut):
            label[places(source)] = base
    for number, (surface, sources) in enumerate(extent.surfaces.items()):
        for source in sources:
            label[places(source)] = number
        if not (label == number).any():
            raise MeshError(f"{where}: no triangle of {surface!r} lies on the heart.")
    for wall, cap in extent.vessels.items():
        at = places(wall)
        start = raw.points[_triangles(where, raw, surfaces, cap)].mean(axis=(0, 1))
        outside, end = tube_sides(raw.points, facets[at], start, name=f"{where}, {wall}")
        label[at[outside]] = list(extent.surfaces).index("epicardium")
        label[at[end]] = base
    return facets, label


def _cavities(
    where: str,
    raw: RawMesh,
    surfaces: dict[str, int],
    extent: _Extent,
    place: np.ndarray,
    named: dict[str, np.ndarray],
) -> dict[str, Cavity]:
    """Chambers with their openings named by the caps that fit them."""

    def edge(cap: str) -> set[int]:
        loops = rims(_triangles(where, raw, surfaces, cap), where=cap)
        return {int(node) for node in place[loops[0]]}

    found = {}
    for chamber, caps in extent.rims.items():
        edges = {rim: edge(cap) for rim, cap in caps.items()}

        def name_rim(_number: int, loop: np.ndarray, edges: dict[str, set[int]] = edges) -> str:
            nodes = set(loop.tolist())
            for rim, fitting in edges.items():
                if nodes == fitting:
                    return rim
            raise MeshError(
                f"{where}: an opening of {len(nodes)} nodes fits none of the caps "
                f"({', '.join(edges)}). Close that hole of the endocardium."
            )

        endocardium = named[f"{chamber}_endocardium"]
        found[chamber] = make_cavity(endocardium, name=f"{where}, {chamber}", name_rim=name_rim)
    return found
