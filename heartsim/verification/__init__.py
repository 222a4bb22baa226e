"""Published problems and analytic laws as a user command.

One problem is one function: its docstring defines it and names the source, its return value is rows
(computed value, band, verdict) and one figure.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from heartsim import runtime
from heartsim.errors import InputError, SolveFailed, not_found
from heartsim.verification import (
    arostica,
    assembly,
    blood,
    coupled,
    geometry,
    gradients,
    helix,
    land,
    laws,
    manufactured,
    membrane,
    oscillation,
    shells,
    wave,
)
from heartsim.verification.table import Figure, Problem, Row

PROBLEMS: Final = (
    Problem("point", "Constitutive laws at a point", True, laws.point),
    Problem("shear", "Simple shear of every passive law", True, laws.shear),
    Problem("uniaxial", "Uniaxial stretch of every passive law", True, laws.uniaxial),
    Problem("active-bar", "Free contraction of a bar", True, laws.active_bar),
    Problem("sphere", "Inflated thick sphere", True, shells.sphere),
    Problem("cylinder", "Inflated and contracting thick tube", True, shells.cylinder),
    Problem("torsion", "Torsion of a cylinder", True, shells.torsion),
    Problem("membrane", "Cook's membrane", True, membrane.membrane),
    Problem("convergence", "Manufactured solution", True, manufactured.convergence),
    Problem("assembly", "An independent assembler", True, assembly.assembly),
    Problem("rigid", "Rigid motion", True, geometry.rigid),
    Problem("cavity", "Volume of a cavity", True, geometry.cavity),
    Problem("helix", "Fiber rules", True, helix.helix),
    Problem("wave", "Activation of a slab", True, wave.wave),
    Problem("windkessel", "Windkessel and valves", True, blood.windkessel),
    Problem("closed-loop", "A published closed loop", True, blood.closed_loop),
    Problem("land-1", "Land 2015, problem 1: a beam", True, land.problem_1),
    Problem("land-2", "Land 2015, problem 2: passive ventricle", False, land.problem_2),
    Problem("land-3", "Land 2015, problem 3: contracting ventricle", False, land.problem_3),
    Problem("oscillation", "Mass in motion", True, oscillation.oscillation),
    Problem("arostica", "Elastodynamics 2025: small ventricle", True, arostica.regression),
    Problem("arostica-5mm", "Elastodynamics 2025: published ventricle", False, arostica.published),
    Problem("coupled", "A heart in its circulation", False, coupled.coupled),
    Problem("gradients", "Sensitivities of a beat", False, gradients.gradients),
)
"""All problems."""


class Outcome(NamedTuple):
    """A problem that was run; no figure if it failed to solve."""

    problem: Problem
    rows: tuple[Row, ...]
    figure: Figure | None


def outcomes(names: Sequence[str] = (), *, fast: bool = False) -> Iterator[Outcome]:
    """Run verification problems one after the other.

    Parameters
    ----------
    names : sequence of str
        Problems to run; all by default.
    fast : bool
        Leave out those that take minutes, unless they are named, and use the smaller meshes.

    Yields
    ------
    Outcome
        Rows and figure of each problem, as soon as it is done. A problem that cannot be solved is
        one failing row.

    Raises
    ------
    InputError
        If a name is not known.
    """
    known = {problem.name: problem for problem in PROBLEMS}
    for name in names:
        if name not in known:
            raise not_found(InputError, "problem", name, "heartsim verify", known)
    chosen = [known[name] for name in names] or [p for p in PROBLEMS if p.fast or not fast]
    runtime.start()
    for problem in chosen:
        yield _outcome(problem, fast)


def _outcome(problem: Problem, fast: bool) -> Outcome:
    started = time.perf_counter()
    try:
        rows, figure = problem.run(fast)
    except SolveFailed as failure:
        rows = (Row(problem.name, "converges", math.nan, 1.0, 1.0, "-", str(failure)),)
        figure = None
    seconds = time.perf_counter() - started
    return Outcome(problem, tuple(replace(row, seconds=seconds) for row in rows), figure)


def verify(names: Sequence[str] = (), *, fast: bool = False) -> list[Row]:
    """Run verification problems, as `outcomes` does, and return the rows of all of them."""
    return [row for outcome in outcomes(names, fast=fast) for row in outcome.rows]
