from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.errors import MeshError, SurfaceNotFound
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.microstructure.coordinates import coordinates
from tests.microstructure.conftest import ROTATION, mirrored, moved, renumbered

FIELDS = ("left", "right", "outer", "transmural", "transventricular", "apicobasal", "ascent")


def test_surfaces_carry_their_values(pair, pair_position):
    where = pair_position
    outer = np.unique(pair.surface("epicardium"))
    inner = np.setdiff1d(pair.surface("LV_endocardium"), outer)
    right = np.setdiff1d(pair.surface("RV_endocardium"), outer)
    assert_allclose(where.left[inner], 1)
    assert_allclose(where.right[right], 1)
    assert_allclose(where.outer[outer], 1)
    assert_allclose(where.left + where.right + where.outer, 1, atol=1e-9)
    assert_allclose(where.apicobasal[np.unique(pair.surface("base"))], 1)
    assert where.apicobasal[where.apex] == 0
    assert_allclose(where.transventricular[inner], 0)
    assert_allclose(where.transventricular[right], 1)


def test_apex_is_the_tip(left, left_position, pair, pair_position):
    assert_allclose(left.points[left_position.apex], [0, 0, -20], atol=1e-9)
    assert_allclose(left_position.axis.apex, [0, 0, -17], atol=1e-9)
    assert_allclose(left_position.axis.direction, [0, 0, 1], atol=1e-6)
    assert pair.points[pair_position.apex, 2] == pair.points[:, 2].min()


def test_septum_is_crossed_once(pair, pair_position):
    """Depth runs from the left to the right endocardium, with nothing in between."""
    where = pair_position
    septal = np.unique(pair.tets[pair.region("septum")])
    assert_allclose(where.transmural[septal], 1 - where.left[septal])
    right = np.setdiff1d(pair.tets[pair.region("RV")], pair.tets[pair.region("LV")])
    right = np.setdiff1d(right, septal)
    assert_allclose(where.transmural[right], where.outer[right])


def test_right_ventricle_is_septal(pair_position):
    """The generator puts the right ventricle at +x and mirrors nothing: anterior is +y."""
    assert_allclose(pair_position.axis.septum, [1, 0, 0], atol=0.03)
    assert_allclose(pair_position.axis.anterior, [0, 1, 0], atol=0.03)


def test_climb_is_even_along_the_wall(human):
    """Apicobasal against the arc length of the middle of the wall."""
    where = coordinates(human)
    middle = np.abs(where.transmural - 0.5) < 0.2
    u = np.linspace(np.pi, np.arccos(20 / 75), 2000)
    x, z = 28 * np.sin(u), 75 * np.cos(u)
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    expected = np.interp(human.points[middle, 2], z, arc / arc[-1])
    assert_allclose(where.apicobasal[middle], expected, atol=0.06)


@pytest.mark.parametrize("change", [moved, renumbered])
def test_motion_and_numbering_change_nothing(pair, pair_position, change):
    other = change(pair)
    where = coordinates(other)
    place = np.empty(len(pair.points), int)
    place[pair.tets] = other.tets
    for name in FIELDS:
        new = getattr(where, name)[place]
        assert_allclose(new, getattr(pair_position, name), atol=1e-7, err_msg=name)


def test_axis_turns_with_the_heart(pair, pair_position):
    axis = coordinates(moved(pair)).axis
    assert_allclose(axis.septum, ROTATION @ pair_position.axis.septum, atol=1e-7)
    assert_allclose(axis.anterior, ROTATION @ pair_position.axis.anterior, atol=1e-7)


def test_mirror_swaps_anterior_and_inferior(pair, pair_position):
    axis = coordinates(mirrored(pair)).axis
    assert_allclose(axis.septum, pair_position.axis.septum * [-1, 1, 1], atol=1e-7)
    assert_allclose(axis.anterior, -pair_position.axis.anterior * [-1, 1, 1], atol=1e-7)


def test_septum_of_a_lone_left_ventricle_is_a_choice():
    mesh = left_ventricle(3.0)
    assert_allclose(coordinates(mesh).axis.septum, [1, 0, 0], atol=1e-6)
    assert_allclose(coordinates(mesh, septum=(0.0, -2.0, 1.0)).axis.septum, [0, -1, 0], atol=1e-6)
    with pytest.raises(MeshError, match="along the long axis"):
        coordinates(mesh, septum=(0.0, 0.0, 1.0))


def test_missing_surface_is_named(left):
    bare = {name: f for name, f in left.surfaces.items() if name != "epicardium"}
    with pytest.raises(SurfaceNotFound, match="'epicardium' is not a surface of left_ventricle"):
        coordinates(replace(left, surfaces=bare))
