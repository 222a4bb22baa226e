"""Disease states in 0D: one scenario file each, its numbers inside the ranges of the literature.

``python tests/engine/test_disease_states.py`` prints all of them beside their ranges.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from heartsim import runtime
from heartsim.balance import audit
from heartsim.indices import summarize, value
from heartsim.lumped import lumped_heart, periodic_beat, recording_of
from heartsim.scenario import Scenario
from heartsim.units import L, minute, mmHg

AREA = 1.9
"""Body surface of the adult whose volumes and flows are compared [m²]."""

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"

RANGES = {
    "healthy_0D": {
        "EF_percent": (48, 71), "LVEDVi": (45, 115), "SBP": (92, 153), "DBP": (57, 93),
        "CI": (2.4, 4.0), "LVEDP": (4, 12), "mPAP": (8, 20), "RAP": (1, 6), "RVSP": (15, 30),
    },
    "aortic_stenosis_0D": {
        "AV_gradient": (40, 70), "LVSP": (170, 230), "LVEDP": (15, 25), "EF_percent": (55, 70),
        "LVEDVi": (45, 115),
    },
    "aortic_regurgitation_0D": {
        "LVEDVi": (110, 180), "AR_volume": (60, 200), "AR_fraction": (50, 80), "PP": (70, 120),
        "DBP": (45, 60), "LVEDP": (10, 25),
    },
    "mitral_regurgitation_0D": {
        "LVEDVi": (100, 140), "EF_percent": (60, 70), "LAP": (15, 25), "v_wave": (30, 50),
        "PASP": (40, 60),
    },
    "heart_failure_0D": {
        "LVEDVi": (110, 180), "LVESVi": (75, 140), "EF_percent": (15, 35), "RVEF": (25, 45),
        "CI": (1.6, 2.2), "LVEDP": (18, 30), "mPAP": (25, 40), "RAP": (8, 16),
        "dPdt_max": (620, 1080),
    },
    "heart_failure_preserved_0D": {
        "LVEDVi": (45, 97), "EF_percent": (50, 75), "LAP": (12, 22), "SBP": (130, 160),
        "tau": (48, 80),
    },
    "pulmonary_hypertension_0D": {
        "RVEDVi": (100, 150), "RVEF": (25, 40), "mPAP": (45, 65), "PVR": (8, 16), "RAP": (6, 15),
        "CI": (1.7, 2.4),
    },
    "tetralogy_0D": {
        "RVEDVi": (128, 194), "PR_fraction": (38, 60), "RVEF": (32, 52), "RVSP": (35, 60),
    },
    "fontan_0D": {
        "LVEDVi": (60, 110), "EF_percent": (45, 60), "venous": (10, 15), "CI": (2.0, 4.0),
    },
    "glenn_0D": {"Qp_Qs": (0.5, 0.7), "upper_veins": (12, 16)},
    "secondary_mitral_regurgitation_0D": {
        "LVEDV": (135, 209), "LVEDP": (11, 20), "LAP": (15, 20), "EF_percent": (25, 50),
    },
    "obstructive_cardiomyopathy_0D": {
        "AV_gradient": (17, 105), "EF_percent": (65, 80), "LAP": (13, 27), "mPAP": (13, 45),
        "tau": (38, 90),
    },
    "post_infarction_0D": {
        "LVEDVi": (72, 122), "LVESVi": (34, 82), "EF_percent": (30, 52), "LVEDP": (15, 28),
        "CI": (1.8, 2.4),
    },
    "norwood_0D": {"Qp_Qs": (0.8, 1.3)},
    "constriction_0D": {
        "RVEDP": (13, 21), "LVEDP": (16, 24), "EDP_difference": (0, 5), "CI": (1.8, 2.4),
        "LVEDVi": (40, 115),
    },
}  # fmt: skip
"""Ranges of adult series: index, lowest and highest value. mmHg, mL, m², L/min, ms."""


def numbers(name: str) -> dict[str, float]:
    """Indices of the periodic beat of a scenario."""
    scenario = Scenario.read(SCENARIOS / f"{name}.toml")
    heart, receipts = lumped_heart(scenario)
    found = periodic_beat(heart)
    recording = recording_of(heart, found, scenario, receipts, {}, {})
    indices = summarize(recording, audit(recording), scenario=name)

    def index(key: str) -> float:
        return value(indices, key)

    flow = {k: float(np.mean(q)) / (L / minute) for k, q in found.traces.flow.items()}
    systemic = flow["systemic_arteries"] + flow["upper_body"]
    veins = np.asarray(found.traces.pressure["systemic_veins"]) / mmHg
    left, right = index("chambers.LV.EDP_mmHg"), index("chambers.RV.EDP_mmHg")
    upper = np.asarray(found.traces.pressure["upper_veins"]) / mmHg
    assert recording.status == "converged"
    return {
        "EF_percent": index("chambers.LV.EF_percent"),
        "LVEDV": index("chambers.LV.EDV_mL"),
        "LVEDVi": index("chambers.LV.EDV_mL") / AREA,
        "LVESVi": index("chambers.LV.ESV_mL") / AREA,
        "RVEDVi": index("chambers.RV.EDV_mL") / AREA,
        "RVEF": index("chambers.RV.EF_percent"),
        "LVEDP": left,
        "RVEDP": right,
        "EDP_difference": abs(left - right),
        "LVSP": index("chambers.LV.P_max_mmHg"),
        "RVSP": index("chambers.RV.P_max_mmHg"),
        "dPdt_max": index("chambers.LV.dPdt_max_mmHg_per_s"),
        "tau": index("chambers.LV.tau_ms"),
        "SBP": index("circulation.SBP_mmHg"),
        "DBP": index("circulation.DBP_mmHg"),
        "PP": index("circulation.PP_mmHg"),
        "PASP": index("circulation.sPAP_mmHg"),
        "mPAP": index("circulation.mPAP_mmHg"),
        "LAP": index("circulation.mLAP_mmHg"),
        "v_wave": float(recording.pressure["LA"].max()) / mmHg,
        "RAP": index("circulation.mRAP_mmHg"),
        "PVR": index("circulation.PVR_WU"),
        "CI": systemic / AREA,
        "Qp_Qs": flow["pulmonary_arteries"] / systemic,
        "venous": float(veins.mean()),
        "upper_veins": float(upper.mean()),
        "AV_gradient": index("valves.aortic.mean_gradient_mmHg"),
        "AR_volume": index("valves.aortic.regurgitant_volume_mL"),
        "AR_fraction": index("valves.aortic.regurgitant_fraction_percent"),
        "PR_fraction": index("valves.pulmonary.regurgitant_fraction_percent"),
    }


def table() -> str:
    """All states, their numbers and ranges, as text."""
    rows = []
    for name, ranges in RANGES.items():
        found = numbers(name)
        for key, (low, high) in ranges.items():
            mark = " " if low <= found[key] <= high else "*"
            rows.append(f"{mark} {name:28} {key:16} {found[key]:8.2f}   {low:g} to {high:g}")
    return "\n".join(rows)


@pytest.mark.parametrize("name", RANGES)
def test_disease_state_is_inside_its_ranges(name):
    found = numbers(name)
    outside = {
        k: found[k] for k, (low, high) in RANGES[name].items() if not low <= found[k] <= high
    }
    assert not outside
    json.dumps(found)


if __name__ == "__main__":
    runtime.use_float64()
    print(table())  # noqa: T201
