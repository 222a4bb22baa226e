"""What a mesh was taken for: surfaces in colors, openings, apex and long axis, from two sides."""

from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.surfaces import cavity_volume, rim_centers
from heartsim.render.headless import require_drawing
from heartsim.render.style import INK, figure, settings
from heartsim.units import mL

if TYPE_CHECKING:
    import pyvista

COLORS: Final = {
    "LV_endocardium": "#c0392b",
    "RV_endocardium": "#2f6fb0",
    "LA_endocardium": "#dd8a7f",
    "RA_endocardium": "#85b4dc",
    "epicardium": "#e3c9a8",
    "base": "#6aa84f",
}
_PIXELS: Final = 900


def understood(
    heart: HeartMesh, up: Float[np.ndarray, " 3"], apex: Float[np.ndarray, " 3"], *, note: str = ""
) -> Figure:
    """Picture of a heart with the parts that were found: whole from above, and cut open.

    Parameters
    ----------
    heart : HeartMesh
        In mm.
    up, apex : (3,)
        Long axis toward the base, and the apex [mm].
    note : str
        Lines printed below.
    """
    require_drawing()
    right = _across(heart, up)
    views = (("from the base", 0.75 * up - 0.65 * np.cross(right, up)), ("cut open", None))
    with settings():
        drawn = figure(7.4, 4.9)
        grid = drawn.subplots(1, 2)
        for axes, (title, seen_from) in zip(grid, views, strict=True):
            axes.imshow(_picture(heart, up, right, apex, seen_from), interpolation="antialiased")
            axes.set_title(title, fontsize=9.5, color=INK)
            axes.axis("off")
        shown = [Patch(color=COLORS[n], label=_caption(heart, n)) for n in heart.surfaces]
        drawn.legend(handles=shown, loc="lower center", ncols=4, frameon=False, fontsize=8.5)
        if note:
            drawn.suptitle(note, fontsize=8.5, color=INK)
    return drawn


def _caption(heart: HeartMesh, surface: str) -> str:
    """Name of a surface, with the volume of its cavity."""
    chamber = surface.removesuffix("_endocardium")
    if chamber not in heart.cavities:
        return surface
    return f"{chamber} {cavity_volume(heart.points, heart.cavities[chamber]) / mL:.0f} mL"


def _across(heart: HeartMesh, up: np.ndarray) -> np.ndarray:
    """Horizontal unit vector from the right to the left ventricle, or any across the axis."""
    if "RV" in heart.cavities:
        left, right = (heart.lining_center(name) for name in ("LV", "RV"))
        toward = left - right
    else:
        toward = np.eye(3)[np.argmin(np.abs(up))]
    toward = toward - (toward @ up) * up
    return toward / np.linalg.norm(toward)


def _picture(
    heart: HeartMesh,
    up: np.ndarray,
    right: np.ndarray,
    apex: np.ndarray,
    seen_from: np.ndarray | None,
) -> np.ndarray:
    """Pixels of one view; without a viewpoint, of the half behind the long axis."""
    import pyvista

    toward = -np.cross(right, up) if seen_from is None else seen_from / np.linalg.norm(seen_from)
    middle = heart.lining_center("LV")
    plotter = pyvista.Plotter(off_screen=True, window_size=(_PIXELS, _PIXELS))
    try:
        plotter.set_background("white")
        for name, facets in heart.surfaces.items():
            surface = pyvista.PolyData.from_regular_faces(heart.points, facets)
            if seen_from is None:
                surface = surface.clip(normal=tuple(toward), origin=tuple(middle), invert=True)
            plotter.add_mesh(
                surface,
                color=COLORS.get(name, "#999999"),
                show_edges=len(heart.tets) < 20_000,
                edge_opacity=0.25,
                ambient=0.35,
                diffuse=0.7,
                specular=0.05,
            )
        _marks(plotter, heart, up, apex)
        center = (heart.points.max(axis=0) + heart.points.min(axis=0)) / 2
        half = 0.55 * float(np.ptp(heart.points @ np.stack([right, up, toward]).T, axis=0).max())
        camera = plotter.camera
        camera.position, camera.focal_point = tuple(center + 6 * half * toward), tuple(center)
        camera.up = tuple(up)
        camera.enable_parallel_projection()
        camera.parallel_scale = 1.25 * half
        plotter.renderer.camera_set = True
        plotter.renderer.reset_camera_clipping_range()
        return np.asarray(plotter.screenshot(return_img=True))[..., :3]
    finally:
        plotter.close()


def _marks(plotter: "pyvista.Plotter", heart: HeartMesh, up: np.ndarray, apex: np.ndarray) -> None:
    """Rims with their names, the apex and the long axis, drawn over the heart."""
    import pyvista

    places, words = [apex], ["apex"]
    for chamber, cavity in heart.cavities.items():
        for loop in cavity.rims.values():
            closed = heart.points[np.append(loop, loop[0])]
            plotter.add_mesh(pyvista.lines_from_points(closed), color="black", line_width=4)
        for name, center in rim_centers(heart.points, cavity).items():
            places.append(center)
            words.append(f"{chamber} {name.replace('_', ' ')}")
    top = apex + up * ((heart.points - apex) @ up).max() * 1.08
    plotter.add_mesh(pyvista.Line(tuple(apex - 4 * up), tuple(top)), color="#444444", line_width=2)
    plotter.add_point_labels(
        np.array(places),
        words,
        font_size=22,
        text_color="black",
        shape_color="white",
        shape_opacity=0.75,
        always_visible=True,
        show_points=False,
    )
