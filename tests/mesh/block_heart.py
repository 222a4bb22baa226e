"""A four-chamber heart of blocks, written as PyAnsys-Heart writes its own.

Each block is a cube of 6 mm cut into six tetrahedra. Ventricles stand side by side with a roof in
which all four valves are windows; the atria lie behind the two great vessels on that roof.
"""

import itertools
import json
from pathlib import Path

import meshio
import numpy as np

from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary, rims

EDGE = 6.0
PARTS = {
    "Left ventricle": 1,
    "Right ventricle": 2,
    "Left atrium": 3,
    "Right atrium": 4,
    "Aorta": 5,
    "Pulmonary artery": 6,
    "Septum": 7,
}
SHAPE = (19, 12, 13)
VEINS = {
    "left-superior-pulmonary-vein": (2, 10),
    "left-inferior-pulmonary-vein": (2, 7),
    "right-superior-pulmonary-vein": (8, 10),
    "right-inferior-pulmonary-vein": (8, 7),
    "left-atrium-appendage": (5, 9),
    "superior-vena-cava": (14, 9),
    "inferior-vena-cava": (17, 7),
}
WINDOWS = {
    "mitral-valve": (slice(4, 7), slice(7, 10)),
    "tricuspid-valve": (slice(13, 16), slice(7, 10)),
    "aortic-valve": (slice(4, 7), slice(2, 5)),
    "pulmonary-valve": (slice(13, 16), slice(2, 5)),
}
CAVITIES = {
    "Left ventricle": (slice(2, 9), slice(1, 11), slice(2, 6)),
    "Right ventricle": (slice(11, 18), slice(1, 11), slice(2, 6)),
    "Left atrium": (slice(2, 9), slice(7, 11), slice(8, 12)),
    "Right atrium": (slice(11, 18), slice(7, 11), slice(8, 12)),
}
VOLUMES = {"LV": 7 * 10 * 4, "RV": 7 * 10 * 4, "LA": 7 * 4 * 4, "RA": 7 * 4 * 4}
"""Blocks in each cavity."""


def blocks() -> tuple[np.ndarray, np.ndarray]:
    """Part of each block, 0 where there is none; and what fills the holes."""
    part = np.zeros(SHAPE, int)
    part[:, :, :7] = PARTS["Right ventricle"]
    part[:9, :, :7] = PARTS["Left ventricle"]
    part[9:11, :, :6] = PARTS["Septum"]
    part[1:10, 6:, 7:] = PARTS["Left atrium"]
    part[10:, 6:, 7:] = PARTS["Right atrium"]
    part[3:8, 1:6, 7:] = PARTS["Aorta"]
    part[12:17, 1:6, 7:] = PARTS["Pulmonary artery"]
    fill = np.full(SHAPE, "", dtype=object)
    for chamber, where in CAVITIES.items():
        fill[where] = chamber
    for valve, (x, y) in WINDOWS.items():
        above = 8 if valve in ("mitral-valve", "tricuspid-valve") else 7
        fill[x, y, 6:above] = valve
        if above == 7:
            fill[x, y, 7:] = valve + " lumen"
    for vein, (x, y) in VEINS.items():
        fill[x, y, 12] = vein
    part[fill != ""] = 0
    return part, fill


def block_heart() -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Points, named triangles with their caps, tetrahedra, and the part of each."""
    part, fill = blocks()
    corner = np.stack(np.meshgrid(*(np.arange(n + 1) for n in SHAPE), indexing="ij"), -1)
    number = np.arange(corner[..., 0].size).reshape(corner.shape[:3])
    tets, owner = [], []
    for order in itertools.permutations(range(3)):
        step = np.zeros(3, int)
        path = [step.copy()]
        for axis in order:
            step[axis] += 1
            path.append(step.copy())
        ends = [
            number[tuple(slice(s, s + n) for s, n in zip(at, SHAPE, strict=True))] for at in path
        ]
        tets.append(np.stack([end[part > 0] for end in ends], -1))
        owner.append(part[part > 0])
    points = corner.reshape(-1, 3) * EDGE
    tets = orient(points, np.concatenate(tets))
    used, tets = np.unique(tets, return_inverse=True)
    points, tets, owner = points[used], tets.reshape(-1, 4), np.concatenate(owner)
    facets, cells = boundary(tets)
    names = _names(points, facets, owner[cells], fill)
    surfaces = {name: facets[names == name] for name in np.unique(names) if name}
    return *_with_caps(points, surfaces), tets, owner


def _names(points, facets, owner, fill) -> np.ndarray:
    """Name of each outer triangle, from its part and what lies in front of it."""
    normal = np.cross(*np.moveaxis(np.diff(points[facets], axis=1), 1, 0))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    at = np.floor((points[facets].mean(1) + normal * EDGE / 3) / EDGE).astype(int)
    inside = ((at >= 0) & (at < SHAPE)).all(axis=1)
    front = np.full(len(facets), "", dtype=object)
    front[inside] = fill[tuple(at[inside].T)]
    part = {number: name for name, number in PARTS.items()}
    names = np.full(len(facets), "", dtype=object)
    for k, (who, what) in enumerate(zip(owner, front, strict=True)):
        name = part[who]
        if name in ("Aorta", "Pulmonary artery"):
            names[k] = f"{name} wall"
        elif what in CAVITIES:
            septal = what == "Right ventricle" and name == "Septum"
            names[k] = "Right ventricle septum" if septal else f"{what} endocardium"
        elif what in VEINS:
            names[k] = f"interface_{name.lower().replace(' ', '-')}-myocardium_{what}-inlet"
        elif what in WINDOWS:
            names[k] = f"interface_{name.lower().replace(' ', '-')}-myocardium_{what}-plane"
        elif what == "" and name != "Septum":
            names[k] = f"{name} epicardium"
    top = at[:, 2] == SHAPE[2]
    for vein, (x, y) in VEINS.items():
        near = (np.abs(at[:, :2] - [x, y]) <= 1).all(axis=1)
        names[top & near] = f"{vein}-border"
    return names


def _with_caps(points, surfaces) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Add the discs that close the chambers, each around a new node."""
    caps = {
        "Left ventricle": ("mitral-valve", "aortic-valve"),
        "Right ventricle": ("tricuspid-valve", "pulmonary-valve"),
        "Left atrium": ("mitral-valve-atrium", *list(VEINS)[:5]),
        "Right atrium": ("tricuspid-valve-atrium", *list(VEINS)[5:]),
    }
    center = {
        **{
            name: [(s.start + s.stop) / 2 for s in window] + [6] for name, window in WINDOWS.items()
        },
        **{name: [x + 0.5, y + 0.5, 12] for name, (x, y) in VEINS.items()},
    }
    for valve in ("mitral-valve", "tricuspid-valve"):
        center[f"{valve}-atrium"] = [*center[valve][:2], 8]
    for chamber, names in caps.items():
        lining = [surfaces[f"{chamber} endocardium"]]
        if chamber == "Right ventricle":
            lining.append(surfaces["Right ventricle septum"])
        for loop in rims(np.concatenate(lining)):
            middle = points[loop].mean(axis=0)
            name = min(names, key=lambda cap: np.linalg.norm(np.array(center[cap]) * EDGE - middle))
            tip = np.full(len(loop), len(points))
            surfaces[name] = np.stack([loop, np.roll(loop, -1), tip], axis=1)
            points = np.concatenate([points, middle[None]])
    return points, surfaces


def write_block_heart(folder: Path) -> Path:
    """Write the mesh and its name map; returns the mesh file."""
    points, surfaces, tets, owner = block_heart()
    number = {name: 1001 + k for k, name in enumerate(surfaces)}
    triangles = np.concatenate(list(surfaces.values()))
    tags = np.repeat(list(number.values()), [len(f) for f in surfaces.values()]).astype(float)
    path = folder / "blocks.vtu"
    meshio.write(
        path,
        meshio.Mesh(
            points,
            [("triangle", triangles), ("tetra", tets)],
            cell_data={
                "_volume-id": [np.zeros(len(triangles), int), owner],
                "_surface-id": [tags, np.full(len(tets), np.nan)],
            },
        ),
    )
    names = {
        "_volume_id_to_name": {str(k): name for name, k in PARTS.items()},
        "_surface_id_to_name": {str(k): name for name, k in number.items()},
    }
    (folder / "blocks.namemap.json").write_text(json.dumps(names), encoding="utf-8")
    return path
