"""Helix angles by place: left and right wall, both sides of the septum, outflow tracts.

The angles of the outflow tracts and of the right wall follow [1]_: from the inflow part of each
ventricle to its outflow valve the angles go over from those of the wall to those of the tract,
whose fibers run along it inside and around it outside.

References
----------
.. [1] Doste et al. (2019). A rule-based method to model myocardial fiber orientation in cardiac
   biventricular geometries with outflow tracts. Int. J. Numer. Meth. Biomed. Eng. 35:e3185.
   doi:10.1002/cnm.3185
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.microstructure.coordinates import Coordinates
from heartsim.microstructure.laplace import shape_gradients, solve, stiffness
from heartsim.units import deg

OUTFLOW = {"LV": "aortic", "RV": "pulmonary"}
BODY = 0.5
"""Height along the wall below which nothing belongs to an outflow tract."""

Value = Callable[[Float[np.ndarray, " nodes"]], Float[np.ndarray, "cells quad"]]


@dataclass(frozen=True)
class HelixAngles:
    """Helix angles of a heart [rad], each as (endocardium, epicardium).

    Attributes
    ----------
    left : (float, float)
        Left wall.
    right : (float, float), optional
        Right wall; as on the left without it.
    septum : (float, float), optional
        Septum, on its left and on its right side, each seen from its own cavity; as on the
        endocardia without it.
    outflow : (float, float), optional
        Both outflow tracts at their valves; as in the walls without it.
    """

    left: tuple[float, float] = (60 * deg, -60 * deg)
    right: tuple[float, float] | None = None
    septum: tuple[float, float] | None = None
    outflow: tuple[float, float] | None = None

    @classmethod
    def doste(cls, left: tuple[float, float] = (60 * deg, -60 * deg)) -> "HelixAngles":
        """Right wall +90° to −25°, outflow tracts +90° to 0°; the septum is left wall."""
        return cls(left, (90 * deg, -25 * deg), (left[0], -left[1]), (90 * deg, 0.0))


def local_angles(
    mesh: HeartMesh, where: Coordinates, angles: HelixAngles, value: Value
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles that the left and right endocardium and the epicardium have at each point.

    Parameters
    ----------
    mesh, where : HeartMesh, Coordinates
        A heart and its coordinates.
    angles : HelixAngles
        By place.
    value : function of nodal field
        Interpolates to the points of the cells.

    Returns
    -------
    left, right, outer : (c, q)
        [rad]; weighted with the harmonic weights of the three surfaces they give the helix angle.

    Raises
    ------
    MeshError
        If outflow tracts are asked for and no opening has the name of an outflow valve.
    """
    right = angles.right or angles.left
    side = value(where.transventricular)
    inner_left, inner_right = angles.left[0] + 0 * side, right[0] + 0 * side
    outer = (1 - side) * angles.left[1] + side * right[1]
    if angles.septum is not None:
        weights = [value(field) for field in (where.left, where.right, where.outer)]
        inner_left += (angles.septum[0] - angles.left[0]) * _share(weights[1], weights[2])
        inner_right += (angles.septum[1] - right[0]) * _share(weights[0], weights[2])
    if angles.outflow is None:
        return inner_left, inner_right, outer
    tract = value(outflow_tract(mesh, where))
    inside, outside = angles.outflow
    return (
        inner_left + tract * (inside - inner_left),
        inner_right + tract * (inside - inner_right),
        outer + tract * (outside - outer),
    )


def outflow_tract(mesh: HeartMesh, where: Coordinates) -> Float[np.ndarray, " nodes"]:
    """Harmonic weight: 1 around the outflow valves, 0 around the inflow valves and in the body.

    The base belongs to the valve whose rim is nearest. That the lower half of the heart is fixed
    to 0, not the apex alone, keeps the tracts from reaching down to it.
    """
    from scipy.spatial import KDTree

    rims = {
        (chamber, name): loop
        for chamber, cavity in mesh.cavities.items()
        for name, loop in cavity.valves.items()
    }
    tracts = [key for key in rims if OUTFLOW.get(key[0]) == key[1]]
    if not tracts:
        known = ", ".join(sorted({name for _, name in rims}))
        raise MeshError(
            f'{mesh.name}: fibers of outflow tracts need an opening called "aortic" or '
            f'"pulmonary"; it has {known or "none"}. Name the openings ([patient.shape] LV_rims), '
            'or write fibers.rule = "ldrb".'
        )
    base = np.unique(np.concatenate([mesh.surface("base").ravel(), *rims.values()]))
    nodes = np.concatenate([*rims.values()])
    owner = np.repeat(np.arange(len(rims)), [len(loop) for loop in rims.values()])
    nearest = owner[KDTree(mesh.points[nodes]).query(mesh.points[base])[1]]
    out = np.isin(nearest, [list(rims).index(key) for key in tracts])
    body = np.setdiff1d(np.flatnonzero(where.apicobasal < BODY), base)
    return _harmonic(mesh, base[out], np.concatenate([base[~out], body]))


def _harmonic(
    mesh: HeartMesh, one: Int[np.ndarray, " k"], zero: Int[np.ndarray, " m"]
) -> Float[np.ndarray, " nodes"]:
    """Harmonic function, 1 at some nodes and 0 at others."""
    gradients, volumes = shape_gradients(mesh.points, mesh.tets)
    matrix = stiffness(gradients, volumes, mesh.tets)
    fixed = np.concatenate([one, zero])
    values = np.repeat([1.0, 0.0], [len(one), len(zero)])
    return np.clip(solve(matrix, fixed, values), 0, 1)


def _share(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Share of one of two weights; 0 where both vanish."""
    total = one + other
    return np.divide(one, total, out=np.zeros_like(one), where=total > 0)
