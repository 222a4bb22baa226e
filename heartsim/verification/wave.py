"""A wave of activation in a slab: first arrival in closed form."""

from typing import Final

import numpy as np
from jaxtyping import Float

from heartsim.activation.eikonal import arrival_times
from heartsim.mesh.box import box
from heartsim.verification.table import Figure, Findings, Line, Reading, observed_order

ALONG: Final = 0.6
ACROSS: Final = 0.4
"""Conduction speeds [mm/ms]."""

CUBE: Final = 1.5
"""Edge of the stimulated cube [mm]."""

KNOWN: Final = 5.0
"""Time up to which a second wave is given [ms]: 2 to 3 mm around the cube, 2 cells of the coarsest
mesh."""


def wave(fast: bool) -> Findings:
    """Activation of the 20 × 7 × 3 mm slab of Niederer et al. 2011 with given conduction speeds.

    Fibers along x, speeds 0.6 and 0.4 mm/ms, a stimulated cube of 1.5 mm at a corner. In a convex
    box of uniform speeds the first arrival is the least travel time from the cube: far corner
    33.968 ms, center 15.023 ms. On a mesh arrivals are never early and behind a source late by
    O(h log 1/h); the band is the time the wave takes across one cell, and the order of the
    largest error is observed. The logarithm is the cube's: its edges and corner are point sources
    of fronts that no cell resolves. With exact times given up to 5 ms, a smooth front, arrivals
    must converge with order 1. The slab is that of doi:10.1098/rsta.2011.0139, whose own times need
    an ionic model.
    """
    sizes = np.array([1.0, 0.5] if fast else [1.0, 0.5, 0.25])
    slabs = [_traveled(float(h)) for h in sizes]
    errors = np.array([np.abs(times - exact).max() for _, times, exact in slabs])
    points, times, exact = slabs[-1]
    h = float(sizes[-1])
    late = h / ACROSS
    reading = Reading("wave", f"closed form, at most one cell of {h} mm late")
    rows = [
        reading.between(
            f"activation of the {label}", times[_at(points, place)], t, t + late, "ms"
        )
        for label, place, t in (
            ("far corner", (20.0, 7.0, 3.0), 33.96792), ("center", (10.0, 3.5, 1.5), 15.02313)
        )
    ]  # fmt: skip
    order = observed_order(sizes, errors)
    reading = Reading("wave", "first order less the logarithm")
    rows.append(
        reading.at_most("earliest arrival before its time", (exact - times).max(), 1e-6, "ms")
    )
    rows.append(reading.at_least("order of the largest error", order, 0.7))
    smooth = [_traveled(float(h), KNOWN) for h in sizes]
    late = np.array([np.abs(times - exact).max() for _, times, exact in smooth])
    order = observed_order(sizes, late)
    reading = Reading("wave", "first order")
    rows.append(reading.between("order behind a smooth front", order, 0.85, 1.15))
    line = np.abs(points[:, 1:] - [7.0, 3.0]).max(axis=1) < 1e-9
    shown = np.argsort(points[line, 0])
    x = points[line, 0][shown]
    lines = (
        Line(x, exact[line][shown], "closed form", "k-"),
        Line(x, times[line][shown], f"heartsim, cells of {h} mm", "C0."),
    )
    figure = Figure("Activation along the far edge of the slab", "x [mm]", "time [ms]", lines)
    return Findings(tuple(rows), figure)


def _traveled(h: float, known: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of a slab with cells of size h [mm], their arrival times and the exact ones [ms].

    Exact times up to `known` are given; without any the wave starts in the nodes of the cube.
    """
    mesh = box((20.0, 7.0, 3.0), (round(20 / h), round(7 / h), round(3 / h)))
    source = np.full(3, CUBE)
    if not known:
        # on the coarsest mesh the stimulated nodes end before the cube does
        source = mesh.points[(mesh.points <= CUBE + 1e-9).all(axis=1)].max(axis=0)
    way = np.maximum(mesh.points - source, 0) / np.array([ALONG, ACROSS, ACROSS])
    exact = np.linalg.norm(way, axis=1)
    sites = np.flatnonzero(exact <= known)
    fiber = np.tile([1.0, 0.0, 0.0], (len(mesh.tets), 1))
    times = arrival_times(
        mesh.points, mesh.tets, fiber, sites, start=exact[sites],
        fiber_speed=ALONG, transverse_speed=ACROSS,
    )  # fmt: skip
    return mesh.points, times, exact


def _at(points: Float[np.ndarray, "n 3"], place: tuple[float, float, float]) -> int:
    return int(np.argmin(np.linalg.norm(points - np.array(place), axis=1)))
