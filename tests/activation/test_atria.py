"""Excitation of four chambers: from the sinus node over both atria, and no further."""

from dataclasses import replace

import numpy as np
import pytest

from heartsim.activation.eikonal import ATRIAL_FIBER_SPEED
from heartsim.build import anatomy
from heartsim.errors import MeshError
from heartsim.mesh.fourchamber import read_four_chamber
from heartsim.mesh.heartmesh import ATRIA, GREAT_VESSELS
from heartsim.mesh.parts import ventricles
from heartsim.scenario import Scenario
from tests.mesh.block_heart import write_block_heart


def scenario(pattern="endocardial"):
    return Scenario.from_dict(
        {
            "patient": {"mesh": "blocks", "chambers": "all", "element": "P1P1"},
            "activation": {"pattern": pattern},
        }
    )


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    path = write_block_heart(tmp_path_factory.mktemp("blocks"))
    return read_four_chamber(path, chambers="all")


@pytest.fixture(scope="module")
def times(blocks):
    return anatomy(blocks, scenario()).mesh.fields["activation_time"]


def test_every_cell_is_activated(times):
    assert np.isfinite(times).all()
    assert (times >= 0).all()


def test_ventricles_start_by_themselves(blocks, times):
    """Cells of the ventricles know nothing of the atria, however early or late these are."""
    part = ventricles(blocks)
    alone = anatomy(part.heart, scenario()).mesh.fields["activation_time"]
    np.testing.assert_allclose(times[part.cells], alone, atol=1e-9)


def test_wave_comes_from_the_sinus_node(blocks, times):
    """The node lies on the rim of the superior vena cava; nothing is faster than the fibers."""
    junction = blocks.points[blocks.cavities["RA"].rims["superior_vena_cava"]]
    atrial = np.concatenate([blocks.region(name) for name in ATRIA])
    centers = blocks.points[blocks.tets[atrial]].mean(axis=1)
    gap = np.linalg.norm(centers[:, None] - junction, axis=2).min(axis=1)
    assert (times[atrial] >= gap / ATRIAL_FIBER_SPEED - 1e-9).all()
    assert gap[np.argmin(times[atrial])] < 10.0
    right, left = (times[blocks.region(name)] for name in ("RA", "LA"))
    assert right.min() < left.min()
    assert right.mean() < left.mean()


def test_left_atrium_is_reached_through_the_right_alone(blocks):
    """With the contact taken away the wave ends in the right atrium, and that is an error."""
    apart = np.array(blocks.points)
    left = np.unique(blocks.tets[blocks.region("LA")])
    nodes = np.concatenate([apart, apart[left]])
    place = np.arange(len(apart))
    place[left] = len(apart) + np.arange(len(left))
    tets = blocks.tets.copy()
    tets[blocks.region("LA")] = place[tets[blocks.region("LA")]]
    cavity = blocks.cavities["LA"]
    moved = replace(
        cavity,
        facets=place[cavity.facets],
        rims={name: place[loop] for name, loop in cavity.rims.items()},
    )
    cut = replace(
        blocks,
        points=nodes,
        tets=tets,
        cavities={**blocks.cavities, "LA": moved},
        surfaces={
            **blocks.surfaces,
            "LA_endocardium": place[blocks.surfaces["LA_endocardium"]],
        },
    )
    with pytest.raises(MeshError, match="1188 of 2394 atrial cells are not reached"):
        anatomy(cut, scenario())


def test_vessels_have_no_onset_of_their_own(blocks, times):
    for name in GREAT_VESSELS:
        assert not times[blocks.region(name)].any()


def test_uniform_pattern_starts_everything_at_once(blocks):
    assert not anatomy(blocks, scenario("uniform")).mesh.fields["activation_time"].any()
