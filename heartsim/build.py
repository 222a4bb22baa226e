"""From a scenario to a heart: anatomy, fibers, tissue, supports."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import jax
import numpy as np
from jaxtyping import Bool, Float

from heartsim.activation import eikonal
from heartsim.activation.sites import STIMULUS, sinus_node, through_bundles
from heartsim.chamberwalls import WALLS, activation, contractility, held_share
from heartsim.errors import MeshError, ScenarioError, not_found
from heartsim.fem.cable import Cable, cable
from heartsim.fem.cavity import CavitySurface, cavity_surface
from heartsim.fem.elements import quadrature
from heartsim.fem.solid import Solid, carried
from heartsim.fem.space import DEGREE, Nodes, function_space, number_nodes
from heartsim.fem.support import Support, support
from heartsim.heart import Heart
from heartsim.loop import circulation_of
from heartsim.mesh.heartmesh import ATRIA, GREAT_VESSELS, HeartMesh
from heartsim.mesh.parts import cells_of, has_atria, in_ventricles
from heartsim.mesh.surfaces import cell_volumes
from heartsim.microstructure.angles import HelixAngles
from heartsim.microstructure.coordinates import Coordinates, coordinates
from heartsim.microstructure.measured import measured
from heartsim.microstructure.segments import aha_segments
from heartsim.microstructure.whole_heart import whole_heart
from heartsim.scenario import Scenario
from heartsim.scenario.models import Fibers
from heartsim.tissue.active import active_tension
from heartsim.tissue.law import Law
from heartsim.tissue.parameters import passive_law
from heartsim.tissue.tissue import Tissue, uniform
from heartsim.units import kPa, mm, ms, parse

AUGMENTATION: Final = {"P2P1": 20.0 * kPa, "P1P1": 0.0 * kPa}
"""Weight of the volume change in the energy of each element family."""

ATRIAL_AUGMENTATION: Final = 50.0 * kPa
"""The same in atria: in a wall of one layer of cells every node averages J over cells that thin and
cells that thicken; by itself the constraint left J between 0.5 and 2.5 (rodero-01, 5 mm, P1/P1)."""

STABILIZATION: Final = {"P2P1": 0.0 / kPa, "P1P1": 0.1 / kPa}
"""Weight of the pressure projection of each element family."""

COLLAGEN: Final = 1000.0 * kPa
"""Shear modulus of a valve's fibrous ring: a third of the Young's modulus of stretched valve
tissue, 2–9 MPa (doi:10.1016/j.jbiomech.2009.05.018)."""

RING: Final = 10.0 * mm**2
"""Cross-section of a valve's fibrous ring (our choice: it looks 3 to 4 mm thick)."""

ARTERY: Final = 100.0 * kPa
"""Shear modulus of the stubs of aorta and pulmonary artery: a third of the Young's modulus of
stretched arteries, 0.2 to 0.6 MPa (our choice in that range)."""

VISCOSITY: Final = 1.0 * kPa * ms
"""Kelvin–Voigt viscosity of the wall; the elastodynamics benchmark uses 0.1 kPa s."""


@dataclass(frozen=True)
class Anatomy:
    """A patient's geometry with everything that is computed from it once (host).

    Attributes
    ----------
    mesh : HeartMesh
        Imaged geometry, with its regions and fields.
    nodes : Nodes
        Displacement nodes on the imaged geometry.
    frames : (c, q, 3, 3)
        Fiber frames in the imaged shape.
    position : Coordinates
        Ventricular coordinates.
    """

    mesh: HeartMesh
    nodes: Nodes
    frames: Float[np.ndarray, "c q 3 3"]
    position: Coordinates

    def with_element(self, element: str) -> "Anatomy":
        """The same anatomy with the displacement nodes of an element family."""
        nodes = number_nodes(self.mesh.points, self.mesh.tets, DEGREE[element])
        return replace(self, nodes=nodes)

    def operated(self, edited: HeartMesh, scenario: Scenario) -> "Anatomy":
        """What is left of the anatomy after an operation on its unloaded shape.

        Parameters
        ----------
        edited : HeartMesh
            Unloaded anatomy after the operation; its fields tell where its nodes and cells were.
        scenario : Scenario
        """
        mesh = edited.with_points(edited.fields["imaged_position"])
        nodes, frames = self.nodes, self.frames[edited.fields["imaged_cell"]]
        if mesh.points is not self.mesh.fields["imaged_position"]:
            nodes = number_nodes(mesh.points, mesh.tets, DEGREE[scenario.patient.element])
        if STIMULUS in mesh.fields:
            mesh = mesh.with_fields({"activation_time": activation_times(mesh, scenario)})
        return replace(self, mesh=mesh, nodes=nodes, frames=frames)

    @property
    def chambers(self) -> tuple[str, ...]:
        """3D chambers, left first."""
        return tuple(name for name in WALLS if name in self.mesh.cavities)


def anatomy(mesh: HeartMesh, scenario: Scenario) -> Anatomy:
    """Number the nodes, lay the fibers and find the segments of a mesh."""
    patient = scenario.patient
    degree = DEGREE[patient.element]
    position = coordinates(mesh)
    barycentric, _ = quadrature(3, 2)
    frames = whole_heart(
        mesh, angles=helix_angles(patient.fibers), points=barycentric, position=position
    )
    if patient.fibers.rule == "measured":
        frames = measured(mesh, frames)
    middle = frames.mean(axis=1)[:, 0]
    computed = {
        "imaged_position": mesh.points,
        "imaged_cell": np.arange(len(mesh.tets)),
        "fiber": middle / np.linalg.norm(middle, axis=1, keepdims=True),
        "aha": aha_segments(mesh, position=position),
    }
    mesh = mesh.with_fields(computed)
    times = activation_times(mesh, scenario)
    mesh = mesh.with_fields({"activation_time": times})
    nodes = number_nodes(mesh.points, mesh.tets, degree)
    return Anatomy(mesh, nodes, frames, position)


def helix_angles(plan: Fibers) -> HelixAngles:
    """Helix angles by place that a scenario asks for."""
    left = (plan.endocardium, plan.epicardium)
    angles = HelixAngles.doste(left) if plan.rule == "outflow" else HelixAngles(left)
    inside, outside = angles.right or left
    inside = inside if plan.right_endocardium is None else plan.right_endocardium
    outside = outside if plan.right_epicardium is None else plan.right_epicardium
    return replace(angles, right=(inside, outside))


def activation_times(mesh: HeartMesh, scenario: Scenario) -> Float[np.ndarray, " c"]:
    """Onset of tension in each cell after the trigger of its own chambers [ms].

    Atria count from the sinus node, ventricles from the ventricular trigger; great vessels, which
    hold no muscle, have 0. Nothing is conducted from atria to ventricles.
    """
    times, ventricular = np.zeros(len(mesh.tets)), in_ventricles(mesh)
    spreading = scenario.activation.pattern != "uniform"
    if spreading or STIMULUS in mesh.fields:
        times[ventricular] = _ventricular_times(mesh, scenario, ventricular)
    if spreading and has_atria(mesh):
        atrial = cells_of(mesh, ATRIA)
        times[atrial] = _atrial_times(mesh, atrial)
    return times


def _ventricular_times(
    mesh: HeartMesh, scenario: Scenario, cells: Bool[np.ndarray, " c"]
) -> Float[np.ndarray, " k"]:
    """Onset in the cells of the ventricles, from their endocardia or from leads [ms]."""
    plan, paced = scenario.activation, mesh.fields.get(STIMULUS)
    endocardia = [
        mesh.surface(f"{name}_endocardium") for name in mesh.cavities if name not in ATRIA
    ]
    stimulus = through_bundles(len(mesh.points), *endocardia) if paced is None else paced
    sites = np.flatnonzero(np.isfinite(stimulus))
    times = eikonal.arrival_times(
        mesh.points,
        mesh.tets,
        mesh.fields["fiber"],
        sites,
        start=stimulus[sites],
        fiber_speed=plan.fiber_speed,
        transverse_speed=plan.cross_speed,
        conducting=cells,
        layer=np.concatenate(endocardia),
        layer_speed=plan.layer_speed,
    )
    return eikonal.cell_times(times, mesh.tets[cells])


def _atrial_times(mesh: HeartMesh, cells: Bool[np.ndarray, " c"]) -> Float[np.ndarray, " k"]:
    """Onset in cells of the atria, from the sinus node; the wave crosses where they touch [ms]."""
    rim = mesh.cavities["RA"].rims["superior_vena_cava"]
    times = eikonal.arrival_times(
        mesh.points,
        mesh.tets,
        mesh.fields["fiber"],
        np.array([sinus_node(mesh.points, rim, mesh.lining_center("LA"))]),
        fiber_speed=eikonal.ATRIAL_FIBER_SPEED,
        transverse_speed=eikonal.ATRIAL_TRANSVERSE_SPEED,
        conducting=cells,
    )
    onset = eikonal.cell_times(times, mesh.tets[cells])
    lost = ~np.isfinite(onset)
    if lost.any():
        raise MeshError(
            f"{mesh.name}: {np.count_nonzero(lost)} of {len(onset)} atrial cells are not reached "
            "from the sinus node: the atria do not touch, or some cells lie apart. Join them, or "
            'write activation.pattern = "uniform".'
        )
    return onset


def heart_on(anatomy: Anatomy, points: Float[np.ndarray, "v 3"], scenario: Scenario) -> Heart:
    """Heart of an anatomy on a given stress-free shape of its vertices.

    Parameters
    ----------
    anatomy : Anatomy
    points : (v, 3)
        Stress-free vertex positions [mm]; fibers are carried there from the imaged shape.
    scenario : Scenario
    """
    element = scenario.patient.element
    cells = len(anatomy.mesh.tets)
    nodes = anatomy.nodes._replace(points=anatomy.nodes.interpolate(points))
    plan = scenario.tissue
    tissue = Tissue(
        passive=uniform(_law(scenario), cells),
        active=uniform(active_tension(plan.length_dependence, cross=plan.cross_fiber), cells),
        stiffness=np.full(cells, plan.stiffness),
        contractility=contractility(anatomy.mesh, plan),
        fibrous=_fibrous(anatomy.mesh, plan.atrial_matrix),
    )
    bulk = plan.bulk_modulus
    image = anatomy.nodes.interpolate(anatomy.mesh.points)
    imaged = function_space(anatomy.nodes._replace(points=image), element)
    space = imaged.moved_to(jax.device_put(nodes.points))
    solid = Solid(
        space=space,
        frames=carried(anatomy.frames, imaged.inverse_jacobian, space),
        material=tissue,
        augmentation=_augmentation(anatomy.mesh, element),
        compressibility=np.asarray(0.0 if bulk is None else 1.0 / bulk),
        stabilization=np.asarray(STABILIZATION[element]),
        viscosity=np.full(cells, VISCOSITY),
        swelling=np.ones(cells),
    )
    circulation = circulation_of(scenario)
    heart = Heart(
        solid=solid,
        supports=_supports(anatomy.mesh, nodes, scenario),
        cavities=tuple(_cavity(anatomy.mesh, nodes, name) for name in anatomy.chambers),
        activation=activation(anatomy.mesh, circulation),
        circulation=circulation,
        region=_regions(anatomy.mesh),
        cables=_cables(anatomy.mesh),
        chambers=anatomy.chambers,
    )
    return jax.device_put(heart)


def _augmentation(mesh: HeartMesh, element: str) -> Float[np.ndarray, "..."]:
    """Weight of the volume change in the energy [kPa], of each cell where there are atria."""
    if not has_atria(mesh):
        return np.asarray(AUGMENTATION[element])
    return np.where(cells_of(mesh, ATRIA), ATRIAL_AUGMENTATION, AUGMENTATION[element])


def _fibrous(mesh: HeartMesh, atrial_matrix: float) -> Float[np.ndarray, " c"]:
    """Shear modulus of fibrous tissue in each cell [kPa]: valve annuli, atria, vessels.

    Each ring is spread over the cells that touch its rim, whatever their size.
    """
    volume = np.abs(cell_volumes(mesh.points, mesh.tets))
    modulus = np.zeros(len(mesh.tets))
    for name, cavity in mesh.cavities.items():
        # both sides of a valve share its ring
        for rim in () if name in ATRIA else cavity.valves.values():
            touching = np.isin(mesh.tets, rim).any(axis=1)
            loop = mesh.points[rim]
            length = np.linalg.norm(np.roll(loop, -1, axis=0) - loop, axis=1).sum()
            modulus[touching] += COLLAGEN * RING * length / volume[touching].sum()
    modulus[cells_of(mesh, ATRIA)] += atrial_matrix
    modulus[cells_of(mesh, GREAT_VESSELS)] += ARTERY
    return modulus


def _law(scenario: Scenario) -> Law:
    """Passive law of a scenario: a published set, single parameters replaced."""
    law = passive_law(scenario.tissue.parameter_set)
    names = [field.name for field in fields(law)]
    for name, value in scenario.tissue.overrides.items():
        if name not in names:
            raise not_found(ScenarioError, "parameter", name, scenario.tissue.law, names)
        number = parse(value, "pressure") if isinstance(value, str) else float(value)
        law = replace(law, **{name: number})
    return law


def _cavity(mesh: HeartMesh, nodes: Nodes, name: str) -> CavitySurface:
    cavity = mesh.cavities[name]
    return cavity_surface(nodes, cavity.facets, cavity.rims)


def _regions(mesh: HeartMesh) -> Mapping[str, Float[np.ndarray, " c"]]:
    """Share of each cell in each region: 0 or 1, or the ramp of a border zone."""
    weights = {}
    for name, cells in mesh.regions.items():
        weight = np.zeros(len(mesh.tets))
        weight[cells] = 1.0
        weights[name] = mesh.fields.get(f"weight_{name}", weight)
    return weights


def _cables(mesh: HeartMesh) -> Mapping[str, Cable]:
    """Strands that were laid, without stiffness; they were fitted to the imaged shape."""
    laid = {}
    for name in sorted(mesh.cables):
        ends = mesh.cables[name]
        span = mesh.points[ends[:, 1]] - mesh.points[ends[:, 0]]
        laid[name] = cable(ends, np.linalg.norm(span, axis=1))
    return laid


def _supports(mesh: HeartMesh, nodes: Nodes, scenario: Scenario) -> tuple[Support, ...]:
    plan = scenario.support
    share = held_share(mesh, plan)
    pericardium = support(
        nodes,
        mesh.surface("epicardium"),
        normal_stiffness=plan.pericardium_stiffness * share,
        normal_damping=plan.pericardium_damping * share,
    )
    base = support(
        nodes,
        mesh.surface("base"),
        normal_stiffness=plan.base_stiffness,
        tangential_stiffness=plan.base_stiffness,
        normal_damping=plan.base_damping,
        tangential_damping=plan.base_damping,
    )
    return (pericardium, base)
