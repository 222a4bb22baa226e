"""The stress of marked muscle, with stresses that are known: each cell's is written by hand."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat

from heartsim.compare import compare, places
from heartsim.compare.places import REST
from heartsim.indices.wall import percentile
from heartsim.mesh.surfaces import cell_volumes
from heartsim.units import mL

MARKED = synthetic_beat.ventricle(14.0)
SCAR = MARKED.regions["infarct"]
PLAIN = replace(MARKED, regions={k: v for k, v in MARKED.regions.items() if k != "infarct"})
VOLUME = np.abs(cell_volumes(MARKED.points, MARKED.tets))
LEFT = np.asarray(MARKED.fields["aha"]) > 0
STRESS = np.random.default_rng(2).uniform(1.0, 50.0, (4, len(VOLUME)))
"""Of four snapshots [kPa]: no two alike."""


def run(folder, mesh, *, factor=1.0, stress=STRESS):
    beat = synthetic_beat.beat(synthetic_beat.ISCHEMIC, mesh=mesh, frames=4)
    return synthetic_beat.saved(
        replace(beat, fiber_stress=factor * stress), folder, f"The {folder.name}"
    )


def median(result, moment, cells, stress=STRESS, volume=VOLUME):
    times = [time for time, _ in result.frame_files]
    shown = times.index(result.frame(moment).time)
    return percentile(stress[shown][cells], volume[cells], 50)


def test_muscle_that_only_one_scenario_marks_is_read_in_both(tmp_path):
    before = run(tmp_path / "before", PLAIN, factor=0.5)
    after = run(tmp_path / "after", MARKED)
    scar, rest = places([before, after])
    assert (scar.name, rest.name) == ("infarct", REST)
    others = LEFT.copy()
    others[SCAR] = False
    for short, moment in (("ED", "end-diastole"), ("ES", "end-systole")):
        for place, cells in ((scar, SCAR), (rest, others)):
            expected = median(after, moment, cells)
            assert place.stress[short] == pytest.approx((0.5 * expected, expected), rel=1e-5)
    assert scar.stress["ED"] != scar.stress["ES"]
    assert scar.volume == pytest.approx(VOLUME[SCAR].sum() / mL)
    assert rest.volume == pytest.approx(VOLUME[others].sum() / mL)


def test_different_muscle_of_one_name_is_told_apart(tmp_path):
    less = MARKED.with_region("infarct", SCAR[::3])
    pair = run(tmp_path / "large", MARKED), run(tmp_path / "small", less)
    large, small, rest = places(pair)
    assert (large.name, small.name) == ("infarct of The large", "infarct of The small")
    assert small.volume == pytest.approx(VOLUME[SCAR[::3]].sum() / mL)
    expected = median(pair[0], "end-systole", SCAR[::3])
    assert small.stress["ES"] == pytest.approx((expected, expected), rel=1e-5)
    assert rest.volume == pytest.approx(VOLUME[np.setdiff1d(np.flatnonzero(LEFT), SCAR)].sum() / mL)


def test_a_cut_wall_is_read_at_its_own_marks(tmp_path):
    kept = np.delete(np.arange(len(VOLUME)), SCAR[:5])
    cut = replace(
        MARKED,
        tets=MARKED.tets[kept],
        fields={name: np.asarray(field)[kept] for name, field in MARKED.fields.items()},
        regions={"infarct": np.searchsorted(kept, SCAR[5:])},
    )
    whole = run(tmp_path / "whole", MARKED)
    after = run(tmp_path / "cut", cut, stress=STRESS[:, kept])
    scar, rest = places([whole, after])
    assert scar.stress["ES"][1] == pytest.approx(median(after, "end-systole", SCAR[5:]), rel=1e-5)
    assert rest.stress["ES"][1] == pytest.approx(rest.stress["ES"][0], rel=1e-5)


def test_nothing_is_told_of_hearts_without_marks(tmp_path):
    assert places([run(tmp_path / "plain", PLAIN)]) == []


def test_what_a_cut_wall_does_not_mark_has_no_number(tmp_path):
    turned = replace(
        PLAIN,
        tets=PLAIN.tets[::-1].copy(),
        fields={name: np.asarray(field)[::-1].copy() for name, field in PLAIN.fields.items()},
    )
    (scar, _) = places([run(tmp_path / "turned", turned), run(tmp_path / "scar", MARKED)])
    assert math.isnan(scar.stress["ED"][0])
    assert math.isfinite(scar.stress["ED"][1])


def test_the_comparison_file_tells_of_them(tmp_path):
    pair = run(tmp_path / "before", PLAIN), run(tmp_path / "after", MARKED)
    folder = compare(*pair).save(tmp_path / "comparison")
    listed = json.loads((folder / "comparison.json").read_text())["places"]
    assert [place["name"] for place in listed] == ["infarct", REST]
    assert listed[0]["fiber_stress_ES_kPa"] == list(places(pair)[0].stress["ES"])
