"""Published effects of operations beside computed ones, honest misses included.

Each effect is a pair of patients, one number of each, and the band that a source gives for the
change, or only its direction where the source says so. A miss is a finding, not a failure of the
program, so these rows stand apart from the problems of `heartsim verify`.

=================  =================================================================
`walls`            static states of an idealized left ventricle, operated and not
`scars`            the same with an infarct, and what is put in or on it
`sutures`          the share of the stress that sutures leave
`squeezed`         the same under pressure from outside
`circulations`     periodic beats of shipped 0D scenarios, before and after
`patients`         the same for patients as a source describes them
`oxygen`           arterial saturation, from flows that pass the lungs by
`series`           several 0D beats: a cohort, a ramp, loads, a pressure that is held
`hearts`           activation and periodic beats of shipped scenarios with a wall
`weakened`         beats of a wall with an infarct, or failing with a pump
`pacing`           beats of a wall by the place and time of leads
`beyond`           what was read and is not computed, as words
=================  =================================================================
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from heartsim.errors import InputError, SolveFailed, not_found
from heartsim.verification.replication import (
    circulations,
    hearts,
    oxygen,
    pacing,
    patients,
    scars,
    series,
    squeezed,
    sutures,
    walls,
    weakened,
)
from heartsim.verification.replication.beyond import BEYOND
from heartsim.verification.table import Row

EFFECTS: Final = (
    *walls.EFFECTS,
    *scars.EFFECTS,
    *sutures.EFFECTS,
    *squeezed.EFFECTS,
    *circulations.EFFECTS,
    *patients.EFFECTS,
    *oxygen.EFFECTS,
    *series.EFFECTS,
    *hearts.EFFECTS,
    *weakened.EFFECTS,
    *pacing.EFFECTS,
)
"""All published effects, the quick ones first."""


def table(operations: Sequence[str] = ()) -> Iterator[Row]:
    """Compute published effects one after the other.

    Parameters
    ----------
    operations : sequence of str
        Catalogue names; all by default.

    Yields
    ------
    Row
        Computed change and published band; not a number where a state was not found.

    Raises
    ------
    InputError
        If no published effect of an operation is known.
    """
    known = {effect.operation for effect in EFFECTS} | {one.operation for one in BEYOND}
    for name in operations:
        if name not in known:
            raise not_found(InputError, "operation", name, "heartsim replicate", known)
    for operation, quantity, compute, band, unit, source in EFFECTS:
        if operations and operation not in operations:
            continue
        try:
            computed = compute()
        except SolveFailed:
            computed = math.nan
        yield Row(operation, quantity, computed, *band, unit, source)
