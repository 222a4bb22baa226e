"""What is wrong in a document, in sentences: where, what was found, what to do."""

import re
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from types import UnionType
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from heartsim.errors import ScenarioError, closest

KeyPath = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[{1,2})\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*([A-Za-z0-9_."'-]+?)\s*=""")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a document: where, and what to do."""

    path: KeyPath
    message: str


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Everything that pydantic found, in our words."""
    return [_problem(detail, model) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    path = _key_path(detail["loc"], model)
    kind, found = detail["type"], reprlib.repr(detail["input"])
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = list(_section(model, path[:-1]).model_fields)
        name = str(path[-1])
        listing = ", ".join(known)
        return Problem(path, f"unknown key. Known here: {listing}.{closest(name, known)}")
    if kind == "missing":
        return Problem(path, f"missing. {_meaning(model, path)}")
    if kind in ("quantity", "range"):
        return Problem(path, str(context["text"]))
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        near = closest(str(detail["input"]), choices)
        return Problem(path, f"{found} is not known. Choose one of: {', '.join(choices)}.{near}")
    if kind == "value_error":
        return Problem(path, str(context["error"]))
    if kind in ("model_type", "dict_type"):
        return Problem(path, f"{found} is not a table. Write [{spell(path)}] and its keys below.")
    message = detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return Problem(path, f"{found} is not accepted. Expected: {message}.")


def _key_path(location: tuple[str | int, ...], model: type[BaseModel]) -> KeyPath:
    """Drop the tags that pydantic adds to the place of an error inside a union."""
    path: list[str | int] = []
    for part in location:
        owner = _section(model, tuple(path))
        tag = isinstance(part, str) and path and part not in owner.model_fields and "[" in part
        if tag or part in ("str", "float", "constrained-str"):
            continue
        path.append(part)
    return tuple(path)


def _section(model: type[BaseModel], path: KeyPath) -> type[BaseModel]:
    """Model of the table at a key path, or the nearest one above it."""
    for part in path:
        field = model.model_fields.get(str(part))
        kinds = [] if field is None else [field.annotation, *_members(field.annotation)]
        inner = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not inner:
            return model
        model = inner[0]
    return model


def _members(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if isinstance(annotation, UnionType) else ()


def _meaning(model: type[BaseModel], path: KeyPath) -> str:
    field = _section(model, path[:-1]).model_fields.get(str(path[-1]))
    if field is not None and field.description:
        return field.description
    return f"Add [{spell(path)}] to the file." if len(path) == 1 else "Add it to the file."


def refuse(source: str, text: str, problems: Iterable[Problem]) -> ScenarioError:
    """One error that tells all problems of a document, each with its line, one for each key.

    Parameters
    ----------
    source : str
        Name of the file, or what stands for it.
    text : str
        Its text; empty if there is no file.
    problems : iterable of Problem
        At least one.
    """
    first: dict[KeyPath, Problem] = {}
    for problem in problems:
        first.setdefault(problem.path, problem)
    located = [(find_line(text, path), problem) for path, problem in first.items()]
    located.sort(key=lambda pair: pair[0])
    sentences = [_sentence(line, problem) for line, problem in located]
    if len(sentences) == 1:
        return ScenarioError(f"{source}, {sentences[0]}")
    listing = "\n".join(f"  {sentence}" for sentence in sentences)
    return ScenarioError(f"{source}: {len(sentences)} problems.\n{listing}")


def _sentence(line: int, problem: Problem) -> str:
    said = problem.message.startswith(f"{problem.path[-1]} ") if problem.path else False
    place = spell(problem.path[:-1] if said else problem.path)
    prefix = f"line {line}" if line else ""
    return ": ".join(filter(None, [", ".join(filter(None, [prefix, place])), problem.message]))


def spell(path: KeyPath) -> str:
    """Key path as a reader would say it: ``procedure 1, ring``; ``tissue.contractility``."""
    words: list[str] = []
    for part in path:
        if isinstance(part, int):
            words[-1:] = [f"{words[-1]} {part + 1}," if words else f"{part + 1},"]
        elif words and not words[-1].endswith(","):
            words[-1] += f".{part}"
        else:
            words.append(part)
    return " ".join(words).rstrip(",")


def find_line(text: str, path: KeyPath) -> int:
    """Line of a key in a TOML text, counted from 1; of its nearest parent if it is inline.

    Returns
    -------
    int
        0 if neither the key nor a parent is found.
    """
    lines = _key_lines(text)
    for length in range(len(path), 0, -1):
        found = lines.get(path[:length])
        if found is not None:
            return _inline(text, found, path[length:])
    return 0


def _inline(text: str, line: int, rest: KeyPath) -> int:
    """Line of a key inside an inline table or list that starts at a line."""
    lines = text.splitlines()
    for part in rest:
        if isinstance(part, int):
            starts = [n for n in range(line, len(lines) + 1) for _ in re.findall("{", lines[n - 1])]
            line = starts[part] if part < len(starts) else line
            continue
        pattern = re.compile(rf"(?<![\w-]){re.escape(part)}\s*=")
        hits = (n for n in range(line, len(lines) + 1) if pattern.search(lines[n - 1]))
        line = next(hits, line)
    return line


def _key_lines(text: str) -> dict[KeyPath, int]:
    """Line of every table header and of every key that stands at the start of a line."""
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    found: dict[KeyPath, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _enter(header[2], header[1] == "[[", counts)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_split(key[1])), number)
    return found


def _enter(name: str, array: bool, counts: dict[KeyPath, int]) -> KeyPath:
    """Key path that a table header opens; array tables get the next index."""
    path: KeyPath = ()
    parts = _split(name)
    for part in parts[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path] - 1)
    path = (*path, parts[-1])
    if not array:
        return path
    counts[path] = counts.get(path, 0) + 1
    return (*path, counts[path] - 1)


def _split(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))
