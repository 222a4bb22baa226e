"""Gradient of the indices of one beat by the numbers of its heart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from heartsim.adjoint.indices import Function, Index, indices
from heartsim.adjoint.parameters import BLOOD, Parameter, Path, leaves, parameter
from heartsim.adjoint.periodic import Cycle, Walked, cycle
from heartsim.adjoint.tape import Effort, Tape, nothing_wanted, remembered, seeds, traces, walk_back
from heartsim.adjoint.transposed import Wanted
from heartsim.beat import Moment
from heartsim.circulation.closed_loop import blood_volume
from heartsim.equilibrium import Workspace, sharable
from heartsim.errors import InputError, not_found
from heartsim.heart import Heart
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.units import mL


class Sensitivity(NamedTuple):
    """Derivative of one index by one number of the heart.

    Attributes
    ----------
    value : float
        Change of the index when every entry of the number rises by one unit.
    percent : float
        Change of the index when every entry of the number rises by 1 % of itself.
    unit : str
        Unit of `value`, such as ``"mL/kPa"``.
    each : (...)
        Derivative by each entry, such as each cell; its sum is `value`.
    """

    value: float
    percent: float
    unit: str
    each: Float[np.ndarray, "..."]

    def within(self, share: Float[np.ndarray, " c"]) -> float:
        """Derivative by a rise in part of the wall only, such as ``heart.region["infarct"]``."""
        return float(np.sum(self.each * np.asarray(share)))


@dataclass(frozen=True)
class Gradient:
    """Sensitivities of the indices of a beat.

    Attributes
    ----------
    values : mapping of index to float
        The indices themselves.
    units : mapping of index to str
        Their units.
    table : mapping of (index, number) to Sensitivity
    cell_volume : (c,)
        Of each cell, without load [mm³].
    forward_seconds : float
        CPU time of the beat [s].
    effort : Effort
        What the walks back have cost.
    missed : float
        Largest relative residual of the equations of the periodic beat; 0 for a beat with a
        given start.
    """

    values: Mapping[str, float]
    units: Mapping[str, str]
    table: Mapping[tuple[str, str], Sensitivity]
    cell_volume: Float[np.ndarray, " c"]
    forward_seconds: float
    effort: Effort
    missed: float

    def of(self, index: str, *, by: str) -> Sensitivity:
        """Sensitivity of an index, by its key or the end of it, to a number.

        Raises
        ------
        InputError
            If it was not asked for.
        """
        names = [key for key in self.values if key == index or key.endswith(f".{index}")]
        if not names:
            raise not_found(InputError, "index", index, "this gradient", self.values)
        known = {number for _, number in self.table}
        if by not in known:
            raise not_found(InputError, "number", by, "this gradient", known)
        return self.table[names[0], by]

    def field(self, index: str, *, by: str) -> Float[np.ndarray, " c"]:
        """Map over the wall: the derivative by a number of each cell, per mL of tissue.

        Raises
        ------
        InputError
            If the number has no value of its own in each cell.
        """
        each = self.of(index, by=by).each
        if each.shape != self.cell_volume.shape:
            raise InputError(
                f"{by} is one number, not one for each cell. Ask for a number of the muscle, such "
                "as tissue.contractility."
            )
        return each / (self.cell_volume / mL)

    def on(self, mesh: HeartMesh) -> HeartMesh:
        """Heart with every map as a field, such as ``d_LV.EF_percent_d_tissue.contractility``."""
        maps = {
            f"d_{index.removeprefix('chambers.')}_d_{number}": self.field(index, by=number)
            for (index, number), found in self.table.items()
            if found.each.shape == self.cell_volume.shape
        }
        return mesh.with_fields(maps)

    def as_dict(self) -> dict[str, object]:
        """Values, derivatives and what they cost as plain data."""
        slopes = [
            {
                "index": index,
                "by": number,
                "derivative": found.value,
                "unit": found.unit,
                "per_percent": found.percent,
            }
            for (index, number), found in self.table.items()
        ]
        cost = {
            "forward_cpu_s": self.forward_seconds,
            "backward_cpu_s": self.effort.seconds,
            "walks": self.effort.walks,
            "linear_residual": self.effort.missed,
            "periodic_residual": self.missed,
        }
        return {"values": dict(self.values), "gradient": slopes, "cost": cost}

    def __str__(self) -> str:
        rows = [
            f"{index:28} {self.values[index]:9.4g} {self.units[index]:6} {by:34} "
            f"{found.value:+11.4g} {found.unit:18} {found.percent:+9.3g}"
            for (index, by), found in self.table.items()
        ]
        head = (
            f"{'index':28} {'value':>9} {'':6} {'by':34} {'derivative':>11} {'':18} {'per 1 %':>9}"
        )
        return "\n".join([head, *rows])


def differentiate(
    work: Workspace,
    heart: Heart,
    moment: Moment,
    *,
    of: Sequence[str] | Mapping[str, Function],
    by: Sequence[str],
    step: float,
    until: float,
    periodic: bool = False,
) -> Gradient:
    """Run a beat and differentiate its indices.

    Parameters
    ----------
    work, heart, moment
        Solver, heart and the start of its beat.
    of : sequence of str, or mapping of name to function of Traces
        Keys of ``indices.json`` such as ``"chambers.LV.EF_percent"`` (the end of a key will do), or
        scalars of one's own.
    by : sequence of str
        Numbers of the heart: keys of a scenario such as ``"tissue.contractility"``, or dotted
        ways through `Heart`.
    step, until : float
        Time step and end of the beat [ms].
    periodic : bool
        Whether the beat starts where it ends, and goes on doing so when a number changes, its blood
        volume kept. Otherwise its start is given and stays.

    Raises
    ------
    InputError
        If an index or a number is not known.
    SolveFailed
        If a step of the beat cannot be solved.
    """
    wanted = indices(of)
    numbers = tuple(parameter(heart, name) for name in by)
    paths = tuple(dict.fromkeys(path for number in numbers for path in number.paths))
    work = sharable(work, heart)
    tape, _, work = remembered(work, heart, moment, step=step, until=until)
    values, rows = seeds(wanted, traces(heart, tape))
    walk, work, effort = walk_back(
        work, heart, tape, paths, nothing_wanted(heart, len(wanted)), rows
    )
    start = tape.levels[0].blood
    if periodic:
        found, effort = _periodic(work, heart, tape, paths, walk, rows, effort)
    else:
        veins = np.asarray(walk.wanted.blood.p_systemic_veins)
        by_blood = veins / float(heart.loop.systemic_veins.compliance)
        found = Cycle(walk.gradient, by_blood, 0.0)
    blood = float(blood_volume(heart.loop, start))
    slopes = dict(zip(paths, found.gradient, strict=True))
    table = {
        (index.name, number.name): _infused(index, found.by_blood[row], blood)
        if number.name == BLOOD
        else _sensitivity(heart, index, number, [slopes[path][row] for path in number.paths])
        for row, index in enumerate(wanted)
        for number in numbers
    }
    return Gradient(
        values=dict(zip((index.name for index in wanted), values.tolist(), strict=True)),
        units={index.name: index.unit for index in wanted},
        table=table,
        cell_volume=np.asarray(heart.cell_volume),
        forward_seconds=tape.seconds,
        effort=effort,
        missed=found.missed,
    )


def _periodic(
    work: Workspace,
    heart: Heart,
    tape: Tape,
    paths: tuple[Path, ...],
    first: Walked,
    rows: Mapping[str, Mapping[str, np.ndarray]],
    effort: Effort,
) -> tuple[Cycle, Effort]:
    """Derivatives of the periodic beat, and what they cost."""
    silent = jax.tree.map(np.zeros_like, rows)
    spent = [effort]

    def walk(wanted: Wanted) -> Walked:
        back, _, cost = walk_back(work, heart, tape, paths, wanted, silent)
        spent.append(cost)
        return back

    found = cycle(heart, paths, tape.levels[0].blood, first, walk)
    return found, sum(spent[1:], spent[0])


def _infused(index: Index, slope: float, blood: float) -> Sensitivity:
    """Sensitivity to the stressed blood volume."""
    value = float(slope) * mL
    return Sensitivity(value, 0.01 * float(slope) * blood, f"{index.unit}/mL", np.array(value))


def _sensitivity(
    heart: Heart, index: Index, number: Parameter, slopes: Sequence[np.ndarray]
) -> Sensitivity:
    values = leaves(heart, number.paths)
    relative = sum(float(np.sum(s * np.asarray(v))) for s, v in zip(slopes, values, strict=True))
    each = np.add.reduce(slopes) * number.size
    unit = f"{index.unit}/({number.unit})" if " " in number.unit else f"{index.unit}/{number.unit}"
    whole = float(np.sum(each))
    return Sensitivity(whole, 0.01 * relative, unit if number.unit else index.unit, each)
