import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.surfaces import (
    boundary,
    cavity_volume,
    components,
    facet_normals,
    lid,
    lid_area,
    make_cavity,
    match_facets,
    rims,
    surface_areas,
    vertex_normals,
)

TET = np.array([[0, 1, 2, 3]])
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)


def test_boundary_faces_outward():
    facets, cells = boundary(TET)
    normals = facet_normals(CORNERS, facets)
    outward = CORNERS[facets].mean(axis=1) - CORNERS.mean(axis=0)
    assert (np.einsum("fi,fi->f", normals, outward) > 0).all()
    assert cells.tolist() == [0, 0, 0, 0]


def test_boundary_refuses_three_cells_on_a_face():
    tets = np.array([[0, 1, 2, 3], [0, 1, 2, 4], [0, 1, 2, 5]])
    with pytest.raises(MeshError, match="more than two tetrahedra"):
        boundary(tets)


def test_match_ignores_order_and_reports_absence():
    others = np.array([[4, 2, 9], [1, 2, 3]])
    assert match_facets(np.array([[3, 1, 2], [2, 9, 4], [7, 8, 9]]), others).tolist() == [1, 0, -1]


def test_rim_closes_the_surface_with_its_orientation():
    heart = left_ventricle(3)
    cavity = heart.cavities["LV"]
    loop = cavity.rims["base"]
    corner = lid(heart.points, loop)
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert (normal[:, 2] > 0).all()
    assert lid_area(heart.points, loop) == pytest.approx(np.pi * 49 * (1 - 25 / 289), rel=0.05)


def test_cavity_volume_ignores_translation_and_changes_sign_inside_out():
    heart = left_ventricle(3)
    cavity = heart.cavities["LV"]
    volume = cavity_volume(heart.points, cavity)
    assert volume > 0
    moved = heart.points + np.array([100, -50, 7])
    assert cavity_volume(moved, cavity) == pytest.approx(volume, rel=1e-12)
    mirrored = heart.points * np.array([-1, 1, 1])
    assert cavity_volume(mirrored, cavity) == pytest.approx(-volume, rel=1e-12)


def test_cavity_volume_of_a_cut_corner_is_exact():
    facets, _ = boundary(TET)
    open_facets = facets[~(facets != 0).all(axis=1)]
    cavity = make_cavity(open_facets[:, ::-1])
    assert cavity_volume(CORNERS, cavity) == pytest.approx(1 / 6, rel=1e-12)


def test_closed_surface_has_no_rim():
    facets, _ = boundary(TET)
    assert rims(facets) == []
    with pytest.raises(MeshError, match="no opening"):
        make_cavity(facets, name="LV")


def test_two_openings_need_names():
    heart = left_ventricle(3)
    endocardium = heart.surfaces["LV_endocardium"]
    apex = np.argmin(heart.points[:, 2] + 1e3 * (heart.points[:, 2] < -18))
    holed = endocardium[~(endocardium == apex).any(axis=1)]
    assert len(holed) < len(endocardium)
    with pytest.raises(MeshError, match="2 openings"):
        make_cavity(holed, name="LV")
    named = make_cavity(holed, name_rim=lambda number, _: ("mitral", "hole")[number])
    assert set(named.rims) == {"mitral", "hole"}


def test_touching_openings_are_refused():
    bow_tie = np.array([[0, 1, 2], [0, 3, 4]])
    with pytest.raises(MeshError, match="touch at node 0"):
        rims(bow_tie)


def test_vertex_normals_follow_the_ellipsoid():
    heart = left_ventricle(1.5)
    normals = vertex_normals(heart.points, heart.surfaces["epicardium"])
    inside = np.setdiff1d(
        np.unique(heart.surfaces["epicardium"]), np.unique(heart.surfaces["base"])
    )
    exact = heart.points[inside] / np.array([100, 100, 400])
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    assert np.einsum("ni,ni->n", normals[inside], exact).min() > 0.99


def test_components_are_told_apart():
    assert components(np.array([[0, 1, 2, 3], [4, 5, 6, 7], [3, 8, 9, 10]]), 11).tolist() == [
        0,
        1,
        0,
    ]


def test_areas_are_named():
    heart = left_ventricle(2)
    areas = surface_areas(heart.points, heart.surfaces)
    assert areas["base"] == pytest.approx(np.pi * (100 * 15 / 16 - 49 * (1 - 25 / 289)), rel=0.02)
