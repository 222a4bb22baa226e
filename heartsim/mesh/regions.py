"""Regions of a wall whose surfaces are known."""

import numpy as np
from jaxtyping import Float, Int

from heartsim.mesh.anatomy import Anatomy


def wall_regions(
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    anatomy: Anatomy,
) -> dict[str, Int[np.ndarray, " k"]]:
    """Regions of the wall: each cell lies between the two surfaces that are nearest to it.

    Between both endocardia it is septum, else free wall of the nearer ventricle.
    """
    from scipy.spatial import KDTree

    centers = points[tets].mean(axis=1)
    if "RV" not in anatomy.cavities:
        return {"LV": np.arange(len(tets))}
    distance = []
    for name in ("LV_endocardium", "RV_endocardium", "epicardium"):
        surface = anatomy.facets[anatomy.label == name]
        places = np.concatenate([points[surface].mean(axis=1), points[np.unique(surface)]])
        distance.append(KDTree(places).query(centers)[0])
    far = np.argmax(distance, axis=0)
    return {
        "LV": np.flatnonzero(far == 1),
        "RV": np.flatnonzero(far == 0),
        "septum": np.flatnonzero(far == 2),
    }
