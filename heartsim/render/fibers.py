"""Picture of a fiber field: short rods along the fibers, colored by helix angle."""

from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.render.headless import require_drawing
from heartsim.render.scene import View, pixels, viewpoint
from heartsim.render.style import figure, settings
from heartsim.result.store import unloaded_frame

if TYPE_CHECKING:
    import pyvista

_MOST: Final = 9000
_COLORS: Final = "coolwarm"
_RANGE: Final = (-90.0, 90.0)
_PIXELS: Final = 1000


def fibers(mesh: HeartMesh) -> Figure:
    """Fibers of a heart from outside and on the inside of its cut-open half.

    Parameters
    ----------
    mesh : HeartMesh
        Heart with the cell field ``"fiber"`` (c, 3).

    Raises
    ------
    MeshError
        If the mesh carries no fibers.
    """
    if np.shape(mesh.fields.get("fiber", ())) != (len(mesh.tets), 3):
        raise MeshError(
            f"{mesh.name}: no cell field 'fiber' of shape ({len(mesh.tets)}, 3). "
            "Make fibers first, with heartsim.microstructure."
        )
    frame = unloaded_frame(mesh)
    seen = viewpoint([frame])
    angle = helix_angle(mesh, seen)
    centers = mesh.points[mesh.tets].mean(axis=1)
    behind = (centers - seen.origin) @ seen.toward < 0
    with settings():
        drawn = figure(7.0, 4.4)
        axes = drawn.subplots(1, 2)
        chosen = (np.ones(len(centers), bool), behind)
        for panel, cells, title in zip(axes, chosen, ("From outside", "Cut open"), strict=True):
            panel.imshow(_picture(mesh, cells, angle, seen), extent=(0, 1, 0, 1))
            panel.axis("off")
            panel.set_title(title)
        mapped = ScalarMappable(Normalize(*_RANGE), mpl.colormaps[_COLORS])
        bar = drawn.colorbar(mapped, ax=axes, location="bottom", shrink=0.6, aspect=32)
        bar.set_label("Helix angle [°], positive: rises counterclockwise seen from the base")
        bar.set_ticks([-90, -60, -30, 0, 30, 60, 90])
        bar.outline.set_visible(False)
    return drawn


def helix_angle(mesh: HeartMesh, seen: View) -> Float[np.ndarray, " cells"]:
    """Angle of each fiber to the circumference of the left ventricle [deg], -90 to 90.

    The circumferential direction is long axis × radius, counterclockwise seen from the base, so
    that a normal endocardium has a positive angle.
    """
    centers = mesh.points[mesh.tets].mean(axis=1) - seen.origin
    radius = centers - (centers @ seen.up)[:, None] * seen.up
    around = np.cross(seen.up, radius)
    around /= np.maximum(np.linalg.norm(around, axis=1), 1e-12)[:, None]
    fiber = np.asarray(mesh.fields["fiber"], float)
    along, across = fiber @ seen.up, (fiber * around).sum(axis=1)
    flip = np.where(across < 0, -1.0, 1.0)
    return np.degrees(np.arctan2(flip * along, flip * across))


def _picture(
    mesh: HeartMesh,
    cells: np.ndarray,
    angle: Float[np.ndarray, " cells"],
    seen: View,
) -> np.ndarray:
    """Pixels of the rods of the chosen cells."""
    import pyvista

    require_drawing()
    plotter = pyvista.Plotter(off_screen=True, window_size=(_PIXELS, _PIXELS))
    try:
        plotter.set_background("white")
        rods = _rods(mesh, np.flatnonzero(cells), angle)
        plotter.add_mesh(
            rods, scalars="angle", cmap=_COLORS, clim=_RANGE, show_scalar_bar=False, ambient=0.3
        )
        seen.aim(plotter)
        return pixels(plotter)
    finally:
        plotter.close()


def _rods(
    mesh: HeartMesh, cells: np.ndarray, angle: Float[np.ndarray, " cells"]
) -> "pyvista.PolyData":
    """Tubes along the fibers through the cell centers, thinned to a number that reads well."""
    import pyvista

    if len(cells) > _MOST:
        cells = np.random.default_rng(0).choice(cells, _MOST, replace=False)
    corners = mesh.points[mesh.tets[cells]]
    centers = corners.mean(axis=1)
    size = float(np.median(np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1)))
    half = 0.55 * size * np.asarray(mesh.fields["fiber"], float)[cells]
    ends = np.stack([centers - half, centers + half], axis=1).reshape(-1, 3)
    lines = np.insert(np.arange(len(ends)).reshape(-1, 2), 0, 2, axis=1).ravel()
    rods = pyvista.PolyData(ends, lines=lines)
    rods.cell_data["angle"] = angle[cells]
    return rods.tube(radius=0.13 * size, n_sides=8, capping=True)
