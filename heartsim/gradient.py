"""From a scenario to the gradient of its indices: what the heart of this patient depends on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from heartsim import runtime
from heartsim.adjoint.gradient import Gradient, differentiate
from heartsim.adjoint.indices import Function, indices
from heartsim.adjoint.parameters import parameter
from heartsim.beat import next_beat
from heartsim.errors import InputError, ScenarioError, SolveFailed
from heartsim.mesh.io import write
from heartsim.patient import prepare
from heartsim.progress import Progress
from heartsim.run import targeted
from heartsim.scenario import Scenario
from heartsim.settling import settled


def gradient(
    scenario: Scenario,
    *,
    of: Sequence[str] | Mapping[str, Function],
    by: Sequence[str],
    fields: str | Path | None = None,
    device: str | None = None,
    quiet: bool = False,
) -> Gradient:
    """Sensitivity of the periodic beat of a scenario to any numbers of its heart.

    The heart beats until periodic, then one more beat is walked backwards. The stressed blood
    volume and the unloaded shape stay as they are when a number changes.

    Parameters
    ----------
    scenario : Scenario
    of : sequence of str, or mapping of name to function of Traces
        Indices by their key in ``indices.json``, or scalars of the traces of one's own.
    by : sequence of str
        Numbers by their key in a scenario, such as ``"tissue.contractility"``; by their way through
        `Heart`, such as ``"solid.viscosity"``; or ``"circulation.blood_volume"``.
    fields : path, optional
        Write the unloaded heart there (.vtu), with a map of every derivative by cells.
    device : {"cpu", "gpu"}, optional
        Where to compute; the best at hand by default.
    quiet : bool
        No progress.

    Raises
    ------
    InputError
        If scenario, index or number cannot be used.
    SolveFailed
        If a solve does not converge.

    Examples
    --------
    >>> import heartsim as hs
    >>> scenario = hs.Scenario.read("demo_baseline")
    >>> numbers = ["tissue.contractility", "circulation.systemic_resistance"]
    >>> found = hs.gradient(scenario, of=["EF_percent"], by=numbers)  # doctest: +SKIP
    >>> print(found)  # doctest: +SKIP
    """
    if scenario.patient.model == "0D":
        raise ScenarioError(
            f"{scenario.name}: a 0D heart has no wall to differentiate. Use a scenario with a "
            "mesh, or heartsim.lumped_gradients.gradients, which has every index of a 0D heart."
        )
    if fields is not None and Path(fields).suffix.lower() != ".vtu":
        raise InputError(f"{fields}: maps are written as .vtu. Change the file name.")
    scenario = targeted(scenario, None)
    indices(of)  # a misspelt name must not cost a run
    runtime.start(device)
    with Progress(scenario.name, quiet=quiet) as progress:
        patient = prepare(scenario, progress)
        for name in by:
            parameter(patient.heart, name)
        outcome = settled(scenario, patient, progress)
        if outcome.status != "converged":
            raise SolveFailed(
                f"{scenario.name}: {outcome.status} after {outcome.beats} beats, so there is no "
                "periodic state to differentiate. Raise protocol.at_most_beats."
            )
        progress.say("one more beat, and its walk back")
        heart = outcome.patient.heart
        found = differentiate(
            outcome.work,
            heart,
            next_beat(outcome.moment),
            of=of,
            by=by,
            step=scenario.protocol.step,
            until=float(heart.loop.period),
            periodic=True,
        )
    if fields is not None:
        write(found.on(patient.mesh), fields)
    return found
