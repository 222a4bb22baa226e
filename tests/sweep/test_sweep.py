"""Whole studies of 0D hearts: killed, sharded, failing, and the same table every time."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imsave

import heartsim as hs
from heartsim.cli import main
from heartsim.sweep import Sweep, runner
from heartsim.sweep.row import run_job
from heartsim.sweep.table import write_table

ROOT = Path(__file__).resolve().parents[2]
STUDY = """
title = "Rate and valve"
scenario = "aortic_stenosis_0D"
outputs = ["chambers.LV.EF_percent", "valves.aortic.mean_gradient_mmHg"]

[vary]
circulation.heart_rate = ["60 /min", "70 /min", "80 /min"]
condition = [[], [{ name = "infarct" }]]
"""
FILES = ("table.csv", "sensitivity.csv", "report.html")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Six hearts; half of them are told to have an infarct, which needs a wall."""
    file = tmp_path_factory.mktemp("study") / "rates.toml"
    file.write_text(STUDY)
    return file


@pytest.fixture(scope="module")
def undisturbed(study) -> Sweep:
    return hs.sweep(study, study.parent / "undisturbed", workers=1, device="cpu", quiet=True)


def test_table_has_a_row_a_case_with_units(undisturbed):
    table = pd.read_csv(undisturbed.folder / "table.csv")
    assert list(table["case"]) == [1, 2, 3, 4, 5, 6]
    assert list(table["input.circulation.heart_rate_per_min"]) == [60, 60, 70, 70, 80, 80]
    good = table[table["status"] == "converged"]
    # slower hearts fill more, and the loop keeps the rate it was given
    assert good["chambers.LV.EDV_mL"].is_monotonic_decreasing
    assert list(good["circulation.heart_rate_per_min"].round(9)) == [60, 70, 80]
    result = hs.Result.load(undisturbed.folder / good["folder"].iloc[1])
    assert result.indices["chambers"]["LV"]["EF_percent"] == good["chambers.LV.EF_percent"].iloc[1]


def test_parquet_holds_the_same_table(tmp_path, undisturbed):
    pytest.importorskip("pyarrow")
    _, parquet = write_table(undisturbed.table, tmp_path)
    pd.testing.assert_frame_equal(
        pd.read_parquet(parquet), undisturbed.table, check_dtype=False, check_exact=True
    )


def test_failures_are_rows_with_reasons(undisturbed):
    table = undisturbed.table
    bad = table[table["status"] == "failed"]
    assert list(bad["case"]) == [2, 4, 6]
    assert bad["reason"].str.contains("a 0D heart has no wall").all()
    assert bad["chambers.LV.EF_percent"].isna().all()
    assert undisturbed.complete
    assert "3 failed, first case 2" in undisturbed.summary()
    assert "a 0D heart has no wall" in (undisturbed.folder / "report.html").read_text()
    assert (undisturbed.folder / "response.png").stat().st_size > 10_000


def test_a_small_study_lists_every_case_and_shows_what_was_drawn(study, undisturbed, tmp_path):
    page = (undisturbed.folder / "report.html").read_text()
    assert "Case by case" in page
    for number, rate in enumerate((60, 70, 80)):
        assert f"{2 * number + 1}: {rate}" in page
    assert "<h2>Hearts" not in page
    folder = tmp_path / "again"
    shutil.copytree(undisturbed.folder, folder)
    drawn = folder / undisturbed.table["folder"].iloc[0] / "heart_ed_es.png"
    imsave(drawn, np.zeros((30, 40, 3)))
    hs.sweep(study, folder, collect=True, quiet=True)
    assert (folder / "hearts.png").stat().st_size > 2_000
    assert "each heart on its own scale" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_killed_and_resumed_gives_the_same_bytes(study, undisturbed):
    folder = study.parent / "killed"
    words = ["sweep", str(study), "-o", str(folder), "--workers", "1", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "heartsim", *words],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 200
    while not list((folder / "rows").glob("*.json")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    rows = {path: path.stat().st_mtime_ns for path in (folder / "rows").glob("[!.]*.json")}
    assert 1 <= len(rows) < 6
    ended = hs.sweep(study, folder, workers=1, device="cpu", quiet=True)
    for path, written in rows.items():
        assert path.stat().st_mtime_ns == written
    for name in FILES:
        assert (folder / name).read_bytes() == (undisturbed.folder / name).read_bytes()
    assert ended.table.equals(undisturbed.table)


@pytest.fixture
def in_process(monkeypatch):
    """Run cases here, and say which."""
    ran = []

    def answers(jobs, workers, scheduler, retries, batch):
        for job in jobs:
            ran.append(job.name)
            yield job, run_job(job)

    monkeypatch.setattr(runner, "_answers", answers)
    return ran


def test_shards_make_the_same_table_and_no_case_runs_twice(study, undisturbed, in_process):
    folder = study.parent / "shards"
    first = hs.sweep(study, folder, shard=(1, 2), device="cpu", quiet=True)
    assert not first.complete
    assert list(first.table["status"]) == ["converged", "not run"] * 3
    assert not (folder / "report.html").exists()
    hs.sweep(study, folder, shard=(2, 2), device="cpu", quiet=True)
    assert len(in_process) == len(set(in_process)) == 6
    assert hs.sweep(study, folder, collect=True, quiet=True).complete
    assert len(in_process) == 6
    for name in FILES:
        assert (folder / name).read_bytes() == (undisturbed.folder / name).read_bytes()


def test_only_cases_whose_inputs_changed_run_again(tmp_path, undisturbed, in_process):
    changed = tmp_path / "longer.toml"
    changed.write_text(STUDY.replace('"60 /min", "70 /min"', '"65 /min", "70 /min"'))
    ended = hs.sweep(changed, undisturbed.folder, device="cpu", quiet=True)
    assert len(in_process) == 2
    assert ended.table["input.circulation.heart_rate_per_min"].iloc[0] == 65


def test_failed_cases_run_again_on_request(study, undisturbed, in_process):
    hs.sweep(study, undisturbed.folder, retry_failed=True, device="cpu", quiet=True)
    assert len(in_process) == 3


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--dry-run"], 0, "6 cases"),
        (["--shard", "3/2"], 2, "shard 3/2 is not there"),
        (["--shard", "half"], 2, "write I/N"),
        (["--workers", "0"], 2, "write a number from 1"),
        (["--workers", "1", "--scheduler", "tcp://127.0.0.1:1"], 2, "choose one"),
    ],
)
def test_command_line(study, capsys, monkeypatch, tmp_path, words, code, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["sweep", str(study), *words])
    captured = capsys.readouterr()
    assert left.value.code == code
    assert message in captured.out + captured.err
    assert not (tmp_path / "runs" / "rates").exists() or "shard" in message


def test_checking_a_study_starts_no_jax(python):
    code = (
        "import sys; from heartsim.sweep import Study\n"
        "Study.read('heart_failure_output').cases\n"
        "assert not {'jax', 'equinox', 'vtk', 'pyvista'} & set(sys.modules)"
    )
    done = subprocess.run([python, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
