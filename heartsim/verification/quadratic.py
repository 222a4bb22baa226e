"""Whether Newton's method is quadratic near a solution: residuals, and the order read off them."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from heartsim.verification.direct import Body, Equilibrium, Loading, Solver, solve

NEARLY_ROUND_OFF: Final = 1e-10
"""Relative residual at which a search for Newton's order ends."""

QUADRATIC: Final = 1.8
"""Least observed order of Newton's residuals that counts as quadratic; inexact tangents give 1."""


def newton_order(history: Sequence[float]) -> float:
    """Order at which the residuals of Newton's method vanish.

    Three successive ones give ``log(r2/r1) / log(r1/r0)``: 2 for an exact tangent and exact linear
    solves, 1 for inexact ones. The larger of the last two such orders counts, since the very last
    residual may have met round-off. Not a number where residuals do not fall from step to step, or
    are fewer than three.
    """
    met = np.array(history)
    if len(met) < 3 or not (met > 0).all() or not (np.diff(met) < 0).all():
        return float("nan")
    falls = np.diff(np.log(met))
    return float((falls[1:] / falls[:-1])[-2:].max())


def to_round_off(body: Body, loads: Loading, start: Equilibrium) -> Equilibrium:
    """`solve` until rounding ends it."""
    return solve(body, loads, start, tolerance=NEARLY_ROUND_OFF)


def near_solution(
    body: Body,
    loads: Loading,
    found: Equilibrium,
    *,
    off: float = 0.01,
    solver: Solver = to_round_off,
) -> tuple[float, ...]:
    """Newton's residuals from a start close to a solution, scaled by ``1 + off`` where it is free.

    `newton_order` reads the order off them.
    """
    free = body.heart.solid.space.free
    aside = Equilibrium(found.u * (1 + off * free), found.p * (1 + off), ())
    return solver(body, loads, aside).history
