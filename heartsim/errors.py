"""Errors of heartsim. Each message says where, what was found, what was expected, what to do.

::

    HeartsimError
    ├── InputError              bad input, exit code 2
    │   ├── UnitError           a quantity without, or with a wrong, unit
    │   ├── MeshError           a mesh that cannot be used as it is
    │   │   ├── RegionNotFound
    │   │   └── SurfaceNotFound
    │   ├── ScenarioError       a scenario or study file
    │   ├── ProcedureError      an operation that does not fit the patient or the others
    │   │   └── ProcedureConflict
    │   ├── ResultError         a result folder that is unfinished or damaged
    │   └── DataError           a public data set: offline, changed, unknown
    ├── ContractError           a law, element, valve or procedure breaks its contract
    ├── PrecisionError          float32 where float64 is due
    └── SolveFailed             the solve failed, exit code 3
"""

import difflib
from collections.abc import Iterable


class HeartsimError(Exception):
    """Root of all errors that heartsim raises on purpose."""

    exit_code = 1


class InputError(HeartsimError):
    """Something the user supplied cannot be used."""

    exit_code = 2


class UnitError(InputError):
    """A quantity without a unit, or with a wrong one."""


class MeshError(InputError):
    """A mesh that cannot be used as it is."""


class RegionNotFound(MeshError):
    """A region name that the mesh does not have."""


class SurfaceNotFound(MeshError):
    """A surface name that the mesh does not have."""


class ScenarioError(InputError):
    """A scenario or study file that cannot be used."""


class ProcedureError(InputError):
    """An operation that does not fit the patient."""


class ProcedureConflict(ProcedureError):
    """Two operations that act on the same target."""


class ResultError(InputError):
    """A result folder that is unfinished or damaged."""


class DataError(InputError):
    """A public data set that is unknown, unreachable or changed."""


class ContractError(HeartsimError, AssertionError):
    """A contract is broken; the message says which clause, where and by how much."""


class PrecisionError(HeartsimError):
    """float32 where float64 is due."""


class SolveFailed(HeartsimError):
    """A solve that did not converge; carries time, load and the first thing to try."""

    exit_code = 3


def closest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known spelling, or nothing."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{match[0]}'?" if match else ""


def not_found(
    kind: type[InputError], what: str, name: str, where: str, known: Iterable[str]
) -> InputError:
    """Error for a name that is not there, listing the names that are."""
    names = sorted(known)
    listing = ", ".join(names) if names else "none"
    article = "an" if what[0] in "aeiou" else "a"
    return kind(
        f"{name!r} is not {article} {what} of {where}. Known: {listing}.{closest(name, names)}"
    )
