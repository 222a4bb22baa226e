"""The anatomy of hearts without names, turned and shifted at random, is found from the shape."""

import dataclasses
from pathlib import Path

import meshio
import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.anatomy import understand
from heartsim.mesh.doctor import diagnosis
from heartsim.mesh.exposure import exposure
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.incoming import bring_in
from heartsim.mesh.library import load
from heartsim.mesh.mending import mend
from heartsim.mesh.quality import require_usable
from heartsim.mesh.raw import RawMesh
from heartsim.mesh.surfaces import boundary, cavity_volume, cell_volumes, facet_areas
from heartsim.units import mL

AMBIT = Path(__file__).resolve().parents[3] / "shared/meshes/ambit_heart3D"


def turned(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a rotation and a shift."""
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return axes * np.sign(np.linalg.det(axes)), 200 * rng.normal(size=3)


def stripped(heart, path: Path, *, seed: int, scale: float = 1.0) -> Path:
    axes, shift = turned(seed)
    points = (heart.points @ axes.T + shift) * scale
    meshio.Mesh(points, [("tetra", heart.tets)]).write(path)
    return path


@pytest.mark.parametrize(
    ("name", "scale", "unit"),
    [("biventricle", 1.0, "mm"), ("biventricle", 1e-3, "m"), ("left_ventricle", 0.1, "cm")],
)
def test_chambers_of_a_turned_heart_without_names(name, scale, unit, tmp_path):
    heart = load(name)
    found = bring_in(stripped(heart, tmp_path / "scan.vtu", seed=len(unit), scale=scale))
    assert found.guesses[0].value == unit
    assert set(found.heart.cavities) == set(heart.cavities)
    require_usable(found.heart)
    for chamber, cavity in heart.cavities.items():
        volume = cavity_volume(heart.points, cavity)
        assert cavity_volume(found.heart.points, found.heart.cavities[chamber]) == pytest.approx(
            volume, rel=1e-6
        )
    for surface, facets in heart.surfaces.items():
        area = facet_areas(found.heart.points, found.heart.surfaces[surface]).sum()
        assert area == pytest.approx(facet_areas(heart.points, facets).sum(), rel=1e-6)
    axes, _ = turned(len(unit))
    assert found.anatomy.up @ axes[:, 2] > np.cos(np.radians(10))


@pytest.mark.skipif(not AMBIT.is_dir(), reason="needs ../shared/meshes/ambit_heart3D")
def test_a_published_biventricle_with_inverted_cells():
    found = bring_in(AMBIT / "heart3D_domain_with_fibres.vtu")
    volumes = {
        k: cavity_volume(found.heart.points, c) / mL for k, c in found.heart.cavities.items()
    }
    assert volumes == pytest.approx({"LV": 116.1, "RV": 83.8}, rel=0.01)
    assert "9046 of 9046" in found.repairs[0]
    lengths = np.linalg.norm(found.heart.fields["fiber"], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-9)


def test_the_user_overrules_the_guesses(tmp_path):
    path = stripped(load("biventricle"), tmp_path / "scan.vtu", seed=5)
    known = Guesses(unit="cm", lv=1, lv_rims=("tricuspid",))
    found = bring_in(path, known)
    volume = cavity_volume(found.heart.points, found.heart.cavities["LV"]) / mL
    assert volume == pytest.approx(131.8e3, rel=0.01)
    assert list(found.heart.cavities["LV"].rims) == ["tricuspid"]
    for wrong in (Guesses(lv=3), Guesses(lv=1, rv=1), Guesses(lv_rims=("a", "b"))):
        with pytest.raises(MeshError, match="scan"):
            bring_in(path, wrong)


def test_a_mouse_heart_needs_its_unit(tmp_path):
    path = stripped(load("left_ventricle"), tmp_path / "mouse.vtu", seed=1, scale=0.07)
    found = bring_in(path, Guesses(unit="mm"))
    assert found.guesses[0].confidence == 1
    path = stripped(load("left_ventricle"), tmp_path / "odd.vtu", seed=1, scale=1e-9)
    with pytest.raises(MeshError, match="--unit"):
        bring_in(path)


def test_a_solid_tetrahedron_has_no_chamber():
    points = 100 * np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    with pytest.raises(MeshError, match="no hollow"):
        understand("solid", points, np.array([[0, 1, 2, 3]]), Guesses())


def test_deep_inside_little_is_seen_and_outside_nearly_all():
    heart = load("left_ventricle")
    facets, _ = boundary(heart.tets)
    seen = exposure(heart.points, facets)
    deep = heart.points[facets].mean(axis=1)[:, 2] < -20
    assert ((seen[deep] < 0.3) | (seen[deep] > 0.95)).all()
    assert (seen[deep] < 0.3).any()
    assert (seen[deep] > 0.95).any()


def spoiled(heart) -> RawMesh:
    tets = heart.tets.copy()
    tets[5:20, 2:] = tets[5:20, :1:-1]
    tets = np.concatenate([tets, tets[30:33], [[7, 7, 8, 9]]])
    points = np.concatenate([heart.points, [[0.0, 0, 900]], heart.points[:1]])
    tets[0][tets[0] == 0] = len(points) - 1
    return RawMesh(points, tets, tets[:0, :3], {"tag": np.arange(len(tets))}, {}, {}, {})


def test_mending_restores_a_spoiled_heart():
    heart = load("biventricle")
    mended, done = mend("spoiled", spoiled(heart))
    assert mended.tets.shape == heart.tets.shape
    np.testing.assert_array_equal(mended.points, heart.points)
    np.testing.assert_array_equal(np.sort(mended.tets), np.sort(heart.tets))
    np.testing.assert_array_equal(mended.tet_data["tag"], np.arange(len(heart.tets)))
    text = " ".join(done)
    for word in ("turned 15", "removed 3 copies", "1 tetrahedra that repeat", "dropped"):
        assert word in text


def test_what_cannot_be_mended_is_refused():
    heart = load("left_ventricle")
    raw = RawMesh(heart.points, heart.tets, heart.tets[:0, :3], {}, {}, {}, {})
    lost = raw.points.copy()
    lost[3] = np.nan
    with pytest.raises(MeshError, match="not finite"):
        mend("nan", dataclasses.replace(raw, points=lost))
    extra = np.column_stack([raw.tets[:1, :3], [int(raw.tets.max())]])
    overlapping = dataclasses.replace(raw, tets=np.concatenate([raw.tets, extra]))
    with pytest.raises(MeshError, match="more than two tetrahedra"):
        mend("overlapping", overlapping)


def test_the_doctor_reports_and_repairs_a_file(tmp_path):
    heart = load("biventricle")
    raw = spoiled(heart)
    path = tmp_path / "spoiled.vtu"
    meshio.Mesh(raw.points, [("tetra", raw.tets)]).write(path)
    content, nothing = diagnosis(path, Guesses())
    assert nothing is None
    assert content["quality"]["inverted"] >= 15
    assert any("needs mending" in row["message"] for row in content["findings"])
    content, mended = diagnosis(path, Guesses(), repair=True)
    assert len(content["repairs"]) >= 4
    assert content["quality"]["inverted"] == 0
    assert not any(row["severity"] == "error" for row in content["findings"])
    assert content["cavities"]["LV"]["volume_mL"] == pytest.approx(117.0, abs=0.1)
    assert content["clinical"]["RV/LV volume"]["usual"]
    require_usable(mended)


def bored(heart, direction, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and cells of a heart with a hole bored through the LV wall."""
    inside = heart.points[np.unique(heart.surfaces["LV_endocardium"])].mean(axis=0)
    offset = heart.points[heart.tets].mean(axis=1) - inside
    along = offset @ direction
    aside = np.linalg.norm(offset - along[:, None] * direction, axis=1)
    return heart.points, heart.tets[(along < 0) | (aside > radius)]


@pytest.mark.parametrize("name", ["biventricle", "left_ventricle"])
def test_a_hole_in_the_wall_is_no_valve(name, tmp_path):
    heart = load(name)
    points, tets = bored(heart, np.array([-1.0, 0, 0]), 9)
    path = tmp_path / "torn.vtu"
    meshio.Mesh(points, [("tetra", tets)]).write(path)
    with pytest.raises(MeshError, match="1 holes besides its valves"):
        bring_in(path)
    # a surgeon's opening, named on purpose, is accepted
    found = bring_in(path, Guesses(lv_rims=("base", "apical")))
    assert list(found.heart.cavities["LV"].rims) == ["base", "apical"]


def test_atria_that_are_still_attached_are_named_as_such():
    """A cup with three openings of like size at its top."""
    from heartsim.mesh.openings import open_chamber

    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, 4000)
    turn = rng.uniform(0, 2 * np.pi, 4000)
    radius = np.sqrt(1 - z**2)
    ball = np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)
    from scipy.spatial import ConvexHull

    hull = ConvexHull(ball)
    facets = hull.simplices
    outward = np.einsum(
        "fi,fi->f",
        np.cross(ball[facets[:, 1]] - ball[facets[:, 0]], ball[facets[:, 2]] - ball[facets[:, 0]]),
        ball[facets].mean(axis=1),
    )
    facets = np.where(outward[:, None] > 0, facets[:, ::-1], facets)  # out of the tissue: inward
    center = ball[facets].mean(axis=1)
    angle = np.arange(3) * 2 * np.pi / 3
    valves = np.stack([0.6 * np.cos(angle), 0.6 * np.sin(angle), np.full(3, 0.8)], axis=1)
    open_ = (np.linalg.norm(center[:, None] - valves, axis=2) < 0.3).any(axis=1)
    with pytest.raises(MeshError, match=r"3 openings.*atrium"):
        open_chamber("cup", ball, facets[~open_], "LV", Guesses())


def test_single_missing_cells_are_put_back():
    heart = load("biventricle")
    outer = np.bincount(boundary(heart.tets)[1], minlength=len(heart.tets))
    gone = (np.random.default_rng(1).random(len(heart.tets)) < 0.01) & (outer < 2)
    tag = np.arange(len(heart.tets))[~gone]
    raw = RawMesh(heart.points, heart.tets[~gone], heart.tets[:0, :3], {"tag": tag}, {}, {}, {})
    mended, done = mend("moth-eaten", raw)
    assert gone.sum() > 10
    np.testing.assert_array_equal(
        np.unique(np.sort(mended.tets, axis=1), axis=0),
        np.unique(np.sort(heart.tets, axis=1), axis=0),
    )
    assert f"put back {gone.sum()} " in " ".join(done)
    assert len(mended.tet_data["tag"]) == len(heart.tets)


def test_misplaced_nodes_are_put_back_or_named():
    """A node moved through its cells is no matter of numbering."""
    from heartsim.mesh.biventricle import biventricle

    heart = biventricle(6.0)
    outer = np.unique(boundary(heart.tets)[0])
    inner = np.setdiff1d(np.arange(len(heart.points)), outer)
    raw = RawMesh(
        heart.points, heart.tets[:, [1, 0, 2, 3]], outer[:0].reshape(0, 3), {}, {}, {}, {}
    )
    moved = heart.points.copy()
    moved[inner[:3]] += 9.0
    mended, done = mend("folded", dataclasses.replace(raw, points=moved))
    np.testing.assert_array_equal(np.sort(mended.tets, axis=1), np.sort(heart.tets, axis=1))
    assert (cell_volumes(mended.points, mended.tets) > 0).all()
    np.testing.assert_array_equal(mended.points[outer], heart.points[outer])
    assert any("inner nodes that folded" in sentence for sentence in done)
    moved = heart.points.copy()
    moved[outer[100]] += 12.0
    with pytest.raises(MeshError, match="folded over their neighbors"):
        mend("folded", dataclasses.replace(raw, points=moved))


@pytest.mark.parametrize("name", ["biventricle", "left_ventricle"])
def test_nothing_is_put_into_a_whole_wall(name):
    from heartsim.mesh.pits import missing_cells

    heart = load(name)
    assert len(missing_cells(heart.points, heart.tets)[0]) == 0
