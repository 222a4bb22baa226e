"""The patient as one value: wall, activation, supports, chambers and circulation."""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from heartsim.activation.twitch import Activation
from heartsim.circulation.closed_loop import Circulation
from heartsim.circulation.components import leaf
from heartsim.errors import InputError
from heartsim.fem import solid as wall
from heartsim.fem.cable import Cable, cable_blocks, cable_energy, cable_force
from heartsim.fem.cavity import (
    CavitySurface,
    facet_tangents,
    rim_tangents,
    volume_gradients,
    volumes,
)
from heartsim.fem.inertia import Inertia, inertial_blocks, inertial_force
from heartsim.fem.operator import Pressed, Tied, WallOperator, add_parts
from heartsim.fem.residual import residual
from heartsim.fem.solid import Solid
from heartsim.fem.support import Support, support_blocks, support_energy, support_force
from heartsim.fem.tangent import tangent
from heartsim.solve.lanes import lane_by_lane
from heartsim.tissue.tissue import Tissue


class Heart(eqx.Module):
    """A heart ready to be solved.

    Attributes
    ----------
    solid : Solid
        The wall; its material is the `Tissue`.
    supports : tuple of Support
        Pericardium and base.
    cavities : tuple of CavitySurface
        3D chambers, in the order of `chambers`.
    activation : Activation
        When each cell pulls.
    circulation : Circulation or None
        The blood; None for a wall on its own.
    region : mapping of name to (c,)
        1 in the cells of a region, 0 elsewhere.
    chambers : tuple of str
        Names of the 3D chambers.
    cables : mapping of name to Cable
        Sutures, rings, chords, nets; empty where none was laid.
    filling : ()
        Stressed blood volume over that of the patient at rest: drugs and reflexes move blood
        between the unstressed veins and the rest of the loop.
    """

    solid: Solid
    supports: tuple[Support, ...]
    cavities: tuple[CavitySurface, ...]
    activation: Activation
    circulation: Circulation | None
    region: Mapping[str, Float[Array, " c"]]
    chambers: tuple[str, ...] = eqx.field(static=True)
    filling: Float[Array, ""] = eqx.field(converter=leaf, default=1.0)
    cables: Mapping[str, Cable] = eqx.field(default_factory=dict)

    @property
    def tissue(self) -> Tissue:
        """Passive law, active tension, stiffness and contractility of every cell."""
        if not isinstance(self.solid.material, Tissue):
            raise InputError("the wall of this heart is not heart muscle. Build it from a Tissue.")
        return self.solid.material

    @property
    def loop(self) -> Circulation:
        """The circulation of a heart that has one."""
        if self.circulation is None:
            raise InputError("this heart has no circulation. Build it with one to let it beat.")
        return self.circulation

    @property
    def cell_volume(self) -> Float[Array, " c"]:
        """Reference volume of each cell [mm³]."""
        return self.solid.space.volume

    @property
    def strands(self) -> tuple[Cable, ...]:
        """Cables in the order of their names."""
        return tuple(self.cables[name] for name in sorted(self.cables))

    def tension(self, t: Float[Array, ""]) -> Float[Array, " c"]:
        """Active tension of each cell at a time of the beat [kPa]."""
        return self.tissue.tension(self.activation.tension_fraction(t))


class Load(eqx.Module):
    """What acts on the wall in one step besides the cavity pressures.

    Attributes
    ----------
    tension : (c,)
        Active tension [kPa].
    u_before : (n, 3)
        Displacement of the previous time level [mm].
    rate : ()
        1/dt [1/ms]; 0 is quasi-static.
    inertia : Inertia or None
        Mass of the wall; None, a choice and not a number, for a wall without any.
    """

    tension: Float[Array, " c"]
    u_before: Float[Array, "n 3"]
    rate: Float[Array, ""]
    inertia: Inertia | None = None


def cable_ends(heart: Heart) -> Int[np.ndarray, "k 2"]:
    """Vertices that the strands of all cables join, in the order of the operator (host)."""
    ends = [np.asarray(strands.ends) for strands in heart.strands]
    return np.concatenate([np.zeros((0, 2), np.int32), *ends])


def cavity_volumes(heart: Heart, u: Float[Array, "n 3"]) -> Float[Array, " k"]:
    """Volumes of the 3D chambers [mm³]."""
    return volumes(heart.cavities, heart.solid.space.points + u)


def cavity_gradients(heart: Heart, u: Float[Array, "n 3"]) -> Float[Array, "k n 3"]:
    """Derivatives of the chamber volumes by free displacements [mm²]."""
    gradients = volume_gradients(heart.cavities, heart.solid.space.points + u)
    return gradients * heart.solid.space.free[None]


def wall_residual(
    heart: Heart, u: Float[Array, "n 3"], p: Float[Array, " v"], load: Load
) -> tuple[Float[Array, "n 3"], Float[Array, " v"]]:
    """Forces of wall and supports [mN], without cavity pressures, and volume constraint [mm³]."""
    forces, constraint = residual(heart.solid, u, p, load.tension, load.u_before, load.rate)
    for held in heart.supports:
        forces += support_force(held, u, load.u_before, load.rate)
    for strands in heart.strands:
        forces += cable_force(strands, heart.solid.space.points + u)
    if load.inertia is not None:
        forces += inertial_force(load.inertia, heart.solid.space, u)
    return forces * heart.solid.space.free, constraint


def loaded_residual(
    heart: Heart,
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
    pressure: Float[Array, " k"],
    load: Load,
) -> Float[Array, " m"]:
    """Residual under cavity pressures: forces [mN] of all nodes, then volume constraint [mm³]."""
    forces, constraint = wall_residual(heart, u, p, load)
    forces -= jnp.tensordot(pressure, cavity_gradients(heart, u), 1)
    return jnp.concatenate([forces.ravel(), constraint])


def linearize(
    heart: Heart,
    u: Float[Array, "n 3"],
    p: Float[Array, " v"],
    pressure: Float[Array, " k"],
    load: Load,
    *,
    dtype: jnp.dtype,
    needed: Bool[Array, ""] | None = None,
) -> WallOperator:
    """Exact derivative of wall forces and pressure loads at a state, in the given precision.

    Where it is said which lanes of a batch need them, element tangents are nan in the others.
    """
    space, memory = heart.solid.space, (load.tension, load.u_before, load.rate)
    made = tangent if needed is None else lane_by_lane(tangent, needed)
    parts = made(heart.solid, u, p, *memory, dtype=dtype)
    K = parts.K
    for held in heart.supports:
        K = add_parts(K, held.facets, support_blocks(held, load.rate))
    if load.inertia is not None:
        K += inertial_blocks(load.inertia, space).astype(K.dtype)
    x, filled = space.points + u, tuple(zip(heart.cavities, pressure, strict=True))
    pressed = tuple(Pressed(c.facets, -kPa * facet_tangents(c, x)) for c, kPa in filled)
    rims = tuple(Pressed(c.rim, -kPa * rim_tangents(c, x)) for c, kPa in filled)
    tied = tuple(Tied(c.ends, cable_blocks(c, x)) for c in heart.strands)
    pressed, rims, tied, cavities = jax.tree.map(
        lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf,
        (pressed, rims, tied, heart.cavities),
    )
    return WallOperator(
        tangent=parts._replace(K=K),
        cells=space.cells,
        pressed=pressed,
        rims=rims,
        tied=tied,
        cavities=cavities,
        position=x.astype(dtype),
        pressure=pressure.astype(dtype),
        free=space.free.astype(dtype),
        vertices=space.vertices,
    )


def elastic_energy(heart: Heart, u: Float[Array, "n 3"], p: Float[Array, " v"]) -> Float[Array, ""]:
    """Energy stored in wall, springs and cables [µJ]."""
    x = heart.solid.space.points + u
    springs = sum(support_energy(held, u) for held in heart.supports)
    strands = sum(cable_energy(strands, x) for strands in heart.strands)
    return wall.stored_energy(heart.solid, u, p) + springs + strands
