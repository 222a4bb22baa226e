"""Displacement fields of another finite element code, node for node, on the very same meshes."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from heartsim.fem.cavity import cavity_surface
from heartsim.fem.space import DEGREE, function_space, number_nodes
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary, make_cavity
from heartsim.tissue.passive import Guccione
from heartsim.verification.bodies import (
    WITHOUT_CONSTRAINT,
    compressible,
    heart_of,
    muscle,
    wall,
)
from heartsim.verification.direct import Body, at_rest, loading, patch, solve

FIELDS = Path(__file__).resolve().parents[3] / "shared" / "reference" / "fields"
TOLERANCE = 1e-5
KAPPA = 1000.0

pytestmark = pytest.mark.skipif(
    not FIELDS.is_dir(), reason="no reference fields beside this checkout"
)


def mesh_of(name):
    """Points, upright tetrahedra and outward boundary triangles by tag."""
    with np.load(FIELDS / f"{name}.npz") as data:
        points, tets, tris, tag = (data[key] for key in ("x", "tets", "tris", "tri_tag"))
    tets = orient(points, tets.astype(int))
    outer, _ = boundary(tets)
    number = {tuple(sorted(t)): k for t, k in zip(tris.tolist(), tag.tolist(), strict=True)}
    tags = np.array([number.get(tuple(sorted(t)), 0) for t in outer.tolist()])
    return points, tets, outer, tags


def difference(nodes, u, name):
    """Relative L2 difference of the nodal displacements, matched by position."""
    with np.load(FIELDS / f"{name}.npz") as data:
        x, expected = data["x"], data["u"]
    away, match = cKDTree(nodes.points).query(x)
    assert away.max() < 1e-6
    assert len(np.unique(match)) == len(nodes.points) == len(x)
    return np.linalg.norm(np.asarray(u)[match] - expected) / np.linalg.norm(expected)


def clamped_space(mesh, clamp, element, degree=4):
    points, tets, outer, tags = mesh
    nodes = number_nodes(points, tets, DEGREE[element])
    fixed = np.unique(nodes.facets(outer[tags == clamp]))
    return nodes, function_space(nodes, element, fixed=fixed, quadrature_degree=degree)


def followed(body, load, steps):
    found = at_rest(body)
    for part in np.arange(1, steps + 1) / steps:
        found = solve(body, load(part), found)
    return found


def ventricle(name, element, law, pressure, *, kappa=None, steps):
    """Ventricle with its base clamped, under cavity pressure."""
    mesh = mesh_of(name)
    _, tets, outer, tags = mesh
    # what the other code calls degree 4 are the 14 points that scikit-fem 12 calls degree 5
    nodes, space = clamped_space(mesh, 3, element, 5 if element == "P2P1" else 2)
    cavity = make_cavity(outer[tags == 1], name="LV cavity")
    surface = cavity_surface(nodes, cavity.facets, cavity.rims)
    if kappa is None:
        solid = wall(space, muscle(law, len(tets)))
    else:
        solid = wall(space, compressible(law, kappa, len(tets)), compressibility=WITHOUT_CONSTRAINT)
    body = Body(heart_of(solid, (surface,)))
    found = followed(body, lambda part: loading(body, cavity=part * pressure), steps)
    return nodes, found.u


@pytest.mark.slow
def test_beam_of_nearly_incompressible_quadratic_elements():
    mesh = mesh_of("land_beam_n2")
    _, tets, outer, tags = mesh
    nodes, space = clamped_space(mesh, 1, "P2P1")
    material = compressible(Guccione(2.0, 8.0, 2.0, 4.0), KAPPA, len(tets))
    body = Body(
        heart_of(wall(space, material, compressibility=WITHOUT_CONSTRAINT)),
        patch(nodes, outer[tags == 2]),
    )
    found = followed(body, lambda part: loading(body, pressure=part * 0.004), 10)
    assert difference(nodes, found.u, "ref_ufl_p1_n2_P2") < TOLERANCE


ISOTROPIC = (10.0, 1.0, 1.0, 1.0)

CASES = {
    "ref_ufl_p2_h3_2kPa": ("land_lv_h3", "P2P1", True, 2.0, KAPPA, 8),
    "ref_ufl_p2_h2_P2": ("land_lv_h2", "P2P1", True, 10.0, KAPPA, 40),
    "ref_ufl_p2_h2_P2P1": ("land_lv_h2", "P2P1", False, 10.0, None, 12),
    "ref_ufl_p2_h2_P1P1s": ("land_lv_h2", "P1P1", False, 10.0, None, 12),
}
"""Mesh, element, isochoric split, pressure [kPa], bulk modulus [kPa], load steps."""


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_ventricle_under_pressure(name):
    mesh, element, split, pressure, kappa, steps = CASES[name]
    law = Guccione(*ISOTROPIC, isochoric=split)
    nodes, u = ventricle(mesh, element, law, pressure, kappa=kappa, steps=steps)
    assert difference(nodes, u, name) < TOLERANCE
