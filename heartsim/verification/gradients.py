"""Gradients of a beat by the transposed step, against central differences of whole beats."""

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from heartsim.adjoint.gradient import Gradient, differentiate
from heartsim.adjoint.indices import indices
from heartsim.adjoint.parameters import parameter, shifted
from heartsim.adjoint.tape import remembered, seeds, traces
from heartsim.coupling import Tolerances
from heartsim.verification.coupled import Ready, newton_in_step, ready_to_beat
from heartsim.verification.table import Figure, Findings, Line, Reading

UNTIL: Final = 420.0
"""Time that is followed: filling, contraction and most of ejection [ms]."""

EXACT: Final = Tolerances(force=1e-10, volume=1e-11, linear=1e-3)
"""Tolerances of the runs that are subtracted from each other."""

OF: Final = ("EDV_mL", "ESV_mL", "P_max_mmHg")

BY: Final = (
    "tissue.stiffness",
    "tissue.contractility",
    "circulation.systemic_resistance",
    "circulation.systemic_compliance",
    "activation.rise",
    "support.pericardium_stiffness",
    "solid.viscosity",
)

RELATIVE: Final = (1e-3, 1e-4, 1e-5)
"""Changes of a number, relative, whose differences are compared."""

SMALLEST: Final = 1e-6
"""Derivatives below this part of index over number are too small for differences to see."""


def gradients(fast: bool) -> Findings:
    """Sensitivities of a beat, by the implicit adjoint and by central differences.

    Human ellipsoid, P1/P1, Holzapfel–Ogden muscle in the closed circulation, from filling to
    late ejection, its start given. Largest and smallest volume and peak pressure are
    differentiated by stiffness, contractility, resistance, compliance, timing, support and
    viscosity: each converged step is an implicit function, and the beat is walked backwards
    through one transposed step for each. Differences come from runs converged to 1e-10; their
    own error falls with the square of the change until rounding takes over, so the best of three
    changes is compared. The cost counts CPU seconds of beat and walk at the tolerances in use.
    """
    ready = ready_to_beat(edge=40.0 if fast else 20.0)
    step = 20.0 if fast else 10.0
    found = _gradient(replace(ready, work=replace(ready.work, tolerances=EXACT)), step)
    reading = Reading("gradients", "central differences", ready.heart.solid.space.dofs)
    rows, misses = [], []
    for number in BY:
        worst = _misses(ready, found, number, step)
        misses.append(worst)
        rows.append(reading.at_most(f"relative error, by {number}", worst.min(), 1e-4))
    usual = _gradient(ready, step)
    share = (usual.forward_seconds + usual.effort.seconds) / usual.forward_seconds
    reading = Reading("gradients", "CPU time of beat and walk / beat", reading.dofs)
    rows.append(reading.at_most("cost of three gradients, in beats", share, 3.0))
    lines = tuple(
        Line(np.array(RELATIVE), np.maximum(worst, 1e-12), number, f"C{place}o-")
        for place, (number, worst) in enumerate(zip(BY, misses, strict=True))
    )
    title = "Adjoint gradients against central differences"
    figure = Figure(title, "relative change of the number", "relative difference", lines, True)
    return Findings(tuple(rows), figure, (newton_in_step(ready, step),))


def _gradient(ready: Ready, step: float) -> Gradient:
    return differentiate(
        ready.work, ready.heart, ready.moment, of=OF, by=BY, step=step, until=UNTIL
    )


def _misses(
    ready: Ready, found: Gradient, number: str, step: float
) -> Float[np.ndarray, " changes"]:
    """Largest relative difference over the indices, for each change of a number."""
    slopes = np.array([found.of(index, by=number).value for index in OF])
    reach = np.array([found.of(index, by=number).percent for index in OF]) * 100.0
    sizes = np.array(list(found.values.values()))
    seen = np.abs(reach) > SMALLEST * np.abs(sizes)
    # 1 % of every entry is a rise of all by one amount where they are alike, as here
    size = float(np.median(reach[seen] / slopes[seen]))
    worst = []
    for relative in RELATIVE:
        change = relative * size
        up, down = (_values(ready, number, amount, step) for amount in (change, -change))
        differences = (up - down) / (2.0 * change)
        worst.append(np.max(np.abs(differences - slopes)[seen] / np.abs(slopes[seen])))
    return np.array(worst)


def _values(ready: Ready, number: str, amount: float, step: float) -> Float[np.ndarray, " r"]:
    """Indices of a beat with a number raised, converged far beyond what is compared."""
    heart = shifted(ready.heart, parameter(ready.heart, number), amount)
    work = replace(ready.work, tolerances=EXACT)
    tape, _, _ = remembered(work, heart, ready.moment, step=step, until=UNTIL)
    return seeds(indices(OF), traces(heart, tape))[0]
