"""The three problems of the 2015 verification benchmark of cardiac mechanics [1]_.

Exactly incompressible Guccione tissue, follower pressure, quasi-static. The bands are those of
the participants that converged; on straight-sided cells the shape of the ventricle, not the
element, limits the accuracy of problems 2 and 3, so they are run on two meshes and extrapolated
with the order of that error, h².

References
----------
.. [1] Land et al. (2015). Verification of cardiac mechanics software: benchmark problems and
   solutions for testing active and passive material behaviour. Proc. R. Soc. A 471, 20150641.
   doi:10.1098/rspa.2015.0641
"""

from typing import Final, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.activation.twitch import Activation, Twitch
from heartsim.bloodside import pressures_given
from heartsim.equilibrium import load_to, passive_load, rest, workspace
from heartsim.fem.cavity import cavity_surface
from heartsim.fem.solid import Solid
from heartsim.fem.space import FunctionSpace, Nodes, function_space, number_nodes
from heartsim.heart import Heart, cavity_volumes
from heartsim.mesh.box import box
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.microstructure.fibers import ellipsoid_rule
from heartsim.tissue.active import ActiveTension
from heartsim.tissue.parameters import passive_law
from heartsim.tissue.passive import Guccione
from heartsim.tissue.tissue import Tissue, uniform
from heartsim.units import Pa, kPa, mL
from heartsim.verification.direct import patch, solve
from heartsim.verification.table import Row, within

SOURCE: Final = "Land et al. 2015, doi:10.1098/rspa.2015.0641"

EDGES: Final = (3.0, 2.0)
"""Mesh sizes of problems 2 and 3 [mm]."""

LAYERS: Final = 2
"""Cells through the wall, of quadratic displacement."""

AUGMENTATION: Final = 20 * kPa
"""Weight γ of (J − 1)²/2, which vanishes at the incompressible solution."""

_APEX_ENDO: Final = -17.0
_APEX_EPI: Final = -20.0


class Shape(NamedTuple):
    """Outputs of the ventricular problems."""

    endo: float
    """Height of the deformed apex of the endocardium [mm]."""
    epi: float
    """Height of the deformed apex of the epicardium [mm]."""
    volume: float
    """Volume of the deformed cavity [mm³]."""


def material(law: Guccione, cells: int) -> Tissue:
    """Guccione tissue with tension that does not depend on length, as the benchmark has it."""
    one = jnp.ones(cells)
    return Tissue(
        uniform(law, cells), uniform(ActiveTension(0.0, 1.2), cells), one, 0 * one, 0 * one
    )


def solid(
    space: FunctionSpace, frames: Float[Array, "c q 3 3"], law: Guccione, *, augmentation: float
) -> Solid:
    """Incompressible wall of one law, with a weight γ of (J − 1)²/2 [kPa]."""
    cells = len(space.volume)
    none = jnp.zeros(())
    weight = jnp.asarray(augmentation)
    return Solid(space, frames, material(law, cells), weight, none, none, jnp.zeros(cells))


def problem_1(fast: bool) -> list[Row]:
    """Bend a beam of 10 × 1 × 1 mm by a pressure of 4 Pa on its lower face."""
    mesh = box((10.0, 1.0, 1.0), (10, 2, 2) if fast else (20, 2, 2))
    nodes = number_nodes(mesh.points, mesh.tets, 2)
    clamped = np.unique(nodes.facets(mesh.surface("x0")))
    space = function_space(nodes, "P2P1", fixed=clamped)
    frames = jnp.broadcast_to(jnp.eye(3), (len(mesh.tets), 1, 3, 3))
    beam = solid(space, frames, passive_law("guccione-land-2015"), augmentation=0.0)
    found = solve(
        beam,
        patch(nodes, mesh.surface("z0")),
        4 * Pa,
        jnp.zeros(len(mesh.tets)),
        u=jnp.zeros_like(space.points),
        p=jnp.zeros(space.vertices),
    )
    x, _, z = _position(nodes, found.u, (10.0, 0.5, 1.0))
    name = "land-1"
    return [
        Row(name, "tip of the beam, x", x, 9.165, 9.19, "mm", SOURCE),
        Row(name, "tip of the beam, z", z, 4.15, 4.18, "mm", SOURCE),
    ]


def problem_2(fast: bool) -> list[Row]:
    """Inflate an isotropic ventricle to 10 kPa."""
    del fast
    shape = _on_both_meshes(passive_law("guccione-land-2015-isotropic"), 10 * kPa, 0 * kPa)
    return _rows("land-2", shape, Shape(-26.612, -28.279, 10734.3), Shape(0.005, 0.005, 0.005))


def problem_3(fast: bool) -> list[Row]:
    """Contract a ventricle of helical fibers at 60 kPa against 15 kPa.

    The apex of the endocardium, where the fiber field is singular, converges slowly in every
    published code, hence its wide band.
    """
    del fast
    shape = _on_both_meshes(passive_law("guccione-land-2015"), 15 * kPa, 60 * kPa)
    return _rows("land-3", shape, Shape(-12.347, -15.452, 1795.9), Shape(0.04, 0.01, 0.01))


def ventricle(edge: float, law: Guccione) -> tuple[Heart, Nodes]:
    """Ventricle of the benchmark with the fibers of problem 3 and its base clamped.

    Parameters
    ----------
    edge : float
        Mesh size [mm].
    law : Guccione
        Passive law, scalar parameters.
    """
    mesh = left_ventricle(edge, layers=LAYERS)
    nodes = number_nodes(mesh.points, mesh.tets, 2)
    clamped = np.unique(nodes.facets(mesh.surface("base")))
    space = function_space(nodes, "P2P1", fixed=clamped)
    heart = Heart(
        solid=solid(space, _fibers(mesh, space), law, augmentation=AUGMENTATION),
        supports=(),
        cavities=(cavity_surface(nodes, mesh.cavities["LV"].facets, mesh.cavities["LV"].rims),),
        activation=Activation(jnp.zeros(len(mesh.tets)), Twitch(), 850.0),
        circulation=None,
        region={},
        chambers=("LV",),
    )
    return heart, nodes


def contract(heart: Heart, nodes: Nodes, pressure: float, tension: float) -> Shape:
    """Load the ventricle by cavity pressure and fiber tension together [kPa]."""
    at_rest = passive_load(heart)
    full = jnp.full_like(at_rest.tension, tension)
    wall, _ = load_to(
        workspace(heart, nodes),
        heart,
        rest(heart),
        lambda fraction: pressures_given(jnp.asarray([fraction * pressure])),
        lambda fraction: eqx.tree_at(lambda load: load.tension, at_rest, fraction * full),
        first=0.1,
        what="verification",
    )
    endo, epi = (_position(nodes, wall.u, (0.0, 0.0, z))[2] for z in (_APEX_ENDO, _APEX_EPI))
    return Shape(endo, epi, float(cavity_volumes(heart, wall.u)[0]))


def extrapolate(coarse: Shape, fine: Shape) -> Shape:
    """Take the outputs on the two `EDGES` to edge length zero, with an error of h²."""
    share = 1 / ((EDGES[0] / EDGES[1]) ** 2 - 1)
    return Shape(*(f + share * (f - c) for c, f in zip(coarse, fine, strict=True)))


def _on_both_meshes(law: Guccione, pressure: float, tension: float) -> Shape:
    return extrapolate(*(contract(*ventricle(edge, law), pressure, tension) for edge in EDGES))


def _rows(name: str, found: Shape, expected: Shape, tolerance: Shape) -> list[Row]:
    quantities = (
        ("apex of the endocardium, z", "mm", 1.0),
        ("apex of the epicardium, z", "mm", 1.0),
        ("cavity volume", "mL", mL),
    )
    return [
        within(name, quantity, value / scale, target / scale, share, unit=unit, source=SOURCE)
        for (quantity, unit, scale), value, target, share in zip(
            quantities, found, expected, tolerance, strict=True
        )
    ]


def _fibers(mesh: HeartMesh, space: FunctionSpace) -> Float[Array, "c q 3 3"]:
    """Fibers of problem 3 at the quadrature points, never at the singular apex itself."""
    at = np.asarray(space.pressure_values)
    points = np.einsum("qb,cbi->cqi", at, mesh.points[mesh.tets])
    return jnp.asarray(ellipsoid_rule(points))


def _position(
    nodes: Nodes, u: Float[Array, "n 3"], place: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Deformed position of the node at a reference place [mm]."""
    node = int(np.argmin(np.linalg.norm(nodes.points - np.array(place), axis=1)))
    x, y, z = nodes.points[node] + np.asarray(u[node])
    return float(x), float(y), float(z)
