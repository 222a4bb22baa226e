"""Segmentations and surfaces become meshes with the right volumes, or are refused in words."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.incoming import bring_in
from heartsim.mesh.labelmap import LabelMap, roles
from heartsim.mesh.library import load
from heartsim.mesh.outlines import closed, enclosed
from heartsim.mesh.quality import dihedral_angles, examine, require_usable
from heartsim.mesh.raw import read_raw
from heartsim.mesh.stuffing import stuff
from heartsim.mesh.surfaces import boundary, cavity_volume, cell_volumes, facet_edges, group_rows
from heartsim.mesh.voxels import from_labels, inside, signed_distance
from heartsim.units import mL

_spec = importlib.util.spec_from_file_location(
    "segmentations", Path(__file__).with_name("segmentations.py")
)
images = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(images)

BIVME = Path(__file__).resolve().parents[3] / "shared/meshes/bivme_patient1"
MEANING = {images.LV: "LV", images.RV: "RV", images.WALL: "wall"}


def volumes(heart) -> dict[str, float]:
    return {name: cavity_volume(heart.points, cavity) for name, cavity in heart.cavities.items()}


def turned() -> np.ndarray:
    axes, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))
    return axes * np.sign(np.linalg.det(axes))


def test_a_ball_is_stuffed_with_good_cells_up_to_its_surface():
    points, tets = stuff(
        lambda x: np.linalg.norm(x, axis=1) - 10, np.full(3, -11.0), np.full(3, 11.0), 3.0
    )
    assert cell_volumes(points, tets).sum() == pytest.approx(4 / 3 * np.pi * 1000, rel=0.03)
    angles = np.degrees(dihedral_angles(points, tets))
    assert angles.min() > 12
    assert angles.max() < 160
    facets, _ = boundary(tets)
    assert (group_rows(facet_edges(facets))[2] == 2).all()
    np.testing.assert_allclose(np.linalg.norm(points[np.unique(facets)], axis=1), 10, atol=0.2)


@pytest.mark.parametrize("rv_wall", [True, False])
def test_labels_are_told_apart_by_what_surrounds_what(rv_wall):
    labels, affine = images.segmentation((2.5, 2.5, 8.0), rv_wall=rv_wall)
    renamed = np.array([0, 7, 40, 3])[labels]  # any numbers
    found = roles("scan", LabelMap(renamed, affine))
    assert found.blood["LV"].sum() == (labels == images.LV).sum()
    assert found.blood["RV"].sum() == (labels == images.RV).sum()
    assert found.wall.sum() == (labels == images.WALL).sum()


def test_labels_named_by_the_user_win_and_nonsense_is_refused():
    labels, affine = images.segmentation((4.0, 4.0, 8.0))
    image = LabelMap(labels, affine)
    named = roles("scan", image, {images.LV: "LV", images.WALL: "wall"})
    assert set(named.blood) == {"LV"}
    for bad, words in (({9: "LV"}, "no label 9"), ({images.LV: "LV"}, "wall are needed")):
        with pytest.raises(MeshError, match=words):
            roles("scan", image, bad)
    with pytest.raises(MeshError, match="every voxel is 0"):
        roles("scan", LabelMap(0 * labels, affine))
    with pytest.raises(MeshError, match="surrounded"):
        roles("scan", LabelMap((labels > 0).astype(np.uint8), affine))


def test_nifti_keeps_labels_and_places_and_a_mirrored_image_is_turned(tmp_path):
    labels, affine = images.segmentation((3.0, 3.0, 5.0), turn=turned())
    raw = read_raw(images.write_nifti(labels, affine, tmp_path / "scan.nii.gz"))
    np.testing.assert_array_equal(raw.field_data["labels"], labels)
    np.testing.assert_allclose(raw.field_data["affine"], affine, rtol=1e-5, atol=1e-4)
    mirror = affine.copy()
    mirror[:3, 3] += mirror[:3, 0] * (labels.shape[0] - 1)
    mirror[:3, 0] *= -1
    one = from_labels(LabelMap(labels, affine), roles("a", LabelMap(labels, affine), MEANING))
    same = LabelMap(labels[::-1], mirror)
    other = from_labels(same, roles("b", same, MEANING))
    assert np.linalg.det(other.frame[:3, :3]) > 0
    centers = [v.to_world(np.argwhere(v.blood["LV"])).mean(axis=0) for v in (one, other)]
    np.testing.assert_allclose(centers[0], centers[1], atol=0.7)


def test_an_image_of_another_kind_is_refused(tmp_path):
    labels, affine = images.segmentation((8.0, 8.0, 8.0))
    path = images.write_nifti(labels, affine, tmp_path / "scan.nii")
    whole = path.read_bytes()
    for start, patch, words in (
        (344, b"ni1\0", "another file"),
        (70, b"\x80\x00", "type 128"),
        (40, b"\x04\x00", None),
        (108, b"\x00\x00\x80\x7f", "start"),
        (42, b"\xff\x7f\xff\x7f\xff\x7f", "voxels"),
    ):
        path.write_bytes(whole[:start] + patch + whole[start + len(patch) :])
        if words is None:
            assert read_raw(path).field_data["labels"].any()
            continue
        with pytest.raises(MeshError, match=words):
            read_raw(path)


def test_a_segmentation_becomes_a_heart_that_holds_what_was_segmented(tmp_path):
    labels, affine = images.segmentation((2.5, 2.5, 2.5), turn=turned())
    path = images.write_nifti(labels, affine, tmp_path / "scan.nii.gz")
    found = bring_in(path, edge=8.0)
    require_usable(found.heart)
    size = 2.5**3
    held = volumes(found.heart)
    assert held["LV"] == pytest.approx((labels == images.LV).sum() * size, rel=0.005)
    assert held["RV"] == pytest.approx((labels == images.RV).sum() * size, rel=0.005)
    assert held["LV"] == pytest.approx(images.left_volume(), rel=0.03)
    assert {len(cavity.rims) for cavity in found.heart.cavities.values()} == {1}
    wall = cell_volumes(found.heart.points, found.heart.tets).sum()
    assert wall == pytest.approx((labels == images.WALL).sum() * size, rel=0.03)
    assert np.degrees(dihedral_angles(found.heart.points, found.heart.tets)).min() > 8
    center = found.heart.points.mean(axis=0)
    np.testing.assert_allclose(center, [14.0, 0.0, -22.0], atol=15)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("rv_wall", "thick"), [(True, 8.0), (False, 8.0), (False, 1.6)])
def test_stacks_of_slices_and_a_missing_right_wall(rv_wall, thick, tmp_path):
    labels, affine = images.segmentation((1.6, 1.6, thick), rv_wall=rv_wall)
    found = bring_in(images.write_nifti(labels, affine, tmp_path / "scan.nii.gz"), edge=7.0)
    assert not [f for f in examine(found.heart) if f.severity == "error"]
    size = 1.6 * 1.6 * thick
    for chamber, number in (("LV", images.LV), ("RV", images.RV)):
        drawn = (labels == number).sum() * size
        assert volumes(found.heart)[chamber] == pytest.approx(drawn, rel=0.01)


@pytest.mark.parametrize("whole", [False, True])
def test_surfaces_alone_become_a_heart(whole, tmp_path, surface_file):
    """Endocardium and epicardium in two files in meters; or the skin of the wall in one."""
    heart = load("left_ventricle")
    if whole:
        skin = np.concatenate([*heart.surfaces.values()])
        files = surface_file(tmp_path / "skin.stl", heart.points, skin)
    else:
        files = [
            surface_file(tmp_path / f"{name}.ply", heart.points * 1e-3, heart.surfaces[surface])
            for name, surface in (("lv_endo", "LV_endocardium"), ("lv_epi", "epicardium"))
        ]
    found = bring_in(files, edge=9.0)
    require_usable(found.heart)
    assert volumes(found.heart)["LV"] == pytest.approx(117.3 * mL, rel=0.01)
    wall = cell_volumes(found.heart.points, found.heart.tets).sum()
    assert wall == pytest.approx(140.4 * mL, rel=0.04)


def test_surfaces_that_bound_no_wall_are_refused(tmp_path, surface_file):
    heart = load("left_ventricle")
    open_ = surface_file(tmp_path / "one.stl", heart.points, heart.surfaces["epicardium"])
    with pytest.raises(MeshError, match="open surface"):
        bring_in(open_)
    pair = [
        surface_file(tmp_path / f"{n}_epi.stl", heart.points, heart.surfaces["epicardium"])
        for n in ("a", "b")
    ]
    with pytest.raises(MeshError, match="needed"):
        bring_in(pair)


def test_a_surface_is_closed_and_its_triangles_agree():
    heart = load("left_ventricle")
    facets = heart.surfaces["LV_endocardium"].copy()
    facets[::3] = facets[::3, ::-1]
    points, shell = closed("x", heart.points, facets)
    assert enclosed(points, shell) == pytest.approx(volumes(heart)["LV"], rel=1e-9)


def test_cubes_inside_a_closed_surface_hold_its_volume():
    heart = load("left_ventricle")
    points, shell = closed("x", heart.points, heart.surfaces["epicardium"])
    start = points.min(axis=0) - 3
    shape = tuple(np.ceil((points.max(axis=0) + 3 - start) / 1.5).astype(int))
    mask = inside(points[shell], start, shape, 1.5)
    assert mask.sum() * 1.5**3 == pytest.approx(enclosed(points, shell), rel=0.005)
    distance = signed_distance(mask, 1.5)
    assert (distance < 0).sum() == mask.sum()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not BIVME.is_dir(), reason="needs ../shared/meshes/bivme_patient1")
def test_fitted_surfaces_of_a_person():
    files = [BIVME / f"patient1_{s}_024.vtk" for s in ("LV_ENDOCARDIAL", "RV_ENDOCARDIAL")]
    found = bring_in([*files, BIVME / "patient1_EPICARDIAL_024.vtk"], Guesses(), edge=6.0)
    require_usable(found.heart)
    assert volumes(found.heart)["LV"] == pytest.approx(179 * mL, rel=0.01)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_segmented_left_ventricle_beats(tmp_path):
    """From labels in thick slices to a periodic beat in one call, coarsely."""
    import heartsim as hs

    labels, affine = images.segmentation((1.5, 1.5, 8.0))
    index = np.stack(np.meshgrid(*[np.arange(n) for n in labels.shape], indexing="ij"), -1)
    place = index @ affine[:3, :3].T + affine[:3, 3]
    left = ((place / images.OUTER) ** 2).sum(axis=-1) < 1
    labels[(labels == images.RV) | ((labels == images.WALL) & ~left)] = 0
    images.write_nifti(labels, affine, tmp_path / "lv.nii.gz")
    scenario = tmp_path / "lv.toml"
    scenario.write_text(
        '[patient]\nmesh = "lv.nii.gz"\nresolution = "8 mm"\nelement = "P1P1"\n\n'
        '[protocol]\nstep = "10 ms"\nperiodic_within = "3 mL"\nat_most_beats = 3\n'
    )
    result = hs.run(hs.Scenario.read(scenario), tmp_path / "out", device="cpu", quiet=True)
    assert result.indices["status"] == "converged"
    chamber = result.indices["chambers"]["LV"]
    assert chamber["EDV_mL"] == pytest.approx(images.left_volume() / mL, rel=0.06)
    assert 45 < chamber["EF_percent"] < 75
    assert (tmp_path / "out/report.html").is_file()
