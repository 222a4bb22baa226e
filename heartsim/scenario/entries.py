"""``[[condition]]`` and ``[[procedure]]`` of a scenario file, held against the catalogue."""

from collections.abc import Mapping

from heartsim.errors import ProcedureError
from heartsim.procedures.catalogue import CATALOGUE, find
from heartsim.procedures.operation import Operation
from heartsim.scenario.problems import Problem
from heartsim.scenario.quantities import json_pattern


def check_entries(document: Mapping[str, object], kind: str) -> list[Problem]:
    """Everything that is wrong with the entries of one kind.

    Parameters
    ----------
    document : mapping
        Content of a scenario file.
    kind : {"condition", "procedure"}
        Which entries.
    """
    entries = document.get(kind, [])
    if not isinstance(entries, list | tuple):
        return [Problem((kind,), f"not a list. Write [[{kind}]] above each entry.")]
    problems = []
    for index, entry in enumerate(entries):
        if isinstance(entry, Mapping):
            problems += _check_entry(entry, kind, index)
    return problems


def _check_entry(entry: Mapping[str, object], kind: str, index: int) -> list[Problem]:
    name = entry.get("name")
    if not isinstance(name, str):
        return [Problem((kind, index), f"no name. Choose one of: {', '.join(CATALOGUE)}.")]
    try:
        operation = find(name)
    except ProcedureError as error:
        return [Problem((kind, index, "name"), str(error))]
    if kind == "condition" and operation.kind != "condition":
        text = f"{name} is an operation, not a disease. Write it under [[procedure]]."
        return [Problem((kind, index, "name"), text)]
    doses = {k: v for k, v in entry.items() if k != "name" and isinstance(v, str | int | float)}
    _, problems = operation.read(doses)
    return [Problem((kind, index, key), text) for key, text in problems.items()]


def resolved_entry(entry: Mapping[str, str | float]) -> dict[str, str | float]:
    """Name and all doses of an entry in internal units, defaults included."""
    doses = {key: value for key, value in entry.items() if key != "name"}
    values, _ = find(str(entry["name"])).read(doses)
    return {"name": str(entry["name"]), **values}


def entry_schema(operation: Operation) -> dict[str, object]:
    """JSON Schema of an entry of one procedure."""
    properties: dict[str, object] = {"name": {"const": operation.name, "title": operation.title}}
    for name, parameter in operation.parameters.items():
        described: dict[str, object] = {"description": parameter.meaning}
        if parameter.default:
            described["default"] = parameter.default
        if parameter.dimension != "name":
            described |= json_pattern(parameter.dimension)
        elif parameter.choices:
            described["enum"] = list(parameter.choices)
        else:
            described["type"] = "string"
        properties[name] = described
    return {
        "type": "object",
        "description": f"{operation.title}: {operation.changes}.",
        "properties": properties,
        "required": ["name"],
        "additionalProperties": False,
    }
