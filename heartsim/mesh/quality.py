"""The mesh doctor: what keeps a heart from being simulated, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.clinical import THIN, cells_across, clinical
from heartsim.mesh.heartmesh import TISSUE, VENTRICULAR, HeartMesh
from heartsim.mesh.parts import has_atria
from heartsim.mesh.surfaces import (
    TET_FACES,
    boundary,
    cavity_volume,
    cell_volumes,
    components,
    facet_areas,
    facet_edges,
    group_rows,
    match_facets,
)
from heartsim.units import cm, deg, m, mL, mm, um

MOST_TETS = 5_000_000
HUMAN_CAVITY = (10 * mL, 500 * mL)
HUMAN_WALL = (2 * mm, 40 * mm)


@dataclass(frozen=True)
class Finding:
    """One observation of the doctor.

    Attributes
    ----------
    severity : "error" or "warning"
        An error keeps the heart from being simulated.
    message : str
        What was found, how often, where first, and what to do.
    """

    severity: Literal["error", "warning"]
    message: str


def dihedral_angles(
    points: Float[np.ndarray, "nodes 3"], tets: Int[np.ndarray, "cells 4"]
) -> Float[np.ndarray, "cells 6"]:
    """Angles between the faces of each tetrahedron [rad]."""
    corner = points[tets]
    normals = []
    for face in TET_FACES:
        a, b, c = (corner[:, node] for node in face)
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        normals.append(np.divide(normal, length, out=np.zeros_like(normal), where=length > 0))
    cosines = [
        -np.einsum("ci,ci->c", normals[i], normals[j]) for i in range(4) for j in range(i + 1, 4)
    ]
    return np.arccos(np.clip(np.stack(cosines, axis=1), -1, 1))


def radius_ratios(
    points: Float[np.ndarray, "nodes 3"], tets: Int[np.ndarray, "cells 4"]
) -> Float[np.ndarray, " cells"]:
    """Three times the inner over the outer radius: 1 for a regular cell, 0 for a flat one."""
    corner = points[tets]
    volume = np.abs(cell_volumes(points, tets))
    area = sum(facet_areas(points, tets[:, face]) for face in TET_FACES)

    def length(i: int, j: int) -> Float[np.ndarray, " cells"]:
        return np.linalg.norm(corner[:, i] - corner[:, j], axis=1)

    p, q, r = length(0, 1) * length(2, 3), length(0, 2) * length(1, 3), length(0, 3) * length(1, 2)
    product = np.sqrt(np.maximum((p + q + r) * (p + q - r) * (p - q + r) * (q + r - p), 0))
    bottom = area * product
    return np.divide(216 * volume**2, bottom, out=np.zeros_like(volume), where=bottom > 0)


def examine(mesh: HeartMesh) -> list[Finding]:
    """Examine a heart: findings, errors first.

    Checks that need sound cells are skipped while basic errors stand.
    """
    stages: tuple[tuple[Callable[[HeartMesh], Iterator[Finding]], ...], ...] = (
        (_arrays,),
        (_cells, _fields),
        (_topology, _regions, _shapes),
        (_surfaces, _cavities),
        (_size, _sanity),
    )
    found: list[Finding] = []
    for stage in stages:
        for check in stage:
            found += check(mesh)
        if any(finding.severity == "error" for finding in found):
            break
    return sorted(found, key=lambda finding: finding.severity)


def require_usable(mesh: HeartMesh) -> None:
    """Refuse a heart with errors.

    Raises
    ------
    MeshError
        With every error found.
    """
    errors = [finding.message for finding in examine(mesh) if finding.severity == "error"]
    if errors:
        raise MeshError(f"{mesh.name}: " + "\n".join(errors))


def report(mesh: HeartMesh) -> dict:
    """Summarize a heart for ``heartsim mesh check --json``: sizes, volumes, findings."""
    findings = examine(mesh)
    content: dict = {
        "nodes": len(mesh.points),
        "tets": len(mesh.tets),
        "unit": "mm",
        "cavities": {},
        "wall": {"volume_mL": 0.0, "regions": {}},
        "clinical": {},
        "quality": {"inverted": 0, "worst_radius_ratio": 0.0, "smallest_dihedral_deg": 0.0},
        "findings": [{"severity": f.severity, "message": f.message} for f in findings],
    }
    if any(_arrays(mesh)):
        return content
    volumes = cell_volumes(mesh.points, mesh.tets)
    content["cavities"] = {
        name: {"volume_mL": cavity_volume(mesh.points, cavity) / mL, "rims": sorted(cavity.rims)}
        for name, cavity in mesh.cavities.items()
    }
    content["wall"] = {
        "volume_mL": float(volumes.sum()) / mL,
        "regions": {name: float(volumes[k].sum()) / mL for name, k in mesh.regions.items()},
    }
    content["clinical"] = {
        row.name: {
            "value": round(row.value, 3),
            "unit": row.unit,
            "normal": [row.low, row.high],
            "usual": row.usual,
        }
        for row in clinical(mesh)
    }
    content["quality"] = {
        "inverted": int(np.count_nonzero(volumes <= 0)),
        "worst_radius_ratio": float(radius_ratios(mesh.points, mesh.tets).min()),
        "smallest_dihedral_deg": float(dihedral_angles(mesh.points, mesh.tets).min()) / deg,
    }
    return content


def _error(message: str) -> Finding:
    return Finding("error", message)


def _warning(message: str) -> Finding:
    return Finding("warning", message)


def _first(mask: np.ndarray) -> str:
    """Count and first index of what is marked."""
    return f"{np.count_nonzero(mask)} (first: number {int(np.argmax(mask))})"


def _arrays(mesh: HeartMesh) -> Iterator[Finding]:
    """Shapes, index ranges and finite coordinates: what every other check relies on."""
    if len(mesh.tets) == 0:
        yield _error("no tetrahedra. Mesh the wall with linear tetrahedra.")
        return
    if len(mesh.tets) > MOST_TETS:
        yield _error(
            f"{len(mesh.tets):,} tetrahedra, at most {MOST_TETS:,} fit. Coarsen the mesh, for "
            'example with resolution = "2 mm".'
        )
    groups = {
        "tetrahedra": mesh.tets,
        **{f"triangles of surface {name!r}": facets for name, facets in mesh.surfaces.items()},
        **{f"triangles of cavity {name!r}": c.facets for name, c in mesh.cavities.items()},
    }
    for name, nodes in groups.items():
        wrong = ((nodes < 0) | (nodes >= len(mesh.points))).any(axis=1)
        if wrong.any():
            yield _error(f"{_first(wrong)} {name} use nodes that do not exist. Renumber them.")
    for name, cells in mesh.regions.items():
        wrong = (cells < 0) | (cells >= len(mesh.tets))
        if wrong.any():
            yield _error(f"{_first(wrong)} cells of region {name!r} do not exist. Renumber them.")
    wrong = ~np.isfinite(mesh.points).all(axis=1)
    if wrong.any():
        yield _error(f"{_first(wrong)} nodes have coordinates that are not finite. Export again.")


def _cells(mesh: HeartMesh) -> Iterator[Finding]:
    """Inverted, flat, repeated and badly shaped cells."""
    ordered = np.sort(mesh.tets, axis=1)
    repeated = (np.diff(ordered, axis=1) == 0).any(axis=1)
    if repeated.any():
        yield _error(f"{_first(repeated)} tetrahedra repeat a node. Remove them.")
    _, first, _ = group_rows(ordered)
    double = np.ones(len(ordered), bool)
    double[first] = False
    if double.any():
        yield _error(f"{_first(double)} tetrahedra come twice. Remove the copies.")
    volumes = cell_volumes(mesh.points, mesh.tets)
    inverted = volumes <= 0
    if (volumes < 0).all():
        yield _error("all tetrahedra are inside out. Swap two nodes of each.")
    elif inverted.any():
        yield _error(f"{_first(inverted)} tetrahedra are inverted or flat. Repair the mesh there.")


def _shapes(mesh: HeartMesh) -> Iterator[Finding]:
    """Slivers."""
    smallest = dihedral_angles(mesh.points, mesh.tets).min(axis=1) / deg
    ratio = radius_ratios(mesh.points, mesh.tets)
    hopeless = (smallest < 1) | (ratio < 0.01)
    poor = ~hopeless & ((smallest < 5) | (ratio < 0.05))
    advice = f'smallest angle {smallest.min():.1f}°. Remesh, for example with resolution = "4 mm".'
    if hopeless.any():
        yield _error(f"{_first(hopeless)} tetrahedra are slivers, {advice}")
    if poor.any():
        yield _warning(f"{_first(poor)} tetrahedra are badly shaped, {advice}")


def _topology(mesh: HeartMesh) -> Iterator[Finding]:
    """Faces, edges, parts and stray nodes."""
    try:
        facets, _ = boundary(mesh.tets)
    except MeshError as error:
        yield _error(str(error))
        return
    edges = facet_edges(facets)
    _, first, count = group_rows(edges)
    if (count > 2).any():
        node = int(edges[first[np.argmax(count > 2)], 0])
        yield _warning(
            f"{np.count_nonzero(count > 2)} edges of the outer surface join more than two "
            f"triangles (first at node {node}): parts touch in an edge only, as at a hinge. "
            "Separate or join them."
        )
    part = components(mesh.tets, len(mesh.points))
    if part.max() > 0:
        sizes = np.sort(np.bincount(part))[::-1][:5].tolist()
        yield _warning(f"{part.max() + 1} separate parts of {sizes} cells. Keep the largest only.")
    stray = np.ones(len(mesh.points), bool)
    stray[mesh.tets] = False
    if stray.any():
        yield _warning(f"{_first(stray)} nodes belong to no tetrahedron. Drop them.")


def _regions(mesh: HeartMesh) -> Iterator[Finding]:
    """LV, RV and septum, atria and great vessels share out the cells."""
    present = [name for name in TISSUE if name in mesh.regions]
    if not set(present) & set(VENTRICULAR):
        yield _error(f"no region is called {' or '.join(VENTRICULAR)}. Name the wall.")
        return
    for name, cells in mesh.regions.items():
        if len(cells) == 0:
            yield _error(f"region {name!r} has no cells. Remove or fill it.")
    times = np.zeros(len(mesh.tets), int)
    for name in present:
        np.add.at(times, mesh.regions[name], 1)
    if (times > 1).any():
        yield _error(f"{_first(times > 1)} cells are in two of {present}. Assign each to one.")
    if (times == 0).any():
        yield _error(f"{_first(times == 0)} cells are in none of {present}. Assign them.")


def _surfaces(mesh: HeartMesh) -> Iterator[Finding]:
    """Named surfaces are parts of the outer surface, do not overlap and face outward."""
    facets, _ = boundary(mesh.tets)
    times = np.zeros(len(facets), int)
    for name, triangles in mesh.surfaces.items():
        if len(triangles) == 0:
            yield _error(f"surface {name!r} has no triangles. Name its triangles.")
            continue
        at = match_facets(triangles, facets)
        if (at < 0).any():
            yield _error(
                f"{_first(at < 0)} triangles of {name!r} are not on the outer surface. "
                "Remove caps and inner faces from it."
            )
            continue
        np.add.at(times, at, 1)
        inside_out = ~_same_direction(triangles, facets[at])
        if inside_out.any():
            yield _error(f"{_first(inside_out)} triangles of {name!r} face inward. Flip them.")
    if (times > 1).any():
        yield _error(f"{_first(times > 1)} outer triangles are in two surfaces. Keep one name.")
    if (times == 0).any():
        right = ", as annuli and the lumen of great vessels should" if has_atria(mesh) else ""
        yield _warning(
            f"{_first(times == 0)} outer triangles have no name: they stay free of load{right}."
        )


def _same_direction(a: Int[np.ndarray, "f 3"], b: Int[np.ndarray, "f 3"]) -> np.ndarray:
    """Whether triangles on the same nodes run the same way round."""
    turned = [np.roll(b, shift, axis=1) for shift in range(3)]
    return np.any([(a == other).all(axis=1) for other in turned], axis=0)


def _cavities(mesh: HeartMesh) -> Iterator[Finding]:
    """Chambers are closed by their rims and hold a positive volume."""
    if "LV" not in mesh.cavities:
        yield _error("no cavity 'LV'. Name the triangles 'LV_endocardium' and import again.")
    for name, cavity in mesh.cavities.items():
        surface = f"{name}_endocardium"
        if surface not in mesh.surfaces:
            yield _error(f"cavity {name!r} has no surface {surface!r}. Name its triangles.")
        edges = cavity.facets[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        loops = [np.stack([loop, np.roll(loop, -1)], axis=1) for loop in cavity.rims.values()]
        directed = np.concatenate([edges, *loops])
        order = np.lexsort(directed.T[::-1])
        reverse = directed[:, ::-1]
        back = np.lexsort(reverse.T[::-1])
        if not np.array_equal(directed[order], reverse[back]):
            yield _error(
                f"cavity {name!r} stays open when its rims ({', '.join(cavity.rims) or 'none'}) "
                "are closed. Close the holes of its endocardium or name every opening."
            )
        elif cavity_volume(mesh.points, cavity) <= 0:
            yield _error(f"cavity {name!r} has a negative volume: inside out. Flip its triangles.")


def _size(mesh: HeartMesh) -> Iterator[Finding]:
    """Is this a human heart in millimeters?."""
    volume = cavity_volume(mesh.points, mesh.cavities["LV"])
    low, high = HUMAN_CAVITY
    for name, unit in {"m": m, "cm": cm, "um": um}.items():
        if not low <= volume <= high and low <= volume * unit**3 <= high:
            yield _error(
                f"the LV cavity holds {volume / mL:.3g} mL: the mesh looks like {name}, mm is "
                f"due. Multiply its coordinates by {unit:g} or import it with unit {name}."
            )
            return
    if not low <= volume <= high:
        yield _warning(
            f"the LV cavity holds {volume / mL:.3g} mL; {low / mL:g} to {high / mL:g} mL are "
            "usual for a human heart. Check the unit (mm)."
        )
        return
    skin = sum(float(facet_areas(mesh.points, part).sum()) for part in mesh.surfaces.values())
    thickness = 2 * float(cell_volumes(mesh.points, mesh.tets).sum()) / skin
    if not HUMAN_WALL[0] <= thickness <= HUMAN_WALL[1]:
        yield _warning(f"the wall is {thickness:.2g} mm thick on average. Check the geometry.")


def _sanity(mesh: HeartMesh) -> Iterator[Finding]:
    """Volumes, mass and thickness of the wall against healthy adults and against the cells."""
    for row in clinical(mesh):
        if not row.usual:
            yield _warning(
                f"{row.name} is {row.value:.3g} {row.unit}".rstrip()
                + f", {row.low:g} to {row.high:g} are usual in healthy adults at end-diastole. "
                "Right for a sick heart or another moment; else check unit and cavities."
            )
    across = cells_across(mesh)
    thin = across < THIN
    if thin.any():
        yield _warning(
            f"{np.count_nonzero(thin)} of {len(thin)} endocardial nodes have fewer than {THIN} "
            "cells to the other side of the wall: bending is coarse there. Refine the mesh, or "
            'keep element = "P2P1".'
        )


def _fields(mesh: HeartMesh) -> Iterator[Finding]:
    """Fields are finite, and fibers are unit directions that vary."""
    for name, array in mesh.fields.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            wrong = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
            kind = _error if name in ("fiber", "sheet") else _warning
            yield kind(f"field {name!r} is not finite at {_first(wrong)} places. Drop or fill it.")
    fiber = mesh.fields.get("fiber")
    if fiber is None or not np.isfinite(fiber).all():
        return
    if fiber.shape != (len(mesh.tets), 3):
        yield _error(f"field 'fiber' has shape {fiber.shape}; one direction a cell is due.")
        return
    wrong = np.abs(np.linalg.norm(fiber, axis=1) - 1) > 1e-3
    if wrong.any():
        yield _error(f"{_first(wrong)} fibers are not unit vectors. Generate fibers by a rule.")
    elif len(fiber) > 1 and (np.abs(fiber - fiber[0]) < 1e-9).all():
        yield _error("all fibers are equal: placeholders. Generate fibers by a rule.")
