"""A ventricle of a few cells in its circulation, and several of them in one step."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp

from heartsim import equilibrium, runtime
from heartsim.bloodside import circulating
from heartsim.build import anatomy, heart_on
from heartsim.heart import Heart, Load, cavity_volumes
from heartsim.lanes import Task, solve_together, stacked
from heartsim.loop import first_blood
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.surfaces import cavity_volume
from heartsim.scenario import Scenario

EDGE = 25.0
"""Mesh size [mm]: a hundred cells."""


def ventricle(element: str = "P1P1") -> tuple[Heart, equilibrium.Workspace, Task]:
    """Heart, its solver, and a first step of 5 ms from rest."""
    runtime.use_float64()
    patient = {"mesh": "human ellipsoid", "element": element, "imaged_at": "unloaded"}
    scenario = Scenario.from_dict({"title": "Does it fit in a batch?", "patient": patient})
    mesh = human_left_ventricle(EDGE, layers=1)
    built = anatomy(mesh, scenario)
    heart = heart_on(built, mesh.points, scenario)
    work = equilibrium.workspace(heart, built.nodes)
    wall = equilibrium.rest(heart)
    imaged = {"LV": cavity_volume(mesh.points, mesh.cavities["LV"])}
    held = {"LV": float(cavity_volumes(heart, wall.u)[0])}
    state = first_blood(scenario, imaged, held)
    now, dt = jnp.zeros(()), jnp.asarray(5.0)
    blood = circulating(heart.loop, state, now, dt, heart.chambers)
    load = Load(heart.tension(now + dt), wall.u, 1 / dt)
    return heart, work, Task(heart, wall, blood, load, work.tolerances)


def stronger(task: Task, factor: float) -> Task:
    """The same step of a heart with other muscle."""
    tissue = task.heart.tissue
    stiff = replace(tissue, stiffness=factor * tissue.stiffness)
    return eqx.tree_at(lambda one: one.heart.solid.material, task, stiff)


def batched_step(lanes: int):
    """One step of several ventricles as a function of arrays, and these arrays."""
    _, work, task = ventricle()
    own, common = stacked([stronger(task, 1 + 0.1 * k) for k in range(lanes)])
    arguments = (*equilibrium.strong((own, common)), work.kept)
    arrays, fixed = eqx.partition(arguments, eqx.is_array)
    return lambda given: solve_together(*eqx.combine(given, fixed)), arrays
