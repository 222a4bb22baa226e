"""The stress of marked muscle, with stresses that are known: each cell's is written by hand."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat

from heartsim.compare import compare, places
from heartsim.compare.places import REST
from heartsim.mesh.surfaces import cell_volumes
from heartsim.units import mL


def run(folder, mesh, *, scar=30.0, elsewhere=10.0):
    """Result whose fiber stress is one number in the scar and another elsewhere."""
    stress = np.full(len(mesh.tets), elsewhere)
    stress[SCAR] = scar
    beat = synthetic_beat.beat(synthetic_beat.ISCHEMIC, mesh=mesh, frames=4)
    beat = replace(beat, fiber_stress=np.tile(stress, (4, 1)))
    return synthetic_beat.saved(beat, folder, folder.name)


MARKED = synthetic_beat.ventricle(14.0)
SCAR = MARKED.regions["infarct"]
PLAIN = replace(MARKED, regions={k: v for k, v in MARKED.regions.items() if k != "infarct"})


def test_muscle_that_only_one_scenario_marks_is_read_in_both(tmp_path):
    before = run(tmp_path / "before", PLAIN, scar=12.0)
    after = run(tmp_path / "after", MARKED)
    scar, rest = places([before, after])
    assert (scar.name, rest.name) == ("infarct", REST)
    for moment in ("ED", "ES"):
        assert scar.stress[moment] == pytest.approx((12.0, 30.0))
        assert rest.stress[moment] == pytest.approx((10.0, 10.0))
    volume = np.abs(cell_volumes(MARKED.points, MARKED.tets))
    assert scar.volume == pytest.approx(volume[SCAR].sum() / mL)
    segment = np.asarray(MARKED.fields["aha"])
    assert scar.volume + rest.volume == pytest.approx(volume[segment > 0].sum() / mL, rel=0.02)


def test_nothing_is_told_of_hearts_without_marks(tmp_path):
    assert places([run(tmp_path / "plain", PLAIN)]) == []


def test_another_mesh_has_no_number(tmp_path):
    turned = replace(
        PLAIN,
        tets=PLAIN.tets[::-1].copy(),
        fields={name: np.asarray(field)[::-1].copy() for name, field in PLAIN.fields.items()},
    )
    first, second = run(tmp_path / "turned", turned), run(tmp_path / "scar", MARKED)
    (scar, _) = places([first, second])
    assert math.isnan(scar.stress["ED"][0])
    assert scar.stress["ED"][1] == pytest.approx(30.0)


def test_the_comparison_file_tells_of_them(tmp_path):
    pair = run(tmp_path / "before", PLAIN, scar=12.0), run(tmp_path / "after", MARKED)
    folder = compare(*pair).save(tmp_path / "comparison")
    listed = json.loads((folder / "comparison.json").read_text())["places"]
    assert [place["name"] for place in listed] == ["infarct", REST]
    assert listed[0]["fiber_stress_ES_kPa"] == pytest.approx([12.0, 30.0])
