"""Command line: words, exit codes, and where messages go."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartsim import cli
from heartsim.cli import simulate
from heartsim.errors import SolveFailed
from heartsim.mesh.heartmesh import TISSUE
from heartsim.procedures import CATALOGUE
from tests.mesh.block_heart import write_block_heart

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    "demo",
    "run",
    "compare",
    "view",
    "report",
    "sweep",
    "procedures",
    "verify",
    "schema",
    "info",
]
NESTED = ["mesh check", "mesh import", "mesh make", "data fetch", "data list"]


@pytest.fixture
def heartsim(capsys):
    """Run a command in this process: exit code, standard output, standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return call


def test_help_starts_within_a_second_and_without_jax():
    code = (
        "import sys; from heartsim.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'jax', 'vtk', 'pyvista', 'scipy', 'numpy'} & set(sys.modules)"
    )
    start = time.process_time()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.process_time() - start < 1


@pytest.mark.parametrize("command", [*COMMANDS, *NESTED])
def test_help_of_every_command_has_an_example(heartsim, command):
    code, out, _ = heartsim(*command.split(), "--help")
    assert code == 0
    assert f"Example: heartsim {command}" in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("rum a.toml", 'Did you mean "run"'),
        ("run", "SCENARIO"),
        ("run a.toml --devise gpu", "--devise"),
        ("run a.toml --devise gpu", "See: heartsim run --help"),
        ("rum a.toml", "See: heartsim --help"),
        ("run a.toml --device tpu", 'Choose from: "cpu", "gpu"'),
        ("run absent.toml", "ScenarioError: absent.toml: no such file"),
        ("run infarct --set protocol.stp=1ms", "Did you mean 'step'"),
        ("run infarct --set nonsense", "write KEY=VALUE"),
        ("compare infarct", "Name a baseline and at least one other"),
        ("compare infarct tavr --loading match-LVEPD", "match-LVEPD"),
        ("procedures tvar", "Did you mean 'tavr'"),
        ("mesh check absent.vtu", "absent.vtu"),
        ("mesh make left_ventricle --edge 3mm -o /dev/null/a.vtu", "Check the path"),
    ],
)
def test_bad_input_leaves_with_code_2_and_a_message_on_stderr(heartsim, words, message):
    code, out, err = heartsim(*words.split())
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (SolveFailed("t = 312 ms: Newton gave up. Halve the step."), 3, "SolveFailed: t = 312 ms"),
        (KeyboardInterrupt(), 130, "--resume"),
    ],
)
def test_failures_and_interruptions_have_their_codes(heartsim, monkeypatch, raised, code, message):
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(simulate, "_compare", fail)
    found, _, err = heartsim("demo")
    assert found == code
    assert message in err


def test_catalogue_is_listed_explained_and_printed_as_json(heartsim):
    assert all(name in heartsim("procedures")[1] for name in CATALOGUE)
    _, out, _ = heartsim("procedures", "annuloplasty")
    assert 'ring = "28 mm"' in out
    assert "cannot represent" in out
    _, out, _ = heartsim("procedures", "tavr", "--json")
    assert json.loads(out)["parameters"]["area"]["safe_range"] == ["0.8 cm2", "3 cm2"]
    assert len(json.loads(heartsim("procedures", "--json")[1])) == len(CATALOGUE)


def test_schema_is_json(heartsim):
    assert json.loads(heartsim("schema")[1])["properties"]["patient"]


def test_shipped_heart_passes_the_doctor(heartsim):
    code, out, _ = heartsim("mesh", "check", "biventricle", "--json")
    content = json.loads(out)
    assert code == 0
    assert set(content["cavities"]) == {"LV", "RV"}
    assert content["quality"]["inverted"] == 0
    assert "cavities: LV" in heartsim("mesh", "check", "biventricle")[1]


def test_all_chambers_are_imported_and_checked(heartsim, tmp_path):
    blocks, heart = str(write_block_heart(tmp_path)), str(tmp_path / "heart.vtu")
    assert heartsim("mesh", "import", blocks, "--chambers", "all", "-o", heart)[0] == 0
    code, out, _ = heartsim("mesh", "check", heart, "--chambers", "all", "--json")
    content = json.loads(out)
    assert code == 0
    assert set(content["cavities"]) == {"LV", "RV", "LA", "RA"}
    assert set(content["wall"]["regions"]) == set(TISSUE)
    code, _, error = heartsim("mesh", "check", "biventricle", "--chambers", "all")
    assert code != 0
    assert "it has no atria" in error


def test_module_and_script_are_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "heartsim", "--version"], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"0.1.0"


def test_made_heart_can_be_imported_and_checked(heartsim, tmp_path):
    made, copied = str(tmp_path / "made.vtu"), str(tmp_path / "copy.vtu")
    assert heartsim("mesh", "make", "left_ventricle", "--edge", "3 mm", "-o", made)[0] == 0
    code, out, _ = heartsim("mesh", "import", made, "-o", copied)
    assert "left_ventricle" in out or "nodes" in out
    assert code == heartsim("mesh", "check", copied)[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [("nonsense", "not a name map"), ('region_array = "tag"\nregions = 3\n', "not a name map")],
)
def test_bad_name_map_is_explained(heartsim, tmp_path, content, words):
    names = tmp_path / "names.toml"
    names.write_text(content)
    code, _, err = heartsim("mesh", "import", "a.vtu", "--names", str(names), "-o", "b.vtu")
    assert code == 2
    assert words in err


def test_hearts_of_the_library_are_listed(heartsim):
    _, out, _ = heartsim("data", "list")
    assert "rodero-01" in out
    assert "CC BY 4.0" in out


def test_a_mesh_without_names_comes_in_by_one_command(heartsim, tmp_path):
    import meshio

    from heartsim.mesh.library import load

    heart = load("left_ventricle")
    scan = tmp_path / "scan.vtu"
    meshio.Mesh(heart.points[:, [2, 0, 1]] / 10, [("tetra", heart.tets)]).write(scan)
    code, out, _ = heartsim("mesh", "import", str(scan), "-o", str(tmp_path / "heart.vtu"))
    assert code == 0
    assert "LV 117.3 mL" in out
    assert "unit cm" in out
    scan.write_bytes(scan.read_bytes()[:2000])
    code, _, error = heartsim("mesh", "check", str(scan), "--repair", str(tmp_path / "b.vtu"))
    assert code == 2
    assert "scan.vtu" in error
    assert "Traceback" not in error
    assert not (tmp_path / "b.vtu").exists()
