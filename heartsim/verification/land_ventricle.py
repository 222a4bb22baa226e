"""The ventricle of problems 2 and 3 of the 2015 benchmark: mesh, loading, outputs, published lines.

The coarsest mesh is loaded step by step; each other one starts from what the mesh before found,
carried over by radial basis functions, and takes a few damped Newton steps.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import CubicSpline, RBFInterpolator

from heartsim.bloodside import pressures_given
from heartsim.build import AUGMENTATION
from heartsim.equilibrium import load_to, passive_load, rest, workspace
from heartsim.errors import SolveFailed
from heartsim.fem.cavity import cavity_surface
from heartsim.fem.solid import current_volume
from heartsim.fem.space import DEGREE, Nodes, function_space, number_nodes
from heartsim.heart import Heart, cavity_volumes
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.microstructure.fibers import ellipsoid_rule
from heartsim.tissue.passive import Guccione
from heartsim.verification.bodies import at_quadrature, heart_of, muscle, nearest, wall
from heartsim.verification.direct import Body, Equilibrium, Loading, at_rest, loading, solve

AXES: Final = {"endocardium": (7.0, 17.0), "epicardium": (10.0, 20.0)}
"""Short and long semi-axis of the surfaces [mm]."""

BASE: Final = 5.0
"""Height of the base [mm]."""

NEIGHBORS: Final = 40
"""Nodes from which a field is carried to a place of another mesh."""

ROUGHLY: Final = 1e-3
"""Tolerance of the load steps on the way."""

SMALLEST: Final = 1 / 64
"""Part of the load below which load steps give up."""

LINES_2: Final = (
    (0.0, 0.000, -26.612, 0.971, 0.971, 0.165, 0.165),
    (0.1, 2.252, -26.242, 0.999, 0.921, 0.182, 0.190),
    (0.2, 4.515, -25.086, 1.059, 0.827, 0.232, 0.260),
    (0.3, 6.699, -23.091, 1.119, 0.753, 0.303, 0.353),
    (0.4, 8.678, -20.284, 1.162, 0.710, 0.376, 0.435),
    (0.5, 10.348, -16.761, 1.189, 0.687, 0.435, 0.494),
    (0.6, 11.620, -12.654, 1.198, 0.673, 0.474, 0.533),
    (0.7, 12.378, -8.119, 1.176, 0.665, 0.489, 0.570),
    (0.8, 12.336, -3.333, 1.062, 0.681, 0.454, 0.620),
    (0.9, 10.711, 1.333, 0.685, 0.820, 0.287, 0.642),
    (1.0, 6.690, 5.000, 0.000, 1.766, 0.000, 0.076),
)
"""Problem 2 by an axisymmetric spectral code, from apex (0) to base (1) in equal steps of the
angle of the ellipsoid: share of the way; deformed endocardium, radius and height [mm];
Green–Lagrange strain around and along the endocardium, around and along the epicardium."""

LINES_3: Final = (
    (0.0, 0.000, -12.346, 0.726, 0.747, 0.815, 0.828),
    (0.1, 1.178, -11.822, -0.090, -0.196, 0.227, 0.000),
    (0.2, 2.199, -11.220, -0.130, -0.196, 0.060, -0.109),
    (0.3, 3.245, -10.221, -0.120, -0.191, 0.010, -0.119),
    (0.4, 4.268, -8.837, -0.098, -0.190, 0.003, -0.123),
    (0.5, 5.204, -7.094, -0.073, -0.190, 0.011, -0.127),
    (0.6, 5.981, -5.038, -0.050, -0.189, 0.022, -0.128),
    (0.7, 6.523, -2.732, -0.035, -0.187, 0.031, -0.129),
    (0.8, 6.765, -0.259, -0.030, -0.179, 0.036, -0.130),
    (0.9, 6.707, 2.318, -0.035, -0.150, 0.035, -0.121),
    (1.0, 6.690, 5.000, 0.000, -0.120, 0.000, -0.069),
)
"""The same of problem 3."""


class Load(NamedTuple):
    """Cavity pressure and active tension [kPa]."""

    pressure: float
    tension: float

    def on(self, body: Body, share: float = 1.0) -> Loading:
        """Share of the load, on a body."""
        return loading(body, cavity=share * self.pressure, tension=share * self.tension)


class Surface(NamedTuple):
    """Deformed endocardium or epicardium as means around rings of vertices, apex to base.

    Attributes
    ----------
    share : (k,)
        Share of the way from apex to base, in the angle of the ellipsoid.
    radius, height : (k,)
        Deformed [mm].
    around, along : (k,)
        Green–Lagrange strains.
    """

    share: Float[np.ndarray, " k"]
    radius: Float[np.ndarray, " k"]
    height: Float[np.ndarray, " k"]
    around: Float[np.ndarray, " k"]
    along: Float[np.ndarray, " k"]


class Shape(NamedTuple):
    """Outputs of the ventricular problems."""

    endo: float
    """Height of the deformed apex of the endocardium [mm]."""
    epi: float
    """Height of the deformed apex of the epicardium [mm]."""
    volume: float
    """Volume of the deformed cavity [mm³]."""
    inside: Surface
    outside: Surface
    muscle: float
    """Change of the wall's volume relative to it [-]."""
    dofs: int


class Solved(NamedTuple):
    """Equilibrium on one mesh."""

    body: Body
    nodes: Nodes
    loads: Loading
    found: Equilibrium

    @property
    def at_solution(self) -> tuple[Body, Loading, Equilibrium]:
        """What the search for Newton's order needs."""
        return self.body, self.loads, self.found


def ventricle(edge: float, law: Guccione, element: str, layers: int) -> tuple[Heart, Nodes]:
    """Ventricle of the benchmark with the fibers of problem 3 and its base clamped.

    Parameters
    ----------
    edge : float
        Mesh size [mm].
    law : Guccione
        Passive law, scalar parameters.
    element : str
        ``"P2P1"`` or ``"P1P1"``.
    layers : int
        Cells through the wall.
    """
    mesh = left_ventricle(edge, layers=layers)
    nodes = number_nodes(mesh.points, mesh.tets, DEGREE[element])
    clamped = np.unique(nodes.facets(mesh.surface("base")))
    space = function_space(nodes, element, fixed=clamped)
    # at the quadrature points, never at the singular apex itself
    frames = jnp.asarray(ellipsoid_rule(at_quadrature(space)))
    material = muscle(law, len(mesh.tets))
    solid = wall(space, material, frames, augmentation=AUGMENTATION[element])
    chamber = mesh.cavities["LV"]
    return heart_of(solid, (cavity_surface(nodes, chamber.facets, chamber.rims),)), nodes


def contract(heart: Heart, nodes: Nodes, load: Load) -> Equilibrium:
    """Load the ventricle by cavity pressure and tension together, with the product's solver."""
    still = passive_load(heart)
    full = jnp.full_like(still.tension, load.tension)
    found, _ = load_to(
        workspace(heart, nodes),
        heart,
        rest(heart),
        lambda fraction: pressures_given(jnp.asarray([fraction * load.pressure])),
        lambda fraction: eqx.tree_at(lambda load: load.tension, still, fraction * full),
        first=0.1,
        what="verification",
    )
    return Equilibrium(found.u, found.p, ())


def solved_on(
    levels: Sequence[tuple[str, float, int]], law: Guccione, load: Load
) -> Iterator[Solved]:
    """Load the ventricle on meshes of growing cost.

    Parameters
    ----------
    levels : sequence of (str, float, int)
        Element, mesh size [mm] and cells through the wall of each.
    law, load
    """
    last = None
    for element, edge, layers in levels:
        heart, nodes = ventricle(edge, law, element, layers)
        body = Body(heart)
        loads = load.on(body)
        if last is None:
            guess = followed(body, load)
        else:
            guess = _carried(last, nodes, np.asarray(heart.solid.space.free))
        last = Solved(body, nodes, loads, solve(body, loads, guess, damped=last is not None))
        yield last


def followed(body: Body, load: Load) -> Equilibrium:
    """Follow the load up from nothing, in steps that grow as far as Newton can make them."""
    now, before, share, size, last = at_rest(body), None, 0.0, 0.15, 1.0
    while share < 1.0:
        size = min(size, 1.0 - share)
        guess = now
        if before is not None:
            ahead = size / last
            guess = now._replace(u=now.u + ahead * (now.u - before.u), p=now.p)
        try:
            found = solve(body, load.on(body, share + size), guess, tolerance=ROUGHLY)
        except SolveFailed:
            size /= 2
            if size < SMALLEST:
                raise
            continue
        before, now, last, share = now, found, size, share + size
        size *= 1.3
    return now


def _carried(last: Solved, nodes: Nodes, free: Float[np.ndarray, "n 3"]) -> Equilibrium:
    """Guess of a state on another mesh; P1 fields at vertices, all others at nodes."""
    old = last.nodes

    def field(values: Array, there: int, here: int) -> Array:
        smooth = RBFInterpolator(old.points[:there], np.asarray(values), neighbors=NEIGHBORS)
        return jnp.asarray(smooth(nodes.points[:here]))

    u = field(last.found.u, len(old.points), len(nodes.points))
    return Equilibrium(u * free, field(last.found.p, old.vertices, nodes.vertices), ())


def shape(solved: Solved) -> Shape:
    """Outputs of a deformed ventricle."""
    heart, nodes, u = solved.body.heart, solved.nodes, np.asarray(solved.found.u)
    endo, epi = (
        -long + float(u[nearest(nodes, (0.0, 0.0, -long)), 2]) for _, long in AXES.values()
    )
    reference = float(heart.cell_volume.sum())
    kept = float(current_volume(heart.solid, solved.found.u)) / reference - 1
    volume = float(cavity_volumes(heart, solved.found.u)[0])
    inside, outside = (_surface(nodes, u, *axes) for axes in AXES.values())
    return Shape(endo, epi, volume, inside, outside, kept, heart.solid.space.dofs)


def _surface(nodes: Nodes, u: Float[np.ndarray, "n 3"], short: float, long: float) -> Surface:
    """Surface of the ellipsoid with these semi-axes."""
    X = nodes.points[: nodes.vertices]
    R = np.hypot(X[:, 0], X[:, 1])
    on = np.abs((R / short) ** 2 + (X[:, 2] / long) ** 2 - 1) < 1e-9
    X, R, x = X[on], R[on], (X + u[: nodes.vertices])[on]
    whole = np.pi - np.arccos(BASE / long)
    rings, ring = np.unique(
        np.round((np.pi - np.arccos(np.clip(X[:, 2] / long, -1, 1))) / whole, 9),
        return_inverse=True,
    )

    def mean(values: Float[np.ndarray, " v"]) -> Float[np.ndarray, " k"]:
        return np.bincount(ring, values) / np.bincount(ring)

    r, z = mean(np.hypot(x[:, 0], x[:, 1])), mean(x[:, 2])
    turned = np.angle((x[:, 0] + 1j * x[:, 1]) * (X[:, 0] - 1j * X[:, 1]))
    twist, before = np.unwrap(mean(turned)[1:]), mean(R)
    angle = np.pi - whole * rings
    line = CubicSpline(rings, np.stack([r, z], axis=1)).derivative()(rings)
    turn = np.append(0.0, CubicSpline(rings[1:], twist).derivative()(rings[1:]))
    moved = (line**2).sum(axis=1) + (r * turn) ** 2
    rest = whole**2 * ((short * np.cos(angle)) ** 2 + (long * np.sin(angle)) ** 2)
    along = (moved / rest - 1) / 2
    around = np.append(along[0], ((r[1:] / before[1:]) ** 2 - 1) / 2)
    return Surface(rings, r, z, around, along)


def half_way(surface: Surface, way: str) -> float:
    """Strain ``"around"`` or ``"along"`` a surface, half-way between apex and base."""
    return float(CubicSpline(surface.share, getattr(surface, way))(0.5))
