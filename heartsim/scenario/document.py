"""A scenario: everything that defines one run, read from TOML, checked, frozen."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from heartsim.errors import ProcedureConflict
from heartsim.procedures.catalogue import CATALOGUE, plan
from heartsim.procedures.edit import Procedure
from heartsim.procedures.perform import check_conflicts
from heartsim.scenario.blood import Chamber, Circulation, Pericardium, Routes
from heartsim.scenario.entries import check_entries, entry_schema, resolved_entry
from heartsim.scenario.models import (
    Activation,
    Entry,
    Patient,
    Protocol,
    Section,
    Support,
    Tissue,
)
from heartsim.scenario.problems import problems_of, refuse
from heartsim.scenario.reader import Document, locate, read_document, with_mesh_path, with_value

_Entries = Annotated[tuple[Entry, ...], Field(strict=False)]


class Scenario(Section):
    """One patient, with or without operations, and how to run it.

    Read it from a file with `read`; derive others with `with_` and `with_procedures`. Numbers are
    in internal units (mm, ms, mg, kPa).

    Examples
    --------
    >>> healthy = Scenario.from_dict({"patient": {"mesh": "biventricle"}})
    >>> healthy.with_({"circulation.heart_rate": "90 /min"}).circulation.heart_rate
    0.0015
    """

    title: Annotated[str, Field(max_length=300)] = Field(
        default="", description="The question that this scenario asks."
    )
    patient: Patient
    condition: _Entries = Field(
        default=(), description="Disease of the baseline patient, in order."
    )
    tissue: Tissue = Tissue()
    activation: Activation = Activation()
    support: Support = Support()
    circulation: Circulation = Circulation()
    procedure: _Entries = Field(default=(), description="Operations, in order.")
    overlap: Literal["error", "in order"] = Field(
        default="error", description="Whether two operations may change the same target."
    )
    protocol: Protocol = Protocol()

    _document: Document = PrivateAttr(default_factory=dict)
    _source: str = PrivateAttr(default="scenario")

    @classmethod
    def read(cls, path: str | Path, overrides: Mapping[str, object] | None = None) -> Self:
        """Read a scenario file, or one that ships with the package by its name.

        Parameters
        ----------
        path : str or Path
            A TOML file, or a name such as ``"demo_baseline"``.
        overrides : mapping of dotted key to value, optional
            Values that replace those of the file, such as ``{"protocol.step": "1 ms"}``.

        Raises
        ------
        ScenarioError
            If the file cannot be used; the message names every problem with its line.
        """
        file = locate(Path(path))
        document, text = read_document(file)
        document = with_mesh_path(document, file)
        for key, value in (overrides or {}).items():
            document = with_value(document, key, value)
        return cls._checked(document, source=file.name, text=text)

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> Self:
        """Scenario from nested mappings, spelled as in a file.

        Raises
        ------
        ScenarioError
            If it cannot be used; the message names every problem.
        """
        return cls._checked(dict(document), source="scenario", text="")

    @model_validator(mode="after")
    def _walls_are_not_lumped(self) -> Self:
        """Refuse what only 0D chambers have where a mesh replaces them."""
        if self.patient.model == "0D":
            return self
        whole = self.patient.chambers == "all"
        walls = ("LV", "RV", "LA", "RA") if whole else ("LV", "RV")
        stated = [n for n in walls if getattr(self.circulation, n) != Chamber()]
        stated += ["pericardium"] if whole and self.circulation.pericardium != Pericardium() else []
        stated += ["routes"] if self.circulation.routes != Routes() else []
        stated += ["septum"] if self.circulation.septum.compliance else []
        if stated:
            raise ValueError(
                f"circulation.{stated[0]} belongs to 0D chambers, but these are 3D walls. "
                'Remove it, or write patient.model = "0D".'
            )
        return self

    @classmethod
    def _checked(cls, document: Document, *, source: str, text: str) -> Self:
        problems = check_entries(document, "condition") + check_entries(document, "procedure")
        scenario = None
        try:
            scenario = cls.model_validate(document)
        except ValidationError as error:
            problems += problems_of(error, cls)
        if problems or scenario is None:
            raise refuse(source, text, problems)
        scenario._document, scenario._source = document, source
        try:
            check_conflicts(scenario.conditions, "error")
            check_conflicts(scenario.procedures, scenario.overlap)
        except ProcedureConflict as error:
            raise ProcedureConflict(f"{source}, {error}") from None
        return scenario

    @property
    def name(self) -> str:
        """Name of the file without its ending."""
        return self._source.removesuffix(".toml")

    @property
    def conditions(self) -> tuple[Procedure, ...]:
        """Disease of the baseline patient, planned."""
        return tuple(plan(entry) for entry in self.condition)

    @property
    def procedures(self) -> tuple[Procedure, ...]:
        """Operations, planned."""
        return tuple(plan(entry) for entry in self.procedure)

    def with_(self, changes: Mapping[str, object]) -> Self:
        """Copy with some values replaced, spelled as in a file.

        Parameters
        ----------
        changes : mapping of dotted key to value
            Such as ``{"circulation.heart_rate": "90 /min"}``.

        Raises
        ------
        ScenarioError
            If a key is unknown or a value cannot be used.
        """
        document = self._document
        for key, value in changes.items():
            document = with_value(document, key, value)
        return self._checked(document, source=self._source, text="")

    def with_procedures(self, *procedures: Procedure) -> Self:
        """Copy with operations added after those it has.

        Raises
        ------
        ProcedureConflict
            If two operations change the same target.
        """
        entries = [*self.procedure, *(procedure.as_entry() for procedure in procedures)]
        return self.with_({"procedure": entries})

    def baseline(self) -> Self:
        """Copy without operations: the patient before surgery."""
        return self.with_({"procedure": []})

    def resolved(self) -> dict[str, object]:
        """Every value that defines the run, defaults included, in internal units."""
        content = self.model_dump()
        content["tissue"]["parameters"] = self.tissue.parameter_set
        for kind in ("condition", "procedure"):
            content[kind] = [resolved_entry(entry) for entry in getattr(self, kind)]
        return content

    def content_hash(self) -> str:
        """SHA-256 of everything that can change the result, the bytes of a mesh file included."""
        content = self.resolved()
        del content["title"]
        mesh = Path(self.patient.mesh)
        if mesh.is_file():
            content["mesh_sha256"] = hashlib.sha256(mesh.read_bytes()).hexdigest()
            content["patient"] = {**self.patient.model_dump(), "mesh": mesh.name}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def schema() -> dict[str, object]:
    """JSON Schema of a scenario file, for completion and checks in an editor."""
    content = Scenario.model_json_schema()
    for kind in ("condition", "procedure"):
        names = [n for n, op in CATALOGUE.items() if kind == "procedure" or op.kind == kind]
        content["properties"][kind] |= {
            "default": [],
            "items": {"oneOf": [entry_schema(CATALOGUE[name]) for name in names]},
        }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **content}
