"""What a reader must not miss: doubts about the numbers, pairs to read together, costs."""

from collections.abc import Callable, Sequence
from typing import Final

from heartsim import loading
from heartsim.indices import value
from heartsim.indices.elastance import LOWEST_INTERCEPT
from heartsim.result import Result

MATCHED: Final = {"match-LVEDP": 1.0, "match-MAP": 2.0}
"""Difference of the pressure that a rule holds which counts as held [mmHg]."""

_STENOSIS: Final = 5.0  # [mmHg] mean mitral gradient
_FROM_ONE_BEAT: Final = frozenset(
    {
        *("Ees_mmHg_per_mL", "V0_mL", "Ea_over_Ees", "potential_energy_J", "PVA_J"),
        *("efficiency_percent", "energy_per_minute_J"),
    }
)
_AUDIT: Final = (
    ("balance.blood_volume_drift_mL", 0.1, "blood volume drifts by {:.2g} mL in a beat"),
    ("balance.energy_residual_percent", 5.0, "the energy balance is off by {:.2g} %"),
    ("balance.wall_volume_change_percent", 1.0, "the wall changes its volume by {:.2g} %"),
)
_COSTS: Final = (
    ("chambers.LV.forward_SV_mL", -3.0, "forward stroke volume", "mL", 0),
    ("circulation.MAP_mmHg", -5.0, "mean aortic pressure", "mmHg", 0),
    ("chambers.LV.EDP_mmHg", 1.0, "LV end-diastolic pressure", "mmHg", 1),
    ("chambers.LV.P_max_mmHg", 10.0, "LV peak pressure", "mmHg", 0),
    ("circulation.mRAP_mmHg", 1.0, "right atrial pressure", "mmHg", 1),
    ("circulation.mPAP_mmHg", 2.0, "mean pulmonary artery pressure", "mmHg", 1),
    ("chambers.RV.EF_percent", -3.0, "RV ejection fraction", "points", 0),
    ("valves.aortic.mean_gradient_mmHg", 5.0, "aortic mean gradient", "mmHg", 0),
    ("valves.mitral.regurgitant_volume_mL", 3.0, "mitral leak", "mL", 0),
    ("chambers.LV.stroke_work_J", 0.1, "LV stroke work", "J", 2),
    ("chambers.LV.PVA_J", 0.15, "pressure-volume area, the oxygen demand,", "J", 2),
    ("wall.fiber_stress_ED_kPa.p50", 0.3, "end-diastolic fiber stress", "kPa", 1),
    ("wall.fiber_stress_ES_kPa.p50", 2.0, "end-systolic fiber stress", "kPa", 1),
    ("dyssynchrony.SD_time_to_peak_ms", 10.0, "spread of time to peak strain", "ms", 0),
)
"""Key, change from which it is a cost (its sign is the direction), words, unit, decimals."""


def remarks(results: Sequence[Result], names: Sequence[str], rule: str) -> list[str]:
    """Doubts first, then what each scenario costs and what must be read together."""
    found = doubts(results, names, rule)
    for name, result in zip(names[1:], results[1:], strict=True):
        found += [f"{name}: {text}" for text in read_together(results[0], result)]
        costs = cost(results[0], result)
        found += [f"{name} costs: {'; '.join(costs)}."] if costs else []
    return found


def doubts(results: Sequence[Result], names: Sequence[str], rule: str) -> list[str]:
    """Results that are not periodic, miss the loading rule, fail the audit or mislead."""
    found = []
    for name, result in zip(names, results, strict=True):
        status = result.indices.get("status")
        if status == loading.MISSED:
            found.append(f"{name}: {status}; see what the operations changed.")
        elif status != "converged":
            found.append(f"{name}: {status}; its numbers still move from beat to beat.")
        for key, limit, text in _AUDIT:
            size = value(result.indices, key)
            if size > limit:
                found.append(f"{name}: {text.format(size)}; small differences mean nothing.")
    absurd = [n for n, r in zip(names, results, strict=True) if not trusted(r, "chambers.LV.V0_mL")]
    if absurd:
        found.append(
            f"{' and '.join(absurd)}: the end-systolic line, estimated from one beat, meets zero "
            "pressure far below 0 mL, which no ventricle does. Its elastance, coupling and "
            "pressure-volume area stand in parentheses and must not be compared."
        )
    if rule in MATCHED:
        key = loading.RULES[rule].index
        values = [value(result.indices, key) for result in results]
        spread = max(values) - min(values)
        if spread > MATCHED[rule]:
            found.append(f"The rule is {rule}, but the pressures differ by {spread:.1f} mmHg.")
    return found


def trusted(result: Result, key: str) -> bool:
    """Whether an index can be believed: those from a single-beat elastance that fails cannot."""
    chamber, _, name = key.rpartition(".")
    if name not in _FROM_ONE_BEAT:
        return True
    return not value(result.indices, f"{chamber}.V0_mL") < LOWEST_INTERCEPT


def cost(baseline: Result, scenario: Result) -> list[str]:
    """Changes for the worse that are large enough to weigh."""
    change = _changes(baseline, scenario)
    found = []
    for key, least, words, unit, digits in _COSTS:
        believed = trusted(baseline, key) and trusted(scenario, key)
        if believed and change(key) * (1 if least > 0 else -1) >= abs(least):
            size = f"{change(key):+.{digits}f}".replace("-", "−")
            found.append(f"{words} {size} {unit}")
    return found


def read_together(baseline: Result, scenario: Result) -> list[str]:
    """Pairs of changes that must not be read alone."""
    change = _changes(baseline, scenario)
    fraction, filling = change("chambers.LV.EF_percent"), change("chambers.LV.EDP_mmHg")
    forward = change("chambers.LV.forward_SV_mL")
    leak = sum(change(f"valves.{valve}.regurgitant_volume_mL") for valve in ("mitral", "aortic"))
    found = []
    if fraction > 1 and filling > 1:
        found.append(
            f"ejection fraction rises by {fraction:.0f} points, but end-diastolic pressure rises "
            f"by {filling:.1f} mmHg: the ventricle fills with more difficulty."
        )
    if fraction > 1 and forward < -1:
        found.append(
            f"ejection fraction rises by {fraction:.0f} points, but forward stroke volume falls "
            f"by {-forward:.0f} mL: a larger share of a smaller volume."
        )
    if fraction < -1 and forward > 1 and leak < -1:
        found.append(
            f"ejection fraction falls by {-fraction:.0f} points while forward stroke volume rises "
            f"by {forward:.0f} mL: less blood leaks back."
        )
    gradient = value(scenario.indices, "valves.mitral.mean_gradient_mmHg")
    if gradient > _STENOSIS and change("valves.mitral.mean_gradient_mmHg") > 1:
        found.append(f"mean mitral gradient {gradient:.1f} mmHg: a functional stenosis.")
    return found


def _changes(baseline: Result, scenario: Result) -> Callable[[str], float]:
    """Change of an index from the baseline, by key."""

    def change(key: str) -> float:
        return value(scenario.indices, key) - value(baseline.indices, key)

    return change
