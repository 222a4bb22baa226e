"""A wall of a few cells in a circulation, ready to beat."""

from dataclasses import replace

import pytest

from heartsim.coupling import Tolerances
from heartsim.verification.coupled import Ready, ready_to_beat

EXACT = Tolerances(force=1e-10, volume=1e-11, linear=1e-3)


@pytest.fixture(scope="session")
def ready() -> Ready:
    found = ready_to_beat(edge=40.0)
    return replace(found, work=replace(found.work, tolerances=EXACT))
