"""Edits of tissue: where a region is, how strong and how stiff it is, what recovers."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from heartsim.procedures.edit import Dose, HeartEdit, Receipt
from heartsim.procedures.region import no_such_region
from heartsim.units import mL

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from heartsim.heart import Heart
    from heartsim.tissue.tissue import Tissue


def region_weight(heart: "Heart", region: str) -> "Float[Array, ' cells']":
    """Share of each cell that belongs to a region, 0 to 1; the border zone lies between.

    Raises
    ------
    ProcedureError
        If the heart has no such region; the message lists those it has and tells what marks one.
    """
    if region not in heart.region:
        raise no_such_region(region, heart.region)
    return heart.region[region]


def with_tissue(heart: "Heart", tissue: "Tissue") -> "Heart":
    """Return the heart with other muscle in the same wall."""
    return replace(heart, solid=replace(heart.solid, material=tissue))


@final
@dataclass(frozen=True)
class ScaleTissue(HeartEdit):
    """Multiply strength and stiffness in a region, with the region's own ramp at its border.

    Attributes
    ----------
    region : str
        Region of the heart.
    contractility : float
        What remains of the peak active tension: 1 healthy, 0 scar.
    stiffness : float
        Multiplier of the passive energy: 1 healthy.
    """

    region: str
    contractility: Dose = 1.0
    stiffness: Dose = 1.0

    @property
    def targets(self) -> tuple[str, ...]:
        """The tissue of the region."""
        return (f"tissue:{self.region}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the region changed.

        Raises
        ------
        ProcedureError
            If the heart has no such region.
        """
        weight = region_weight(heart, self.region)
        tissue = heart.tissue
        changed = replace(
            tissue,
            contractility=tissue.contractility * (1 + weight * (self.contractility - 1)),
            stiffness=tissue.stiffness * (1 + weight * (self.stiffness - 1)),
        )
        receipt = Receipt(
            action=f"changed strength and stiffness of region {self.region}",
            target=f"tissue:{self.region}",
            amounts={
                "tissue_mL": (weight * heart.cell_volume).sum() / mL,
                "contractility_remaining": self.contractility,
                "stiffness_multiplier": self.stiffness,
            },
        )
        return with_tissue(heart, changed), receipt


@final
@dataclass(frozen=True)
class RecoverTissue(HeartEdit):
    """Bring the strength of a region back towards that of the healthiest muscle.

    Attributes
    ----------
    region : str
        Region that is weak but alive.
    recovery : float
        0 no effect, 1 as strong as the strongest cell of the heart.
    """

    region: str
    recovery: Dose

    @property
    def targets(self) -> tuple[str, ...]:
        """The tissue of the region."""
        return (f"tissue:{self.region}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the region recovered.

        Raises
        ------
        ProcedureError
            If the heart has no such region.
        """
        weight = region_weight(heart, self.region)
        tension = heart.tissue.contractility
        gain = self.recovery * (weight > 0) * (tension.max() - tension)
        volume = (weight * heart.cell_volume).sum()
        receipt = Receipt(
            action=f"restored perfusion of region {self.region}",
            target=f"tissue:{self.region}",
            amounts={
                "tissue_mL": volume / mL,
                "recovery": self.recovery,
                "contractility_gain_kPa": (gain * weight * heart.cell_volume).sum() / volume,
            },
        )
        tissue = replace(heart.tissue, contractility=tension + gain)
        return with_tissue(heart, tissue), receipt


@final
@dataclass(frozen=True)
class InjectGel(HeartEdit):
    """Push muscle of a region apart with gel: the wall thickens, the mixture is softer or stiffer.

    The gel makes room for itself across the sheets, so that the unloaded wall is thicker and as
    long and wide as before. Its share phi is its volume over that of region and gel; active tension
    of the mixture scales with 1 - phi, so that all muscle pulls as before, and stiffness with
    1 + phi (ratio - 1), the upper (Voigt) bound of a mixture.

    Attributes
    ----------
    region : str
        Region of the heart.
    volume : float
        Gel in all [mm³]; 0 changes nothing.
    ratio : float
        Stiffness of the gel over that of relaxed muscle.
    """

    region: str
    volume: Dose
    ratio: Dose

    @property
    def targets(self) -> tuple[str, ...]:
        """The tissue of the region."""
        return (f"tissue:{self.region}",)

    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the heart with the gel.

        Raises
        ------
        ProcedureError
            If the heart has no such region.
        """
        weight = region_weight(heart, self.region)
        region = (weight * heart.cell_volume).sum()
        room = 1 + weight * (self.volume / region)
        share = self.volume / (region + self.volume)
        stiffness = 1 + share * (self.ratio - 1)
        mixed, _ = ScaleTissue(self.region, 1 - share, stiffness).apply_to_heart(heart)
        solid = replace(mixed.solid, swelling=mixed.solid.swelling * room)
        receipt = Receipt(
            action=f"injected gel into region {self.region}",
            target=f"tissue:{self.region}",
            amounts={
                "gel_mL": self.volume / mL,
                "tissue_mL": region / mL,
                "wall_thicker_percent": 100 * self.volume / region,
                "gel_share_percent": 100 * share,
                "stiffness_multiplier": stiffness,
            },
        )
        return replace(mixed, solid=solid), receipt
