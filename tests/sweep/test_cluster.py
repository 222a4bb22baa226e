"""The same study on a Dask scheduler with two workers, one of them killed."""

import os
import signal
import threading

import pytest

import heartsim as hs
from heartsim.errors import InputError
from heartsim.sweep import Study

STUDY = {
    "scenario": "aortic_stenosis_0D",
    "outputs": ["chambers.LV.EF_percent"],
    "vary": {
        "circulation.heart_rate": ["60 /min", "70 /min", "80 /min"],
        "circulation.aortic.area": ["0.7 cm2", "1.0 cm2"],
    },
}


def test_without_a_scheduler_the_message_says_what_to_start(tmp_path):
    study = Study.from_dict(STUDY)
    with pytest.raises(InputError, match=r"dask scheduler|heartsim\[cluster\]"):
        hs.sweep(study, tmp_path, scheduler="nowhere://x", quiet=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_killed_worker_changes_nothing(tmp_path):
    distributed = pytest.importorskip("distributed")
    study = Study.from_dict(STUDY)
    alone = hs.sweep(study, tmp_path / "alone", workers=1, device="cpu", quiet=True)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        victim = next(iter(cluster.workers.values())).pid

        def kill_after_first_row() -> None:
            while not list((tmp_path / "dask" / "rows").glob("[!.]*.json")):
                stop.wait(0.05)
            os.kill(victim, signal.SIGKILL)

        stop = threading.Event()
        killer = threading.Thread(target=kill_after_first_row)
        killer.start()
        spread = hs.sweep(
            study, tmp_path / "dask", scheduler=cluster.scheduler_address, device="cpu", quiet=True
        )
        killer.join()
    assert set(alone.table["status"]) == {"converged"}
    for name in ("table.csv", "sensitivity.csv"):
        assert (spread.folder / name).read_bytes() == (alone.folder / name).read_bytes()
