"""Loading rules: what is kept the same between scenarios, each one unknown and one pressure.

The sign of "stroke volume after surgery" can depend on what is held: the blood, the filling
pressure or the arterial pressure. A rule that holds a pressure changes one thing to hold it::

    match-LVEDP   stressed blood volume      until LV end-diastolic pressure is the baseline's
    match-MAP     systemic resistance        until mean arterial pressure is the baseline's
    reflex        what the baroreflex sets   until it sets what the pressure asks for

All three are one monotone equation in one unknown, solved by safeguarded secants (`settle`), each
trial being the periodic state of a whole heart or of a 0D loop.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

from heartsim.errors import InputError, not_found
from heartsim.indices.events import end_diastole
from heartsim.procedures.baroreflex import effectors
from heartsim.procedures.edit import Procedure, Receipt
from heartsim.procedures.state import Turn
from heartsim.result import time_mean
from heartsim.units import mL, mmHg

MOST_TRIALS: Final = 8
"""Periodic states after which a rule is given up."""

MISSED: Final = "loading rule not met"
"""Status of a periodic result whose loading rule was given up."""

Pressures = Mapping[str, Float[np.ndarray, " times"]]
_State = TypeVar("_State")


class Trial(NamedTuple):
    """One periodic state."""

    unknown: float
    """What the rule changes, see `Rule.edits`."""
    pressure: float
    """What the rule holds [mmHg]."""


@dataclass(frozen=True)
class Rule:
    """A pressure that is held and the unknown that holds it.

    Attributes
    ----------
    name : str
        As in a scenario file.
    index : str
        Key of the pressure in ``indices.json``.
    held : str
        The pressure in words.
    slope : float
        Change of `error` with the unknown in a healthy adult [mmHg]: only starts the search.
    stride : float
        Largest step of the unknown.
    tolerance : float
        Error that counts as none [mmHg].
    """

    name: str
    index: str
    held: str
    slope: float
    stride: float
    tolerance: float

    def edits(self, unknown: float, target: float) -> tuple[Turn, ...]:
        """Edits of the heart for a value of the unknown.

        ``match-LVEDP``: logarithm of the stressed blood volume over the patient's own.
        ``match-MAP``: logarithm of the systemic resistance over the patient's own.
        ``reflex``: pressure that the baroreflex senses above its set point [mmHg].
        """
        if self.name == "match-LVEDP":
            return (Turn("stressed_volume", math.exp(unknown)),)
        if self.name == "match-MAP":
            return (Turn("systemic_resistance", math.exp(unknown)),)
        set_by = effectors(target + unknown, target)
        return tuple(Turn(knob, factor) for knob, factor in set_by._asdict().items())

    def error(self, trial: Trial, target: float) -> float:
        """Pressure found minus pressure due [mmHg]."""
        due = target + trial.unknown if self.name == "reflex" else target
        return trial.pressure - due

    def met(self, trial: Trial, target: float) -> bool:
        """Whether a trial holds the rule."""
        return abs(self.error(trial, target)) <= self.tolerance

    def verdict(self, status: str, trial: Trial, target: float) -> str:
        """Status of a result: its own, or `MISSED` if it is periodic and the rule is not held."""
        return MISSED if status == "converged" and not self.met(trial, target) else status

    def measure(self, time: Float[np.ndarray, " times"], period: float, found: Pressures) -> float:
        """Read the pressure that the rule holds [mmHg] from the traces [ms, kPa] of a beat."""
        if self.name == "match-LVEDP":
            return float(found["LV"][end_diastole(time, found["LV"], found["LA"])]) / mmHg
        return time_mean(time, period, found["aorta"]) / mmHg

    def procedure(self, unknown: float, target: float) -> Procedure:
        """Write the adjustment as a procedure, so that its receipts stand beside the others."""
        title = f"Loading rule {self.name}"
        return Procedure(f"loading rule {self.name}", title, self.edits(unknown, target))

    def report(self, trials: Sequence[Trial], target: float, *, stressed_volume: float) -> Receipt:
        """Tell how the search ended, and with how much stressed blood [mm³]."""
        last = trials[-1]
        due = last.pressure - self.error(last, target)
        verb = "held" if self.met(last, target) else "did not reach"
        return Receipt(
            action=f"{verb} the {self.held}",
            target=self.index,
            amounts={
                "due_mmHg": due,
                "found_mmHg": last.pressure,
                "stressed_volume_mL": stressed_volume / mL,
                "periodic_states": len(trials),
            },
            procedure=f"loading rule {self.name}",
        )


_LVEDP, _MAP = "chambers.LV.EDP_mmHg", "circulation.MAP_mmHg"

RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule
    for rule in (
        Rule("match-LVEDP", _LVEDP, "LV end-diastolic pressure", 7.5, 0.25, 0.2),
        Rule("match-MAP", _MAP, "mean arterial pressure", 55.0, 0.5, 0.5),
        Rule("reflex", _MAP, "mean arterial pressure sensed by the baroreflex", -3.8, 20.0, 0.5),
    )
}
"""Rules that hold a pressure; ``same-stressed-volume`` holds none and changes nothing."""


def rule_of(name: str) -> Rule | None:
    """Rule of a name, or None for ``same-stressed-volume``.

    Raises
    ------
    InputError
        If there is no such rule.
    """
    if name == "same-stressed-volume":
        return None
    if name not in RULES:
        known = ["same-stressed-volume", *RULES]
        raise not_found(InputError, "loading rule", name, "protocol.loading", known)
    return RULES[name]


def settle(
    rule: Rule,
    target: float,
    attempt: Callable[[float, tuple[Trial, ...], _State | None], tuple[float, _State]],
    done: tuple[Trial, ...] = (),
) -> tuple[tuple[Trial, ...], _State]:
    """Change the unknown of a rule until its pressure is held, or `MOST_TRIALS` are made.

    Parameters
    ----------
    rule : Rule
    target : float
        Pressure to hold, or set point of the reflex [mmHg].
    attempt : callable
        Value of the unknown, trials so far and periodic state of the last one (None at first) to
        the pressure found there [mmHg] and the new periodic state.
    done : tuple of Trial
        Trials of an interrupted search; the attempt after them is made in any case.

    Returns
    -------
    trials : tuple of Trial
        All trials; the last one is the answer if `Rule.met`.
    state
        Periodic state of the last one.
    """
    trials, state = done, None
    while True:
        unknown = next_unknown(rule, target, trials)
        pressure, state = attempt(unknown, trials, state)
        trials = (*trials, Trial(unknown, pressure))
        if rule.met(trials[-1], target) or len(trials) >= MOST_TRIALS:
            return trials, state


def next_unknown(rule: Rule, target: float, trials: Sequence[Trial]) -> float:
    """Where to try next: zero, then a step along the usual slope, then secants.

    A secant through the two trials of least error is kept within the bracket, if there is one, and
    within one stride; a secant that falls where the equation rises (noise of periodicity) gives way
    to the usual slope.
    """
    if not trials:
        return 0.0
    ranked = sorted(trials, key=lambda trial: abs(rule.error(trial, target)))
    best, error = ranked[0].unknown, rule.error(ranked[0], target)
    slope = rule.slope
    if len(ranked) > 1 and ranked[1].unknown != best:
        secant = (rule.error(ranked[1], target) - error) / (ranked[1].unknown - best)
        slope = secant if secant * slope > 0 else slope
    guess = best + float(np.clip(-error / slope, -rule.stride, rule.stride))
    sides = {sign: [] for sign in (-1.0, 1.0)}
    for trial in trials:
        side = math.copysign(1.0, rule.error(trial, target) * rule.slope)
        sides[side].append(trial.unknown)
    low, high = max(sides[-1.0], default=-math.inf), min(sides[1.0], default=math.inf)
    bracketed = math.isfinite(low) and math.isfinite(high)
    return (low + high) / 2 if bracketed and not low < guess < high else guess
