"""From a TOML file, or its name, to a document; and overrides of single values."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from heartsim.errors import ScenarioError, closest
from heartsim.mesh.raw import SUFFIXES

Document = dict[str, object]
"""Content of a scenario file as `tomllib` reads it."""

_LARGEST_FILE = 1_000_000


def shipped_folder(kind: str) -> Path:
    """Folder of data that comes with the package, in an installed copy or in a checkout.

    Parameters
    ----------
    kind : str
        ``"scenarios"``, ``"studies"`` or ``"meshes"``.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "_data" / kind
    return installed if installed.is_dir() else package.parent / kind


def locate(path: Path, kind: str = "scenarios") -> Path:
    """File of a scenario or study: the path itself, or the shipped one of that name.

    Raises
    ------
    ScenarioError
        If there is neither.
    """
    if path.is_file():
        return path
    shipped = {file.stem: file for file in shipped_folder(kind).glob("*.toml")}
    if path.stem in shipped and (path.parent == Path() or path.parent.name == kind):
        return shipped[path.stem]
    beside = [file.name for file in path.parent.glob("*.toml")] if path.parent.is_dir() else []
    raise ScenarioError(
        f"{path}: no such file.{closest(path.name, [*beside, *shipped])} Write the path of a "
        f"file, or the name of one of the {kind} that ship, such as {min(shipped, default='')}."
    )


def with_mesh_path(document: Document, file: Path) -> Document:
    """Copy of a document whose mesh path is absolute; names of meshes stay as they are."""
    patient = document.get("patient")
    mesh = patient.get("mesh") if isinstance(patient, dict) else None
    placed = mesh_beside(mesh, file.resolve().parent)
    return document if placed == mesh else with_value(document, "patient.mesh", placed)


def mesh_beside(mesh: object, folder: Path) -> object:
    """Absolute path of a mesh that a file in a folder names; names of meshes stay as they are."""
    if not isinstance(mesh, str) or not ("/" in mesh or mesh.lower().endswith(SUFFIXES)):
        return mesh
    return str((folder.resolve() / mesh).resolve())


def read_document(path: Path) -> tuple[Document, str]:
    """Read a TOML file.

    Returns
    -------
    document : dict
        Its content.
    text : str
        Its text, for line numbers.

    Raises
    ------
    ScenarioError
        If it cannot be read or is not TOML.
    """
    if path.stat().st_size > _LARGEST_FILE:
        raise ScenarioError(f"{path}: larger than 1 MB. A scenario is a short text file.")
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not a text file in UTF-8. Save it as UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError(f"{path.name}: not valid TOML: {error}.") from None


def parse_value(text: str) -> object:
    """Value of ``--set KEY=VALUE``: TOML where it is TOML, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def parse_override(text: str) -> tuple[str, object]:
    """Split ``KEY=VALUE``.

    Raises
    ------
    ScenarioError
        If there is no ``=``.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ScenarioError(f"--set {text}: write KEY=VALUE, such as protocol.step='1 ms'.")
    return key.strip(), parse_value(value.strip())


def with_value(document: Document, key: str, value: object) -> Document:
    """Copy of a document with one dotted key set; numbers address list entries from 0.

    Raises
    ------
    ScenarioError
        If the key leads through something that is not a table or list.
    """
    return _set(document, key.split("."), value, key)  # pyright: ignore[reportReturnType]


def _set(node: object, parts: list[str], value: object, key: str) -> object:
    if not parts:
        return value
    head, rest = parts[0], parts[1:]
    if isinstance(node, Mapping):
        return {**node, head: _set(node.get(head, {}), rest, value, key)}
    if isinstance(node, list) and head.isdecimal() and int(head) < len(node):
        index = int(head)
        return [*node[:index], _set(node[index], rest, value, key), *node[index + 1 :]]
    raise ScenarioError(f"--set {key}: {head!r} is not there. Name a key of the scenario file.")
