"""Operations that hold the heart: wraps, chords through it, slings, the pericardium of a wall."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, final

from heartsim.errors import ProcedureError
from heartsim.procedures.cabling import (
    ANTERIOR_PAD,
    ANTEROLATERAL,
    POSTERIOR_PAD,
    POSTEROMEDIAL,
    STRANDS,
    LayChord,
    LayNet,
    LayStraps,
    Tighten,
)
from heartsim.procedures.circuit import SetValve
from heartsim.procedures.edit import Dose, Edit, HeartEdit, Receipt
from heartsim.procedures.operation import Operation, Parameter, Value, number
from heartsim.units import kPa, mm

if TYPE_CHECKING:
    from heartsim.heart import Heart

_LATTICE: Final = 3**0.5 / 2
"""Stiffness of a strand over that of the cloth, in a net of equilateral triangles."""


@final
@dataclass(frozen=True)
class ScalePericardium(HeartEdit):
    """Scale the springs that hold the epicardium of a wall.

    Attributes
    ----------
    factor : float
        0 is a heart without pericardium, 1 leaves it as it is.
    """

    factor: Dose

    @property
    def targets(self) -> tuple[str, ...]:
        """The springs."""
        return ("support:pericardium",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with other springs on its epicardium.

        Raises
        ------
        ProcedureError
            If the heart has no wall.
        """
        if not heart.chambers:
            raise ProcedureError(
                "a 0D heart has no epicardium. Use pericardial_constriction and pericardiectomy, "
                "which change the sac around its four chambers."
            )
        held, *others = heart.supports
        stiff = held.normal_stiffness * self.factor
        damped = held.normal_damping * self.factor
        changed = replace(held, normal_stiffness=stiff, normal_damping=damped)
        receipt = Receipt(
            action="changed the pericardium",
            target="support:pericardium",
            amounts={
                "stiffness_before_kPa_per_mm": held.normal_stiffness.mean() / (kPa / mm),
                "stiffness_after_kPa_per_mm": stiff.mean() / (kPa / mm),
            },
        )
        return replace(heart, supports=(changed, *others)), receipt


def _wrap(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    strand = _LATTICE * number(values, "stiffness")
    return LayNet("wrap"), Tighten("wrap", strand, share=number(values, "fit"))


def _chord(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    strand = number(values, "stiffness") / STRANDS
    left = 1 - number(values, "shortening")
    return (
        LayChord("chord", "epicardium", (ANTERIOR_PAD, POSTERIOR_PAD)),
        Tighten("chord", strand, share=left),
        SetValve("mitral", leak=number(values, "residual_leak"), bound="at most"),
    )


def _sling(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    strand = number(values, "stiffness") / STRANDS
    return (
        LayChord("sling", "LV_endocardium", (ANTEROLATERAL, POSTEROMEDIAL)),
        Tighten("sling", strand, each=number(values, "distance")),
        SetValve("mitral", leak=number(values, "residual_leak"), bound="at most"),
    )


def _straps(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    laid = LayStraps("straps", str(values["region"]))
    return laid, Tighten("straps", number(values, "stiffness"), share=number(values, "fit"))


_PULL: Final = Parameter(
    "tension per elongation",
    "5 N/mm",
    "stiffness",
    ("0 N/mm", "50 N/mm"),
    ("0.5 N/mm", "20 N/mm"),
)
_LEAK: Final = Parameter(
    "mitral leak that remains", "0 cm2", "area", ("0 cm2", "0.5 cm2"), ("0 cm2", "0.2 cm2")
)

support_wrap: Final = Operation(
    name="support_wrap",
    title="Cardiac support device (wrap)",
    kind="operation",
    indication="dilated cardiomyopathy",
    changes="a net of strands that only pull, around both ventricles, fitted to the imaged shape",
    parameters={
        "fit": Parameter(
            "circumference of the net over that of the imaged heart",
            "97.5 %",
            "number",
            ("85 %", "110 %"),
            ("92 %", "105 %"),
        ),
        "stiffness": Parameter(
            "of the cloth: force per width and strain",
            "200 N/m",
            "stiffness",
            ("0 N/m", "5000 N/m"),
            ("50 N/m", "1000 N/m"),
        ),
    },
    limits="grown to the epicardium: no sliding, no friction; equal in all directions of the "
    "cloth, "
    "no pile that the fabric uses up first; no ingrowth, no remodeling",
    expected="2.3 mmHg on the heart: stroke volume -10 %, fiber stress at end-diastole -18 % "
    "inside "
    "and -14 % outside; diastolic curve to the left, systolic one unchanged; trial: LVEDV -19 mL, "
    "LVESV -16 mL",
    source="finite-element study PMC2844501; Acorn (Ann Thorac Surg 2007, S0003-4975(07)00893-4); "
    "strands as cloth: Seung and Nelson 1988 (doi:10.1103/PhysRevA.38.1005)",
    build=_wrap,
)

infarct_straps: Final = Operation(
    name="infarct_straps",
    title="Straps along the long axis on an infarct",
    kind="operation",
    indication="large infarct, as a trial therapy",
    changes="strands that only pull, on the outside of the region, along the long axis: the scar "
    "is stiff that way and as soft as before around the heart",
    parameters={
        "region": Parameter("region of the heart that is scar", "infarct"),
        "fit": Parameter(
            "length of the straps over that in the imaged shape",
            "95 %",
            "number",
            ("80 %", "110 %"),
            ("90 %", "100 %"),
        ),
        "stiffness": Parameter(
            "tension per elongation of each strand",
            "5 N/mm",
            "stiffness",
            ("0 N/mm", "50 N/mm"),
            ("0.5 N/mm", "20 N/mm"),
        ),
    },
    limits="strands are edges of the mesh within 30 degrees of the long axis; sewn to every node, "
    "no sliding; no healing or shrinking of the scar under them, which undid the gain in dogs",
    expected="stroke volume gains by filling, not by contractility; stiffening equal in all "
    "directions leaves it nearly as it was",
    source="finite-element study of a dog heart, Fomovsky 2011 (PMC3328213)",
    build=_straps,
)

transventricular_chord: Final = Operation(
    name="transventricular_chord",
    title="Chord through the left ventricle (Coapsys, Myosplint)",
    kind="operation",
    indication="ischemic mitral regurgitation",
    changes="a chord between pads on the outside of the wall, anterior and posterior, shorter than "
    "their distance; the mitral leak becomes what remains, no more than there was",
    parameters={
        "shortening": Parameter(
            "by how much it is shorter than the distance of its pads in the imaged shape",
            "15 %",
            "number",
            ("0 %", "40 %"),
            ("5 %", "30 %"),
        ),
        "stiffness": _PULL,
        "residual_leak": _LEAK,
    },
    limits="the leak that remains is a dose, it does not follow from the shape; pads are three "
    "nodes "
    "of the mesh each; the chord hangs free in the blood",
    expected="both pressure-volume relations shift left, pump function unchanged, fiber stress "
    "falls "
    "at end-diastole and end-systole",
    source="Carrick 2012 (PMC3470864)",
    build=_chord,
)

papillary_sling: Final = Operation(
    name="papillary_sling",
    title="Papillary muscle approximation (sling)",
    kind="operation",
    indication="functional mitral regurgitation with displaced papillary muscles",
    changes="a band inside the left ventricle between the bases of the papillary muscles; the "
    "mitral leak becomes what remains, no more than there was",
    parameters={
        "distance": Parameter(
            "length of the band: distance of the bases",
            "25 mm",
            "length",
            ("5 mm", "60 mm"),
            ("10 mm", "35 mm"),
        ),
        "stiffness": _PULL,
        "residual_leak": _LEAK,
    },
    limits="meshes have no papillary muscles: the band holds the wall where they stand, midway up, "
    "anterolateral and posteromedial; the leak that remains is a dose",
    expected="LV size, tethering and leak fall, EF unchanged; tips 10 to 25 mm apart afterwards",
    source="Minakata 2013 (scirp 29178)",
    build=_sling,
)

pericardial_stiffening: Final = Operation(
    name="pericardial_stiffening",
    title="Stiff pericardium around a wall",
    kind="condition",
    indication="disease of the baseline patient: constriction of a 3D heart",
    changes="springs on the epicardium get stiffer",
    parameters={
        "factor": Parameter(
            "stiffness over that of the patient's [support]",
            "5",
            "number",
            ("1", "100"),
            ("1", "20"),
        ),
    },
    limits="springs hold the unloaded shape, they do not share one volume between the chambers; "
    "the "
    "0D atria are free; no breathing",
    expected="left and right end-diastolic pressures rise and come within 5 mmHg (textbook)",
    source="six patients catheterized around pericardiectomy",
    build=lambda v: (ScalePericardium(number(v, "factor")),),
)

pericardial_stripping: Final = Operation(
    name="pericardial_stripping",
    title="Pericardiectomy of a wall",
    kind="operation",
    indication="constrictive pericarditis; opened pericardium after any operation",
    changes="springs on the epicardium get softer or go",
    parameters={
        "extent": Parameter("share that is taken away", "100 %", "number", ("0 %", "100 %")),
    },
    limits="everywhere alike, no anterior or diaphragmatic part alone; the fall of pressures is "
    "immediate here, in six patients it took 2 to 5 months",
    expected="rats with pulmonary hypertension: pressures and volumes change by less than 25 %, "
    "local motion by more than 100 %",
    source="Front Physiol 2022.878861",
    build=lambda v: (ScalePericardium(1 - number(v, "extent")),),
)

RESTRAINT: Final = (
    support_wrap,
    infarct_straps,
    transventricular_chord,
    papillary_sling,
    pericardial_stiffening,
    pericardial_stripping,
)
"""Conditions and operations that hold the wall."""
