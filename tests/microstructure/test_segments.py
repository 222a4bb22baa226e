import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from heartsim.errors import InputError, RegionNotFound
from heartsim.microstructure.coordinates import coordinates, left_wall
from heartsim.microstructure.segments import (
    aha_segments,
    by_segments,
    infarct,
    sphere,
    wall_distance,
)
from tests.microstructure.conftest import moved, renumbered


@pytest.fixture(scope="module")
def human_position(human):
    return coordinates(human)


@pytest.fixture(scope="module")
def human_aha(human, human_position):
    return aha_segments(human, position=human_position)


def volumes(mesh):
    corner = mesh.points[mesh.tets]
    return np.linalg.det(corner[:, 1:] - corner[:, :1]) / 6


def pieces(mesh, cells):
    """Number of pieces that some cells form, joined by shared nodes."""
    tets = mesh.tets[cells]
    rows = np.repeat(np.arange(len(cells)), 4)
    member = coo_matrix((np.ones(len(rows)), (rows, tets.ravel()))).tocsr()
    return connected_components(member @ member.T)[0]


def test_thirds_share_the_wall_as_in_autopsy(human, human_aha):
    """Basal 42, mid 36, apical with the cap 21 % of the mass [Cerqueira et al. 2002]; ± 6."""
    share = np.bincount(human_aha, volumes(human), 18) / volumes(human).sum()
    assert_allclose(
        [share[1:7].sum(), share[7:13].sum(), share[13:].sum()], [0.42, 0.36, 0.21], atol=0.08
    )
    assert share[0] == 0
    assert np.all(share[1:] > 0.02)


def test_segments_lie_where_their_names_say(human, human_aha):
    """Base at +z, septum at +x: anterior is +y."""
    middle = np.array([human.points[human.tets[human_aha == k]].mean((0, 1)) for k in range(1, 18)])
    angle = np.degrees(np.arctan2(middle[:, 1], middle[:, 0])) % 360
    six = [90, 30, 330, 270, 210, 150]
    assert_allclose(angle[:12], six * 2, atol=6)
    assert_allclose((angle[12:16] + 45) % 360, [135, 45, 315, 225], atol=6)
    assert middle[16, 2] == middle[:, 2].min()
    assert middle[:6, 2].min() > middle[6:12, 2].max()


def test_right_ventricle_has_no_segment(pair, pair_position):
    aha = aha_segments(pair, position=pair_position)
    assert np.all(aha[pair.region("RV")] == 0)
    assert set(aha[left_wall(pair)]) == set(range(1, 18))
    septal = by_segments(pair, aha, (2, 3, 8, 9, 14))
    assert np.isin(septal, pair.region("septum")).mean() > 0.8


@pytest.mark.parametrize("change", [moved, renumbered])
def test_segments_belong_to_the_heart(pair, pair_position, change):
    """But for cells cut by a boundary to within rounding."""
    same = aha_segments(change(pair)) == aha_segments(pair, position=pair_position)
    assert same.mean() > 0.99


def test_segments_by_number(human, human_aha):
    cells = by_segments(human, human_aha, (1, 7))
    assert set(human_aha[cells]) == {1, 7}
    with pytest.raises(RegionNotFound, match=r"AHA segments \[18\] are not in left_ventricle"):
        by_segments(human, human_aha, (1, 18))


def test_sphere_takes_centroids(human):
    cells = sphere(human, (28.0, 0.0, 0.0), 12.0)
    distance = np.linalg.norm(human.points[human.tets].mean(1) - [28, 0, 0], axis=1)
    assert set(cells) == set(np.flatnonzero(distance <= 12))
    with pytest.raises(RegionNotFound, match="nearest cell is"):
        sphere(human, (0.0, 0.0, 0.0), 5.0)


def test_distance_along_the_wall_is_the_meridian(human, human_position, human_aha):
    """From the apex, against the arc length of the ellipsoid through the same depth."""
    tip = by_segments(human, human_aha, (17,))
    center = human.points[human.tets[tip]].mean(1)
    seed = int(tip[np.argmin(np.linalg.norm(center - [0, 0, -75], axis=1))])
    distance = wall_distance(human, seed, position=human_position)
    x = human.points[human.tets].mean(1)
    middle = np.abs(human_position.transmural[human.tets].mean(1) - 0.5) < 0.2
    u = np.linspace(np.pi, 1.2, 2000)
    r, z = 28 * np.sin(u), 75 * np.cos(u)
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(r), np.diff(z)))])
    expected = np.interp(x[middle, 2], z, arc)
    assert np.sqrt(np.mean((distance[middle] - expected) ** 2)) < 2.5


@pytest.mark.parametrize("segment", [4, 13, 17])
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.35])
def test_infarct_holds_its_fraction(human, human_position, segment, fraction):
    volume = volumes(human)
    found = infarct(human, fraction=fraction, center_segment=segment, position=human_position)
    assert volume[found.core].sum() / volume.sum() == pytest.approx(fraction, abs=0.002)
    assert pieces(human, found.core) == 1
    assert not np.isin(found.border, found.core).any()
    assert np.all((found.weight > 0) & (found.weight <= 1))


def test_infarct_is_transmural(human, human_position):
    """Inner and outer third of the wall take the same share of the core as of the heart."""
    core = infarct(human, center_segment=12, position=human_position).core
    depth = human_position.transmural[human.tets].mean(1)
    volume = volumes(human)
    edges = [0, 1 / 3, 2 / 3, 1]
    inside, whole = (np.histogram(depth[c], edges, weights=volume[c])[0] for c in (core, ...))
    assert_allclose(inside / inside.sum(), whole / whole.sum(), atol=0.05)


def test_border_zone_has_its_width(human, human_position):
    """A border twice as wide holds about twice the volume; none without a width."""
    volume = volumes(human)
    thin, thick = (
        volume[infarct(human, fraction=0.1, border=w, position=human_position).border].sum()
        for w in (5.0, 10.0)
    )
    assert 1.7 < thick / thin < 2.8
    assert len(infarct(human, border=0.0, position=human_position).border) == 0


def test_infarct_spares_the_right_ventricle(pair, pair_position):
    volume = volumes(pair)
    found = infarct(pair, center_segment=8, position=pair_position)
    wall = left_wall(pair)
    assert np.all(wall[found.core])
    assert np.all(wall[found.border])
    share = volume[found.core].sum() / volume[wall].sum()
    assert share == pytest.approx(0.2, abs=0.002)
    assert pieces(pair, found.core) == 1


def test_impossible_infarcts_are_refused(human):
    with pytest.raises(InputError, match=r"fraction = 1\.2"):
        infarct(human, fraction=1.2)
    with pytest.raises(RegionNotFound, match="AHA segments"):
        infarct(human, center_segment=0)
