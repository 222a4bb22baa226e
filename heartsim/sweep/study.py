"""A study file: a base scenario, what varies in it, and how it is sampled; checked before any run.

::

    title = "What does the output of a failing heart depend on most?"
    scenario = "heart_failure_0D"

    [sample]
    method = "sobol"
    size = 16

    [vary]
    circulation.heart_rate = { from = "60 /min", to = "100 /min" }
    circulation.LV.active = { mean = "0.52 mmHg/mL", sd = "0.08 mmHg/mL" }
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError

from heartsim.errors import InputError, ScenarioError, closest
from heartsim.indices.catalogue import CATALOGUE, MAIN
from heartsim.scenario import Scenario
from heartsim.scenario.models import Section
from heartsim.scenario.problems import KeyPath, Problem, problems_of, refuse
from heartsim.scenario.reader import Document, locate, mesh_beside, read_document
from heartsim.sweep.design import Setting, grid, latin_hypercube, sobol
from heartsim.sweep.factor import WORDS, Factor, read_factor

MOST_CASES: Final = 100_000
SCENARIO: Final = "scenario"
"""Factor of a study of several scenarios."""

_SHOWN: Final = 5
"""Cases that cannot be run and are told one by one."""


class Sample(Section):
    """How the space of the factors is sampled."""

    method: Literal["grid", "latin-hypercube", "sobol"] = Field(
        default="grid",
        description="Every combination; a Latin hypercube; or the design of Sobol indices.",
    )
    size: Annotated[int, Field(ge=2, le=MOST_CASES)] | None = Field(
        default=None,
        description="Cases of a Latin hypercube; for sobol a power of two, with factors + 2 times "
        "as many cases. A grid has none.",
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=1, description="Start of the random numbers.")


@dataclass(frozen=True)
class Case:
    """One heart of a study.

    Attributes
    ----------
    number : int
        Place in the study, from 1.
    inputs : dict of column to value
        What varies, for the table.
    scenario : Scenario
        What is run.
    """

    number: int
    inputs: dict[str, float | str]
    scenario: Scenario

    @cached_property
    def digest(self) -> str:
        """Hash of everything that can change its result."""
        return self.scenario.content_hash()

    @property
    def name(self) -> str:
        """Name of its row and its folder: same inputs, same name, whatever the study."""
        return self.digest[:16]


class Study(Section):
    """A base scenario and what varies in it.

    Read it from a file with `read`. Reading checks every case.
    """

    title: Annotated[str, Field(max_length=300)] = Field(
        default="", description="The question that this study asks."
    )
    scenario: str | Annotated[tuple[str, ...], Field(strict=False)] = Field(
        description="Scenario file, or the name of one that ships; or a list of them."
    )
    set: dict[str, object] = Field(default={}, description="Keys of the scenario to replace.")
    vary: dict[str, object] = Field(
        default={},
        description="Keys of the scenario with the values, range or distribution they take; "
        "a parameter of a procedure is procedure.NAME.PARAMETER.",
    )
    sample: Sample = Sample()
    outputs: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="Indices to explain and plot; the main ones by default."
    )

    _source: str = PrivateAttr(default="study")
    _text: str = PrivateAttr(default="")
    _folder: Path = PrivateAttr(default=Path())

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a study file, or one that ships with the package by its name.

        Raises
        ------
        ScenarioError
            If file, factors or any case cannot be used; every problem with its line.
        """
        file = locate(Path(path), "studies")
        document, text = read_document(file)
        return cls._checked(document, file.name, text, file.parent)

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> Self:
        """Study from nested mappings, spelled as in a file; raises as `read` does."""
        return cls._checked(dict(document), "study", "", Path())

    @classmethod
    def _checked(cls, document: Document, source: str, text: str, folder: Path) -> Self:
        try:
            study = cls.model_validate(document)
        except ValidationError as error:
            raise refuse(source, text, problems_of(error, cls)) from None
        study._source, study._text, study._folder = source, text, folder
        for problems in study._checks():
            if problems:
                raise refuse(source, text, problems)
        return study

    @property
    def name(self) -> str:
        """Name of the file without its ending."""
        return self._source.removesuffix(".toml")

    @property
    def text(self) -> str:
        """Text of the file; empty if there is none."""
        return self._text

    @cached_property
    def bases(self) -> dict[str, Scenario]:
        """The scenarios by name, with what `set` replaces."""
        names = (self.scenario,) if isinstance(self.scenario, str) else self.scenario
        leaves = ((".".join(path), value) for path, value in _leaves(self.set))
        overrides = {key: self._placed(key, value) for key, value in leaves}
        files = {name: self._folder / name for name in names}
        return {
            name: Scenario.read(near if near.is_file() else name, overrides)
            for name, near in files.items()
        }

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """What varies: the scenario if there are several, then keys in the order of the file."""
        keys = [(".".join(path), entry) for path, entry in _leaves(self.vary)]
        if not isinstance(self.scenario, str):
            keys.insert(0, (SCENARIO, self.scenario))
        return tuple(read_factor(key, entry) for key, entry in keys)

    @property
    def explained(self) -> tuple[str, ...]:
        """Keys of the indices to explain and plot."""
        return self.outputs or MAIN

    @cached_property
    def settings(self) -> list[Setting]:
        """Values of every case."""
        plan = self.sample
        if plan.method == "grid":
            return grid(self.factors)
        draw = sobol if plan.method == "sobol" else latin_hypercube
        return draw(self.factors, plan.size or 0, plan.seed)

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case, in order."""
        return self._tried[0]

    @cached_property
    def _tried(self) -> tuple[tuple[Case, ...], list[Problem]]:
        """Every case, and combinations that cannot be used; a few of those are enough."""
        cases, problems = [], []
        for number in range(1, len(self.settings) + 1):
            try:
                cases.append(self._case(number))
            except InputError as error:
                told = f"case {number} cannot be run: {self._plain(error)}"
                problems.append(Problem(("vary", f"case {number}"), told))
            if len(problems) == _SHOWN:
                break
        return tuple(cases), problems

    def _case(self, number: int) -> Case:
        pairs = list(zip(self.factors, self.settings[number - 1], strict=True))
        values = {one.key: self._placed(one.key, value) for one, (value, _) in pairs}
        base = self.bases[str(values.pop(SCENARIO, self.scenario))]
        scenario = base.with_({address(base, key): value for key, value in values.items()})
        inputs = {one.column: shown for one, (_, shown) in pairs}
        return Case(number, inputs, scenario)

    def _checks(self) -> Iterator[list[Problem]]:
        """Problems, by what must be right before the next can be asked."""
        yield self._base_problems()
        yield self._factor_problems()
        yield [*self._sample_problems(), *self._output_problems()]
        yield self._level_problems()
        yield self._tried[1]

    def _base_problems(self) -> list[Problem]:
        try:
            if not isinstance(self.scenario, str):
                read_factor(SCENARIO, self.scenario)
            _ = self.bases
        except InputError as error:
            return [Problem(("set",) if self.set else ("scenario",), str(error))]
        return []

    def _factor_problems(self) -> list[Problem]:
        if not self.vary and isinstance(self.scenario, str):
            return [Problem(("vary",), "nothing varies. Name at least one key of the scenario.")]
        problems = []
        for path, entry in _leaves(self.vary):
            try:
                for base in self.bases.values():
                    address(base, ".".join(path))
                read_factor(".".join(path), entry)
            except InputError as error:
                problems.append(Problem(("vary", *path), str(error)))
        return problems

    def _sample_problems(self) -> list[Problem]:
        plan, problems = self.sample, []
        for one in self.factors:
            path = _path(one)
            if plan.method == "grid" and one.kind:
                text = "a distribution in a grid. Add count = 5, or choose another sample.method."
                problems.append(Problem(path, text))
            if plan.method != "grid" and not one.kind:
                text = (
                    f"listed values in a {plan.method} sample, which draws from distributions. "
                    'Write { from = "…", to = "…" } without count, or sample.method = "grid".'
                )
                problems.append(Problem(path, text))
        if plan.method == "grid":
            count = 1
            for one in self.factors:
                count *= len(one.levels)
            if plan.size is not None:
                text = "a grid takes its size from its values. Remove size."
                problems.append(Problem(("sample", "size"), text))
        else:
            size = plan.size or 0
            count = size * (len(self.factors) + 2 if plan.method == "sobol" else 1)
            if not size:
                text = f"a {plan.method} sample needs its size, such as size = 64."
                problems.append(Problem(("sample",), text))
            elif plan.method == "sobol" and size & (size - 1):
                text = f"size {size} is not a power of two. Write {1 << (size.bit_length() - 1)}."
                problems.append(Problem(("sample", "size"), text))
        if count > MOST_CASES:
            text = f"{count} cases; at most {MOST_CASES} are accepted. Take fewer values."
            problems.append(Problem(("vary",), text))
        return problems

    def _output_problems(self) -> list[Problem]:
        known = [index.key for index in CATALOGUE]
        return [
            Problem(
                ("outputs",),
                f"{key!r} is not an index.{closest(key, known)} Such as: {', '.join(MAIN[:4])}; "
                "all stand in indices.json of any result.",
            )
            for key in self.outputs
            if key not in known
        ]

    def _level_problems(self) -> list[Problem]:
        """Values that cannot be used whatever the other factors are."""
        problems = []
        for place, one in enumerate(self.factors):
            if one.key == SCENARIO:
                continue
            tried = one.levels or _extremes(self.settings, place)
            for base, value in product(self.bases.values(), tried):
                try:
                    base.with_({address(base, one.key): self._placed(one.key, value)})
                except InputError as error:
                    told = self._plain(error).removeprefix(f"{address(base, one.key)}: ")
                    problems.append(Problem(_path(one), told + _advice(one)))
                    break
        return problems

    def _placed(self, key: str, value: object) -> object:
        """A value of the study; a mesh lies beside the study, not where it is run."""
        return mesh_beside(value, self._folder) if key == "patient.mesh" else value

    def _plain(self, error: InputError) -> str:
        """What a scenario complains of, without the name of the file it is not about."""
        names = "|".join(re.escape(base.name) for base in self.bases.values())
        return re.sub(rf"^({names})(\.toml)?[,:] ", "", str(error))


def address(base: Scenario, key: str) -> str:
    """Key as `Scenario.with_` takes it: a procedure or condition by its place, not its name.

    Raises
    ------
    ScenarioError
        If the base has no such procedure or condition, or more than one.
    """
    kind, _, rest = key.partition(".")
    if kind not in ("condition", "procedure") or not rest:
        return key
    name, _, parameter = rest.partition(".")
    names = [str(entry["name"]) for entry in getattr(base, kind)]
    if names.count(name) != 1 or not parameter:
        has = ", ".join(names) if names else "none"
        raise ScenarioError(
            f"{key!r} names no parameter of a {kind} of {base.name}, which has: {has}. Write "
            f"{kind}.NAME.PARAMETER, and add [[{kind}]] with that name to the scenario once."
            f"{closest(name, names)}"
        )
    return f"{kind}.{names.index(name)}.{parameter}"


def _leaves(
    table: Mapping[str, object], above: KeyPath = ()
) -> list[tuple[tuple[str, ...], object]]:
    """Dotted keys of nested tables with what stands there; a factor's own table is a leaf."""
    found = []
    for name, entry in table.items():
        path = (*above, *name.split("."))
        if isinstance(entry, Mapping) and not entry.keys() & set(WORDS) and entry:
            found += _leaves(entry, path)
        else:
            found.append((path, entry))
    return found


def _path(one: Factor) -> KeyPath:
    """Where a factor stands in the file."""
    return (SCENARIO,) if one.key == SCENARIO else ("vary", *one.key.split("."))


def _extremes(settings: list[Setting], place: int) -> tuple[object, object]:
    """Smallest and largest drawn value of a factor."""
    ordered = sorted((setting[place] for setting in settings), key=lambda pair: float(pair[1]))
    return ordered[0][0], ordered[-1][0]


def _advice(one: Factor) -> str:
    """What to do about a drawn value that is out of range."""
    return " Bound the distribution with from and to." if one.kind else ""
