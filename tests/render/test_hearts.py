import os
import subprocess
import sys

import numpy as np
import pytest
import synthetic_beat
from PIL import Image

from heartsim.errors import InputError
from heartsim.mesh.box import box
from heartsim.render import fibers, headless, movie, scene, style, window
from heartsim.result.store import unloaded_frame


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "base"
    mesh = synthetic_beat.two_ventricles(11.0)
    return synthetic_beat.saved(synthetic_beat.beat(mesh=mesh, frames=3), folder, "Baseline")


def test_base_is_up_and_the_right_ventricle_on_the_left(result):
    frame = result.frame("end-diastole")
    seen = scene.viewpoint([frame])
    assert seen.up[2] > 0.95
    right, left = (seen.place(scene.anchors(frame, seen)[name]) for name in ("RV", "LV"))
    assert right[0] < left[0]
    np.testing.assert_allclose(np.linalg.det(np.stack([seen.right, seen.up, seen.toward])), 1)


def test_septum_is_on_the_left_where_there_is_no_right_ventricle():
    mesh = synthetic_beat.ventricle(14.0)
    frame = unloaded_frame(mesh)
    seen = scene.viewpoint([frame])
    septal = frame.points[np.unique(mesh.tets[np.isin(mesh.fields["aha"], (2, 3, 8, 9, 14))])]
    assert (septal @ seen.right).mean() < (frame.points @ seen.right).mean()


def test_cut_shows_the_cavities_and_fits_the_picture(result):
    frame = result.frame("end-diastole")
    seen = scene.viewpoint([frame])
    cut = scene.wall(frame, style.SCALARS[0], cut=seen)
    depth = (cut.points - seen.origin) @ seen.toward
    assert depth.max() < 1e-3
    places = np.array([seen.place(point) for point in cut.points])
    assert places.min() > 0
    assert places.max() < 1


def test_picture_is_colored_by_the_field(result):
    frame = result.frame("end-systole")
    seen = scene.viewpoint([frame])
    picture = scene.picture(frame, style.SCALARS[0], (0.0, 50.0), seen)
    drawn = (picture.min(axis=2) < 250).mean()
    assert 0.2 < drawn < 0.9
    assert picture[0, 0].tolist() == [255, 255, 255]
    saturation = np.ptp(picture.astype(int), axis=2)
    assert (saturation > 40).mean() > 0.1


def test_still_names_what_it_shows(result):
    figure = scene.heart([result])
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert {"LV", "RV", "apex"} <= set(texts)
    assert any(text.startswith("End-diastole") for text in texts)
    assert "Fiber stress [kPa]" in figure.axes[-1].get_xlabel()


def test_window_writes_a_still_and_a_movie(result, tmp_path):
    window.view(result, result, off_screen=tmp_path / "still.png")
    with Image.open(tmp_path / "still.png") as image:
        assert image.size[0] > 1000
        assert np.asarray(image.convert("RGB")).std() > 10
    drawn = window.Window([result], style.SCALARS[1], off_screen=True)
    try:
        movie.write_movie(tmp_path / "beat.gif", drawn.beat(3))
    finally:
        drawn.plotter.close()
    with Image.open(tmp_path / "beat.gif") as beating:
        assert beating.n_frames == 3


def test_unknown_field_and_file_are_refused(result, tmp_path):
    with pytest.raises(InputError, match="Did you mean 'fiber_strain'"):
        window.view(result, scalar="fiber_strian")
    with pytest.raises(InputError, match=r"Write \.png, \.gif or \.mp4"):
        window.view(result, off_screen=tmp_path / "beat.avi")
    with pytest.raises(InputError, match="no result"):
        window.view()


def test_mp4_without_its_encoder_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(InputError, match=r"heartsim\[movie\]"):
        movie.write_movie(tmp_path / "beat.mp4", iter(()))


def test_window_without_a_display_is_refused(result, monkeypatch):
    monkeypatch.setattr(window, "has_screen", lambda: False)
    with pytest.raises(headless.NoScreen, match="--off-screen"):
        window.view(result)


def test_no_way_to_draw_gives_advice_instead_of_a_crash(python):
    """With a window class that VTK does not have, the probe fails in its own process."""
    code = (
        "import heartsim.render.headless as h\n"
        "h._WINDOWS = ('none',)\nh._draws = lambda window: False\n"
        "try:\n    h.require_drawing()\nexcept h.NoScreen as error:\n    print(error)\n"
    )
    bare = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    bare.pop("VTK_DEFAULT_OPENGL_WINDOW", None)
    done = subprocess.run(
        [python, "-c", code], env=bare, capture_output=True, text=True, check=True
    )
    assert "libegl1" in done.stdout
    assert "libosmesa6" in done.stdout


def test_endocardial_helix_is_positive_and_epicardial_negative():
    mesh = synthetic_beat.ventricle(9.0)
    angle = fibers.helix_angle(mesh, scene.viewpoint([unloaded_frame(mesh)]))
    center = mesh.points[mesh.tets].mean(axis=1)
    depth = synthetic_beat.transmural(center)
    middle = np.abs(center[:, 2]) < 20
    np.testing.assert_allclose(angle[middle], 60 - 120 * depth[middle], atol=8)


def test_fiber_picture_needs_fibers():
    with pytest.raises(InputError, match="no cell field 'fiber'"):
        fibers.fibers(box((1.0, 1.0, 1.0), (1, 1, 1)))
