"""Strain, twist and motion of hearts that are deformed by a formula."""

import math
from dataclasses import replace

import numpy as np
import pytest
import synthetic_beat

from heartsim.indices.deformation import (
    deformation,
    long_axis,
    segment_strain,
    stretches,
    wall_axes,
)
from heartsim.indices.dyssynchrony import dyssynchrony, time_of_peak, uniformity, wasted_work
from heartsim.indices.hemodynamics import events

LEVELS = {"apex": -62.0, "base": 18.0}
"""Endocardial apex and base of the synthetic ventricle [mm]."""


def deformed(mesh, mapped):
    """Beat with two shapes: as it is at end-diastole, mapped at end-systole."""
    beat = synthetic_beat.beat(mesh=mesh, frames=3)
    ed, es = events(beat, "LV")
    times = np.array([beat.time[ed], beat.time[es], beat.time[es] + 150.0])
    moved = mapped(mesh.points) - mesh.points
    return replace(
        beat,
        snapshot_time=times,
        displacement=np.stack([0 * moved, moved, 0 * moved]),
        fiber_stress=beat.fiber_stress[:3],
        fiber_strain=beat.fiber_strain[:3],
        active_tension=beat.active_tension[:3],
    )


@pytest.fixture(scope="module")
def ventricle():
    return synthetic_beat.ventricle()


@pytest.fixture(scope="module")
def both():
    return synthetic_beat.two_ventricles(9.0)


def test_long_axis_of_an_ellipsoid(ventricle):
    axis = long_axis(ventricle.points, ventricle.cavities["LV"])
    np.testing.assert_allclose(axis.direction, [0, 0, 1], atol=0.02)
    assert axis.length == pytest.approx(LEVELS["base"] - LEVELS["apex"], rel=0.02)


def test_axes_of_the_wall_are_orthonormal_away_from_the_apex(ventricle):
    axes = wall_axes(ventricle.points, ventricle)
    there = axes[np.isfinite(axes).all(axis=(1, 2))]
    assert len(there) > 0.9 * len(axes)
    product = np.einsum("cij,ckj->cik", there, there)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-12)
    around = there[:, 1]
    assert np.abs(around[:, 2]).max() < 0.05


def test_a_uniform_shrinking_strains_every_direction_alike(ventricle):
    found = deformation(deformed(ventricle, lambda x: 0.85 * x))
    for name in ("GLS_percent", "GCS_percent", "GRS_percent"):
        assert found[name] == pytest.approx(-15.0)
    assert found["twist_deg"] == pytest.approx(0.0, abs=1e-6)


def test_a_rigid_motion_strains_nothing(ventricle):
    turn = math.radians(20)
    spin = np.array(
        [[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]]
    )
    found = deformation(deformed(ventricle, lambda x: x @ spin.T + [3.0, -2.0, 5.0]))
    for name in ("GLS_percent", "GCS_percent", "GRS_percent", "AVPD_mm", "twist_deg"):
        assert found[name] == pytest.approx(0.0, abs=1e-6)
    assert found["apex_rotation_deg"] == pytest.approx(-20, abs=0.5)


def test_squeeze_across_the_axis_is_circumferential(ventricle):
    """diag(0.8, 0.8, 1): circles shorten by 20 %, the axis does not."""
    found = deformation(deformed(ventricle, lambda x: x * [0.8, 0.8, 1.0]))
    assert found["GCS_percent"] == pytest.approx(-20.0, abs=0.1)
    assert -8 < found["GLS_percent"] < 0
    assert found["AVPD_mm"] == pytest.approx(0.0, abs=0.3)


def test_base_that_comes_down_is_seen_as_plane_motion(ventricle):
    """z shrinks by 15 % about the apex: the mitral plane moves 0.15 of the axis towards it."""
    apex = long_axis(ventricle.points, ventricle.cavities["LV"]).apex

    def descend(x):
        return np.stack([x[:, 0], x[:, 1], apex[2] + 0.85 * (x[:, 2] - apex[2])], axis=1)

    found = deformation(deformed(ventricle, descend))
    assert found["AVPD_mm"] == pytest.approx(0.15 * 80, rel=0.03)
    assert -15.0 <= found["GLS_percent"] < -9
    assert found["GCS_percent"] == pytest.approx(0.0, abs=0.2)
    assert math.isnan(found["TAPSE_mm"])


def test_tricuspid_plane_needs_a_right_ventricle(both):
    found = deformation(deformed(both, lambda x: x * [1.0, 1.0, 0.9]))
    assert found["TAPSE_mm"] == pytest.approx(found["AVPD_mm"], rel=0.1)
    assert found["TAPSE_mm"] > 3


def test_twist_is_anticlockwise_seen_from_the_apex(ventricle):
    """Rotation about z by -0.2 deg per mm below the base: seen from below it is anticlockwise."""

    def twisted(x, slope=-0.2):
        angle = np.radians(slope) * (LEVELS["base"] - x[:, 2])
        cos, sin = np.cos(angle), np.sin(angle)
        return np.stack([cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1], x[:, 2]], 1)

    found = deformation(deformed(ventricle, twisted))
    assert found["apex_rotation_deg"] > found["base_rotation_deg"] > 0
    assert found["torsion_deg_per_cm"] == pytest.approx(2.0, rel=0.03)
    mirrored = deformation(deformed(ventricle, lambda x: twisted(x, 0.2)))
    assert mirrored["twist_deg"] == pytest.approx(-found["twist_deg"], rel=1e-3)


def test_segment_strain_starts_at_zero_and_ends_where_the_wall_ends(ventricle):
    beat = deformed(ventricle, lambda x: x * [0.8, 0.8, 1.0])
    strain = segment_strain(beat, "circumferential")
    assert strain.shape == (3, 17)
    np.testing.assert_allclose(strain[0, :16], 0, atol=1e-12)
    np.testing.assert_allclose(strain[1, :16], -0.2, atol=5e-3)


def test_stretch_of_a_shear_is_that_of_its_gradient(ventricle):
    gradient = np.array([[1.0, 0.3, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.9]])
    axes = wall_axes(ventricle.points, ventricle)
    expected = np.linalg.norm(axes @ gradient.T, axis=2)
    found = stretches(ventricle.points, ventricle.points @ gradient.T, ventricle)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_peak_of_a_parabola_lies_between_the_samples():
    t = np.arange(0, 200.0, 20)
    assert time_of_peak(t, (t - 113.0) ** 2) == pytest.approx(113.0)
    assert time_of_peak(t, t) == 0.0


def ring(mean: float, swing: float) -> np.ndarray:
    """Strain of 17 segments: a mean and a first harmonic around every ring."""
    rings = [
        mean + swing * np.cos(2 * np.pi * np.arange(n) / n + phase)
        for n, phase in ((6, 0.1), (6, 0.7), (4, 0.0))
    ]
    return np.append(np.concatenate(rings), mean)[None]


def test_uniformity_of_a_ring():
    """S0 = m², S1 = a²/4 each side: CURE = √(m² / (m² + a²/2))."""
    assert uniformity(ring(-0.2, 0.0)) == pytest.approx(1.0)
    assert uniformity(ring(0.0, 0.1)) == pytest.approx(0.0, abs=1e-6)
    expected = math.sqrt(0.04 / (0.04 + 0.01 / 2))
    assert uniformity(ring(-0.2, 0.1)) == pytest.approx(expected)


def test_wasted_work_of_two_walls():
    """At constant pressure one wall shortens by 0.2, the other lengthens by 0.05: a quarter."""
    strain = np.stack([np.linspace(0, -0.2, 9), np.linspace(0, 0.05, 9)], axis=1)
    assert wasted_work(np.full(9, 12.0), strain) == pytest.approx(0.25)
    assert wasted_work(np.full(9, 12.0), strain[:, :1]) == 0.0


def seesaw(mesh, delay: float):
    """Beat whose septum (-x) shortens `delay` ms before its lateral wall."""
    beat = synthetic_beat.beat(mesh=mesh, frames=3)
    ed = events(beat, "LV").end_diastole
    time = beat.time[ed] + np.arange(0, 800.0, 10)
    side = np.clip(mesh.points[:, :1] / 10, -1, 1)
    since = time - time[0]
    frames = []
    for t in since:
        peak = 360 - delay * (side < 0)
        squeeze = 0.15 * np.exp(-(((t - peak) / 120) ** 2))
        frames.append(np.hstack([-squeeze * mesh.points[:, :2], 0 * squeeze]))
    count = len(time)
    cells = len(mesh.tets)
    return replace(
        beat,
        snapshot_time=time % beat.heart_rate_period,
        displacement=np.stack(frames),
        fiber_stress=np.zeros((count, cells)),
        fiber_strain=np.zeros((count, cells)),
        active_tension=np.zeros((count, cells)),
    )


def test_an_early_septum_is_dyssynchronous(ventricle):
    even = dyssynchrony(seesaw(ventricle, 0.0))
    late = dyssynchrony(seesaw(ventricle, 80.0))
    assert even["septal_to_lateral_ms"] == pytest.approx(0.0, abs=1.0)
    assert even["SD_time_to_peak_ms"] < 2
    assert even["CURE"] > 0.99
    assert 50 < late["septal_to_lateral_ms"] < 90
    assert late["SD_time_to_peak_ms"] > 25
    assert late["CURE"] < even["CURE"]
    assert late["wasted_work_ratio"] > even["wasted_work_ratio"] + 0.02


def test_total_activation_is_first_to_last(ventricle):
    beat = synthetic_beat.beat(mesh=ventricle)
    times = ventricle.fields["activation_time"]
    found = dyssynchrony(beat)["total_activation_ms"]
    assert found == pytest.approx(times.max() - times.min())


def test_a_heart_without_a_wall_has_no_strain(ventricle):
    bare = replace(synthetic_beat.beat(mesh=ventricle), mesh=replace(ventricle, cavities={}))
    assert all(math.isnan(x) for x in deformation(bare).values())
    assert all(math.isnan(x) for x in dyssynchrony(bare).values())
