"""Fiber frames from measured directions, as diffusion-tensor imaging or another code gives them."""

import numpy as np
from jaxtyping import Float

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.microstructure.laplace import unit

PARALLEL = 0.98
"""Cosine between fiber and sheet above which the sheet says nothing."""


def measured(
    mesh: HeartMesh, ruled: Float[np.ndarray, "cells quad 3 3"]
) -> Float[np.ndarray, "cells quad 3 3"]:
    """Frames along the fibers that a mesh carries.

    Parameters
    ----------
    mesh : HeartMesh
        Heart with a cell field ``"fiber"`` (c, 3), and perhaps ``"sheet"``, of any length and sign.
    ruled : (c, q, 3, 3)
        Frames from a rule: their sheets stand in where the mesh carries none, or one along the
        fiber.

    Returns
    -------
    (c, q, 3, 3) float
        Rows f, s, n: orthonormal, right-handed, the same at all points of a cell.

    Raises
    ------
    MeshError
        If the mesh carries no fibers, or some are zero or not finite.
    """
    fiber = _directions(mesh, "fiber")
    if fiber is None:
        raise MeshError(
            f'{mesh.name}: fibers.rule = "measured", and it carries no fibers. Import a mesh with '
            'directions called fiber (or f0) on cells or nodes, or write fibers.rule = "ldrb".'
        )
    fiber = np.broadcast_to(fiber[:, None], (*ruled.shape[:2], 3))
    sheet = _directions(mesh, "sheet")
    candidates = [ruled[..., 1, :], ruled[..., 2, :]]
    if sheet is not None:
        candidates.insert(0, np.broadcast_to(sheet[:, None], fiber.shape))
    chosen = candidates[-1]
    for other in reversed(candidates[:-1]):
        along = np.abs((other * fiber).sum(-1, keepdims=True))
        chosen = np.where(along < PARALLEL, other, chosen)
    sheet = unit(chosen - (chosen * fiber).sum(-1, keepdims=True) * fiber)
    return np.stack([fiber, sheet, np.cross(fiber, sheet)], axis=-2)


def _directions(mesh: HeartMesh, name: str) -> Float[np.ndarray, "cells 3"] | None:
    """Unit directions on the cells, if the mesh has them."""
    if name not in mesh.fields:
        return None
    array = np.asarray(mesh.fields[name], float)
    length = np.linalg.norm(array, axis=-1)
    if array.shape != (len(mesh.tets), 3) or not (np.isfinite(length) & (length > 0)).all():
        raise MeshError(
            f"{mesh.name}: field {name!r} is not one direction on each cell (shape {array.shape}, "
            f"{np.count_nonzero(~(length > 0))} zero or not finite). Import the mesh again."
        )
    return array / length[:, None]
