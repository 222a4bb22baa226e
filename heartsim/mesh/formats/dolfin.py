"""HDF5 as legacy FEniCS (dolfin) writes it: mesh, functions on facets and cells, vectors.

Groups ``mesh/coordinates`` and ``mesh/topology``; beside them groups with ``topology`` and
``values`` are numbers on facets or cells, and those with ``vector_0`` and ``cell_dofs`` are
functions, of which three-vectors become one direction a cell. Datasets that lie in other files are
refused, as for XDMF.
"""

from pathlib import Path

import numpy as np

from heartsim.mesh.formats.content import Unreadable, content, whole
from heartsim.mesh.formats.xdmf import plain_numbers

COMPONENTS = 3


def read(path: Path) -> dict:
    """Read the mesh of one file, and what lies on its cells and facets."""
    import h5py

    try:
        with h5py.File(path, "r") as store:
            if "mesh" not in store or "topology" not in store["mesh"]:
                raise Unreadable(
                    "it holds no group mesh with a topology, as legacy FEniCS writes it. If an "
                    ".xdmf file lies beside it, open that one"
                )
            return _mesh(store)
    except (OSError, KeyError, ValueError, RuntimeError, AttributeError, TypeError) as error:
        raise Unreadable(f"its HDF5 is damaged ({str(error)[:120]})") from error


def _mesh(store: object) -> dict:
    """Tables of the mesh and of all that lies on it."""
    points = plain_numbers(store, "mesh/coordinates").astype(float)
    tets = whole(plain_numbers(store, "mesh/topology").astype(float), "cells")
    if tets.ndim != 2 or tets.shape[1] != 4:
        raise Unreadable(f"its cells have shape {tets.shape}; tetrahedra are due")
    triangles, tet_data, triangle_data = np.zeros((0, 3), np.int64), {}, {}
    for name in list(store)[:100]:
        group = set(store[name]) if hasattr(store[name], "keys") else set()
        if {"topology", "values"} <= group:
            cells, values = (
                plain_numbers(store, f"{name}/topology"),
                plain_numbers(store, f"{name}/values"),
            )
            if cells.ndim == 2 and cells.shape[1] == 3 and len(values) == len(cells):
                triangles = whole(cells.astype(float), "facets")
                triangle_data = {name: values}
            elif cells.shape == tets.shape and len(values) == len(cells):
                tet_data[name] = values
        elif {"vector_0", "cell_dofs", "cells"} <= group:
            directions = _directions(store, name, len(tets))
            if directions is not None:
                tet_data[name] = directions
    return content(points, tets, triangles, tet_data=tet_data, triangle_data=triangle_data)


def _directions(store: object, name: str, count: int) -> np.ndarray | None:
    """Main axis of a vector function in each cell; its components follow one another."""
    vector, dofs = (
        plain_numbers(store, f"{name}/vector_0").ravel(),
        plain_numbers(store, f"{name}/cell_dofs"),
    )
    cells = plain_numbers(store, f"{name}/cells").astype(np.int64)
    if count == 0 or dofs.size % (COMPONENTS * count) or len(cells) != count:
        return None
    dofs = dofs.astype(np.int64).reshape(count, COMPONENTS, -1)
    if dofs.min() < 0 or dofs.max() >= len(vector) or sorted(cells) != list(range(count)):
        raise Unreadable(f"the function {name} points outside its own numbers")
    values = vector[dofs]
    if not np.isfinite(values).all():
        return None
    axes = np.linalg.eigh(np.einsum("cik,cjk->cij", values, values))[1]
    result = np.empty((count, COMPONENTS))
    result[cells] = axes[:, :, -1]
    return result
