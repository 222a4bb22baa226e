"""The benchmark's ventricle from a foreign file, and the peer's loop."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.errors import MeshError
from heartsim.mesh.ellipsoid import left_ventricle

ventricle = pytest.importorskip("benchmarks.ventricle")


def saved(path, points, tets):
    """Mesh without any names, as another code leaves it."""
    cells = "\n".join(" ".join(map(str, tet)) for tet in tets.tolist())
    lines = [f"{len(points)} 3 0 0", *(f"{k} {x} {y} {z}" for k, (x, y, z) in enumerate(points))]
    path.with_suffix(".node").write_text("\n".join(lines))
    numbered = "\n".join(f"{k} {line}" for k, line in enumerate(cells.splitlines()))
    path.with_suffix(".ele").write_text(f"{len(tets)} 4 0\n{numbered}")
    return path.with_suffix(".ele")


def test_parts_are_found_by_where_they_lie(tmp_path):
    """In meters, shifted along the axis, with cells inside out."""
    mesh = left_ventricle(5.0, layers=1)
    moved = (mesh.points + np.array([0, 0, 40.0])) / 1000
    found = ventricle.shell(str(saved(tmp_path / "lv", moved, mesh.tets[:, [1, 0, 2, 3]])))
    assert_allclose(found.points, mesh.points, atol=1e-9)
    for name, surface in (("endocardium", "LV_endocardium"), ("epicardium",) * 2, ("base",) * 2):
        ours = {tuple(sorted(t)) for t in mesh.surface(surface).tolist()}
        assert {tuple(sorted(t)) for t in getattr(found, name).tolist()} == ours


def test_another_shape_is_refused(tmp_path):
    mesh = left_ventricle(5.0, layers=1, endocardium=(6.0, 17.0))
    with pytest.raises(MeshError, match="off the ellipsoids"):
        ventricle.shell(str(saved(tmp_path / "lv", mesh.points, mesh.tets)))


def test_loop_keeps_its_blood():
    """A step of the peer's loop against a stiff and a soft ventricle moves blood, no more."""
    from benchmarks import peer_loop
    from heartsim.circulation.cavities import Cavities
    from heartsim.units import mL

    state = peer_loop.first_state()
    for compliance in (1.0, 1e4):
        cavities = Cavities(
            ("LV",), np.array([1.0]), np.array([float(state.LV) * mL]), np.array([[compliance]])
        )
        after = peer_loop.side(state, 170.0, 10.0).answer(cavities).state
        assert_allclose(stored(after), stored(state), rtol=1e-9)
        assert float(after.q_arteries) != float(state.q_arteries)


def stored(state):
    from benchmarks.peer_loop import PULMONARY, SYSTEMIC

    held = sum(float(getattr(state, name)) for name in ("LA", "LV", "RA", "RV"))
    beds = ("p_arteries", "p_veins", "p_lung_arteries", "p_lung_veins")
    compliances = (SYSTEMIC[1], SYSTEMIC[4], PULMONARY[1], PULMONARY[4])
    return held + sum(c * float(getattr(state, p)) for c, p in zip(compliances, beds, strict=True))
