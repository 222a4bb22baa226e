"""The twenty outputs of a comparison, in the order in which a heart team asks for them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heartsim.indices import CATALOGUE, Index, value

_INDEX: Final = {index.key: index for index in CATALOGUE}


@dataclass(frozen=True)
class Output:
    """One of the twenty outputs.

    Attributes
    ----------
    label : str
        What it tells.
    leads : tuple of tuple of str
        One group for each line of the short table: the first index of the group that a heart
        has stands there, so that volumes per body surface win over plain ones.
    others : tuple of str
        Further indices, for the long table.
    greatest : bool
        Whether instead the index of a group with the greatest value stands there: of four
        valves, the worst.
    """

    label: str
    leads: tuple[tuple[str, ...], ...]
    others: tuple[str, ...] = ()
    greatest: bool = False

    def shown(self, indices: Sequence[Mapping[str, object]]) -> list[Index]:
        """Indices for the short table; none that no heart has."""
        chosen = []
        for group in self.leads:
            sizes = {key: _greatest(indices, key) for key in group}
            known = [key for key in group if math.isfinite(sizes[key])]
            if known:
                key = max(known, key=lambda k: sizes[k]) if self.greatest else known[0]
                chosen.append(_INDEX[key])
        return chosen

    def every(self, indices: Sequence[Mapping[str, object]]) -> list[Index]:
        """All its indices that at least one heart has, in the order of the catalogue."""
        keys = {key for group in self.leads for key in group} | set(self.others)
        return [i for i in CATALOGUE if i.key in keys and math.isfinite(_greatest(indices, i.key))]


@dataclass(frozen=True)
class Limit:
    """A value beyond which a heart team acts.

    Attributes
    ----------
    sign : str
        On which side of the value it acts: ``"<"``, ``">"`` or ``"≥"``.
    value : float
        In the unit of the index.
    words : str
        What it is called there.
    source : str
        ``"textbook"``, or where it was read.
    """

    sign: str
    value: float
    words: str
    source: str = "textbook"

    def crossed(self, number: float) -> bool:
        """Whether a value lies beyond; never for one that is not a number."""
        beyond = {"<": number < self.value, ">": number > self.value, "≥": number >= self.value}
        return beyond[self.sign]

    @property
    def text(self) -> str:
        """Limit in words."""
        return f"{self.sign} {self.value:g} {self.words}"


def _greatest(indices: Sequence[Mapping[str, object]], key: str) -> float:
    """Greatest value of an index; not a number where no heart has it."""
    known = [v for one in indices if math.isfinite(v := value(one, key))]
    return max(known, default=math.nan)


def _one(*keys: str) -> tuple[tuple[str, ...], ...]:
    return (keys,)


def _under(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names)


def _valves(name: str) -> tuple[str, ...]:
    return _under(
        "valves", *(f"{v}.{name}" for v in ("mitral", "aortic", "tricuspid", "pulmonary"))
    )


_LV, _RV, _BLOOD, _WALL = "chambers.LV", "chambers.RV", "circulation", "wall"

OUTPUTS: Final = (
    Output("LV size, filled", _one(*_under(_LV, "EDVi_mL_per_m2", "EDV_mL"))),
    Output("LV size, emptied", _one(*_under(_LV, "ESVi_mL_per_m2", "ESV_mL"))),
    Output("LV ejection fraction", _one(f"{_LV}.EF_percent"), (f"{_LV}.forward_EF_percent",)),
    Output(
        "Stroke volume",
        _one(*_under(_LV, "SVi_mL_per_m2", "forward_SV_mL")),
        (f"{_LV}.SV_mL",),
    ),
    Output(
        "Output",
        _one(*_under(_BLOOD, "CI_L_per_min_m2", "CO_L_per_min")),
        _under(_BLOOD, "heart_rate_per_min", "cardiac_power_W", "assist_L_per_min"),
    ),
    Output(
        "Filling pressures",
        (_under(_LV, "EDP_mmHg"), _under(_BLOOD, "mLAP_mmHg")),
        _under("chambers.LA", "a_wave_mmHg", "v_wave_mmHg", "EDV_mL", "EF_percent")
        + _under("chambers.LA", "conduit_percent", "kick_percent", "kick_of_filling_percent"),
    ),
    Output(
        "Aortic pressure",
        (_under(_BLOOD, "SBP_mmHg"), _under(_BLOOD, "MAP_mmHg")),
        _under(_BLOOD, "DBP_mmHg", "PP_mmHg", "SVR_WU", "SEVR"),
    ),
    Output(
        "Pulmonary artery",
        _one(f"{_BLOOD}.mPAP_mmHg"),
        _under(_BLOOD, "sPAP_mmHg", "dPAP_mmHg", "PVR_WU", "PAPi"),
    ),
    Output(
        "Right pressures",
        (_under(_BLOOD, "mRAP_mmHg"), _under(_RV, "P_max_mmHg")),
        (
            f"{_RV}.EDP_mmHg",
            *_under(_BLOOD, "mSVP_mmHg", "RVSP_over_LVSP", "CVP_over_PCWP"),
        ),
    ),
    Output(
        "Speed of contraction and relaxation",
        _one(f"{_LV}.dPdt_max_mmHg_per_s"),
        _under(_LV, "dPdt_min_mmHg_per_s", "tau_ms", "P_max_mmHg", "ESP_mmHg"),
    ),
    Output(
        "Systolic elastance and coupling",
        _one(f"{_LV}.Ea_over_Ees"),
        _under(_LV, "Ees_mmHg_per_mL", "V0_mL", "Ea_mmHg_per_mL"),
    ),
    Output(
        "Diastolic stiffness",
        _one(f"{_LV}.V15_mL"),
        _under(_LV, "V30_mL", "EDPVR_beta", "ED_stiffness_mmHg_per_mL"),
    ),
    Output(
        "Work and oxygen demand",
        _one(f"{_LV}.stroke_work_J"),
        _under(_LV, "potential_energy_J", "PVA_J", "efficiency_percent", "energy_per_minute_J"),
    ),
    Output(
        "Stress along the fibers",
        (_under(_WALL, "fiber_stress_ED_kPa.p50"), _under(_WALL, "fiber_stress_ES_kPa.p50")),
        _under(_WALL, "fiber_stress_ED_kPa.p95", "fiber_stress_ES_kPa.p95"),
    ),
    Output(
        "Strain",
        _one("deformation.GLS_percent", f"{_WALL}.fiber_strain_ES_percent.p50"),
        ("deformation.GCS_percent", "deformation.GRS_percent"),
    ),
    Output(
        "Twist and motion of the base",
        _one("deformation.twist_deg"),
        _under("deformation", "torsion_deg_per_cm", "AVPD_mm"),
    ),
    Output(
        "Leakiest valve",
        (_valves("regurgitant_fraction_percent"),),
        (
            *_valves("EROA_cm2"),
            *_under("valves", "mitral.regurgitant_volume_mL", "aortic.regurgitant_volume_mL"),
        ),
        greatest=True,
    ),
    Output(
        "Narrowest valve",
        (_valves("mean_gradient_mmHg"),),
        _under("valves", "mitral.area_cm2", "aortic.peak_gradient_mmHg", "aortic.area_cm2"),
        greatest=True,
    ),
    Output(
        "Right ventricle",
        (
            _under(_RV, "EDVi_mL_per_m2", "EDV_mL"),
            _under(_RV, "EF_percent"),
        ),
        (
            *_under(_RV, "ESVi_mL_per_m2", "ESV_mL", "stroke_work_J", "Ees_mmHg_per_mL"),
            f"{_RV}.Ea_over_Ees",
            *_under(_BLOOD, "Qp_L_per_min", "Qp_Qs"),
            "deformation.TAPSE_mm",
        ),
    ),
    Output(
        "Dyssynchrony",
        _one("dyssynchrony.SD_time_to_peak_ms"),
        _under(
            "dyssynchrony",
            "total_activation_ms",
            "septal_to_lateral_ms",
            "CURE",
            "wasted_work_ratio",
        ),
    ),
)
"""Outputs 1 to 20."""

_STICH: Final = "STICH volumes, Michler"
_RINGS: Final = "functional stenosis after a ring"

LIMITS: Final[Mapping[str, Limit]] = {
    f"{_LV}.ESVi_mL_per_m2": Limit(">", 70, "too large after reconstruction", _STICH),
    f"{_LV}.SVi_mL_per_m2": Limit("<", 35, "low flow"),
    f"{_BLOOD}.CI_L_per_min_m2": Limit("<", 2.2, "low output"),
    f"{_BLOOD}.cardiac_power_W": Limit("<", 0.6, "shock"),
    f"{_LV}.EDP_mmHg": Limit(">", 18, "congestion"),
    f"{_BLOOD}.mLAP_mmHg": Limit(">", 18, "congestion"),
    f"{_BLOOD}.mPAP_mmHg": Limit(">", 20, "pulmonary hypertension"),
    f"{_BLOOD}.RVSP_over_LVSP": Limit(">", 0.5, "act"),
    f"{_BLOOD}.CVP_over_PCWP": Limit(">", 0.63, "right heart at risk"),
    f"{_BLOOD}.Qp_Qs": Limit(">", 1.5, "shunt to close"),
    "valves.mitral.mean_gradient_mmHg": Limit(">", 5, _RINGS),
    "valves.mitral.regurgitant_fraction_percent": Limit("≥", 50, "severe"),
    "valves.aortic.regurgitant_fraction_percent": Limit("≥", 50, "severe"),
    "valves.aortic.mean_gradient_mmHg": Limit("≥", 40, "severe"),
    "valves.aortic.area_cm2": Limit("<", 1, "severe"),
}
"""Where a heart team acts, by key of the index; for adults, to orient, not to decide."""
