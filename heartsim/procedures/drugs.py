"""Dose to effect: one compartment, a Hill curve for each knob, and a population around it.

::

    dose ──▶ effect site ──▶ Hill curves ──▶ knobs of the state
             C = dose (1 - 2^(-t / half-life))
             h = C^g / (ED50^g + C^g),   ED50 of a patient log-normal around the median
             knob = 1 + E_max h,   resistances (1 + E_max)^h

The effect-site level C is in units of dose: the steady dose that would hold it. A competitive
antagonist multiplies ED50 by 1 + B/K_B [1]_; receptors lost in heart failure scale E_max.

The table of drugs is `heartsim.procedures.formulary`.

References
----------
.. [1] Arunlakshana & Schild (1959). Some quantitative uses of drug antagonists. Br. J. Pharmacol.
   14:48.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from heartsim.procedures.edit import Dose, HeartEdit, Receipt
from heartsim.procedures.state import KNOBS

if TYPE_CHECKING:
    from heartsim.heart import Heart

VARIATION: Final = 0.4
"""Coefficient of variation of ED50 between patients; 30 to 50 % is usual for these drugs."""

_SIGMA: Final = math.sqrt(math.log1p(VARIATION**2))

PATIENTS: Final[Mapping[str, float]] = {
    "typical": 1.0,
    "sensitive": math.exp(-1.645 * _SIGMA),
    "resistant": math.exp(1.645 * _SIGMA),
}
"""Median, 5th and 95th percentile of ED50 over its median."""


@dataclass(frozen=True)
class Response:
    """Hill curve of one knob.

    Attributes
    ----------
    knob : str
        One of `heartsim.procedures.state.KNOBS`.
    largest : float
        Relative change at an infinite dose, E_max: -0.4 is a fall by 40 %.
    half : float
        Dose of half effect, ED50, in internal units of the dose.
    steepness : float
        Hill exponent, at least 1.
    """

    knob: str
    largest: float
    half: float
    steepness: float = 1.0

    def factor(self, level: Dose, *, shift: float = 1.0, receptors: float = 1.0) -> Dose:
        """Factor of the knob at an effect-site level.

        Parameters
        ----------
        level : float
            Effect-site level, in units of dose.
        shift : float
            ED50 of this patient over the median.
        receptors : float
            Share of E_max that is left.
        """
        relative = (level / (self.half * shift)) ** self.steepness
        occupied = relative / (1 + relative)
        largest = self.largest * receptors
        if self.knob.endswith("resistance"):
            return (1 + largest) ** occupied
        return 1 + largest * occupied


@final
@dataclass(frozen=True)
class Administer(HeartEdit):
    """Give a drug.

    Attributes
    ----------
    drug : str
        Name for the report.
    responses : tuple of Response
        What it does.
    dose : float
        In internal units.
    unit, symbol
        Internal units in one unit of the report, and its name, such as ``"ug_per_kg_per_min"``.
    reached : float
        Part of the steady effect-site level that is reached, 0 to 1.
    shift : float
        ED50 over the typical patient's: sensitivity, competitive antagonist.
    receptors : float
        Share of the largest effect that is left.
    """

    drug: str
    responses: tuple[Response, ...]
    dose: Dose
    unit: float
    symbol: str
    reached: float = 1.0
    shift: float = 1.0
    receptors: float = 1.0

    @property
    def targets(self) -> tuple[str, ...]:
        """Every knob that the drug turns."""
        return tuple(KNOBS[response.knob].target for response in self.responses)

    def factors(self, patient: str = "typical") -> dict[str, Dose]:
        """Factor of each knob; ``patient`` is relative to the one that takes the drug."""
        shift = self.shift * PATIENTS[patient]
        level = self.dose * self.reached
        return {
            response.knob: response.factor(level, shift=shift, receptors=self.receptors)
            for response in self.responses
        }

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart under the drug; the receipt holds the band of 90 % of patients."""
        here = self.factors()
        band = [self.factors(patient) for patient in ("sensitive", "resistant")]
        amounts: dict[str, Dose] = {
            f"dose_{self.symbol}": self.dose / self.unit,
            f"effect_site_{self.symbol}": self.dose * self.reached / self.unit,
        }
        for knob, factor in here.items():
            heart = KNOBS[knob].turn(heart, factor)
            amounts[f"{knob}_factor"] = factor
            amounts |= {
                f"{knob}_factor_if_{patient}": found[knob]
                for patient, found in zip(("sensitive", "resistant"), band, strict=True)
            }
        return heart, Receipt(
            action=f"gave {self.drug}", target=f"drug:{self.drug}", amounts=amounts
        )
