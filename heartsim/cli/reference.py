"""Commands that look things up: procedures, verify, schema, info."""

from heartsim import __version__
from heartsim.cli.app import Folder, Switch, app, say, say_json


@app.command
def procedures(name: str = "", /, *, json: Switch = False) -> int:
    """List conditions and operations, or tell all about one.

    Example: heartsim procedures annuloplasty

    Parameters
    ----------
    name
        Entry to explain.
    json
        Print JSON.
    """
    from heartsim.procedures import CATALOGUE, describe, explain, find

    chosen = [find(name)] if name else list(CATALOGUE.values())
    if json:
        entries = [describe(entry) for entry in chosen]
        say_json(entries[0] if name else entries)
    elif name:
        say(explain(chosen[0]))
    else:
        width = max(len(entry.name) for entry in chosen)
        for entry in chosen:
            say(f"{entry.name:{width}}  {entry.kind:9}  {entry.title}")
    return 0


@app.command
def verify(
    *names: str,
    fast: Switch = False,
    json: Switch = False,
    output: Folder = None,
    workers: int | None = None,
) -> int:
    """Run published problems and analytic laws: computed, published, pass or fail.

    Example: heartsim verify --fast

    Parameters
    ----------
    names
        Problems to run; all by default.
    fast
        Only those that take seconds, on small meshes.
    json
        Print JSON.
    output
        Folder for a chapter with definitions, table and figures, verification.md.
    workers
        Processes; two by default, if there are two cores.
    """
    import os

    from heartsim.verification import outcomes
    from heartsim.verification.chapter import add_to_chapter

    rows = []
    processes = min(2, os.cpu_count() or 1) if workers is None else max(1, workers)
    for outcome in outcomes(names, fast=fast, workers=processes):
        rows += outcome.rows
        if not json:
            for row in outcome.rows:
                say(str(row))
            seconds, dofs = outcome.rows[0].seconds, max(row.dofs for row in outcome.rows)
            sources = "; ".join(dict.fromkeys(row.source for row in outcome.rows))
            size = f"{seconds:.1f} s, {dofs} unknowns"
            say(f"      {outcome.problem.name}: {size}; source: {sources}\n")
        if output is not None:
            add_to_chapter(outcome, output)
    if json:
        say_json([row.as_dict() for row in rows])
    else:
        judged = [row for row in rows if row.judged]
        say(f"{sum(row.passed for row in judged)} of {len(judged)} passed")
    return 0 if all(row.passed for row in rows if row.judged) else 1


@app.command
def schema(*, study: Switch = False) -> int:
    """Print the JSON Schema of scenario files, for completion in an editor.

    Example: heartsim schema > heartsim.schema.json

    Parameters
    ----------
    study
        That of study files instead.
    """
    if study:
        from heartsim.sweep import Study

        say_json(Study.model_json_schema())
        return 0
    from heartsim.scenario import schema as scenario_schema

    say_json(scenario_schema())
    return 0


@app.command
def info() -> int:
    """Print versions, devices, precision and cache.

    Example: heartsim info
    """
    import platform
    from importlib.metadata import version

    from heartsim import runtime
    from heartsim.cache import cache_folder

    device = runtime.start()
    libraries = ("jax", "jaxlib", "equinox", "numpy", "scipy", "pyvista", "vtk", "meshio")
    say(f"heartsim  {__version__}")
    say(f"python    {platform.python_version()} on {platform.platform()}")
    for name in libraries:
        say(f"{name:9} {version(name)}")
    say(f"device    {device.platform}: {device.device_kind}")
    say("precision float64")
    say(f"cache     {cache_folder()}")
    return 0


@app.command
def replicate(*operations: str, json: Switch = False) -> int:
    """Compute published effects of operations: the change here beside the published band.

    Example: heartsim replicate support_wrap batista

    Parameters
    ----------
    operations
        Catalogue names; all by default, which takes many minutes.
    json
        Print JSON.
    """
    from heartsim import runtime
    from heartsim.verification.replication import table
    from heartsim.verification.replication.beyond import beyond
    from heartsim.verification.replication.effect import FALLS, RISES

    runtime.start()
    rows = []
    for row in table(operations):
        rows.append(row)
        if not json:
            say(f"{'hit ' if row.passed else 'MISS'}  {str(row)[6:]}   {row.source}")
    if json:
        say_json([row.as_dict() for row in rows])
    else:
        met = [row for row in rows if row.passed]
        alone = sum((row.low, row.high) in (FALLS, RISES) for row in met)
        say(f"{len(met)} of {len(rows)} published effects met, {alone} of these by direction alone")
        for one in beyond(operations):
            say(
                f"read, not computed: {one.operation}: {one.effect} ({one.source}). "
                f"Needs {one.needed}."
            )
    return 0
