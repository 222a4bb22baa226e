"""Carry out procedures on a patient: order, targets, conflicts, receipts.

Procedures compose by concatenation and are read once, from the immutable baseline, in two passes
in written order: first every anatomy edit (host), then, on the built heart, every heart edit.
Anatomy edits that take tissue away only plan; all plans are carried out at the end of their pass.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Int

from heartsim.errors import ProcedureConflict
from heartsim.mesh.surgery import PARED, carried_out
from heartsim.procedures.edit import AnatomyEdit, HeartEdit, Procedure, Receipt

if TYPE_CHECKING:
    from heartsim.heart import Heart
    from heartsim.mesh.heartmesh import HeartMesh

Overlap = Literal["error", "in order"]
"""What to do when two procedures change the same target."""


def check_conflicts(procedures: Sequence[Procedure], overlap: Overlap = "error") -> None:
    """Refuse two procedures that change the same target.

    Raises
    ------
    ProcedureConflict
        Unless ``overlap`` is ``"in order"``.
    """
    if overlap == "in order":
        return
    first: dict[str, int] = {}
    for number, procedure in enumerate(procedures, start=1):
        for target in {target for edit in procedure.edits for target in edit.targets}:
            if target in first:
                other = procedures[first[target] - 1]
                raise ProcedureConflict(
                    f"procedures {first[target]} ({other.name}) and {number} ({procedure.name}) "
                    f'both change {target}. Remove one, or write overlap = "in order" to apply '
                    "the second on top of the first."
                )
            first[target] = number


def on_anatomy(
    mesh: "HeartMesh", procedures: Sequence[Procedure], *, overlap: Overlap = "error"
) -> tuple["HeartMesh", tuple[Receipt, ...]]:
    """First pass: apply the anatomy edits of all procedures to the unloaded reference mesh.

    Parameters
    ----------
    mesh : HeartMesh
        Unloaded reference geometry of the baseline patient; stays as it is.
    procedures : sequence of Procedure
        In the order of the scenario.
    overlap : {"error", "in order"}
        Whether two procedures may change the same target.

    Returns
    -------
    mesh : HeartMesh
        Edited anatomy; the same object if no edit touches it.
    receipts : tuple of Receipt
        One for each anatomy edit.

    Raises
    ------
    ProcedureConflict
        If two procedures change the same target.
    """
    check_conflicts(procedures, overlap)
    edited, receipts = _edited(mesh, procedures)
    return (carried_out(edited) if receipts else mesh), receipts


def _edited(
    mesh: "HeartMesh", procedures: Sequence[Procedure]
) -> tuple["HeartMesh", tuple[Receipt, ...]]:
    """Anatomy after all edits, with what they plan still to be carried out."""
    receipts = []
    for procedure in procedures:
        for edit in procedure.edits:
            if isinstance(edit, AnatomyEdit):
                mesh, receipt = edit.apply_to_mesh(mesh)
                receipts.append(replace(receipt, procedure=procedure.name))
    return mesh, tuple(receipts)


def touched(mesh: "HeartMesh", procedures: Sequence[Procedure]) -> Int[np.ndarray, " k"]:
    """Cells that anatomy edits mark, cut, pare or tie strands to.

    Parameters
    ----------
    mesh : HeartMesh
        Baseline patient; stays as it is.
    procedures : sequence of Procedure
        Conditions and operations.
    """
    edited, _ = _edited(mesh, procedures)
    new = [cells for name, cells in edited.regions.items() if name not in mesh.regions]
    new += [cut.cells for cut in edited.cuts.values()]
    nodes = [ends.ravel() for name, ends in edited.cables.items() if name not in mesh.cables]
    if PARED in edited.fields:
        nodes.append(np.flatnonzero(edited.fields[PARED].any(axis=1)))
    held = np.isin(mesh.tets, np.concatenate([*nodes, np.zeros(0, int)])).any(axis=1)
    return np.unique(np.concatenate([*new, np.flatnonzero(held)]))


def on_heart(
    heart: "Heart", procedures: Sequence[Procedure], *, overlap: Overlap = "error"
) -> tuple["Heart", tuple[Receipt, ...]]:
    """Second pass: apply the heart edits of all procedures to the built heart.

    Parameters
    ----------
    heart : Heart
        Built on the anatomy that `on_anatomy` returned; stays as it is.
    procedures : sequence of Procedure
        In the order of the scenario.
    overlap : {"error", "in order"}
        Whether two procedures may change the same target.

    Returns
    -------
    heart : Heart
        Same structure and shapes, new numbers; the same object if there are no edits.
    receipts : tuple of Receipt
        One for each heart edit.

    Raises
    ------
    ProcedureConflict
        If two procedures change the same target.
    ProcedureError
        If a target is absent from this patient.
    """
    check_conflicts(procedures, overlap)
    receipts = []
    for procedure in procedures:
        for edit in procedure.edits:
            if isinstance(edit, HeartEdit):
                heart, receipt = edit.apply_to_heart(heart)
                receipts.append(replace(receipt, procedure=procedure.name))
    return heart, tuple(receipts)
