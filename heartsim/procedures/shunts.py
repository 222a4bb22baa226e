"""Operations on shunts: septal defects and ductus, their closure, and holes made on purpose.

A defect is dosed by the diameter of its effective orifice; a jet narrows, so this is somewhat less
than the diameter seen on an image. A hole made on purpose is dosed by the diameter of the device or
balloon, of whose area the jet fills a part.
"""

from collections.abc import Mapping
from typing import Final

from heartsim.procedures.circuit import Bound, SetShunt
from heartsim.procedures.edit import Edit
from heartsim.procedures.operation import Build, Operation, Parameter, Value, disc, number

_LIMITS: Final = "no oxygen: mixing and cyanosis are not computed"


def _opened(hole: str, bound: Bound = "set") -> Build:
    """Edits from the diameter of a hole."""
    return lambda v: (SetShunt(hole, disc(v, "diameter"), bound),)


def closed(hole: str) -> Build:
    """Edits from the diameter of what remains of a hole, which is no larger than the hole was."""
    return lambda v: (SetShunt(hole, disc(v, "residual"), "at most"),)


def _made(values: Mapping[str, Value]) -> tuple[Edit, ...]:
    """Edits from the diameter of a device and the part of it that the jet fills."""
    area = number(values, "contraction") * disc(values, "diameter")
    return (SetShunt("atrial_shunt", area, "at least"),)


def _hole_made(default: str, stop: tuple[str, str], usual: tuple[str, str]) -> dict[str, Parameter]:
    return {
        "diameter": Parameter("diameter of the hole", default, "length", stop, usual),
        "contraction": Parameter(
            "part of the hole that the jet fills; 0.6 with a sharp edge",
            "0.6",
            "number",
            ("0.3", "1"),
            ("0.6", "0.9"),
        ),
    }


def _diameter(default: str, stop: tuple[str, str], usual: tuple[str, str]) -> dict[str, Parameter]:
    meaning = "diameter of the effective orifice"
    return {"diameter": Parameter(meaning, default, "length", stop, usual)}


def _residual(most: str) -> dict[str, Parameter]:
    meaning = "diameter of the effective orifice that remains"
    usual = ("0 mm", "2 mm")
    return {"residual": Parameter(meaning, "0 mm", "length", ("0 mm", most), usual)}


atrial_septal_defect: Final = Operation(
    name="atrial_septal_defect",
    title="Atrial septal defect",
    kind="condition",
    indication="disease of the baseline patient",
    changes="hole between the atria",
    parameters=_diameter("15 mm", ("1 mm", "35 mm"), ("5 mm", "30 mm")),
    limits=f"no enlargement of the right heart, no vascular disease of the lungs; {_LIMITS}",
    expected="pulmonary to systemic flow above 1.5, volume load of the right ventricle",
    source="closure when Qp/Qs exceeds 1.5 and PVR/SVR is below 1/3: guideline criteria",
    build=_opened("atrial_shunt"),
)

ventricular_septal_defect: Final = Operation(
    name="ventricular_septal_defect",
    title="Ventricular septal defect",
    kind="condition",
    indication="disease of the baseline patient",
    changes="hole between the ventricles",
    parameters=_diameter("7 mm", ("1 mm", "25 mm"), ("3 mm", "15 mm")),
    limits="constant through the beat: no closing by muscle; no enlargement of the left heart, no "
    f"vascular disease of the lungs; {_LIMITS}",
    expected="pulmonary to systemic flow above 1.5, volume load of the left ventricle",
    source="closure when Qp/Qs exceeds 1.5 and PVR/SVR is below 1/3: guideline criteria",
    build=_opened("ventricular_shunt"),
)

patent_ductus: Final = Operation(
    name="patent_ductus",
    title="Patent ductus arteriosus",
    kind="condition",
    indication="disease of the baseline patient",
    changes="vessel from aorta to pulmonary artery",
    parameters=_diameter("5 mm", ("1 mm", "15 mm"), ("2 mm", "10 mm")),
    limits=f"an orifice, not a long vessel; no vascular disease of the lungs; {_LIMITS}",
    expected="wide pulse pressure, low diastolic pressure, volume load of the left ventricle",
    source="textbook",
    build=_opened("ductus"),
)

asd_closure: Final = Operation(
    name="asd_closure",
    title="Closure of an atrial septal defect",
    kind="operation",
    indication="volume load of the right ventricle, pulmonary to systemic flow above 1.5",
    changes="hole between the atria: closed, but for what remains, no more than there was",
    parameters=_residual("5 mm"),
    limits="acute: the right ventricle keeps its own curves; no device in the atrium",
    expected="pulmonary to systemic flow 1; left atrial pressure rises, steeply if the left "
    "ventricle is stiff",
    source="direction and residual range: textbook",
    build=closed("atrial_shunt"),
)

vsd_closure: Final = Operation(
    name="vsd_closure",
    title="Closure of a ventricular septal defect (patch)",
    kind="operation",
    indication="pulmonary to systemic flow above 1.5; with pulmonary_debanding after a band",
    changes="hole between the ventricles: closed, but for what remains, no more than there was",
    parameters=_residual("4 mm"),
    limits="no stiff patch in the septum, no block of conduction; acute: ventricles keep their "
    "curves",
    expected="pulmonary to systemic flow 1; end-diastolic volume of the left ventricle and left "
    "atrial pressure fall",
    source="direction and residual range: textbook",
    build=closed("ventricular_shunt"),
)

ductus_ligation: Final = Operation(
    name="ductus_ligation",
    title="Ligation or plug of a ductus",
    kind="operation",
    indication="patent ductus with volume load of the left ventricle",
    changes="vessel from aorta to pulmonary artery: closed, but for what remains, no more than "
    "there was",
    parameters=_residual("3 mm"),
    limits="acute: no fall of the left ventricle's strength after closure",
    expected="pulmonary to systemic flow 1, diastolic pressure rises",
    source="direction and residual range: textbook",
    build=closed("ductus"),
)

interatrial_shunt: Final = Operation(
    name="interatrial_shunt",
    title="Interatrial shunt device",
    kind="operation",
    indication="heart failure with preserved EF, exercise wedge pressure at least 25 mmHg",
    changes="hole between the atria of a given size; a larger one stays",
    parameters=_hole_made("8 mm", ("5 mm", "10 mm"), ("5 mm", "10 mm")),
    limits=f"no exercise unless it is set; no closing by tissue; {_LIMITS}",
    expected="pulmonary to systemic flow 1.27; peak-exercise wedge 34.1 to 31.6 and venous "
    "pressure 17.5 to 20.3 mmHg; no benefit in 626 patients taken together",
    source="Wessler 2018; REDUCE LAP-HF (doi:10.1161/CIRCULATIONAHA.117.032094)",
    build=_made,
)

atrial_septostomy: Final = Operation(
    name="atrial_septostomy",
    title="Balloon atrial septostomy",
    kind="operation",
    indication="pulmonary arterial hypertension with refractory right heart failure",
    changes="hole between the atria; blood crosses from right to left; a larger one stays",
    parameters=_hole_made("8 mm", ("4 mm", "12 mm"), ("4 mm", "10 mm")),
    limits=f"risk with right atrial pressure above 20 mmHg; {_LIMITS}",
    expected="right atrial pressure -2.8 and left +1.9 mmHg, cardiac index +0.62 L/min/m2, "
    "arterial saturation -8.5 points; mean diameter 7.8 +/- 2.2 mm",
    source="meta-analysis PMC7403752",
    build=_made,
)

potts_shunt: Final = Operation(
    name="potts_shunt",
    title="Potts shunt (left pulmonary artery to aorta)",
    kind="operation",
    indication="pulmonary arterial hypertension with pressures above systemic ones",
    changes="vessel between pulmonary artery and aorta; a larger one stays",
    parameters=_diameter("8 mm", ("4 mm", "12 mm"), ("4 mm", "12 mm")),
    limits=f"one aorta: no difference between upper and lower body; {_LIMITS}",
    expected="right ventricular systolic pressure equal to systemic",
    source="direction and range: textbook",
    build=_opened("ductus", "at least"),
)

SHUNTS: Final = (
    atrial_septal_defect,
    ventricular_septal_defect,
    patent_ductus,
    asd_closure,
    vsd_closure,
    ductus_ligation,
    interatrial_shunt,
    atrial_septostomy,
    potts_shunt,
)
"""Conditions and operations of shunts."""
