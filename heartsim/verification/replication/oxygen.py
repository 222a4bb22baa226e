"""Arterial oxygen saturation where blood passes the lungs by, from flows of a beat.

No oxygen is carried by the circulation. But in a steady state saturation follows from mixing alone:
what body and heart take from the arteries, what the lungs give back, and what passes them by.
"""

from functools import partial
from typing import Final

from heartsim.errors import SolveFailed
from heartsim.result import Recording, time_mean
from heartsim.units import L, g, m, minute, mL
from heartsim.verification.replication.circulations import SURFACE, pair, recorded
from heartsim.verification.replication.effect import RISES, Effect

HUFNER: Final = 1.34 * mL / g
"""Oxygen that saturated hemoglobin binds."""

CONSUMPTION: Final = 125 * mL / minute / m**2
"""Oxygen uptake of an adult at rest, as catheter laboratories assume it."""

HEMOGLOBIN: Final = 150 * g / L
SATURATED: Final = 0.98
"""Saturation of blood that leaves healthy lungs (our choice, as the uptake and hemoglobin)."""


def arterial_saturation(
    lungs: float,
    passed_by: float,
    *,
    consumption: float,
    hemoglobin: float = HEMOGLOBIN,
    saturated: float = SATURATED,
) -> float:
    """Saturation of arterial blood of which a part came past the lungs, in a steady state.

    With lung flow Qp, flow Q from the systemic veins' side to the left, and M = Qp + Q, the
    balances of both sides, ``M Sa = Qp Sp + Q Sv`` and ``M (Sa - Sv) c = V``, give
    ``Sa = Sp - Q/Qp V/(c M)``, c = 1.34 mL/g times hemoglobin: mixing and Fick's principle, the
    steady state of [1]_. Blood that crosses to the right is in both Qp and M and changes nothing
    else. Dissolved oxygen is left out.

    Parameters
    ----------
    lungs, passed_by : float
        Flow through the lungs, and from the systemic to the pulmonary veins' side [mm³/ms].
    consumption : float
        Oxygen uptake of the body [mm³/ms].
    hemoglobin : float
        [mg/mm³].
    saturated : float
        Saturation of pulmonary venous blood.

    Returns
    -------
    float
        Between 0 and 1 for flows that can supply the uptake.

    References
    ----------
    .. [1] Ahmad et al. (2022). Optimal fenestration of the Fontan circulation.
       doi:10.3389/fphys.2022.867995
    """
    extracted = consumption / (HUFNER * hemoglobin * (lungs + passed_by))
    return saturated - passed_by / lungs * extracted


def saturation(recording: Recording, hole: str, *, towards: int) -> float:
    """Arterial saturation of a recorded beat with one hole through which blood passes the lungs.

    Parameters
    ----------
    recording : Recording
    hole : str
        Name of its flow.
    towards : int
        1 if its flow counts as positive towards the left side, else -1.
    """
    period = recording.heart_rate_period
    crossed = towards * recording.flow.get(hole, 0 * recording.time)
    passed_by = time_mean(recording.time, period, crossed.clip(min=0))
    # all that the left side gets is ejected or crosses back
    left = time_mean(recording.time, period, recording.flow["mitral"] + (-crossed).clip(min=0))
    return arterial_saturation(left - passed_by, passed_by, consumption=CONSUMPTION * SURFACE)


def _change(operation: str, hole: str, towards: int) -> float:
    """Change of the arterial saturation by an operation [points]."""
    beats = [recorded(one) for one in pair(operation)]
    if not any(hole in beat.flow for beat in beats):
        raise SolveFailed(f"{operation}: no flow is called {hole!r}.")
    before, after = (saturation(beat, hole, towards=towards) for beat in beats)
    return 100 * (after - before)


EFFECTS: Final = (
    Effect(
        "atrial_septostomy",
        "arterial saturation",
        partial(_change, "atrial_septostomy", "atrial_shunt", -1),
        (-12, -5),
        "points",
        "meta-analysis PMC7403752: -8.5",
    ),
    Effect(
        "fenestration_closure",
        "arterial saturation",
        partial(_change, "fenestration_closure", "fenestration", 1),
        RISES,
        "points",
        "fenestration model PMC9280082",
    ),
)
"""Published effects on arterial saturation."""
