"""A scenario says how much of a heart is taken."""

import pytest

from heartsim.errors import MeshError
from heartsim.patient import load_mesh
from heartsim.scenario import Scenario
from tests.mesh.block_heart import write_block_heart


@pytest.mark.parametrize(
    ("chambers", "cavities"), [("ventricles", {"LV", "RV"}), ("all", {"LV", "RV", "LA", "RA"})]
)
def test_scenario_chooses_the_chambers(chambers, cavities, tmp_path):
    patient = {"mesh": str(write_block_heart(tmp_path)), "chambers": chambers}
    assert set(load_mesh(Scenario.from_dict({"patient": patient})).cavities) == cavities


def test_all_chambers_of_two_are_refused():
    patient = {"mesh": "biventricle", "chambers": "all"}
    with pytest.raises(MeshError, match='biventricle: chambers = "all", and it has no atria'):
        load_mesh(Scenario.from_dict({"patient": patient}))
