"""Carries out what operations planned on the unloaded wall: pare it, cut pieces out, lay seams.

Operations only plan, on the whole wall and its landmarks, so that they commute; knives come last.
Cells that are cut out leave the mesh. The alternative, ghosts without stiffness, is unsound here:
closing the hole squeezes its cells to no volume, which an incompressible wall cannot follow.

The cut edges are drawn together by strands of rest length 0 (`heartsim.fem.cable`), and a hole that
is not sewn shut, like one that is, ends its blood chamber with a lid over the edge.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import CUT_RIM, Cavity, HeartMesh
from heartsim.mesh.surfaces import (
    boundary,
    components,
    facet_edges,
    group_rows,
    match_facets,
    rims,
)

PARED: Final = "pared"
"""Node field of moves that pare the wall [mm]; gone when they are made."""

MOST_TRIMS: Final = 20

_Loop = Int[np.ndarray, " k"]


def carried_out(mesh: HeartMesh) -> HeartMesh:
    """Heart after all planned cuts; the same object if none is planned.

    Raises
    ------
    MeshError
        If a cut leaves no clean edge, or reaches a valve.
    """
    if PARED in mesh.fields:
        mesh = _pared(mesh)
    if not mesh.cuts:
        return mesh
    gone = np.unique(np.concatenate([cut.cells for cut in mesh.cuts.values()]))
    keep = _trimmed(mesh, gone)
    rest = _without(mesh, keep)
    return _sewn(rest, _edges(mesh, rest, keep), mesh)


def clean_cut(mesh: HeartMesh, cells: _Loop) -> _Loop:
    """Cells that must go with some cells so that the edge of the cut touches itself nowhere.

    Raises
    ------
    MeshError
        If there is no such cut nearby.
    """
    return np.flatnonzero(~_trimmed(mesh, cells))


def _pared(mesh: HeartMesh) -> HeartMesh:
    """Heart whose surface lies deeper, in the unloaded and in the imaged shape."""
    fields = dict(mesh.fields)
    move = fields.pop(PARED)
    if "imaged_position" in fields:
        fields["imaged_position"] = fields["imaged_position"] + move
    return replace(mesh, points=mesh.points + move, fields=fields)


def _trimmed(mesh: HeartMesh, gone: _Loop) -> Bool[np.ndarray, " cells"]:
    """Cells that stay: one piece, with edges that touch themselves nowhere."""
    keep = np.ones(len(mesh.tets), bool)
    keep[gone] = False
    owners = _owners(mesh)
    for _ in range(MOST_TRIMS):
        part = components(mesh.tets[keep], len(mesh.points))
        keep[np.flatnonzero(keep)[part != np.bincount(part).argmax()]] = False
        pinched = _pinched(mesh, keep, owners)
        if not len(pinched):
            return keep
        keep &= ~np.isin(mesh.tets, pinched).any(axis=1)
    raise MeshError(
        f"{mesh.name}: the cut leaves no clean edge. Make it smaller or larger, or refine the mesh."
    )


def _pinched(
    mesh: HeartMesh, keep: Bool[np.ndarray, " cells"], owners: Mapping[str, _Loop]
) -> _Loop:
    """Nodes at which the edge of a cut meets itself on a surface."""
    found = []
    for name, facets in mesh.surfaces.items():
        left = facets[keep[owners[name]]]
        sides = facet_edges(left)
        _, first, count = group_rows(sides)
        ends, times = np.unique(sides[first[count == 1]], return_counts=True)
        found.append(ends[times > 2])
    return np.unique(np.concatenate(found))


def _owners(mesh: HeartMesh) -> dict[str, _Loop]:
    """Cell behind each triangle of each surface."""
    outer, cell = boundary(mesh.tets)
    return {name: cell[match_facets(facets, outer)] for name, facets in mesh.surfaces.items()}


def _without(mesh: HeartMesh, keep: Bool[np.ndarray, " cells"]) -> HeartMesh:
    """Heart of the cells that stay, its nodes numbered anew."""
    nodes, owners = np.unique(mesh.tets[keep]), _owners(mesh)
    node, cell = np.full(len(mesh.points), -1), np.full(len(mesh.tets), -1)
    node[nodes], cell[keep] = np.arange(len(nodes)), np.arange(keep.sum())
    outer, behind = boundary(mesh.tets)
    cavities = {}
    for name, chamber in mesh.cavities.items():
        left = chamber.facets[keep[behind[match_facets(chamber.facets, outer)]]]
        cavities[name] = Cavity(node[left], _named(mesh, name, left, node))
    cables = {name: node[ends] for name, ends in mesh.cables.items()}
    return replace(
        mesh,
        points=mesh.points[nodes],
        tets=node[mesh.tets[keep]],
        regions={name: cell[own][cell[own] >= 0] for name, own in mesh.regions.items()},
        surfaces={n: node[facets[keep[owners[n]]]] for n, facets in mesh.surfaces.items()},
        cavities=cavities,
        fields={name: _kept(values, mesh, nodes, keep) for name, values in mesh.fields.items()},
        cables={name: ends[(ends >= 0).all(axis=1)] for name, ends in cables.items()},
        cuts={},
    )


def _kept(values: np.ndarray, mesh: HeartMesh, nodes: _Loop, keep: np.ndarray) -> np.ndarray:
    return values[keep] if len(values) == len(mesh.tets) else values[nodes]


def _named(
    mesh: HeartMesh, name: str, facets: Int[np.ndarray, "f 3"], node: _Loop
) -> Mapping[str, _Loop]:
    """Rims of what is left of a chamber: those it had, and the edges of cuts."""
    old = {frozenset(loop.tolist()): rim for rim, loop in mesh.cavities[name].rims.items()}
    named: dict[str, _Loop] = {}
    for loop in rims(facets, where=f"{name} after the cut"):
        rim = old.pop(frozenset(loop.tolist()), f"{CUT_RIM} {len(named)}")
        named[rim] = node[loop]
    if old:
        lost = ", ".join(old.values())
        raise MeshError(f"{mesh.name}: the cut reaches the {lost} rim. Keep it away from valves.")
    return named


def _edges(
    mesh: HeartMesh, rest: HeartMesh, keep: Bool[np.ndarray, " cells"]
) -> dict[str, list[_Loop]]:
    """New edges on endocardium and epicardium that belong to each cut."""
    kept = np.unique(mesh.tets[keep])
    touched = {
        name: np.searchsorted(kept, np.intersect1d(kept, mesh.tets[cut.cells]))
        for name, cut in mesh.cuts.items()
    }
    inner = [
        loop
        for chamber in rest.cavities.values()
        for rim, loop in chamber.rims.items()
        if rim.startswith(CUT_RIM)
    ]
    before = {frozenset(loop.tolist()) for loop in rims(mesh.surface("epicardium"))}
    loops = rims(rest.surface("epicardium"), where="epicardium after the cut")
    outer = [loop for loop in loops if frozenset(kept[loop].tolist()) not in before]
    edges: dict[str, list[_Loop]] = {name: [] for name in touched}
    for loop in (*inner, *outer):
        share = {name: np.isin(loop, nodes).mean() for name, nodes in touched.items()}
        edges[max(share, key=lambda name: share[name])].append(loop)
    return edges


def _sewn(rest: HeartMesh, edges: Mapping[str, list[_Loop]], mesh: HeartMesh) -> HeartMesh:
    """Heart with the strands that close each cut."""
    for name, cut in mesh.cuts.items():
        if not edges[name]:
            raise MeshError(
                f"{mesh.name}: the cuts {' and '.join(mesh.cuts)} meet. Keep them apart."
            )
        if cut.closure == "patch":
            ends = _around(edges[name][0])
        else:
            ends = np.concatenate([seam(rest.points[loop], loop) for loop in edges[name]])
        rest = rest.with_cable(name, ends)
    return rest


def _around(loop: _Loop) -> Int[np.ndarray, "k 2"]:
    """Strands of a patch: its hem along an edge, and its cloth across."""
    hem = np.column_stack([loop, np.roll(loop, -1)])
    half = len(loop) // 2
    across = np.column_stack([loop[:half], loop[half : 2 * half]])
    return np.concatenate([hem, across])


def seam(place: Float[np.ndarray, "n 3"], loop: _Loop) -> Int[np.ndarray, "k 2"]:
    """Pairs of nodes across an edge that a straight seam along its longest way joins."""
    middle = place - place.mean(axis=0)
    along = middle @ np.linalg.svd(middle, full_matrices=False)[2][0]
    first, last = int(np.argmin(along)), int(np.argmax(along))
    order = np.roll(np.arange(len(loop)), -first)
    turn = int(np.flatnonzero(order == last)[0])
    banks = [order[: turn + 1], np.append(order[turn:], order[0])[::-1]]
    share = [_fractions(place[bank]) for bank in banks]
    pairs = set()
    for own, other in ((0, 1), (1, 0)):
        for node, at in zip(banks[own][1:-1], share[own][1:-1], strict=True):
            across = int(banks[other][np.argmin(np.abs(share[other] - at))])
            pairs.add((min(int(node), across), max(int(node), across)))
    return loop[np.array(sorted(pairs), int).reshape(-1, 2)]


def _fractions(line: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, " k"]:
    """Share of a line's length up to each of its points."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    return np.append(0.0, np.cumsum(steps)) / steps.sum()
