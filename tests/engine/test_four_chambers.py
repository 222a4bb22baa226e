"""Four chambers of muscle around one circulation: who is there, who pulls when, and the kick."""

import jax.numpy as jnp
import numpy as np
import pytest

from heartsim import creep, equilibrium
from heartsim.beat import begin, march
from heartsim.build import ARTERY, ATRIAL_AUGMENTATION, COLLAGEN, RING, anatomy, heart_on
from heartsim.chamberwalls import held_share
from heartsim.circulation import blood_volume
from heartsim.errors import MeshError
from heartsim.heart import cavity_volumes
from heartsim.loop import first_blood
from heartsim.mesh.fourchamber import read_four_chamber
from heartsim.mesh.heartmesh import ATRIA, GREAT_VESSELS
from heartsim.mesh.parts import in_ventricles
from heartsim.patient import load_mesh
from heartsim.procedures.rhythm import SetDelay
from heartsim.scenario import Scenario
from heartsim.units import mmHg
from tests.mesh.block_heart import EDGE, VOLUMES, write_block_heart

SCENARIO = Scenario.from_dict(
    {"patient": {"mesh": "blocks", "chambers": "all", "element": "P1P1", "imaged_at": "unloaded"}}
)
STEP, UNTIL = 10.0, 100.0
"""[ms]: the atria have contracted, the ventricles wait for the delay."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = write_block_heart(tmp_path_factory.mktemp("blocks"))
    return anatomy(read_four_chamber(path, chambers="all"), SCENARIO)


@pytest.fixture(scope="module")
def heart(built):
    return heart_on(built, built.mesh.points, SCENARIO)


@pytest.mark.parametrize(
    ("chambers", "cavities"), [("ventricles", {"LV", "RV"}), ("all", {"LV", "RV", "LA", "RA"})]
)
def test_scenario_chooses_the_chambers(chambers, cavities, tmp_path):
    patient = {"mesh": str(write_block_heart(tmp_path)), "chambers": chambers}
    assert set(load_mesh(Scenario.from_dict({"patient": patient})).cavities) == cavities


def test_all_chambers_of_two_are_refused():
    patient = {"mesh": "biventricle", "chambers": "all"}
    with pytest.raises(MeshError, match='biventricle: chambers = "all", and it has no atria'):
        load_mesh(Scenario.from_dict({"patient": patient}))


def test_every_chamber_is_a_cavity_of_its_own(built, heart):
    assert heart.chambers == ("LV", "RV", "LA", "RA")
    held = equilibrium.held_volumes(heart, equilibrium.rest(heart))
    np.testing.assert_allclose(held, [VOLUMES[name] * EDGE**3 for name in heart.chambers])


def test_strength_goes_by_wall(built, heart):
    mesh, plan = built.mesh, SCENARIO.tissue
    strength = np.asarray(heart.tissue.contractility)
    for regions, share in ((("LV", "septum"), 1.0), (("RV",), plan.right_wall)):
        for name in regions:
            np.testing.assert_allclose(strength[mesh.region(name)], share * plan.contractility)
    for name in ATRIA:
        np.testing.assert_allclose(
            strength[mesh.region(name)], plan.atrial_wall * plan.contractility
        )
    for name in GREAT_VESSELS:
        assert (strength[mesh.region(name)] == 0.0).all()
        assert (np.asarray(heart.tissue.fibrous)[mesh.region(name)] >= ARTERY).all()


def test_atria_are_held_together_by_more_than_their_fibers(built, heart):
    mesh, fibrous = built.mesh, np.asarray(heart.tissue.fibrous)
    augmentation = np.asarray(heart.solid.augmentation)
    for name in ATRIA:
        assert (fibrous[mesh.region(name)] >= SCENARIO.tissue.atrial_matrix).all()
        assert (augmentation[mesh.region(name)] == ATRIAL_AUGMENTATION).all()
    assert (augmentation[in_ventricles(mesh)] == 0.0).all()


def test_each_valve_has_one_ring(built, heart):
    """Both sides of a valve share it: collagen times section times length, spread over cells."""
    mesh = built.mesh
    plain = np.zeros(len(mesh.tets))
    for regions, modulus in ((ATRIA, SCENARIO.tissue.atrial_matrix), (GREAT_VESSELS, ARTERY)):
        for name in regions:
            plain[mesh.region(name)] = modulus
    rings = np.asarray(heart.tissue.fibrous) - plain
    wanted = 0.0
    for name in ("LV", "RV"):
        for rim in mesh.cavities[name].valves.values():
            loop = mesh.points[rim]
            wanted += np.linalg.norm(np.roll(loop, -1, axis=0) - loop, axis=1).sum()
    spread = float(np.sum(rings * np.asarray(heart.cell_volume)))
    np.testing.assert_allclose(spread, COLLAGEN * RING * wanted)


def test_atria_pull_before_the_ventricles(built, heart):
    """Just before the delay ends only atria pull; when ventricles peak the atria are at rest."""
    ventricular = in_ventricles(built.mesh)
    loop = heart.loop
    kick, systole = (heart.tension(t) for t in (0.98 * loop.av_delay, loop.av_delay + 330.0))
    atrial = np.concatenate([built.mesh.region(name) for name in ATRIA])
    assert float(kick[ventricular].max()) == 0.0
    assert float(kick[atrial].min()) > 0.0
    assert float(systole[atrial].max()) == 0.0
    assert float(systole[ventricular].min()) > 0.0


def test_a_longer_delay_moves_the_ventricles_alone(built, heart):
    later, _ = SetDelay(heart.loop.av_delay + 40.0).apply_to_heart(heart)
    moved = np.asarray(later.activation.time - heart.activation.time)
    ventricular = in_ventricles(built.mesh)
    atrial = np.concatenate([built.mesh.region(name) for name in ATRIA])
    np.testing.assert_allclose(moved[ventricular], 40.0)
    np.testing.assert_allclose(moved[atrial], 0.0)


def test_pericardium_holds_the_ventricles_more(built):
    share = held_share(built.mesh, SCENARIO.support)
    facets = built.mesh.surface("epicardium")
    loose = np.unique(
        built.mesh.tets[np.concatenate([built.mesh.region(n) for n in (*ATRIA, *GREAT_VESSELS)])]
    )
    away = ~np.isin(facets, loose).any(axis=1)
    assert away.any()
    assert (share[away] == 1.0).all()
    within = np.isin(facets, loose).all(axis=1)
    assert within.any()
    np.testing.assert_allclose(share[within], SCENARIO.support.atrial_pericardium)


@pytest.mark.slow
def test_the_kick_empties_the_atria_into_the_ventricles(built, heart):
    work = equilibrium.workspace(heart, built.nodes)
    pressure = np.array([6.0, 3.0, 6.0, 3.0]) * mmHg
    wall, work = creep.hold(work, heart, equilibrium.rest(heart), pressure)
    held = dict(zip(heart.chambers, equilibrium.held_volumes(heart, wall).tolist(), strict=True))
    moment = begin(heart, wall, first_blood(SCENARIO, held, held))
    total = float(blood_volume(heart.loop, moment.blood))
    atrium = [float(moment.blood.V_LA)]
    for level in march(work, heart, moment, step=STEP, until=UNTIL):
        work, _, moment = level
        atrium.append(float(moment.blood.V_LA))
    full = int(np.argmax(atrium))  # veins fill it until it pulls
    assert min(atrium[full:]) < 0.97 * atrium[full]
    assert float(moment.blood.V_LV) > held["LV"]
    assert abs(float(blood_volume(heart.loop, moment.blood)) / total - 1) < 1e-9
    inside = cavity_volumes(heart, moment.wall.u)
    blood = jnp.stack([moment.blood.volume(name) for name in heart.chambers])
    np.testing.assert_allclose(inside, blood, rtol=1e-4)
