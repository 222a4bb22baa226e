import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat

from heartsim.errors import ResultError
from heartsim.result import Result, finished, new_folder
from heartsim.units import mL, mmHg


@pytest.fixture(scope="module")
def beat():
    return synthetic_beat.beat(frames=5)


@pytest.fixture(scope="module")
def result(beat, tmp_path_factory):
    return synthetic_beat.saved(beat, tmp_path_factory.mktemp("runs") / "base", "Baseline")


def test_traces_are_in_clinical_units(result, beat):
    traces = result.traces
    np.testing.assert_allclose(traces["P_LV_mmHg"] * mmHg, beat.pressure["LV"], rtol=1e-9)
    np.testing.assert_allclose(traces["V_RA_mL"] * mL, beat.volume["RA"], rtol=1e-9)
    np.testing.assert_allclose(traces["Q_mitral_mL_per_s"], beat.flow["mitral"], atol=1e-7)
    wanted = {"t_ms", "P_aorta_mmHg", "P_pulmonary_artery_mmHg", "Q_pulmonary_mL_per_s"}
    assert wanted <= set(traces.columns)


def test_atria_are_stored_outside_the_segments(beat, tmp_path):
    aha = np.array(beat.mesh.fields["aha"])
    aha[:5] = -1
    stored = synthetic_beat.saved(
        replace(beat, mesh=beat.mesh.with_fields({"aha": aha})), tmp_path / "four", "Four"
    )
    assert not stored.frame(beat.snapshot_time[0]).cells["AHA_segment"][:5].any()


def test_snapshots_come_back(result, beat):
    frame = result.frame(beat.snapshot_time[2])
    np.testing.assert_allclose(frame.points, beat.mesh.points, atol=1e-4)
    np.testing.assert_allclose(frame.displacement, beat.displacement[2], atol=1e-5)
    np.testing.assert_allclose(frame.cells["fiber_stress_kPa"], beat.fiber_stress[2], rtol=1e-6)
    np.testing.assert_array_equal(frame.cells["AHA_segment"], beat.mesh.fields["aha"])
    assert frame.cells["region_infarct"].sum() == len(beat.mesh.regions["infarct"])


def test_named_times_are_those_of_the_events(result, beat):
    systole = result.frame("end-systole")
    nearest = np.abs(beat.snapshot_time - result.event("end-systole")).argmin()
    assert systole.time == pytest.approx(beat.snapshot_time[nearest], abs=1e-3)
    with pytest.raises(ResultError, match="Did you mean 'end-systole'"):
        result.frame("end-sistole")


def test_fields_are_a_grid_on_the_unloaded_points(result, beat):
    grid = result.fields(time="end-diastole")
    assert grid.n_cells == len(beat.mesh.tets)
    np.testing.assert_allclose(grid.points, beat.mesh.points, atol=1e-4)
    assert {"fiber_stress_kPa", "fiber_strain", "region"} <= set(grid.cell_data)


def test_files_of_the_contract_are_there(result):
    names = {path.name for path in result.folder.iterdir()}
    assert {"indices.json", "traces.csv", "fields.pvd", "fields", "provenance.json"} <= names
    indices = json.loads((result.folder / "indices.json").read_text())
    assert indices["schema"] == 1
    assert indices["chambers"]["LV"]["EDV_mL"] == result.indices["chambers"]["LV"]["EDV_mL"]


def test_unfinished_folder_is_refused(result, tmp_path):
    (tmp_path / "traces.csv").write_text("t_ms\n")
    with pytest.raises(ResultError, match="unfinished"):
        Result.load(tmp_path)
    with pytest.raises(ResultError, match="no such folder"):
        Result.load(tmp_path / "none")


def _crash(folder):
    with new_folder(folder, last="indices.json") as path:
        (path / "indices.json").write_text("{}")
        raise KeyboardInterrupt


def test_a_crash_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _crash(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_other_files_of_the_folder_stay(beat, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step.npz").write_bytes(b"x")
    (tmp_path / "fields").mkdir()
    (tmp_path / "fields" / "stale.vtu").write_text("old")
    result = synthetic_beat.saved(beat, tmp_path, "Again")
    assert finished(tmp_path)
    assert (tmp_path / "checkpoints" / "step.npz").is_file()
    assert not (tmp_path / "fields" / "stale.vtu").exists()
    assert result.name == "Again"


def test_numbers_that_are_not_finite_are_null(tmp_path):
    still = synthetic_beat.saved(synthetic_beat.ellipse(), tmp_path / "still", "Still")
    assert still.indices["valves"]["tricuspid"]["mean_gradient_mmHg"] is None


def test_title_loses_its_question(result):
    asked = Result(result.folder, {"scenario": "28 mm ring: does it cost filling?"}, {})
    assert asked.label == "28 mm ring"
    assert result.label == "Baseline"


def test_results_need_neither_jax_nor_vtk(python):
    code = (
        "import sys, heartsim.result, heartsim.indices, heartsim.balance, heartsim.compare, "
        "heartsim.report; print({'jax', 'vtk', 'vtkmodules', 'pyvista'} & set(sys.modules))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
