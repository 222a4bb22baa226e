"""Local processes: deaths and errors stay with their job."""

import os

import pytest

from heartsim.pool import Trouble, spread

# the function is `eval`, so that a job is what its process does


def test_deaths_and_errors_cost_their_own_job_only(tmp_path):
    mark = tmp_path / "second time"
    once = f"'came back' if os.path.exists({str(mark)!r}) else (open({str(mark)!r}, 'w'), die())"
    once = once.replace("os.", "__import__('os').").replace(
        "die()", "__import__('os').kill(__import__('os').getpid(), 9)"
    )
    jobs = ["2 + 2", once, "__import__('os')._exit(7)", "1 / 0", "3 * 3"]
    found = dict(spread(eval, jobs, workers=2, retries=1))
    assert found["2 + 2"] == 4
    assert found["3 * 3"] == 9
    assert found[once] == "came back"
    assert not isinstance(found[once], Trouble)
    assert isinstance(found[jobs[2]], Trouble)
    assert "exit code 7" in found[jobs[2]]
    assert found["1 / 0"] == "ZeroDivisionError: division by zero"
    assert isinstance(found["1 / 0"], Trouble)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process groups here")
def test_processes_end_with_the_caller(tmp_path):
    pids = spread(eval, ["__import__('os').getpid()"] * 2, workers=1)
    _, pid = next(pids)
    os.kill(pid, 0)
    pids.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
