"""Passive and active walls: one Newton step, problems 2 and 3 whole, a path of contraction."""

from dataclasses import replace
from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import best, gigabytes, now, roofline, since, solver_of, timed
from benchmarks.ventricle import Model, answer, model
from heartsim import equilibrium, runtime
from heartsim.bloodside import pressures_given
from heartsim.coupling import Tolerances, solve_step
from heartsim.equilibrium import PRECISION, Workspace
from heartsim.fem.factorized import Factorized
from heartsim.fem.linear import Kept, Wear
from heartsim.fem.operator import WallOperator
from heartsim.heart import linearize, wall_residual
from heartsim.solve import frontal
from heartsim.tissue.parameters import passive_law
from heartsim.wallstate import WallState

INFLATED: Final = 2.0
"""Pressure at which a Newton step is timed [kPa]."""

NEXT: Final = 1.05
"""Pressure that the step aims at, over that one."""

EXACT: Final = 1e-5
"""Relative residual of a linear solve that counts as exact in single precision."""

WHOLE: Final = {
    "land2": ("guccione-land-2015-isotropic", 10.0, 0.0),
    "land3": ("guccione-land-2015", 15.0, 60.0),
}
"""Law, pressure [kPa] and tension [kPa] of problems 2 and 3."""

PATH_STEPS: Final = 40
"""Equal load steps of the contraction to 50 kPa against 15 kPa."""

Row = dict[str, object]


def newton(source: str, element: str, quadrature: int) -> Row:
    """One Newton step of the isotropic ventricle at 2 kPa, and its parts."""
    start = now()
    built = model(
        source, passive_law("guccione-land-2015-isotropic"), element, quadrature=quadrature
    )
    work = equilibrium.workspace(built.heart, built.nodes)
    setup = since(start)
    start = now()
    halfway, work = _loaded(work, built, equilibrium.rest(built.heart), 0.5 * INFLATED)
    aged = _kept_at(built, work, halfway)
    wall, work = _loaded(work, built, halfway, INFLATED)
    reached = since(start)
    row = _size(built) | setup.row("setup") | reached.row("first_solve_and_compile")
    row |= {"newton_to_state": work.effort.newton, "krylov_to_state": work.effort.krylov}
    fresh = aged.stale() if isinstance(aged, Factorized) else aged
    row |= _one_step(built, fresh, wall, "fresh", 1e-2) | _one_step(built, aged, wall, "aged", 1e-2)
    row |= _one_step(built, fresh, wall, "exact", EXACT) | _parts(built, work, wall)
    row |= {"peak_memory_MB": runtime.peak_memory_MB(), "answer": answer(built, np.asarray(wall.u))}
    return row | roofline()


def _size(built: Model) -> Row:
    space = built.heart.solid.space
    return {
        "mesh": built.shell.name,
        "element": space.element,
        "dofs": space.dofs,
        "elements": len(built.shell.tets),
        "quadrature_points": len(space.weights),
    }


def _loaded(work: Workspace, built: Model, wall: WallState, pressure: float):
    """Passive ventricle under a pressure, from an equilibrium."""
    return equilibrium.inflate(work, built.heart, wall, np.array([pressure]))


def _kept_at(built: Model, work: Workspace, wall: WallState) -> Kept:
    """Linear solver with factors, or levels of multigrid, of a state."""
    load = equilibrium.passive_load(built.heart)
    if not isinstance(work.kept, Factorized):
        return equilibrium.refresh(work, built.heart, wall, load).kept

    @eqx.filter_jit
    def made(kept: Factorized, heart, now: WallState) -> Factorized:
        operator = linearize(heart, now.u, now.p, now.pressure, load, dtype=PRECISION)
        return kept.prepare(operator)[1]

    kept = made(work.kept.stale(), built.heart, wall)
    return replace(kept, wear=Wear.new(kept.wear.price))


def _parts(built: Model, work: Workspace, wall: WallState) -> Row:
    """Residual, tangent, product and preconditioner by themselves, and how near the limits."""
    heart, load = built.heart, equilibrium.passive_load(built.heart)
    cells = len(built.shell.tets)
    residual = eqx.filter_jit(lambda h, w: wall_residual(h, w.u, w.p, load))
    tangent = eqx.filter_jit(lambda h, w: linearize(h, w.u, w.p, w.pressure, load, dtype=PRECISION))
    operator = tangent(heart, wall)
    product = eqx.filter_jit(WallOperator.apply)
    x = jnp.asarray(
        np.random.default_rng(0).standard_normal((1, heart.solid.space.dofs)), PRECISION
    )
    forces = best(lambda: residual(heart, wall))
    tangents = best(lambda: tangent(heart, wall), 3)
    applied = best(lambda: product(operator, x))
    # blocks K once, G once for each of its two products, Q once
    read = gigabytes(operator.tangent) + gigabytes(operator.tangent.G) + 2 * x.nbytes / 1e9
    row: Row = {
        "residual_us_per_cell": round(1e6 * forces.cpu / cells, 2),
        "tangent_us_per_cell": round(1e6 * tangents.cpu / cells, 2),
        "product_ms": round(1e3 * applied.wall, 3),
        "product_GB_per_s": round(read / applied.wall, 2),
    }
    prepare = eqx.filter_jit(lambda kept, op: kept.prepare(op)[0])
    inverse, made = timed(lambda: prepare(work.kept, operator))
    invert = eqx.filter_jit(lambda inv, z: inv.apply(z, jnp.zeros((), jnp.int32)))
    solved = best(lambda: invert(inverse, x))
    row |= {"preconditioner_ms": round(1e3 * solved.wall, 3)}
    if not isinstance(work.kept, Factorized):
        return row | {"linear_solver": "multigrid"}
    stale = work.kept.stale()
    made = best(lambda: prepare(stale, operator), 2)
    flops = frontal.operations(stale.plan) / 1e9
    size = gigabytes(stale.factor)
    couplings = sum(front.coupling.nbytes for level in stale.factor for front in level) / 1e9
    return row | {
        "linear_solver": "kept factors",
        "factors_Gflop": round(flops, 3),
        "factors_MB": round(1e3 * size, 1),
        "factorization_cpu_s": round(made.cpu, 4),
        "factorization_Gflop_per_s": round(flops / made.wall, 2),
        "preconditioner_GB_per_s": round((size + couplings) / solved.wall, 2),
    }


def _one_step(built: Model, kept: Kept, wall: WallState, name: str, linear: float) -> Row:
    """The compiled Newton step as the product takes it, with new or with aged factors."""
    heart, load = built.heart, equilibrium.passive_load(built.heart)
    settings = Tolerances(linear=jnp.asarray(linear), newton=1)
    blood = pressures_given(NEXT * wall.pressure)
    arguments = equilibrium.strong((heart, kept, wall, blood, load))
    step = eqx.filter_jit(solve_step)
    found = step(*arguments, settings)
    spent = best(lambda: step(*arguments, settings)[0], 3)
    info = found[2]
    return spent.row(f"newton_{name}") | {
        f"krylov_{name}": int(info.krylov),
        f"residual_after_{name}": float(info.residual),
    }


def whole(name: str, source: str, element: str, quadrature: int) -> Row:
    """Problem 2 or 3 from rest to the end, with the product's load stepping."""
    law, pressure, tension = WHOLE[name]
    return _followed(source, element, quadrature, law, (pressure, tension), None)


def path(source: str, element: str, quadrature: int) -> Row:
    """Contraction to 50 kPa against 15 kPa in 40 equal steps."""
    return _followed(source, element, quadrature, "guccione-land-2015", (15.0, 50.0), PATH_STEPS)


def _followed(
    source: str,
    element: str,
    quadrature: int,
    law: str,
    load: tuple[float, float],
    steps: int | None,
) -> Row:
    """Pressure and tension grow together, in equal steps or as Newton allows."""
    start = now()
    built = model(source, passive_law(law), element, quadrature=quadrature)
    work = equilibrium.workspace(built.heart, built.nodes)
    setup = since(start)
    still = equilibrium.passive_load(built.heart)
    pressure, full = load[0], jnp.full_like(still.tension, load[1])

    def blood_at(fraction: float):
        return pressures_given(jnp.asarray([fraction * pressure]))

    def load_at(fraction: float):
        return eqx.tree_at(lambda one: one.tension, still, fraction * full)

    rest = equilibrium.rest(built.heart)
    start = now()
    jax.block_until_ready(
        equilibrium.step(work, built.heart, rest, blood_at(1e-3), load_at(1e-3))[0]
    )
    first = since(start)
    start = now()
    if steps is None:
        wall, work = equilibrium.load_to(work, built.heart, rest, blood_at, load_at, first=0.1)
    else:
        wall, work = _equal_steps(work, built, rest, blood_at, load_at, steps)
    jax.block_until_ready(wall)
    spent = since(start)
    effort = work.effort
    return (
        _size(built)
        | setup.row("setup")
        | first.row("first_step_and_compile")
        | spent.row("solve")
        | {
            "load_steps": effort.steps,
            "newton": effort.newton,
            "krylov": effort.krylov,
            "failed_steps": effort.failed,
            "linear_solver": solver_of(work),
            "answer": answer(built, np.asarray(wall.u)),
        }
    )


def _equal_steps(work, built, rest, blood_at, load_at, steps):
    """Walk a load path in equal steps, each guessed from the last three."""
    levels = [(0.0, rest)]
    for k in range(1, steps + 1):
        guess = equilibrium.extrapolate(levels, k)
        wall, _, info, work = equilibrium.step(
            work, built.heart, guess, blood_at(k / steps), load_at(k / steps)
        )
        if not bool(info.converged):
            raise RuntimeError(f"step {k} of {steps} did not converge: {info}")
        levels = [*levels[-2:], (float(k), wall)]
    return levels[-1][1], work
