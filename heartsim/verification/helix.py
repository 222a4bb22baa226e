"""Fibers: the rules of the product against the formula of the benchmark."""

import numpy as np
from jaxtyping import Float

from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.microstructure.coordinates import coordinates
from heartsim.microstructure.fibers import ellipsoid_rule, rule_based
from heartsim.units import deg
from heartsim.verification.table import Figure, Findings, Line, Reading


def helix(fast: bool) -> Findings:
    """Fiber rules on the benchmark ellipsoid against the formula of its problem 3.

    f = n(∂x/∂u) sin α + n(∂x/∂v) cos α, α = +90° inside to −90° outside, linear in the parameter t
    of the ellipsoids with axes 7 + 3t and 17 + 3t mm, evaluated in that parametrisation. The
    Laplace–Dirichlet rule of patients has harmonic depth instead of t. In a spherical shell of
    these radii the two depths differ by at most 0.088, 10.6° of a helix from +60° to −60°, and by
    two thirds of that in the mean; the ellipsoid lies between sphere and cylinder, so these are
    the bands, half-way between apex and base.
    """
    mesh = left_ventricle(1.5 if fast else 1.0, layers=3 if fast else 4)
    random = np.random.default_rng(0)
    u = -np.pi + random.uniform(0.05, 1.7, 500)
    v, t = random.uniform(-np.pi, np.pi, 500), random.uniform(0, 1, 500)
    points, formula = _benchmark_fiber(u, v, t, 90 * deg)
    found = ellipsoid_rule(points)[:, 0]
    away = _angle_between(found, formula)
    middle = mesh.points[mesh.tets].mean(axis=1)
    part = np.abs(middle[:, 2] + 6.0) < 5.0
    ldrb = rule_based(mesh, position=coordinates(mesh))[:, 0, 0][part]
    target = ellipsoid_rule(middle, endocardium=60 * deg, epicardium=-60 * deg)[:, 0][part]
    off = _angle_between(ldrb, target)
    reading = Reading("helix", "Land et al. 2015, doi:10.1098/rspa.2015.0641")
    rule = Reading("helix", "same depth within that of a spherical shell")
    depth, angle = _depth(middle[part]), _signed(ldrb, middle[part]) / deg
    slope = float(np.polyfit(depth, angle, 1)[0])
    far = float(np.percentile(off, 95)) / deg
    rows = (
        reading.at_most("analytic rule, largest angle to the formula", away.max() / deg, 1e-5, "°"),
        rule.at_most("Laplace rule, mean angle to the formula", off.mean() / deg, 7.1, "°"),
        rule.at_most("Laplace rule, 95th percentile", far, 10.6, "°"),
        rule.within("Laplace rule, change through the wall", slope, -120.0, 0.1, "°"),
    )
    grid = np.array([0.0, 1.0])
    lines = (
        Line(depth, angle, "Laplace rule", "C0."),
        Line(grid, 60 - 120 * grid, "formula", "k-"),
    )
    figure = Figure("Helix angle through the wall", "depth t [-]", "helix angle [°]", lines)
    return Findings(rows, figure)


def _benchmark_fiber(u, v, t, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and fibers by the benchmark's own parametrisation."""
    short, long = 7 + 3 * t, 17 + 3 * t
    points = np.stack(
        [short * np.sin(u) * np.cos(v), short * np.sin(u) * np.sin(v), long * np.cos(u)], axis=1
    )
    down = np.stack(
        [short * np.cos(u) * np.cos(v), short * np.cos(u) * np.sin(v), -long * np.sin(u)], axis=1
    )
    turn = np.stack([-short * np.sin(u) * np.sin(v), short * np.sin(u) * np.cos(v), 0 * u], axis=1)
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    angle = (largest - 2 * largest * t)[:, None]
    return points, np.sin(angle) * down + np.cos(angle) * turn


def _angle_between(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " k"]:
    """Angle between lines without direction [rad]."""
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.abs(np.sum(a * b, axis=1)))


def _depth(points: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, " k"]:
    """Parameter t of the ellipsoid through a point, by bisection."""
    square, z = points[:, 0] ** 2 + points[:, 1] ** 2, points[:, 2]
    low, high = np.full(len(points), -0.5), np.full(len(points), 1.5)
    for _ in range(60):
        t = (low + high) / 2
        outside = square / (7 + 3 * t) ** 2 + z**2 / (17 + 3 * t) ** 2 > 1
        low, high = np.where(outside, t, low), np.where(outside, high, t)
    return (low + high) / 2


def _signed(fiber: np.ndarray, points: np.ndarray) -> Float[np.ndarray, " k"]:
    """Helix angle from the circumference, positive towards the base counter-clockwise [rad]."""
    around = np.stack([-points[:, 1], points[:, 0], 0 * points[:, 0]], axis=1)
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    along = np.sum(fiber * around, axis=1)
    up = fiber - along[:, None] * around
    rise = np.linalg.norm(up, axis=1) * np.sign(up[:, 2])
    return np.arctan2(np.where(along < 0, -rise, rise), np.abs(along))
