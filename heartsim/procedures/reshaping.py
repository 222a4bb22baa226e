"""Operations that take tissue away: ventricular restoration, aneurysmectomy, Batista, myectomy."""

from collections.abc import Mapping
from typing import Final

from heartsim.procedures.cabling import Tighten
from heartsim.procedures.circuit import SetBand
from heartsim.procedures.cutting import CutOutPatch, CutOutWedge, PareSeptum
from heartsim.procedures.edit import Edit
from heartsim.procedures.operation import Operation, Parameter, Value, number

_SUTURE: Final = Parameter(
    "tension per gap of each suture", "1 N/mm", "stiffness", ("0.05 N/mm", "20 N/mm")
)

_SEGMENT: Final = Parameter(
    "AHA segment in whose middle the piece is centered", "13", "number", ("1", "17")
)

_LIMITS: Final = (
    "sutures join nodes of the mesh, so a seam is as straight as the mesh is fine; no contact "
    "between the edges, no bites of tissue, papillary muscles and leaflets are not there to move; "
    "the activation of what is left is unchanged; acute, without remodeling"
)


def _restoration(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    excluded, size = number(values, "excluded"), number(values, "patch")
    return (
        CutOutPatch("patch", round(number(values, "segment")), excluded, "patch"),
        Tighten("patch", number(values, "stiffness"), share=size**0.5),
    )


def _aneurysmectomy(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    fraction, segment = number(values, "excluded"), round(number(values, "segment"))
    return (
        CutOutPatch("seam", segment, fraction, "seam"),
        Tighten("seam", number(values, "suture"), each=0.0),
    )


def _batista(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    return (
        CutOutWedge("wedge", number(values, "width")),
        Tighten("wedge", number(values, "suture"), each=0.0),
    )


def _myectomy(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    pared = PareSeptum(*(number(values, name) for name in ("depth", "length", "width")))
    return pared, SetBand("aortic", number(values, "outlet") ** -2, "at most")


ventricular_restoration: Final = Operation(
    name="ventricular_restoration",
    title="Surgical ventricular restoration (Dor, endoventricular patch)",
    kind="operation",
    indication="anterior scar, LVESV index above 60 to 80 mL/m2, EF at most 35 %",
    changes="cuts a piece around the middle of a segment out of the left ventricle; the edge that "
    "is left is drawn to the hem of a patch, which closes the cavity",
    parameters={
        "segment": _SEGMENT,
        "excluded": Parameter(
            "share of the left ventricular wall that is excluded",
            "20 %",
            "number",
            ("3 %", "45 %"),
            ("10 %", "35 %"),
        ),
        "patch": Parameter(
            "area of the patch over that of the opening",
            "25 %",
            "number",
            ("10 %", "100 %"),
            ("20 %", "60 %"),
        ),
        "stiffness": Parameter(
            "of each strand of the patch", "0.5 N/mm", "stiffness", ("0.05 N/mm", "20 N/mm")
        ),
    },
    limits=f"{_LIMITS}; the excluded wall is taken away, not folded over the patch; the patch is a "
    "hem and cloth of strands, its bulge between them is flat",
    expected="LVESV index -19 % against -6 % by bypass alone; peak fiber stress -50 %; the "
    "Starling "
    "curve usually falls; residual stress takes another 8 to 11 % of the volumes",
    source="STICH (doi:10.1056/NEJMoa0900559); Lee 2013 (PMC3727014); Pantoja 2015 (Ann Thorac "
    "Surg "
    "100:2198)",
    build=_restoration,
)

aneurysmectomy: Final = Operation(
    name="aneurysmectomy",
    title="Linear aneurysmectomy",
    kind="operation",
    indication="discrete dyskinetic aneurysm",
    changes="cuts a piece around the middle of a segment out of the left ventricle and sews its "
    "edges to each other, inside and outside, along its longest way",
    parameters={
        "segment": _SEGMENT,
        "excluded": Parameter(
            "share of the left ventricular wall that is taken out",
            "10 %",
            "number",
            ("3 %", "35 %"),
            ("5 %", "25 %"),
        ),
        "suture": _SUTURE,
    },
    limits=f"{_LIMITS}; the coronary artery beside the seam is not seen",
    expected="EF rises; stroke volume about as before if the wall that goes bulged (textbook)",
    source="Pantoja 2015 (Ann Thorac Surg 100:2198) for sutures as contracting strands",
    build=_aneurysmectomy,
)

batista: Final = Operation(
    name="batista",
    title="Partial left ventriculectomy (Batista)",
    kind="operation",
    indication="historic, for dilated cardiomyopathy; kept to teach",
    changes="cuts a wedge out of the free wall between the papillary muscles and sews the edges to "
    "each other, inside and outside",
    parameters={
        "width": Parameter(
            "greatest width of the wedge", "30 mm", "length", ("10 mm", "70 mm"), ("15 mm", "50 mm")
        ),
        "suture": _SUTURE,
    },
    limits=_LIMITS,
    expected="end-systolic elastance 0.52 to 1.47 mmHg/mL two weeks later; in theory the diastolic "
    "curve shifts left as much as the systolic one and stroke volume does not gain",
    source="Popovic 2000 (Heart 83:316); theory: J Card Surg 2001;16:24 (PMID 11713853)",
    build=_batista,
)

outflow_obstruction: Final = Operation(
    name="outflow_obstruction",
    title="Obstruction of the left ventricular outflow tract",
    kind="condition",
    indication="disease of the baseline patient: hypertrophic obstructive cardiomyopathy",
    changes="a fixed narrowing in series with the aortic valve",
    parameters={
        "outlet": Parameter(
            "effective area of the outflow tract",
            "0.9 cm2",
            "area",
            ("0.3 cm2", "8 cm2"),
            ("0.5 cm2", "3 cm2"),
        ),
    },
    limits="fixed: in patients it narrows in the course of systole, with contractility and with an "
    "empty ventricle; no systolic anterior motion, no mitral leak; the septum is the mesh's",
    expected="gradient 61 +/- 44 mmHg at rest in 2 268 patients before myectomy",
    source="Nguyen and coworkers, myectomy in 2 268 patients (PMC7955478)",
    build=lambda v: (SetBand("aortic", number(v, "outlet") ** -2),),
)

septal_myectomy: Final = Operation(
    name="septal_myectomy",
    title="Septal myectomy",
    kind="operation",
    indication="hypertrophic obstructive cardiomyopathy, gradient at least 50 mmHg",
    changes="pares the left side of the basal septum and widens the outflow tract; a wider one "
    "stays",
    parameters={
        "depth": Parameter(
            "greatest depth", "5 mm", "length", ("0 mm", "15 mm"), ("3 mm", "12 mm")
        ),
        "length": Parameter(
            "from the base towards the apex",
            "40 mm",
            "length",
            ("15 mm", "70 mm"),
            ("20 mm", "60 mm"),
        ),
        "width": Parameter(
            "round the septum", "35 mm", "length", ("10 mm", "60 mm"), ("15 mm", "45 mm")
        ),
        "outlet": Parameter(
            "effective area of the outflow tract afterwards",
            "5.5 cm2",
            "area",
            ("0.5 cm2", "8 cm2"),
            ("2 cm2", "7 cm2"),
        ),
    },
    limits="how wide the outflow tract gets is a dose, it does not follow from the depth; at "
    "least a third of every cell must remain, so a thin septum on a coarse mesh allows little; no "
    "bundle branch block unless left_bundle_block says so",
    expected="gradient 83 to 12 mmHg, left atrial pressure 20 to 12; septum 23 to 13 mm, area 2.2 "
    "to 5.5 cm2",
    source="twelve patients studied in diastole around myectomy; areas: Circulation 1984",
    build=_myectomy,
)

RESHAPING: Final = (
    ventricular_restoration,
    aneurysmectomy,
    batista,
    outflow_obstruction,
    septal_myectomy,
)
"""Conditions and operations that change the shape of the wall."""
