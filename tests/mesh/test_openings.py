"""What is a valve and what is a hole, on bent tubes like the way through a right ventricle."""

import meshio
import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.fourchamber import read_four_chamber
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.incoming import bring_in
from heartsim.mesh.library import load
from heartsim.mesh.openings import open_chamber
from heartsim.mesh.surfaces import cavity_volume

UP = np.array([0.0, 0.0, 1.0])


def bent_tube(inlet: float, outlet: float, along: int = 40, around: int = 24):
    """Half a ring of 40 mm, open at both ends above: nodes, facets with normals inwards."""
    turn, angle = np.linspace(0, np.pi, along), np.linspace(0, 2 * np.pi, around, endpoint=False)
    radius = np.linspace(inlet, outlet, along)[:, None]
    out = 40 + radius * np.cos(angle)
    points = np.stack(
        [
            np.cos(turn)[:, None] * out,
            radius * np.sin(angle) * np.ones((along, 1)),
            -np.sin(turn)[:, None] * out,
        ],
        axis=-1,
    ).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(along - 1), np.arange(around), indexing="ij")
    a, b = i * around + j, i * around + (j + 1) % around
    c, d = a + around, b + around
    facets = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (b, d, c))])
    return points, facets


def test_an_outflow_tract_far_from_the_inlet_is_a_valve():
    """It lies farther from the inlet than the tip does."""
    points, facets = bent_tube(14, 10)
    with pytest.raises(MeshError, match="1 holes besides its valves"):
        open_chamber("tube", points, facets, "RV", Guesses())
    cavity, guess = open_chamber("tube", points, facets, "RV", Guesses(), UP)
    assert list(cavity.rims) == ["tricuspid", "pulmonary"]
    assert points[cavity.rims["tricuspid"]][:, 0].mean() > 0
    assert guess.value == "tricuspid, pulmonary"


@pytest.mark.parametrize("radius", [9, 20], ids=["smaller than the inlet", "larger"])
def test_an_opening_at_the_tip_is_a_hole(radius):
    points, facets = bent_tube(14, 10)
    centers = points[facets].mean(axis=1)
    bored = facets[np.linalg.norm(centers - [0, 0, -52], axis=1) > radius]
    with pytest.raises(MeshError, match="1 holes besides its valves"):
        open_chamber("tube", points, bored, "RV", Guesses(), UP)


def assert_same_volumes(found, heart, rel):
    for name, cavity in heart.cavities.items():
        volume = cavity_volume(heart.points, cavity)
        assert cavity_volume(found.points, found.cavities[name]) == pytest.approx(volume, rel=rel)


def test_blood_ends_at_the_openings_of_its_lining(surface_file, tmp_path):
    """Also where the cover of the epicardium stands 9 mm above them, so that muscle seems there."""
    heart = load("biventricle")
    top = heart.points[:, 2] > heart.points[:, 2].max() - 1
    raised = heart.points + np.outer(9.0 * top, UP)
    files = [
        surface_file(tmp_path / "lv.stl", heart.points, heart.surfaces["LV_endocardium"]),
        surface_file(tmp_path / "rv.stl", heart.points, heart.surfaces["RV_endocardium"]),
        surface_file(tmp_path / "epi.stl", raised, heart.surfaces["epicardium"]),
    ]
    found = bring_in(files, Guesses(), edge=7.0).heart
    assert all(list(cavity.rims) == ["base"] for cavity in found.cavities.values())
    assert_same_volumes(found, heart, rel=0.005)


@pytest.fixture(scope="module")
def patient(shared_meshes):
    """Ventricles of a CT heart."""
    path = shared_meshes / "rodero-01/rodero_01_fullheart_2.0mm.vtu"
    if not path.is_file():
        pytest.skip("no rodero-01 in ../shared/meshes")
    return read_four_chamber(path, name="rodero-01")


@pytest.mark.slow
def test_a_patient_without_names(patient, tmp_path):
    """Where the openings begin is a matter of some cells."""
    meshio.Mesh(patient.points, [("tetra", patient.tets)]).write(tmp_path / "scan.vtu")
    found = bring_in(tmp_path / "scan.vtu").heart
    for name, cavity in patient.cavities.items():
        assert set(found.cavities[name].rims) == set(cavity.rims)
    assert_same_volumes(found, patient, rel=0.02)


@pytest.mark.slow
def test_surfaces_of_a_patient(patient, surface_file, tmp_path):
    """Endocardia and epicardium, open at a ragged base."""
    files = [
        surface_file(tmp_path / f"{name}.stl", patient.points, patient.surfaces[name])
        for name in ("LV_endocardium", "RV_endocardium", "epicardium")
    ]
    found = bring_in(files, Guesses(), edge=9.0).heart
    assert set(found.cavities["RV"].rims) == {"tricuspid", "pulmonary"}
    assert_same_volumes(found, patient, rel=0.005)
