"""Four chambers: what belongs to the ventricles stays there, the rest has fibers of its own."""

from dataclasses import replace

import numpy as np
import pytest

from heartsim.errors import MeshError, RegionNotFound
from heartsim.mesh.heartmesh import ATRIA, GREAT_VESSELS, Cavity
from heartsim.mesh.parts import in_ventricles, part_of, ventricles
from heartsim.mesh.surfaces import facet_normals
from heartsim.microstructure.coordinates import coordinates
from heartsim.microstructure.fibers import helix_angle, rule_based
from heartsim.microstructure.segments import NO_SEGMENT, aha_segments, infarct, sphere
from heartsim.microstructure.whole_heart import whole_heart
from heartsim.units import deg
from tests.mesh.block_heart import EDGE
from tests.microstructure.conftest import ROTATION, moved
from tests.microstructure.test_fibers import FOUR, assert_frames, centers


@pytest.fixture(scope="module")
def frames(four_chambers):
    return whole_heart(four_chambers)[:, 0]


def test_frames_are_rotations_in_every_cell(four_chambers):
    assert_frames(whole_heart(four_chambers, points=FOUR))


def test_two_chambers_follow_the_ventricular_rule(pair, pair_position):
    ruled = rule_based(pair, position=pair_position)
    assert np.array_equal(whole_heart(pair, position=pair_position), ruled)


def test_ventricles_do_not_feel_the_atria(four_chambers, frames):
    part = ventricles(four_chambers)
    np.testing.assert_allclose(frames[part.cells], rule_based(part.heart)[:, 0], atol=1e-12)


def test_coordinates_are_neutral_beyond_the_ventricles(four_chambers):
    part, where = ventricles(four_chambers), coordinates(four_chambers)
    alone = coordinates(part.heart)
    beyond = np.setdiff1d(np.arange(len(four_chambers.points)), part.nodes)
    for name in ("left", "right", "outer", "transmural", "transventricular", "rotational"):
        np.testing.assert_array_equal(getattr(where, name)[part.nodes], getattr(alone, name))
        assert not getattr(where, name)[beyond].any()
    for name in ("apicobasal", "ascent"):
        np.testing.assert_array_equal(getattr(where, name)[part.nodes], getattr(alone, name))
        assert (getattr(where, name)[beyond] == 1).all()
    assert part.nodes[alone.apex] == where.apex
    assert where.on(part).apex == alone.apex


def test_no_segment_lies_in_atria_or_vessels(four_chambers):
    aha, part = aha_segments(four_chambers), ventricles(four_chambers)
    beyond = np.concatenate([four_chambers.region(name) for name in (*ATRIA, *GREAT_VESSELS)])
    assert np.array_equal(np.flatnonzero(aha == NO_SEGMENT), np.sort(beyond))
    assert np.array_equal(aha[part.cells], aha_segments(part.heart))


def test_infarct_stays_in_the_ventricles(four_chambers):
    patch = infarct(four_chambers, fraction=0.3, center_segment=4, border=40.0)
    assert in_ventricles(four_chambers)[np.concatenate([patch.core, patch.border])].all()


def test_sphere_takes_no_atrium(four_chambers):
    middle = four_chambers.points[four_chambers.cavities["LA"].facets].mean(axis=(0, 1))
    with pytest.raises(RegionNotFound, match="no tissue of the ventricles"):
        sphere(four_chambers, tuple(middle), 15.0)
    cells = sphere(four_chambers, tuple(middle), 60.0)
    assert in_ventricles(four_chambers)[cells].all()


@pytest.mark.parametrize("vessel", GREAT_VESSELS)
def test_vessel_fibers_run_around_it(four_chambers, frames, vessel):
    """Both vessels stand upright, 5 blocks wide, in front."""
    cells = four_chambers.region(vessel)
    middle = np.array([(5.5 if vessel == "aorta" else 14.5), 3.5]) * EDGE
    arm = centers(four_chambers)[cells, :2] - middle
    arm /= np.linalg.norm(arm, axis=1, keepdims=True)
    assert np.abs(frames[cells, 0, 2]).max() < 1e-9
    assert np.abs((frames[cells, 0, :2] * arm).sum(axis=1)).max() < 1e-9


@pytest.mark.parametrize("atrium", ATRIA)
def test_atrial_fibers_lie_in_the_wall(four_chambers, frames, atrium):
    """Where one lining is nearest and flat, fibers run along it, sheets across."""
    part = part_of(four_chambers, [atrium])
    lining = part.heart.surface(f"{atrium}_endocardium")
    normal = facet_normals(part.heart.points, lining)
    center = part.heart.points[lining].mean(axis=1)
    own = centers(part.heart)
    gap = own[:, None] - center
    beneath = (np.linalg.norm(gap, axis=2) < 0.75 * EDGE).argmax(axis=1)
    near = np.linalg.norm(gap, axis=2).min(axis=1) < 0.5 * EDGE
    across = np.abs((frames[part.cells, 1] * normal[beneath]).sum(axis=1))[near]
    along = np.abs((frames[part.cells, 0] * normal[beneath]).sum(axis=1))[near]
    assert np.median(across) > 0.9
    assert np.median(along) < 0.3


def test_frames_turn_with_the_heart(four_chambers, frames):
    turned = whole_heart(moved(four_chambers))[:, 0]
    beyond = ~in_ventricles(four_chambers)
    agreement = np.abs(np.einsum("cai,cai->ca", turned, frames @ ROTATION.T))[beyond]
    # a few nodes of the ring lie on the plane that halves it and change sides by rounding
    assert np.quantile(agreement, 0.05) > 1 - 1e-6


def test_atrium_without_a_vein_is_refused(four_chambers):
    rims = dict(four_chambers.cavities["LA"].rims)
    rims["hole"] = rims.pop("left_atrial_appendage")
    cavities = {
        **four_chambers.cavities,
        "LA": Cavity(four_chambers.cavities["LA"].facets, rims),
    }
    with pytest.raises(MeshError, match="left_atrial_appendage"):
        whole_heart(replace(four_chambers, cavities=cavities))


@pytest.mark.slow
def test_helix_of_an_imaged_whole_heart(shared_meshes):
    from heartsim.mesh.fourchamber import read_four_chamber

    path = shared_meshes / "rodero-01" / "rodero_01_fullheart_2.0mm.vtu"
    if not path.exists():
        pytest.skip("no rodero-01 beside this checkout")
    mesh = read_four_chamber(path, chambers="all")
    where = coordinates(mesh)
    frames = whole_heart(mesh, position=where)
    assert_frames(frames)
    part = ventricles(mesh)
    own = where.on(part)
    helix = helix_angle(frames[part.cells], part.heart, position=own)[:, 0] / deg
    height = own.axis.height(centers(part.heart))
    left = np.ones(len(part.heart.tets), bool)
    left[part.heart.region("RV")] = False
    error = helix - (60 - 120 * own.transmural[part.heart.tets].mean(1))
    body = left & (height > 0.2) & (height < 0.7)
    assert np.median(np.abs(error[body])) < 6
