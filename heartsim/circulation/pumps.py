"""Pumps that help a heart: rotary pumps with a head-flow curve, and the intra-aortic balloon.

Units: pressure [kPa], flow [mm³/ms] (= mL/s), volume [mm³], time [ms], area [mm²].
"""

from typing import Final, final

import equinox as eqx
import jax.numpy as jnp

from heartsim.circulation.components import Orifice, Scalar, parameter

_RAMP: Final = 0.06
"""Part of the period that a balloon takes to fill or to empty; 50 ms at 72 beats per minute."""


@final
class Pump(eqx.Module):
    """Rotary pump (LVAD, Impella, ECMO) on its head-flow curve.

    ::

        inlet ──( H )──[ R ]──)(──── outlet        H - dp_load = R q + rho/(2 A²) q|q|

    H is the head at which the pump stalls, which grows with the square of the speed; the
    resistance and the loss of an orifice of area A bend the curve down, flat in one pump and steep
    in another [1]_. Above H blood runs backwards, as it does in a stopped pump. An area of 0 is
    absence.

    References
    ----------
    .. [1] Yang et al. (2026). Hemodynamic consequences of pressure-flow curve gradient variations
       in continuous-flow ventricular assist devices. doi:10.3389/fphys.2025.1730883
    """

    area: Scalar = parameter()
    """Area of the orifice with the pump's quadratic loss [mm²]; 0 is absence."""
    resistance: Scalar = parameter()
    """Linear loss [kPa ms/mm³]."""
    head: Scalar = parameter()
    """Shut-off head H [kPa]."""

    def flow(self, drop: Scalar) -> Scalar:
        """Flow [mm³/ms] for the drop from inlet to outlet [kPa], negative against a load."""
        return self.loss.flow(drop + self.head)

    @property
    def loss(self) -> Orifice:
        """The pump as it resists when it stands still."""
        return Orifice(self.area, self.resistance)


@final
class Balloon(eqx.Module):
    """Counterpulsation balloon: a volume of gas that comes and goes in the great artery.

    While inflated it takes the place of blood, so the vessel holds the same blood at a pressure
    higher by ``volume / compliance``. A volume of 0 is absence.
    """

    volume: Scalar = parameter()
    """Gas when inflated [mm³]; 30 to 50 mL in adults."""
    inflated: Scalar = parameter()
    """Start of inflation in the beat, at the closure of the aortic valve [ms]."""
    deflated: Scalar = parameter()
    """Start of deflation in the beat, before the aortic valve opens [ms]."""

    def gas(self, time: Scalar, period: Scalar) -> Scalar:
        """Gas in the balloon at a time of the beat [mm³]."""

        def passed(start: Scalar) -> Scalar:
            part = jnp.mod(time - start, period) / (_RAMP * period)
            return (1 - jnp.cos(jnp.pi * jnp.clip(part, 0.0, 1.0))) / 2

        since, after = jnp.mod(time - self.inflated, period), self.deflated - self.inflated
        full = since < jnp.mod(after, period)
        return self.volume * jnp.where(full, passed(self.inflated), 1 - passed(self.deflated))
