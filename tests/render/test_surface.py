"""What travels in the page is the heart that was computed: packing keeps shape, cut and colors."""

import base64
import zlib
from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat

from heartsim.render import charts, surface
from heartsim.render.grid import deformed
from heartsim.render.scene import viewpoint
from heartsim.render.style import SCALARS


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    mesh = synthetic_beat.two_ventricles(11.0)
    return [
        synthetic_beat.saved(synthetic_beat.beat(p, mesh=mesh, frames=6), folder / name, name)
        for name, p in (("a", synthetic_beat.ISCHEMIC), ("b", synthetic_beat.RING))
    ]


@pytest.fixture(scope="module")
def packed(results):
    return surface.packed_hearts(results)


@pytest.fixture(scope="module")
def seen(results):
    return viewpoint([frame for result in results for frame in surface.frames(result)])


def unpack(text, kind):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)


def positions(heart):
    """Nodes (f, n, 3) in units of half a picture, decoded as the script of the page does."""
    data = unpack(heart["positions"], np.uint8)
    half = len(data) // 2
    steps = (data[:half].astype(np.int16) | (data[half:].astype(np.int16) << 8)).view(np.int16)
    shape = (len(heart["times"]), 3, heart["vertices"])
    return (
        np.cumsum(steps.reshape(shape), axis=0, dtype=np.int16).transpose(0, 2, 1) * heart["scale"]
    )


def parts(heart):
    return {name: unpack(text, "<u4").reshape(-1, 3) for name, text in heart["parts"].items()}


def area(points, triangles):
    a, b, c = points[triangles].transpose(1, 0, 2)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def test_every_packed_node_lies_on_the_wall_at_every_time(results, packed, seen):
    """To 0.05 mm in each direction, the resolution of the packing."""
    heart = packed["hearts"][0]
    axes = np.stack([seen.right, seen.up, seen.toward])
    for x, frame in zip(positions(heart), surface.frames(results[0]), strict=True):
        wall = (frame.points + frame.displacement - seen.center) @ axes.T
        low, high = wall.min(axis=0) - 0.05, wall.max(axis=0) + 0.05
        nodes = x * seen.half
        assert (nodes >= low).all()
        assert (nodes <= high).all()
        own = np.isclose(
            np.linalg.norm(nodes[:, None] - wall[None], axis=2).min(axis=1), 0, atol=0.05
        )
        assert own.mean() > 0.5


def test_halves_make_the_whole_and_the_cap_closes_the_cut(results, packed, seen):
    heart = packed["hearts"][0]
    at = heart["times"].index(heart["ED"])
    x, triangles = positions(heart)[at] * seen.half, parts(heart)
    frame = results[0].frame("end-diastole")
    shell = deformed(frame).extract_surface(algorithm="dataset_surface")
    both = area(x, triangles["back"]) + area(x, triangles["front"])
    assert both == pytest.approx(shell.area, rel=2e-3)
    depth = x[np.unique(triangles["cap"])] + seen.center @ _axes(seen) - seen.origin @ _axes(seen)
    assert np.abs(depth[:, 2]).max() < 0.05
    back = x[np.unique(triangles["back"])] + (seen.center - seen.origin) @ _axes(seen)
    assert back[:, 2].max() < 0.05


def _axes(seen):
    return np.stack([seen.right, seen.up, seen.toward]).T


def test_values_decode_to_the_field_within_a_step_of_its_range(results, packed):
    heart, field = packed["hearts"][0], packed["fields"][0]
    assert field["key"] == "fiber_stress_kPa"
    stored = unpack(heart["values"][field["key"]], np.uint8).reshape(len(heart["times"]), -1)
    levels = np.cumsum(stored, axis=0, dtype=np.uint8)
    shown = field["low"] + levels / 254 * (field["high"] - field["low"])
    at = heart["times"].index(heart["ES"])
    frame = results[0].frame("end-systole")
    nodal = surface.at_nodes(frame.tets, frame.cells[field["key"]], len(frame.points))
    step = (field["high"] - field["low"]) / 254
    assert shown[at].max() <= min(nodal.max(), field["high"]) + step
    assert shown[at].mean() == pytest.approx(nodal.mean(), rel=0.25)


def test_scenarios_share_scale_view_and_colors(packed):
    first, second = packed["hearts"]
    assert first["half"] == second["half"]
    assert [field["key"] for field in packed["fields"]] == [scalar.key for scalar in SCALARS]


def test_a_fine_heart_is_thinned_out_and_keeps_its_shape(results, packed, seen):
    frames = surface.frames(results[0])
    diastole = results[0].frame("end-diastole")
    fine = surface.beating(frames, diastole, seen, 10**9)
    coarse = surface.beating(frames, diastole, seen, 7 * len(frames) * 150)
    assert coarse.positions.shape[1] < 0.8 * fine.positions.shape[1]
    for name in ("back", "front"):
        assert area(coarse.positions[0], coarse.parts[name]) == pytest.approx(
            area(fine.positions[0], fine.parts[name]), rel=0.1
        )


def test_a_field_that_is_nowhere_is_gray():
    nodal = surface.at_nodes(np.array([[0, 1, 2, 3]]), np.array([np.nan]), 4)
    assert np.isnan(nodal).all()
    assert (surface._steps(nodal, 0.0, 1.0) == 255).all()


def test_klotz_curve_passes_through_end_diastole(results):
    volume, pressure, origin = charts.end_diastolic_curve(results[0], "LV")
    left = results[0].indices["chambers"]["LV"]
    assert origin == "Klotz"
    assert np.interp(left["EDV_mL"], volume, pressure) == pytest.approx(left["EDP_mmHg"], rel=0.03)


def test_inflation_of_the_wall_wins_over_klotz(results):
    curve = {"LV": {"volume_mL": [100.0, 120.0], "pressure_mmHg": [0.0, 10.0]}}
    inflated = replace(results[0], provenance={**results[0].provenance, "passive_curve": curve})
    assert charts.end_diastolic_curve(inflated, "LV")[2] == "passive inflation"


def test_end_systolic_line_is_the_one_of_the_indices_or_none(results):
    chambers = results[0].indices["chambers"]

    def with_intercept(volume):
        left = {**chambers["LV"], "Ees_mmHg_per_mL": 2.0, "V0_mL": volume}
        return replace(results[0], indices={"chambers": {**chambers, "LV": left}})

    volume, pressure = charts.end_systolic_line(with_intercept(10.0), "LV")
    np.testing.assert_allclose(pressure, 2.0 * (volume - 10.0))
    assert pressure[0] >= 0
    smallest = chambers["LV"]["ESV_mL"]
    assert volume[0] < smallest < volume[1]
    assert charts.end_systolic_line(with_intercept(-72.0), "LV") is None
    assert charts.end_systolic_line(with_intercept(smallest + 1), "LV") is None


def test_charts_hold_the_traces(results):
    chart = charts.trace_charts(results)[0]
    lines = [line for line in chart["series"] if line["kind"] == "LV"]
    assert [line["scenario"] for line in lines] == [0, 1]
    assert max(lines[0]["y"]) == pytest.approx(results[0].traces["P_LV_mmHg"].max(), rel=1e-2)
