"""Thick incompressible shells with a solution on paper: sphere, cylinder, twisted cylinder."""

from collections.abc import Callable
from typing import Final, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.integrate import quad
from scipy.optimize import brentq

from heartsim.fem.cavity import CavitySurface, cavity_surface
from heartsim.fem.residual import residual
from heartsim.fem.space import FunctionSpace, Nodes
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.tissue.law import Law
from heartsim.tissue.passive import MooneyRivlin
from heartsim.units import kPa
from heartsim.verification.bodies import (
    Points,
    at_quadrature,
    heart_of,
    muscle,
    on_planes,
    space_on,
    tube,
    wall,
)
from heartsim.verification.direct import (
    Body,
    Equilibrium,
    Patch,
    at_rest,
    loading,
    patch,
    solve,
)
from heartsim.verification.quadratic import Steps, near_solution
from heartsim.verification.table import (
    Figure,
    Findings,
    Line,
    Reading,
    extrapolate,
    observed_order,
)

INNER: Final = 10.0
OUTER: Final = 15.0
"""Radii of sphere and tube [mm]."""

RUBBERS: Final = {"neo-Hookean": (5.0, 0.0), "Mooney–Rivlin": (4.0, 1.0)}
"""c1 and c2 of the two laws [kPa]; both have the shear modulus 10 kPa."""

_ON: Final = 1e-9


def rubber(name: str) -> Law:
    """One of the two laws of `RUBBERS`."""
    return MooneyRivlin(*RUBBERS[name])


def sphere_pressure(stretch: float, c1: float, c2: float) -> float:
    """Pressure in a sphere of radii `INNER`, `OUTER` whose inner wall is stretched [kPa].

    p = 4 c1 [−1/l − 1/(4 l⁴)] + 4 c2 [l − 1/(2 l²)], from the outer to the inner stretch l.
    """
    outer = (OUTER**3 + INNER**3 * (stretch**3 - 1)) ** (1 / 3) / OUTER

    def primitive(l: float) -> float:
        return 4 * c1 * (-1 / l - 1 / (4 * l**4)) + 4 * c2 * (l - 1 / (2 * l**2))

    return primitive(stretch) - primitive(outer)


SPHERES: Final = ((6.0, 1), (3.0, 2))
"""Edge of the cells [mm] and cells through the wall."""

PRESSURES: Final = np.array([1.0, 2.0, 3.0])
"""[kPa]"""


def sphere(fast: bool) -> Findings:
    """Inflate a thick sphere of incompressible rubber, 10/15 mm, to 1, 2 and 3 kPa.

    Half of it stands on its plane of symmetry; the pressure acts as the product's chamber
    pressure, lid included. Closed form: p = 4 c1 [−1/l − 1/(4l⁴)] + 4 c2 [l − 1/(2l²)] between
    the stretches of the outer and the inner wall. Flat facets in place of a sphere cost an error of
    h²: displacements of the inner wall are extrapolated from cells of 6 and 3 mm, to 1 %; the
    radius on cells of 3 mm has a band of 0.5 %. The order at the highest pressure is told, not
    judged: from 3 to 2 mm, where cells are cut anew instead of halved, it is 1.74. Displacements
    extrapolated from those stay in the band.
    """
    del fast
    sizes = np.array([edge for edge, _ in SPHERES])
    rows, lines, newton = [], [], []
    spheres = [_sphere(*mesh) for mesh in SPHERES]
    reading = Reading("sphere", "closed form", spheres[-1].space.dofs)
    for k, (name, constants) in enumerate(RUBBERS.items()):
        found = [_inflated(on, name) for on in spheres]
        moved, exact = np.array([radii for radii, _ in found]) - INNER, []
        for j, pressure in enumerate(PRESSURES.tolist()):
            stretch = _inverse(lambda l, c=constants: sphere_pressure(l, *c), pressure, 1.5)
            exact.append(INNER * (stretch - 1))
            what = f"{name}, displacement of the inner wall at {pressure:.0f} kPa"
            limit = extrapolate(sizes, moved[:, j])
            rows.append(reading.within(what, limit, exact[-1], 0.01, "mm"))
            what, radius = f"{name}, inner radius at {pressure:.0f} kPa", INNER + moved[-1, j]
            rows.append(reading.within(what, radius, INNER + exact[-1], 0.005, "mm"))
        order = observed_order(sizes, np.abs(moved[:, -1] - exact[-1]))
        rows.append(reading.reported(f"{name}, order of the displacement", order))
        newton.append(found[-1][1])
        grid = np.linspace(1.0, 1.2, 41)
        curve = np.array([sphere_pressure(l, *constants) for l in grid])
        lines.append(Line(INNER * grid, curve, f"{name}, closed form", f"C{k}-"))
        lines.append(Line(INNER + moved[-1], PRESSURES, f"{name}, finest mesh", f"C{k}o"))
    figure = Figure("Inflated sphere", "inner radius [mm]", "pressure [kPa]", tuple(lines))
    return Findings(tuple(rows), figure, tuple(newton))


class _Sphere(NamedTuple):
    """Mesh of half a sphere."""

    space: FunctionSpace
    chamber: CavitySurface
    inside: Int[np.ndarray, " k"]
    """Vertices of the inner wall."""


def _sphere(edge: float, layers: int) -> _Sphere:
    mesh = left_ventricle(
        edge, layers=layers, endocardium=(INNER, INNER), epicardium=(OUTER, OUTER), base=0.0
    )
    nodes, space = space_on(mesh.points, mesh.tets, "P2P1", _half_sphere)
    cavity = mesh.cavities["LV"]
    on = np.abs(np.linalg.norm(mesh.points, axis=1) - INNER) < _ON
    surface = cavity_surface(nodes, cavity.facets, cavity.rims)
    return _Sphere(space, surface, np.flatnonzero(on))


def _inflated(on: _Sphere, name: str) -> tuple[Float[np.ndarray, " k"], Steps]:
    """Inner radius of one rubber at each pressure [mm], and Newton's steps at the last."""
    solid = wall(on.space, muscle(rubber(name), len(on.space.volume)))
    body = Body(heart_of(solid, (on.chamber,)))
    found, loads, radii = at_rest(body), loading(body), []
    for pressure in PRESSURES:
        loads = loading(body, cavity=pressure * kPa)
        found = solve(body, loads, found)
        x = np.asarray(on.space.points + found.u)[on.inside]
        radii.append(float(np.linalg.norm(x, axis=1).mean()))
    return np.array(radii), near_solution(body, loads, found)


def _half_sphere(points: Points) -> Bool[np.ndarray, "n 3"]:
    """Half sphere below z = 0: the plane slides, the axis stays, one meridian does not turn."""
    x, y, z = points.T
    held = np.zeros(points.shape, bool)
    held[:, 2] = np.abs(z) < _ON
    held[np.hypot(x, y) < _ON, :2] = True
    held[(np.abs(y) < _ON) & (x > 0) & held[:, 2], 1] = True
    return held


def _inverse(pressure: Callable[[float], float], target: float, largest: float) -> float:
    """Stretch or radius at which a rising pressure curve meets a target."""
    return _root(lambda x: pressure(x) - target, 1.0 + 1e-12, largest)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(np.asarray(brentq(function, low, high, xtol=1e-13)))


class Tube(NamedTuple):
    """One case of the thick tube: law, axial stretch, tension around [kPa], pressure [kPa]."""

    name: str
    rubber: str
    axial: float
    tension: float
    pressure: float


TUBES: Final = (
    Tube("neo-Hookean", "neo-Hookean", 1.0, 0.0, 2.0),
    Tube("stretched axially by 10 %", "neo-Hookean", 1.1, 0.0, 1.780964),
    Tube("Mooney–Rivlin, stretched by 10 %", "Mooney–Rivlin", 1.1, 0.0, 1.5),
    Tube("contracting at 60 kPa", "neo-Hookean", 1.0, 60.0, 15.0),
)
"""Cases; the second inflates the inner radius from 10 to exactly 12 mm."""


def tube_pressure(a: float, case: Tube) -> float:
    """Pressure that holds the inner radius of a tube at ``a`` [kPa].

    p = ∫ (σ_θ − σ_r) dr/r through the wall, with R² = A² + λz (r² − a²), the principal
    stretches (R/(r λz), r/R, λz), W = c1 (I1 − 3) + c2 (I2 − 3) and S_a = Ta e_θ⊗e_θ.
    """
    c1, c2 = RUBBERS[case.rubber]
    b = np.sqrt(a**2 + (OUTER**2 - INNER**2) / case.axial)

    def difference(r: float) -> float:
        R = np.sqrt(INNER**2 + case.axial * (r**2 - a**2))
        radial, around = (R / (r * case.axial)) ** 2, (r / R) ** 2
        shear = 2 * (c1 + c2 * case.axial**2) * (around - radial)
        return (shear + case.tension * around) / r

    return quad(difference, a, b, epsabs=1e-13, epsrel=1e-12)[0]


CUTS: Final = ((1, 6, 1), (2, 12, 1), (3, 18, 1))
"""Bricks of the tube through the wall, around and along; ``--fast`` takes the first two."""


def cylinder(fast: bool) -> Findings:
    """Inflate a thick tube, 10/15 mm, whose fibers run around it, passive and contracting.

    A quarter between planes of symmetry, of given axial stretch; follower pressure inside.
    With R² = A² + λz (r² − a²): p = ∫ (σ_θ − σ_r) dr/r through the wall, in closed form for
    neo-Hookean rubber: mu/λz [ln(B/A) − ln(b/a) + k/(2 λz)(1/b² − 1/a²)] + Ta/λz ln(B/A). The best
    single test of follower pressure and active stress. Flat facets cost an error of h²:
    displacements of the inner wall are extrapolated from the two finest of three meshes, to 1 %;
    the radius on the finest has a band of 0.5 %, and the order is observed.
    """
    tubes = [_tube(cut) for cut in (CUTS[:2] if fast else CUTS)]
    sizes = np.array([1 / tube.cut[1] for tube in tubes])
    reading = Reading("cylinder", "closed form", tubes[-1].space.dofs)
    rows, lines, newton = [], [], []
    for k, case in enumerate(TUBES):
        found = [_inner_radius(on, case) for on in tubes]
        radii, (radius, steps) = np.array([radius for radius, _ in found]), found[-1]
        low, high = (3.0, 10.0) if case.tension else (9.0, 20.0)
        expected = _root(lambda a, c=case: tube_pressure(a, c) - c.pressure, low, high)
        what, limit = f"{case.name}, displacement of the inner wall", extrapolate(sizes, radii)
        rows.append(reading.within(what, limit - INNER, expected - INNER, 0.01, "mm"))
        rows.append(reading.within(f"{case.name}, inner radius", radius, expected, 0.005, "mm"))
        order = observed_order(sizes, np.abs(radii - expected))
        rows.append(reading.between(f"{case.name}, order", order, 1.85, 2.15))
        grid = np.linspace(min(radius, 10.0), max(radius, 10.0), 30)
        curve = np.array([tube_pressure(a, case) for a in grid])
        lines.append(Line(grid, curve, case.name, f"C{k}-"))
        lines.append(Line(np.array([radius]), np.array([case.pressure]), "", f"C{k}o"))
        newton.append(steps)
    title = "Thick tube: lines closed form, points heartsim"
    figure = Figure(title, "inner radius [mm]", "pressure [kPa]", tuple(lines))
    return Findings(tuple(rows), figure, tuple(newton))


class _Tube(NamedTuple):
    """Mesh of a quarter of a tube, fibers around it."""

    cut: tuple[int, int, int]
    space: FunctionSpace
    frames: Float[Array, "c q 3 3"]
    pressed: Patch
    inside: Int[np.ndarray, " k"]
    """Vertices of the inner wall."""


def _tube(cut: tuple[int, int, int]) -> _Tube:
    points, tets, inside = tube(INNER, OUTER, 2.0, cut, np.pi / 2)
    nodes, space = space_on(points, tets, "P2P1", lambda x: _quarter(x, 2.0))
    middle = at_quadrature(space)
    around = np.stack([-middle[..., 1], middle[..., 0], 0 * middle[..., 0]], axis=-1)
    around /= np.linalg.norm(around, axis=-1, keepdims=True)
    up = np.broadcast_to([0.0, 0.0, 1.0], around.shape)
    frames = jnp.asarray(np.stack([around, up, np.cross(around, up)], axis=2))
    return _Tube(cut, space, frames, patch(nodes, inside), np.unique(inside))


def _inner_radius(on: _Tube, case: Tube) -> tuple[float, Steps]:
    """Inner radius of a loaded tube [mm], and Newton's steps near there."""
    material = muscle(rubber(case.rubber), len(on.space.volume))
    body = Body(heart_of(wall(on.space, material, on.frames)), on.pressed)
    found = _loaded(body, case)
    x = np.asarray(on.space.points + found.u)[on.inside]
    loads = loading(body, pressure=case.pressure, tension=case.tension)
    return float(np.hypot(x[:, 0], x[:, 1]).mean()), near_solution(body, loads, found)


def _quarter(points: Points, height: float) -> Bool[np.ndarray, "n 3"]:
    """Quarter of a tube: planes of symmetry, and both ends at a given height."""
    held = on_planes(points)
    held[:, 2] |= np.abs(points[:, 2] - height) < _ON
    return held


def _loaded(body: Body, case: Tube) -> Equilibrium:
    """Stretch the tube, then load it in as many parts as its contraction needs."""
    space = body.heart.solid.space
    start = at_rest(body)
    axial = space.points * jnp.array([[case.axial**-0.5 - 1, case.axial**-0.5 - 1, case.axial - 1]])
    planes = jnp.asarray(np.abs(np.asarray(space.points)) < _ON)
    found = start._replace(u=jnp.where(planes, 0.0, axial))
    steps = 6 if case.tension else 2
    for part in np.arange(1, steps + 1) / steps:
        loads = loading(body, pressure=part * case.pressure, tension=part * case.tension)
        found = solve(body, loads, found)
    return found


RADIUS: Final = 5.0
TWIST: Final = 0.1
"""Radius of the twisted cylinder [mm] and its twist per length at rest [rad/mm]."""

EXTENSIONS: Final = (1.0, 1.1)
"""Stretches along the axis at which it is twisted."""


def torsion(fast: bool) -> Findings:
    """Stretch a solid cylinder of radius 5 mm and twist it by 0.1 rad/mm (Rivlin 1949).

    Both ends are turned rigidly, narrower by 1/√λ, the side is free; λ is 1 or 1.1. Torque
    π ψ R⁴ (c1/λ + c2/λ²), axial force π R² (2 c1 (λ − 1/λ²) + 2 c2 (1 − 1/λ³)) − (π/2) ψ² R⁴
    (c1/λ² + 2 c2/λ³): at constant length the cylinder pushes, the second-order (Poynting) effect.
    The polygonal cross-section costs an error of h², so two meshes are extrapolated.
    """
    rows, lines, newton = [], [], []
    chosen = list(RUBBERS.items())[1:] if fast else RUBBERS.items()
    cases = [(name, law, stretch) for name, law in chosen for stretch in EXTENSIONS]
    for k, (name, (c1, c2), stretch) in enumerate(cases):
        coarse, fine = (_twisted(cut, name, stretch) for cut in ((3, 20, 1), (6, 40, 1)))
        around = np.array([1 / 20, 1 / 40])
        torque, force = (
            extrapolate(around, np.array(ends)) for ends in zip(coarse[:2], fine[:2], strict=True)
        )
        exact_torque = np.pi * TWIST * RADIUS**4 * (c1 / stretch + c2 / stretch**2)
        pull = 2 * c1 * (stretch - stretch**-2) + 2 * c2 * (1 - stretch**-3)
        push = c1 / stretch**2 + 2 * c2 / stretch**3
        exact_force = np.pi * RADIUS**2 * pull - np.pi / 2 * TWIST**2 * RADIUS**4 * push
        reading = Reading("torsion", "closed form", fine[3])
        what = f"{name}, λ = {stretch:g}"
        rows.append(reading.within(f"{what}, torque", torque, exact_torque, 0.005, "mN mm"))
        rows.append(reading.within(f"{what}, axial force", force, exact_force, 0.01, "mN"))
        newton.append(coarse[2])
        sizes = np.array([0.0, 1 / 40, 1 / 20])
        shares = np.array([torque, fine[0], coarse[0]]) / exact_torque
        lines.append(Line(sizes**2, shares, f"{what}, torque", f"C{k}o-"))
        shares = np.array([force, fine[1], coarse[1]]) / exact_force
        lines.append(Line(sizes**2, shares, f"{what}, axial force", f"C{k}s--"))
    label = "square of the cell size, (1/cells around)²"
    figure = Figure(
        "Torsion: share of the closed form", label, "computed / exact [-]", tuple(lines)
    )
    return Findings(tuple(rows), figure, tuple(newton))


class _Twisted(NamedTuple):
    """Torque [mN mm] and axial force [mN] on the turned end, Newton's steps, unknowns."""

    torque: float
    force: float
    newton: Steps
    dofs: int


def _twisted(divisions: tuple[int, int, int], name: str, stretch: float) -> _Twisted:
    """Stretch a cylinder and turn one end of it."""
    height = 0.5
    points, tets, _ = tube(0.0, RADIUS, height, divisions, 2 * np.pi)

    def ends(x: Points) -> Bool[np.ndarray, "n 3"]:
        held = (np.abs(x[:, 2]) < _ON) | (np.abs(x[:, 2] - height) < _ON)
        return np.repeat(held[:, None], 3, axis=1)

    nodes, space = space_on(points, tets, "P2P1", ends)
    solid = wall(space, muscle(rubber(name), len(space.volume)))
    body = Body(heart_of(solid))
    turned = jnp.asarray(_turned(nodes, TWIST, stretch) - nodes.points)
    found = solve(body, loading(body), at_rest(body)._replace(u=turned))
    forces, _ = residual(solid, found.u, found.p, 0 * space.volume, found.u, jnp.zeros(()))
    top = np.abs(nodes.points[:, 2] - height) < _ON
    x, force = np.asarray(space.points + found.u)[top], np.asarray(forces)[top]
    torque = float(np.sum(x[:, 0] * force[:, 1] - x[:, 1] * force[:, 0]))
    newton = near_solution(body, loading(body), found)
    return _Twisted(torque, float(force[:, 2].sum()), newton, space.dofs)


def _turned(nodes: Nodes, twist: float, stretch: float) -> Float[np.ndarray, "n 3"]:
    """Positions after a uniform stretch along z, at constant volume, and twist about it."""
    x, y, z = nodes.points.T
    c, s = np.cos(twist * z), np.sin(twist * z)
    narrow = stretch**-0.5
    return np.stack([narrow * (c * x - s * y), narrow * (s * x + c * y), stretch * z], axis=1)
