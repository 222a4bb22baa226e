"""The smallest finite element heart that beats, a left ventricle of 378 cells, and its beats."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np

from heartsim import equilibrium
from heartsim.beat import Moment, march, next_beat
from heartsim.circulation import (
    Circulation,
    Traces,
    blood_volume,
    emulate_chamber,
    limit_cycle,
    with_blood_volume,
    with_chambers,
)
from heartsim.circulation.closed_loop import stored_volumes
from heartsim.equilibrium import Workspace
from heartsim.heart import Heart
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.io import write
from heartsim.patient import prepare
from heartsim.progress import Progress
from heartsim.recorder import Recorder
from heartsim.restart import PassiveCurve, SeenBeat, passive_curve, periodic_guess, refill
from heartsim.scenario import Scenario
from heartsim.units import mL, mmHg

EDGE = 16.0
MOST_BEATS = 5
PERIODIC = 0.8 * mL


def scenario_of(folder, element: str = "P1P1") -> Scenario:
    """Scenario of the ventricle, its mesh written into a folder."""
    path = folder / "ventricle.vtu"
    write(human_left_ventricle(EDGE, layers=1), path)
    patient = {"mesh": str(path), "element": element, "imaged_at": "unloaded"}
    return Scenario.from_dict({"title": "Small ventricle", "patient": patient})


@dataclass(frozen=True)
class Ventricle:
    """The ventricle, its solver, its passive curve, and the beat it was last seen in."""

    heart: Heart
    work: Workspace
    moment: Moment
    curve: PassiveCurve
    seen: SeenBeat | None = None

    @property
    def recorder(self) -> Recorder:
        """Traces of the last beat."""
        assert self.seen is not None
        return self.seen.recorder

    def column(self, name: str) -> np.ndarray:
        """One trace of the last beat, each time once [kPa, mm³, mm³/ms]."""
        return self.recorder.column(name)[1:]

    @property
    def pressure(self) -> np.ndarray:
        """[mmHg]"""
        return self.column("pressure.LV") / mmHg

    @property
    def volume(self) -> np.ndarray:
        """[mL]"""
        return self.column("volume.LV") / mL

    @property
    def stroke(self) -> float:
        """Stroke volume [mL]."""
        return float(np.ptp(self.volume))

    @property
    def filling(self) -> float:
        """End-diastolic pressure [mmHg], at the trigger of the ventricles."""
        at = np.abs(self.column("time") - float(self.heart.loop.av_delay)).argmin()
        return float(self.pressure[at])


def small_ventricle(folder, element: str = "P1P1") -> Ventricle:
    """Ventricle at the start of its first beat."""
    patient = prepare(scenario_of(folder, element), Progress(quiet=True))
    curve, work = passive_curve(patient.work, patient.heart, patient.moment.wall)
    return Ventricle(patient.heart, work, patient.moment, curve)


def one_beat(ventricle: Ventricle, *, step: float) -> Ventricle:
    """The ventricle after one beat."""
    heart, work, moment = ventricle.heart, ventricle.work, ventricle.moment
    period, start = float(heart.loop.period), moment.blood
    recorder = Recorder(every=period).after(heart, moment, moment)
    for level in march(work, heart, moment, step=step, until=period):
        work, before, moment = level
        recorder = recorder.after(heart, before, moment)
    seen = SeenBeat(heart, recorder, start, moment.blood)
    return replace(ventricle, work=work, moment=next_beat(moment), seen=seen)


def settled(ventricle: Ventricle, heart: Heart, blood: float = 1.0, *, step: float) -> Ventricle:
    """Periodic beat of the ventricle after its heart was changed and some blood given or taken.

    Parameters
    ----------
    ventricle : Ventricle
        After a beat of its own.
    heart : Heart
        The same heart, edited.
    blood : float
        Stressed blood volume over that of the ventricle.
    step : float
        Time step [ms].
    """
    assert ventricle.seen is not None
    seen, work, moment = ventricle.seen, ventricle.work, ventricle.moment
    held = float(blood_volume(seen.heart.loop, seen.start)) * blood
    for _ in range(MOST_BEATS):
        wanted = with_blood_volume(heart.loop, moment.blood, jnp.asarray(held))
        guess = periodic_guess(seen, ventricle.curve, heart.loop, wanted)
        work, moment = refill(work, heart, moment, guess)
        start = replace(ventricle, heart=heart, work=work, moment=moment)
        after = one_beat(start, step=step)
        ends = [
            np.asarray(stored_volumes(heart.loop, s)) for s in (after.seen.start, after.seen.end)
        ]
        if np.abs(ends[1] - ends[0]).max() < PERIODIC:
            return after
        seen, work, moment = after.seen, after.work, after.moment
    raise AssertionError(f"not periodic after {MOST_BEATS} beats")


def twin_beat(
    ventricle: Ventricle, loop: Circulation, blood: float, *, strength: float, steps: int
) -> Traces:
    """Periodic beat of a loop with the 0D twin of the ventricle, fitted to its last beat.

    Parameters
    ----------
    ventricle : Ventricle
    loop : Circulation
        The loop for which it is asked.
    blood : float
        Stressed blood volume over that of the ventricle.
    strength : float
        Contractility over that of the ventricle.
    steps : int
        Time steps; as many as the wall took.
    """
    seen = ventricle.seen
    assert seen is not None
    own = seen.heart.loop
    fitted = emulate_chamber(
        (ventricle.column("time"), ventricle.column("volume.LV"), ventricle.column("pressure.LV")),
        (ventricle.curve.volume["LV"], ventricle.curve.pressure["LV"]),
        trigger=float(own.av_delay),
        period=float(own.period),
    )
    with_twin = with_chambers(loop, {"LV": fitted.stronger(jnp.asarray(strength))})
    held = blood_volume(own, seen.start) * blood
    return limit_cycle(with_twin, with_blood_volume(loop, seen.start, held), steps).traces


def inflated(ventricle: Ventricle, pressures: np.ndarray) -> np.ndarray:
    """Volumes [mL] of the passive ventricle at pressures [mmHg]."""
    wall, work, volumes = equilibrium.rest(ventricle.heart), ventricle.work, []
    for pressure in pressures:
        wall, work = equilibrium.inflate(work, ventricle.heart, wall, np.array([pressure * mmHg]))
        volumes.append(float(equilibrium.held_volumes(ventricle.heart, wall)[0]) / mL)
    return np.array(volumes)
