"""The window: what its keys, buttons and sliders do, and how it looks on a real display."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat
from PIL import Image

from heartsim.errors import InputError
from heartsim.render import panels, style, window
from heartsim.render.scene import viewpoint


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    mesh = synthetic_beat.two_ventricles(11.0)
    cases = {"Baseline": synthetic_beat.ISCHEMIC, "Ring": synthetic_beat.RING}
    return [
        synthetic_beat.saved(synthetic_beat.beat(p, mesh=mesh, frames=5), folder / name, name)
        for name, p in cases.items()
    ]


@pytest.fixture(scope="module")
def shared(results):
    made = window.Window(results, style.SCALARS[0], off_screen=True)
    yield made
    made.plotter.close()


@pytest.fixture
def opened(shared):
    """The window as it opens: four-chamber cut of the stress, at the start, light, still."""
    shared.playing, shared.clip, shared.depth = False, True, 0.0
    shared.plane, shared.theme = window.PLANES[0], panels.LIGHT
    shared.choose(0)
    shared.go_to(0.0)
    return shared


def surface(opened, i=0):
    return opened.plotter.renderers[opened._place(0, i)].actors["wall"].mapper.dataset


def dot(opened, i=0):
    plot = opened.loops.dots[i]
    return float(plot.x[0]), float(plot.y[0])


def test_one_time_moves_hearts_points_and_eyes(opened, results):
    before = surface(opened).points.copy(), dot(opened), opened.eyes[0].values.copy()
    opened.go_to(320.0)
    traces = results[0].traces
    at = traces.iloc[(traces["t_ms"] - 320.0).abs().argmin()]
    assert dot(opened) == pytest.approx((at["V_LV_mL"], at["P_LV_mmHg"]))
    after = surface(opened).points, dot(opened), opened.eyes[0].values
    assert np.abs(after[0].mean(axis=0) - before[0].mean(axis=0)).max() > 1e-3
    assert not np.allclose(before[2], after[2], equal_nan=True)


def test_each_heart_goes_to_its_own_end_systole(opened, results):
    opened.go_to_phase("end-systole")
    for i, result in enumerate(results):
        traces = result.traces
        at = traces.iloc[(traces["t_ms"] - result.event("end-systole")).abs().argmin()]
        assert dot(opened, i)[0] == pytest.approx(at["V_LV_mL"])


def test_playing_steps_around_the_beat_and_pausing_stops(opened):
    opened.tick()
    assert opened.now == 0
    opened.play()
    times = []
    for _ in range(6):
        opened.tick()
        times.append(opened.now)
    assert times[0] > 0
    assert min(np.diff(times)) < 0
    opened.play()
    opened.tick()
    assert opened.now == times[-1]


def test_steps_back_and_forth_come_home(opened):
    opened.step(1)
    opened.step(-1)
    assert opened.now == pytest.approx(0, abs=1e-9)
    opened.step(-1)
    assert 0.7 * opened.end < opened.now < opened.end


def test_fields_change_colors_range_and_eyes(opened):
    stress = opened._range, opened.eyes[0].values.copy()
    opened.choose(1)
    assert opened.scalar.key == "fiber_strain"
    assert opened._range[0] == -opened._range[1]
    assert opened._range != stress[0]
    assert not np.allclose(stress[1], opened.eyes[0].values, equal_nan=True)
    assert style.SCALARS[1].title in surface(opened).point_data


def test_cut_plane_and_depth_change_what_is_left(opened):
    half = surface(opened).volume
    opened.cut()
    whole = surface(opened).volume
    assert half < 0.85 * whole
    opened.cut(True)
    opened.move_cut(12.0)
    assert half < surface(opened).volume < whole
    opened.move_cut(1e9)
    assert opened.depth < 100
    seen = []
    for plane in (*window.PLANES[1:], window.PLANES[0]):
        opened.turn_cut()
        assert opened.plane == plane
        assert opened.depth == 0
        seen.append(opened.view.toward)
    np.testing.assert_allclose(np.abs(np.array(seen) @ np.array(seen).T), np.eye(3), atol=1e-5)


def test_short_axis_is_seen_from_the_apex_with_the_septum_on_the_left(opened):
    opened.plane = "short axis"
    seen = opened.view
    np.testing.assert_allclose(seen.toward, -opened._front.up, atol=1e-5)
    np.testing.assert_allclose(seen.right, opened._front.right)


def test_cameras_are_linked_in_their_position(opened):
    first, second = (opened.plotter.renderers[opened._place(0, i)].camera for i in range(2))
    assert first.position == pytest.approx(second.position)


def test_theme_turns_paper_and_ink(opened):
    light = opened.plotter.screenshot(return_img=True)[-3, -3].mean()
    opened.change_theme()
    dark = opened.plotter.screenshot(return_img=True)[-3, -3].mean()
    assert dark < 40 < 250 < light
    opened.change_theme()
    assert opened.theme is panels.LIGHT


def test_scenario_colors_stand_out_on_both_papers():
    """Contrast of at least 2.5 to 1, by the luminance of WCAG."""
    for theme in (panels.LIGHT, panels.DARK):
        for i in range(6):
            ink, paper = (_luminance(c) for c in (theme.scenario(i), theme.paper))
            assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 2.5


def _luminance(text):
    rgb = np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_help_names_every_key_and_goes_away(opened):
    opened.help()
    shown = opened.plotter.renderers[opened._place(0, 0)].actors["help"]
    assert "play, pause" in shown.input
    opened.help()
    assert not opened.helping


def test_segment_means_are_those_of_the_indices(results):
    frame = results[0].frame("end-systole")
    means = panels.segment_means(frame, style.SCALARS[0])
    stored = results[0].indices["wall"]["fiber_stress_ES_kPa"]["aha17"]
    expected = np.array([np.nan if v is None else v for v in stored])
    np.testing.assert_allclose(means, expected, rtol=1e-4)


def test_a_heart_without_a_wall_is_refused_with_advice(results, tmp_path):
    lumped = replace(results[0], provenance={"mesh": {"tets": 0}})
    with pytest.raises(InputError, match="without a wall"):
        window.view(lumped, off_screen=tmp_path / "a.png")


def test_view_is_wide_enough_for_all_frames(results):
    frames = [results[0].frame(t) for t, _ in results[0].frame_files]
    seen = viewpoint(frames)
    places = [seen.place(x) for f in frames for x in f.points + f.displacement]
    assert np.min(places) > 0
    assert np.max(places) < 1


REAL = """
import sys
from heartsim.render import window
from heartsim.render.style import SCALARS
from heartsim.result import Result
from PIL import ImageGrab

w = window.Window([Result.load(f) for f in sys.argv[2:]], SCALARS[0])
w.go_to_phase("end-systole")
w.plotter.show(interactive_update=True, auto_close=False)
interactor = w.plotter.iren.interactor


def grab(name):
    w.plotter.update()
    w.plotter.render()
    ImageGrab.grab().save(f"{sys.argv[1]}/{name}.png")


def press(key):
    interactor.SetKeySym(key)
    interactor.InvokeEvent("KeyPressEvent")
    interactor.InvokeEvent("CharEvent")


grab("open")
press("h")
assert w.helping
press("h")
for key in ("1", "2", "3", "4"):
    press(key)
    assert w.scalar is SCALARS[int(key) - 1]
press("1")
press("space")
assert w.playing
w.tick()
press("s")
assert not w.playing
press("x")
assert w.plane == "two-chamber"
press("bracketright")
assert w.depth == 3
press("r")
press("t")
assert w.theme is window.DARK
grab("dark")
press("t")
time = w.controls.time.GetRepresentation()
time.SetValue(200.0)
w.controls.time.InvokeEvent("InteractionEvent")
assert abs(w.now - 200) < 1, w.now
depth = w.controls.depth.GetRepresentation()
depth.SetValue(-9.0)
w.controls.depth.InvokeEvent("InteractionEvent")
assert abs(w.depth + 9) < 0.5, w.depth
button = w.controls.buttons["Cut open (c)"]
before = w.clip
button.GetRepresentation().SetState(0)
button.InvokeEvent("StateChangedEvent")
assert w.clip != before
assert button.GetRepresentation().GetState() == int(w.clip)
grab("whole")
print("all keys and widgets answered")
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("xvfb-run"), reason="no xvfb-run here")
def test_real_window_answers_its_keys_and_widgets_and_looks_right(results, tmp_path):
    """On a virtual display: keys and widgets work, and the screen shows hearts, loops and text."""
    command = ["xvfb-run", "-a", "-s", "-screen 0 1800x1000x24", sys.executable, "-c", REAL]
    folders = [str(result.folder) for result in results]
    done = subprocess.run(
        [*command, str(tmp_path), *folders], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "all keys and widgets answered" in done.stdout
    assert "Encountered issue in callback" not in done.stderr
    shots = {}
    for name in ("open", "dark", "whole"):
        with Image.open(tmp_path / f"{name}.png") as image:
            shots[name] = np.asarray(image.convert("RGB")).astype(int)
    width = min(430 * 3, 1720)
    for name, shot in shots.items():
        # a heart in each of the two upper left panels
        for i in range(2):
            panel = shot[80:480, i * width // 3 + 40 : (i + 1) * width // 3 - 40]
            colored = np.ptp(panel, axis=2) > 40
            assert 0.1 < colored.mean() < 0.9, (name, i)
    assert shots["open"][720:890, 20:400].min() < 90
    assert shots["dark"][720:890, 20:400].mean() < 70
    assert np.abs(shots["open"] - shots["whole"]).mean() > 1
