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
RUSSELL: Final = "Russell 2013, 20 healthy individuals, mean ± 2 SD, PMID 23893165"
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


_OPEN: Final = math.inf
_LEFT, _FILLING, _RIGHT = "Left ventricle", "Filling pressures", "Right heart"
_BODY, _VALVES, _WALL = "Circulation", "Valves", "Wall"
_MOTION, _TIMING = "Strain and motion", "Dyssynchrony"
AUDIT: Final = "Audit"

_Row = tuple[str, str, str, int] | tuple[str, str, str, int, float, float, str]


def _rows(group: str, prefix: str, *rows: _Row) -> tuple[Index, ...]:
    """Indices of one place in the file: name, label, unit, digits, low, high, source."""
    return tuple(
        Index(f"{prefix}.{name}", label, unit, group, digits, *normal)
        for name, label, unit, digits, *normal in rows
    )


CATALOGUE: Final = (
    *_rows(
        _LEFT,
        "chambers.LV",
        ("EDV_mL", "LV end-diastolic volume", "mL", 0, 82, 230, TYPICAL),
        ("ESV_mL", "LV end-systolic volume", "mL", 0, 27, 101, TYPICAL),
        ("EDVi_mL_per_m2", "LV end-diastolic volume index", "mL/m²", 0, 50, 115, TYPICAL),
        ("ESVi_mL_per_m2", "LV end-systolic volume index", "mL/m²", 0, 17, 52, TYPICAL),
        ("EF_percent", "LV ejection fraction", "%", 0, 48, 71, PETERSEN),
        ("forward_EF_percent", "LV forward ejection fraction", "%", 0),
        ("SV_mL", "LV stroke volume, total", "mL", 0, 47, 136, TYPICAL),
        ("forward_SV_mL", "LV stroke volume, forward", "mL", 0),
        ("SVi_mL_per_m2", "Stroke volume index, forward", "mL/m²", 0, 35, _OPEN, TYPICAL),
        ("P_max_mmHg", "LV peak pressure", "mmHg", 0),
        ("ESP_mmHg", "LV end-systolic pressure", "mmHg", 0),
        ("dPdt_max_mmHg_per_s", "LV dP/dt max", "mmHg/s", 0, 1200, 1800, TYPICAL),
        ("dPdt_min_mmHg_per_s", "LV dP/dt min", "mmHg/s", 0, -2200, -1500, TYPICAL),
        ("tau_ms", "LV relaxation constant tau", "ms", 0, 30, 45, TYPICAL),
        ("Ees_mmHg_per_mL", "End-systolic elastance Ees, one beat", "mmHg/mL", 2, 1.5, 3, TYPICAL),
        ("V0_mL", "Volume at zero end-systolic pressure", "mL", 0),
        ("Ea_mmHg_per_mL", "Arterial elastance Ea", "mmHg/mL", 2, 1.5, 2.5, TYPICAL),
        ("Ea_over_Ees", "Coupling Ea/Ees", "", 2, 0.5, 1, TYPICAL),
        ("stroke_work_J", "LV stroke work", "J", 2, 0.7, 1.2, TYPICAL),
        ("potential_energy_J", "LV potential energy", "J", 2),
        ("PVA_J", "LV pressure-volume area", "J", 2, 1.3, 1.7, TYPICAL),
        ("efficiency_percent", "Work over pressure-volume area", "%", 0, 65, 75, TYPICAL),
        ("energy_per_minute_J", "Pressure-volume area per minute", "J", 0),
    ),
    *_rows(
        _FILLING,
        "chambers.LV",
        ("EDP_mmHg", "LV end-diastolic pressure", "mmHg", 1, 4, 12, TYPICAL),
        ("V15_mL", "LV volume at 15 mmHg, Klotz", "mL", 0),
        ("V30_mL", "LV volume at 30 mmHg, Klotz", "mL", 0),
        ("EDPVR_beta", "LV diastolic exponent, Klotz", "", 1),
        ("ED_stiffness_mmHg_per_mL", "LV diastolic stiffness, Klotz", "mmHg/mL", 2),
    ),
    *_rows(
        _FILLING,
        "circulation",
        ("mLAP_mmHg", "Left atrial pressure, mean", "mmHg", 1, 4, 12, CATHETER),
    ),
    *_rows(
        _FILLING,
        "chambers.LA",
        ("a_wave_mmHg", "Left atrial a wave", "mmHg", 1),
        ("v_wave_mmHg", "Left atrial v wave", "mmHg", 1),
        ("EDV_mL", "LA largest volume", "mL", 0, 28, 109, TYPICAL),
        ("EF_percent", "LA emptying, total", "%", 0),
        ("conduit_percent", "LA emptying before its contraction", "%", 0),
        ("kick_percent", "LA emptying by its contraction", "%", 0),
        ("kick_of_filling_percent", "Part of LV filling by the LA kick", "%", 0),
    ),
    *_rows(
        _FILLING,
        "chambers.RV",
        ("EDP_mmHg", "RV end-diastolic pressure", "mmHg", 1, 1, 8, CATHETER),
    ),
    *_rows(
        _FILLING,
        "circulation",
        ("mRAP_mmHg", "Right atrial pressure, mean", "mmHg", 1, 1, 6, CATHETER),
        ("mSVP_mmHg", "Systemic venous pressure, mean", "mmHg", 1),
        ("CVP_over_PCWP", "Right over left atrial pressure", "", 2),
    ),
    *_rows(
        _BODY,
        "circulation",
        ("CO_L_per_min", "Cardiac output (systemic flow)", "L/min", 2),
        ("assist_L_per_min", "Flow of assist pumps", "L/min", 2),
        ("CI_L_per_min_m2", "Cardiac index", "L/min/m²", 2, 2.4, 4.0, CATHETER),
        ("SBP_mmHg", "Systolic aortic pressure", "mmHg", 0, 92, 153, TYPICAL),
        ("DBP_mmHg", "Diastolic aortic pressure", "mmHg", 0, 57, 93, TYPICAL),
        ("MAP_mmHg", "Mean aortic pressure", "mmHg", 0, 64, 116, TYPICAL),
        ("PP_mmHg", "Aortic pulse pressure", "mmHg", 0),
        ("SVR_WU", "Systemic resistance", "WU", 1, 9.5, 24.5, TYPICAL),
        ("heart_rate_per_min", "Heart rate", "/min", 0, 44, 87, TYPICAL),
        ("cardiac_power_W", "Cardiac power output", "W", 2),
        ("SEVR", "Subendocardial viability ratio", "", 2),
    ),
    *_rows(
        _RIGHT,
        "chambers.RV",
        ("EDV_mL", "RV end-diastolic volume", "mL", 0, 82, 254, TYPICAL),
        ("ESV_mL", "RV end-systolic volume", "mL", 0, 25, 129, TYPICAL),
        ("EDVi_mL_per_m2", "RV end-diastolic volume index", "mL/m²", 0, 51, 127, TYPICAL),
        ("ESVi_mL_per_m2", "RV end-systolic volume index", "mL/m²", 0),
        ("EF_percent", "RV ejection fraction", "%", 0, 42, 70, TYPICAL),
        ("P_max_mmHg", "RV systolic pressure", "mmHg", 0, 15, 25, CATHETER),
    ),
    *_rows(
        _RIGHT,
        "circulation",
        ("sPAP_mmHg", "Pulmonary artery pressure, systolic", "mmHg", 0, 15, 25, CATHETER),
        ("dPAP_mmHg", "Pulmonary artery pressure, diastolic", "mmHg", 0, 4, 12, CATHETER),
        ("mPAP_mmHg", "Pulmonary artery pressure, mean", "mmHg", 0, 8, 20, CATHETER),
        ("PVR_WU", "Pulmonary resistance", "WU", 1, -_OPEN, 3, CATHETER),
        ("Qp_L_per_min", "Pulmonary flow", "L/min", 2),
        ("Qp_Qs", "Pulmonary to systemic flow Qp/Qs", "", 2),
        ("RVSP_over_LVSP", "RV over LV systolic pressure", "", 2),
        ("PAPi", "Pulmonary artery pulsatility index", "", 1),
    ),
    *_rows(
        _RIGHT,
        "chambers.RV",
        ("stroke_work_J", "RV stroke work", "J", 2),
        ("Ees_mmHg_per_mL", "RV end-systolic elastance, one beat", "mmHg/mL", 2),
        ("Ea_over_Ees", "RV coupling Ea/Ees", "", 2),
    ),
    *_rows(
        _VALVES,
        "valves.mitral",
        ("mean_gradient_mmHg", "Mitral mean gradient", "mmHg", 1, -_OPEN, 2, TYPICAL),
        ("area_cm2", "Mitral effective area", "cm²", 1, 4, 6, TYPICAL),
        ("regurgitant_volume_mL", "Mitral regurgitant volume", "mL", 0),
        ("regurgitant_fraction_percent", "Mitral regurgitant fraction", "%", 0, -_OPEN, 5, TYPICAL),
        ("EROA_cm2", "Mitral regurgitant orifice", "cm²", 2),
    ),
    *_rows(
        _VALVES,
        "valves.aortic",
        ("mean_gradient_mmHg", "Aortic mean gradient", "mmHg", 1, -_OPEN, 5, TYPICAL),
        ("peak_gradient_mmHg", "Aortic peak gradient", "mmHg", 1),
        ("area_cm2", "Aortic effective area", "cm²", 1, 3, 4, TYPICAL),
        ("regurgitant_volume_mL", "Aortic regurgitant volume", "mL", 0),
        ("regurgitant_fraction_percent", "Aortic regurgitant fraction", "%", 0, -_OPEN, 5, TYPICAL),
        ("EROA_cm2", "Aortic regurgitant orifice", "cm²", 2),
    ),
    *_rows(
        _VALVES,
        "valves.tricuspid",
        ("mean_gradient_mmHg", "Tricuspid mean gradient", "mmHg", 1),
        ("regurgitant_fraction_percent", "Tricuspid leak fraction", "%", 0, -_OPEN, 5, TYPICAL),
        ("EROA_cm2", "Tricuspid regurgitant orifice", "cm²", 2),
    ),
    *_rows(
        _VALVES,
        "valves.pulmonary",
        ("mean_gradient_mmHg", "Pulmonary mean gradient", "mmHg", 1),
        ("regurgitant_fraction_percent", "Pulmonary leak fraction", "%", 0, -_OPEN, 5, TYPICAL),
        ("EROA_cm2", "Pulmonary regurgitant orifice", "cm²", 2),
    ),
    *_rows(
        _WALL,
        "wall",
        ("fiber_stress_ED_kPa.p50", "Fiber stress ED, median", "kPa", 1, 1.0, 3.4, GENET),
        ("fiber_stress_ED_kPa.p95", "Fiber stress ED, 95th percentile", "kPa", 1),
        ("fiber_stress_ES_kPa.p50", "Fiber stress ES, median", "kPa", 1, 7.1, 25.9, GENET),
        ("fiber_stress_ES_kPa.p95", "Fiber stress ES, 95th percentile", "kPa", 1),
        ("fiber_strain_ES_percent.p50", "Fiber strain ES, median", "%", 1, -17, -13, TYPICAL),
        ("wall_volume_mL", "Wall volume", "mL", 1),
    ),
    *_rows(
        _MOTION,
        "deformation",
        ("GLS_percent", "Global longitudinal strain", "%", 1, -22, -16, TYPICAL),
        ("GCS_percent", "Global circumferential strain", "%", 1, -28, -18, TYPICAL),
        ("GRS_percent", "Global radial strain", "%", 0, 30, 70, TYPICAL),
        ("twist_deg", "Twist", "°", 1, 8, 18, TYPICAL),
        ("torsion_deg_per_cm", "Torsion", "°/cm", 2),
        ("AVPD_mm", "Mitral plane displacement", "mm", 1),
        ("TAPSE_mm", "Tricuspid plane displacement", "mm", 1),
    ),
    *_rows(
        _TIMING,
        "dyssynchrony",
        ("total_activation_ms", "Total activation time", "ms", 0, 80, 110, TYPICAL),
        ("SD_time_to_peak_ms", "SD of time to peak strain", "ms", 0, -_OPEN, 33, TYPICAL),
        ("septal_to_lateral_ms", "Septal to lateral delay", "ms", 0),
        ("CURE", "Circumferential uniformity", "", 2),
        ("wasted_work_ratio", "Wasted work ratio", "", 2, 0.03, 0.15, RUSSELL),
    ),
    *_rows(
        AUDIT,
        "balance",
        ("blood_volume_drift_mL", "Blood volume drift", "mL", 4),
        ("energy_residual_percent", "Energy residual", "%", 2),
        ("wall_volume_change_percent", "Wall volume change", "%", 2),
    ),
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
    here = nested(indices, *key.split("."))
    return float(here) if isinstance(here, int | float) else math.nan


def nested(mapping: Mapping[str, object], *keys: str) -> object:
    """Item of nested mappings, or None."""
    here: object = mapping
    for key in keys:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here
