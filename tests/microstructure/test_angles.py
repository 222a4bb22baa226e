"""Angles by place: right wall, septum, outflow tracts; and measured fibers."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import Cavity
from heartsim.microstructure.angles import HelixAngles, outflow_tract
from heartsim.microstructure.fibers import rule_based
from heartsim.microstructure.measured import measured
from heartsim.units import deg
from tests.microstructure.test_fibers import FOUR, assert_frames


def turned(frames, others):
    """Angle between the fibers of two sets of frames at the centers of the cells [deg]."""
    line = np.abs((frames[:, 0, 0] * others[:, 0, 0]).sum(-1))
    return np.degrees(np.arccos(np.clip(line, 0, 1)))


def parts(mesh, position):
    """Cells of the walls away from apex, base and where the walls meet; depth at their centers."""
    depth = position.outer[mesh.tets].mean(axis=1)
    height = position.apicobasal[mesh.tets].mean(axis=1)
    middle = (height > 0.35) & (height < 0.75)
    right = np.isin(np.arange(len(mesh.tets)), mesh.region("RV")) & middle
    side = position.transventricular[mesh.tets].mean(axis=1)
    left = np.isin(np.arange(len(mesh.tets)), mesh.region("LV")) & middle & (side < 0.02)
    return left, right & (side > 0.98), depth


def test_the_right_wall_has_its_own_angles(pair, pair_position):
    angles = HelixAngles(right=(90 * deg, -25 * deg))
    frames = rule_based(pair, angles=angles, position=pair_position)
    assert_frames(frames)
    plain = rule_based(pair, position=pair_position)
    left, right, depth = parts(pair, pair_position)
    assert left.sum() > 10
    assert right.sum() > 10
    assert turned(frames, plain)[left].max() < 2
    wanted = (90 - 115 * depth) - (60 - 120 * depth)
    assert np.abs(turned(frames, plain) - wanted)[right].max() < 4


def test_the_septum_goes_on_from_left_to_right(pair, pair_position):
    """With the septum as left wall, one turn of 120° and none of 150°."""
    cells = np.isin(np.arange(len(pair.tets)), pair.region("septum"))
    inner = cells & (pair_position.outer[pair.tets].mean(axis=1) < 0.02)
    assert inner.sum() > 5
    plain = rule_based(pair, position=pair_position)
    angles = HelixAngles((60 * deg, -60 * deg), (90 * deg, -25 * deg), (60 * deg, 60 * deg))
    found = rule_based(pair, angles=angles, position=pair_position)
    assert turned(plain, found)[inner].max() < 5
    without = dataclasses.replace(angles, septum=None)
    assert turned(plain, rule_based(pair, angles=without, position=pair_position))[inner].max() > 10


def four_valves(mesh):
    """The right base called pulmonary on one side, by cutting its rim in two with a bridge."""
    rim = next(iter(mesh.cavities["RV"].rims.values()))
    x = mesh.points[rim]
    along = (x - x.mean(axis=0)) @ np.linalg.svd(x - x.mean(axis=0))[2][0]
    first, second = rim[along > 0], rim[along <= 0]
    cavity = Cavity(mesh.cavities["RV"].facets, {"tricuspid": first, "pulmonary": second})
    return dataclasses.replace(mesh, cavities={**mesh.cavities, "RV": cavity})


def test_fibers_run_along_the_outflow_tract_inside_and_around_it_outside(pair, pair_position):
    mesh = four_valves(pair)
    tract = outflow_tract(mesh, pair_position)
    assert tract.min() >= 0
    assert tract.max() == 1
    assert tract[pair_position.apicobasal < 0.5].max() == 0
    rims = mesh.cavities["RV"].rims
    assert tract[rims["pulmonary"]].min() == 1
    assert tract[rims["tricuspid"]].max() == 0
    frames = rule_based(mesh, angles=HelixAngles.doste(), points=FOUR, position=pair_position)
    assert_frames(frames)
    frames = rule_based(mesh, angles=HelixAngles.doste(), position=pair_position)
    plain = rule_based(mesh, position=pair_position)
    weight = tract[mesh.tets].mean(axis=1)
    near = (weight > 0.9) & np.isin(np.arange(len(mesh.tets)), mesh.region("RV"))
    depth = pair_position.outer[mesh.tets].mean(axis=1)
    assert near.sum() > 5
    wanted = 90 * (1 - depth) - (60 - 120 * depth)
    assert np.abs(turned(frames, plain) - wanted)[near].max() < 8


def test_outflow_fibers_need_a_named_valve(pair, pair_position):
    with pytest.raises(MeshError, match="aortic"):
        rule_based(pair, angles=HelixAngles.doste(), position=pair_position)


def test_measured_fibers_are_kept(pair, pair_position):
    rng = np.random.default_rng(0)
    ruled = rule_based(pair, points=FOUR, position=pair_position)
    fiber = rng.normal(size=(len(pair.tets), 3))
    frames = measured(pair.with_fields({"fiber": fiber}), ruled)
    assert_frames(frames)
    line = fiber / np.linalg.norm(fiber, axis=1, keepdims=True)
    assert_allclose(frames[:, 2, 0], line, atol=1e-12)
    sheet = np.cross(fiber, rng.normal(size=fiber.shape))
    sheet[:5] = fiber[:5]  # parallel: the rule's sheet stands in
    frames = measured(pair.with_fields({"fiber": fiber, "sheet": sheet}), ruled)
    assert_frames(frames)
    across = sheet / np.linalg.norm(sheet, axis=1, keepdims=True)
    assert_allclose(np.abs((frames[5:, 0, 1] * across[5:]).sum(-1)), 1, atol=1e-12)
    fiber[3] = 0
    for fields in ({}, {"fiber": fiber}):
        with pytest.raises(MeshError, match="fiber"):
            measured(pair.with_fields(fields), ruled)
