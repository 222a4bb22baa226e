"""The unloaded shape of a patient: recalled from the cache, or searched for and kept there."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import jax
import jax.numpy as jnp
import numpy as np

from heartsim import equilibrium
from heartsim.build import Anatomy, heart_on
from heartsim.cache import cache_folder
from heartsim.equilibrium import Workspace
from heartsim.files import write_file
from heartsim.heart import Heart
from heartsim.prestress import Guess, Unloaded, reload, unload
from heartsim.procedures.perform import on_heart
from heartsim.progress import Progress
from heartsim.scenario import Scenario


def unloaded(
    scenario: Scenario, built: Anatomy, pressure: np.ndarray, progress: Progress
) -> tuple[Unloaded, Workspace]:
    """Find the unloaded shape of the diseased heart before any operation.

    Parameters
    ----------
    scenario : Scenario
    built : Anatomy
        Imaged geometry.
    pressure : (k,)
        Cavity pressures at imaging [kPa].
    progress : Progress

    Raises
    ------
    SolveFailed
        If the search fails.
    """
    points, heart_at = built.mesh.points, _heart_at(scenario, built)
    imaged = heart_at(points)
    kept = cache_folder() / "unloaded" / f"{_shape_key(imaged, pressure)}.npz"
    start, rounds = _recall(kept, imaged), 0
    if start is None:
        found, rounds = _found(scenario, built, pressure, progress)
        _keep(kept, found)
        start = _recall(kept, imaged) or found
    # the same last solve whether the shape was found or kept: a resumed run repeats every bit
    work = equilibrium.workspace(imaged, built.nodes)
    found, work = reload(work, heart_at(start.points), start, points, pressure)
    progress.say(
        f"unloaded shape: reloaded {found.mean_error:.3f} mm off the image on average, "
        f"{found.largest_error:.2f} mm at the worst node"
    )
    return replace(found, rounds=rounds), work


def _heart_at(scenario: Scenario, built: Anatomy) -> Callable[[np.ndarray], Heart]:
    """The diseased heart on a given stress-free shape."""

    def heart_at(points: np.ndarray) -> Heart:
        return on_heart(heart_on(built, points, scenario), scenario.conditions)[0]

    return heart_at


def _found(
    scenario: Scenario, built: Anatomy, pressure: np.ndarray, progress: Progress
) -> tuple[Guess, int]:
    """Unloaded shape, its loaded wall, and Newton steps; with linear elements first."""
    element, points = scenario.patient.element, built.mesh.points
    heart_at, guess, rounds = _heart_at(scenario, built), None, 0
    if element != "P1P1":
        plain = scenario.with_({"patient.element": "P1P1"})
        guess, rounds = _found(plain, built.with_element("P1P1"), pressure, progress)

    def report(steps: int, left: float) -> None:
        progress.say(f"  step {steps}: {left:.1e} of the load out of balance")

    progress.say(f"finding the unloaded shape with {element} elements")
    imaged = heart_at(points)
    if guess is not None:
        straight = jnp.asarray(built.nodes.interpolate(np.asarray(guess.wall.u)))
        wall = equilibrium.rest(imaged)._replace(u=straight, p=guess.wall.p)
        guess = Guess(guess.points, wall)
    work = equilibrium.workspace(imaged, built.nodes)
    found, steps = unload(work, heart_at, points, pressure, guess=guess, report=report)
    return found, rounds + steps


def _shape_key(imaged: Heart, pressure: np.ndarray) -> str:
    """Hash of all that the unloaded shape depends on: the passive wall as imaged, and its load."""
    tissue = replace(imaged.tissue, contractility=jnp.zeros(()), active=None)
    solid = replace(imaged.solid, material=tissue)
    cell = jax.tree.map(lambda leaf: leaf[0], tissue.passive)
    # the law and its choices are in what it computes, not in its numbers
    law = jax.make_jaxpr(cell.energy)(jnp.eye(3))
    digest = hashlib.sha256(str(law).encode())
    for leaf in jax.tree.leaves((solid, imaged.supports, imaged.cavities, pressure)):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()[:32]


def _keep(path: Path, found: Guess) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, points=found.points, u=found.wall.u, p=found.wall.p)
    write_file(path, buffer.getvalue())


def _recall(path: Path, imaged: Heart) -> Guess | None:
    """Unloaded shape and loaded wall of an earlier search; a damaged file counts as none."""
    try:
        with np.load(path, allow_pickle=False) as content:
            points, u, p = (content[name] for name in ("points", "u", "p"))
    except (OSError, ValueError, KeyError, BadZipFile):
        return None
    wall = equilibrium.rest(imaged)
    return Guess(points, wall._replace(u=jnp.asarray(u), p=jnp.asarray(p)))
