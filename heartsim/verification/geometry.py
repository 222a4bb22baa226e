"""Geometry: volumes of cavities, and walls that only turn."""

from typing import Final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from heartsim.fem.cavity import cavity_surface, volume
from heartsim.fem.solid import stored_energy
from heartsim.fem.space import number_nodes
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.microstructure.fibers import ellipsoid_rule
from heartsim.tissue.parameters import passive_law
from heartsim.verification.bodies import heart_of, muscle, space_on, wall
from heartsim.verification.direct import Body, loading, out_of_balance
from heartsim.verification.table import Figure, Findings, Line, Reading, extrapolate, observed_order

EXACT_CAVITY: Final = 2492.1273
"""Cavity of the benchmark ellipsoid, 7 and 17 mm, cut at z = 5 mm [mm³]."""

TURN: Final = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
"""A rotation with rational entries."""


def cavity(fast: bool) -> Findings:
    """Cavity volume of the truncated benchmark ellipsoid, and of its affine images.

    Closed form π a² (2c/3 + z − z³/(3c²)) = 2492.1273 mm³ for a = 7, c = 17, cut at z = 5 mm. The
    faceted surface converges with h². Under x → F x + t the volume is exactly det F times as
    large, whatever the mesh, lid included.
    """
    edges = np.array([4.0, 2.0, 1.0] if fast else [4.0, 2.0, 1.0, 0.5])
    meshes = [left_ventricle(float(edge), layers=1) for edge in edges]
    volumes = [_enclosed(mesh, mesh.points) for mesh in meshes]
    F = np.array([[1.2, 0.3, 0.0], [0.1, 0.8, -0.2], [0.0, 0.4, 1.1]])
    image = _enclosed(meshes[0], meshes[0].points @ F.T + np.array([300.0, -50.0, 7.0]))
    errors = EXACT_CAVITY - np.array(volumes)
    limit = extrapolate(edges, np.array(volumes))
    reading = Reading("cavity", "closed form")
    rows = (
        reading.within("volume of the ellipsoid, extrapolated", limit, EXACT_CAVITY, 2e-4, "mm³"),
        reading.between("order of the faceted surface", observed_order(edges, errors), 1.85, 2.15),
        reading.within("affine image / original", image / volumes[0], np.linalg.det(F), 1e-11),
    )
    lines = (
        Line(edges, errors, "heartsim", "C0o-"),
        Line(edges, errors[-1] * (edges / edges[-1]) ** 2, "slope 2", "k:"),
    )
    label = "missing volume [mm³]"
    return Findings(rows, Figure("Cavity volume", "edge length [mm]", label, lines, True))


def _enclosed(mesh: HeartMesh, points: Float[np.ndarray, "n 3"]) -> float:
    """Volume of the cavity with its nodes at given positions [mm³]."""
    nodes = number_nodes(mesh.points, mesh.tets, 1)
    chamber = mesh.cavities["LV"]
    return float(volume(cavity_surface(nodes, chamber.facets, chamber.rims), jnp.asarray(points)))


def rigid(fast: bool) -> Findings:
    """Rigid motion: a turned and shifted wall has no stress, and its forces turn with it.

    Rotation by the matrix `TURN` and a shift of hundreds of millimetres, for P2/P1 and P1/P1: the
    wall at rest stays free of force; a wall shaken at random, under tension and pressure, keeps
    its energy and its forces turn with it.
    """
    del fast
    rows, lines = [], []
    mesh = left_ventricle(5.0)
    cavity = mesh.cavities["LV"]
    frames = jnp.asarray(ellipsoid_rule(mesh.points[mesh.tets].mean(axis=1)))[:, None]
    for k, element in enumerate(("P2P1", "P1P1")):
        nodes, space = space_on(mesh.points, mesh.tets, element, lambda x: np.zeros(x.shape, bool))
        solid = wall(space, muscle(passive_law("guccione-land-2015"), len(mesh.tets)), frames)
        chamber = cavity_surface(nodes, cavity.facets, cavity.rims)
        body = Body(heart_of(solid, (chamber,)))
        random = np.random.default_rng(0)
        shaken = nodes.points + 0.05 * random.standard_normal(nodes.points.shape)
        p, none = jnp.asarray(random.standard_normal(space.vertices)), jnp.zeros(space.vertices)

        def forces(x, p, load, body=body, at=nodes.points):
            loads = loading(body, cavity=load, tension=load)
            out = np.asarray(out_of_balance(body, loads, jnp.asarray(x - at), p))
            return out[: x.size].reshape(x.shape)

        rest = forces(_moved(nodes.points), none, 0.0)
        before, after = forces(shaken, p, 20.0), forces(_moved(shaken), p, 20.0)
        scale = np.abs(before).max()
        off = np.abs(after - before @ TURN.T).max(axis=1) / scale
        kept, had = (
            float(stored_energy(solid, jnp.asarray(x - nodes.points), none))
            for x in (_moved(shaken), shaken)
        )
        reading = Reading("rigid", "round-off", space.dofs)
        resting = np.abs(rest).max() / scale
        rows += [
            reading.at_most(f"{element}, force of a turned wall at rest", resting, 1e-11),
            reading.at_most(f"{element}, force that does not turn along", off.max(), 1e-11),
            reading.at_most(f"{element}, change of energy", abs(kept / had - 1), 1e-11),
        ]
        lines.append(Line(np.linspace(0, 1, len(off)), np.sort(off), element, f"C{k}-"))
    title = "Forces that do not turn with the wall"
    label = "share of the nodes, sorted [-]"
    return Findings(tuple(rows), Figure(title, label, "relative force [-]", tuple(lines)))


def _moved(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return points @ TURN.T + np.array([200.0, -100.0, 50.0])
