"""What is cut out is gone, what stays is a closed heart with strands across the hole."""

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.heartmesh import CUT_RIM, Cut
from heartsim.mesh.surfaces import (
    boundary,
    cavity_volume,
    cell_volumes,
    components,
    lid_area,
    match_facets,
)
from heartsim.mesh.surgery import PARED, carried_out, seam
from heartsim.microstructure.segments import infarct

HEARTS = pytest.mark.parametrize(
    ("mesh", "segment"),
    [(human_left_ventricle(9.0), 17), (human_left_ventricle(9.0), 13), (biventricle(9.0), 12)],
    ids=["apex", "anterior", "lateral"],
)


def cut(mesh, segment, closure="seam", fraction=0.15):
    core = infarct(mesh, fraction=fraction, center_segment=segment, border=0).core
    return core, carried_out(mesh.with_cut("piece", Cut(core, closure)))


def edge(mesh):
    (loop,) = (r for n, r in mesh.cavities["LV"].rims.items() if n.startswith(CUT_RIM))
    return loop


def test_without_a_plan_the_heart_is_the_same_object():
    mesh = human_left_ventricle(12.0)
    assert carried_out(mesh) is mesh


@HEARTS
def test_the_piece_is_gone_and_the_rest_is_one_heart(mesh, segment):
    core, left = cut(mesh, segment)
    volume = cell_volumes(mesh.points, mesh.tets)
    after = cell_volumes(left.points, left.tets)
    np.testing.assert_allclose(after.sum(), volume.sum() - volume[core].sum(), rtol=0.02)
    assert np.all(after > 0)
    assert components(left.tets, len(left.points)).max() == 0
    assert len(np.unique(left.tets)) == len(left.points)
    outer, _ = boundary(left.tets)
    for facets in left.surfaces.values():
        assert np.all(match_facets(facets, outer) >= 0)


@HEARTS
def test_the_chamber_is_closed_by_a_lid_over_the_edge(mesh, segment):
    """The volume of a closed surface does not depend on where it lies."""
    _, left = cut(mesh, segment)
    chamber = left.cavities["LV"]
    here = cavity_volume(left.points, chamber)
    far = cavity_volume(left.points + np.array([300.0, -200.0, 100.0]), chamber)
    np.testing.assert_allclose(far, here, rtol=1e-9)
    assert 0 < here < cavity_volume(mesh.points, mesh.cavities["LV"])
    assert set(chamber.valves) == set(mesh.cavities["LV"].rims) < set(chamber.rims)


@HEARTS
def test_seams_join_every_node_of_the_edges_inside_and_outside(mesh, segment):
    _, left = cut(mesh, segment)
    strands = left.cables["piece"]
    loop = edge(left)
    assert np.isin(loop, strands).mean() > 0.8
    assert np.isin(strands, np.unique(left.surface("epicardium"))).all(axis=1).any()
    # drawn to their middles, the banks meet: the lid over the inner edge has almost no area
    place = left.points.copy()
    for _ in range(300):
        place[strands] = place[strands].mean(axis=1, keepdims=True)
    assert lid_area(place, loop) < 0.35 * lid_area(left.points, loop)


def test_a_seam_on_a_slit_runs_straight_across():
    """On an ellipse of 40 by 10 mm each strand is about as long as the ellipse is wide there."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    place = np.stack([20 * np.cos(angle), 5 * np.sin(angle), 0 * angle], axis=1)
    pairs = seam(place, np.arange(24))
    span = place[pairs[:, 1]] - place[pairs[:, 0]]
    assert len(np.unique(pairs)) == 22
    np.testing.assert_allclose(span[:, 0], 0.0, atol=1e-9)
    assert np.all(np.abs(span[:, 1]) <= 10.0 + 1e-9)


def test_a_patch_has_a_hem_and_cloth():
    _, left = cut(human_left_ventricle(9.0), 17, closure="patch")
    loop, strands = edge(left), left.cables["piece"]
    assert len(strands) == len(loop) + len(loop) // 2
    assert set(np.unique(strands)) == set(loop.tolist())


def test_regions_fields_and_cables_follow():
    mesh = human_left_ventricle(9.0)
    tags = {"number": np.arange(len(mesh.tets)), "imaged_position": mesh.points}
    half = np.arange(0, len(mesh.tets), 2)
    loop = mesh.cavities["LV"].rims["base"]
    marked = mesh.with_fields(tags).with_region("half", half)
    marked = marked.with_cable("ring", np.column_stack([loop, np.roll(loop, -1)]))
    _, left = cut(marked, 17)
    assert np.all(left.fields["number"][left.region("half")] % 2 == 0)
    np.testing.assert_array_equal(left.fields["imaged_position"], left.points)
    np.testing.assert_array_equal(left.cables["ring"][:, 0], left.cavities["LV"].rims["base"])
    assert not left.cuts


def test_a_cut_into_a_valve_is_refused():
    mesh = human_left_ventricle(9.0)
    high = np.flatnonzero(mesh.points[mesh.tets].mean(axis=1)[:, 2] > 10)
    with pytest.raises(MeshError, match="reaches the base rim"):
        carried_out(mesh.with_cut("piece", Cut(high[: len(high) // 3], "seam")))


def test_paring_moves_both_shapes_alike():
    mesh = human_left_ventricle(9.0)
    move = np.zeros_like(mesh.points)
    move[3] = [0.5, 0.0, 0.0]
    image = 1.1 * mesh.points
    pared = carried_out(mesh.with_fields({PARED: move, "imaged_position": image}))
    np.testing.assert_allclose(pared.points, mesh.points + move)
    np.testing.assert_allclose(pared.fields["imaged_position"], image + move)
    assert PARED not in pared.fields
