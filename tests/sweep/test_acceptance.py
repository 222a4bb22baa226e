"""Sixty-four hearts: killed twice and resumed, or on a cluster that loses a worker: same bytes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import heartsim as hs
from heartsim.sweep import Sweep

ROOT = Path(__file__).resolve().parents[2]
FILES = ("table.csv", "sensitivity.csv", "report.html")
STUDY = """
title = "Rate, valve and resistance"
scenario = "aortic_stenosis_0D"
outputs = ["chambers.LV.EF_percent", "valves.aortic.mean_gradient_mmHg"]

[vary]
circulation.heart_rate = { from = "55 /min", to = "85 /min", count = 4 }
circulation.aortic.area = { from = "0.7 cm2", to = "1.6 cm2", count = 4 }
circulation.systemic_resistance = { from = "0.8 mmHg s/mL", to = "1.4 mmHg s/mL", count = 4 }
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("acceptance") / "sixty_four.toml"
    file.write_text(STUDY)
    return file


@pytest.fixture(scope="module")
def undisturbed(study) -> Sweep:
    ended = hs.sweep(study, study.parent / "undisturbed", workers=1, device="cpu", quiet=True)
    assert len(ended.table) == 64
    assert set(ended.table["status"]) == {"converged"}
    return ended


def rows_of(folder: Path) -> list[Path]:
    return list((folder / "rows").glob("[!.]*.json"))


def test_killed_twice_and_resumed(study, undisturbed):
    folder = study.parent / "killed"
    words = ["sweep", str(study), "-o", str(folder), "--workers", "2", "--device", "cpu"]
    for enough in (8, 30):
        process = subprocess.Popen(
            [sys.executable, "-m", "heartsim", *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while len(rows_of(folder)) < enough and process.poll() is None:
            time.sleep(0.02)
        assert process.poll() is None, "ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = {path: path.stat().st_mtime_ns for path in rows_of(folder)}
    assert 30 <= len(done) < 64
    hs.sweep(study, folder, workers=2, device="cpu", quiet=True)
    assert all(path.stat().st_mtime_ns == written for path, written in done.items())
    for name in FILES:
        assert (folder / name).read_bytes() == (undisturbed.folder / name).read_bytes()


@pytest.mark.filterwarnings("default")
def test_cluster_that_loses_a_worker(study, undisturbed):
    distributed = pytest.importorskip("distributed")
    folder = study.parent / "dask"
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        victim = next(iter(cluster.workers.values())).pid
        stop = threading.Event()

        def kill_in_the_middle() -> None:
            while len(rows_of(folder)) < 20 and not stop.is_set():
                stop.wait(0.05)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill_in_the_middle)
        killer.start()
        try:
            hs.sweep(study, folder, scheduler=cluster.scheduler_address, device="cpu", quiet=True)
        finally:
            stop.set()
            killer.join()
    for name in FILES:
        assert (folder / name).read_bytes() == (undisturbed.folder / name).read_bytes()
