"""What surrounds and joins the chambers: pericardium and ventricular septum.

Units: pressure [kPa], volume [mm³].
"""

from typing import Final, final

import equinox as eqx

from heartsim.circulation.chambers import exponential
from heartsim.circulation.components import Scalar, collapse, parameter
from heartsim.units import mL, mmHg

_TOUCHING: Final = 2 * mL
"""Volume of a ventricle below which septum and free wall touch [mm³]."""

_CONTACT: Final = 1 * mmHg / mL
"""Stiffness with which they then resist suction [kPa/mm³]."""


def contact(volume: Scalar) -> Scalar:
    """Negative pressure [kPa] of a ventricle so empty that septum and free wall touch, else 0."""
    return collapse(volume, _TOUCHING, _CONTACT)


@final
class Pericardium(eqx.Module):
    """Sac around the four chambers, ``p = P (exp(k (V - V0)) - 1)`` with V the heart's volume [1]_.

    Its pressure adds to that of every 0D chamber, so whatever fills one chamber presses on all.
    Constriction is a small V0 and a large k. A pressure P of 0 is absence: an open pericardium.

    References
    ----------
    .. [1] Smith et al. (2004). Minimal haemodynamic system model including ventricular interaction
       and valve dynamics. doi:10.1016/j.medengphy.2003.10.001
    """

    pressure: Scalar = parameter()
    """P [kPa]."""
    stiffening: Scalar = parameter()
    """k [1/mm³]."""
    unstressed: Scalar = parameter()
    """Volume V0 of the blood in the heart that the sac holds without pressure [mm³]."""

    def squeeze(self, heart: Scalar) -> Scalar:
        """Pressure [kPa] on a heart that holds a volume of blood [mm³]."""
        return (
            self.pressure * self.stiffening * exponential(heart - self.unstressed, self.stiffening)
        )


@final
class Septum(eqx.Module):
    """Wall between the ventricles that bulges to the lower pressure, ``V_s = C (p_LV - p_RV)``.

    Each ventricle is a free wall plus the bulge, V_LV = V_free + V_s, V_RV = V_free - V_s [1]_;
    free walls follow the chambers' own relations, and `contact` keeps blood between them. The
    septum stiffens as it contracts, C = compliance / (1 + stiffening e). A compliance of 0 is
    absence: ventricles side by side.

    References
    ----------
    .. [1] Smith et al. (2004). Minimal haemodynamic system model including ventricular interaction
       and valve dynamics. doi:10.1016/j.medengphy.2003.10.001
    """

    compliance: Scalar = parameter()
    """Compliance of the relaxed septum [mm³/kPa]."""
    stiffening: Scalar = parameter()
    """How many times stiffer it gets at full activation, less one."""

    def bulge(self, drop: Scalar, activation: Scalar) -> Scalar:
        """Volume [mm³] by which it bulges into the right ventricle at p_LV - p_RV = drop [kPa]."""
        return self.compliance * drop / (1 + self.stiffening * activation)
