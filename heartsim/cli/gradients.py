"""Command that differentiates: gradient."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from heartsim.cli.app import Device, Switch, app, say, say_json

_Names = Annotated[list[str], Parameter(consume_multiple=True, negative=())]


@app.command
def gradient(
    scenario: str,
    /,
    *,
    of: _Names,
    by: _Names,
    fields: Annotated[Path | None, Parameter(alias="-o")] = None,
    json: Switch = False,
    device: Device = None,
    quiet: Switch = False,
) -> int:
    """What the indices of a heart depend on: sensitivities of its periodic beat.

    Example: heartsim gradient demo_baseline --of EF_percent SBP_mmHg --by tissue.contractility

    Parameters
    ----------
    scenario
        Scenario file, or the name of one that ships with the package.
    of
        Indices by their key in indices.json, or the end of it.
    by
        Numbers by their key in a scenario, such as circulation.systemic_resistance.
    fields
        Write maps over the wall into this .vtu file: derivatives by each cell, per mL of tissue.
    json
        Print JSON.
    device
        Where to compute; the best at hand by default.
    quiet
        No progress.
    """
    import heartsim as hs

    plan = hs.Scenario.read(scenario)
    found = hs.gradient(plan, of=of, by=by, fields=fields, device=device, quiet=quiet)
    if json:
        say_json(found.as_dict())
        return 0
    say(str(found))
    if fields is not None:
        say(str(fields))
    return 0
