"""Repairs of a foreign mesh that keep its geometry: what was done is listed, the rest is left."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int

from heartsim.errors import MeshError
from heartsim.mesh.folds import folded, unfolded
from heartsim.mesh.hinges import without_hinges
from heartsim.mesh.pits import missing_cells
from heartsim.mesh.raw import RawMesh
from heartsim.mesh.rows import orient
from heartsim.mesh.smoothing import improve
from heartsim.mesh.surfaces import boundary, cell_volumes, components, group_rows

SMALL_PART = 0.02
"""Share of the volume below which a separate part is debris."""


def mend(name: str, raw: RawMesh) -> tuple[RawMesh, list[str]]:
    """Repair what is safe to repair.

    Coincident nodes are merged, repeated and collapsed cells and debris removed, inverted cells
    turned, single missing cells put back, parts that hang together by an edge separated, nodes of
    no cell dropped.

    Parameters
    ----------
    name : str
        File name, for messages.
    raw : RawMesh
        Content of the file.

    Returns
    -------
    raw : RawMesh
        The repaired mesh; arrays on cells and nodes follow.
    done : list of str
        One sentence for each repair.

    Raises
    ------
    MeshError
        If it has no tetrahedra, or coordinates in use are not finite, or cells overlap.
    """
    if len(raw.tets) == 0:
        raise MeshError(
            f"{name}: it holds {len(raw.triangles)} triangles and no tetrahedra. The wall must be "
            "meshed with tetrahedra: fill it between endocardium and epicardium in your mesher "
            "and import the result."
        )
    wrong = np.logical_not(np.atleast_1d(np.isfinite(raw.points).all(axis=1)))
    if wrong[raw.tets].any():
        raise MeshError(
            f"{name}: {np.count_nonzero(wrong)} nodes have coordinates that are not finite (first: "
            f"number {int(np.argmax(wrong))}). The file is damaged; export it again."
        )
    done: list[str] = []
    raw = _merge_nodes(raw, done)
    raw = _keep(raw, _distinct(raw, done))
    raw = _turn(name, raw, done)
    raw = _keep(raw, _largest(raw, done))
    boundary(raw.tets)  # raises where more than two cells share a face
    raw = _refill(raw, done)
    raw = _keep(raw, _unhinged(raw, done))
    raw = _drop_orphans(raw, done)
    return _relax(raw, done), done


def _keep(raw: RawMesh, cells: Bool[np.ndarray, " cells"]) -> RawMesh:
    """Return the mesh with some of its tetrahedra."""
    if cells.all():
        return raw
    return replace(
        raw,
        tets=raw.tets[cells],
        tet_data={name: array[cells] for name, array in raw.tet_data.items()},
    )


def _merge_nodes(raw: RawMesh, done: list[str]) -> RawMesh:
    """One node for all at the same place."""
    used = np.unique(raw.tets)
    size = float(np.ptp(raw.points[used], axis=0).max())
    if size <= 0:
        return raw
    safe = np.where(np.isfinite(raw.points), raw.points, -1e9 * size)
    place = np.round((safe - raw.points[used].min(axis=0)) / (1e-8 * size))
    place = np.clip(place, -(2**60), 2**60).astype(np.int64)
    group, first, count = group_rows(place)
    doubled = int((count[np.unique(group[used])] > 1).sum())
    if doubled == 0:
        return raw
    target = first[group]
    done.append(f"merged nodes that coincide at {doubled} places")
    return replace(raw, tets=target[raw.tets], triangles=target[raw.triangles])


def _distinct(raw: RawMesh, done: list[str]) -> Bool[np.ndarray, " cells"]:
    """Cells of four different nodes, each once."""
    ordered = np.sort(raw.tets, axis=1)
    proper = (np.diff(ordered, axis=1) > 0).all(axis=1)
    if not proper.all():
        done.append(f"removed {np.count_nonzero(~proper)} tetrahedra that repeat a node")
    once = np.zeros(len(ordered), bool)
    once[group_rows(ordered)[1]] = True
    copies = proper & ~once
    if copies.any():
        done.append(f"removed {np.count_nonzero(copies)} copies of tetrahedra")
    return proper & once


def _turn(name: str, raw: RawMesh, done: list[str]) -> RawMesh:
    """Turn cells that are numbered inside out; put back nodes that fold cells over others."""
    inverted = cell_volumes(raw.points, raw.tets) < 0
    tets = orient(raw.points, raw.tets)
    over = folded(tets)
    numbered = int(np.count_nonzero(inverted & ~over))
    if numbered:
        done.append(f"turned {numbered} of {len(raw.tets)} tetrahedra that were inside out")
    if not over.any():
        return replace(raw, tets=tets)
    tets[over, 2:] = tets[over, :1:-1]
    points = unfolded(raw.points, tets, np.unique(boundary(tets)[0]))
    left = cell_volumes(points, tets) <= 0
    if left.any():
        k = int(np.argmax(left))
        place = ", ".join(f"{x:.4g}" for x in points[tets[k]].mean(axis=0))
        raise MeshError(
            f"{name}: {np.count_nonzero(left)} tetrahedra are folded over their neighbors: nodes "
            f"of the surface were moved through them (first: tetrahedron {k}, around ({place})). "
            "Move these nodes back, or mesh the wall again from its surfaces."
        )
    moved = int((points != raw.points).any(axis=1).sum())
    done.append(f"put back {moved} inner nodes that folded {np.count_nonzero(over)} tetrahedra")
    return replace(raw, points=points, tets=tets)


def _largest(raw: RawMesh, done: list[str]) -> Bool[np.ndarray, " cells"]:
    """Cells that are not debris beside the largest part."""
    part = components(raw.tets, len(raw.points))
    volume = np.bincount(part, weights=np.abs(cell_volumes(raw.points, raw.tets)))
    small = volume < SMALL_PART * volume.sum()
    if small.any():
        done.append(
            f"removed {np.count_nonzero(small)} loose parts of "
            f"{np.count_nonzero(small[part])} tetrahedra"
        )
    return ~small[part]


def _refill(raw: RawMesh, done: list[str]) -> RawMesh:
    """Put back single cells that are missing; each takes the numbers of a neighbor."""
    cells, beside = missing_cells(raw.points, raw.tets)
    if len(cells) == 0:
        return raw
    done.append(f"put back {len(cells)} tetrahedra that were missing inside the wall or at it")
    return replace(
        raw,
        tets=np.concatenate([raw.tets, cells]),
        tet_data={n: np.concatenate([a, a[beside]]) for n, a in raw.tet_data.items()},
    )


def _unhinged(raw: RawMesh, done: list[str]) -> Bool[np.ndarray, " cells"]:
    """Cells without those that hang on by an edge only, if they are few."""
    keep = without_hinges(raw.tets)
    gone = np.count_nonzero(~keep)
    if gone > 0.01 * len(keep):
        return np.ones(len(keep), bool)
    if gone:
        done.append(f"removed {gone} tetrahedra that hung on by an edge")
    return keep


def _drop_orphans(raw: RawMesh, done: list[str]) -> RawMesh:
    """Drop nodes of no tetrahedron, and triangles that use them."""
    used = np.unique(raw.tets)
    if len(used) == len(raw.points):
        return raw
    done.append(f"dropped {len(raw.points) - len(used)} nodes that belong to no tetrahedron")
    place = np.full(len(raw.points), -1)
    place[used] = np.arange(len(used))
    triangles: Int[np.ndarray, "f 3"] = place[raw.triangles]
    whole = (triangles >= 0).all(axis=1)
    return replace(
        raw,
        points=raw.points[used],
        tets=place[raw.tets],
        triangles=triangles[whole],
        triangle_data={name: array[whole] for name, array in raw.triangle_data.items()},
        point_data={name: array[used] for name, array in raw.point_data.items()},
    )


def _relax(raw: RawMesh, done: list[str]) -> RawMesh:
    """Move inner nodes of bad cells; the outer surface stays."""
    facets, _ = boundary(raw.tets)
    points = improve(raw.points, raw.tets, np.unique(facets), poor=0.05)
    moved = int((points != raw.points).any(axis=1).sum())
    if moved == 0:
        return raw
    done.append(f"moved {moved} inner nodes away from badly shaped tetrahedra")
    return replace(raw, points=points)
