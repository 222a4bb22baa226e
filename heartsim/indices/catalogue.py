"""The indices a heart team reads, in order, each with its unit and normal range.

The ranges are adult, at rest, with the papillary muscles in the blood pool. A range made of a
mean and a standard deviation spans mean ± 2 SD of men and women together. Those whose source is
``"typical"`` are textbook values to orient the reader, not limits from one study; ranges depend on
the contouring convention and must not be mixed with those of another.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TYPICAL: Final = "typical"
PETERSEN: Final = "Petersen 2017, UK Biobank CMR, doi:10.1186/s12968-017-0327-9"
CATHETER: Final = "European Respiratory Review, right heart catheter table"
GENET: Final = "Genet 2014, finite elements, 5 normal hearts, PMC4101610"


@dataclass(frozen=True)
class Index:
    """One number of the results.

    Attributes
    ----------
    key : str
        Where it stands in ``indices.json``: ``"chambers.LV.EF_percent"``.
    label, unit : str
        As shown.
    group : str
        Heading it stands under.
    digits : int
        Decimals shown.
    low, high : float
        Normal range, in `unit`; infinite where it is open, not a number where none is stated.
    source : str
        Where the range comes from; ``"typical"`` for textbook values.
    """

    key: str
    label: str
    unit: str
    group: str
    digits: int = 0
    low: float = math.nan
    high: float = math.nan
    source: str = ""

    @property
    def normal(self) -> str:
        """Range as shown, empty if there is none."""
        low, high = (f"{x:g}".replace("-", "−") for x in (self.low, self.high))
        if math.isnan(self.low):
            return ""
        if math.isinf(self.low):
            return f"≤ {high}"
        return f"≥ {low}" if math.isinf(self.high) else f"{low} to {high}"

    def outside(self, value: float) -> bool:
        """Whether a value lies outside its normal range."""
        return bool(value < self.low or value > self.high)


_LEFT, _FILLING, _RIGHT = "Left ventricle", "Filling pressures", "Right heart"
_BODY, _VALVES, _WALL = "Circulation", "Valves", "Wall"
AUDIT: Final = "Audit"

CATALOGUE: Final = (
    Index("chambers.LV.EDV_mL", "LV end-diastolic volume", "mL", _LEFT, 0, 82, 230, TYPICAL),
    Index("chambers.LV.ESV_mL", "LV end-systolic volume", "mL", _LEFT, 0, 27, 101, TYPICAL),
    Index("chambers.LV.EF_percent", "LV ejection fraction", "%", _LEFT, 0, 48, 71, PETERSEN),
    Index("chambers.LV.SV_mL", "LV stroke volume, total", "mL", _LEFT, 0, 47, 136, TYPICAL),
    Index("chambers.LV.forward_SV_mL", "LV stroke volume, forward", "mL", _LEFT, 0),
    Index("chambers.LV.P_max_mmHg", "LV peak pressure", "mmHg", _LEFT, 0),
    Index("chambers.LV.ESP_mmHg", "LV end-systolic pressure", "mmHg", _LEFT, 0),
    Index(
        "chambers.LV.dPdt_max_mmHg_per_s", "LV dP/dt max", "mmHg/s", _LEFT, 0, 1200, 1800, TYPICAL
    ),
    Index(
        "chambers.LV.dPdt_min_mmHg_per_s", "LV dP/dt min", "mmHg/s", _LEFT, 0, -2200, -1500, TYPICAL
    ),
    Index("chambers.LV.tau_ms", "LV relaxation constant tau", "ms", _LEFT, 0, 30, 45, TYPICAL),
    Index(
        "chambers.LV.Ea_mmHg_per_mL",
        "Arterial elastance Ea",
        "mmHg/mL",
        _LEFT,
        2,
        1.5,
        2.5,
        TYPICAL,
    ),
    Index("chambers.LV.stroke_work_J", "LV stroke work", "J", _LEFT, 2, 0.7, 1.2, TYPICAL),
    Index("chambers.LV.EDP_mmHg", "LV end-diastolic pressure", "mmHg", _FILLING, 1, 4, 12, TYPICAL),
    Index(
        "circulation.mLAP_mmHg", "Left atrial pressure, mean", "mmHg", _FILLING, 1, 4, 12, CATHETER
    ),
    Index("chambers.RV.EDP_mmHg", "RV end-diastolic pressure", "mmHg", _FILLING, 1, 1, 8, CATHETER),
    Index(
        "circulation.mRAP_mmHg", "Right atrial pressure, mean", "mmHg", _FILLING, 1, 1, 6, CATHETER
    ),
    Index("chambers.LA.EDV_mL", "LA largest volume", "mL", _FILLING, 0, 28, 109, TYPICAL),
    Index("circulation.CO_L_per_min", "Cardiac output", "L/min", _BODY, 2),
    Index("circulation.SBP_mmHg", "Systolic aortic pressure", "mmHg", _BODY, 0, 92, 153, TYPICAL),
    Index("circulation.DBP_mmHg", "Diastolic aortic pressure", "mmHg", _BODY, 0, 57, 93, TYPICAL),
    Index("circulation.MAP_mmHg", "Mean aortic pressure", "mmHg", _BODY, 0, 64, 116, TYPICAL),
    Index("circulation.SVR_WU", "Systemic resistance", "WU", _BODY, 1, 9.5, 24.5, TYPICAL),
    Index("circulation.heart_rate_per_min", "Heart rate", "/min", _BODY, 0, 44, 87, TYPICAL),
    Index("circulation.cardiac_power_W", "Cardiac power output", "W", _BODY, 2),
    Index("chambers.RV.EDV_mL", "RV end-diastolic volume", "mL", _RIGHT, 0, 82, 254, TYPICAL),
    Index("chambers.RV.ESV_mL", "RV end-systolic volume", "mL", _RIGHT, 0, 25, 129, TYPICAL),
    Index("chambers.RV.EF_percent", "RV ejection fraction", "%", _RIGHT, 0, 42, 70, TYPICAL),
    Index("chambers.RV.P_max_mmHg", "RV systolic pressure", "mmHg", _RIGHT, 0, 15, 25, CATHETER),
    Index(
        "circulation.mPAP_mmHg",
        "Pulmonary artery pressure, mean",
        "mmHg",
        _RIGHT,
        0,
        8,
        20,
        CATHETER,
    ),
    Index("circulation.PVR_WU", "Pulmonary resistance", "WU", _RIGHT, 1, -math.inf, 3, CATHETER),
    Index("circulation.Qp_Qs", "Pulmonary to systemic flow Qp/Qs", "", _RIGHT, 2),
    Index("chambers.RV.stroke_work_J", "RV stroke work", "J", _RIGHT, 2),
    Index(
        "valves.mitral.mean_gradient_mmHg",
        "Mitral mean gradient",
        "mmHg",
        _VALVES,
        1,
        -math.inf,
        2,
        TYPICAL,
    ),
    Index("valves.mitral.regurgitant_volume_mL", "Mitral regurgitant volume", "mL", _VALVES, 0),
    Index(
        "valves.mitral.regurgitant_fraction_percent",
        "Mitral regurgitant fraction",
        "%",
        _VALVES,
        0,
        -math.inf,
        5,
        TYPICAL,
    ),
    Index(
        "valves.aortic.mean_gradient_mmHg",
        "Aortic mean gradient",
        "mmHg",
        _VALVES,
        1,
        -math.inf,
        5,
        TYPICAL,
    ),
    Index("valves.aortic.peak_gradient_mmHg", "Aortic peak gradient", "mmHg", _VALVES, 1),
    Index(
        "valves.aortic.regurgitant_fraction_percent",
        "Aortic regurgitant fraction",
        "%",
        _VALVES,
        0,
        -math.inf,
        5,
        TYPICAL,
    ),
    Index("valves.tricuspid.mean_gradient_mmHg", "Tricuspid mean gradient", "mmHg", _VALVES, 1),
    Index(
        "valves.tricuspid.regurgitant_fraction_percent",
        "Tricuspid regurgitant fraction",
        "%",
        _VALVES,
        0,
        -math.inf,
        5,
        TYPICAL,
    ),
    Index("valves.pulmonary.mean_gradient_mmHg", "Pulmonary mean gradient", "mmHg", _VALVES, 1),
    Index(
        "valves.pulmonary.regurgitant_fraction_percent",
        "Pulmonary regurgitant fraction",
        "%",
        _VALVES,
        0,
        -math.inf,
        5,
        TYPICAL,
    ),
    Index(
        "wall.fiber_stress_ED_kPa.p50", "Fiber stress ED, median", "kPa", _WALL, 1, 1.0, 3.4, GENET
    ),
    Index("wall.fiber_stress_ED_kPa.p95", "Fiber stress ED, 95th percentile", "kPa", _WALL, 1),
    Index(
        "wall.fiber_stress_ES_kPa.p50", "Fiber stress ES, median", "kPa", _WALL, 1, 7.1, 25.9, GENET
    ),
    Index("wall.fiber_stress_ES_kPa.p95", "Fiber stress ES, 95th percentile", "kPa", _WALL, 1),
    Index(
        "wall.fiber_strain_ES_percent.p50",
        "Fiber strain ES, median",
        "%",
        _WALL,
        1,
        -17,
        -13,
        TYPICAL,
    ),
    Index("wall.wall_volume_mL", "Wall volume", "mL", _WALL, 1),
    Index("balance.blood_volume_drift_mL", "Blood volume drift", "mL", AUDIT, 4),
    Index("balance.energy_residual_percent", "Energy residual", "%", AUDIT, 2),
    Index("balance.wall_volume_change_percent", "Wall volume change", "%", AUDIT, 2),
)

MAIN: Final = (
    "chambers.LV.EDV_mL",
    "chambers.LV.ESV_mL",
    "chambers.LV.EF_percent",
    "chambers.LV.forward_SV_mL",
    "chambers.LV.stroke_work_J",
    "chambers.LV.EDP_mmHg",
    "circulation.mLAP_mmHg",
    "circulation.CO_L_per_min",
    "circulation.SBP_mmHg",
    "circulation.MAP_mmHg",
    "chambers.RV.EF_percent",
    "circulation.mPAP_mmHg",
    "valves.mitral.mean_gradient_mmHg",
    "valves.mitral.regurgitant_fraction_percent",
    "valves.aortic.mean_gradient_mmHg",
    "wall.fiber_stress_ED_kPa.p50",
    "wall.fiber_stress_ES_kPa.p50",
)
"""Keys of the indices that a heart team looks at first."""


def value(indices: Mapping[str, object], key: str) -> float:
    """Read the number at a dotted key of ``indices.json``; not a number if absent or null."""
    here: object = indices
    for part in key.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return float(here) if isinstance(here, int | float) else math.nan
