"""Surfaces of a heart are told apart by name or by shape, sewn together and closed."""

from pathlib import Path

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.library import load
from heartsim.mesh.outlines import enclosed, outlines
from heartsim.mesh.raw import RawMesh, read_raw
from heartsim.mesh.surfaces import boundary, cavity_volume, components
from heartsim.units import mL

BIVME = Path(__file__).resolve().parents[3] / "shared/meshes/bivme_patient1"


def surface(points, triangles) -> RawMesh:
    return RawMesh(points, np.zeros((0, 4), np.int64), triangles, {}, {}, {}, {})


def volumes(found) -> dict[str, float]:
    return {name: enclosed(found.points, facets) / mL for name, facets in found.blood.items()}


def expected(heart) -> dict[str, float]:
    return {name: cavity_volume(heart.points, c) / mL for name, c in heart.cavities.items()}


@pytest.fixture(scope="module")
def heart():
    return load("biventricle")


def test_cavities_in_one_file_are_told_by_shape(heart):
    """With noise of 0.3 mm; the larger, right one comes first in the file."""
    noisy = heart.points + np.random.default_rng(3).normal(size=heart.points.shape) * 0.3
    parts = [heart.surfaces[f"{n}_endocardium"] for n in ("RV", "LV")]
    triangles = np.concatenate([*parts, heart.surfaces["epicardium"]])
    found = outlines({"scan.stl": surface(noisy, triangles)}, Guesses())
    assert volumes(found) == pytest.approx(expected(heart), rel=0.02)
    assert found.guesses[0].confidence > 0.9


def test_names_tell_and_lids_are_left_out(heart):
    raws = {f"{name}.stl": surface(heart.points, f) for name, f in heart.surfaces.items()}
    found = outlines(raws, Guesses())
    assert volumes(found) == pytest.approx(expected(heart), rel=1e-9)
    assert "lid from base.stl" in found.guesses[0].value


def test_a_septum_and_a_free_wall_are_sewn_together(heart):
    """Two files of one cavity, one of them inside out, are one surface."""
    right = heart.surfaces["RV_endocardium"]
    septal = heart.points[right].mean(axis=1)[:, 0] < 30
    raws = {
        "lv.stl": surface(heart.points, heart.surfaces["LV_endocardium"]),
        "rv_septum.stl": surface(heart.points, right[septal][:, ::-1]),
        "rv_freewall.stl": surface(heart.points, right[~septal]),
        "epi.stl": surface(heart.points, heart.surfaces["epicardium"]),
    }
    found = outlines(raws, Guesses())
    assert volumes(found) == pytest.approx(expected(heart), rel=1e-9)


def test_small_gaps_of_a_skin_are_closed_and_large_ones_refused(heart):
    skin, _ = boundary(heart.tets)
    found = outlines({"skin.stl": surface(heart.points, np.delete(skin, [50, 200], 0))}, Guesses())
    assert volumes(found) == pytest.approx(expected(heart), rel=0.01)
    assert "2 small gaps" in found.guesses[0].reason
    distance = np.linalg.norm(heart.points[skin].mean(axis=1) - heart.points[skin[0, 0]], axis=1)
    for torn in (skin[distance > 15], heart.surfaces["LV_endocardium"]):
        with pytest.raises(MeshError, match="open surface"):
            outlines({"skin.stl": surface(heart.points, torn)}, Guesses())


@pytest.mark.skipif(not BIVME.is_dir(), reason="needs ../shared/meshes/bivme_patient1")
def test_the_published_right_ventricle():
    """Its file holds two pieces: free wall, closed over its own rim, minus the septum's bulge."""
    names = ("LV_ENDOCARDIAL", "RV_ENDOCARDIAL", "EPICARDIAL")
    raws = {n: read_raw(BIVME / f"patient1_{n}_000.vtk") for n in names}
    found = outlines(raws, Guesses())
    assert volumes(found) == pytest.approx({"LV": 174.5, "RV": 170.1}, abs=0.1)
    right = raws["RV_ENDOCARDIAL"]
    part = components(right.triangles, len(right.points))
    raws |= {f"rv_{k}": surface(right.points, right.triangles[part == k]) for k in (0, 1)}
    del raws["RV_ENDOCARDIAL"]
    assert volumes(outlines(raws, Guesses())) == pytest.approx({"LV": 174.5, "RV": 170.1}, abs=0.1)
