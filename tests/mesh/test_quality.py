from dataclasses import replace

import numpy as np
import pytest

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import Cavity
from heartsim.mesh.quality import (
    dihedral_angles,
    examine,
    radius_ratios,
    report,
    require_usable,
)

REGULAR = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)


def test_regular_tetrahedron_is_the_best():
    tets = np.array([[0, 2, 1, 3]])
    assert radius_ratios(REGULAR, tets) == pytest.approx(1)
    assert dihedral_angles(REGULAR, tets) == pytest.approx(np.arccos(1 / 3))


def with_inverted(heart):
    tets = heart.tets.copy()
    tets[7] = tets[7, [0, 1, 3, 2]]
    return replace(heart, tets=tets)


def with_all_inverted(heart):
    return replace(heart, tets=heart.tets[:, [0, 1, 3, 2]])


def with_nan(heart):
    points = heart.points.copy()
    points[3, 1] = np.nan
    return heart.with_points(points)


def with_lost_node(heart):
    tets = heart.tets.copy()
    tets[2, 0] = 10**6
    return replace(heart, tets=tets)


def with_repeated_node(heart):
    tets = heart.tets.copy()
    tets[4, 1] = tets[4, 0]
    return replace(heart, tets=tets)


def with_copy(heart):
    return replace(heart, tets=np.concatenate([heart.tets, heart.tets[:1]]))


def with_open_cavity(heart):
    cavity = heart.cavities["LV"]
    return replace(heart, cavities={"LV": Cavity(cavity.facets[1:], cavity.rims)})


def with_rimless_cavity(heart):
    return replace(heart, cavities={"LV": Cavity(heart.cavities["LV"].facets, {})})


def with_reversed_cavity(heart):
    cavity = heart.cavities["LV"]
    rims = {name: loop[::-1] for name, loop in cavity.rims.items()}
    return replace(heart, cavities={"LV": Cavity(cavity.facets[:, ::-1], rims)})


def without_cavity(heart):
    return replace(heart, cavities={})


def without_endocardium(heart):
    surfaces = {k: v for k, v in heart.surfaces.items() if k != "LV_endocardium"}
    return replace(heart, surfaces=surfaces)


def with_inward_surface(heart):
    flipped = heart.surfaces["epicardium"][:, ::-1]
    return replace(heart, surfaces={**heart.surfaces, "epicardium": flipped})


def with_overlapping_surfaces(heart):
    both = np.concatenate([heart.surfaces["base"], heart.surfaces["epicardium"][:1]])
    return replace(heart, surfaces={**heart.surfaces, "base": both})


def with_inner_triangle(heart):
    inner = np.concatenate([heart.surfaces["base"], heart.tets[:1, :3][:, [0, 0, 1]]])
    return replace(heart, surfaces={**heart.surfaces, "base": inner})


def with_empty_surface(heart):
    return replace(heart, surfaces={**heart.surfaces, "base": np.zeros((0, 3), int)})


def without_regions(heart):
    return replace(heart, regions={})


def with_shared_cells(heart):
    return replace(heart, regions={**heart.regions, "septum": np.arange(5)})


def with_unnamed_cells(heart):
    return replace(heart, regions={"LV": heart.regions["LV"][3:]})


def with_empty_region(heart):
    return heart.with_region("infarct", np.zeros(0, int))


def in_meters(heart):
    return heart.with_points(heart.points / 1000)


def in_centimeters(heart):
    return heart.with_points(heart.points / 10)


def with_placeholder_fibers(heart):
    return heart.with_fields({"fiber": np.tile([0.0, 0.0, 1.0], (len(heart.tets), 1))})


def with_long_fibers(heart):
    return heart.with_fields({"fiber": np.full((len(heart.tets), 3), 1.0)})


def without_cells(heart):
    return replace(heart, tets=np.zeros((0, 4), int))


def with_sliver(heart):
    points = heart.points.copy()
    points[heart.tets[0, 3]] = points[heart.tets[0, :3]].mean(axis=0) + 1e-4
    return heart.with_points(points)


ERRORS = {
    with_inverted: "1 (first: number 7) tetrahedra are inverted",
    with_all_inverted: "inside out",
    with_nan: "1 (first: number 3) nodes have coordinates that are not finite",
    with_lost_node: "nodes that do not exist",
    with_repeated_node: "repeat a node",
    with_copy: "come twice",
    with_open_cavity: "stays open",
    with_rimless_cavity: "rims (none)",
    with_reversed_cavity: "inside out",
    without_cavity: "no cavity 'LV'",
    without_endocardium: "LV_endocardium",
    with_inward_surface: "face inward",
    with_overlapping_surfaces: "two surfaces",
    with_inner_triangle: "not on the outer surface",
    with_empty_surface: "no triangles",
    without_regions: "Name the wall",
    with_shared_cells: "in two of",
    with_unnamed_cells: "3 (first: number 0) cells are in none",
    with_empty_region: "'infarct' has no cells",
    in_meters: "looks like m, mm is due. Multiply its coordinates by 1000",
    in_centimeters: "looks like cm",
    with_placeholder_fibers: "placeholders",
    with_long_fibers: "not unit",
    without_cells: "no tetrahedra",
}


@pytest.mark.parametrize("spoil", ERRORS, ids=lambda spoil: spoil.__name__)
def test_doctor_refuses(spoil, human_left):
    with pytest.raises(MeshError) as caught:
        require_usable(spoil(human_left))
    assert ERRORS[spoil] in str(caught.value)
    assert human_left.name in str(caught.value)


def test_doctor_refuses_a_sliver(human_left):
    messages = [finding.message for finding in examine(with_sliver(human_left))]
    assert any("slivers" in message or "inverted" in message for message in messages)


def test_doctor_warns_of_stray_nodes_and_parts(human_left):
    heart = human_left
    shifted = heart.points + np.array([200.0, 0, 0])
    count = len(heart.points)
    double = replace(
        heart,
        points=np.concatenate([heart.points, shifted, [[0.0, 0, 99]]]),
        tets=np.concatenate([heart.tets, heart.tets + count]),
        regions={"LV": np.arange(2 * len(heart.tets))},
    )
    found = examine(double)
    assert {finding.severity for finding in found} == {"warning"}
    text = " ".join(finding.message for finding in found)
    assert "2 separate parts" in text
    assert f"1 (first: number {2 * count}) nodes belong to no tetrahedron" in text
    assert "have no name" in text


def test_doctor_warns_of_unused_nan(human_left):
    heart = human_left.with_fields({"rotational": np.full(len(human_left.points), np.nan)})
    (finding,) = [found for found in examine(heart) if "rotational" in found.message]
    assert finding.severity == "warning"
    assert "'rotational' is not finite" in finding.message


def test_report_has_what_the_interface_promises(two_ventricles):
    content = report(two_ventricles)
    assert {"nodes", "tets", "unit", "cavities", "wall", "quality", "findings"} <= set(content)
    assert content["cavities"]["RV"]["volume_mL"] == pytest.approx(131, abs=3)
    assert sum(content["wall"]["regions"].values()) == pytest.approx(content["wall"]["volume_mL"])
    assert content["quality"]["inverted"] == 0


def test_report_of_a_broken_mesh_still_counts(human_left):
    content = report(with_nan(human_left))
    assert content["tets"] == len(human_left.tets)
    assert content["findings"][0]["severity"] == "error"
