"""Derivatives of the periodic beat: what follows a beat is the beat itself.

With x the memory of the heart at the start of a beat, Φ the beat, c·x its blood volume and J an
index, the periodic heart solves x = Φ(x, θ) and c·x = V. Its derivatives need e with::

    e - Mᵀ e + ν c = ∂J/∂x,   M = ∂Φ/∂x

where ν is the derivative by the blood volume. Φ keeps blood, so Mᵀ c = c: e is free up to c, and
the equations are solved across c. What a bed holds that is cut off is no part of c: it stays what
it is whatever the others do. Each product with Mᵀ is one walk back over the beat; GMRES needs few,
because a beat forgets all but the blood and most of where that was.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from heartsim.adjoint.parameters import Path, leaves, with_leaves
from heartsim.adjoint.transposed import Wanted
from heartsim.circulation.closed_loop import State, blood_volume
from heartsim.circulation.graph import BEDS, CHAMBERS
from heartsim.circulation.topology import cut_off
from heartsim.heart import Heart

PERIODIC: Final = 1e-5
"""Relative residual at which derivatives of the periodic beat count as found."""

MOST_WALKS: Final = 25
"""Walks back over the beat after which they are given up."""

_FLOW_WEIGHT: Final = 10.0
"""Flows and areas count as volumes by this time [ms] or length [mm]."""

Rows = Float[np.ndarray, "r d"]
Gradient = tuple[Float[np.ndarray, "r ..."], ...]
Walked = tuple[Wanted, Gradient]


class Cycle(NamedTuple):
    """Derivatives of the indices of a periodic beat.

    Attributes
    ----------
    gradient : tuple of (r, ...)
        By the leaves.
    by_blood : (r,)
        By the blood volume [1/mm³].
    missed : float
        Largest relative residual of the equations for e.
    """

    gradient: Gradient
    by_blood: Float[np.ndarray, " r"]
    missed: float


class _Memory(NamedTuple):
    """Turns derivatives by the memory of a beat into rows of like numbers, and back."""

    scale: Float[np.ndarray, " d"]
    blood: Float[np.ndarray, " d"]
    """Unit vector along c."""
    shape: tuple[int, ...]

    def pack(self, wanted: Wanted) -> Rows:
        u = np.asarray(wanted.u)
        blood = np.stack([np.asarray(part) for part in wanted.blood], axis=1)
        return np.concatenate([u.reshape(len(u), -1), blood], axis=1) / self.scale

    def unpack(self, rows: Rows) -> Wanted:
        cut = len(self.scale) - len(State._fields)
        rows = rows * self.scale
        u = jnp.asarray(rows[:, :cut].reshape(len(rows), *self.shape))
        return Wanted(u, State(*map(jnp.asarray, rows[:, cut:].T)))

    def across(self, rows: Rows) -> Rows:
        """Rows without their part along c."""
        return rows - np.outer(rows @ self.blood, self.blood)


def _memory(heart: Heart) -> _Memory:
    compliance = [float(getattr(heart.loop, bed).compliance) for bed in BEDS]
    stored, others = len(CHAMBERS) + len(BEDS), len(State._fields)
    scale = np.array([*np.ones(len(CHAMBERS)), *compliance, 1.0])
    # a derivative by a volume is that by a pressure over the compliance
    scale = np.append(scale, np.full(others - len(scale), _FLOW_WEIGHT))
    shape = heart.solid.space.points.shape
    whole = np.append(np.ones(np.prod(shape)), scale)
    blood = np.zeros(len(whole))
    apart = cut_off(heart.loop)
    shares = np.array([name not in apart for name in CHAMBERS + BEDS])
    blood[np.prod(shape) + np.arange(stored)] = shares / np.sqrt(shares.sum())
    return _Memory(whole, blood, shape)


def cycle(
    heart: Heart,
    paths: tuple[Path, ...],
    start: State,
    first: Walked,
    walk: Callable[[Wanted], Walked],
) -> Cycle:
    """Derivatives of the periodic beat from walks back over it.

    Parameters
    ----------
    heart : Heart
    paths : tuple of Path
        Leaves by which to differentiate.
    start : State
        Circulation at the start of the beat.
    first : Walked
        Walk back from the traces, nothing wanted by the end.
    walk : function of Wanted
        Walk back from derivatives by the end alone.
    """
    memory = _memory(heart)
    asked = memory.pack(first[0])
    target = memory.across(asked)
    size = np.maximum(np.linalg.norm(target, axis=1), 1e-300)
    basis, walked, gradients = [target / size[:, None]], [], []
    table = np.zeros((len(asked), MOST_WALKS + 1, MOST_WALKS))
    while True:
        wanted, gradient = walk(memory.unpack(basis[-1]))
        walked.append(memory.pack(wanted))
        gradients.append(gradient)
        new = memory.across(basis[-1] - walked[-1])
        _orthogonalize(new, basis, table)
        weights = _least(table[:, : len(basis) + 1, : len(basis)], size)
        e, moved = _combined(weights, basis), _combined(weights, walked)
        rest = np.linalg.norm(memory.across(asked - e + moved), axis=1) / size
        if rest.max() < PERIODIC or len(basis) == MOST_WALKS:
            break
        length = np.maximum(np.linalg.norm(new, axis=1, keepdims=True), 1e-300)
        basis.append(new / length)
    along = (asked - e + moved) @ memory.blood
    by_blood = along * memory.blood.max()
    share = _combined_leaves(weights, gradients)
    held = _by_held_blood(heart, paths, start)
    total = tuple(
        np.asarray(a) + b - np.multiply.outer(by_blood, c)
        for a, b, c in zip(first[1], share, held, strict=True)
    )
    return Cycle(total, by_blood, float(rest.max()))


def _orthogonalize(new: Rows, basis: list[Rows], table: np.ndarray) -> None:
    """Take the parts along the basis out of new rows, in place, and note them in the table."""
    column = len(basis) - 1
    for _ in range(2):
        for row, vector in enumerate(basis):
            part = np.einsum("rd,rd->r", new, vector)
            table[:, row, column] += part
            new -= part[:, None] * vector
    table[:, len(basis), column] = np.linalg.norm(new, axis=1)


def _least(table: np.ndarray, size: Float[np.ndarray, " r"]) -> Float[np.ndarray, "r m"]:
    """Weights of the basis that leave the smallest residual of each index."""
    right = np.zeros(table.shape[:2])
    right[:, 0] = size
    rows = zip(table, right, strict=True)
    return np.stack([np.linalg.lstsq(matrix, side, rcond=None)[0] for matrix, side in rows])


def _combined(weights: Float[np.ndarray, "r m"], rows: list[Rows]) -> Rows:
    return np.einsum("rm,mrd->rd", weights, np.stack(rows))


def _combined_leaves(weights: Float[np.ndarray, "r m"], parts: list[Gradient]) -> Gradient:
    """The same combination of gradients."""

    def combine(*leaf: np.ndarray) -> np.ndarray:
        return np.einsum("rm,mr...->r...", weights, np.stack(leaf))

    return tuple(combine(*leaf) for leaf in zip(*parts, strict=True))


def _by_held_blood(heart: Heart, paths: tuple[Path, ...], start: State) -> Gradient:
    """Derivatives of the blood volume of a state by the leaves: stiffer vessels hold less."""
    if not paths:
        return ()

    def volume(values: tuple[jax.Array, ...]) -> jax.Array:
        return blood_volume(with_leaves(heart, paths, values).loop, start)

    return tuple(np.asarray(part) for part in jax.grad(volume)(leaves(heart, paths)))
