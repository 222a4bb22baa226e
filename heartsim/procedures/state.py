"""Edits of the state: rate, strength and relaxation of all muscle, vascular tone.

Each knob is a function from a heart to a heart; the edits below turn one knob and say so, and drugs
(`heartsim.procedures.drugs`) turn several. A knob turns the 3D wall and every 0D chamber alike; a
heart without 3D chambers has only the latter.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from heartsim.procedures.circuit import circulation_of
from heartsim.procedures.edit import Dose, HeartEdit, Receipt
from heartsim.procedures.material import with_tissue
from heartsim.units import minute

if TYPE_CHECKING:
    from heartsim.circulation.chambers import Chamber
    from heartsim.circulation.components import Vessel
    from heartsim.heart import Heart

CHAMBERS = ("LA", "LV", "RA", "RV")


def with_rate(heart: "Heart", rate: Dose) -> "Heart":
    """Heart at another rate [1/ms]; twitch and 0D chambers shorten with the root of the period."""
    blood = circulation_of(heart)
    period = 1 / rate
    shorter = (period / blood.period) ** 0.5
    quicker = _with_chambers(
        replace(heart, circulation=replace(blood, period=period)),
        lambda law: law.timed(rise=shorter, fall=shorter),
    )
    if not heart.chambers:
        return quicker
    before = heart.activation
    twitch = replace(
        before.twitch,
        rise=before.twitch.rise * shorter,
        peak=before.twitch.peak * shorter,
        relaxation=before.twitch.relaxation * shorter,
    )
    return replace(quicker, activation=replace(before, twitch=twitch, period=period))


def with_strength(heart: "Heart", factor: Dose) -> "Heart":
    """Heart whose muscle, 0D chambers included, pulls harder or less hard."""
    stronger = _with_chambers(heart, lambda law: law.stronger(factor))
    if not heart.chambers:
        return stronger
    contractility = heart.tissue.contractility * factor
    return with_tissue(stronger, replace(heart.tissue, contractility=contractility))


def with_relaxation(heart: "Heart", factor: Dose) -> "Heart":
    """Heart whose muscle relaxes faster (above 1) or slower: the fall of tension is rescaled."""
    quicker = _with_chambers(heart, lambda law: law.timed(fall=1 / factor))
    if not heart.chambers:
        return quicker
    twitch = heart.activation.twitch
    changed = replace(twitch, relaxation=twitch.relaxation / factor)
    return replace(quicker, activation=replace(heart.activation, twitch=changed))


def with_systole(heart: "Heart", factor: Dose) -> "Heart":
    """Heart whose tension peaks later (above 1) or earlier; the walls rise and fall as before."""
    longer = _with_chambers(heart, lambda law: law.timed(rise=factor))
    if not heart.chambers:
        return longer
    twitch = heart.activation.twitch
    changed = replace(twitch, peak=twitch.peak * factor)
    return replace(longer, activation=replace(heart.activation, twitch=changed))


def with_resistance(heart: "Heart", bed: str, factor: Dose) -> "Heart":
    """Heart with a vascular bed dilated (below 1) or constricted."""
    blood = circulation_of(heart)
    vessel: Vessel = getattr(blood, bed)
    changed = {bed: replace(vessel, resistance=vessel.resistance * factor)}
    if bed == "systemic_arteries":
        # arterioles of the upper body, where a Glenn has set them apart
        upper = blood.upper_body
        changed["upper_body"] = replace(upper, conductance=upper.conductance / factor)
    return replace(heart, circulation=replace(blood, **changed))


def with_filling(heart: "Heart", factor: Dose) -> "Heart":
    """Heart with more (above 1) or less stressed blood; see `heartsim.heart.Heart.filling`."""
    return replace(heart, filling=heart.filling * factor)


def _with_chambers(heart: "Heart", change: "Callable[[Chamber], Chamber]") -> "Heart":
    """Heart whose 0D chambers are changed, each as its law knows."""
    blood = circulation_of(heart)
    changed = {name: change(getattr(blood, name)) for name in CHAMBERS}
    return replace(heart, circulation=replace(blood, **changed))


@final
@dataclass(frozen=True)
class SetRate(HeartEdit):
    """Set the heart rate; contraction shortens with the square root of the period.

    Attributes
    ----------
    rate : float
        Beats per time [1/ms].
    """

    rate: Dose

    @property
    def targets(self) -> tuple[str, ...]:
        """The rhythm."""
        return ("rhythm:rate",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart at another rate."""
        before = circulation_of(heart).period
        receipt = Receipt(
            action="changed the heart rate",
            target="rhythm:rate",
            amounts={"before_per_min": minute / before, "after_per_min": self.rate * minute},
        )
        return with_rate(heart, self.rate), receipt


@dataclass(frozen=True)
class Knob:
    """One number of the state that drugs, reflexes and loading rules turn.

    Attributes
    ----------
    target : str
        What two edits must not both change.
    words : str
        What is turned, for the report.
    turn : callable
        Heart and factor to heart; factor 1 leaves it as it is.
    """

    target: str
    words: str
    turn: "Callable[[Heart, Dose], Heart]"


KNOBS = {
    "rate": Knob(
        "rhythm:rate",
        "heart rate",
        lambda heart, factor: with_rate(heart, factor / circulation_of(heart).period),
    ),
    "strength": Knob("strength:all", "contractility of all muscle", with_strength),
    "relaxation": Knob("relaxation:all", "speed of relaxation of all muscle", with_relaxation),
    "systole": Knob("systole:all", "duration of systole", with_systole),
    "systemic_resistance": Knob(
        "resistance:systemic_arteries",
        "systemic resistance",
        lambda heart, factor: with_resistance(heart, "systemic_arteries", factor),
    ),
    "pulmonary_resistance": Knob(
        "resistance:pulmonary_arteries",
        "pulmonary resistance",
        lambda heart, factor: with_resistance(heart, "pulmonary_arteries", factor),
    ),
    "stressed_volume": Knob("blood:stressed", "stressed blood volume", with_filling),
}
"""Knobs of the state, by name."""


@final
@dataclass(frozen=True)
class Turn(HeartEdit):
    """Multiply one number of the state.

    Attributes
    ----------
    knob : str
        One of `KNOBS`.
    factor : float
        1 leaves the heart as it is.
    """

    knob: str
    factor: Dose

    @property
    def targets(self) -> tuple[str, ...]:
        """What the knob turns."""
        return (KNOBS[self.knob].target,)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the knob turned."""
        knob = KNOBS[self.knob]
        receipt = Receipt(
            action=f"changed the {knob.words}",
            target=knob.target,
            amounts={"factor": self.factor},
        )
        return knob.turn(heart, self.factor), receipt
