"""Problems with a solution on paper: bars, shear, an inflated sphere, a wave in a slab."""

from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from heartsim.activation.eikonal import arrival_times
from heartsim.fem.solid import Solid, residual
from heartsim.fem.space import FunctionSpace, Nodes, function_space, number_nodes
from heartsim.mesh.box import box
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.tissue.active import ActiveTension
from heartsim.tissue.law import Law
from heartsim.tissue.parameters import passive_law
from heartsim.tissue.passive import Guccione, NeoHookean
from heartsim.tissue.tissue import Tissue, uniform
from heartsim.units import kPa
from heartsim.verification.direct import patch, solve
from heartsim.verification.table import Row, within

EXACT: Final = 1e-6
"""Relative tolerance where the finite elements hold the exact solution."""


def active_bar(fast: bool) -> list[Row]:
    """Let a free neo-Hookean bar contract: λ³ = mu / (mu + Ta) under S_a = Ta f⊗f."""
    del fast
    rows = []
    for tension in (10 * kPa, 60 * kPa):
        space, nodes, bar = _bar(NeoHookean(10 * kPa))
        u, p = jnp.zeros_like(space.points), jnp.zeros(space.vertices)
        steps = 6
        for k in range(1, steps + 1):
            active = jnp.full_like(space.volume, k / steps * tension)
            u, p, _ = solve(bar, None, 0.0, active, u=u, p=p)
        stretch = 1 + float(u[_corner(nodes), 0]) / nodes.points[:, 0].max()
        expected = (10 / (10 + tension)) ** (1 / 3)
        quantity = f"free stretch at {tension:.0f} kPa"
        source = "closed form, mu = 10 kPa"
        rows.append(
            within("active-bar", quantity, stretch, expected, EXACT, unit="-", source=source)
        )
    return rows


def uniaxial(fast: bool) -> list[Row]:
    """Stretch a bar of Guccione tissue along its fibers; force over current area."""
    del fast
    law = passive_law("guccione-land-2015")
    rows = []
    for stretch in (0.9, 1.2):
        space, nodes, bar = _bar(law)
        length = nodes.points[:, 0].max()
        pulled = nodes.points[:, 0] > length - 1e-9
        free = np.asarray(space.free).copy()
        free[pulled, 0] = 0
        bar = eqx.tree_at(lambda s: s.space.free, bar, jnp.asarray(free))
        none = jnp.zeros_like(space.volume)
        side = stretch**-0.5 - 1
        u = space.points * jnp.array([[stretch - 1, side, side]])
        u, p, _ = solve(bar, None, 0.0, none, u=u, p=jnp.zeros(space.vertices))
        forces, _ = residual(bar, u, p, none, u, jnp.zeros(()))
        area = float(np.prod(np.ptp(np.asarray(space.points + u), axis=0)[1:]))
        cauchy = float(jnp.sum(forces[pulled, 0])) / area
        expected = _uniaxial_cauchy(law, stretch)
        quantity = f"Cauchy stress at stretch {stretch}"
        source = "closed form, Guccione 2/8/2/4"
        rows.append(
            within("uniaxial", quantity, cauchy, expected, EXACT, unit="kPa", source=source)
        )
    return rows


def _uniaxial_cauchy(law: Guccione, stretch: float) -> float:
    """Uniaxial stress of the incompressible law along the fiber [kPa], by hand."""
    along, across = (stretch**2 - 1) / 2, (1 / stretch - 1) / 2
    growth = law.C * np.exp(law.bf * along**2 + 2 * law.bt * across**2)
    return float(growth * (law.bf * along * stretch**2 - law.bt * across / stretch))


def shear(fast: bool) -> list[Row]:
    """Shear Holzapfel–Ogden muscle in its six modes, in the order of the paper's figure."""
    del fast
    law = passive_law("holzapfel-ogden-2009-shear")
    expected_stress = {
        "fs": 14.676635,
        "fn": 12.792675,
        "sf": 3.345995,
        "sn": 1.462035,
        "nf": 0.219234,
        "ns": 0.219234,
    }
    source = "independent code, parameters of doi:10.1098/rsta.2009.0091"
    rows = []
    for mode, expected in expected_stress.items():
        i, j = ("fsn".index(letter) for letter in mode)
        F = np.eye(3)
        F[j, i] = 0.5
        S = 2 * np.asarray(jax.grad(law.energy)(jnp.asarray(F.T @ F)))
        quantity = f"Cauchy shear stress {mode} at 0.5"
        found = (F @ S @ F.T)[i, j]
        rows.append(within("shear", quantity, found, expected, EXACT, unit="kPa", source=source))
    return rows


def sphere(fast: bool) -> list[Row]:
    """Inflate a thick neo-Hookean sphere, half of it standing on its plane of symmetry."""
    del fast
    edge, layers, tolerance = 3.0, 2, 0.005
    inner, outer = 10.0, 15.0
    mesh = left_ventricle(
        edge, layers=layers, endocardium=(inner, inner), epicardium=(outer, outer), base=0.0
    )
    nodes = number_nodes(mesh.points, mesh.tets, 2)
    space = function_space(nodes, "P2P1")
    free = np.ones_like(nodes.points)
    free[np.abs(nodes.points[:, 2]) < 1e-9, 2] = 0
    free[(np.hypot(nodes.points[:, 0], nodes.points[:, 1]) < 1e-9), :2] = 0
    ring = (np.abs(nodes.points[:, 1]) < 1e-9) & (nodes.points[:, 0] > 0)
    free[ring & (free[:, 2] == 0), 1] = 0
    space = eqx.tree_at(lambda s: s.free, space, jnp.asarray(free))
    ball = _wall(space, NeoHookean(10 * kPa))
    pressed = patch(nodes, mesh.surface("LV_endocardium"))
    u, p = jnp.zeros_like(space.points), jnp.zeros(space.vertices)
    none = jnp.zeros_like(space.volume)
    rows = []
    for pressure, expected in ((2.0, 10.883350), (3.0, 11.542989)):
        u, p, _ = solve(ball, pressed, pressure * kPa, none, u=u, p=p)
        radius = _inner_radius(mesh, np.asarray(space.points + u), inner)
        quantity = f"inner radius at {pressure:.0f} kPa"
        source = "closed form, mu = 10 kPa, 10/15 mm"
        rows.append(
            within("sphere", quantity, radius, expected, tolerance, unit="mm", source=source)
        )
    return rows


def wave(fast: bool) -> list[Row]:
    """Time a wave across a slab of fibers from a stimulated corner.

    First-arrival times on a mesh are never early, and behind a source late by O(h log 1/h): the
    band is the time that the wave takes across one cell.
    """
    h = 0.5 if fast else 0.25
    along, across = 0.6, 0.4
    mesh = box((20.0, 7.0, 3.0), (round(20 / h), round(7 / h), round(3 / h)))
    sites = np.flatnonzero((mesh.points <= 1.5 + 1e-9).all(axis=1))
    fiber = np.tile([1.0, 0.0, 0.0], (len(mesh.tets), 1))
    times = arrival_times(
        mesh.points, mesh.tets, fiber, sites, fiber_speed=along, transverse_speed=across
    )
    rows = []
    for label, place, expected in (
        ("far corner", (20.0, 7.0, 3.0), 33.96792),
        ("center", (10.0, 3.5, 1.5), 15.02313),
    ):
        node = np.argmin(np.linalg.norm(mesh.points - np.array(place), axis=1))
        quantity = f"activation of the {label}"
        source = f"closed form, at most one cell of {h} mm late"
        late = expected + h / across
        rows.append(Row("wave", quantity, float(times[node]), expected, late, "ms", source))
    return rows


def _wall(space: FunctionSpace, law: Law) -> Solid:
    """Incompressible wall with fibers along x and tension free of length dependence."""
    cells = len(space.volume)
    one, none = jnp.ones(cells), jnp.zeros(())
    tissue = Tissue(uniform(law, cells), uniform(ActiveTension(0.0, 1.2), cells), one, one, 0 * one)
    frames = jnp.broadcast_to(jnp.eye(3), (cells, 1, 3, 3))
    return Solid(space, frames, tissue, none, none, none, jnp.zeros(cells))


def _bar(law: Law) -> tuple[FunctionSpace, Nodes, Solid]:
    """Block of 2 × 1 × 1 mm on three planes of symmetry, free elsewhere."""
    mesh = box((2.0, 1.0, 1.0), (2, 1, 1))
    nodes = number_nodes(mesh.points, mesh.tets, 2)
    space = function_space(nodes, "P2P1")
    free = jnp.asarray(np.where(np.abs(nodes.points) < 1e-9, 0.0, 1.0))
    space = eqx.tree_at(lambda s: s.free, space, free)
    return space, nodes, _wall(space, law)


def _corner(nodes: Nodes) -> int:
    """Node farthest from the origin."""
    return int(np.argmax(nodes.points.sum(axis=1)))


def _inner_radius(mesh: HeartMesh, x: np.ndarray, inner: float) -> float:
    """Mean current radius of the vertices that lie on the inner sphere [mm]."""
    on = np.abs(np.linalg.norm(mesh.points, axis=1) - inner) < 1e-9
    return float(np.linalg.norm(x[: len(mesh.points)][on], axis=1).mean())
