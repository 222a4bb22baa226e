"""Edits that hold the heart by cables: rings, chords, slings, nets and the sutures of a cut.

The first pass lays the strands on the anatomy, without stiffness; the second gives them length and
stiffness. A cable without stiffness changes nothing, so doses are numbers of one compiled program.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, final

import numpy as np

from heartsim.errors import ProcedureError, not_found
from heartsim.mesh.parts import ventricles
from heartsim.mesh.surfaces import facet_edges
from heartsim.procedures.cutting import landmarks
from heartsim.procedures.edit import AnatomyEdit, Dose, HeartEdit, Receipt
from heartsim.procedures.region import no_such_region
from heartsim.units import N, mm

if TYPE_CHECKING:
    from heartsim.heart import Heart
    from heartsim.mesh.heartmesh import HeartMesh
    from heartsim.microstructure.coordinates import LongAxis

STRANDS: Final = 3
"""Strands of a chord or sling: its pads hold several nodes, so that none is torn out."""

_HALF_RING: Final = np.radians(100.0)
"""Half of the part of a common opening's rim that a ring takes."""

_OFF_AXIS: Final = np.sin(np.radians(30.0))
"""Share of a strap's length that may run around the heart."""

ANTEROLATERAL: Final = (140.0, 0.5)
"""Base of the anterolateral papillary muscle: angle from the middle of the septum [deg], height."""

POSTEROMEDIAL: Final = (-120.0, 0.5)
"""Base of the posteromedial papillary muscle."""

ANTERIOR_PAD: Final = (75.0, 0.6)
"""Where a transventricular chord leaves the wall beside the anterior end of the septum."""

POSTERIOR_PAD: Final = (-105.0, 0.6)
"""Where it ends, opposite."""


def _laid(mesh: "HeartMesh", name: str, ends: np.ndarray, what: str) -> tuple["HeartMesh", Receipt]:
    """Heart with strands laid, and how long they are on the unloaded wall."""
    length = np.linalg.norm(mesh.points[ends[:, 1]] - mesh.points[ends[:, 0]], axis=1)
    receipt = Receipt(
        action=f"laid {what}",
        target=f"cable:{name}",
        amounts={"strands": float(len(ends)), "mean_strand_unloaded_mm": length.mean() / mm},
    )
    return mesh.with_cable(name, ends), receipt


@final
@dataclass(frozen=True)
class LayRing(AnatomyEdit):
    """Lay a ring along the rim of a valve.

    Where a chamber has one opening for both of its valves, called base, the ring takes the part of
    its rim on the side of the free wall and crosses the opening in front of the other valve.

    Attributes
    ----------
    valve : {"mitral", "tricuspid"}
    """

    valve: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The ring."""
        return (f"ring:{self.valve}",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the ring laid.

        Raises
        ------
        ProcedureError
            If the mesh has no such valve.
        """
        chamber = "LV" if self.valve == "mitral" else "RV"
        if chamber not in mesh.cavities:
            walls = " and ".join(mesh.cavities) or "no ventricle"
            raise ProcedureError(
                f"{mesh.name}: a ring in the {self.valve} valve needs the wall of the {chamber}, "
                f"and this mesh has the wall of {walls} only. Take a mesh with both ventricles, or "
                f"another operation on the {self.valve} valve, such as {self.valve}_repair."
            )
        rims = mesh.cavities[chamber].rims
        rim = self.valve if self.valve in rims else "base"
        if rim not in rims:
            raise not_found(ProcedureError, "rim", self.valve, mesh.name, rims)
        loop = rims[rim] if rim == self.valve else _own_part(mesh, rims[rim])
        ends = np.column_stack([loop, np.roll(loop, -1)])
        return _laid(mesh, f"ring {self.valve}", ends, f"a ring along the {rim} rim")


def _own_part(mesh: "HeartMesh", loop: np.ndarray) -> np.ndarray:
    """Part of the rim of a common opening that belongs to the atrioventricular valve."""
    middle = mesh.points[loop].mean(axis=0)
    arm = mesh.points[loop] - middle
    axis = landmarks(mesh).axis
    away = arm @ axis.septum
    # in the right ventricle the free wall is on the far side from the septum, in the left as well
    side = np.sign((middle - axis.apex) @ axis.septum - axis.length * 0.25) or -1.0
    angle = np.arctan2(arm @ axis.anterior, side * away)
    inside = np.abs(angle) < _HALF_RING
    first = int(np.flatnonzero(inside & ~np.roll(inside, 1))[0])
    turned = np.roll(loop, -first)
    return turned[np.roll(inside, -first)]


@final
@dataclass(frozen=True)
class LayChord(AnatomyEdit):
    """Lay a chord between two places of the left wall.

    Attributes
    ----------
    name : str
    surface : str
        Where its pads are: ``"LV_endocardium"`` or ``"epicardium"``.
    ends : pair of (angle, height)
        Degrees from the middle of the septum, positive anterior; 0 apex to 1 base.
    """

    name: str
    surface: str
    ends: tuple[tuple[float, float], tuple[float, float]]

    @property
    def targets(self) -> tuple[str, ...]:
        """The chord."""
        return (f"cable:{self.name}",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the chord laid."""
        from heartsim.microstructure.coordinates import left_wall

        axis = landmarks(mesh).axis
        wall = np.unique(mesh.tets[left_wall(mesh)])
        nodes = np.intersect1d(mesh.surface(self.surface), wall)
        pads = [_pad(mesh, axis, nodes, angle, height) for angle, height in self.ends]
        # strands side by side: each pad in the order of height
        sides = [pad[np.argsort(axis.height(mesh.points[pad]))] for pad in pads]
        words = self.name.replace("_", " ")
        return _laid(mesh, self.name, np.column_stack(sides), f"a {words} of {STRANDS} strands")


def _pad(
    mesh: "HeartMesh", axis: "LongAxis", nodes: np.ndarray, angle: float, height: float
) -> np.ndarray:
    """Nodes of a surface nearest to a place."""
    place = mesh.points[nodes]
    arm = place - axis.apex
    radius = np.linalg.norm(arm - (arm @ axis.direction)[:, None] * axis.direction, axis=1)
    aside = np.angle(np.exp(1j * (axis.angle(place) - np.radians(angle)))) * radius
    above = (axis.height(place) - height) * axis.length
    return nodes[np.argsort(np.hypot(aside, above), kind="stable")[:STRANDS]]


@final
@dataclass(frozen=True)
class LayNet(AnatomyEdit):
    """Wrap the epicardium of the ventricles in a net: a strand along each of its edges.

    Attributes
    ----------
    name : str
    """

    name: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The net."""
        return (f"cable:{self.name}",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the net laid."""
        part = ventricles(mesh)
        outside = part.nodes[part.heart.surface("epicardium")]
        ends = np.unique(facet_edges(outside), axis=0)
        return _laid(mesh, self.name, ends, "a net around both ventricles")


@final
@dataclass(frozen=True)
class LayStraps(AnatomyEdit):
    """Sew straps along the long axis onto the outside of a region: stiff one way, soft the other.

    A strand lies on each edge of the epicardium within the region that is at most 30 degrees off
    the meridian.

    Attributes
    ----------
    name : str
    region : str
        Region of the wall that they cover.
    """

    name: str
    region: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The straps, and the region whose outside they need."""
        return f"cable:{self.name}", f"region:{self.region}"

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the straps laid.

        Raises
        ------
        ProcedureError
            If the heart has no such region.
        """
        if self.region not in mesh.regions:
            raise no_such_region(self.region, mesh.regions)
        edges = np.unique(facet_edges(mesh.surface("epicardium")), axis=0)
        edges = edges[np.isin(edges, mesh.tets[mesh.regions[self.region]]).all(axis=1)]
        axis = landmarks(mesh).axis
        ends = mesh.points[edges]
        way, arm = ends[:, 1] - ends[:, 0], ends.mean(axis=1) - axis.apex
        around = np.cross(axis.direction, arm)
        across = np.abs(np.sum(way * around, axis=1))
        size = np.linalg.norm(way, axis=1) * np.linalg.norm(around, axis=1)
        along = edges[across <= _OFF_AXIS * size]
        return _laid(mesh, self.name, along, f"straps along the long axis on {self.region}")


@final
@dataclass(frozen=True)
class Tighten(HeartEdit):
    """Give the strands of a cable their stiffness and the length up to which they are slack.

    One of `share`, `each` and `total` says the length.

    Attributes
    ----------
    cable : str
        Name under which it was laid.
    stiffness : float
        Of each strand [mN/mm]; 0 is no cable.
    share : float, optional
        Slack length over the length in the imaged shape.
    each : float, optional
        Slack length of every strand [mm]; 0 for sutures.
    total : float, optional
        Slack length of all strands end to end [mm].
    """

    cable: str
    stiffness: Dose
    share: Dose | None = None
    each: Dose | None = None
    total: Dose | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The strands."""
        ring = self.cable.removeprefix("ring ")
        return (f"cable:{self.cable}" if ring == self.cable else f"ring:{ring}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the cable tight.

        Raises
        ------
        ProcedureError
            If no such cable was laid.
        """
        if self.cable not in heart.cables:
            raise not_found(ProcedureError, "cable", self.cable, "this heart", heart.cables)
        laid = heart.cables[self.cable]
        share = 1.0 if self.share is None else self.share
        if self.total is not None:
            share = self.total / laid.fitted.sum()
        rest = laid.fitted * share if self.each is None else laid.fitted * 0 + self.each
        tight = replace(laid, rest=rest, stiffness=laid.stiffness * 0 + self.stiffness)
        receipt = Receipt(
            action=f"tightened {self.cable.replace('_', ' ')}",
            target=self.targets[0],
            amounts={
                "strands": float(laid.fitted.size),
                "mean_length_before_mm": laid.fitted.mean() / mm,
                "mean_slack_length_mm": rest.mean() / mm,
                "stiffness_of_a_strand_N_per_mm": self.stiffness / (N / mm),
            },
        )
        return replace(heart, cables={**heart.cables, self.cable: tight}), receipt
