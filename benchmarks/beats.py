"""Hearts that beat: the peer's ventricle, a biventricular patient, many at once, a second start."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import sysconf
from pathlib import Path
from typing import Final

import jax.numpy as jnp
import numpy as np

from benchmarks import peer_loop
from benchmarks.measure import best, least, now, since, solver_of, timed
from benchmarks.ventricle import Model, model
from heartsim import equilibrium
from heartsim.beat import Moment, march
from heartsim.circulation import beat, healthy_adult
from heartsim.errors import SolveFailed
from heartsim.heart import Heart, Load
from heartsim.lanes import Meeting, Seat
from heartsim.patient import prepare
from heartsim.progress import Progress
from heartsim.recorder import Recorder
from heartsim.scenario import Scenario
from heartsim.tissue.parameters import passive_law
from heartsim.units import deg, kPa, mL, mmHg, s

SCALE: Final = 3.0
"""The peer's ventricle is the benchmark's, three times as large."""

TENSION: Final = 100.0 * kPa
KAPPA: Final = 1000.0 * kPa
STEP: Final = 10.0
"""Time step of the peer [ms]."""

STEPS: Final = 20
"""Time steps of the batch."""

TURNS: Final = 3
"""Measurements of a batch and of its hearts alone: one by itself scatters by a tenth."""

Row = dict[str, object]


def left_ventricle(source: str, element: str) -> Row:
    """First beat from rest in the peer's loop: same mesh size, laws, circuit and 10 ms steps.

    With P2/P1 the wall has the displacement nodes of the peer's P2 and a pressure beside them.
    """
    start = now()
    built = model(
        source,
        passive_law("holzapfel-ogden-2009-biaxial"),
        element,
        helix=60 * deg,
        scale=SCALE,
        compressibility=1 / KAPPA,
    )
    work = equilibrium.workspace(built.heart, built.nodes)
    setup = since(start)
    start = now()
    _peer_beat(built, work, 2)
    first = since(start)
    start = now()
    work, course = _peer_beat(built, work, round(peer_loop.PERIOD * s / STEP))
    spent = since(start)
    volume, pressure, arteries = course.T
    effort = work.effort
    return (
        {
            "mesh": built.shell.name,
            "element": element,
            "dofs": built.heart.solid.space.dofs,
            "elements": len(built.shell.tets),
        }
        | setup.row("setup")
        | first.row("two_steps_and_compile")
        | spent.row("solve")
        | {
            "time_steps": len(course) - 1,
            "newton": effort.newton,
            "krylov": effort.krylov,
            "failed_steps": effort.failed,
            "answer": {
                "EDV_mL": float(volume.max()),
                "ESV_mL": float(volume.min()),
                "EF_percent": float(100 * (1 - volume.min() / volume.max())),
                "peak_LV_mmHg": float(pressure.max()),
                "aorta_mmHg": [float(arteries.min()), float(arteries.max())],
            },
        }
    )


def _peer_beat(built: Model, work: equilibrium.Workspace, steps: int):
    """Time levels of a beat from rest: LV volume [mL], its pressure and the arteries' [mmHg]."""
    heart = built.heart
    wall, before, state = equilibrium.rest(heart), None, peer_loop.first_state()
    held = equilibrium.held_volumes(heart, wall)
    state = state._replace(LV=jnp.asarray(held[0] / mL))
    course, t = [(float(state.LV), 0.0, float(state.p_arteries))], 0.0
    work = replace(work, effort=equilibrium.Effort())
    still, last = equilibrium.passive_load(heart), STEP
    for k in range(1, steps + 1):
        size = STEP
        while t < k * STEP - 1e-9:
            levels = [(t, wall)] if before is None else [(t - last, before), (t, wall)]
            ahead = equilibrium.extrapolate(levels, t + size)
            tension = jnp.full_like(still.tension, TENSION * peer_loop.twitch((t + size) / s))
            load = Load(tension, wall.u, still.rate)
            for guess in (ahead, wall):
                side = peer_loop.side(state, t + size, size)
                found, new, info, work = equilibrium.step(work, heart, guess, side, load)
                if bool(info.converged):
                    break
                work = equilibrium.refresh(work, heart, wall, load)
            else:
                size /= 2
                if size < STEP / 64:
                    raise SolveFailed(f"step at {t} ms did not converge: {info}")
                continue
            wall, before, state, last, t = found, wall, new, size, t + size
            size = k * STEP - t
        course.append((float(state.LV), float(wall.pressure[0]) / mmHg, float(state.p_arteries)))
    return work, np.array(course)


def _scenario(source: str, element: str, **protocol: object) -> Scenario:
    """Heart of a name or a file, 5 mm where it is a patient's, as scenarios describe it."""
    patient = {"mesh": source, "element": element}
    if source.startswith("rodero"):
        patient |= {
            "resolution": "5 mm",
            "imaged_at": "end-diastole",
            "imaged_pressure": {"LV": "8 mmHg", "RV": "4 mmHg"},
        }
    title = "How long does a beat take?"
    return Scenario.from_dict({"title": title, "patient": patient, "protocol": protocol})


def biventricle(source: str, element: str) -> Row:
    """A heart in the product's circulation: unloaded shape, filling and its first beat."""
    scenario = _scenario(source, element, step="8 ms")
    start = now()
    patient = prepare(scenario, Progress(quiet=True))
    setup = since(start)
    before = patient.work.effort
    heart, work, moment = patient.heart, patient.work, patient.moment
    period = float(heart.loop.period)
    recorder = Recorder(every=period / 40).after(heart, moment, moment)
    start = now()
    for level in march(work, heart, moment, step=scenario.protocol.step, until=period):
        work, last, moment = level
        recorder = recorder.after(heart, last, moment)
    spent = since(start)
    effort, volume = work.effort, recorder.column("volume.LV") / mL
    return (
        {
            "mesh": source,
            "element": element,
            "dofs": heart.solid.space.dofs,
            "elements": len(patient.mesh.tets),
            "linear_solver": solver_of(work),
        }
        | setup.row("unloading_and_compile")
        | spent.row("solve")
        | {
            "time_steps": effort.steps - before.steps,
            "newton": effort.newton - before.newton,
            "krylov": effort.krylov - before.krylov,
            "failed_steps": effort.failed - before.failed,
            "newton_unloading": before.newton,
            "answer": {
                "EDV_mL": float(volume.max()),
                "ESV_mL": float(volume.min()),
                "EF_percent": float(100 * (1 - volume.min() / volume.max())),
                "peak_LV_mmHg": float(recorder.column("pressure.LV").max() / mmHg),
            },
        }
    )


def batch(lanes: int, element: str) -> Row:
    """Hearts of different strength, twenty steps from the start of contraction, in one program.

    The same hearts are also followed one after the other by the single program; the results of a
    lane must agree with those within the tolerances of a step. Both take turns, and the least time
    of each counts.
    """
    patient = prepare(_scenario("biventricle", element, step="8 ms"), Progress(quiet=True))
    heart, begin = patient.heart, float(patient.heart.loop.av_delay)
    work, moment = patient.work, patient.moment
    for level in march(work, heart, moment, step=8.0, until=float(heart.loop.period)):
        work, _, moment = level
        if moment.t >= begin:
            break
    hearts = [_of_strength(heart, 0.7 + 0.6 * k / max(1, lanes - 1)) for k in range(lanes)]
    here = replace(work, effort=equilibrium.Effort())
    _followed(here, hearts[0], moment, 2)
    first = timed(lambda: _together(here, hearts, moment, 2))[1]
    singles, shared = [], []
    for _ in range(TURNS):
        alone, single = timed(lambda: [_followed(here, one, moment, STEPS) for one in hearts])
        (lots, rounds), joint = timed(lambda: _together(here, hearts, moment, STEPS))
        singles.append(single)
        shared.append(joint)
    single, joint = least(singles), least(shared)
    ends = np.array([[one[0], other[0]] for one, other in zip(alone, lots, strict=True)])
    return (
        {
            "mesh": "biventricle",
            "element": element,
            "dofs": heart.solid.space.dofs,
            "elements": len(patient.mesh.tets),
            "lanes": lanes,
            "time_steps": STEPS,
            "rounds": rounds,
            "newton_alone": sum(one[1].newton for one in alone),
            "newton_together": sum(one[1].newton for one in lots),
            "krylov_alone": sum(one[1].krylov for one in alone),
            "krylov_together": sum(one[1].krylov for one in lots),
        }
        | first.row("two_steps_and_compile")
        | single.row("alone")
        | joint.row("together")
        | {
            "ratio": round(joint.cpu / single.cpu, 3),
            "answer": {
                "LV_mmHg": [float(ends[0, 1, 0]), float(ends[-1, 1, 0])],
                "largest_difference": float(np.abs(ends[:, 1] / ends[:, 0] - 1).max()),
            },
        }
    )


def _of_strength(heart: Heart, factor: float) -> Heart:
    """The same heart with stronger or weaker muscle."""
    tissue = replace(heart.tissue, contractility=factor * heart.tissue.contractility)
    return replace(heart, solid=replace(heart.solid, material=tissue))


Followed = tuple[np.ndarray, equilibrium.Effort]


def _followed(work: equilibrium.Workspace, heart: Heart, moment: Moment, steps: int) -> Followed:
    """LV pressure [mmHg] and volume [mL] after some steps of 8 ms, and the effort."""
    until = float(heart.loop.period)
    for count, level in enumerate(march(work, heart, moment, step=8.0, until=until), start=1):
        work, _, moment = level
        if count == steps:
            break
    seen = float(moment.wall.pressure[0]) / mmHg, float(moment.blood.V_LV) / mL
    return np.array(seen), work.effort


def _together(
    work: equilibrium.Workspace, hearts: Sequence[Heart], moment: Moment, steps: int
) -> tuple[list[Followed], int]:
    """The same for all hearts in one program, a lane each; and how often it was called."""
    meeting = Meeting(len(hearts))

    def follow(number: int) -> Followed:
        seat = Seat(meeting, number)
        try:
            return _followed(seat.taking(hearts[number], work), hearts[number], moment, steps)
        finally:
            seat.leave()

    with ThreadPoolExecutor(len(hearts)) as pool:
        return list(pool.map(follow, range(len(hearts)))), meeting.rounds


def blood(steps: int) -> Row:
    """A beat of the lumped circulation in so many steps; its answer is a beat later on."""
    loop, state = healthy_adult()
    spent = best(lambda: beat(loop, state, steps), times=30)
    traces = beat(loop, beat(loop, state, steps)[0], steps)[1]
    volume = np.asarray(traces.volume["LV"]) / mL
    return (
        {"time_steps": steps}
        | spent.row("beat")
        | {"answer": {"EF_percent": float(100 * (1 - volume.min() / volume.max()))}}
    )


def second_start(source: str, element: str) -> Row:
    """Wall seconds from the start of Python until the patient is ready, and until its first step.

    Run it twice: programs, mesh and unloaded shape then come from the caches, as they do for the
    command line.
    """
    began = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    age = float(Path("/proc/uptime").read_text().split()[0]) - int(began) / sysconf("SC_CLK_TCK")
    start = now()
    patient = prepare(_scenario(source, element, step="8 ms"), Progress(quiet=True))
    ready = since(start)
    heart = patient.heart
    next(march(patient.work, heart, patient.moment, step=8.0, until=float(heart.loop.period)))
    stepped = since(start)
    return {
        "mesh": source,
        "element": element,
        "dofs": heart.solid.space.dofs,
        "elements": len(patient.mesh.tets),
        "import_s": round(age, 2),
        "prepared_s": round(ready.wall, 2),
        "first_step_s": round(age + stepped.wall, 2),
        "prepared_cpu_s": round(ready.cpu, 2),
        "first_step_cpu_s": round(stepped.cpu, 2),
        "answer": {"LV_mL": float(patient.moment.blood.V_LV) / mL},
    }
