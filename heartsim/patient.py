"""A patient made ready for the first beat: image, unloaded shape, operation, blood."""

from dataclasses import dataclass, replace

import numpy as np

from heartsim import equilibrium
from heartsim.beat import Moment, begin
from heartsim.build import Anatomy, anatomy, heart_on
from heartsim.circulation.closed_loop import blood_volume, with_blood_volume
from heartsim.equilibrium import Workspace
from heartsim.heart import Heart
from heartsim.loop import first_blood
from heartsim.mesh import library, quality
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.surfaces import cavity_volume
from heartsim.prestress import Unloaded
from heartsim.procedures.perform import on_anatomy, on_heart
from heartsim.progress import Progress
from heartsim.scenario import Scenario
from heartsim.unloading import unloaded


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
    reload : Unloaded or None
        Search for the unloaded shape.
    receipts : tuple of mapping
        What conditions and operations changed.
    """

    heart: Heart
    mesh: HeartMesh
    work: Workspace
    moment: Moment
    reload: Unloaded | None
    receipts: tuple[dict[str, object], ...]


def load_mesh(scenario: Scenario) -> HeartMesh:
    """Mesh of a scenario, coarsened and examined.

    Raises
    ------
    InputError
        If the mesh is not there or cannot be used.
    """
    shape = scenario.patient.shape
    known = Guesses(shape.unit, shape.LV, shape.RV, shape.LV_rims, shape.RV_rims)
    mesh = library.load(scenario.patient.mesh, edge=scenario.patient.resolution, known=known)
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

    if scenario.patient.imaged_at == "unloaded":
        reload = None
        heart, mesh, receipts = _operated(scenario, built, imaged.points)
        work, wall = equilibrium.workspace(heart, built.nodes), equilibrium.rest(heart)
    else:
        reload, work = unloaded(scenario, built, pressure, progress)
        heart, mesh, receipts = _operated(scenario, built, reload.points)
        wall = reload.wall
    wall, work = equilibrium.hold(work, heart, wall, pressure)
    held = equilibrium.held_volumes(heart, wall)
    blood = first_blood(
        scenario,
        {name: cavity_volume(imaged.points, imaged.cavities[name]) for name in built.chambers},
        dict(zip(built.chambers, held.tolist(), strict=True)),
    )
    stressed = blood_volume(heart.loop, blood) * heart.filling
    moment = begin(heart, wall, with_blood_volume(heart.loop, blood, stressed))
    told = tuple(receipt.as_dict() for receipt in marked) + receipts
    return Patient(heart, mesh, work, moment, reload, told)


def _operated(
    scenario: Scenario, built: Anatomy, points: np.ndarray
) -> tuple[Heart, HeartMesh, tuple[dict[str, object], ...]]:
    """Heart after conditions and operations, its unloaded anatomy, and the receipts."""
    reference = built.mesh.with_points(points)
    edited, cut = on_anatomy(reference, scenario.procedures, overlap=scenario.overlap)
    after = replace(built, mesh=edited.with_points(built.mesh.points))
    heart, ill = on_heart(heart_on(after, points, scenario), scenario.conditions)
    heart, treated = on_heart(heart, scenario.procedures, overlap=scenario.overlap)
    receipts = tuple(receipt.as_dict() for receipt in (*ill, *cut, *treated))
    return heart, edited, receipts
