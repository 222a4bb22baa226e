"""An independent assembler: residual and matrix from scikit-fem, stresses written by hand.

Nothing is shared with the product but the mesh: scikit-fem brings elements, numbering, quadrature
and assembly; stress and its derivative are written out in the strain E instead of being
differentiated from an energy in C; the cavity pressure is the follower traction p cof(F) N instead
of the slope of a volume.
"""

from typing import Final, NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from skfem import (
    Basis,
    BilinearForm,
    ElementTetP1,
    ElementTetP2,
    ElementVector,
    FacetBasis,
    LinearForm,
    MeshTet,
    asm,
)
from skfem.assembly.basis.abstract_basis import AbstractBasis

from heartsim.build import STABILIZATION
from heartsim.fem.cavity import cavity_surface
from heartsim.fem.space import Nodes
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.tissue.passive import Guccione, HolzapfelOgden
from heartsim.verification.bodies import (
    at_quadrature,
    heart_of,
    muscle,
    space_on,
    wall,
)
from heartsim.verification.direct import Body, assembled, loading, out_of_balance
from heartsim.verification.table import Figure, Findings, Line, Reading

TENSION: Final = 20.0
PRESSURE: Final = 3.0
"""Active tension and cavity pressure of the random states [kPa]."""

GUCCIONE: Final = (2.0, 8.0, 2.0, 4.0)
MUSCLE: Final = (0.5, 4.0, 4.0, 5.0, 2.0, 4.0, 0.3, 4.0)
"""Parameters of the two laws; those of muscle are softened so that random states stay moderate."""

CASES: Final = (
    ("P2P1", "Holzapfel–Ogden"),
    ("P1P1", "Guccione"),
    ("P2P1", "Guccione"),
    ("P1P1", "Holzapfel–Ogden"),
)
"""Element family and law; ``--fast`` takes the first two."""

Array = np.ndarray


def assembly(fast: bool) -> Findings:
    """Residual and matrix of random states against scikit-fem, entry by entry, to 1e-12.

    A coarse ventricle with turning fibers, P2/P1 and stabilised P1/P1, Guccione and
    Holzapfel–Ogden tissue (invariants of the full C), active tension, pressure multiplier, and
    cavity pressure (for nodes off the rim, where facets alone make the load). Differences are
    relative to the largest entry.
    """
    rows, differences = [], []
    mesh = left_ventricle(9.0, layers=1)
    for element, name in CASES[:2] if fast else CASES:
        ours, theirs, size = _both(mesh, element, name)
        reading = Reading("assembly", "scikit-fem, forms by hand", size)
        for what, a, b in zip(("residual", "matrix"), ours, theirs, strict=True):
            off = abs(a - b).max() / abs(b).max()
            rows.append(reading.at_most(f"{element}, {name}, {what}", off, 1e-12))
        entries = np.abs((ours[1] - theirs[1]).toarray()).ravel() / abs(theirs[1]).max()
        differences.append((f"{element}, {name}", entries[entries > 0]))
    bins = np.logspace(-20, -11, 28)
    lines = tuple(
        Line(np.sqrt(bins[1:] * bins[:-1]), np.histogram(d, bins)[0] + 0.5, name, f"C{k}-")
        for k, (name, d) in enumerate(differences)
    )
    label = "relative difference of a matrix entry [-]"
    figure = Figure("heartsim against scikit-fem", label, "number of entries", lines, True)
    return Findings(tuple(rows), figure)


def frames_at(points: Array) -> Array:
    """Fiber frames that turn with height and azimuth, rows fiber, sheet, normal."""
    x, y, z = np.moveaxis(points, -1, 0)
    angle, tilt = 0.3 * z + 0.1 * x, 0.2 * y
    c, s, d, t = np.cos(angle), np.sin(angle), np.cos(tilt), np.sin(tilt)
    fiber = np.stack([c, s, 0 * c], axis=-1)
    sheet = np.stack([-s * d, c * d, t], axis=-1)
    return np.stack([fiber, sheet, np.cross(fiber, sheet)], axis=-2)


class _State(NamedTuple):
    """Random displacement of the nodes [mm] and pressure multiplier of the vertices [kPa]."""

    u: Array
    p: Array


def _both(
    mesh: HeartMesh, element: str, name: str
) -> tuple[tuple[Array, sp.csr_array], tuple[Array, sp.csr_array], int]:
    """Residual and matrix by heartsim and by scikit-fem, nodes on the rim left out."""
    nodes, space = space_on(mesh.points, mesh.tets, element, lambda x: np.zeros(x.shape, bool))
    law = _law(name)
    frames = jnp.asarray(frames_at(at_quadrature(space)))
    chamber = mesh.cavities["LV"]
    cavity = cavity_surface(nodes, chamber.facets, chamber.rims)
    body = Body(heart_of(wall(space, muscle(law, len(mesh.tets)), frames), (cavity,)))
    random = np.random.default_rng(1)
    state = _State(
        0.05 * random.standard_normal(nodes.points.shape), random.standard_normal(space.vertices)
    )
    loads = loading(body, cavity=PRESSURE, tension=TENSION)
    u, p = jnp.asarray(state.u), jnp.asarray(state.p)
    ours = (np.asarray(out_of_balance(body, loads, u, p)), assembled(body, loads, u, p))
    theirs = _scikit_fem(mesh, nodes, element, name, state)
    rim = np.unique(np.asarray(cavity.rim.nodes))
    keep = np.ones(space.dofs, bool)
    keep[(3 * rim[:, None] + np.arange(3)).ravel()] = False
    cut = [(f[keep], sp.csr_array(K)[keep][:, keep]) for f, K in (ours, theirs)]
    return cut[0], cut[1], space.dofs


def _law(name: str) -> Guccione | HolzapfelOgden:
    if name == "Guccione":
        return Guccione(*GUCCIONE, isochoric=False)
    return HolzapfelOgden(*MUSCLE, isochoric=False)


def _guccione(E: Array) -> tuple[Array, Array]:
    """Second Piola stress and its derivative by E, both in fiber axes."""
    C, bf, bt, bfs = GUCCIONE
    b = np.array([[bf, bfs, bfs], [bfs, bt, bt], [bfs, bt, bt]])
    weighted = np.einsum("ij,ij...->ij...", b, E)
    growth = C * np.exp(np.sum(weighted * E, axis=(0, 1)))
    S = growth * weighted
    identity = np.einsum("ik,jl->ijkl", np.eye(3), np.eye(3))
    linear = np.einsum("ij,ijkl->ijkl", b, identity)
    slope = growth * linear.reshape(3, 3, 3, 3, *(1,) * (E.ndim - 2))
    return S, slope + 2 * growth * np.einsum("ij...,kl...->ijkl...", weighted, weighted)


def _holzapfel_ogden(E: Array) -> tuple[Array, Array]:
    """The same for muscle with the invariants of the full C = I + 2 E."""
    a, b, af, bf, as_, bs, afs, bfs = MUSCLE
    S, slope = np.zeros_like(E), np.zeros((3, 3, *E.shape))
    grown = a * np.exp(b * 2 * np.trace(E))
    for i in range(3):
        S[i, i] += grown
        for j in range(3):
            slope[i, i, j, j] += 2 * b * grown
    for i, (c, d) in enumerate(((af, bf), (as_, bs))):
        x = np.maximum(2 * E[i, i], 0)
        growth = np.exp(d * x**2)
        S[i, i] += 2 * c * x * growth
        slope[i, i, i, i] += 4 * c * (1 + 2 * d * x**2) * growth * (x > 0)
    y = E[0, 1] + E[1, 0]
    growth = afs * np.exp(bfs * y**2)
    for i, j in ((0, 1), (1, 0)):
        S[i, j] += growth * y
        for k, l in ((0, 1), (1, 0)):
            slope[i, j, k, l] += growth * (1 + 2 * bfs * y**2)
    return S, slope


_STRESS: Final = {"Guccione": _guccione, "Holzapfel–Ogden": _holzapfel_ogden}


def _point_data(u: Array, x: Array, p: Array, name: str) -> dict[str, Array]:
    """What the forms need at the quadrature points, as (component, component, cell, point).

    ``Fs`` is F with its second index in fiber axes, ``Q`` those axes as rows, ``inverse`` the
    transposed inverse of F in the laboratory.
    """
    G = np.eye(3)[:, :, None, None] + u
    Q = np.moveaxis(frames_at(np.moveaxis(x, 0, -1)), (-2, -1), (0, 1))
    last = np.moveaxis(G, (0, 1), (-2, -1))
    F = np.einsum("ixcq,mxcq->imcq", G, Q)
    E = (np.einsum("imcq,incq->mncq", F, F) - np.eye(3)[:, :, None, None]) / 2
    S, slope = _STRESS[name](E)
    S[0, 0] += TENSION
    return {
        "F": F, "Q": Q, "S": S, "slope": slope, "J": np.linalg.det(last), "p": p,
        "inverse": np.moveaxis(np.linalg.inv(last), (-2, -1), (1, 0)),
    }  # fmt: skip


def _strain(gradient: Array, at: dict[str, Array]) -> tuple[Array, Array]:
    """Gradient of a displacement in fiber axes, and the change of E that it makes."""
    turned = np.einsum("ixcq,mxcq->imcq", gradient, at["Q"])
    half = np.einsum("imcq,incq->mncq", at["F"], turned)
    return turned, (half + np.swapaxes(half, 0, 1)) / 2


def _growth(gradient: Array, at: dict[str, Array]) -> Array:
    """Change of ln J."""
    return np.einsum("ixcq,ixcq->cq", at["inverse"], gradient)


def _forms(
    at: dict[str, Array],
) -> tuple[LinearForm, BilinearForm, BilinearForm, LinearForm]:
    """Forces, stiffness, coupling and constraint of the mixed form."""
    S, J, p, inverse = at["S"], at["J"], at["p"], at["inverse"]

    @LinearForm
    def force(v, w):
        _, dE = _strain(v.grad, at)
        return np.einsum("mncq,mncq->cq", S, dE) + p * J * _growth(v.grad, at)

    @BilinearForm
    def stiffness(du, v, w):
        (turned, dE), (other, dEv) = _strain(du.grad, at), _strain(v.grad, at)
        dS = np.einsum("mnklcq,klcq->mncq", at["slope"], dE)
        material = np.einsum("mncq,mncq->cq", dEv, dS)
        geometric = np.einsum("imcq,mncq,incq->cq", turned, S, other)
        moved = np.einsum("ixcq,jxcq->ijcq", inverse, du.grad)
        twist = np.einsum("ijcq,jycq,iycq->cq", moved, inverse, v.grad)
        growth = _growth(du.grad, at) * _growth(v.grad, at)
        return material + geometric + p * J * (growth - twist)

    @BilinearForm
    def coupling(du, q, w):
        return q * J * _growth(du.grad, at)

    @LinearForm
    def constraint(q, w):
        return q * (J - 1)

    return force, stiffness, coupling, constraint


def _follower(at: dict[str, Array]) -> tuple[LinearForm, BilinearForm]:
    """Traction of the cavity pressure, −p cof(F) N with N out of the wall, and its slope."""
    inverse, J = at["inverse"], at["J"]

    @LinearForm
    def push(v, w):
        return PRESSURE * J * np.einsum("ixcq,xcq,icq->cq", inverse, w.n, v)

    @BilinearForm
    def push_slope(du, v, w):
        along = np.einsum("ixcq,xcq->icq", inverse, w.n)
        turned = np.einsum("ixcq,jxcq,jcq->icq", inverse, du.grad, along)
        change = _growth(du.grad, at) * along - turned
        return PRESSURE * J * np.einsum("icq,icq->cq", change, v)

    return push, push_slope


def _scikit_fem(
    mesh: HeartMesh, nodes: Nodes, element: str, name: str, state: _State
) -> tuple[Array, sp.csr_array]:
    """Residual and matrix in heartsim's numbering, assembled by scikit-fem."""
    theirs = MeshTet(mesh.points.T.copy(), mesh.tets.T.copy())
    kind = ElementVector(ElementTetP2() if element == "P2P1" else ElementTetP1())
    moves = Basis(theirs, kind, intorder=2)
    holds = moves.with_element(ElementTetP1())
    number = _numbers(moves, nodes)
    u = np.zeros(moves.N)
    u[number] = state.u.ravel()
    inside = FacetBasis(theirs, kind, facets=_facets(theirs, mesh), intorder=4)
    at = _point_data(
        _gradient(moves, u),
        moves.global_coordinates().value,
        np.asarray(holds.interpolate(state.p)),
        name,
    )
    force, stiffness, coupling, constraint = _forms(at)
    none = np.zeros((1, 1))
    wet = _gradient(inside, u)
    push, push_slope = _follower(_point_data(wet, inside.global_coordinates().value, none, name))
    f = force.assemble(moves) + push.assemble(inside)
    K = stiffness.assemble(moves) + push_slope.assemble(inside)
    G = coupling.assemble(moves, holds)
    projection = STABILIZATION[element] * _projection(theirs, holds)
    g = constraint.assemble(holds) - projection @ state.p
    K, G = sp.csr_array(K)[number][:, number], sp.csr_array(G)[:, number]
    whole = sp.block_array([[K, G.T], [G, -projection]]).tocsr()
    return np.concatenate([f[number], g]), sp.csr_array(whole)


def _gradient(basis: AbstractBasis, u: Array) -> Array:
    """Gradient of a displacement at the quadrature points."""
    return np.asarray(basis.interpolate(u).grad)  # pyright: ignore[reportAttributeAccessIssue]


def _projection(mesh: MeshTet, holds: Basis) -> sp.csr_array:
    """Matrix of ∫ (p − p̄)(q − q̄), p̄ the mean over a cell."""
    from skfem import ElementTetP0
    from skfem.models.poisson import mass

    constant = holds.with_element(ElementTetP0())
    whole, mean = asm(mass, holds), sp.csr_array(asm(mass, constant, holds))
    volume = sp.diags_array(1 / asm(LinearForm(lambda q, w: q), constant))
    return sp.csr_array(whole) - mean @ volume @ mean.T


def _numbers(moves: Basis, nodes: Nodes) -> Array:
    """Unknowns of scikit-fem in the order (node, component) of heartsim."""
    own = np.zeros((len(nodes.points), 3), int)
    own[: nodes.vertices] = np.asarray(moves.nodal_dofs).T
    if len(nodes.edges):
        own[nodes.midpoints(np.asarray(moves.mesh.edges).T)] = np.asarray(moves.edge_dofs).T
    return own.ravel()


def _facets(theirs: MeshTet, mesh: HeartMesh) -> Array:
    """Endocardial facets in the numbering of scikit-fem."""
    known = {
        tuple(sorted(facet)): k for k, facet in enumerate(np.asarray(theirs.facets).T.tolist())
    }
    return np.array([known[tuple(sorted(t))] for t in mesh.cavities["LV"].facets.tolist()])
