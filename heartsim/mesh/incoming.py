"""A foreign mesh becomes a heart: mended, understood, named, in millimeters, with its reasons."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.anatomy import Anatomy, understand
from heartsim.mesh.filling import USUAL_RV_WALL, fill
from heartsim.mesh.foreign import LENGTHS
from heartsim.mesh.guesses import Guess, Guesses
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.labelmap import LabelMap, roles
from heartsim.mesh.mending import mend
from heartsim.mesh.outlines import enclosed, outlines
from heartsim.mesh.raw import RawMesh, read_raw
from heartsim.mesh.regions import wall_regions
from heartsim.mesh.surfaces import cell_volumes
from heartsim.mesh.voxels import Mouth, Voxels, from_labels, from_surfaces
from heartsim.units import cm, deg, m, mm, um

HUMAN_SPAN = (50 * mm, 400 * mm)
"""Diagonal of the box around the ventricles, from a small heart to a giant one."""
FIBER_NAMES = {
    "fiber": ("fiber", "fibers", "fibre", "fibres", "f0", "f_0", "fib", "fiberdirection"),
    "sheet": ("sheet", "sheets", "s0", "s_0", "sheetdirection"),
}
USUAL_EDGE = 4 * mm
SURFACE_CUBES = 1 * mm
SMALLEST_SPREAD = 1 * deg


@dataclass(frozen=True)
class Incoming:
    """A foreign mesh as it was understood.

    Attributes
    ----------
    heart : HeartMesh
        In mm, with names.
    anatomy : Anatomy
        The same conclusions on the outer surface, in mm.
    guesses : list of Guess
        What was concluded, how surely, and why.
    repairs : list of str
        What was mended on the way.
    inverted : int
        Inverted or flat cells in the file, before mending.
    meshed : bool
        Whether the tetrahedra were made here, to the edge length asked for.
    """

    heart: HeartMesh
    anatomy: Anatomy
    guesses: list[Guess]
    repairs: list[str]
    inverted: int
    meshed: bool = False


def bring_in(
    path: str | Path | Sequence[str | Path],
    known: Guesses | None = None,
    *,
    edge: float | None = None,
) -> Incoming:
    """Read a heart in any known format and find its anatomy from its shape.

    Parameters
    ----------
    path : path, or several
        Tetrahedra of a wall; a segmentation; or surfaces of cavities and outside, in one file or
        in several. Names and tags are not needed.
    known : Guesses, optional
        What the user knows better.
    edge : float, optional
        Edge length to mesh with where there are no tetrahedra yet [mm]; `USUAL_EDGE` by default.

    Raises
    ------
    MeshError
        If a file cannot be read or its anatomy cannot be found.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    known = known or Guesses()
    raws = {one.name: read_raw(one) for one in paths}
    if len(raws) < len(paths):
        raise MeshError(f"{len(paths)} files have {len(raws)} names. Rename those that are alike.")
    first = next(iter(raws.values()))
    edge = USUAL_EDGE if edge is None else edge
    if any("labels" in raw.field_data for raw in raws.values()):
        if len(raws) > 1:
            raise MeshError(
                f"{', '.join(raws)}: one of these files is a segmentation, which comes alone. "
                "Import it alone."
            )
        return _from_labels(paths[0], first, known, edge)
    if len(first.tets) == 0 and len(first.triangles):
        return _from_surfaces(paths, raws, known, edge)
    if len(raws) > 1:
        raise MeshError(f"{paths[0].name}: it has tetrahedra, so that it must come alone.")
    return _from_tets(paths[0], first, known)


def _from_tets(path: Path, stored: RawMesh, known: Guesses) -> Incoming:
    """Name the parts of a wall of tetrahedra."""
    raw, repairs = mend(path.name, stored)
    unit = _unit(path, raw.points[np.unique(raw.tets)], known.unit)
    points = raw.points * LENGTHS[unit.value]
    anatomy = understand(path.name, points, raw.tets, known)
    fields, notes = _fields(raw)
    if split := int(stored.field_data.get("split", [0])[0]):
        reason = "hexahedra, wedges and pyramids are cut into tetrahedra, alike on both sides"
        notes.append(Guess("cells", f"{split} cut", 1.0, reason))
    heart = HeartMesh(
        name=path.stem,
        points=points,
        tets=raw.tets,
        regions=wall_regions(points, raw.tets, anatomy),
        surfaces={
            name: anatomy.facets[anatomy.label == name]
            for name in (*(f"{c}_endocardium" for c in anatomy.cavities), "epicardium", "base")
        },
        cavities=anatomy.cavities,
        fields=fields,
        origin=f"imported from {path.name}, parts found from its shape",
    )
    inverted = int(np.count_nonzero(cell_volumes(stored.points, stored.tets) <= 0))
    return Incoming(heart, anatomy, [unit, *anatomy.guesses, *notes], repairs, inverted)


def _from_labels(path: Path, raw: RawMesh, known: Guesses, edge: float) -> Incoming:
    """Mesh the wall of a segmentation."""
    affine = np.array(raw.field_data["affine"], float)
    unit = Guess("unit", "mm", 1.0, "the header of the image says how large a voxel is")
    if known.unit is not None:
        affine[:3] *= LENGTHS[known.unit]
        unit = Guess("unit", known.unit, 1.0, "named by the user")
    image = LabelMap(raw.field_data["labels"], affine)
    meaning = roles(path.name, image, known.labels)
    size = float(image.spacing.prod())
    volumes = {name: np.count_nonzero(mask) * size for name, mask in meaning.blood.items()}
    return _filled(
        path.name, from_labels(image, meaning), known, edge, volumes, [unit, meaning.guess]
    )


def _from_surfaces(
    paths: list[Path], raws: Mapping[str, RawMesh], known: Guesses, edge: float
) -> Incoming:
    """Mesh the wall between surfaces."""
    every = np.concatenate([raw.points[np.unique(raw.triangles)] for raw in raws.values()])
    unit = _unit(paths[0], every, known.unit)
    scale = LENGTHS[unit.value]
    scaled = {name: replace(raw, points=raw.points * scale) for name, raw in raws.items()}
    found = outlines(scaled, known)
    volumes = {name: enclosed(found.points, facets) for name, facets in found.blood.items()}
    name = paths[0].name if len(paths) == 1 else paths[0].parent.resolve().name

    def made(mouths: Mapping[str, Mouth]) -> Incoming:
        voxels = from_surfaces(found.points, found.blood, found.body, SURFACE_CUBES, mouths=mouths)
        return _filled(name, voxels, known, edge, volumes, [unit, *found.guesses])

    try:
        return made({})
    except MeshError as error:
        # a gap of a lining is not always an opening, so that those count only where all else fails
        if not found.mouths:
            raise
        told = Guess("blood", "ends at the gaps of its surfaces", 0.6, "else no heart was found")
        found.guesses.append(told)
        try:
            return made(found.mouths)
        except MeshError:
            raise error from None


def _filled(
    name: str,
    voxels: Voxels,
    known: Guesses,
    edge: float,
    volumes: Mapping[str, float],
    guesses: list[Guess],
) -> Incoming:
    """Mesh voxels, and say how long it took."""
    start = time.process_time()
    wall = USUAL_RV_WALL if known.rv_wall is None else known.rv_wall
    made = fill(name, voxels, known, edge=edge, volumes=volumes, rv_wall=wall)
    spent = time.process_time() - start
    meshed = Guess(
        "tetrahedra",
        f"{len(made.heart.tets)} of {edge:g} mm",
        1.0,
        f"meshed in {spent:.0f} s of processor time",
    )
    return Incoming(made.heart, made.anatomy, [*guesses, *made.notes, meshed], [], 0, meshed=True)


def _unit(path: Path, points: Float[np.ndarray, "n 3"], given: str | None) -> Guess:
    """Unit of the coordinates: said, or the convention of the format, or the one that fits."""
    if given is not None:
        if given not in LENGTHS:
            raise MeshError(f"{path.name}: unit {given!r} is not known. Use one of {[*LENGTHS]}.")
        return Guess("unit", given, 1.0, "named by the user")
    span = float(np.linalg.norm(np.ptp(points, axis=0)))
    low, high = HUMAN_SPAN
    if path.suffix.lower() in (".pts", ".elem") and low <= span * um <= high:
        return Guess("unit", "um", 1.0, "openCARP's convention, and the size fits a human heart")
    for name, unit in {"mm": mm, "cm": cm, "m": m, "um": um}.items():
        if low <= span * unit <= high:
            reason = f"it spans {span:.4g}, and only in {name} is that a human heart"
            return Guess("unit", name, 0.95, reason)
    raise MeshError(
        f"{path.name}: it spans {span:.4g} from corner to corner, which is no human heart in mm, "
        f"cm, m or um ({low:g} to {high:g} mm are expected). Name its unit: --unit mm."
    )


def _fields(raw: RawMesh) -> tuple[dict[str, np.ndarray], list[Guess]]:
    """Fibers and sheets as cell fields where they are real; all else under its own name."""
    fields: dict[str, np.ndarray] = {}
    notes: list[Guess] = []
    for group, place in ((raw.tet_data, "cells"), (raw.point_data, "nodes")):
        for name, array in group.items():
            role = next((r for r, names in FIBER_NAMES.items() if name.lower() in names), None)
            if role is not None and array.ndim == 2 and array.shape[1] == 3 and role not in fields:
                directions, trouble = _directions(raw.tets, array, on_nodes=place == "nodes")
                if trouble:
                    notes.append(Guess(role, "dropped", 1.0, f"{name!r} on {place}: {trouble}"))
                else:
                    fields[role] = directions
                    notes.append(Guess(role, "kept", 1.0, f"unit directions {name!r} on {place}"))
            elif array.dtype.kind in "fiu" and len(array) in (len(raw.tets), len(raw.points)):
                fields[f"imported {name}"] = array
    if "fiber" not in fields:
        fields.pop("sheet", None)
    return fields, notes


def _directions(
    tets: Int[np.ndarray, "cells 4"], array: Float[np.ndarray, "n 3"], *, on_nodes: bool
) -> tuple[Float[np.ndarray, "cells 3"], str]:
    """One unit direction a cell, and what is wrong with them, if anything.

    A direction has no sign: those of the nodes are averaged as the main axis of the sum of f f^T.
    """
    length = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(array).all() or (length < 1e-6).any():
        return array, "some directions are zero or not finite"
    unit = array / length
    if on_nodes:
        corner = unit[tets]
        _, axes = np.linalg.eigh(np.einsum("cni,cnj->cij", corner, corner))
        unit = axes[:, :, -1]
    if len(unit) > 1 and (np.abs(unit @ unit[0]) > np.cos(SMALLEST_SPREAD)).all():
        return unit, "all directions are equal: placeholders"
    return unit, ""
