"""Edits of excitation: a blocked bundle branch, leads, the delay from atria to ventricles."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, final

import numpy as np

from heartsim.activation.sites import STIMULUS, blocked, paced, through_bundles
from heartsim.errors import RegionNotFound
from heartsim.mesh.heartmesh import ATRIA
from heartsim.procedures.circuit import circulation_of
from heartsim.procedures.cutting import landmarks
from heartsim.procedures.edit import AnatomyEdit, Dose, HeartEdit, Receipt
from heartsim.units import ms

if TYPE_CHECKING:
    from heartsim.heart import Heart
    from heartsim.mesh.heartmesh import HeartMesh

Site = Literal["LV wall", "RV apex", "left bundle"]
"""Where a lead lies: on the epicardium of a segment, inside the RV apex, in the left bundle."""


def _endocardia(mesh: "HeartMesh") -> dict[str, np.ndarray]:
    """Endocardium of each ventricle; without a right one, the outside of the septum is its own."""
    found = {
        name: mesh.surface(f"{name}_endocardium") for name in ("LV", "RV") if name in mesh.cavities
    }
    if "RV" not in found:
        outside = mesh.surface("epicardium")
        angle = landmarks(mesh).axis.angle(mesh.points[outside].mean(axis=1))
        found["RV"] = outside[np.abs(angle) < np.pi / 3]
    return found


@final
@dataclass(frozen=True)
class BlockBundle(AnatomyEdit):
    """Block a bundle branch: its ventricle is excited through the septum by the other one.

    The left bundle fans out over the left endocardium, which starts at once. The right one is thin
    and ends at the moderator band: beside a blocked left branch the wave starts in the RV apex.

    Attributes
    ----------
    side : {"LV", "RV"}
    """

    side: Literal["LV", "RV"]

    @property
    def targets(self) -> tuple[str, ...]:
        """The bundle branch."""
        return (f"bundle:{self.side}",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the branch blocked."""
        endocardia = _endocardia(mesh)
        before = mesh.fields.get(STIMULUS)
        if before is None:
            before = through_bundles(len(mesh.points), *endocardia.values())
        side = {"LV": "left", "RV": "right"}[self.side]
        receipt = Receipt(f"blocked the {side} bundle branch", f"bundle:{self.side}")
        after = blocked(before, endocardia[self.side])
        if self.side == "LV":
            exit_ = _right_apex(mesh, endocardia["RV"])
            arrival = after[exit_]
            after = blocked(after, endocardia["RV"])
            after[exit_] = arrival
        return mesh.with_fields({STIMULUS: after}), receipt


@dataclass(frozen=True)
class Lead:
    """One pacing lead.

    Attributes
    ----------
    site : {"LV wall", "RV apex", "left bundle"}
    start : float
        When it fires after the ventricular trigger [ms].
    segment : int
        AHA segment of a lead on the left ventricular wall.
    """

    site: Site
    start: float = 0.0
    segment: int = 0


@final
@dataclass(frozen=True)
class Pace(AnatomyEdit):
    """Excite the ventricles by leads alone; what the bundles bring comes too late.

    Attributes
    ----------
    leads : tuple of Lead
    """

    leads: tuple[Lead, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """What excites the ventricles."""
        return ("rhythm:leads",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the leads.

        Raises
        ------
        RegionNotFound
            If the heart has no such segment.
        """
        nodes = [_place(mesh, lead) for lead in self.leads]
        start = [np.full(len(own), lead.start) for own, lead in zip(nodes, self.leads, strict=True)]
        stimulus = paced(len(mesh.points), np.concatenate(nodes), np.concatenate(start))
        words = [f"segment {lead.segment}" if lead.segment else lead.site for lead in self.leads]
        receipt = Receipt(
            action=f"paced from {' and '.join(words)}",
            target="rhythm:leads",
            amounts={
                f"start_{word.replace(' ', '_')}_ms": lead.start / ms
                for word, lead in zip(words, self.leads, strict=True)
            },
        )
        return mesh.with_fields({STIMULUS: stimulus}), receipt


def _right_apex(mesh: "HeartMesh", endocardium: np.ndarray) -> np.ndarray:
    """Node of the right endocardium nearest to the apex."""
    nodes = np.unique(endocardium)
    return nodes[[np.argmin(landmarks(mesh).axis.height(mesh.points[nodes]))]]


def _place(mesh: "HeartMesh", lead: Lead) -> np.ndarray:
    """Nodes that a lead excites."""
    endocardia = _endocardia(mesh)
    if lead.site == "left bundle":
        return np.unique(endocardia["LV"])
    if lead.site == "RV apex":
        return _right_apex(mesh, endocardia["RV"])
    from heartsim.microstructure.segments import aha_segments

    aha = aha_segments(mesh)
    cells = mesh.tets[aha == lead.segment]
    nodes = np.intersect1d(mesh.surface("epicardium"), cells)
    if not len(nodes):
        raise RegionNotFound(
            f"AHA segment {lead.segment} of {mesh.name} has no outside for a lead. Choose one of "
            "the free wall: 1, 4 to 7, 10 to 13, 15, 16."
        )
    place = mesh.points[nodes]
    return nodes[[np.argmin(np.linalg.norm(place - place.mean(axis=0), axis=1))]]


@final
@dataclass(frozen=True)
class SetDelay(HeartEdit):
    """Set the delay from the atrial to the ventricular trigger.

    Attributes
    ----------
    delay : float
        [ms].
    """

    delay: Dose

    @property
    def targets(self) -> tuple[str, ...]:
        """The delay."""
        return ("rhythm:delay",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with another delay; atria of muscle keep their own onset."""
        blood = circulation_of(heart)
        receipt = Receipt(
            action="set the atrioventricular delay",
            target="rhythm:delay",
            amounts={"before_ms": blood.av_delay / ms, "after_ms": self.delay / ms},
        )
        later = replace(heart, circulation=replace(blood, av_delay=self.delay))
        if not heart.chambers:
            return later, receipt
        atrial = sum(heart.region[name] for name in ATRIA if name in heart.region)
        time = heart.activation.time + (self.delay - blood.av_delay) * (1.0 - atrial)
        return replace(later, activation=replace(heart.activation, time=time)), receipt
