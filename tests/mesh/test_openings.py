"""What is a valve and what is a hole, on bent tubes like the way through a right ventricle."""

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.incoming import bring_in
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


def test_an_opening_at_the_tip_is_a_hole():
    points, facets = bent_tube(14, 10)
    centers = points[facets].mean(axis=1)
    bored = facets[np.linalg.norm(centers - [0, 0, -50], axis=1) > 9]
    with pytest.raises(MeshError, match="1 holes besides its valves"):
        open_chamber("tube", points, bored, "RV", Guesses(), UP)


def test_a_patient_without_names(shared_meshes, tmp_path):
    """Ventricles of a CT heart: where their openings begin is a matter of some cells."""
    import meshio

    from heartsim.mesh.fourchamber import read_four_chamber

    path = shared_meshes / "rodero-01/rodero_01_fullheart_2.0mm.vtu"
    if not path.is_file():
        pytest.skip("no rodero-01 in ../shared/meshes")
    heart = read_four_chamber(path, name="rodero-01")
    meshio.Mesh(heart.points, [("tetra", heart.tets)]).write(tmp_path / "scan.vtu")
    found = bring_in(tmp_path / "scan.vtu").heart
    for name, cavity in heart.cavities.items():
        assert set(found.cavities[name].rims) == set(cavity.rims)
        volume = cavity_volume(found.points, found.cavities[name])
        assert volume == pytest.approx(cavity_volume(heart.points, cavity), rel=0.02)
