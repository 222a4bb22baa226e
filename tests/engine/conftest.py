"""A coarse biventricle, ready to beat."""

import sys
from pathlib import Path

import pytest

from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.io import write
from heartsim.patient import Patient, prepare
from heartsim.progress import Progress
from heartsim.scenario import Scenario

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "circulation")]


@pytest.fixture(scope="session")
def scenario(tmp_path_factory) -> Scenario:
    path = tmp_path_factory.mktemp("mesh") / "coarse.vtu"
    write(biventricle(12.0), path)
    return Scenario.from_dict(
        {
            "title": "Does a coarse heart beat?",
            "patient": {"mesh": str(path), "element": "P1P1", "imaged_at": "unloaded"},
            "protocol": {"step": "10 ms", "at_most_beats": 1, "snapshots": 5},
        }
    )


@pytest.fixture(scope="session")
def patient(scenario) -> Patient:
    return prepare(scenario, Progress(quiet=True))
