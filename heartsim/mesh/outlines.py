"""Surfaces of a heart, in one file or several: which is what, closed over their openings.

Endocardia and epicardium may be open at the valves or closed; or one closed surface goes round the
whole wall, inside and outside. File names tell what is what, else size and shape.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.anatomy import understand_surface
from heartsim.mesh.guesses import Guess, Guesses
from heartsim.mesh.heartmesh import Cavity
from heartsim.mesh.raw import RawMesh
from heartsim.mesh.surfaces import (
    area_vectors,
    cavity_volume,
    compacted,
    components,
    facet_areas,
    group_rows,
    unit_vectors,
)
from heartsim.mesh.voxels import Mouth
from heartsim.units import mm

WORDS = {
    "lid": re.compile(
        r"mitral|aort|tricus|pulm|valve|(?<![a-z])(lid|cap|base)s?(?![a-z])", re.IGNORECASE
    ),
    "outer": re.compile(r"epi|pericard|outer", re.IGNORECASE),
    "wall": re.compile(r"myo|(?<!free)(?<!free.)wall|muscle", re.IGNORECASE),
    "RV": re.compile(r"(?<![a-z])(rv|right)", re.IGNORECASE),
    "LV": re.compile(r"(?<![a-z])(lv|left|endo)", re.IGNORECASE),
}
LEAST_SHARE = 0.02
"""Share of the largest piece below which a piece is debris."""
TEAR = 0.01
"""Share of the area of a surface round the wall up to which a gap in it is closed."""
THICKEST, COVERING = 25 * mm, 0.9
"""Where the outside covers a gap of a lining: within this distance, and along its way out up to an
angle of this cosine."""
SAMPLES = 20
"""Points from the tip to the rim of a cover, and along each edge of the rim."""
COINCIDENT = 1e-6
"""Distance over the size of a surface within which two nodes are one."""


@dataclass(frozen=True)
class Outlines:
    """Closed surfaces of a heart.

    Attributes
    ----------
    points : (n, 3) float
        Nodes, in the unit of the files.
    blood : mapping of chamber to (f, 3)
        Closed surfaces of the cavities, normals out of the blood.
    body : (f, 3)
        Closed surface around all, or around the muscle alone.
    mouths : mapping of chamber to Mouth
        Openings that a chamber came with; none where its surface was closed.
    guesses : list of Guess
        What is what, and why.
    """

    points: Float[np.ndarray, "n 3"]
    blood: Mapping[str, Int[np.ndarray, "f 3"]]
    body: Int[np.ndarray, "f 3"]
    mouths: Mapping[str, Mouth]
    guesses: list[Guess]


def outlines(raws: Mapping[str, RawMesh], known: Guesses) -> Outlines:
    """Find cavities and outside among surfaces.

    Parameters
    ----------
    raws : mapping of file name to RawMesh
        Triangles of each file.
    known : Guesses
        What the user has said.

    Raises
    ------
    MeshError
        If the surfaces do not bound a wall.
    """
    pieces = [piece for name, raw in raws.items() for piece in _pieces(name, raw)]
    points = np.concatenate([raw for _, raw, _ in pieces])
    starts = np.cumsum([0, *(len(p) for _, p, _ in pieces)])
    facets = [f + start for (_, _, f), start in zip(pieces, starts[:-1], strict=True)]
    names = [name for name, _, _ in pieces]
    label = " and ".join(raws) if len(raws) < 4 else f"{len(raws)} files"
    if len(facets) == 1:
        return _whole(label, points, facets[0], known)
    roles, reason = _roles(label, names, points, facets)
    told = ", ".join(f"{role} from {n}" for n, role in zip(names, roles, strict=True))
    own: dict[str, np.ndarray] = {}
    sewn: dict[str, np.ndarray] = {}
    for part in ("LV", "RV", "body"):
        mine = [
            f
            for f, role in zip(facets, roles, strict=True)
            if role == part or (part == "body" and role in ("outer", "wall"))
        ]
        if mine:
            own[part] = _merged(points, np.concatenate(mine))
            points, sewn[part] = closed(label, points, own[part])
    body, skin = sewn.pop("body"), own.pop("body")
    mouths = {
        part: mouth
        for part, lining in own.items()
        if (mouth := _mouth(points, sewn[part][len(lining) :], skin)) is not None
    }
    return Outlines(points, sewn, body, mouths, [Guess("surfaces", told, *reason)])


def _mouth(
    points: Float[np.ndarray, "n 3"], fans: Int[np.ndarray, "f 3"], skin: Int[np.ndarray, "g 3"]
) -> Mouth | None:
    """Points all over the fans that cover a lining, and the mean direction of each fan.

    Where the outside lies above a fan it closes a tear, not an opening.
    """
    tip, fan = np.unique(fans.max(axis=1), return_inverse=True)
    out = np.zeros((len(tip), 3))
    np.add.at(out, fan, area_vectors(points, fans))
    out = unit_vectors(out)
    offset = points[skin].mean(axis=1)[:, None] - points[tip]
    off = np.linalg.norm(offset, axis=2)
    above = (np.einsum("gtx,tx->gt", offset, out) > COVERING * off) & (off < THICKEST)
    bare = ~above.any(axis=0)[fan]
    if not bare.any():
        return None
    one, other = np.sort(fans[bare], axis=1)[:, :2].T
    middle = points[tip[fan[bare]]]
    share = np.linspace(0, 1, SAMPLES)[:, None, None, None]
    along = np.linspace(0, 1, SAMPLES)[:, None, None]
    rim = points[one] + along * (points[other] - points[one])
    places = middle + share * (rim - middle)
    normals = np.broadcast_to(out[fan[bare]], places.shape)
    return Mouth(places.reshape(-1, 3), normals.reshape(-1, 3))


def _pieces(name: str, raw: RawMesh) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Connected pieces of a file, with coincident nodes merged and flat triangles dropped."""
    if len(raw.triangles) == 0:
        raise MeshError(f"{name}: it holds neither tetrahedra nor triangles.")
    points, facets = compacted(raw.points, raw.triangles)
    if not np.isfinite(points).all():
        raise MeshError(f"{name}: some coordinates are not finite. Export it again.")
    points, facets = compacted(points, _merged(points, facets))
    proper = (np.diff(np.sort(facets, axis=1), axis=1) > 0).all(axis=1)
    facets = facets[proper]
    facets = facets[np.sort(group_rows(np.sort(facets, axis=1))[1])]
    if len(facets) < 4:
        raise MeshError(f"{name}: it holds {len(facets)} triangles that are no surface.")
    part = components(facets, len(points))
    area = np.bincount(part, facet_areas(points, facets))
    large = np.flatnonzero(area > LEAST_SHARE * area.max())
    return [(name, *compacted(points, facets[part == number])) for number in large]


def _merged(
    points: Float[np.ndarray, "n 3"], facets: Int[np.ndarray, "f 3"]
) -> Int[np.ndarray, "f 3"]:
    """Facets on one node for all at the same place, as at the seam of a septum and a free wall."""
    used = np.unique(facets)
    own = points[used] - points[used].min(axis=0)
    step = COINCIDENT * max(float(own.max()), 1e-30)
    group, first, _ = group_rows(np.round(own / step).astype(np.int64))
    target = np.zeros(len(points), np.int64)
    target[used] = used[first[group]]
    return target[facets]


def _roles(
    label: str, names: list[str], points: np.ndarray, facets: list[np.ndarray]
) -> tuple[list[str], tuple[float, str]]:
    """What each piece is: by its file's name where that tells, else by size."""
    roles = [next((r for r, w in WORDS.items() if w.search(_stem(n))), "") for n in names]
    if len(set(names)) > 1 and all(roles):
        confidence, reason = 0.95, "by the names of the files"
    else:
        if len(facets) > 3:
            raise MeshError(
                f"{label}: {len(facets)} separate surfaces, and an epicardium with one or two "
                "cavities is due. Name the files after what they are: lv.stl rv.stl epi.stl."
            )
        roles, confidence, reason = _by_shape(label, points, facets)
    if "LV" not in roles or not {"outer", "wall"} & set(roles):
        found = ", ".join(f"{n} as {r or 'unknown'}" for n, r in zip(names, roles, strict=True))
        raise MeshError(
            f"{label}: taken {found}. The LV's endocardium and the epicardium are needed, as "
            "surfaces named so (lv.stl, epi.stl, with rv.stl for a biventricle)."
        )
    return roles, (confidence, reason)


def _by_shape(
    label: str, points: np.ndarray, facets: list[np.ndarray]
) -> tuple[list[str], float, str]:
    """The widest piece is the outside; of two cavities the LV is the rounder, thicker-walled."""
    from scipy.spatial import ConvexHull, KDTree

    span = [np.linalg.norm(np.ptp(points[np.unique(f)], axis=0)) for f in facets]
    outer = int(np.argmax(span))
    roles = ["LV"] * len(facets)
    roles[outer] = "outer"
    inner = [k for k in range(len(facets)) if k != outer]
    if len(inner) == 1:
        return roles, 0.8, "the wider one is the outside"
    outside = KDTree(points[facets[outer]].mean(axis=1))
    wall, full = [], []
    for k in inner:
        distance = np.asarray(outside.query(points[facets[k]].mean(axis=1))[0])
        wall.append(max(float(np.percentile(distance, 35)), 1e-9))
        hull = ConvexHull(points[np.unique(facets[k])]).volume
        full.append(max(enclosed(*closed(label, points, facets[k])) / hull, 1e-3))
    score = np.log(wall) + 2 * np.log(full)
    left, right = (0, 1) if score[0] >= score[1] else (1, 0)
    roles[inner[right]] = "RV"
    sure = float(1 / (1 + np.exp(-5 * abs(score[0] - score[1]))))
    reason = (
        f"the widest is the outside; the wall of the LV is {wall[left] / wall[right]:.1f} times as "
        f"thick as that of the RV, and it fills {full[left]:.0%} of its hull, the RV "
        f"{full[right]:.0%}"
    )
    return roles, round(sure, 2), reason


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]


def _whole(label: str, points: np.ndarray, facets: np.ndarray, known: Guesses) -> Outlines:
    """One surface around the wall: its cavities are found from its shape."""
    area = float(facet_areas(points, facets).sum())
    points, body = closed(label, points, facets)
    gaps = facet_areas(points, body[len(facets) :])
    tips, which = np.unique(body[len(facets) :].max(axis=1), return_inverse=True)
    if len(tips) and np.bincount(which, gaps).max() > TEAR * area:
        raise MeshError(
            f"{label}: one open surface, which bounds no wall (its largest gap has "
            f"{np.bincount(which, gaps).max() / area:.0%} of its area). Give the endocardium of "
            "the LV and the epicardium (and the RV's endocardium), or one closed surface round the "
            "wall."
        )
    anatomy = understand_surface(label, points, body, known)
    blood = {}
    for chamber, cavity in anatomy.cavities.items():
        points, blood[chamber] = closed(label, points, cavity.facets)
    state = f"{len(tips)} small gaps in it were closed" if len(tips) else "it has no rim"
    told = Guess("surfaces", "one closed surface round the wall", 0.9, state)
    return Outlines(points, blood, body, {}, [told, *anatomy.guesses])


def closed(
    name: str, points: Float[np.ndarray, "n 3"], facets: Int[np.ndarray, "f 3"]
) -> tuple[Float[np.ndarray, "m 3"], Int[np.ndarray, "g 3"]]:
    """Cover the openings of a surface with fans, and turn all its triangles outward.

    Raises
    ------
    MeshError
        If its free edges are no loops.
    """
    facets = _agreeing(facets)
    edges = facets[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    group, _, count = group_rows(np.sort(edges, axis=1))
    free = edges[count[group] == 1]
    added, centers = [], []
    for loop in _loops(name, free):
        tip = len(points) + len(centers)
        centers.append(points[loop].mean(axis=0))
        after = np.roll(loop, -1)
        added.append(np.stack([after, loop, np.full(len(loop), tip)], axis=1))
    if centers:
        points = np.concatenate([points, centers])
        facets = np.concatenate([facets, *added])
    if enclosed(points, facets) < 0:
        facets = facets[:, ::-1]
    return points, np.ascontiguousarray(facets)


def enclosed(points: Float[np.ndarray, "n 3"], facets: Int[np.ndarray, "f 3"]) -> float:
    """Volume inside a closed surface; negative if it is inside out."""
    return cavity_volume(points, Cavity(facets, {}))


def _loops(name: str, free: Int[np.ndarray, "e 2"]) -> Sequence[Int[np.ndarray, " n"]]:
    """Join directed free edges to loops."""
    following: dict[int, list[int]] = {}
    for a, b in free.tolist():
        following.setdefault(a, []).append(b)
    loops = []
    while following:
        start = next(iter(following))
        loop, node = [], start
        while True:
            loop.append(node)
            if node not in following:
                raise MeshError(
                    f"{name}: the rim of its surface breaks off at node {node}. Mend it: triangles "
                    "are missing or doubled there."
                )
            after = following[node].pop()
            if not following[node]:
                del following[node]
            node = after
            if node == start:
                break
        loops.append(np.array(loop))
    return loops


def _agreeing(facets: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "f 3"]:
    """Turn triangles so that neighbors agree in orientation."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    edges = facets[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    group, _, count = group_rows(np.sort(edges, axis=1))
    order = np.argsort(group, kind="stable")
    order = order[(count == 2)[group[order]]].reshape(-1, 2)
    one, other = order[:, 0] // 3, order[:, 1] // 3
    against = edges[order[:, 0], 0] == edges[order[:, 1], 0]  # both run the same way: they disagree
    if not against.any():
        return facets
    n = len(facets)
    graph = coo_array((np.where(against, 2, 1), (one, other)), shape=(n, n)).tocsr()
    graph = graph.maximum(graph.T).tocsr()
    flip = np.zeros(n, bool)
    _, part = connected_components(graph, directed=False)
    for first in np.unique(part, return_index=True)[1]:
        seen, before = breadth_first_order(graph, int(first), directed=False)
        for k in seen[1:].tolist():
            flip[k] = flip[before[k]] ^ (graph[before[k], k] == 2)
    return np.where(flip[:, None], facets[:, ::-1], facets)
