"""What a catalogue entry is: parameters with units and safe ranges, checked before use."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter as Argument
from inspect import Signature
from textwrap import wrap

from heartsim.errors import InputError, ProcedureError, UnitError, closest
from heartsim.procedures.edit import Edit, Procedure
from heartsim.units import parse

_TABLES = {"condition": "condition", "operation": "procedure"}

Value = float | str
"""A parsed parameter: a number in internal units, or a name."""

Build = Callable[[Mapping[str, Value]], tuple[Edit, ...]]
"""Edits of a catalogue entry from its parsed parameters."""


def number(values: Mapping[str, Value], name: str) -> float:
    """Parsed dose that is a number."""
    value = values[name]
    return value if isinstance(value, float) else math.nan


def disc(values: Mapping[str, Value], name: str) -> float:
    """Area [mm²] of the circle whose diameter is a parsed dose."""
    return math.pi / 4 * number(values, name) ** 2


@dataclass(frozen=True)
class Parameter:
    """One dose of a procedure.

    Attributes
    ----------
    meaning : str
        One phrase for the catalogue.
    default : str
        As written in a scenario file; empty if it must be given.
    dimension : str
        Dimension of `heartsim.units`, or ``"name"`` for words.
    stop : pair of str
        Hard limits; outside is an error.
    usual : pair of str
        Outside is a caution; empty if the same as the hard limits.
    choices : tuple of str
        Accepted words, for a name; empty if any word is.
    limit : str
        What the hard limits are, for the refusal.
    """

    meaning: str
    default: str = ""
    dimension: str = "name"
    stop: tuple[str, str] | tuple[()] = ()
    usual: tuple[str, str] | tuple[()] = ()
    choices: tuple[str, ...] = ()
    limit: str = "the safe range"

    def read(self, name: str, value: Value) -> Value:
        """Parse one dose and hold it against the hard limits.

        Raises
        ------
        ProcedureError
            If it is not of the right kind or outside the limits.
        """
        if self.dimension == "name":
            return self._read_name(name, value)
        try:
            number = parse(value, self.dimension)
        except UnitError as error:
            raise ProcedureError(f"{name} = {error}") from None
        if self.stop and not self._inside(number, self.stop):
            low, high = self.stop
            raise ProcedureError(
                f"{name} = {value} is outside {self.limit}. Choose {low} to {high}."
            )
        return number

    def caution(self, name: str, number: Value) -> str:
        """Sentence for a dose outside the usual range, or nothing."""
        if isinstance(number, str) or not self.usual or self._inside(number, self.usual):
            return ""
        return f"{name} is outside the usual range of {self.usual[0]} to {self.usual[1]}"

    def _inside(self, number: float, limits: tuple[str, str]) -> bool:
        low, high = (parse(limit, self.dimension) for limit in limits)
        slack = 1e-9 * max(abs(low), abs(high))
        return math.isfinite(number) and low - slack <= number <= high + slack

    def _read_name(self, name: str, value: Value) -> str:
        if not isinstance(value, str) or len(value) > 200:
            raise ProcedureError(f"{name} = {value} is not a name. Write it in quotes.")
        if self.choices and value not in self.choices:
            listing = ", ".join(self.choices)
            raise ProcedureError(
                f"{name} = {value!r} is not known. Choose one of: {listing}."
                f"{closest(value, self.choices)}"
            )
        return value


@dataclass(frozen=True)
class Operation:
    """A catalogue entry; calling it with doses gives the `Procedure`.

    Attributes
    ----------
    name, title : str
        Name in files, and what a clinician calls it.
    kind : {"condition", "operation"}
        Whether it makes the baseline patient or treats one.
    indication : str
        When it is considered.
    changes : str
        What it changes in the model.
    parameters : mapping of name to Parameter
        Doses.
    limits : str
        What it cannot represent.
    expected : str
        What published series found.
    source : str
        Where ranges and effects come from.
    build : callable
        Parsed doses to edits.
    """

    name: str
    title: str
    kind: str
    indication: str
    changes: str
    limits: str
    expected: str
    source: str
    build: Build
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def __signature__(self) -> Signature:
        """Signature shown by editors and ``help``."""
        arguments = [
            Argument(name, Argument.KEYWORD_ONLY, default=parameter.default or Argument.empty)
            for name, parameter in self.parameters.items()
        ]
        return Signature(arguments, return_annotation=Procedure)

    def __call__(self, **doses: Value) -> Procedure:
        """Plan the procedure.

        Parameters
        ----------
        **doses : str or float
            Values with units, such as ``ring="28 mm"``; the rest takes its default.

        Returns
        -------
        Procedure
            Edits ready to be performed.

        Raises
        ------
        ProcedureError
            If a dose is unknown, missing, without unit or outside the hard limits.
        """
        values, problems = self.read(doses)
        if problems:
            raise ProcedureError("; ".join(f"{self.name}: {text}" for text in problems.values()))
        given = {name: doses.get(name, p.default) for name, p in self.parameters.items()}
        cautions = (p.caution(name, values[name]) for name, p in self.parameters.items())
        return Procedure(
            name=self.name,
            title=self.title,
            edits=self.build(values),
            parameters=given,
            cautions=tuple(f"{self.name}: {text}" for text in cautions if text),
        )

    def read(self, doses: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, str]]:
        """Parse all doses.

        Returns
        -------
        values : dict of name to number or str
            Parsed doses, defaults filled in.
        problems : dict of name to str
            One sentence for each dose that cannot be used.
        """
        values: dict[str, Value] = {}
        problems: dict[str, str] = {}
        for name in doses.keys() - self.parameters.keys():
            known = ", ".join(self.parameters)
            problems[name] = (
                f"{name} is not a parameter of {self.name}. Known: {known}."
                f"{closest(name, self.parameters)}"
            )
        for name, parameter in self.parameters.items():
            value = doses.get(name, parameter.default)
            if value == "" and parameter.dimension != "name":
                problems[name] = f"{name} is missing ({parameter.meaning})."
                continue
            try:
                values[name] = parameter.read(name, value)
            except InputError as error:
                problems[name] = str(error)
        return values, problems


def describe(operation: Operation) -> dict[str, object]:
    """Plain values of a catalogue entry, ready for JSON."""
    return {
        "name": operation.name,
        "title": operation.title,
        "kind": operation.kind,
        "indication": operation.indication,
        "changes": operation.changes,
        "parameters": {
            name: {
                "meaning": p.meaning,
                "default": p.default,
                "dimension": p.dimension,
                "safe_range": list(p.stop),
                "usual_range": list(p.usual or p.stop),
                "choices": list(p.choices),
            }
            for name, p in operation.parameters.items()
        },
        "cannot_represent": operation.limits,
        "expected": operation.expected,
        "source": operation.source,
    }


def explain(operation: Operation) -> str:
    """Everything about a catalogue entry as text."""
    lines = [f"{operation.name} ({operation.kind}): {operation.title}", ""]
    facts = {
        "considered for": operation.indication,
        "changes": operation.changes,
        "cannot represent": operation.limits,
        "published effect": operation.expected,
        "source": operation.source,
    }
    for name, fact in facts.items():
        lines += wrap(f"{name:17} {fact}", 96, subsequent_indent=" " * 18) if fact else []
    lines += ["", "parameters"]
    for name, p in operation.parameters.items():
        allowed = ", ".join(p.choices) if p.choices else " to ".join(p.stop)
        usual = f", usual {p.usual[0]} to {p.usual[1]}" if p.usual else ""
        lines.append(f'  {name} = "{p.default}"   {p.meaning}')
        if allowed:
            lines.append(f"      {allowed}{usual}")
    first = next(iter(operation.parameters))
    example = f'{first} = "{operation.parameters[first].default}"'
    lines += ["", f"[[{_TABLES[operation.kind]}]]", f'name = "{operation.name}"', example]
    return "\n".join(lines)
