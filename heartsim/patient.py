"""A patient made ready for the first beat: image, unloaded shape, operation, blood."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from heartsim import equilibrium
from heartsim.beat import Moment, begin
from heartsim.bloodside import pressures_given
from heartsim.build import Anatomy, anatomy, first_blood, heart_on
from heartsim.cache import cache_folder
from heartsim.coupling import WallState
from heartsim.equilibrium import Workspace
from heartsim.heart import Heart, cavity_volumes
from heartsim.mesh import library, quality
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.surfaces import cavity_volume
from heartsim.prestress import USABLE, Unloaded, unload
from heartsim.procedures.perform import on_anatomy, on_heart
from heartsim.progress import Progress
from heartsim.result.folder import write_file
from heartsim.scenario import Scenario

Shape = np.ndarray


@dataclass(frozen=True)
class Patient:
    """A patient ready for the first beat.

    Attributes
    ----------
    heart : Heart
        After the operation.
    mesh : HeartMesh
        Unloaded anatomy after the operation.
    work : Workspace
        Solver.
    moment : Moment
        Start of the first beat.
    pressure : (k,)
        Cavity pressures at imaging [kPa].
    reload : Unloaded or None
        Search for the unloaded shape.
    receipts : tuple of mapping
        What conditions and operations changed.
    """

    heart: Heart
    mesh: HeartMesh
    work: Workspace
    moment: Moment
    pressure: np.ndarray
    reload: Unloaded | None
    receipts: tuple[dict[str, object], ...]


def load_mesh(scenario: Scenario) -> HeartMesh:
    """Mesh of a scenario, coarsened and examined.

    Raises
    ------
    InputError
        If the mesh is not there or cannot be used.
    """
    mesh = library.load(scenario.patient.mesh, edge=scenario.patient.resolution)
    quality.require_usable(mesh)
    return mesh


def prepare(scenario: Scenario, progress: Progress) -> Patient:
    """Read the patient, find the unloaded shape, operate, and fill the heart with blood."""
    progress.say("reading the heart and laying its fibers")
    imaged, marked = on_anatomy(load_mesh(scenario), scenario.conditions)
    built = anatomy(imaged, scenario)
    pressure = np.array(
        [getattr(scenario.patient.imaged_pressure, name) for name in built.chambers]
    )

    def diseased(points: Shape) -> Heart:
        return on_heart(heart_on(built, points, scenario), scenario.conditions)[0]

    work = equilibrium.workspace(diseased(imaged.points), built.nodes)
    reload, work = _unloaded(scenario, diseased, built.mesh, pressure, work, progress)
    points = imaged.points if reload is None else reload.points
    heart, mesh, receipts = _operated(scenario, built, points)
    wall, work = _settled(work, heart, reload, pressure)
    held = np.asarray(cavity_volumes(heart, wall.u))
    blood = first_blood(
        scenario,
        {name: cavity_volume(imaged.points, imaged.cavities[name]) for name in built.chambers},
        dict(zip(built.chambers, held.tolist(), strict=True)),
    )
    moment = begin(heart, wall, blood)
    told = tuple(receipt.as_dict() for receipt in marked) + receipts
    return Patient(heart, mesh, work, moment, pressure, reload, told)


def _operated(
    scenario: Scenario, built: Anatomy, points: Shape
) -> tuple[Heart, HeartMesh, tuple[dict[str, object], ...]]:
    """Heart after conditions and operations, its unloaded anatomy, and the receipts."""
    reference = built.mesh.with_points(points)
    edited, cut = on_anatomy(reference, scenario.procedures, overlap=scenario.overlap)
    after = replace(built, mesh=edited.with_points(built.mesh.points))
    heart, ill = on_heart(heart_on(after, points, scenario), scenario.conditions)
    heart, treated = on_heart(heart, scenario.procedures, overlap=scenario.overlap)
    receipts = tuple(receipt.as_dict() for receipt in (*ill, *cut, *treated))
    return heart, edited, receipts


def _settled(
    work: Workspace, heart: Heart, reload: Unloaded | None, pressure: np.ndarray
) -> tuple[WallState, Workspace]:
    """The operated heart under the imaged pressures, starting from the loaded baseline."""
    if reload is not None:
        load = equilibrium.passive_load(heart)
        blood = pressures_given(jnp.asarray(pressure))
        wall, _, info, work = equilibrium.step(work, heart, reload.wall, blood, load)
        if bool(info.converged):
            return wall, work
    return equilibrium.inflate(work, heart, equilibrium.rest(heart), pressure)


def _unloaded(
    scenario: Scenario,
    heart_at: Callable[[Shape], Heart],
    mesh: HeartMesh,
    pressure: np.ndarray,
    work: Workspace,
    progress: Progress,
) -> tuple[Unloaded | None, Workspace]:
    """Unloaded shape of the imaged heart, from the cache where it was found before."""
    if scenario.patient.imaged_at == "unloaded":
        return None, work
    kept = cache_folder() / "unloaded" / f"{_shape_key(scenario, mesh)}.npz"
    shape = _recall(kept, mesh.points)
    if shape is not None:
        heart = heart_at(shape)
        wall, work = equilibrium.inflate(work, heart, equilibrium.rest(heart), pressure)
        moved = shape + np.asarray(wall.u)[: len(shape)]
        error = np.linalg.norm(moved - mesh.points, axis=1)
        progress.say(f"unloaded shape from the cache: within {error.max():.3f} mm of the image")
        if error.max() <= USABLE:
            return Unloaded(shape, wall, float(error.max()), float(error.mean()), 0), work
    progress.say("finding the unloaded shape")

    def report(rounds: int, error: float) -> None:
        progress.say(f"  round {rounds}: reloaded shape within {error:.3f} mm of the image")

    found, work = unload(work, heart_at, mesh.points, pressure, report=report)
    kept.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, points=found.points)
    write_file(kept, buffer.getvalue())
    return found, work


def _shape_key(scenario: Scenario, mesh: HeartMesh) -> str:
    """Hash of all that the unloaded shape depends on."""
    digest = hashlib.sha256(scenario.unloading_key().encode())
    for array in (mesh.points, mesh.tets, mesh.fields["fiber"]):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


def _recall(path: Path, imaged: Shape) -> Shape | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as content:
        points = content["points"]
    return points if points.shape == imaged.shape else None
