"""Constitutive laws at a point: published values, simple shear, uniaxial stretch, a free bar."""

from collections.abc import Callable
from typing import Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from heartsim.errors import InputError
from heartsim.fem.residual import residual
from heartsim.tissue.active import InvariantTension
from heartsim.tissue.law import Law
from heartsim.tissue.parameters import PARAMETER_SETS, passive_law
from heartsim.tissue.passive import Guccione, HolzapfelOgden, MooneyRivlin, NeoHookean, Usyk
from heartsim.units import kPa
from heartsim.verification.bodies import bar, heart_of, muscle, nearest, wall
from heartsim.verification.direct import (
    Body,
    Equilibrium,
    at_rest,
    loading,
    solve,
)
from heartsim.verification.quadratic import Steps, near_solution
from heartsim.verification.table import Figure, Findings, Line, Reading, Row

EXACT: Final = 1e-6
"""Relative tolerance where a published value has seven digits or the elements are exact."""

POINT: Final = np.array([[1.10, 0.05, -0.02], [0.03, 0.95, 0.04], [-0.01, 0.02, 1.02]])
"""Deformation gradient of the point test."""

FIBER: Final = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
"""Fiber frame of the point test, rows fiber, sheet, normal."""

SHEAR_2009: Final = {
    "fs": 14.676635, "fn": 12.792675, "sf": 3.345995, "sn": 1.462035, "nf": 0.219234, "ns": 0.219234
}  # fmt: skip
"""Cauchy shear stress of the 2009 muscle at a shear of 0.5 [kPa], by an independent code."""

LAWS: Final[dict[str, Law]] = {
    "neo-Hookean": NeoHookean(10.0),
    "Mooney–Rivlin": MooneyRivlin(4.0, 1.0),
    "Guccione": passive_law("guccione-land-2015"),
    "Usyk": passive_law("usyk-2002"),
    "Holzapfel–Ogden": passive_law("holzapfel-ogden-2009-shear"),
}
"""One member of every passive law."""


def point(fast: bool) -> Findings:
    """Energy and first Piola stress of every law at one general deformation gradient.

    F = [[1.10, 0.05, −0.02], [0.03, 0.95, 0.04], [−0.01, 0.02, 1.02]], J = 1.063268, fiber
    (0.8, 0.6, 0), sheet (−0.6, 0.8, 0). Reference values by complex-step differentiation of
    the energies in an independent script, checked by central differences.
    """
    del fast
    ho = PARAMETER_SETS["holzapfel-ogden-2009-shear"].values
    cases: dict[str, tuple[Law, tuple[float, float, float, float]]] = {
        "HO 2009": (
            HolzapfelOgden(**ho), (0.400556449, 8.26837275, 6.163358, -0.000979648202)),
        "HO, full invariants": (
            HolzapfelOgden(**ho, isochoric=False),
            (0.408941148, 8.49005398, 6.16798666, 0.215162266)),
        "HO, logistic": (
            HolzapfelOgden(**ho, logistic=True),
            (0.400564749, 8.26879448, 6.16279712, -0.000979648202)),
        "Guccione": (
            Guccione(2.0, 8.0, 2.0, 4.0), (0.0757011892, 0.857685466, 0.542706228, -0.403243637)),
        "Guccione, full strain": (
            Guccione(2.0, 8.0, 2.0, 4.0, isochoric=False),
            (0.108774837, 1.68639157, 0.749793709, 0.0992232845)),
        "Usyk": (
            passive_law("usyk-2002"), (0.0668058884, 0.831517494, 0.189014325, -0.166810874)),
        "neo-Hookean": (
            NeoHookean(10.0), (0.161085768, 1.35551887, 0.774648437, -0.128221977)),
    }  # fmt: skip
    reading = Reading("point", "independent script, complex step")
    rows = []
    for name, (law, expected) in cases.items():
        energy, P = _piola(law.energy)
        found = (energy, P[0, 0], P[0, 1], P[2, 2])
        for what, value, target in zip(("W", "P11", "P12", "P33"), found, expected, strict=True):
            tolerance = EXACT if abs(target) < 0.01 else 1e-8
            rows.append(reading.within(f"{name}: {what}", value, target, tolerance, "kPa"))
    active = InvariantTension()
    energy, P = _piola(lambda C: active.energy(C, jnp.asarray(60.0)))
    for what, value, target in (
        ("W", energy, 5.42856), ("P11", P[0, 0], 43.68), ("P12", P[0, 1], 32.76)
    ):  # fmt: skip
        rows.append(reading.within(f"active Ta/2 (I4f − 1): {what}", value, target, 1e-8, "kPa"))
    return Findings(tuple(rows), _against("Point test", rows, "value [kPa]"))


def _piola(energy) -> tuple[float, Float[np.ndarray, "3 3"]]:
    """Energy and first Piola stress in the laboratory frame at `POINT`."""
    F = POINT @ FIBER.T
    value, slope = jax.value_and_grad(energy)(jnp.asarray(F.T @ F))
    return float(value), F @ (2 * np.asarray(slope)) @ FIBER


def _against(title: str, rows: list[Row], label: str) -> Figure:
    """Computed values over published ones."""
    expected = np.array([(row.low + row.high) / 2 for row in rows])
    found = np.array([row.computed for row in rows])
    ends = np.array([expected.min(), expected.max()])
    lines = (Line(ends, ends, "equal", "k-"), Line(expected, found, "heartsim", "C0o"))
    return Figure(title, f"published {label}", f"heartsim {label}", lines)


def shear(fast: bool) -> Findings:
    """Simple shear F = I + γ j⊗i of every passive law, shear component of the Cauchy stress.

    Isotropic laws obey σ = mu γ (neo-Hookean) and 2 (c1 + c2) γ (Mooney–Rivlin); Fung laws
    follow by hand from S = C exp(Q) b E; the six modes of Holzapfel–Ogden muscle at γ = 0.5 are
    compared with an independent code, and their order fs > fn > sf > sn > nf = ns is the
    signature of figure 2 of the paper (doi:10.1098/rsta.2009.0091).
    """
    del fast
    amount = 0.5
    last = np.array([amount])
    reading = Reading("shear", "closed form")
    rows = []
    for name, modulus in (("neo-Hookean", 10.0), ("Mooney–Rivlin", 2 * (4.0 + 1.0))):
        (found,) = _sheared(name, "fs", last)
        rows.append(reading.within(f"{name}, fs at 0.5", found, modulus * amount, EXACT, "kPa"))
    for name, scale, exponents in (
        ("Guccione", 2.0, {"f": 8.0, "s": 2.0, "n": 2.0, "fs": 4.0, "sn": 2.0}),
        ("Usyk", 0.88, {"f": 8.0, "s": 6.0, "n": 3.0, "fs": 12.0, "sn": 3.0}),
    ):
        for mode in ("fs", "sn"):
            expected = _fung_shear(scale, exponents, mode, amount)
            (found,) = _sheared(name, mode, last)
            rows.append(reading.within(f"{name}, {mode} at 0.5", found, expected, EXACT, "kPa"))
    reading = Reading("shear", "independent code, doi:10.1098/rsta.2009.0091")
    gamma = np.linspace(0, amount, 26)
    lines = []
    for k, (mode, expected) in enumerate(SHEAR_2009.items()):
        stress = _sheared("Holzapfel–Ogden", mode, gamma)
        what = f"Holzapfel–Ogden, {mode} at 0.5"
        rows.append(reading.within(what, stress[-1], expected, EXACT, "kPa"))
        lines.append(Line(gamma, stress, mode, f"C{k}-"))
    published = np.array(list(SHEAR_2009.values()))
    lines.append(Line(np.full(6, amount), published, "independent code", "ko"))
    title = "Simple shear of muscle (Holzapfel–Ogden 2009)"
    return Findings(tuple(rows), Figure(title, "shear [-]", "Cauchy stress [kPa]", tuple(lines)))


def _sheared(law: str, mode: str, amounts: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Shear stress of a mode; its first letter is the direction that is sheared [kPa]."""
    i, j = ("fsn".index(letter) for letter in mode)
    F = np.eye(3) + amounts[:, None, None] * np.outer(np.eye(3)[j], np.eye(3)[i])
    S = 2 * np.asarray(jax.vmap(jax.grad(LAWS[law].energy))(jnp.asarray(F.swapaxes(1, 2) @ F)))
    return (F @ S @ F.swapaxes(1, 2))[:, i, j]


def _fung_shear(scale: float, b: dict[str, float], mode: str, amount: float) -> float:
    """Shear stress of a Fung law by hand: only E_ii = γ²/2 and E_ij = γ/2 are not zero [kPa]."""
    i = mode[0]
    stretch, slide = amount**2 / 2, amount / 2
    growth = scale * np.exp(b[i] * stretch**2 + 2 * b[mode] * slide**2)
    # sigma = F S Fᵀ with F = I + γ j⊗i: sigma_ij = S_ij + γ S_ii
    return growth * (b[mode] * slide + amount * b[i] * stretch)


def uniaxial(fast: bool) -> Findings:
    """Stretch every passive law along its fibers, incompressible, sides free.

    Closed forms: neo-Hookean mu (λ² − 1/λ); Mooney–Rivlin 2 (c1 + c2/λ)(λ² − 1/λ); the others from
    stresses by hand and a one-dimensional root for the free sides. Guccione tissue is also
    stretched as a bar of finite elements, which hold the homogeneous solution exactly.
    """
    del fast
    reading = Reading("uniaxial", "closed form")
    stretches = np.array([0.9, 1.2])
    grid = np.linspace(0.88, 1.22, 18)
    rows, lines = [], []
    for k, (name, law) in enumerate(LAWS.items()):
        found = [_uniaxial(_differentiated(law), stretch) for stretch in stretches]
        for stretch, stress in zip(stretches, found, strict=True):
            what = f"{name}, Cauchy stress at stretch {stretch}"
            rows.append(reading.within(what, stress, _by_hand(law, stretch), EXACT, "kPa"))
        exact = np.array([_by_hand(law, stretch) for stretch in grid])
        shown = exact < 12.0
        lines.append(Line(grid[shown], exact[shown], name, f"C{k}-"))
        lines.append(Line(stretches[:1], np.array(found[:1]), "", f"C{k}o"))
    bars, newton = _bar_rows(stretches)
    title = "Uniaxial stretch along the fibers: lines by hand, points heartsim"
    figure = Figure(title, "stretch [-]", "Cauchy stress [kPa]", tuple(lines))
    return Findings((*rows, *bars), figure, (newton,))


def _bar_rows(stretches: Float[np.ndarray, " k"]) -> tuple[list[Row], Steps]:
    """Guccione tissue stretched as a bar of finite elements, and Newton's steps on it."""
    law, rows, newton = LAWS["Guccione"], [], ()
    _, space = bar()
    reading = Reading("uniaxial", "closed form", space.dofs)
    for stretch in stretches:
        stress, newton = _pulled(law, stretch)
        what = f"bar of Guccione tissue at stretch {stretch}"
        rows.append(reading.within(what, stress, _by_hand(law, stretch), EXACT, "kPa"))
    return rows, newton


def _pulled(law: Law, stretch: float) -> tuple[float, Steps]:
    """Cauchy stress of the bar [kPa], from the force on its end, and Newton's steps."""
    nodes, space = bar()
    end = np.flatnonzero(nodes.points[:, 0] > nodes.points[:, 0].max() - 1e-9)
    space = eqx.tree_at(lambda s: s.free, space, space.free.at[end, 0].set(0.0))
    solid = wall(space, muscle(law, len(space.volume)))
    body = Body(heart_of(solid))
    side = stretch**-0.5 - 1
    u = space.points * jnp.array([[stretch - 1, side, side]])
    found = solve(body, loading(body), Equilibrium(u, jnp.zeros(space.vertices), ()))
    forces, _ = residual(solid, found.u, found.p, 0 * space.volume, found.u, jnp.zeros(()))
    area = float(np.prod(np.ptp(np.asarray(space.points + found.u), axis=0)[1:]))
    stress = float(jnp.sum(forces[end, 0])) / area
    return stress, near_solution(body, loading(body), found)


Stresses = Callable[[Float[np.ndarray, " 3"]], Float[np.ndarray, " 3"]]
"""Second Piola stresses along the fiber axes [kPa] of stretches along them."""


def _uniaxial(S: Stresses, stretch: float) -> float:
    """Cauchy stress along the fiber of an incompressible body whose sides are free [kPa]."""

    def cauchy(sheet: float) -> Float[np.ndarray, " 3"]:
        stretches = np.array([stretch, sheet, 1 / (stretch * sheet)])
        return stretches**2 * S(stretches)

    def unequal(sheet: float) -> float:
        _, across, normal = cauchy(sheet)
        return across - normal

    equal = stretch**-0.5
    along, _, normal = cauchy(brentq(unequal, 0.7 * equal, 1.4 * equal, xtol=1e-13))
    return float(along - normal)


def _differentiated(law: Law) -> Stresses:
    """Stresses of a law as the product has them, by differentiation of its energy."""

    def S(stretches: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
        return np.diag(2 * jax.grad(law.energy)(jnp.diag(jnp.asarray(stretches**2))))

    return S


def _by_hand(law: Law, stretch: float) -> float:
    """Uniaxial Cauchy stress along the fiber [kPa] by hand."""
    match law:
        case NeoHookean():
            return float(law.mu) * (stretch**2 - 1 / stretch)
        case MooneyRivlin():
            return 2 * (float(law.c1) + float(law.c2) / stretch) * (stretch**2 - 1 / stretch)
        case Guccione():
            return _uniaxial(_fung(law.C, (law.bf, law.bt, law.bt)), stretch)
        case Usyk():
            return _uniaxial(_fung(law.C, (law.bff, law.bss, law.bnn)), stretch)
        case HolzapfelOgden():
            return _uniaxial(_muscle(law), stretch)
    raise InputError(f"{type(law).__name__}: no closed form of its uniaxial stress is known here.")


def _fung(scale: float, b: tuple[float, float, float]) -> Stresses:
    def S(stretches: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
        E = (stretches**2 - 1) / 2
        return scale * np.exp(np.dot(b, E**2)) * np.array(b) * E

    return S


def _muscle(law: HolzapfelOgden) -> Stresses:
    def S(stretches: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
        square = stretches**2
        matrix = law.a * np.exp(law.b * (square.sum() - 3))
        f, s = np.maximum(square[:2] - 1, 0)
        fiber = 2 * law.a_f * f * np.exp(law.b_f * f**2)
        sheet = 2 * law.a_s * s * np.exp(law.b_s * s**2)
        return matrix + np.array([fiber, sheet, 0.0])

    return S


def active_bar(fast: bool) -> Findings:
    """Let a free neo-Hookean bar contract along its fibers: λ³ = mu/(mu + Ta).

    Active stress S_a = Ta f⊗f (second Piola), mu = 10 kPa; with the Cauchy convention
    Ta/λ f⊗f the stretches would be 0.755 and 0.395 instead of 0.794 and 0.523.
    """
    del fast
    nodes, space = bar()
    body = Body(heart_of(wall(space, muscle(NeoHookean(10 * kPa), len(space.volume)))))
    reading = Reading("active-bar", "closed form, mu = 10 kPa", space.dofs)
    end = nearest(nodes, (2.0, 1.0, 1.0))
    found, loads = at_rest(body), loading(body)
    tensions, stretches, rows = np.arange(10.0, 61.0, 10.0), [], []
    for tension in tensions:
        loads = loading(body, tension=tension * kPa)
        found = solve(body, loads, found)
        stretches.append(1 + float(found.u[end, 0]) / 2.0)
        if tension in (10.0, 60.0):
            expected = (10 / (10 + tension)) ** (1 / 3)
            what = f"free stretch at {tension:.0f} kPa"
            rows.append(reading.within(what, stretches[-1], expected, EXACT))
    grid = np.linspace(0, 60, 61)
    lines = (
        Line(grid, (10 / (10 + grid)) ** (1 / 3), "closed form", "k-"),
        Line(tensions, np.array(stretches), "heartsim", "C0o"),
    )
    figure = Figure("Free contraction", "active tension [kPa]", "stretch [-]", lines)
    return Findings(tuple(rows), figure, (near_solution(body, loads, found),))
