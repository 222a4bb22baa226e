import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.errors import MeshError
from heartsim.mesh.biventricle import biventricle
from heartsim.microstructure.angles import HelixAngles
from heartsim.microstructure.coordinates import coordinates
from heartsim.microstructure.fibers import blend, ellipsoid_rule, helix_angle, rule_based
from heartsim.units import deg
from tests.microstructure.conftest import ROTATION, mirrored, moved, renumbered

FOUR = np.full((4, 4), 0.1381966011) + np.eye(4) * (0.5854101966 - 0.1381966011)


def centers(mesh):
    return mesh.points[mesh.tets].mean(1)


def lines(frames):
    """Structure tensors f ⊗ f, which do not know the sign of f."""
    return np.einsum("...i,...j->...ij", frames[..., 0, :], frames[..., 0, :])


def assert_frames(frames):
    assert np.all(np.isfinite(frames))
    product = np.einsum("...ai,...bi->...ab", frames, frames)
    assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-12)
    assert_allclose(np.linalg.det(frames), 1, atol=1e-12)


def wall_of(mesh):
    """Cells away from the apex and the base of the small ellipsoid."""
    z = centers(mesh)[:, 2]
    return (z > -14) & (z < 3)


@pytest.mark.parametrize("heart", ["left", "human", "pair"])
def test_frames_are_orthonormal_everywhere(heart, request):
    mesh = request.getfixturevalue(heart)
    frames = rule_based(mesh, points=FOUR)
    assert frames.shape == (len(mesh.tets), 4, 3, 3)
    assert_frames(frames)


def test_helix_on_the_surfaces_of_the_ellipsoid(left, left_position):
    """Measured in the exact wall of the ellipsoid, at facets of the two surfaces."""
    faces = (1 - np.eye(4)) / 3
    frames = rule_based(left, points=faces, position=left_position)
    for surface, angle, axes in (
        ("LV_endocardium", 60, (7.0, 17.0)),
        ("epicardium", -60, (10.0, 20.0)),
    ):
        on = np.isin(left.tets, left.surface(surface))
        cells = np.flatnonzero((on.sum(1) == 3) & wall_of(left))
        opposite = np.argmin(on[cells], axis=1)
        x, y, z = np.einsum("ca,cai->ic", faces[opposite], left.points[left.tets[cells]])
        normal = np.stack([x / axes[0] ** 2, y / axes[0] ** 2, z / axes[1] ** 2], 1)
        around = np.stack([-y, x, 0 * x], 1) / np.hypot(x, y)[:, None]
        up = np.cross(normal / np.linalg.norm(normal, axis=1)[:, None], around)
        fiber = frames[cells, opposite, 0]
        measured = np.arctan((fiber * up).sum(1) / (fiber * around).sum(1)) / deg
        assert_allclose(measured, angle, atol=3)


def test_helix_is_linear_in_depth(left, left_position):
    frames = rule_based(left, angles=HelixAngles((80 * deg, -50 * deg)), position=left_position)
    helix = helix_angle(frames, left, position=left_position)[:, 0] / deg
    depth = left_position.transmural[left.tets].mean(1)
    error = (helix - (80 - 130 * depth))[wall_of(left)]
    assert np.abs(error).max() < 2
    assert np.sqrt(np.mean(error**2)) < 0.5


def test_sheet_is_across_the_wall(left):
    """Row s follows the normal of the ellipsoid, outwards."""
    frames = rule_based(left)[:, 0]
    exact = ellipsoid_rule(centers(left))
    cosine = (frames[:, 1] * exact[:, 1]).sum(1)[wall_of(left)]
    assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 3


def test_ellipsoid_fibers_agree_but_for_the_definition_of_depth(left):
    """Laplace depth against the ellipsoid parameter: a few degrees, the same sense."""
    frames = rule_based(left)
    exact = ellipsoid_rule(centers(left), endocardium=60 * deg, epicardium=-60 * deg)
    cosine = np.abs((frames[:, 0, 0] * exact[:, 0]).sum(1))[wall_of(left)]
    angle = np.degrees(np.arccos(cosine.clip(-1, 1)))
    assert angle.max() < 10
    assert np.sqrt(np.mean(angle**2)) < 5.5


@pytest.mark.parametrize("change", [moved, renumbered])
def test_motion_and_numbering_turn_fibers_along(pair, pair_position, change):
    turn = ROTATION if change is moved else np.eye(3)
    here = lines(rule_based(pair, position=pair_position))
    there = lines(rule_based(change(pair)))
    assert_allclose(there, turn @ here @ turn.T, atol=1e-6)


def test_mirror_flips_the_helix(pair, pair_position):
    """The mirrored heart gets the same angles, so in the mirror they have the other sign."""
    mirror = np.diag([-1.0, 1, 1])
    there = lines(rule_based(mirrored(pair)))
    flipped = rule_based(pair, angles=HelixAngles((-60 * deg, 60 * deg)), position=pair_position)
    assert_allclose(there, mirror @ lines(flipped) @ mirror, atol=1e-6)
    own = lines(rule_based(pair, position=pair_position))
    assert np.abs(there - mirror @ own @ mirror).max() > 0.5


def test_helix_crosses_the_septum_in_one_sweep(pair, pair_position):
    """From +60 on the left to -60 on the right side, seen from the left, and linear between."""
    where = pair_position
    frames = rule_based(pair, points=FOUR, position=where)
    helix = helix_angle(frames, pair, points=FOUR, position=where) / deg
    height, angle = where.axis.height(centers(pair)), where.axis.angle(centers(pair))
    outer = where.outer[pair.tets].max(1)
    septal = (np.abs(angle) < 0.7) & (height > 0.3) & (height < 0.8) & (outer < 0.05)
    septal[pair.region("RV")] = False
    assert septal.sum() > 100
    depth = (where.transmural[pair.tets] @ FOUR.T)[septal]
    error = helix[septal] - (60 - 120 * depth)
    assert np.abs(error).max() < 12
    slope = np.polyfit(depth.ravel(), helix[septal].ravel(), 1)[0]
    assert slope == pytest.approx(-120, rel=0.03)


def test_right_free_wall_has_a_right_handed_endocardium(pair, pair_position):
    frames = rule_based(pair, points=FOUR, position=pair_position)
    helix = helix_angle(frames, pair, points=FOUR, position=pair_position) / deg
    axis = pair_position.axis
    height, angle = axis.height(centers(pair)), axis.angle(centers(pair))
    free = np.zeros(len(pair.tets), bool)
    free[pair.region("RV")] = True
    free &= (np.abs(angle) < 0.7) & (height > 0.5) & (height < 0.9)
    depth = (pair_position.outer[pair.tets] @ FOUR.T)[free]
    slope, inner = np.polyfit(depth.ravel(), helix[free].ravel(), 1)
    assert inner == pytest.approx(60, abs=12)
    assert slope == pytest.approx(-120, rel=0.2)


def test_zero_angles_are_circumferential(left, left_position):
    """An angle of zero is an angle, not an absent one."""
    frames = rule_based(left, angles=HelixAngles((0.0, 0.0)), position=left_position)
    climb = frames[:, 0, 0, 2][wall_of(left)]
    assert np.abs(climb).max() < 0.05


def test_blend_ends_and_middle():
    rng = np.random.default_rng(5)
    start, end = (np.linalg.qr(rng.standard_normal((50, 3, 3)))[0] for _ in range(2))
    start *= np.sign(np.linalg.det(start))[:, None, None]
    end *= np.sign(np.linalg.det(end))[:, None, None]
    for share, frames in ((0.0, start), (1.0, end)):
        assert_allclose(lines(blend(start, end, np.full(50, share))), lines(frames), atol=1e-12)
    assert_frames(blend(start, end, np.full(50, 0.3)))


def test_blend_turns_steadily_the_short_way():
    def frame(angle):
        c, s = np.cos(angle * deg), np.sin(angle * deg)
        return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])

    for end, third in ((60, 20), (-60, -20), (120, -20), (180, 0)):
        turned = blend(frame(0), frame(end), np.array(1 / 3))
        assert_allclose(lines(turned), lines(frame(third)), atol=1e-12)


def test_ellipsoid_rule_is_the_benchmark_field():
    """The formula of the paper, from its parameters (t, u, v)."""
    rng = np.random.default_rng(0)
    t, v = rng.uniform(0, 1, 200), rng.uniform(-np.pi, np.pi, 200)
    u = rng.uniform(-np.pi, -0.4 * np.pi, 200)
    rs, rl = 7 + 3 * t, 17 + 3 * t
    zero = np.zeros(200)
    x = np.stack([rs * np.sin(u) * np.cos(v), rs * np.sin(u) * np.sin(v), rl * np.cos(u)], 1)
    du = np.stack([rs * np.cos(u) * np.cos(v), rs * np.cos(u) * np.sin(v), -rl * np.sin(u)], 1)
    dv = np.stack([-rs * np.sin(u) * np.sin(v), rs * np.sin(u) * np.cos(v), zero], 1)
    du /= np.linalg.norm(du, axis=1)[:, None]
    dv /= np.linalg.norm(dv, axis=1)[:, None]
    alpha = (90 - 180 * t)[:, None] * deg
    frames = ellipsoid_rule(x)
    assert_frames(frames)
    assert_allclose(frames[:, 0], du * np.sin(alpha) + dv * np.cos(alpha), atol=1e-10)


def test_ellipsoid_rule_is_finite_on_the_axis():
    assert_frames(ellipsoid_rule(np.array([[[0, 0, -17.0], [0, 0, -18.5], [0, 0, -20.0]]])))
    with pytest.raises(MeshError, match="0 < inner < outer"):
        ellipsoid_rule(np.zeros((1, 3)), inner=(10.0, 17.0))


def test_coarse_walls_of_one_cell_work():
    """Cells with all nodes on one surface have no gradient of their own."""
    mesh = biventricle(12.0)
    assert_frames(rule_based(mesh, points=FOUR))


@pytest.mark.slow
def test_fibers_of_an_imaged_heart(shared_meshes):
    from heartsim.mesh.fourchamber import read_four_chamber

    path = shared_meshes / "rodero-01" / "rodero_01_fullheart_2.0mm.vtu"
    if not path.exists():
        pytest.skip("no rodero-01 beside this checkout")
    mesh = read_four_chamber(path)
    where = coordinates(mesh)
    frames = rule_based(mesh, position=where)
    assert_frames(frames)
    helix = helix_angle(frames, mesh, position=where)[:, 0] / deg
    height = where.axis.height(centers(mesh))
    left = np.ones(len(mesh.tets), bool)
    left[mesh.region("RV")] = False
    error = helix - (60 - 120 * where.transmural[mesh.tets].mean(1))
    body = left & (height > 0.2) & (height < 0.7)
    assert np.median(np.abs(error[body])) < 6
