"""Indices of a beat as functions of its traces that can be differentiated.

Names and definitions are those of ``indices.json``. Extremes are differentiated at the level where
they stand: exact for the discrete beat, as long as a change does not move them to another level.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.adjoint.transposed import Seen
from heartsim.errors import InputError, not_found
from heartsim.units import L, minute, mL, mmHg

_Trace = Float[Array, " levels"]


class Traces(NamedTuple):
    """A beat in internal units, one entry for each time level but the first.

    Attributes
    ----------
    time : (levels,)
        [ms]
    share : (levels,)
        Part of the beat that a level stands for, by the trapezoidal rule around it.
    seen : mapping of kind to mapping of name to (levels,)
        ``pressure`` [kPa], ``volume`` [mm³] and ``flow`` [mm³/ms], by the names of a `Recording`.
    """

    time: _Trace
    share: _Trace
    seen: Seen

    def pressure(self, name: str) -> _Trace:
        """Pressure of a chamber or vessel [kPa]."""
        return self.seen["pressure"][name]

    def volume(self, chamber: str) -> _Trace:
        """Volume of a chamber [mm³]."""
        return self.seen["volume"][chamber]

    def flow(self, branch: str) -> _Trace:
        """Flow of a branch [mm³/ms]."""
        return self.seen["flow"][branch]

    def mean(self, trace: _Trace) -> Float[Array, ""]:
        """Mean of a trace over the beat."""
        return jnp.sum(self.share * trace)


Function = Callable[[Traces], Float[Array, ""]]


class Index(NamedTuple):
    """A scalar of the traces.

    Attributes
    ----------
    name, unit : str
    of : function of Traces
        Value in `unit`.
    """

    name: str
    unit: str
    of: Function


def _spread(trace: _Trace) -> Float[Array, ""]:
    return jnp.max(trace) - jnp.min(trace)


def _chamber(name: str) -> dict[str, tuple[str, Function]]:
    """Indices of one chamber."""
    return {
        f"chambers.{name}.EDV_mL": ("mL", lambda b: jnp.max(b.volume(name)) / mL),
        f"chambers.{name}.ESV_mL": ("mL", lambda b: jnp.min(b.volume(name)) / mL),
        f"chambers.{name}.SV_mL": ("mL", lambda b: _spread(b.volume(name)) / mL),
        f"chambers.{name}.EF_percent": (
            "%",
            lambda b: 100 * _spread(b.volume(name)) / jnp.max(b.volume(name)),
        ),
        f"chambers.{name}.P_max_mmHg": ("mmHg", lambda b: jnp.max(b.pressure(name)) / mmHg),
    }


def _vessel(name: str, highest: str, lowest: str, mean: str) -> dict[str, tuple[str, Function]]:
    """Highest, lowest and mean pressure of one artery."""
    return {
        f"circulation.{highest}": ("mmHg", lambda b: jnp.max(b.pressure(name)) / mmHg),
        f"circulation.{lowest}": ("mmHg", lambda b: jnp.min(b.pressure(name)) / mmHg),
        f"circulation.{mean}": ("mmHg", lambda b: b.mean(b.pressure(name)) / mmHg),
    }


_KNOWN: Final[Mapping[str, tuple[str, Function]]] = {
    **{key: law for name in ("LV", "RV", "LA", "RA") for key, law in _chamber(name).items()},
    **_vessel("aorta", "SBP_mmHg", "DBP_mmHg", "MAP_mmHg"),
    **_vessel("pulmonary_artery", "sPAP_mmHg", "dPAP_mmHg", "mPAP_mmHg"),
    "circulation.PP_mmHg": ("mmHg", lambda b: _spread(b.pressure("aorta")) / mmHg),
    "circulation.mLAP_mmHg": ("mmHg", lambda b: b.mean(b.pressure("LA")) / mmHg),
    "circulation.mRAP_mmHg": ("mmHg", lambda b: b.mean(b.pressure("RA")) / mmHg),
    "circulation.CO_L_per_min": ("L/min", lambda b: b.mean(b.flow("aortic")) / (L / minute)),
}


def indices(wanted: Sequence[str] | Mapping[str, Function]) -> tuple[Index, ...]:
    """Indices by name, or scalars of one's own.

    Parameters
    ----------
    wanted : sequence of str, or mapping of name to function of Traces
        Keys of ``indices.json``; or functions, which return their value in whatever unit they like.

    Raises
    ------
    InputError
        If a name is not known, or nothing is asked for.
    """
    if not wanted:
        raise InputError("a gradient of nothing was asked for. Name an index, such as EF_percent.")
    if isinstance(wanted, Mapping):
        return tuple(Index(name, "", function) for name, function in wanted.items())
    return tuple(_index(name) for name in wanted)


def _index(name: str) -> Index:
    """Index by its key, or by the end of it if only one fits; the left ventricle comes first."""
    fitting = [key for key in _KNOWN if key == name or key.endswith(f".{name}")]
    if not fitting:
        raise not_found(InputError, "index", name, "the indices that have gradients", _KNOWN)
    unit, function = _KNOWN[fitting[0]]
    return Index(fitting[0], unit, function)
