"""Schemes in time, the march, and the ventricle of the elastodynamics benchmark."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.errors import SolveFailed
from heartsim.fem.cavity import volume
from heartsim.fem.inertia import inertia
from heartsim.mesh.box import box
from heartsim.mesh.surfaces import cavity_volume, make_cavity
from heartsim.tissue.passive import NeoHookean
from heartsim.verification import arostica_shapes as shapes
from heartsim.verification.arostica_body import CASES, drive, ventricles
from heartsim.verification.bodies import heart_of, muscle, space_on, wall
from heartsim.verification.direct import Body, loading
from heartsim.verification.dynamics import SCHEMES, GeneralizedAlpha, Kinematics, march


def block():
    mesh = box((1.0, 1.0, 1.0), (1, 1, 1))
    _, space = space_on(mesh.points, mesh.tets, "P1P1", lambda x: np.zeros(x.shape, bool))
    return Body(heart_of(wall(space, muscle(NeoHookean(10.0), len(mesh.tets)))))


@pytest.mark.parametrize("name", SCHEMES)
def test_stage_lies_between_the_ends_of_the_step(name):
    """Velocity and acceleration that a step is solved with are those that its ends have."""
    scheme, body, dt = SCHEMES[name], block(), 0.7
    random = np.random.default_rng(0)
    space = body.heart.solid.space
    fields = [jnp.asarray(random.standard_normal(space.points.shape)) for _ in range(4)]
    now, u = Kinematics(*fields[:3]), fields[3]
    motion = scheme.motion(now, dt, inertia(space, 1.0))
    end = scheme.after(now, u, dt)
    f, m = (scheme.alpha_f, scheme.alpha_m) if name == "generalised-α" else (0.0, 0.0)
    assert_allclose(u, (1 - f) * end.u + f * now.u, rtol=1e-12, atol=1e-12)
    v = motion.rate * (u - motion.u_before)
    assert_allclose(v, (1 - f) * end.v + f * now.v, rtol=1e-10, atol=1e-12)
    a = motion.inertia.stiffening * (u - motion.inertia.coasting)
    assert_allclose(a, (1 - m) * end.a + m * now.a, rtol=1e-10, atol=1e-12)


def test_a_step_that_fails_is_made_in_halves():
    body, longest, made = block(), 2.0, []

    def solver(body, loads, start):
        step = GeneralizedAlpha().gamma / GeneralizedAlpha().beta / float(loads.motion.rate)
        if step > longest + 1e-9:
            raise SolveFailed("too long")
        made.append(step)
        return start

    mass = inertia(body.heart.solid.space, 1.0)
    free = loading(body)
    ends = [
        t for t, _ in march(
            body, mass, GeneralizedAlpha(), lambda t: free, times=[8.0, 9.0], solver=solver
        )
    ]  # fmt: skip
    assert ends == [8.0, 9.0]
    assert_allclose(made, [2.0, 2.0, 2.0, 2.0, 1.0])
    with pytest.raises(SolveFailed):
        list(march(body, mass, GeneralizedAlpha(), lambda t: free, times=[32.0], solver=solver))


def test_published_ventricle_has_the_published_cavity():
    """167.5176 mL is the volume of the polygonal cavity that the participants report."""
    points, _, triangles = shapes.read_mesh("arostica_5mm")
    built = ventricles(shapes.left_ventricle("arostica_872"), "P1P1", CASES["1"])
    inside = triangles[shapes.ENDOCARDIUM]
    flat = make_cavity(inside, name="LV")
    assert_allclose(cavity_volume(points, flat), 167517.56, rtol=1e-6)
    small = float(volume(built.cavities[0], built.body.heart.solid.space.points))
    assert 140e3 < small < 167517.0  # fewer, longer chords


def test_fibers_of_the_benchmark_are_frames_with_its_helix():
    points, tets, triangles = shapes.read_mesh("arostica_872")
    depth = shapes.harmonic_depth(points, tets, triangles)
    frames = shapes.fibers(points, depth)
    assert_allclose(np.linalg.det(frames), 1.0, atol=1e-12)
    away = np.hypot(points[:, 1], points[:, 2]) > 5.0
    assert_allclose(
        frames[away] @ frames[away].swapaxes(1, 2), np.broadcast_to(np.eye(3), frames[away].shape),
        atol=1e-12,
    )  # fmt: skip
    around = np.stack([0 * points[:, 0], -points[:, 2], points[:, 1]], axis=1)
    around /= np.maximum(np.linalg.norm(around, axis=1, keepdims=True), 1e-9)
    along = np.abs(np.sum(frames[:, 0] * around, axis=1))[away]
    on_surface = np.isclose(depth, 0) | np.isclose(depth, 1)
    assert_allclose(along[on_surface[away]], 0.5, atol=1e-9)


def test_loads_of_the_benchmark_peak_where_an_accurate_integrator_says():
    drives = drive(until=500.0)
    assert_allclose(150 * drives.tension(479.5), 118.106379, rtol=1e-5)
    assert_allclose(drives.pressures(481.65)[0], 16.074029, rtol=1e-4)


def test_the_biventricle_has_the_published_cavities_frames_and_pressures():
    shape = shapes.both_ventricles()
    for inside, published in zip(shape.endocardia, (90077.9, 96485.4), strict=True):
        assert_allclose(
            cavity_volume(shape.points, make_cavity(inside, name="cavity")), published, rtol=1e-6
        )
    frames = shape.frames(np.full((1, 4), 0.25))[:, 0]
    assert_allclose(
        frames @ frames.swapaxes(1, 2), np.broadcast_to(np.eye(3), frames.shape), atol=1e-12
    )
    drives = drive(shape.fillings, 500.0)
    peaks = np.max([drives.pressures(t) for t in np.linspace(460, 500, 161)], axis=0)
    assert_allclose(peaks, (16.491, 4.163), rtol=1e-4)
