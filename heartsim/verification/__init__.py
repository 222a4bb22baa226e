"""Published problems and analytic laws as a user command.

One problem is one function: its docstring defines it and names the source, its return value is rows
(computed value, band, verdict) and one figure.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from heartsim import runtime
from heartsim.errors import InputError, SolveFailed, not_found
from heartsim.pool import Trouble, spread
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
from heartsim.verification.arostica_participants import ABOUT, biventricular, other_case, published
from heartsim.verification.quadratic import QUADRATIC, Steps, newton_order
from heartsim.verification.table import Figure, Problem, Reading, Row

PROBLEMS: Final = (
    Problem("point", "Constitutive laws at a point", True, laws.point, solves=False),
    Problem("shear", "Simple shear of every passive law", True, laws.shear, solves=False),
    Problem("uniaxial", "Uniaxial stretch of every passive law", True, laws.uniaxial),
    Problem("active-bar", "Free contraction of a bar", True, laws.active_bar),
    Problem("sphere", "Inflated thick sphere", True, shells.sphere),
    Problem("cylinder", "Inflated and contracting thick tube", True, shells.cylinder),
    Problem("torsion", "Torsion of a cylinder", True, shells.torsion),
    Problem("membrane", "Cook's membrane", True, membrane.membrane),
    Problem("convergence", "Manufactured solution", True, manufactured.convergence),
    Problem("assembly", "An independent assembler", True, assembly.assembly, solves=False),
    Problem("rigid", "Rigid motion", True, geometry.rigid, solves=False),
    Problem("cavity", "Volume of a cavity", True, geometry.cavity, solves=False),
    Problem("helix", "Fiber rules", True, helix.helix, solves=False),
    Problem("wave", "Activation of a slab", True, wave.wave, solves=False),
    Problem("windkessel", "Windkessel and valves", True, blood.windkessel),
    Problem("closed-loop", "A published closed loop", True, blood.closed_loop),
    Problem("land-1", "Land 2015, problem 1: a beam", True, land.problem_1),
    Problem("land-2", "Land 2015, problem 2: passive ventricle", True, land.problem_2),
    Problem("land-3", "Land 2015, problem 3: contracting ventricle", True, land.problem_3),
    Problem("oscillation", "Mass in motion", True, oscillation.oscillation),
    Problem("arostica", "Elastodynamics 2025: small ventricle", True, arostica.regression),
    Problem("arostica-5mm", "Elastodynamics 2025: published ventricle", False, published),
    *(
        Problem(f"arostica-{case}", f"Elastodynamics 2025: case {case}", False, other_case(case))
        for case in ABOUT
    ),
    Problem("arostica-biv", "Elastodynamics 2025: biventricle", False, biventricular),
    Problem("coupled", "A heart in its circulation", False, coupled.coupled),
    Problem("gradients", "Sensitivities of a beat", False, gradients.gradients),
)
"""All problems."""


class Outcome(NamedTuple):
    """A problem that was run; no figure if it failed to solve."""

    problem: Problem
    rows: tuple[Row, ...]
    figure: Figure | None


def outcomes(
    names: Sequence[str] = (), *, fast: bool = False, workers: int = 1
) -> Iterator[Outcome]:
    """Run verification problems.

    Parameters
    ----------
    names : sequence of str
        Problems to run; all by default.
    fast : bool
        Leave out those that take minutes, unless they are named, and use the smaller meshes.
    workers : int
        Processes. One runs the problems here, in their order; more run those of one module, which
        share compiled programs, in one process of their own, the last module first.

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
    modules: dict[str, list[Problem]] = {}
    for problem in chosen:
        modules.setdefault(problem.run.__module__, []).append(problem)
    if min(workers, len(modules)) == 1:
        runtime.start()
        for problem in chosen:
            yield _outcome(problem, fast)
        return
    jobs = [_Job(tuple(problems), fast) for problems in reversed(modules.values())]
    for job, answer in spread(_run, jobs, workers=workers, retries=0):
        lost = isinstance(answer, Trouble)
        yield from (_failed(problem, answer) for problem in job.problems) if lost else answer


class _Job(NamedTuple):
    """Problems that one process runs one after the other."""

    problems: tuple[Problem, ...]
    fast: bool


def _run(job: _Job) -> list[Outcome]:
    runtime.start()
    return [_outcome(problem, job.fast) for problem in job.problems]


def _outcome(problem: Problem, fast: bool) -> Outcome:
    started = time.perf_counter()
    try:
        rows, figure, newton = problem.run(fast)
    except SolveFailed as failure:
        return _failed(problem, str(failure))
    if problem.solves:
        rows = (*rows, _newton_row(problem.name, newton, max(row.dofs for row in rows)))
    seconds = time.perf_counter() - started
    return Outcome(problem, tuple(replace(row, seconds=seconds) for row in rows), figure)


def _newton_row(name: str, newton: Sequence[Steps], dofs: int) -> Row:
    """Least order of Newton's method near the solutions of a problem; without any it fails."""
    # not a number stays: a search that went astray fails the problem
    least = float(np.min([newton_order(steps) for steps in newton] or [math.nan]))
    reading = Reading(name, "theory: 2", dofs)
    return reading.at_least("order of Newton's method, least", least, QUADRATIC)


def _failed(problem: Problem, why: str) -> Outcome:
    row = Row(problem.name, "converges", math.nan, 1.0, 1.0, "-", why)
    return Outcome(problem, (row,), None)


def verify(names: Sequence[str] = (), *, fast: bool = False) -> list[Row]:
    """Run verification problems, as `outcomes` does, and return the rows of all of them."""
    return [row for outcome in outcomes(names, fast=fast) for row in outcome.rows]
