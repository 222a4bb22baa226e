"""Hearts that beat: the peer's ventricle, a biventricular patient, many at once, a second start."""

from dataclasses import replace
from typing import Final

import jax.numpy as jnp
import numpy as np

from benchmarks import peer_loop
from benchmarks.measure import now, since
from benchmarks.ventricle import Model, model
from heartsim import equilibrium
from heartsim.beat import march
from heartsim.errors import SolveFailed
from heartsim.heart import Load
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
            ahead = wall if before is None else equilibrium.extrapolate(wall, before, size / last)
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
            "linear_solver": work.linear_solver,
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
