"""Marking part of the wall on an idealized heart."""

import numpy as np
import pytest

from heartsim.errors import InputError
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.surfaces import cell_volumes
from heartsim.procedures import infarct, on_anatomy
from heartsim.procedures.region import MarkRegion
from heartsim.units import mL


@pytest.fixture(scope="module")
def mesh():
    return biventricle(9.0)


def test_no_procedure_returns_the_same_anatomy(mesh):
    assert on_anatomy(mesh, ())[0] is mesh


def test_core_has_the_asked_volume_and_the_border_fades(mesh):
    marked, receipts = on_anatomy(mesh, [infarct(fraction="20 %", border_zone="12 mm")])
    volume = cell_volumes(mesh.points, mesh.tets)
    wall = volume[np.concatenate([mesh.region("LV"), mesh.region("septum")])].sum()
    core = volume[marked.region("infarct")].sum()
    assert core / wall == pytest.approx(0.2, abs=0.01)
    weight = marked.fields["weight_infarct"]
    assert np.all(weight[marked.region("infarct")] == 1)
    border = weight[marked.region("infarct_border")]
    assert np.all((border > 0) & (border <= 1))
    assert np.count_nonzero(weight) == len(border) + len(marked.region("infarct"))
    amounts = receipts[0].as_dict()["amounts"]
    assert amounts["core_mL"] == pytest.approx(core / mL)
    assert "infarct" not in mesh.regions


def test_right_ventricle_stays_healthy(mesh):
    marked, _ = on_anatomy(mesh, [infarct(fraction="40 %")])
    assert np.all(marked.fields["weight_infarct"][mesh.region("RV")] == 0)


def test_impossible_patch_is_refused(mesh):
    with pytest.raises(InputError, match="fraction"):
        MarkRegion("infarct", 13, 1.5, 5.0).apply_to_mesh(mesh)
