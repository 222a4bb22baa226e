"""Several hearts in one compiled step: as if each were alone, whatever happens beside it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import heartsim as hs
from heartsim import equilibrium
from heartsim.batch import run_batch
from heartsim.errors import ScenarioError
from heartsim.lanes import Meeting, Seat
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.io import write
from heartsim.pool import Trouble
from heartsim.scenario import Scenario
from tests.solve.tiny import stronger, ventricle


@pytest.fixture(scope="module")
def heart():
    return ventricle()


def test_two_results_in_one_folder_are_refused(tmp_path):
    plan = Scenario.read("healthy_0D")
    with pytest.raises(ScenarioError, match="folder of its own"):
        run_batch([plan, plan], tmp_path)


def test_hearts_without_a_mesh_run_in_lanes_too(tmp_path):
    plan = Scenario.read("healthy_0D")
    wall = plan.with_({"condition": [{"name": "infarct"}]})
    good, bad = run_batch([plan, wall], folders=[tmp_path / "a", tmp_path / "b"], quiet=True)
    assert isinstance(bad, Trouble)
    assert "no wall" in bad
    assert isinstance(good, hs.Result)
    assert good.indices["status"] == "converged"


def test_a_result_that_cannot_be_written_costs_no_other(tmp_path):
    plan = Scenario.read("healthy_0D")
    (tmp_path / "file").write_text("in the way")
    places = [tmp_path / "file" / "a", tmp_path / "b"]
    with pytest.raises(OSError, match="file"):
        run_batch([plan, plan], folders=places, quiet=True)
    assert hs.Result.load(tmp_path / "b").indices["status"] == "converged"


def test_a_heart_of_another_mesh_is_solved_apart(heart):
    ours, work, _ = heart
    meeting = Meeting(2)
    assert meeting.admits(ours, work.kept)
    theirs, other, _ = ventricle("P2P1")
    assert not meeting.admits(theirs, other.kept)
    assert Seat(meeting, 1).taking(theirs, other).solver is other.solver
    assert meeting.admits(stronger_heart(ours), work.kept)


def test_a_heart_with_multigrid_takes_its_seat_with_factors(heart, monkeypatch):
    ours, work, _ = heart
    monkeypatch.setattr(equilibrium, "LARGEST_FACTORIZED", {"P1P1": 0, "P2P1": 0})
    alone = equilibrium.workspace(ours, work.nodes)
    # with nobody to share with it keeps its own
    assert Seat(Meeting(1), 0).taking(ours, alone) is alone
    seat = Seat(Meeting(2), 0)
    seated = seat.taking(ours, alone)
    assert seated.solver is seat
    assert type(seated.kept) is type(work.kept) is not type(alone.kept)
    # one that has left is solved alone, with its own solver
    seat.leave()
    assert seat.taking(ours, alone) is alone


def stronger_heart(heart):
    tissue = replace(heart.tissue, contractility=2 * heart.tissue.contractility)
    return replace(heart, solid=replace(heart.solid, material=tissue))


@pytest.mark.slow
@pytest.mark.parametrize("in_turn", [True, False])
def test_lanes_solve_as_single_hearts_do_and_a_broken_one_hurts_nobody(heart, in_turn):
    _, work, task = heart
    assert work.kept.in_turn
    work = replace(work, kept=replace(work.kept, in_turn=in_turn))
    tasks = [stronger(task, factor) for factor in (1.0, np.nan, 1.5)]

    def alone(one):
        return work.solver(one.heart, work.kept, one.guess, one.blood, one.load, one.tolerances)

    def together(number):
        seat, one = Seat(meeting, number), tasks[number]
        try:
            return seat(one.heart, work.kept, one.guess, one.blood, one.load, one.tolerances)
        finally:
            seat.leave()

    meeting = Meeting(len(tasks))
    with ThreadPoolExecutor(len(tasks)) as pool:
        found = list(pool.map(together, range(len(tasks))))
    assert meeting.rounds == 1
    assert [bool(info.converged) for _, _, info, _ in found] == [True, False, True]
    for number in (0, 2):
        wall, _, info, _ = alone(tasks[number])
        assert int(info.newton) == int(found[number][2].newton)
        scale = float(np.abs(wall.u).max())
        # both are within 1e-5 of the load of equilibrium
        assert_allclose(found[number][0].u, wall.u, atol=1e-3 * scale)
        assert_allclose(found[number][0].pressure, wall.pressure, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_batch_of_beats_is_the_beats(tmp_path):
    """Three lanes of one mesh, one of them too soft to hold blood; a fourth takes its seat."""
    mesh = tmp_path / "tiny.vtu"
    write(human_left_ventricle(20.0, layers=1), mesh)
    base = Scenario.from_dict(
        {
            "title": "Does a lane beat like a heart?",
            "patient": {"mesh": str(mesh), "element": "P1P1", "imaged_at": "unloaded"},
            "protocol": {"step": "20 ms", "at_most_beats": 1, "snapshots": 5},
        }
    )
    changes = (
        {},
        {"tissue.overrides": dict.fromkeys(("a", "a_f", "a_fs"), "1e-9 kPa")},
        {"circulation.heart_rate": "80 /min"},
        {"tissue.contractility": "60 kPa"},
    )
    plans = [base.with_(change) for change in changes]
    folders = [tmp_path / str(k) for k in range(len(plans))]
    found = run_batch(plans, folders=folders, lanes=3, quiet=True)
    assert isinstance(found[1], Trouble)
    for number in (0, 2, 3):
        together = found[number]
        assert isinstance(together, hs.Result), together
        alone = hs.run(plans[number], tmp_path / f"alone {number}", quiet=True)
        for key in ("EDV_mL", "ESV_mL", "EF_percent"):
            expected = alone.indices["chambers"]["LV"][key]
            assert_allclose(together.indices["chambers"]["LV"][key], expected, rtol=1e-3)
    assert found[0].indices["solver"]["lanes"] == 3
