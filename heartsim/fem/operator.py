"""Tangent of the whole wall as a linear operator.

Every boundary facet belongs to one tetrahedron, so springs are part of the element blocks. The
cavity pressures stand beside them: multigrid does without their tangent, and factors take it in
(`WallOperator.loaded`).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from heartsim.fem.cavity import CavitySurface, lid_tangent
from heartsim.fem.space import BoundaryParts
from heartsim.fem.tangent import Tangent

Block = Float[Array, "k m"]


def times_blocks(blocks: Float[Array, "c i j"], x: Float[Array, "k c j"]) -> Array:
    """Dense blocks of all elements times several element vectors.

    One batched product for one vector; for more, a fused sum that reads the blocks once. On a
    CPU each is 3–15 times slower in the other's place.
    """
    if x.shape[0] == 1:
        return jnp.einsum("cij,kcj->kci", blocks, x)
    return jnp.sum(jnp.swapaxes(blocks, 1, 2)[None] * x[..., None], axis=2)


def add_parts(
    blocks: Float[Array, "c k k"],
    parts: BoundaryParts,
    tangents: Float[Array, "f b b 3 3"],
) -> Float[Array, "c k k"]:
    """Element blocks with the tangents of boundary parts added to the cells behind them."""
    nodes = blocks.shape[1] // 3
    split = blocks.reshape(-1, nodes, 3, nodes, 3)
    cell, local = parts.cell, parts.local
    at = (cell[:, None, None], local[:, :, None], slice(None), local[:, None, :])
    return split.at[at].add(tangents.astype(blocks.dtype)).reshape(blocks.shape)


class Pressed(eqx.Module):
    """Tangent of a cavity pressure on endocardial facets or on rim edges.

    Attributes
    ----------
    parts : BoundaryParts
    blocks : (f, b, b, 3, 3)
        Stiffness between the nodes of a part [mN/mm].
    """

    parts: BoundaryParts
    blocks: Float[Array, "f b b 3 3"]


class Tied(eqx.Module):
    """Tangent of the strands of a cable.

    Attributes
    ----------
    ends : (k, 2) int
        Vertices that each strand joins.
    blocks : (k, 2, 2, 3, 3)
        Stiffness between its ends [mN/mm].
    """

    ends: Int[Array, "k 2"]
    blocks: Float[Array, "k 2 2 3 3"]


class WallOperator(eqx.Module):
    """Derivative of the wall's residual by displacement and pressure, without assembly.

    A vector holds the displacement of all nodes, then the pressure of all vertices. Prescribed
    displacements are rows and columns of the identity.

    Attributes
    ----------
    tangent : Tangent
    cells : (c, a) int
    pressed, rims : tuple of Pressed
        Cavity pressures on the facets; on the lids, as far as rim edges see it.
    tied : tuple of Tied
        Cables.
    cavities : tuple of CavitySurface
    position : (n, 3)
        Current node positions [mm].
    pressure : (k,)
        Cavity pressures [kPa].
    free : (n, 3)
    vertices : int
    """

    tangent: Tangent
    cells: Int[Array, "c a"]
    pressed: tuple[Pressed, ...]
    rims: tuple[Pressed, ...]
    tied: tuple[Tied, ...]
    cavities: tuple[CavitySurface, ...]
    position: Float[Array, "n 3"]
    pressure: Float[Array, " chambers"]
    free: Float[Array, "n 3"]
    vertices: int = eqx.field(static=True)

    def split(self, z: Block) -> tuple[Float[Array, "k n 3"], Float[Array, "k v"]]:
        """Displacement and pressure parts of vectors."""
        cut = 3 * self.free.shape[0]
        return z[:, :cut].reshape(z.shape[0], -1, 3), z[:, cut:]

    def join(self, u: Float[Array, "k n 3"], p: Float[Array, "k v"]) -> Block:
        """Vectors from their displacement and pressure parts."""
        return jnp.concatenate([u.reshape(u.shape[0], -1), p], axis=1)

    def stiffness(
        self, u: Float[Array, "k n 3"], weight: Float[Array, " v"] | None = None
    ) -> Float[Array, "k n 3"]:
        """Displacement block K, without the cavity pressures; with a weight W, K + Gᵀ W G."""
        moved = u * self.free[None]
        local = self._gathered(moved)
        pulled = times_blocks(self.tangent.K, local)
        if weight is not None:
            volumes = self.at_vertices(times_blocks(self.tangent.G, local))
            pulled += self._pushed(weight[None] * volumes)
        out = self._scatter(pulled, u)
        for strands in self.tied:
            ends = jnp.einsum("sabij,ksbj->ksai", strands.blocks, moved[:, strands.ends])
            out = out.at[:, strands.ends].add(ends)
        return out * self.free[None] + u * (1 - self.free)[None]

    def coupling(self, p: Float[Array, "k v"], like: Float[Array, "k n 3"]) -> Array:
        """Forces of a pressure multiplier: Gᵀ p."""
        return self._scatter(self._pushed(p), like) * self.free[None]

    def constraint(self, u: Float[Array, "k n 3"], p: Float[Array, "k v"]) -> Array:
        """Rows of the incompressibility constraint: G u - Q p."""
        rows = times_blocks(self.tangent.G, self._gathered(u * self.free[None]))
        return self.at_vertices(rows - self._compressed(p))

    def compressibility(self, p: Float[Array, "k v"]) -> Array:
        """Volumes by which a pressure multiplier gives way: Q p."""
        return self.at_vertices(self._compressed(p))

    def follower(self, u: Float[Array, "k n 3"]) -> Float[Array, "k n 3"]:
        """Tangent of the cavity pressures on facets and lids."""
        if not self.cavities:
            return jnp.zeros_like(u)

        def one(direction):
            return lid_tangent(self.cavities, self.position, self.pressure, direction)

        moved = u * self.free[None]
        out = -jax.vmap(one)(moved)
        for load in self.pressed:
            nodes = load.parts.nodes
            pushed = jnp.einsum("fabij,kfbj->kfai", load.blocks, moved[:, nodes])
            out = out.at[:, nodes].add(pushed)
        return out * self.free[None]

    def loaded(self) -> Float[Array, "c k k"]:
        """Displacement blocks of the elements with the cavity pressures.

        Of the lids only what a move of their centres adds is missing: it couples whole rims.
        """
        K = self.tangent.K
        for load in (*self.pressed, *self.rims):
            K = add_parts(K, load.parts, load.blocks)
        return K

    def apply(self, z: Block) -> Block:
        """Tangent times several vectors."""
        u, p = self.split(z)
        forces = self.stiffness(u) + self.coupling(p, u) + self.follower(u)
        return self.join(forces, self.constraint(u, p))

    def at_vertices(self, local: Float[Array, "k c 4"]) -> Float[Array, "k v"]:
        """Sums of what cells say of their vertices."""
        sums = jnp.zeros((local.shape[0], self.vertices), local.dtype)
        return sums.at[:, self.cells[:, :4]].add(local)

    def _gathered(self, u: Float[Array, "k n 3"]) -> Float[Array, "k c i"]:
        return u[:, self.cells].reshape(u.shape[0], self.cells.shape[0], -1)

    def _pushed(self, p: Float[Array, "k v"]) -> Float[Array, "k c i"]:
        return times_blocks(jnp.swapaxes(self.tangent.G, 1, 2), p[:, self.cells[:, :4]])

    def _compressed(self, p: Float[Array, "k v"]) -> Float[Array, "k c 4"]:
        return times_blocks(self.tangent.Q, p[:, self.cells[:, :4]])

    def _scatter(self, local: Array, like: Array) -> Array:
        shaped = local.reshape(*local.shape[:2], -1, 3)
        return jnp.zeros_like(like).at[:, self.cells].add(shaped)
