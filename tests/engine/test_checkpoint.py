"""Files that a run would go on from."""

import numpy as np
import pytest

from heartsim.checkpoint import NAME, load_checkpoint
from heartsim.errors import ResultError


def test_a_folder_without_one_and_one_of_another_scenario_are_none(tmp_path):
    assert load_checkpoint(tmp_path, "ab") is None
    np.savez(tmp_path / NAME, digest=np.array("cd"))
    assert load_checkpoint(tmp_path, "ab") is None


@pytest.mark.parametrize("kept", [0, 40, 20000], ids=["empty", "head", "cut"])
def test_a_damaged_one_is_refused_with_what_to_do(kept, tmp_path):
    noise = np.random.default_rng(0).random(4000)
    np.savez(tmp_path / NAME, digest=np.array("ab"), wall=noise)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[:kept])
    with pytest.raises(ResultError, match=r"checkpoint\.npz: damaged .* without --resume"):
        load_checkpoint(tmp_path, "ab")
