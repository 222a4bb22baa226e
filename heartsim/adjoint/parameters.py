"""Names of the numbers of a heart by which an index can be differentiated."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from heartsim.circulation.topology import NO_DERIVATIVE, ways_into_cut_off
from heartsim.errors import InputError, not_found
from heartsim.heart import Heart
from heartsim.units import cm, kPa, mL, mm, mmHg, mN, ms, s

Path = tuple[str, ...]
"""Way from a heart to one of its leaves, such as ``("solid", "material", "stiffness")``."""

BLOOD: Final = "circulation.blood_volume"
"""Name of the stressed blood volume, which is no leaf of the heart but of its periodic state."""

_RESISTANCE: Final = ("mmHg s/mL", mmHg * s / mL)
_COMPLIANCE: Final = ("mL/mmHg", mL / mmHg)
_ELASTANCE: Final = ("mmHg/mL", mmHg / mL)
_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "resistance": _RESISTANCE,
    "impedance": _RESISTANCE,
    "compliance": _COMPLIANCE,
    "inertance": ("mmHg s2/mL", mmHg * s**2 / mL),
    "area": ("cm2", cm**2),
    "regurgitant_area": ("cm2", cm**2),
    "active": _ELASTANCE,
    "passive": _ELASTANCE,
    "unstressed": ("mL", mL),
    "stiffening": ("1/mL", 1 / mL),
    "contraction": ("ms", ms),
    "relaxation": ("ms", ms),
    "rise": ("ms", ms),
    "slowness": ("ms", ms),
    "peak": ("ms", ms),
    "time": ("ms", ms),
    "opening_time": ("ms", ms),
    "closing_time": ("ms", ms),
    "contractility": ("kPa", kPa),
    "fibrous": ("kPa", kPa),
    "normal_stiffness": ("kPa/mm", kPa / mm),
    "tangential_stiffness": ("kPa/mm", kPa / mm),
    "normal_damping": ("kPa ms/mm", kPa * ms / mm),
    "tangential_damping": ("kPa ms/mm", kPa * ms / mm),
    "viscosity": ("kPa ms", kPa * ms),
    "augmentation": ("kPa", kPa),
    **dict.fromkeys(("C", "mu", "c1", "c2", "a", "a_f", "a_s", "a_fs"), ("kPa", kPa)),
    "Septum.stiffening": ("", 1.0),
    "Cable.stiffness": ("mN/mm", mN / mm),
    "OneFiber.stiffness": ("kPa", kPa),
}
"""Unit of a leaf by its own name, or by class and name where one name has several meanings."""

_PURE: Final = frozenset(
    {"stiffness", "growth", "b", "b_f", "b_s", "b_fs", "bf", "bt", "bfs", "bff", "bss", "bnn"}
    | {"bfn", "bsn", "beta", "plateau", "cross", "tied", "muscle_squeeze"}
)
"""Leaves that are pure numbers."""

_SPELLED: Final[Mapping[str, tuple[str, ...]]] = {
    "tissue.length_dependence": ("solid.material.active.beta",),
    "tissue.cross_fiber": ("solid.material.active.cross",),
    "circulation.systemic_resistance": ("circulation.systemic_arteries.resistance",),
    "circulation.systemic_compliance": ("circulation.systemic_arteries.compliance",),
    "circulation.pulmonary_resistance": ("circulation.pulmonary_arteries.resistance",),
    "circulation.pulmonary_compliance": ("circulation.pulmonary_arteries.compliance",),
    "support.pericardium_stiffness": ("supports.0.normal_stiffness",),
    "support.pericardium_damping": ("supports.0.normal_damping",),
    "support.base_stiffness": ("supports.1.normal_stiffness", "supports.1.tangential_stiffness"),
    "support.base_damping": ("supports.1.normal_damping", "supports.1.tangential_damping"),
    "activation.rise": ("activation.twitch.rise",),
    "activation.peak": ("activation.twitch.peak",),
    "activation.relaxation": ("activation.twitch.relaxation",),
}
"""Names as a scenario spells them, and the leaves behind them."""

_RATE: Final = (
    "decides where the time levels of a beat lie, and a gradient is taken at given levels. "
    "Compare runs at two heart rates instead."
)
_REFUSED: Final[Mapping[Path, str]] = {
    ("circulation", "period"): _RATE,
    ("activation", "period"): _RATE,
    ("circulation", "av_delay"): (
        "moves 0D ventricles only; the muscle holds its own onset. Ask for activation.time, which "
        "moves the atria too where they are muscle."
    ),
}
"""Leaves whose derivative would not be what their name says, and why."""


@dataclass(frozen=True)
class Parameter:
    """A number of the heart under its name.

    Attributes
    ----------
    name : str
        As asked for: a key of the scenario, or a dotted way through `Heart`.
    paths : tuple of Path
        Leaves behind it; several move together. None for the blood volume.
    unit : str
        Unit of its value; ``""`` for pure numbers, ``"mm-ms-mg-kPa"`` where none is known.
    size : float
        That unit in internal units.
    """

    name: str
    paths: tuple[Path, ...]
    unit: str
    size: float


def parameter(heart: Heart, name: str) -> Parameter:
    """Find a number of a heart by its name.

    Raises
    ------
    InputError
        If there is no such number, or it cannot be differentiated by.
    """
    if name == BLOOD:
        return Parameter(name, (), "mL", mL)
    paths = tuple(tuple(way.split(".")) for way in _SPELLED.get(name, (_way(heart, name),)))
    for path in paths:
        _require_leaf(heart, name, path)
    *owner, last = paths[0]
    special = _UNITS.get(f"{type(_at(heart, tuple(owner))).__name__}.{last}")
    usual = ("", 1.0) if last in _PURE else _UNITS.get(last, ("mm-ms-mg-kPa", 1.0))
    unit, size = special or usual
    return Parameter(name, paths, unit, size)


def _way(heart: Heart, name: str) -> str:
    """Dotted way to a leaf; ``tissue`` is the wall's material and its law, ``leak`` an area."""
    start, _, rest = name.partition(".")
    if start != "tissue":
        return name.removesuffix("leak") + "regurgitant_area" if name.endswith(".leak") else name
    law = {field.name for field in fields(heart.tissue.passive)}
    return f"solid.material.passive.{rest}" if rest in law else f"solid.material.{rest}"


def _require_leaf(heart: Heart, name: str, path: Path) -> None:
    if path in _REFUSED:
        raise InputError(f"{name} {_REFUSED[path]}")
    if path[0] == "circulation" and ".".join(path[1:]) in ways_into_cut_off(heart.loop):
        raise InputError(f"{name} {NO_DERIVATIVE}")
    here: object = heart
    for part in path:
        known = _parts(here)
        if part not in known:
            raise not_found(InputError, "number", part, name, known)
        here = known[part]
    if not eqx.is_inexact_array(jnp.asarray(here) if isinstance(here, float) else here):
        raise InputError(f"{name} is not a number. It has: {', '.join(_parts(here)) or 'nothing'}.")


def _parts(node: object) -> dict[str, object]:
    """What lies below a node of a heart, by name."""
    if isinstance(node, eqx.Module):
        numbers = (field for field in fields(node) if not field.metadata.get("static", False))
        return {field.name: getattr(node, field.name) for field in numbers}
    if isinstance(node, Mapping):
        return {str(key): value for key, value in node.items()}
    if isinstance(node, tuple):
        return {str(place): value for place, value in enumerate(node)}
    return {}


def _at(heart: Heart, path: Path) -> object:
    here: object = heart
    for part in path:
        here = _parts(here)[part]
    return here


def leaves(heart: Heart, paths: tuple[Path, ...]) -> tuple[Float[Array, "..."], ...]:
    """Values of several leaves of a heart."""
    return tuple(jnp.asarray(_at(heart, path)) for path in paths)


def with_leaves(
    heart: Heart, paths: tuple[Path, ...], values: tuple[Float[Array, "..."], ...]
) -> Heart:
    """Heart with other values of several leaves."""
    if not paths:
        return heart
    return eqx.tree_at(lambda h: [_at(h, path) for path in paths], heart, list(values))


def shifted(heart: Heart, parameter: Parameter, amount: float) -> Heart:
    """Heart with a number raised by an amount in its unit, in all cells or facets together."""
    values = leaves(heart, parameter.paths)
    moved = jax.tree.map(lambda value: value + amount * parameter.size, values)
    return with_leaves(heart, parameter.paths, moved)
