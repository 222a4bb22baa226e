"""A wall of tetrahedra between blood and outside, from cubes that say what is blood and muscle.

The wall is where one continuous function is negative: the greatest of the distance to the outside,
the depth in each cavity, and the height above the lids. A lid is where blood ends bare, without
muscle: a valve, or the plane in which the heart was cut. Which of them is the greatest on a facet
of the wall tells what the facet is. Where the muscle is thinner than a given wall, or was not drawn
at all, as the right free wall often is not, it is completed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.anatomy import Anatomy, open_chambers, unpinched
from heartsim.mesh.exposure import cheapest_cut, connected, neighbors
from heartsim.mesh.guesses import Guess, Guesses
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.hinges import without_hinges
from heartsim.mesh.lids import Lids, find_lids
from heartsim.mesh.regions import wall_regions
from heartsim.mesh.remesh import remeshed, with_volumes
from heartsim.mesh.smoothing import comb, improve
from heartsim.mesh.stuffing import stuff
from heartsim.mesh.surfaces import (
    boundary,
    cell_volumes,
    compacted,
    components,
    facet_areas,
    facet_normals,
)
from heartsim.mesh.voxels import Voxels, signed_distance
from heartsim.units import mL

LEAST_WALL = 2.5
"""Thinnest wall that is meshed [mm]."""
USUAL_RV_WALL = 3.5
"""Wall put over a right ventricle that was segmented without one [mm]."""
FINE, COARSE = 1.4, 3.0
SMOOTHING = 1.0
POOR = 0.2
RESTORING_PASSES = 6


@dataclass(frozen=True)
class Filled:
    """A wall made of voxels.

    Attributes
    ----------
    heart : HeartMesh
        In mm, with names.
    anatomy : Anatomy
        Its outer surface.
    notes : list of Guess
        What was completed or left out on the way.
    """

    heart: HeartMesh
    anatomy: Anatomy
    notes: list[Guess]


def fill(
    name: str,
    voxels: Voxels,
    known: Guesses,
    *,
    edge: float,
    volumes: Mapping[str, float],
    rv_wall: float = USUAL_RV_WALL,
) -> Filled:
    """Mesh the wall around cavities.

    Parameters
    ----------
    name : str
        File name, for messages.
    voxels : Voxels
        Blood and muscle.
    known : Guesses
        Names of openings, from the user.
    edge : float
        Edge length of the cells [mm].
    volumes : mapping of chamber to float
        Volumes that the cavities should hold [mm³].
    rv_wall : float
        Thickness of the right free wall where the image shows none [mm].

    Raises
    ------
    MeshError
        If a cavity has no opening, or the wall falls apart.
    """
    voxels = _tidied(voxels)
    lids = find_lids(name, voxels)
    spacing = float(np.clip(0.55 * edge, FINE, COARSE))
    fields = _Fields(voxels, lids, volumes, spacing, rv_wall)
    extent = (np.array(voxels.wall.shape) - 1) * voxels.edge
    points, tets = stuff(fields.level, np.zeros(3), extent, spacing)
    tets = tets[_one_piece(name, tets, points)]
    tets = tets[without_hinges(tets)]
    points, tets = compacted(points, tets)
    facets, _ = boundary(tets)
    label = _labels(points, facets, fields)
    points = voxels.to_world(points / voxels.edge)
    anatomy = _anatomy(name, points, facets, label, known)
    heart = _heart(name, points, tets, anatomy)
    walls = {} if fields.wall_volume is None else {"ventricles": fields.wall_volume}
    heart = with_volumes(heart, volumes, walls, passes=RESTORING_PASSES)
    heart = _smoothed(remeshed(heart, edge))
    heart = with_volumes(heart, volumes, walls, passes=RESTORING_PASSES)
    anatomy = _reread(name, heart, known)
    heart = replace(heart, regions=wall_regions(heart.points, heart.tets, anatomy))
    return Filled(heart, anatomy, [*_notes(fields, lids), *anatomy.guesses])


def _tidied(voxels: Voxels) -> Voxels:
    """One piece of blood for each chamber; islands in it are filled."""
    from scipy.ndimage import binary_fill_holes, label

    def largest(mask: np.ndarray) -> np.ndarray:
        part, count = cast(tuple[np.ndarray, int], label(mask))
        return part == 1 + np.argmax(np.bincount(part.ravel())[1:]) if count > 1 else mask

    blood = {chamber: largest(mask) for chamber, mask in voxels.blood.items()}
    body = binary_fill_holes(replace(voxels, blood=blood).body)
    muscle = np.asarray(body) & ~np.logical_or.reduce([*blood.values()])
    part, count = cast(tuple[np.ndarray, int], label(muscle))
    size = np.bincount(part.ravel(), minlength=count + 1)
    size[0] = 0
    wall = (size >= 0.02 * size.max())[part] & (part > 0)
    for chamber, mask in blood.items():
        blood[chamber] = binary_fill_holes(mask) & ~wall
    return replace(voxels, blood=blood, wall=wall)


class _Fields:
    """The functions whose greatest value bounds the wall, on the cubes [mm]."""

    def __init__(
        self,
        voxels: Voxels,
        lids: Lids,
        volumes: Mapping[str, float],
        spacing: float,
        rv_wall: float,
    ):
        from scipy.ndimage import gaussian_filter

        def smooth(mask: np.ndarray) -> np.ndarray:
            return gaussian_filter(signed_distance(mask, voxels.edge), SMOOTHING)

        self.edge, self.lids = voxels.edge, lids
        self.chambers = tuple(voxels.blood)
        least = max(LEAST_WALL, 1.25 * spacing)
        self.walls = {k: max(rv_wall, least) if k in lids.bare else least for k in self.chambers}
        blood = [smooth(mask) for mask in voxels.blood.values()]
        body = smooth(voxels.body)
        blood = [
            _shifted(field, volumes[chamber], voxels.edge)
            for chamber, field in zip(self.chambers, blood, strict=True)
        ]
        thick = [b - self.walls[k] for k, b in zip(self.chambers, blood, strict=True)]
        outer = np.minimum.reduce([body, *thick])
        near = np.minimum.reduce(blood) < max(self.walls.values()) + 2 * voxels.edge
        cut = lids.cut(near, max(self.walls.values()) + 2 * voxels.edge)
        self.parts = [outer, *(-b for b in blood), cut]
        level = np.maximum.reduce(self.parts)
        drawn = np.maximum.reduce([body, *(-b for b in blood)])
        self.completed = float(np.count_nonzero((level < 0) & (drawn > 0)) * voxels.edge**3)
        wall = float(np.count_nonzero(voxels.wall) * voxels.edge**3)
        self.wall_volume = wall if self.completed < 0.01 * wall else None
        self._level = level

    def level(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Value of the function that is negative in the wall."""
        return self.at(self._level, points)

    def at(self, field: np.ndarray, points: np.ndarray) -> Float[np.ndarray, " n"]:
        """Value of one function between the cubes."""
        from scipy.ndimage import map_coordinates

        return map_coordinates(field, (points / self.edge).T, order=1, mode="nearest")


def _shifted(field: np.ndarray, volume: float, edge: float) -> np.ndarray:
    """Field moved by a constant, so that it is negative in a given volume."""
    for _ in range(3):
        share = np.clip(0.5 - field / edge, 0, 1)
        area = np.count_nonzero(np.abs(field) < edge / 2) * edge**2
        field = field - (volume - float(share.sum()) * edge**3) / max(area, 1.0)
    return field


def _one_piece(name: str, tets: np.ndarray, points: np.ndarray) -> Bool[np.ndarray, " cells"]:
    """Mark the largest piece, which must be nearly all."""
    part = components(tets, len(points))
    volume = np.bincount(part, weights=cell_volumes(points, tets))
    keep = int(np.argmax(volume))
    if volume[keep] < 0.9 * volume.sum():
        raise MeshError(
            f"{name}: the wall falls into {np.count_nonzero(volume > 0.02 * volume.sum())} pieces. "
            "Close the gaps of the muscle in the segmentation, or give a shorter edge."
        )
    return part == keep


def _labels(
    points: np.ndarray, facets: Int[np.ndarray, "facets 3"], fields: _Fields
) -> Int[np.ndarray, " facets"]:
    """Name of each outer facet as a number: 0 epicardium, 1, 2 chambers, last the base."""
    centers = points[facets].mean(axis=1)
    value = np.stack([fields.at(part, centers) for part in fields.parts])
    label = np.zeros(len(facets), np.int64)
    last = len(fields.parts) - 1
    for number in range(1, last):
        lead = value[number] - np.delete(value, number, axis=0).max(axis=0)
        lining = cheapest_cut(points, facets, np.clip(lead / fields.edge, -2, 2), weight=1.0)
        lining = unpinched(facets, lining & (label == 0))
        part = connected(facets, lining)
        areas = facet_areas(points, facets)
        size = np.bincount(part[lining], weights=areas[lining])
        label[lining & (part == np.argmax(size))] = number
    outside = np.flatnonzero(label == 0)
    shell = facets[outside]
    leaning = fields.lids.flatness(centers[outside], facet_normals(points, shell))
    leaning = np.where(value[last, outside] > value[0, outside], 1.0, leaning)
    base = cheapest_cut(points, shell, leaning, weight=0.4)
    label[outside[base]] = last
    return label


def _anatomy(
    name: str,
    points: np.ndarray,
    facets: np.ndarray,
    label: Int[np.ndarray, " facets"],
    known: Guesses,
) -> Anatomy:
    """Anatomy of labelled facets."""
    count = int(label.max()) - 1
    names = np.array(["epicardium", *("LV", "RV")[:count], "base"])
    chambers = ("LV", "RV")[:count]
    linings = {chamber: facets[label == k] for k, chamber in enumerate(chambers, start=1)}
    outside = facets[(label == 0) | (label == count + 1)]
    cavities, (up, apex), guesses = open_chambers(name, points, linings, outside, known)
    words = np.array([f"{n}_endocardium" if n in cavities else n for n in names])
    return Anatomy(facets, words[label], cavities, apex, up, guesses)


def _heart(name: str, points: np.ndarray, tets: np.ndarray, anatomy: Anatomy) -> HeartMesh:
    """Name everything."""
    return HeartMesh(
        name=name.split(".")[0],
        points=points,
        tets=tets,
        regions={},
        surfaces={
            n: anatomy.facets[anatomy.label == n]
            for n in (*(f"{c}_endocardium" for c in anatomy.cavities), "epicardium", "base")
        },
        cavities=anatomy.cavities,
        origin=f"wall meshed by heartsim from {name}",
    )


def _smoothed(heart: HeartMesh) -> HeartMesh:
    """Straighten the rims, and better the worst cells."""
    facets = np.concatenate([*heart.surfaces.values()])
    label = np.repeat(np.arange(len(heart.surfaces)), [len(f) for f in heart.surfaces.values()])
    points = comb(heart.points, heart.tets, facets, label)
    pairs = neighbors(facets)
    rim = np.unique(pairs[label[pairs[:, 0]] != label[pairs[:, 1]], 2:])
    points = improve(points, heart.tets, np.unique(facets))
    return heart.with_points(improve(points, heart.tets, rim, poor=POOR))


def _reread(name: str, heart: HeartMesh, known: Guesses) -> Anatomy:
    """Anatomy of the finished mesh."""
    facets = np.concatenate([*heart.surfaces.values()])
    words = np.repeat([*heart.surfaces], [len(part) for part in heart.surfaces.values()])
    order = ["epicardium", *(f"{c}_endocardium" for c in heart.cavities), "base"]
    label = np.array([order.index(word) for word in words])
    return _anatomy(name, heart.points, facets, label, known)


def _notes(fields: _Fields, lids: Lids) -> list[Guess]:
    """What was completed, and how many openings were seen."""
    notes = [
        Guess(
            f"{chamber} base",
            f"{lids.area[chamber] / 100:.1f} cm2 open",
            0.9,
            f"blood ends there without muscle, in {lids.count[chamber]} places",
        )
        for chamber in fields.chambers
    ]
    if lids.bare:
        wall = fields.walls["RV"]
        notes.append(
            Guess("RV wall", f"{wall:.1f} mm", 0.4, "no muscle is drawn there, so it was put on")
        )
    elif fields.completed > 0:
        least = min(fields.walls.values())
        reason = f"{fields.completed / mL:.1f} mL were added where the muscle is thinner"
        notes.append(Guess("thinnest wall", f"{least:.1f} mm", 0.7, reason))
    return notes
