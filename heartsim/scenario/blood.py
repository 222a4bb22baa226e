"""Sections of a scenario file that describe the blood: loop, valves, 0D chambers, devices."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from heartsim.scenario.models import Section
from heartsim.scenario.quantities import Quantity, usual


class Valve(Section):
    """Opening and leak of one heart valve."""

    area: Annotated[float, Quantity("area", "0.1 cm2", "20 cm2")] | None = Field(
        default=None, description="Effective orifice area; omit for a normal valve."
    )
    leak: Annotated[float, Quantity("area", "0 cm2", "5 cm2")] = usual(
        "0 cm2", "Effective regurgitant orifice area."
    )
    band: Annotated[float, Quantity("area", "0.05 cm2", "20 cm2")] | None = Field(
        default=None, description="Effective area of a band or fixed stenosis in series."
    )


class Chamber(Section):
    """A 0D chamber; what is omitted is that of a healthy adult."""

    model: Literal["elastance", "one-fiber"] = Field(
        default="elastance",
        description="Elastance: a stiffness that comes and goes. One-fiber: a wall of one fiber "
        "stress, which has wall, tension, slack, stiffness and exponent.",
    )
    active: Annotated[float, Quantity("elastance", "0 mmHg/mL", "50 mmHg/mL")] | None = Field(
        default=None, description="Elastance that contraction adds."
    )
    passive: Annotated[float, Quantity("elastance", "0.001 mmHg/mL", "5 mmHg/mL")] | None = Field(
        default=None, description="Elastance of the relaxed chamber at its unstressed volume."
    )
    stiffening: Annotated[float, Quantity("per volume", "0 /mL", "1 /mL")] | None = Field(
        default=None, description="Exponential rate at which it stiffens as it fills."
    )
    unstressed: Annotated[float, Quantity("volume", "0.1 mL", "300 mL")] | None = Field(
        default=None, description="Volume at zero pressure."
    )
    contraction: Annotated[float, Quantity("time", "20 ms", "800 ms")] | None = Field(
        default=None, description="Duration of the rise of activation."
    )
    relaxation: Annotated[float, Quantity("time", "20 ms", "800 ms")] | None = Field(
        default=None, description="Duration of its fall."
    )
    wall: Annotated[float, Quantity("volume", "1 mL", "1000 mL")] | None = Field(
        default=None, description="One-fiber: volume of the wall."
    )
    tension: Annotated[float, Quantity("pressure", "0 kPa", "500 kPa")] | None = Field(
        default=None, description="One-fiber: active tension at the unloaded length."
    )
    slack: Annotated[float, Quantity("number", "0.5", "0.98")] | None = Field(
        default=None, description="One-fiber: stretch below which muscle does not pull."
    )
    stiffness: Annotated[float, Quantity("pressure", "0.01 kPa", "100 kPa")] | None = Field(
        default=None, description="One-fiber: passive stiffness at the unloaded length."
    )
    exponent: Annotated[float, Quantity("number", "0", "100")] | None = Field(
        default=None, description="One-fiber: exponent with which it stiffens."
    )

    @model_validator(mode="after")
    def _numbers_fit_model(self) -> Self:
        """Refuse numbers of the other model."""
        elastance = ("active", "passive", "stiffening")
        fiber = ("wall", "tension", "slack", "stiffness", "exponent")
        foreign = fiber if self.model == "elastance" else elastance
        stated = [name for name in foreign if getattr(self, name) is not None]
        if stated:
            raise ValueError(
                f"{stated[0]} is not a number of model = {self.model!r}. Omit it or choose the "
                "other model."
            )
        return self


class Pericardium(Section):
    """Sac around the four chambers, p = pressure (exp(stiffening (V - unstressed)) - 1)."""

    pressure: Annotated[float, Quantity("pressure", "0 mmHg", "20 mmHg")] = usual(
        "0 mmHg", "Scale of its pressure; 0 is an open pericardium."
    )
    stiffening: Annotated[float, Quantity("per volume", "0 /mL", "1 /mL")] = usual("0.03 /mL")
    unstressed: Annotated[float, Quantity("volume", "10 mL", "2000 mL")] = usual(
        "400 mL", "Blood in the heart at which it begins to press."
    )


class Septum(Section):
    """Interaction of 0D ventricles through their septum."""

    compliance: Annotated[float, Quantity("compliance", "0 mL/mmHg", "5 mL/mmHg")] = usual(
        "0 mL/mmHg", "Of the relaxed septum; 0 is none."
    )
    stiffening: Annotated[float, Quantity("number", "0", "1000")] = Field(
        default=50.0, description="How many times stiffer it gets as it contracts."
    )


_Hole = Annotated[float, Quantity("area", "0 cm2", "10 cm2")]
Topology = Literal["biventricular", "single ventricle", "glenn", "fontan", "norwood", "truncus"]


class Routes(Section):
    """Which way the blood goes; single ventricles are the left one, of a Norwood the right one."""

    topology: Topology = "biventricular"
    upper_body: Annotated[float, Quantity("number", "10 %", "90 %")] = Field(
        default=0.5, description="Glenn: part of the systemic flow that the upper body takes."
    )
    connection: Annotated[float, Quantity("resistance", "0.01 WU", "20 WU")] = usual(
        "0.5 WU", "Glenn, Fontan: resistance of the cavopulmonary connection."
    )
    fenestration: _Hole = usual("0 cm2", "Fontan: hole from the veins to the atrium.")


class Pump(Section):
    """Rotary pump on its head-flow curve, head - load = R q + rho/(2 A²) q²."""

    head: Annotated[float, Quantity("pressure", "0 mmHg", "600 mmHg")] = usual(
        "100 mmHg", "Head at which it stalls."
    )
    resistance: Annotated[float, Quantity("resistance", "0.001 mmHg s/mL")] = usual(
        "0.2 mmHg s/mL", "Linear loss."
    )
    area: _Hole = usual("0 cm2", "Orifice of its quadratic loss; 0 is no pump.")


class Balloon(Section):
    """Intra-aortic balloon."""

    volume: Annotated[float, Quantity("volume", "0 mL", "60 mL")] = usual("0 mL", "0 is none.")
    inflated: Annotated[float, Quantity("time", "0 ms", "2000 ms")] = usual(
        "450 ms", "Start of inflation in the beat, at the closure of the aortic valve."
    )
    deflated: Annotated[float, Quantity("time", "0 ms", "2000 ms")] = usual(
        "130 ms", "Start of deflation in the beat, before the aortic valve opens."
    )


class Coronary(Section):
    """Vessels of the heart muscle, apart from those of the body."""

    share: Annotated[float, Quantity("number", "0 %", "20 %")] = Field(
        default=0.0, description="Part of the systemic conductance that they take; 0 is not apart."
    )
    squeeze: Annotated[float, Quantity("number", "0", "1")] = Field(
        default=0.5, description="Part of the LV pressure that acts on them from outside."
    )


class Devices(Section):
    """Pumps."""

    lvad: Pump = Field(default=Pump(), description="Left ventricle to aorta (LVAD, Impella).")
    rvad: Pump = Field(default=Pump(), description="Right ventricle to pulmonary artery.")
    ecmo: Pump = Field(default=Pump(), description="Right atrium to aorta.")
    balloon: Balloon = Balloon()


class Circulation(Section):
    """The blood around the heart: a closed loop, with 0D chambers where the mesh has none."""

    model: Literal["closed-loop"] = "closed-loop"
    heart_rate: Annotated[float, Quantity("frequency", "30 /min", "220 /min")] = usual("72 /min")
    systemic_resistance: Annotated[float, Quantity("resistance", "0.1 mmHg s/mL")] = usual(
        "0.98 mmHg s/mL", "1 mmHg s/mL = 1333 dyn s/cm5."
    )
    systemic_compliance: Annotated[float, Quantity("compliance", "0.1 mL/mmHg")] = usual(
        "1.25 mL/mmHg"
    )
    pulmonary_resistance: Annotated[float, Quantity("resistance", "0.005 mmHg s/mL")] = usual(
        "0.08 mmHg s/mL", "1 WU = 0.06 mmHg s/mL."
    )
    pulmonary_compliance: Annotated[float, Quantity("compliance", "0.1 mL/mmHg")] = usual(
        "4.5 mL/mmHg"
    )
    blood_volume: Annotated[float, Quantity("volume", "100 mL", "5000 mL")] | None = Field(
        default=None, description="Stressed blood volume; omit to take it from the starting state."
    )
    atrial_shunt: _Hole = usual("0 cm2", "Hole between the atria.")
    ventricular_shunt: _Hole = usual("0 cm2", "Hole between the ventricles.")
    ductus: _Hole = usual("0 cm2", "Aorta to pulmonary artery.")
    routes: Routes = Routes()
    coronary: Coronary = Coronary()
    devices: Devices = Devices()
    pericardium: Pericardium = Pericardium()
    septum: Septum = Septum()
    LV: Chamber = Chamber()
    RV: Chamber = Chamber()
    LA: Chamber = Chamber()
    RA: Chamber = Chamber()
    mitral: Valve = Valve()
    aortic: Valve = Valve()
    tricuspid: Valve = Valve()
    pulmonary: Valve = Valve()
