import math

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.box import box
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.quality import dihedral_angles, examine
from heartsim.mesh.surfaces import cavity_volume, facet_areas, wall_volume

CAVITY, WALL = 2492.1273, 3234.7344  # closed form, mm³


def truncated(short: float, long: float, base: float) -> float:
    """Volume of an ellipsoid of revolution below the plane z = base."""
    return math.pi * short**2 * (2 * long / 3 + base - base**3 / (3 * long**2))


def test_default_is_the_published_shape():
    assert truncated(7, 17, 5) == pytest.approx(CAVITY, rel=1e-6)
    assert truncated(10, 20, 5) - truncated(7, 17, 5) == pytest.approx(WALL, rel=1e-6)


def test_volumes_converge_with_order_two():
    edges = np.array([2.0, 1.4, 1.0])
    hearts = [left_ventricle(edge) for edge in edges]
    cavity = [1 - cavity_volume(h.points, h.cavities["LV"]) / CAVITY for h in hearts]
    wall = [1 - wall_volume(h.points, h.tets) / WALL for h in hearts]
    for error in (cavity, wall):
        order = np.polyfit(np.log(edges), np.log(error), 1)[0]
        assert order == pytest.approx(2, abs=0.15)


def test_surface_nodes_lie_on_the_ellipsoids():
    heart = left_ventricle(2)
    for name, (short, long) in {"LV_endocardium": (7, 17), "epicardium": (10, 20)}.items():
        x, y, z = heart.points[np.unique(heart.surfaces[name])].T
        level = (x**2 + y**2) / short**2 + z**2 / long**2
        np.testing.assert_allclose(level, 1, rtol=1e-12)
    assert (heart.points[np.unique(heart.surfaces["base"]), 2] == 5).all()


@pytest.mark.parametrize("layers", [1, 3])
def test_layers_are_counted_through_the_wall(layers):
    heart = left_ventricle(3, layers=layers)
    rim = heart.cavities["LV"].rims["base"]
    assert len(heart.points) % (layers + 1) == 0
    assert len(heart.surfaces["base"]) == 2 * layers * len(rim)


@pytest.mark.parametrize("edge", [5, 3, 2, 1.5])
def test_cells_are_well_shaped(edge):
    heart = left_ventricle(edge)
    assert np.degrees(dihedral_angles(heart.points, heart.tets)).min() > 25


def test_apex_node_is_on_the_axis():
    heart = left_ventricle(2)
    low = heart.points[np.argmin(heart.points[:, 2])]
    np.testing.assert_allclose(low, [0, 0, -20], atol=1e-12)


def test_human_size_passes_the_doctor(human_left):
    assert {finding.severity for finding in examine(human_left)} <= {"warning"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"edge": 0},
        {"edge": math.nan},
        {"edge": 2, "layers": 0},
        {"edge": 2, "epicardium": (6, 20)},
        {"edge": 2, "base": 18},
    ],
)
def test_shapes_that_are_no_shell_are_refused(arguments):
    with pytest.raises(MeshError, match="left_ventricle"):
        left_ventricle(**arguments)


def test_box_is_filled_and_named():
    beam = box((10, 1, 2), (10, 2, 3))
    assert wall_volume(beam.points, beam.tets) == pytest.approx(20)
    areas = {name: facet_areas(beam.points, f).sum() for name, f in beam.surfaces.items()}
    expected = {"x0": 2, "x1": 2, "y0": 20, "y1": 20, "z0": 10, "z1": 10}
    assert areas == pytest.approx(expected)
    assert beam.cavities == {}


def test_box_refuses_no_divisions():
    with pytest.raises(MeshError, match="positive"):
        box((1, 1, 1), (1, 0, 1))
