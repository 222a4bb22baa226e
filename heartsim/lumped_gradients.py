"""Derivatives of every index of a 0D heart by every number of its circulation.

The periodic beat is differentiated exactly, by the implicit function theorem
(`heartsim.circulation.periodic.periodic_state`); what the indices make of the traces is
differentiated by moving all traces a little along their derivative. So any index counts, also one
that picks a sample (end-diastole, the largest pressure), which has the derivative of that sample.
"""

from collections.abc import Sequence
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

from heartsim.balance import audit
from heartsim.circulation.closed_loop import Circulation
from heartsim.circulation.periodic import LimitCycle, Traces, differentiated_beat
from heartsim.circulation.topology import NO_DERIVATIVE, ways_into_cut_off
from heartsim.errors import InputError, not_found
from heartsim.indices import CATALOGUE, summarize, value
from heartsim.indices.catalogue import AUDIT
from heartsim.lumped import STEPS, LumpedHeart, periodic_beat, recording_of
from heartsim.scenario import Scenario

_MOVED: Final = 1e-6
"""Largest change of a trace, relative to its range, along which indices are differentiated."""

_STILL: Final = 1e-6
"""Range [kPa, mm³] below which a trace stands still."""


def parameters(circulation: Circulation) -> tuple[str, ...]:
    """Names of the numbers of a circulation, such as ``"aortic.area"``.

    Tables are left out, and `ways_into_cut_off`.
    """
    ways = ways_into_cut_off(circulation)
    names = [_name(path) for path, leaf in _leaves(circulation) if jnp.ndim(leaf) == 0]
    return tuple(name for name in names if name not in ways)


def gradients(scenario: Scenario, heart: LumpedHeart, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Derivatives of all indices at the periodic beat of a 0D heart.

    Parameters
    ----------
    scenario : Scenario
        Where the heart comes from.
    heart : LumpedHeart
    by : sequence of str
        Names of `parameters`; all by default.

    Returns
    -------
    DataFrame
        A row for each parameter, a column for each key of the catalogue that the heart has: change
        of the index in its unit for a change of the parameter in internal units (mm, ms, mg, kPa).
        Blood volume is held.

    Raises
    ------
    InputError
        If a name is not one of `parameters`, or opens a bed that is cut off.
    """
    known = parameters(heart.circulation)
    names = tuple(by) or known
    ways = ways_into_cut_off(heart.circulation)
    for name in names:
        if name in ways:
            raise InputError(f"{name} {NO_DERIVATIVE}")
        if name not in known:
            raise not_found(InputError, "number", name, "this circulation", known)
    found = periodic_beat(heart)
    tangents = differentiated_beat(heart.circulation, found.state, STEPS, _directions(heart, names))
    keys = [index.key for index in CATALOGUE if index.group != AUDIT]
    rows = []
    for i, name in enumerate(names):
        along = jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), tangents)
        step = _length(found.traces, along)
        ends = [_indices(scenario, heart, found, name, along, s * step, keys) for s in (1, -1)]
        rows.append((ends[0] - ends[1]) / (2 * step))
    table = pd.DataFrame(np.array(rows), index=list(names), columns=keys)
    return table.dropna(axis="columns", how="all")


def moved(circulation: Circulation, name: str, change: float | Array) -> Circulation:
    """The circulation with one of `parameters` changed by an amount in internal units."""
    leaves = _leaves(circulation)
    tree = jax.tree.structure(circulation)
    changed = [leaf + change if _name(path) == name else leaf for path, leaf in leaves]
    return jax.tree.unflatten(tree, changed)


def _leaves(circulation: Circulation) -> list[tuple[tuple[object, ...], Array]]:
    return jax.tree_util.tree_flatten_with_path(circulation)[0]


def _name(path: tuple[object, ...]) -> str:
    return jax.tree_util.keystr(path).strip(".")


def _directions(heart: LumpedHeart, names: Sequence[str]) -> Circulation:
    """Unit change of each parameter, stacked, as tangents of the circulation."""
    leaves = _leaves(heart.circulation)
    rows = [
        jnp.stack([jnp.full_like(leaf, float(_name(path) == name)) for name in names])
        for path, leaf in leaves
    ]
    return jax.tree.unflatten(jax.tree.structure(heart.circulation), rows)


def _length(traces: Traces, along: Traces) -> float:
    """Change of a parameter that moves some trace by `_MOVED` of its range and none by more."""
    pairs = zip(
        jax.tree.leaves((traces.pressure, traces.volume)),
        jax.tree.leaves((along.pressure, along.volume)),
        strict=True,
    )
    # a compartment that is absent has no range
    ratios = [
        np.abs(slope).max() / np.ptp(trace) for trace, slope in pairs if np.ptp(trace) > _STILL
    ]
    most = float(max(ratios))
    return _MOVED / most if most > 0 else _MOVED


def _indices(
    scenario: Scenario,
    heart: LumpedHeart,
    found: LimitCycle,
    name: str,
    along: Traces,
    step: float,
    keys: Sequence[str],
) -> Float[np.ndarray, " keys"]:
    """Indices of the beat moved along a derivative of its traces."""
    there = jax.tree.map(
        lambda values, slope: np.asarray(values) + step * slope, found.traces, along
    )
    loop = moved(heart.circulation, name, step)
    shifted = LumpedHeart(loop, heart.blood, heart.filling)
    recording = recording_of(shifted, found._replace(traces=there), scenario, (), {}, {})
    indices = summarize(recording, audit(recording), scenario=scenario.name)
    return np.array([value(indices, key) for key in keys])
