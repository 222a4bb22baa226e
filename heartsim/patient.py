"""A patient made ready for the first beat: image, unloaded shape, operation, blood."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from heartsim import creep, equilibrium
from heartsim.beat import Moment, begin
from heartsim.build import Anatomy, anatomy, heart_on
from heartsim.circulation.closed_loop import blood_volume, with_blood_volume
from heartsim.equilibrium import Workspace
from heartsim.errors import ScenarioError
from heartsim.fem.space import Nodes
from heartsim.heart import Heart
from heartsim.loop import first_blood
from heartsim.mesh import library, quality
from heartsim.mesh.guesses import Guesses
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.sizing import Finer
from heartsim.mesh.surfaces import cavity_volume
from heartsim.microstructure.segments import aha_segments, by_segments
from heartsim.prestress import Unloaded
from heartsim.procedures.perform import on_anatomy, on_heart, touched
from heartsim.progress import Progress
from heartsim.scenario import Scenario
from heartsim.scenario.models import FinerMesh
from heartsim.sewing import pulls, sew
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
    """Mesh of a scenario, with the edge lengths it asks for, and examined.

    Raises
    ------
    InputError
        If the mesh is not there or cannot be used.
    """
    plan, shape = scenario.patient, scenario.patient.shape
    known = Guesses(shape.unit, shape.LV, shape.RV, shape.LV_rims, shape.RV_rims)

    def load(finer: Finer | None = None) -> HeartMesh:
        return library.load(
            plan.mesh, edge=plan.resolution, finer=finer, known=known, chambers=plan.chambers
        )

    mesh = load()
    if plan.finer is not None:
        place = mesh.points[np.unique(mesh.tets[_worked_on(mesh, scenario, plan.finer)])]
        mesh = load(Finer(place, plan.finer.edge, plan.finer.reach))
    quality.require_usable(mesh)
    return mesh


def _worked_on(mesh: HeartMesh, scenario: Scenario, finer: FinerMesh) -> Int[np.ndarray, " k"]:
    """Cells near which the mesh should be finer."""
    if finer.segments is not None:
        return by_segments(mesh, aha_segments(mesh), finer.segments)
    cells = touched(mesh, (*scenario.conditions, *scenario.procedures))
    if not len(cells):
        raise ScenarioError(
            "patient.finer: no condition or procedure of this scenario marks, cuts or holds the "
            "wall. Name the segments near which the mesh should be finer, such as "
            "segments = [13, 14], or leave out patient.finer."
        )
    return cells


def prepare(scenario: Scenario, progress: Progress) -> Patient:
    """Read the patient, find the unloaded shape, operate, and fill the heart with blood."""
    progress.say("reading the heart and laying its fibers")
    imaged, marked = on_anatomy(load_mesh(scenario), scenario.conditions)
    built = anatomy(imaged, scenario)
    pressure = np.array(
        [getattr(scenario.patient.imaged_pressure, name) for name in built.chambers]
    )

    reload, work, points = None, None, imaged.points
    if scenario.patient.imaged_at != "unloaded":
        reload, work = unloaded(scenario, built, pressure, progress)
        points = reload.points
    operated = _operated(scenario, built, points)
    heart, mesh = operated.heart, operated.mesh
    if work is None or reload is None or operated.changed:
        work, wall = equilibrium.workspace(heart, operated.nodes), equilibrium.rest(heart)
    else:
        wall = reload.wall
    if heart.cables:
        progress.say("drawing sutures and cables tight")
        wall, work = sew(work, heart, wall)
    wall, work = creep.hold(work, heart, wall, pressure)
    held = equilibrium.held_volumes(heart, wall)
    blood = first_blood(
        scenario,
        {name: cavity_volume(imaged.points, imaged.cavities[name]) for name in built.chambers},
        dict(zip(built.chambers, held.tolist(), strict=True)),
    )
    stressed = blood_volume(heart.loop, blood) * heart.filling
    moment = begin(heart, wall, with_blood_volume(heart.loop, blood, stressed))
    told = tuple(receipt.as_dict() for receipt in marked) + operated.receipts + pulls(heart, wall)
    return Patient(heart, mesh, work, moment, reload, told)


@dataclass(frozen=True)
class _Operated:
    """A heart after conditions and operations, and what of its structure they changed."""

    heart: Heart
    mesh: HeartMesh
    nodes: Nodes
    changed: bool
    receipts: tuple[dict[str, object], ...]


def _operated(scenario: Scenario, built: Anatomy, points: np.ndarray) -> _Operated:
    """Heart after conditions and operations, its unloaded anatomy, and the receipts."""
    reference = built.mesh.with_points(points)
    edited, cut = on_anatomy(reference, scenario.procedures, overlap=scenario.overlap)
    after = built.operated(edited, scenario)
    heart, ill = on_heart(heart_on(after, edited.points, scenario), scenario.conditions)
    heart, treated = on_heart(heart, scenario.procedures, overlap=scenario.overlap)
    return _Operated(
        heart=heart,
        mesh=after.mesh.with_points(edited.points),
        nodes=after.nodes,
        changed=bool(heart.cables) or after.nodes is not built.nodes,
        receipts=tuple(receipt.as_dict() for receipt in (*ill, *cut, *treated)),
    )
