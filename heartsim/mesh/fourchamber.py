"""Imaged four-chamber hearts of PyAnsys-Heart: the ventricles cut out, with valves named.

Such a file holds tetrahedra numbered by part and triangles numbered by surface; a name map beside
it tells what the numbers mean. Its fibers are placeholders and are dropped; the middle nodes of
its valve caps belong to no tetrahedron and are dropped too.
"""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Int

from heartsim.errors import MeshError
from heartsim.mesh.ears import without_ears
from heartsim.mesh.heartmesh import Cavity, HeartMesh
from heartsim.mesh.hinges import without_hinges
from heartsim.mesh.raw import RawMesh, read_raw
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary, make_cavity, match_facets, rims

REGIONS = {"LV": "Left ventricle", "RV": "Right ventricle", "septum": "Septum"}
SURFACES = {
    "LV_endocardium": ("Left ventricle endocardium",),
    "RV_endocardium": ("Right ventricle endocardium", "Right ventricle septum"),
    "epicardium": ("Left ventricle epicardium", "Right ventricle epicardium"),
}
VALVES = {
    "mitral": "mitral-valve",
    "aortic": "aortic-valve",
    "tricuspid": "tricuspid-valve",
    "pulmonary": "pulmonary-valve",
}
CHAMBERS = ("LV", "RV")
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
) -> HeartMesh:
    """Read the ventricles of a PyAnsys-Heart mesh.

    Parameters
    ----------
    path : path
        VTU file in mm.
    name_map : path, optional
        JSON file of names; by default the one beside the mesh.
    name, origin : str
        Name and source of the heart.

    Returns
    -------
    HeartMesh
        Regions ``"LV"``, ``"RV"``, ``"septum"``; cavities ``"LV"`` with the rims ``"mitral"`` and
        ``"aortic"``, ``"RV"`` with ``"tricuspid"`` and ``"pulmonary"``; the surface ``"base"`` is
        where atria, vessels and valves were cut off, and the tips of that cut are gone.

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
    tags = raw.tet_data[REGION_ARRAY]
    keep = np.isin(tags, [_number(path.name, parts, part) for part in REGIONS.values()])
    keep[keep] = without_hinges(raw.tets[keep])
    tets = orient(raw.points, raw.tets[keep])
    facets, label = _labelled(path.name, raw, surfaces, tets)
    blunt, facets, label = without_ears(tets, facets, label, len(SURFACES), ridges=False)
    keep[keep] = blunt
    used, tets = np.unique(tets[blunt], return_inverse=True)
    place = np.full(len(raw.points), -1)
    place[used] = np.arange(len(used))
    names = [*SURFACES, "base"]
    named = {name: place[facets[label == number]] for number, name in enumerate(names)}
    return HeartMesh(
        name=name or path.stem,
        points=raw.points[used],
        tets=tets.reshape(-1, 4),
        regions={
            region: np.flatnonzero(tags[keep] == parts[part]) for region, part in REGIONS.items()
        },
        surfaces=named,
        cavities=_cavities(path.name, raw, surfaces, place, named),
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
    where: str, raw: RawMesh, surfaces: dict[str, int], tets: Int[np.ndarray, "c 4"]
) -> tuple[Int[np.ndarray, "f 3"], Int[np.ndarray, " f"]]:
    """Outer triangles of the ventricles and the number of each one's name; the last is base."""
    facets, _ = boundary(tets)
    label = np.full(len(facets), len(SURFACES))
    for number, (surface, sources) in enumerate(SURFACES.items()):
        for source in sources:
            at = match_facets(_triangles(where, raw, surfaces, source), facets)
            label[at[at >= 0]] = number
        if not (label == number).any():
            raise MeshError(f"{where}: no triangle of {surface!r} lies on the ventricles.")
    return facets, label


def _cavities(
    where: str,
    raw: RawMesh,
    surfaces: dict[str, int],
    place: np.ndarray,
    named: dict[str, np.ndarray],
) -> dict[str, Cavity]:
    """Chambers with their openings named by the valve caps that fit them."""
    edges = {}
    for valve, source in VALVES.items():
        loops = rims(_triangles(where, raw, surfaces, source), where=source)
        edges[valve] = {int(node) for node in place[loops[0]]}

    def name_rim(_number: int, loop: np.ndarray) -> str:
        nodes = set(loop.tolist())
        for valve, edge in edges.items():
            if nodes == edge:
                return valve
        raise MeshError(
            f"{where}: an opening of {len(nodes)} nodes fits none of the valves "
            f"({', '.join(VALVES)}). Close that hole of the endocardium."
        )

    return {
        chamber: make_cavity(
            named[f"{chamber}_endocardium"], name=f"{where}, {chamber}", name_rim=name_rim
        )
        for chamber in CHAMBERS
    }
