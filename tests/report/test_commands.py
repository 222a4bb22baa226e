"""view, report and compare on folders that are there, foreign, damaged or unfinished."""

import json
import shutil

import pytest
import synthetic_beat

from heartsim import cli
from heartsim.render import style, window
from heartsim.report import write


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    mesh = synthetic_beat.ventricle(14.0)
    cases = {"base": synthetic_beat.ISCHEMIC, "ring": synthetic_beat.RING}
    for name, p in cases.items():
        synthetic_beat.saved(synthetic_beat.beat(p, mesh=mesh, frames=3), folder / name, name)
    return folder


@pytest.fixture
def heartsim(capsys):
    def call(*words):
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return call


@pytest.mark.parametrize("command", ["report", "view"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "no such folder"),
        (lambda f: (f / "indices.json").unlink(), "the run is unfinished"),
        (lambda f: (f / "provenance.json").unlink(), "heartsim did not write it"),
        (lambda f: (f / "traces.csv").write_text("a,b\n"), "no column t_ms"),
        (lambda f: (f / "traces.csv").unlink(), "traces.csv: cannot be read"),
        (lambda f: (f / "indices.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "indices.json").write_text("[1]"), "not a JSON object"),
        (lambda f: (f / "fields.pvd").write_text("<"), "fields.pvd: cannot be read"),
        (lambda f: shutil.rmtree(f / "fields"), "cannot be read"),
    ],
)
def test_damaged_folders_are_named_with_what_to_do(
    heartsim, folders, tmp_path, monkeypatch, command, damage, message
):
    monkeypatch.setattr(style, "save_png", lambda *_: None)
    folder = shutil.copytree(folders / "base", tmp_path / "case")
    damage(folder)
    extra = ["--off-screen", tmp_path / "a.png"] if command == "view" else []
    code, _, error = heartsim(command, folder, *extra)
    assert code == 2
    assert message in error
    assert str(folder) in error
    assert "Traceback" not in error
    assert not (tmp_path / "a.png").exists()


def test_no_folder_is_an_error(heartsim):
    for command in ("report", "view"):
        code, _, error = heartsim(command)
        assert code == 2
        assert "folder" in error


def test_stored_results_are_compared_without_running(heartsim, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "html", lambda *_: "page")
    monkeypatch.setattr(style, "save_png", lambda *_: None)
    code, out, _ = heartsim("compare", folders / "base", folders / "ring", "-o", tmp_path / "c")
    assert code == 0
    assert "LV ejection fraction" in out
    content = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert [one["name"] for one in content["scenarios"]] == ["ring"]


def test_folders_and_files_are_not_compared(heartsim, folders):
    code, _, error = heartsim("compare", folders / "base", "infarct")
    assert code == 2
    assert "result folders only" in error


def test_comparison_whose_results_are_gone_names_them(heartsim, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "html", lambda *_: "page")
    monkeypatch.setattr(style, "save_png", lambda *_: None)
    shutil.copytree(folders, tmp_path / "runs")
    case = [tmp_path / "runs" / name for name in ("base", "ring")]
    heartsim("compare", *case, "-o", tmp_path / "c")
    shutil.rmtree(case[1])
    code, _, error = heartsim("report", tmp_path / "c")
    assert code == 2
    assert "ring: no such folder" in error


def test_view_takes_a_comparison_folder_and_its_options(heartsim, folders, tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(window, "view", lambda *r, **o: shown.update(results=r, options=o))
    monkeypatch.setattr(write, "html", lambda *_: "page")
    monkeypatch.setattr(style, "save_png", lambda *_: None)
    heartsim("compare", folders / "base", folders / "ring", "-o", tmp_path / "c")
    code, _, _ = heartsim(
        "view", tmp_path / "c", "--dark", "--whole", "--field", "strain", "--time", "250 ms"
    )
    assert code == 0
    assert [result.name for result in shown["results"]] == ["base", "ring"]
    assert shown["options"] == {
        "off_screen": None,
        "scalar": "fiber_strain",
        "time": 250.0,
        "clip": False,
        "dark": True,
    }


def test_view_refuses_a_time_that_is_none(heartsim, folders):
    code, _, error = heartsim("view", folders / "base", "--time", "soon")
    assert code == 2
    assert "'soon' is no time" in error
