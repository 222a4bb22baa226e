"""A ranking that the team weighs itself: gains in steps worth having, times visible weights.

No weights are built in. Without weights there is no ranking, because which of two gains counts
more is a matter of the patient, not of mechanics.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from heartsim.compare.remarks import trusted
from heartsim.errors import InputError, not_found
from heartsim.indices import CATALOGUE, Index, value
from heartsim.result import Result

_INDEX: Final = {index.key: index for index in CATALOGUE}


@dataclass(frozen=True)
class Criterion:
    """An index with a direction that is better, and a change worth having.

    Attributes
    ----------
    key : str
        Index.
    lower : bool
        Whether less is better.
    step : float
        Change that counts as one step [unit of the index]; to orient, for the team to change.
    """

    key: str
    lower: bool
    step: float

    @property
    def index(self) -> Index:
        """The index with label and unit."""
        return _INDEX[self.key]

    def gain(self, first: float, other: float) -> float:
        """Steps by which `other` is better than `first`; negative if worse."""
        change = (first - other if self.lower else other - first) / self.step
        return change + 0.0  # no negative zero


CRITERIA: Final = (
    Criterion("chambers.LV.ESV_mL", lower=True, step=10),
    Criterion("chambers.LV.forward_SV_mL", lower=False, step=5),
    Criterion("circulation.CO_L_per_min", lower=False, step=0.5),
    Criterion("chambers.LV.EDP_mmHg", lower=True, step=2),
    Criterion("circulation.mPAP_mmHg", lower=True, step=3),
    Criterion("circulation.mRAP_mmHg", lower=True, step=2),
    Criterion("chambers.RV.EF_percent", lower=False, step=5),
    Criterion("valves.aortic.mean_gradient_mmHg", lower=True, step=10),
    Criterion("valves.mitral.mean_gradient_mmHg", lower=True, step=2),
    Criterion("valves.mitral.regurgitant_volume_mL", lower=True, step=10),
    Criterion("valves.aortic.regurgitant_volume_mL", lower=True, step=10),
    Criterion("chambers.LV.PVA_J", lower=True, step=0.2),
    Criterion("wall.fiber_stress_ED_kPa.p50", lower=True, step=0.5),
    Criterion("wall.fiber_stress_ES_kPa.p50", lower=True, step=3),
    Criterion("dyssynchrony.SD_time_to_peak_ms", lower=True, step=10),
)


def known(results: Sequence[Result]) -> list[Criterion]:
    """Criteria that all results have and in which at least one differs from the first."""
    found = []
    for criterion in CRITERIA:
        values = [value(result.indices, criterion.key) for result in results]
        gains = [criterion.gain(values[0], other) for other in values[1:]]
        believed = all(trusted(result, criterion.key) for result in results)
        if believed and all(map(math.isfinite, gains)) and any(abs(gain) >= 0.05 for gain in gains):
            found.append(criterion)
    return found


def weigh(
    results: Sequence[Result],
    names: Sequence[str],
    weights: Mapping[str, float],
    steps: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Rank results by weighted steps gained over the first.

    Parameters
    ----------
    results : sequence of Result
        Baseline first.
    names : sequence of str
        What they are called.
    weights : mapping of key to float
        How much one step of each index counts; at least one above zero, none below.
    steps : mapping of key to float, optional
        Change of an index that counts as one step, in place of that in `CRITERIA`.

    Returns
    -------
    DataFrame
        One row a result, best first. ``score`` is the mean of the steps gained, each weighted;
        the other columns, one for each weighted index, are its parts and add up to it.

    Raises
    ------
    InputError
        If no weight is above zero, one is negative, or an index is no criterion.
    """
    criteria = {criterion.key: criterion for criterion in CRITERIA}
    for key in (*weights, *(steps or {})):
        if key not in criteria:
            raise not_found(InputError, "criterion", key, "the ranking", criteria)
    total = sum(weights.values())
    if min(weights.values(), default=0) < 0 or not total > 0:
        raise InputError(
            "weigh: weights must not be negative and one must be above zero, "
            'such as {"chambers.LV.EDP_mmHg": 2}. There is no ranking without weights.'
        )
    parts = {}
    for key, weight in weights.items():
        if weight > 0:
            criterion = criteria[key]
            step = (steps or {}).get(key, criterion.step)
            scaled = Criterion(key, criterion.lower, step)
            values = [value(result.indices, key) for result in results]
            parts[key] = [weight / total * scaled.gain(values[0], other) for other in values]
    table = pd.DataFrame(parts, index=pd.Index(names, name="scenario"))
    table.insert(0, "score", table.sum(axis=1, skipna=False))
    return table.sort_values("score", ascending=False, kind="stable")
