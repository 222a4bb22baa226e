"""Published problems and analytic laws as a user command."""

from collections.abc import Sequence
from typing import Final

from heartsim import runtime
from heartsim.errors import InputError, not_found
from heartsim.verification import closed_form, land
from heartsim.verification.table import Problem, Row

PROBLEMS: Final = (
    Problem("shear", True, closed_form.shear),
    Problem("uniaxial", True, closed_form.uniaxial),
    Problem("active-bar", True, closed_form.active_bar),
    Problem("sphere", True, closed_form.sphere),
    Problem("wave", True, closed_form.wave),
    Problem("land-1", True, land.problem_1),
    Problem("land-2", False, land.problem_2),
    Problem("land-3", False, land.problem_3),
)
"""All problems, the quick ones first."""


def verify(names: Sequence[str] = (), *, fast: bool = False) -> list[Row]:
    """Run verification problems.

    Parameters
    ----------
    names : sequence of str
        Problems to run; all by default.
    fast : bool
        Leave out those that take minutes, unless they are named, and use the smaller meshes.

    Returns
    -------
    list of Row
        One row for each compared quantity.

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
    return [row for problem in chosen for row in problem.run(fast)]
