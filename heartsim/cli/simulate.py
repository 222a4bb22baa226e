"""Commands that compute and show: demo, run, compare, view, report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from heartsim.cli.app import Device, Folder, Switch, app, say
from heartsim.errors import InputError

Field = Literal["stress", "strain", "tension", "activation"]
_FIELDS: Final[Mapping[Field, str]] = {
    "stress": "fiber_stress_kPa",
    "strain": "fiber_strain",
    "tension": "active_tension_kPa",
    "activation": "activation_time_ms",
}
LoadingRule = Literal["same-stressed-volume", "match-LVEDP", "match-MAP", "reflex"]


@app.command
def demo(*, output: Folder = None, device: Device = None, resume: Switch = False) -> int:
    """Compare two operations on a heart that ships with the package.

    A patient with ischemic muscle and aortic stenosis: as is, revascularized, with a new valve.
    Offline, no GPU, no screen needed. Example: heartsim demo -o my-demo

    Parameters
    ----------
    output
        Folder for the results; heartsim-demo by default.
    device
        Where to compute; the best at hand by default.
    resume
        Go on from what an interrupted demo left.
    """
    names = ("demo_baseline", "demo_revascularised", "demo_tavr")
    return _compare(names, output or Path("heartsim-demo"), device, resume)


@app.command
def run(
    scenario: str,
    /,
    *,
    output: Folder = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    device: Device = None,
    resume: Switch = False,
    quiet: Switch = False,
) -> int:
    """Run one scenario into one result folder.

    Example: heartsim run scenarios/tavr.toml -o runs/tavr --set circulation.heart_rate="90 /min"

    Parameters
    ----------
    scenario
        Scenario file, or the name of one that ships with the package.
    output
        Result folder; runs/NAME by default.
    set_
        KEY=VALUE, replaces a value of the file; may be repeated.
    device
        Where to compute; the best at hand by default.
    resume
        Go on from the last checkpoint of an interrupted run.
    quiet
        No progress.
    """
    from heartsim.scenario import Scenario, parse_override

    plan = Scenario.read(scenario, dict(parse_override(text) for text in set_))

    from heartsim.run import run as run_scenario

    folder = output or Path("runs") / plan.name
    result = run_scenario(plan, folder, device=device, resume=resume, quiet=quiet)
    say(str(result.folder / "report.html"))
    return 0


@app.command
def compare(
    *scenarios: str,
    output: Folder = None,
    loading: LoadingRule | None = None,
    device: Device = None,
    resume: Switch = False,
) -> int:
    """Run what is missing and compare; the first scenario is the baseline.

    Example: heartsim compare aortic_stenosis tavr --loading match-LVEDP -o runs/valve

    Parameters
    ----------
    scenarios
        Two or more scenario files; or result folders, which are compared as they are.
    output
        Folder for results and comparison; runs/compare by default.
    loading
        What is kept the same between the scenarios; as their files say by default.
    device
        Where to compute; the best at hand by default.
    resume
        Go on from the last checkpoints.
    """
    if len(scenarios) < 2:
        raise InputError("heartsim compare: one scenario. Name a baseline and at least one other.")
    stored = [Path(one) for one in scenarios if Path(one).is_dir()]
    if stored:
        return _compare_stored(stored, scenarios, output or Path("runs/compare"), loading)
    under = {} if loading is None else {"protocol.loading": loading}
    return _compare(scenarios, output or Path("runs/compare"), device, resume, under)


def _compare_stored(
    stored: Sequence[Path], named: Sequence[str], folder: Path, loading: LoadingRule | None
) -> int:
    """Compare results that are there already; nothing is run."""
    if len(stored) < len(named):
        rest = next(name for name in named if not Path(name).is_dir())
        raise InputError(
            f"heartsim compare: {stored[0]} is a folder and {rest} is not. "
            "Name scenario files only, or result folders only."
        )
    from heartsim.compare import compare as compare_results
    from heartsim.report import write_comparison
    from heartsim.result import Result

    results = [Result.load(one) for one in stored]
    comparison = compare_results(*results, loading_rule=loading)
    page = write_comparison(comparison, folder)
    say(comparison.summary())
    say(str(page))
    return 0


def _compare(
    scenarios: Sequence[str],
    folder: Path,
    device: Device,
    resume: bool,
    overrides: Mapping[str, object] = MappingProxyType({}),
) -> int:
    """Run scenarios into one folder, compare them there and print the table."""
    from heartsim.scenario import Scenario

    plans = [Scenario.read(name, overrides) for name in scenarios]

    from heartsim.compare import compare as compare_results
    from heartsim.report import write_comparison
    from heartsim.run import run_all

    results = run_all(plans, folder, device=device, resume=resume)
    comparison = compare_results(*results)
    page = write_comparison(comparison, folder)
    say(comparison.summary())
    say(str(page))
    return 0


@app.command
def view(
    *folders: Path,
    off_screen: Path | None = None,
    field: Field = "stress",
    time: str = "end-systole",
    whole: Switch = False,
    dark: Switch = False,
) -> int:
    """Open result folders in linked 3D views with one time slider.

    Example: heartsim view heartsim-demo/demo_baseline heartsim-demo/demo_tavr

    Parameters
    ----------
    folders
        One or more result folders, or a comparison folder.
    off_screen
        Write this .png, .gif or .mp4 instead of opening a window.
    field
        What colors the wall.
    time
        end-diastole, end-systole or a time in ms, for the start or the still.
    whole
        Show the hearts whole instead of cut open.
    dark
        Dark background.
    """
    from heartsim.compare import Comparison
    from heartsim.render.window import view as show
    from heartsim.result import Result, finished

    results: list[Result] = []
    for folder in folders:
        several = finished(folder, last="comparison.json")
        results += Comparison.load(folder).results if several else [Result.load(folder)]
    show(
        *results,
        off_screen=off_screen,
        scalar=_FIELDS[field],
        time=_moment(time),
        clip=not whole,
        dark=dark,
    )
    return 0


def _moment(text: str) -> str | float:
    """Name of an event, or a time [ms] with or without its unit."""
    if text in ("end-diastole", "end-systole"):
        return text
    try:
        return float(text.removesuffix("ms"))
    except ValueError:
        raise InputError(
            f"heartsim view: {text!r} is no time. Write end-diastole, end-systole or 250."
        ) from None


@app.command
def report(*folders: Path) -> int:
    """Rewrite report.html from stored results.

    Example: heartsim report runs/tavr

    Parameters
    ----------
    folders
        Result or comparison folders.
    """
    if not folders:
        raise InputError("heartsim report: no folder. Name one that `heartsim run` wrote.")
    from heartsim.report import write_report

    for folder in folders:
        say(str(write_report(folder)))
    return 0
