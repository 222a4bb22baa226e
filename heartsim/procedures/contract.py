"""What every procedure must obey, as one call for those who write their own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from heartsim.errors import ContractError
from heartsim.mesh.surfaces import cell_volumes
from heartsim.procedures.edit import HeartEdit, Procedure
from heartsim.procedures.perform import on_anatomy, on_heart

if TYPE_CHECKING:
    from heartsim.heart import Heart
    from heartsim.mesh.heartmesh import HeartMesh


def check_procedure(
    procedure: Procedure,
    heart: "Heart",
    *,
    others: Sequence[Procedure] = (),
    dose: Callable[[jax.Array], HeartEdit] | None = None,
    neutral: float | None = None,
) -> None:
    """Hold the heart edits of a procedure against the laws of composition.

    The empty list is the identity bit for bit; grouping does not matter; the baseline stays as it
    is; shapes and structure stay; disjoint targets commute; a neutral dose changes nothing; the
    gradient by the dose is finite.

    Parameters
    ----------
    procedure : Procedure
        What to check.
    heart : Heart
        Patient that has its targets.
    others : sequence of Procedure
        Procedures with other targets, for commutation.
    dose : callable, optional
        Dose as a traced number to the edit, for the last two laws.
    neutral : float, optional
        Dose at which the edit changes nothing.

    Raises
    ------
    ContractError
        With the law that does not hold.

    Examples
    --------
    ::

        check_procedure(
            tavr(area="1.8 cm2"), heart, others=[infarct()],
            dose=lambda area: SetValve("aortic", area=area),
        )
    """
    before = jax.tree.map(np.array, jax.tree.leaves(heart))
    same_numbers("no procedure is the identity", on_heart(heart, ())[0], heart)
    once = on_heart(heart, [procedure])[0]
    _require("structure stays", jax.tree.structure(once) == jax.tree.structure(heart))
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(once)]
    _require("shapes stay", shapes == [np.shape(leaf) for leaf in before])
    same_numbers("the baseline stays as it is", heart, before)
    split = [replace(procedure, edits=(edit,)) for edit in procedure.edits]
    same_numbers("grouping does not matter", on_heart(heart, split, overlap="in order")[0], once)
    for other in others:
        forth, back = on_heart(heart, [procedure, other])[0], on_heart(heart, [other, procedure])[0]
        same_numbers(f"commutes with {other.name}", forth, back, tolerance=1e-14)
    if dose is not None:
        _check_dose(heart, dose, neutral)


def check_anatomy(
    procedure: Procedure, mesh: "HeartMesh", *, others: Sequence[Procedure] = ()
) -> "HeartMesh":
    """Hold the anatomy edits of a procedure against the laws of composition.

    The empty list gives the same mesh back; the baseline stays as it is; grouping does not matter;
    procedures with other targets commute; no cell is turned inside out.

    Parameters
    ----------
    procedure : Procedure
        What to check.
    mesh : HeartMesh
        Anatomy that has its targets.
    others : sequence of Procedure
        Procedures with other targets, for commutation.

    Returns
    -------
    HeartMesh
        Anatomy after the procedure.

    Raises
    ------
    ContractError
        With the law that does not hold.
    """
    before = {name: array.copy() for name, array in _arrays(mesh).items()}
    _require("no procedure is the identity", on_anatomy(mesh, ())[0] is mesh)
    once = on_anatomy(mesh, [procedure])[0]
    _require_equal("the baseline stays as it is", before, _arrays(mesh))
    split = [replace(procedure, edits=(edit,)) for edit in procedure.edits]
    again = on_anatomy(mesh, split, overlap="in order")[0]
    _require_equal("grouping does not matter", _arrays(once), _arrays(again))
    for other in others:
        forth, back = (
            on_anatomy(mesh, both)[0] for both in ([procedure, other], [other, procedure])
        )
        _require_equal(f"commutes with {other.name}", _arrays(forth), _arrays(back))
    _require("cells stay upright", bool((cell_volumes(once.points, once.tets) > 0).all()))
    return once


def _arrays(mesh: "HeartMesh") -> dict[str, np.ndarray]:
    """All arrays of a mesh by name."""
    named = {"points": mesh.points, "tets": mesh.tets}
    groups = {
        "region": mesh.regions,
        "surface": mesh.surfaces,
        "field": mesh.fields,
        "cable": mesh.cables,
    }
    for group, members in groups.items():
        named |= {f"{group} {name}": array for name, array in members.items()}
    for chamber, cavity in mesh.cavities.items():
        named[f"cavity {chamber}"] = cavity.facets
        named |= {f"rim {chamber} {name}": loop for name, loop in cavity.rims.items()}
    return named


def _require_equal(law: str, one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    _require(f"{law}; other parts", one.keys() == other.keys())
    for name, array in one.items():
        same = array.shape == other[name].shape and np.allclose(array, other[name], atol=1e-12)
        _require(f"{law}; {name} differs", same)


def _check_dose(
    heart: "Heart", dose: Callable[[jax.Array], HeartEdit], neutral: float | None
) -> None:
    """Neutral dose and finite gradient."""

    def total(value: jax.Array) -> jax.Array:
        edited = dose(value).apply_to_heart(heart)[0]
        leaves = list(map(jnp.asarray, jax.tree.leaves(edited)))
        leaves = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]
        return jnp.sum(jnp.stack([jnp.sum(leaf) for leaf in leaves]))

    at = jnp.asarray(0.5 if neutral is None else neutral, float)
    _require("the gradient by the dose is finite", bool(jnp.isfinite(jax.grad(total)(at))))
    if neutral is not None:
        unchanged = dose(at).apply_to_heart(heart)[0]
        same_numbers("a neutral dose changes nothing", unchanged, heart)


def same_numbers(law: str, one: object, other: object, *, tolerance: float = 0.0) -> None:
    """Refuse two trees whose numbers differ, relative to the largest of each array.

    Raises
    ------
    ContractError
        With the law and the largest difference.
    """
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        a, b = np.asarray(a, float), np.asarray(b, float)
        with np.errstate(invalid="ignore"):
            difference = np.where(a == b, 0.0, np.abs(a - b))
        worst = float(np.max(difference, initial=0.0))
        limit = tolerance * float(np.max(np.abs(b), initial=0.0))
        _require(f"{law}; difference {worst:.3g}", worst <= limit)


def _require(law: str, holds: bool) -> None:
    if not holds:
        raise ContractError(f"this law of composition does not hold: {law}.")
