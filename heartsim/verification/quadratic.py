"""Whether Newton's method is quadratic near a solution: single steps to it, and their order."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from heartsim.verification.direct import Body, Equilibrium, Loading, Solver, solve

NEARLY_ROUND_OFF: Final = 1e-10
"""Relative residual at which a search ends whose solution Newton's order is looked at around."""

NEARER: Final = (1.0, 0.25, 0.0625)
"""Parts of a first error with which single steps of Newton's method begin."""

QUADRATIC: Final = 1.8
"""Least observed order of Newton's method that counts as quadratic; inexact tangents give 1."""

Steps = tuple[tuple[float, ...], ...]
"""Norm of the residual before and after each of some single steps, the farthest first."""


def newton_order(steps: Sequence[Sequence[float]]) -> float:
    """Order of Newton's method, from single steps that begin ever nearer to a solution.

    On one line to the solution the residual before a step falls with the distance and the one after
    it with the square of that, with an exact tangent and exact linear solves; with inexact ones it
    falls with the distance. Order is the least slope of one over the other, both as logarithms.
    The successive residuals of one search would not do: its error turns from stiff parts to soft
    ones, whose factors before the square differ. Not a number where residuals do not fall from
    start to start, or starts are fewer than two.
    """
    met = np.array(steps)
    if len(met) < 2 or not (met > 0).all() or not (np.diff(met, axis=0) < 0).all():
        return float("nan")
    before, after = np.diff(np.log(met), axis=0).T
    return float((after / before).min())


def to_round_off(body: Body, loads: Loading, start: Equilibrium) -> Equilibrium:
    """`solve` until rounding ends it."""
    return solve(body, loads, start, tolerance=NEARLY_ROUND_OFF)


def one_step(body: Body, loads: Loading, start: Equilibrium) -> Equilibrium:
    """One full step of `solve`."""
    return solve(body, loads, start, tolerance=np.inf)


def near_solution(
    body: Body,
    loads: Loading,
    found: Equilibrium,
    *,
    off: float = 0.01,
    solver: Solver = one_step,
) -> Steps:
    """First steps of Newton's method from starts close to a solution, for `newton_order`.

    They lie on one line: the solution times ``1 + off`` where it is free, and nearer.
    """
    free = body.heart.solid.space.free
    starts = [
        Equilibrium(found.u * (1 + part * off * free), found.p * (1 + part * off), ())
        for part in NEARER
    ]
    return tuple(solver(body, loads, start).history[:2] for start in starts)
