"""Operations that cut, pare, hold or pace a wall: laws, receipts, doses; no solve."""

import numpy as np
import pytest

from heartsim.errors import ContractError, MeshError, ProcedureError
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.surfaces import cavity_volume, cell_volumes
from heartsim.microstructure.segments import aha_segments
from heartsim.procedures import (
    CATALOGUE,
    annuloplasty,
    batista,
    hydrogel,
    infarct,
    infarct_straps,
    on_anatomy,
    papillary_sling,
    septal_myectomy,
    support_wrap,
    transventricular_chord,
    ventricular_restoration,
)
from heartsim.procedures.contract import check_anatomy
from heartsim.procedures.edit import AnatomyEdit, Procedure
from heartsim.procedures.reshaping import RESHAPING
from heartsim.procedures.restraint import RESTRAINT
from heartsim.units import mL

ON_ANATOMY = [
    entry
    for entry in CATALOGUE.values()
    if any(isinstance(edit, AnatomyEdit) for edit in entry().edits)
]


@pytest.fixture(scope="module")
def ventricle():
    mesh = human_left_ventricle(9.0)
    return mesh.with_fields({"imaged_position": mesh.points, "aha": aha_segments(mesh)})


@pytest.fixture(scope="module")
def both():
    return biventricle(9.0)


def amounts(mesh, procedure):
    _, receipts = on_anatomy(mesh, [procedure])
    return receipts[0].as_dict()["amounts"]


def targets(procedure):
    return {target for edit in procedure.edits for target in edit.targets}


def safe(entry):
    """The entry at its defaults, but no deeper slice than a coarse septum of one cell allows."""
    return entry(depth="3 mm") if entry is septal_myectomy else entry()


@pytest.mark.parametrize("entry", ON_ANATOMY, ids=lambda entry: entry.name)
def test_anatomy_edits_obey_the_laws_of_composition(entry, both):
    procedure = safe(entry)
    if entry is infarct_straps:
        both, _ = on_anatomy(both, [infarct()])
    others = [support_wrap(), batista(width="20 mm"), infarct(fraction="10 %")]
    # a cut beside another one is one cut
    cuts = any(target.startswith("cut:") for target in targets(procedure))
    free = [
        o for o in others if not targets(o) & targets(procedure) and not (cuts and o in others[1:2])
    ]
    check_anatomy(procedure, both, others=free)


def test_contract_refuses_an_edit_that_depends_on_what_came_before(ventricle):
    class Shrinks(AnatomyEdit):
        targets = ("shape:all",)

        def apply_to_mesh(self, mesh):
            return mesh.with_points(mesh.points * (1 + 1e-3 * len(mesh.cables))), None

    from heartsim.procedures.edit import Receipt

    class Told(Shrinks):
        def apply_to_mesh(self, mesh):
            return super().apply_to_mesh(mesh)[0], Receipt("shrank", "shape:all")

    with pytest.raises(ContractError, match="commutes with support_wrap"):
        check_anatomy(Procedure("shrink", "", (Told(),)), ventricle, others=[support_wrap()])


def test_receipts_say_what_the_mesh_lost(ventricle):
    before = cell_volumes(ventricle.points, ventricle.tets).sum()
    for procedure in (
        ventricular_restoration(segment="17", excluded="15 %"),
        batista(width="40 mm"),
        septal_myectomy(depth="3 mm"),
    ):
        mesh, receipts = on_anatomy(ventricle, [procedure])
        lost = (before - cell_volumes(mesh.points, mesh.tets).sum()) / mL
        told = receipts[0].as_dict()["amounts"]["removed_mL"]
        assert lost == pytest.approx(told, rel=1e-6)
        assert lost > 0.5


@pytest.mark.parametrize(
    ("operation", "dose", "values"),
    [
        (ventricular_restoration, "excluded", ("10 %", "20 %", "30 %")),
        (batista, "width", ("20 mm", "35 mm", "50 mm")),
        (septal_myectomy, "depth", ("1 mm", "2 mm", "3 mm")),
        (septal_myectomy, "length", ("25 mm", "40 mm", "60 mm")),
    ],
)
def test_a_larger_dose_takes_more(operation, dose, values, ventricle):
    base = {"depth": "2 mm"} if operation is septal_myectomy else {}
    taken = [amounts(ventricle, operation(**{**base, dose: v}))["removed_mL"] for v in values]
    assert taken == sorted(set(taken))


def test_no_depth_is_no_myectomy(ventricle):
    mesh, _ = on_anatomy(ventricle, [septal_myectomy(depth="0 mm")])
    np.testing.assert_array_equal(mesh.points, ventricle.points)


def test_myectomy_widens_the_cavity_by_what_it_takes(ventricle):
    mesh, receipts = on_anatomy(ventricle, [septal_myectomy(depth="3 mm")])
    gained = cavity_volume(mesh.points, mesh.cavities["LV"])
    gained -= cavity_volume(ventricle.points, ventricle.cavities["LV"])
    assert gained / mL == pytest.approx(receipts[0].as_dict()["amounts"]["removed_mL"], rel=1e-6)
    for name, loop in ventricle.cavities["LV"].rims.items():
        np.testing.assert_array_equal(
            mesh.points[mesh.cavities["LV"].rims[name]], ventricle.points[loop]
        )


def test_a_slice_thicker_than_the_septum_is_refused(ventricle):
    with pytest.raises(ProcedureError, match="Pare less"):
        on_anatomy(ventricle, [septal_myectomy(depth="15 mm")])


def test_two_cuts_that_meet_are_refused(both):
    with pytest.raises(MeshError, match="patch and wedge meet"):
        on_anatomy(both, [ventricular_restoration(segment="13"), batista(width="50 mm")])


def test_two_cuts_are_sewn_each_by_its_own_strands(ventricle):
    apex = ventricular_restoration(segment="17", excluded="8 %")
    mesh, _ = on_anatomy(ventricle, [apex, batista(width="20 mm")])
    assert set(mesh.cables) == {"patch", "wedge"}
    assert not np.intersect1d(mesh.cables["patch"], mesh.cables["wedge"]).size


def test_chord_and_sling_cross_the_cavity(ventricle):
    for procedure, surface in (
        (transventricular_chord(), "epicardium"),
        (papillary_sling(), "LV_endocardium"),
    ):
        mesh, receipts = on_anatomy(ventricle, [procedure])
        (strands,) = mesh.cables.values()
        assert np.isin(strands, mesh.surface(surface)).all()
        span = mesh.points[strands[:, 1]] - mesh.points[strands[:, 0]]
        length = np.linalg.norm(span, axis=1)
        assert np.all((length > 25) & (length < 75))
        assert len(np.unique(strands)) == strands.size
        assert receipts[0].as_dict()["amounts"]["strands"] == 3


def test_a_ring_on_a_common_opening_is_a_loop_on_the_side_of_the_free_wall(both):
    for valve, chamber in (("mitral", "LV"), ("tricuspid", "RV")):
        mesh, _ = on_anatomy(both, [annuloplasty(valve=valve)])
        strands = mesh.cables[f"ring {valve}"]
        rim = mesh.cavities[chamber].rims["base"]
        np.testing.assert_array_equal(np.roll(strands[:, 1], 1), strands[:, 0])
        assert np.isin(strands, rim).all()
        assert 4 <= len(strands) < len(rim)
        other = mesh.points[np.setdiff1d(rim, strands)].mean(axis=0)
        own = mesh.points[strands[:, 0]].mean(axis=0)
        # the septum lies between the two chambers, at x > 0 of the left and left of the right one
        assert (own[0] < other[0]) == (chamber == "LV")


def test_a_ring_takes_the_whole_rim_of_a_valve_of_its_own(both):
    chamber = both.cavities["LV"]
    from dataclasses import replace

    named = replace(chamber, rims={"mitral": chamber.rims["base"]})
    mesh, _ = on_anatomy(replace(both, cavities={**both.cavities, "LV": named}), [annuloplasty()])
    assert len(mesh.cables["ring mitral"]) == len(chamber.rims["base"])


def test_the_net_has_every_edge_of_the_epicardium_once(ventricle):
    mesh, _ = on_anatomy(ventricle, [support_wrap()])
    facets = mesh.surface("epicardium")
    rim = len(mesh.cavities["LV"].rims["base"])
    assert len(mesh.cables["wrap"]) == (3 * len(facets) + rim) // 2


def test_straps_run_along_the_long_axis_on_the_infarct(ventricle):
    scarred, _ = on_anatomy(ventricle, [infarct(segment="8")])
    mesh, _ = on_anatomy(scarred, [infarct_straps()])
    ends = mesh.points[mesh.cables["straps"]]
    way, middle = ends[:, 1] - ends[:, 0], ends.mean(axis=1)
    # the axis of the ellipsoid is z
    around = np.column_stack([-middle[:, 1], middle[:, 0], 0 * middle[:, 0]])
    across = np.abs((way * around).sum(axis=1))
    size = np.linalg.norm(way, axis=1) * np.linalg.norm(around, axis=1)
    assert len(ends) > 5
    assert np.all(across <= 0.55 * size)
    assert np.isin(mesh.cables["straps"], mesh.tets[mesh.regions["infarct"]]).all()


def test_straps_without_an_infarct_are_refused(ventricle):
    with pytest.raises(ProcedureError, match=r"'infarct' is not a region.*infarct mark"):
        on_anatomy(ventricle, [infarct_straps()])


def test_every_new_entry_says_where_its_numbers_come_from():
    for entry in (*RESHAPING, *RESTRAINT):
        assert entry.source
        assert entry.expected
        assert len(entry.limits) > 60


def test_gel_keeps_all_muscle_and_thickens_the_wall():
    import stand_in

    from heartsim.procedures import on_heart

    heart = stand_in.adult()
    after, receipts = on_heart(heart, [hydrogel(points="3", volume="0.1 mL")])
    volume = np.asarray(heart.cell_volume)
    swollen = np.asarray(after.solid.swelling)
    gel = volume @ (swollen - 1) / mL
    assert gel == pytest.approx(0.3)
    assert receipts[0].as_dict()["amounts"]["gel_mL"] == pytest.approx(0.3)
    core = slice(0, 2)
    pull = np.asarray(after.tissue.contractility) * swollen
    np.testing.assert_allclose(pull[core], np.asarray(heart.tissue.contractility)[core], rtol=0.05)
