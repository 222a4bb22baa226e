"""A second way to equilibrium: full Newton with exact linear solves (host, small problems).

Residual and tangent are the product's own, assembled here into one sparse matrix and factorized in
double precision; neither the product's linear solver nor its load stepping is used. What the
assembled matrix leaves out, the coupling of whole rims by the lids of a chamber, is taken in by
GMRES on the product's operator. Besides chambers it accepts follower pressure on open surfaces,
dead loads, and displacements prescribed component by component, which the closed problems need.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jaxtyping import Array, Float, Int
from scipy.sparse.linalg import LinearOperator, gmres

from heartsim.errors import SolveFailed
from heartsim.fem.elements import tabulate
from heartsim.fem.inertia import Inertia
from heartsim.fem.operator import WallOperator
from heartsim.fem.space import Nodes
from heartsim.heart import Heart, Load, cavity_gradients, linearize, wall_residual
from heartsim.verification.factors import factorize

TOLERANCE: Final = 1e-9
"""Residual relative to the largest force met in the step at which Newton stops."""

NEWTON_LIMIT: Final = 25

NOTHING: Final = 1e-9
"""Forces of rounding where nothing pulls [mN]."""

FARTHEST: Final = 1e6
"""Multiple of the load, or of the first residual, beyond which a search has left the body."""

HALVINGS: Final = 6
"""How often a damped step is halved."""

RESTARTS: Final = 3
"""Restarts of GMRES after which a tangent counts as singular; a few iterations are usual."""


class Patch(eqx.Module):
    """Part of the boundary under follower pressure.

    Attributes
    ----------
    facets : (f, b) int
        Displacement nodes, normals out of the tissue.
    values : (q, b), gradients : (q, b, 2), weights : (q,)
        Triangle element.
    """

    facets: Int[Array, "f b"]
    values: Float[Array, "q b"]
    gradients: Float[Array, "q b 2"]
    weights: Float[Array, " q"]


def patch(nodes: Nodes, triangles: Int[np.ndarray, "f 3"]) -> Patch:
    """Patch of boundary triangles with normals out of the tissue."""
    degree = 2 if len(nodes.edges) else 1
    table = tabulate(2, degree, 2 * degree)
    facets = jnp.asarray(nodes.facets(triangles), dtype=jnp.int32)
    return Patch(facets, *(jnp.asarray(a) for a in table[:3]))


class Body(eqx.Module):
    """A wall and the surfaces through which it is loaded.

    Attributes
    ----------
    heart : Heart
        Wall, supports and chambers; where ``free`` is 0 displacements stay as they start.
    pressed : Patch or None
        Open surface under pressure.
    """

    heart: Heart
    pressed: Patch | None = None


class Motion(eqx.Module):
    """How velocity and acceleration of one step follow from its displacement u.

    Attributes
    ----------
    u_before : (n, 3)
        Displacement at which the velocity vanishes [mm].
    rate : ()
        Velocity per displacement from there [1/ms].
    inertia : Inertia or None
        Mass, and the same for the acceleration; None without mass.
    """

    u_before: Float[Array, "n 3"]
    rate: Float[Array, ""]
    inertia: Inertia | None


class Loading(eqx.Module):
    """Loads of a body.

    Attributes
    ----------
    cavity : (k,)
        Pressures in the chambers [kPa].
    pressure : () or (f,)
        Follower pressure that pushes against the outward normal of the patch [kPa].
    tension : (c,)
        Active tension [kPa].
    dead : (n, 3)
        Nodal forces that keep their direction [mN].
    motion : Motion or None
        The step of a moving body; None for one at rest.
    """

    cavity: Float[Array, " k"]
    pressure: Float[Array, " *f"]
    tension: Float[Array, " c"]
    dead: Float[Array, "n 3"]
    motion: Motion | None = None


def loading(
    body: Body,
    *,
    cavity: float = 0.0,
    pressure: float | Float[np.ndarray, " f"] = 0.0,
    tension: float = 0.0,
    dead: Float[np.ndarray, "n 3"] | None = None,
) -> Loading:
    """Loads of a body, uniform but for a pressure given facet by facet; none by default."""
    space, chambers = body.heart.solid.space, len(body.heart.chambers)
    return Loading(
        cavity=jnp.full(chambers, float(cavity)),
        pressure=jnp.asarray(pressure, float),
        tension=jnp.full_like(space.volume, tension),
        dead=jnp.zeros_like(space.points) if dead is None else jnp.asarray(dead),
    )


def moving(loads: Loading, motion: Motion) -> Loading:
    """Loads of a body in a step of its motion."""
    return Loading(loads.cavity, loads.pressure, loads.tension, loads.dead, motion)


class Equilibrium(NamedTuple):
    """Solution and how Newton came to it.

    Attributes
    ----------
    u : (n, 3)
        Displacement [mm].
    p : (v,)
        Pressure multiplier [kPa].
    history : tuple of float
        Norm of the residual before each Newton step, and the last one.
    """

    u: Float[Array, "n 3"]
    p: Float[Array, " v"]
    history: tuple[float, ...]


def at_rest(body: Body) -> Equilibrium:
    """Undeformed body."""
    space = body.heart.solid.space
    return Equilibrium(jnp.zeros_like(space.points), jnp.zeros(space.vertices), ())


def solve(
    body: Body,
    loads: Loading,
    start: Equilibrium,
    *,
    tolerance: float = TOLERANCE,
    damped: bool = False,
) -> Equilibrium:
    """Equilibrium under given loads by Newton's method.

    Parameters
    ----------
    body : Body
    loads : Loading
    start : Equilibrium
        First guess, with the prescribed displacements.
    tolerance : float
        Residual relative to the largest force of the search, or to the load on the body at rest.
    damped : bool
        Whether to halve steps that do not reduce the residual, for a guess near the solution but
        rough, such as that of another mesh. Full steps by default.

    Raises
    ------
    SolveFailed
        If Newton does not converge in `NEWTON_LIMIT` steps.
    """
    u, p = start.u, start.p
    free = np.asarray(body.heart.solid.space.free).ravel() > 0
    keep = np.concatenate([free, np.ones(p.size, bool)])
    # a start near the solution has small forces of its own: rounding is measured by the load
    load = np.asarray(out_of_balance(body, loads, jnp.zeros_like(u), jnp.zeros_like(p)))
    load_size = float(np.linalg.norm(load))
    history, largest = [], load_size
    for step in range(NEWTON_LIMIT):
        out = np.asarray(out_of_balance(body, loads, u, p))
        history.append(float(np.linalg.norm(out)))
        if not history[-1] <= FARTHEST * max(load_size, history[0]):
            break
        largest = max(largest, history[-1])
        if step > 0 and history[-1] <= max(tolerance * largest, NOTHING):
            return Equilibrium(u, p, tuple(history))
        change = _correction(body, loads, u, p, keep, -out)
        u, p = _moved(body, loads, u, p, change, history[-1] if damped else np.inf)
    raise SolveFailed(
        f"direct Newton: residual {history[-1]:.1e} mN after {len(history)} steps, largest "
        f"{largest:.1e}. Approach the load in smaller parts."
    )


def _moved(
    body: Body,
    loads: Loading,
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
    change: np.ndarray,
    bound: float,
) -> tuple[Float[Array, "n 3"], Float[Array, " v"]]:
    """State after the longest of the steps 1, 1/2, 1/4, … whose residual is below a bound."""
    du, dp = jnp.asarray(change[: u.size].reshape(u.shape)), jnp.asarray(change[u.size :])
    for length in 0.5 ** np.arange(HALVINGS + 1):
        there = u + length * du, p + length * dp
        if bound == np.inf or float(jnp.linalg.norm(out_of_balance(body, loads, *there))) < bound:
            return there
    raise SolveFailed("direct Newton: no step reduces the residual. Take smaller loads.")


Solver = Callable[[Body, Loading, Equilibrium], Equilibrium]


@eqx.filter_jit  # noqa: TID251
def out_of_balance(
    body: Body, loads: Loading, u: Float[Array, "n 3"], p: Float[Array, " v"]
) -> Float[Array, " m"]:
    """Out-of-balance forces [mN] and volume constraint [mm³]."""
    heart = body.heart
    forces, constraint = wall_residual(heart, u, p, step_load(loads, u))
    outer = loads.dead
    if heart.chambers:
        outer = outer + jnp.tensordot(loads.cavity, cavity_gradients(heart, u), 1)
    if body.pressed is not None:
        facets = body.pressed.facets
        position = (heart.solid.space.points + u)[facets]
        push = jax.vmap(_push, in_axes=(None, 0))(body.pressed, position)
        outer = outer.at[facets].add(-_on_facets(loads, push))
    return jnp.concatenate([(forces - outer * heart.solid.space.free).ravel(), constraint])


def step_load(loads: Loading, u: Float[Array, "n 3"]) -> Load:
    """What the loads mean to the product's wall: tension, and the step of a moving body."""
    motion = loads.motion
    if motion is None:
        return Load(loads.tension, u, jnp.zeros((), u.dtype))
    return Load(loads.tension, motion.u_before, motion.rate, motion.inertia)


def _push(pressed: Patch, corners: Float[Array, "b 3"]) -> Float[Array, "b 3"]:
    """Nodal integrals of the outward area vector over one current facet [mm²]."""
    tangents = jnp.einsum("qbk,bi->qki", pressed.gradients, corners)
    area = jnp.cross(tangents[:, 0], tangents[:, 1]) / 2
    return jnp.einsum("q,qb,qi->bi", pressed.weights, pressed.values, area)


class _Linear(NamedTuple):
    """Linearised body: the product's operator, its loaded blocks, and those of the patch."""

    operator: WallOperator
    blocks: Float[Array, "c k k"]
    pushed: Float[Array, "f j j"] | None


@eqx.filter_jit  # noqa: TID251
def _linear(body: Body, loads: Loading, u: Float[Array, "n 3"], p: Float[Array, " v"]) -> _Linear:
    operator = linearize(body.heart, u, p, loads.cavity, step_load(loads, u), dtype=u.dtype)
    blocks = operator.loaded()
    if body.pressed is None:
        return _Linear(operator, blocks, None)
    pushed = pushed_blocks(body.pressed, loads, body.heart.solid.space.points + u)
    size = pushed.shape[1] * 3
    return _Linear(operator, blocks, pushed.transpose(0, 1, 3, 2, 4).reshape(-1, size, size))


def pushed_blocks(
    pressed: Patch, loads: Loading, x: Float[Array, "n 3"]
) -> Float[Array, "f b b 3 3"]:
    """Tangent of the follower pressure on each facet at given positions [mN/mm]."""
    slope = jax.vmap(jax.jacfwd(_push, argnums=1), in_axes=(None, 0))(pressed, x[pressed.facets])
    return _on_facets(loads, slope.transpose(0, 1, 3, 2, 4))


def _on_facets(loads: Loading, unit: Float[Array, "f ..."]) -> Float[Array, "f ..."]:
    """What unit pressure does on each facet times the pressure there, uniform or not."""
    return jax.vmap(jnp.multiply)(jnp.broadcast_to(loads.pressure, len(unit)), unit)


@eqx.filter_jit  # noqa: TID251
def _apply(operator: WallOperator, x: Float[Array, " m"]) -> Float[Array, " m"]:
    return operator.apply(x[None])[0]


def _correction(
    body: Body,
    loads: Loading,
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
    keep: np.ndarray,
    out: np.ndarray,
) -> np.ndarray:
    """Solve the linearised body to round-off for a right-hand side; zero where prescribed."""
    linear = _linear(body, loads, u, p)
    matrix = _sparse(body, linear, u.size, p.size)[keep][:, keep]
    factors = factorize(matrix)
    change = np.zeros(len(keep))
    change[keep] = factors.solve(out[keep])
    if not body.heart.chambers:
        change[keep] += factors.solve(out[keep] - matrix @ change[keep])
        return change

    def exact(x: np.ndarray) -> np.ndarray:
        whole = np.zeros(len(keep))
        whole[keep] = x
        return np.asarray(_apply(linear.operator, jnp.asarray(whole)))[keep]

    size = (len(change[keep]),) * 2
    inverse = LinearOperator(shape=size, matvec=factors.solve, dtype=float)  # pyright: ignore[reportCallIssue]
    operator = LinearOperator(shape=size, matvec=exact, dtype=float)  # pyright: ignore[reportCallIssue]
    found, failed = gmres(
        operator, out[keep], x0=change[keep], M=inverse, rtol=1e-12, maxiter=RESTARTS
    )
    if failed:
        raise SolveFailed("direct Newton: a linear solve did not converge. Take smaller loads.")
    change[keep] = found
    return change


def assembled(
    body: Body, loads: Loading, u: Float[Array, "n 3"], p: Float[Array, " v"]
) -> sp.csr_array:
    """Derivative of `out_of_balance`, without what moves lid centers."""
    return _sparse(body, _linear(body, loads, u, p), u.size, p.size)


def _sparse(body: Body, linear: _Linear, forces: int, pressures: int) -> sp.csr_array:
    """Derivative of the residual as one sparse matrix, without what moves lid centers."""
    G, Q = (np.asarray(block) for block in linear.operator.tangent[1:])
    cells = np.asarray(body.heart.solid.space.cells)
    moves, holds = _dofs(cells), forces + cells[:, :4]
    parts = [
        (moves, moves, np.asarray(linear.blocks)),
        (moves, holds, G.transpose(0, 2, 1)),
        (holds, moves, G),
        (holds, holds, -Q),
    ]
    for tied in linear.operator.tied:
        ends = _dofs(np.asarray(tied.ends))
        strands = np.asarray(tied.blocks).transpose(0, 1, 3, 2, 4).reshape(-1, 6, 6)
        parts.append((ends, ends, strands))
    if body.pressed is not None:
        pushed = _dofs(np.asarray(body.pressed.facets))
        parts.append((pushed, pushed, np.asarray(linear.pushed)))
    rows, columns, values = [], [], []
    for row, column, block in parts:
        rows.append(np.broadcast_to(row[:, :, None], block.shape).ravel())
        columns.append(np.broadcast_to(column[:, None], block.shape).ravel())
        values.append(block.ravel())
    where = (np.concatenate(rows), np.concatenate(columns))
    size = (forces + pressures,) * 2
    return sp.coo_array((np.concatenate(values), where), shape=size).tocsr()


def _dofs(nodes: Int[np.ndarray, "e b"]) -> Int[np.ndarray, "e 3b"]:
    """Displacement unknowns of nodes, ordered (node, component)."""
    return (3 * nodes[..., None] + np.arange(3)).reshape(len(nodes), -1)
