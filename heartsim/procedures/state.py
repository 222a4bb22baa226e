"""Edits of the state: heart rate, strength of all muscle, resistance of a vascular bed."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, final, runtime_checkable

from heartsim.procedures.circuit import circulation_of
from heartsim.procedures.edit import Dose, HeartEdit, Receipt
from heartsim.procedures.material import with_tissue
from heartsim.units import minute

if TYPE_CHECKING:
    from heartsim.circulation.components import Vessel
    from heartsim.heart import Heart


@runtime_checkable
class Lumped(Protocol):
    """Heart without a wall, whose chambers know themselves how to beat faster or stronger."""

    def at_period(self, period: Dose) -> "Heart":
        """Heart at another period [ms]."""
        ...

    def stronger(self, factor: Dose) -> "Heart":
        """Heart that contracts more or less."""
        ...


@final
@dataclass(frozen=True)
class SetRate(HeartEdit):
    """Set the heart rate; the twitch shortens with the square root of the period.

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
        blood = circulation_of(heart)
        period = 1 / self.rate
        receipt = Receipt(
            action="changed the heart rate",
            target="rhythm:rate",
            amounts={"before_per_min": minute / blood.period, "after_per_min": self.rate * minute},
        )
        if isinstance(heart, Lumped):
            return heart.at_period(period), receipt
        before = heart.activation
        shorter = (period / blood.period) ** 0.5
        twitch = replace(
            before.twitch,
            rise=before.twitch.rise * shorter,
            peak=before.twitch.peak * shorter,
            relaxation=before.twitch.relaxation * shorter,
        )
        return replace(
            heart,
            circulation=replace(blood, period=period),
            activation=replace(before, twitch=twitch, period=period),
        ), receipt


@final
@dataclass(frozen=True)
class ScaleStrength(HeartEdit):
    """Multiply the contractility of all muscle, as an inotropic drug does.

    Attributes
    ----------
    factor : float
        1 leaves the heart as it is.
    """

    factor: Dose

    @property
    def targets(self) -> tuple[str, ...]:
        """The strength of the whole heart."""
        return ("strength:all",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with all muscle stronger or weaker."""
        receipt = Receipt(
            action="changed the contractility of all muscle",
            target="strength:all",
            amounts={"factor": self.factor},
        )
        if isinstance(heart, Lumped):
            return heart.stronger(self.factor), receipt
        contractility = heart.tissue.contractility * self.factor
        return with_tissue(heart, replace(heart.tissue, contractility=contractility)), receipt


@final
@dataclass(frozen=True)
class ScaleResistance(HeartEdit):
    """Multiply the resistance of a vascular bed.

    Attributes
    ----------
    bed : str
        ``"systemic_arteries"`` or ``"pulmonary_arteries"``.
    factor : float
        1 leaves the bed as it is.
    """

    bed: str
    factor: Dose

    @property
    def targets(self) -> tuple[str, ...]:
        """The bed."""
        return (f"resistance:{self.bed}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the bed dilated or constricted."""
        blood = circulation_of(heart)
        vessel: Vessel = getattr(blood, self.bed)
        changed = replace(vessel, resistance=vessel.resistance * self.factor)
        receipt = Receipt(
            action=f"changed the resistance of the {self.bed.replace('_', ' ')}",
            target=f"resistance:{self.bed}",
            amounts={"factor": self.factor},
        )
        circulation = replace(blood, **{self.bed: changed})
        return replace(heart, circulation=circulation), receipt
