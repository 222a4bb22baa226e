import hashlib
import re
import subprocess
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from heartsim.errors import DataError, MeshError
from heartsim.mesh import library
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.io import write
from heartsim.mesh.parts import ventricles
from heartsim.mesh.quality import require_usable

GENERATED = {"biventricle": biventricle, "left_ventricle": human_left_ventricle}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTSIM_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Stand-in for the wheel, small and local."""
    patient = library.PATIENTS["rodero-01"]
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member in patient.members.values():
            archive.writestr(member, "content")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setitem(library.PATIENTS, "rodero-01", replace(patient, sha256=digest))
    return wheel


@pytest.mark.parametrize("name", library.SHIPPED)
def test_shipped_heart_is_what_the_generator_makes(name):
    heart = library.load(name)
    require_usable(heart)
    made = GENERATED[name](9)
    assert np.array_equal(heart.tets, made.tets)
    np.testing.assert_allclose(heart.points, made.points, atol=1e-9)


@pytest.mark.parametrize("name", library.SHIPPED)
def test_shipped_heart_is_small_and_its_hash_is_on_record(name):
    path = library.shipped_folder() / f"{name}.vtu"
    assert path.stat().st_size < 5e6
    readme = (library.shipped_folder() / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in readme


def test_unknown_name_gets_a_suggestion():
    with pytest.raises(DataError, match=re.escape("Did you mean 'rodero-01'?")):
        library.load("rodero_01")


def test_all_chambers_of_a_heart_without_atria_are_refused(tmp_path, human_left):
    for heart in ("biventricle", str(write(human_left, tmp_path / "left.vtu"))):
        with pytest.raises(MeshError, match="it has no atria"):
            library.load(heart, chambers="all")


def test_a_broken_file_is_called_broken_also_where_all_chambers_are_asked(tmp_path):
    path = tmp_path / "junk.vtu"
    path.write_text("junk", encoding="utf-8")
    with pytest.raises(MeshError, match="not a VTU file"):
        library.load(path, chambers="all")


def test_stored_four_chambers_are_cut_to_the_ventricles(tmp_path, four_chambers):
    path = write(four_chambers, tmp_path / "four.vtu")
    again = library.load(path, chambers="all")
    assert list(again.regions) == list(four_chambers.regions)
    assert list(again.cavities["LA"].rims) == list(four_chambers.cavities["LA"].rims)
    assert np.array_equal(again.tets, four_chambers.tets)
    assert set(library.load(path).cavities) == {"LV", "RV"}


def test_remeshed_ventricles_and_whole_heart_are_kept_apart(cache, four_chambers, monkeypatch):
    monkeypatch.setattr(library.remesh, "remeshed", lambda mesh, edge: mesh)
    alone = ventricles(four_chambers).heart
    assert set(library.remeshed(four_chambers, 5.0).cavities) == {"LV", "RV", "LA", "RA"}
    assert set(library.remeshed(alone, 5.0).cavities) == {"LV", "RV"}
    assert len(list((cache / "remeshed").iterdir())) == 2


def test_patient_that_was_not_fetched(cache):
    with pytest.raises(DataError, match="heartsim data fetch rodero-01"):
        library.load("rodero-01")
    states = {row["name"]: row["state"] for row in library.listing()}
    assert states["rodero-01"] == "not fetched"
    assert states["biventricle"] == "shipped"


def test_fetch_lands_complete(cache, package):
    folder = library.fetch("rodero-01", wheel=package)
    names = {path.name for path in folder.iterdir()}
    assert {"LICENSE", "ATTRIBUTION.txt", "rodero_01_fullheart_2.0mm.vtu"} <= names
    assert "CC" not in (folder / "LICENSE").read_text()
    assert "creativecommons.org/licenses/by/4.0" in (folder / "ATTRIBUTION.txt").read_text()
    assert library.fetch("rodero-01", wheel=cache / "unused.whl") == folder
    assert {row["state"] for row in library.listing()} == {"shipped", "fetched"}


def assert_nothing_left(cache):
    assert list((cache / "patients").iterdir()) == []


def test_changed_package_is_refused(cache, package):
    package.write_bytes(package.read_bytes() + b"x")
    with pytest.raises(DataError, match="SHA-256"):
        library.fetch("rodero-01", wheel=package)
    assert_nothing_left(cache)


def test_incomplete_package_is_refused(cache, package, monkeypatch):
    patient = library.PATIENTS["rodero-01"]
    members = {**patient.members, "more": "not/there"}
    monkeypatch.setitem(library.PATIENTS, "rodero-01", replace(patient, members=members))
    with pytest.raises(DataError, match="cannot be unpacked"):
        library.fetch("rodero-01", wheel=package)
    assert_nothing_left(cache)


def test_offline_gives_advice(cache, monkeypatch):
    def no_network(command, **_):
        assert "pip" in command
        return subprocess.CompletedProcess(command, 1, b"", b"ERROR: no route to host")

    monkeypatch.setattr(library.subprocess, "run", no_network)
    with pytest.raises(DataError, match=r"no route to host.*--wheel FILE"):
        library.fetch("rodero-01")
    assert_nothing_left(cache)


def test_unknown_patient_cannot_be_fetched(cache):
    with pytest.raises(DataError, match="not a patient"):
        library.fetch("rodero-99")


@pytest.fixture
def remeshings(monkeypatch):
    """Edges that were asked of a stand-in for the remesher."""
    edges = []

    def remesher(_mesh, edge):
        edges.append(edge)
        return biventricle(edge)

    monkeypatch.setattr(library.remesh, "remeshed", remesher)
    return edges


def test_remeshed_heart_is_kept(cache, remeshings):
    hearts = [library.load("biventricle", edge=edge) for edge in (12, 12, 11)]
    assert remeshings == [12, 11]
    assert np.array_equal(hearts[0].points, hearts[1].points)


def test_damaged_cache_is_made_again(cache, remeshings):
    library.load("biventricle", edge=12)
    (path,) = (cache / "remeshed").iterdir()
    path.write_text("nonsense")
    require_usable(library.load("biventricle", edge=12))
    assert remeshings == [12, 12]


def test_path_to_nowhere():
    with pytest.raises(MeshError, match="no such file"):
        library.load("nowhere/heart.vtu")
