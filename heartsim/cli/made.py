"""Commands that make hearts from numbers: mesh make, mesh cohort."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from heartsim.cli.app import Text, mesh, say
from heartsim.errors import MeshError

COARSE = """title = "A virtual patient, coarsely"

[patient]
{mesh}
element = "P1P1"

[protocol]
step = "12 ms"
periodic_within = "3 mL"
at_most_beats = 3
loading = "match-LVEDP"
target = "8 mmHg"
"""
"""Scenario of a cohort: a processor minute a heart. Sizes were drawn at the usual filling pressure,
which a small heart would pass, and a large one miss, with everybody's usual blood."""


@mesh.command
def make(
    shape: Literal["biventricle", "left_ventricle"],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    edge: str = "9 mm",
    rv_wall: str = "4 mm",
    edv: Text = "",
    esv: Text = "",
    ef: Text = "",
    length: Text = "",
    wall: Text = "",
    mass: Text = "",
    rv_volume: Text = "",
    sex: Literal["female", "male"] | None = None,
    body_surface: Text = "",
) -> int:
    """Make a heart from the numbers of an echo or CMR report, or an idealized one.

    Example: heartsim mesh make biventricle --edv "180 mL" --wall "11 mm" --sex male -o heart.vtu

    Parameters
    ----------
    shape
        Which heart; measures are for the biventricle.
    output
        Heart to write (.vtu).
    edge
        Edge length of the cells.
    rv_wall
        Thickness of the right free wall (biventricle only).
    edv
        LV volume at end-diastole; or esv with ef.
    esv, ef
        LV volume at end-systole and ejection fraction ("55 %"), from which the former follows.
    length
        LV cavity from apex to base.
    wall, mass
        Thickness of the LV wall, or its mass with the septum ("140 g").
    rv_volume
        RV volume at end-diastole.
    sex, body_surface
        What is not given comes from healthy adults of that sex and body surface ("1.8 m2").
    """
    from heartsim.mesh.biventricle import biventricle
    from heartsim.mesh.ellipsoid import left_ventricle
    from heartsim.mesh.io import write
    from heartsim.mesh.made_to_measure import Measures, made_to_measure
    from heartsim.units import m, parse

    def number(text: str, dimension: str) -> float | None:
        return parse(text, dimension) if text else None

    size = parse(edge, "length")
    surface = number(body_surface, "area")
    measures = Measures(
        edv=_end_diastolic(edv, esv, ef),
        length=number(length, "length"),
        wall=number(wall, "length"),
        mass=number(mass, "mass"),
        rv_volume=number(rv_volume, "volume"),
        rv_wall=parse(rv_wall, "length"),
        sex=sex or "female",
        body_surface=surface / m**2 if surface else None,
    )
    measured = measures != Measures(rv_wall=measures.rv_wall) or sex is not None
    if shape == "left_ventricle" and measured:
        raise MeshError(
            f"mesh make {shape}: measures are given, which make a biventricle only. Write: mesh "
            "make biventricle."
        )
    if measured:
        heart = made_to_measure(measures, edge=size, name=output.stem)
    elif shape == "biventricle":
        heart = biventricle(size, rv_wall=measures.rv_wall)
    else:
        heart = left_ventricle(size)
    write(heart, output)
    say(str(output))
    return 0


def _end_diastolic(edv: str, esv: str, ef: str) -> float | None:
    """LV volume at end-diastole [mm³], given or from that at end-systole and the EF."""
    from heartsim.units import parse

    if edv and (esv or ef):
        raise MeshError(
            "mesh make: --edv is given, and --esv or --ef too. Leave out --esv and --ef."
        )
    if bool(esv) != bool(ef):
        alone = "--esv" if esv else "--ef"
        raise MeshError(
            f"mesh make: {alone} is given alone. Give --esv and --ef together, or --edv alone."
        )
    if edv:
        return parse(edv, "volume")
    if not esv:
        return None
    share = parse(ef, "number")
    if not 0.05 < share < 0.9:
        raise MeshError(
            f'mesh make: --ef {ef} is not between 5 % and 90 %. Write for instance --ef "55 %".'
        )
    return parse(esv, "volume") / (1 - share)


@mesh.command
def cohort(
    count: int,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    group: Literal["healthy", "infarct"] = "healthy",
    seed: int = 1,
    edge: str = "9 mm",
    scenario: Text = "",
) -> int:
    """Make virtual patients whose sizes go together as in published people, and a study of them.

    Example: heartsim mesh cohort 20 -o people && heartsim sweep people/study.toml -o runs/people

    Parameters
    ----------
    count
        How many.
    output
        Folder for the hearts, cohort.csv, study.toml and scenario.toml; it must not exist.
    group
        Whose sizes: people without symptoms, or after an infarct.
    seed
        Start of the random numbers.
    edge
        Edge length of the cells.
    scenario
        What the study runs with each heart: a file or a name; coarse healthy beats by default.
    """
    import csv

    from heartsim.mesh.cohort import VirtualPatient, heart_of
    from heartsim.mesh.cohort import cohort as draw
    from heartsim.mesh.io import write
    from heartsim.units import parse

    size = parse(edge, "length")
    patients, refused = draw(count, group=group, seed=seed)
    if output.exists():
        raise MeshError(f"{output} exists. Name a new folder.")
    output.mkdir(parents=True)
    names = [field.name for field in fields(VirtualPatient)]
    with (output / "cohort.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        for patient in patients:
            write(heart_of(patient, edge=size), output / f"{patient.name}.vtu")
            rounded = {
                k: round(v, 2) if isinstance(v, float) else v for k, v in asdict(patient).items()
            }
            table.writerow(rounded)
    base = str(Path(scenario).resolve()) if Path(scenario).is_file() else scenario
    if not scenario:
        base = "scenario.toml"
        first = f'mesh = "{patients[0].name}.vtu"'
        (output / base).write_text(COARSE.format(mesh=first), encoding="utf-8")
    meshes = ", ".join(f'"{patient.name}.vtu"' for patient in patients)
    (output / "study.toml").write_text(
        f'title = "{count} virtual patients, {group}"\n'
        f'scenario = "{base}"\n\n[sample]\nmethod = "grid"\n\n[vary]\n'
        f"patient.mesh = [{meshes}]\n",
        encoding="utf-8",
    )
    say(f"{output}: {count} hearts, cohort.csv, study.toml; {refused} draws were no heart")
    return 0
