"""Teeth of a cut surface are taken off, and nothing else."""

import numpy as np
import pytest

from heartsim.mesh.box import box
from heartsim.mesh.ears import without_ears
from heartsim.mesh.surfaces import (
    boundary,
    cell_volumes,
    facet_edges,
    group_rows,
    match_facets,
)

CUT, KEPT = 1, 0


@pytest.fixture
def sawn():
    """A block sawn through cell by cell on a slant: points, cells, surface and its parts."""
    mesh = box((6.0, 5.0, 4.0), (12, 10, 8))
    whole, _ = boundary(mesh.tets)
    middle = mesh.points[mesh.tets].mean(axis=1)
    tets = mesh.tets[middle @ [0.21, 0.13, 1.0] < 3.1]
    facets, _ = boundary(tets)
    label = np.where(match_facets(facets, whole) < 0, CUT, KEPT)
    return mesh.points, tets, facets, label


def test_no_cell_lies_in_the_cut_with_three_faces_afterwards(sawn):
    _, tets, facets, label = sawn
    assert (bare(tets, facets, label) == 3).any()
    keep, facets, label = without_ears(tets, facets, label, CUT)
    tets = tets[keep]
    own, all_bare = bare(tets, facets, label), bare(tets, facets, np.full(len(facets), CUT))
    assert not ((own == 3) & (all_bare == 3)).any()


def test_what_is_left_has_a_closed_surface_of_fewer_facets(sawn):
    points, tets, facets, label = sawn
    keep, new, parts = without_ears(tets, facets, label, CUT)
    left = tets[keep]
    outer, _ = boundary(left)
    assert (match_facets(outer, new) >= 0).all()
    _, _, count = group_rows(facet_edges(new))
    assert (count == 2).all()
    assert np.count_nonzero(parts == CUT) < np.count_nonzero(label == CUT)
    lost = 1 - cell_volumes(points, left).sum() / cell_volumes(points, tets).sum()
    assert 0 < lost < 0.1


def test_other_parts_of_the_surface_keep_every_facet(sawn):
    _, tets, facets, label = sawn
    _, new, parts = without_ears(tets, facets, label, CUT)
    kept, before = new[parts == KEPT], facets[label == KEPT]
    assert len(kept) == len(before)
    assert (match_facets(kept, before) >= 0).all()


def test_no_hollows_touch_where_teeth_were(sawn):
    """The surface stays a sphere: a tooth whose removal would open a handle stays."""
    _, tets, facets, label = sawn
    _, new, _ = without_ears(tets, facets, label, CUT)
    edges = np.unique(facet_edges(new), axis=0)
    assert len(np.unique(new)) - len(edges) + len(new) == 2


def test_an_image_may_keep_its_ridges_and_loses_its_tips(sawn):
    _, tets, facets, label = sawn
    all_teeth, _, _ = without_ears(tets, facets, label, CUT)
    tips, new, parts = without_ears(tets, facets, label, CUT, ridges=False)
    assert all_teeth.sum() < tips.sum() < len(tets)
    assert (bare(tets[tips], new, parts) == 2).any()


def test_a_smooth_cut_loses_nothing():
    mesh = box((3.0, 2.0, 1.0), (6, 4, 2))
    facets, _ = boundary(mesh.tets)
    top = (mesh.points[facets][:, :, 2] > 1.0 - 1e-9).all(axis=1)
    keep, _, label = without_ears(mesh.tets, facets, np.where(top, CUT, KEPT), CUT)
    assert keep.all()
    assert np.count_nonzero(label == CUT) == np.count_nonzero(top)


def bare(tets, facets, label):
    """Faces of each cell in the cut."""
    outer, owner = boundary(tets)
    own = label[match_facets(outer, facets)] == CUT
    return np.bincount(owner[own], minlength=len(tets))
