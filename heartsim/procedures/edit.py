"""Edits of a patient: the small changes that every procedure is made of.

An edit is a frozen dataclass of plain numbers and target names. It acts either on the anatomy
(`AnatomyEdit`, host) or on the numbers of a built heart (`HeartEdit`, device). It never changes
what it is given; it returns a copy and a `Receipt` of what it did.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, SupportsFloat, runtime_checkable

if TYPE_CHECKING:
    from heartsim.heart import Heart
    from heartsim.mesh.heartmesh import HeartMesh


@dataclass(frozen=True)
class Receipt:
    """What one edit changed.

    Attributes
    ----------
    action : str
        One sentence for the report.
    target : str
        What was changed, such as ``"tissue:infarct"`` or ``"valve:aortic"``.
    amounts : mapping of name to number
        Sizes of the change; each name ends with its unit, such as ``"tissue_mL"``. Inside a
        traced computation the numbers are arrays.
    procedure : str
        Name of the procedure that the edit belongs to.
    """

    action: str
    target: str
    amounts: Mapping[str, SupportsFloat] = field(default_factory=dict)
    procedure: str = ""

    def as_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return {
            "procedure": self.procedure,
            "target": self.target,
            "action": self.action,
            "amounts": {name: float(value) for name, value in self.amounts.items()},
        }


@runtime_checkable
class AnatomyEdit(Protocol):
    """A change of the unloaded anatomy, made on the host before the heart is built."""

    @property
    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """Names of what is changed; two edits with a common target conflict."""
        ...

    @abstractmethod
    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the edited anatomy and what changed."""
        ...


@runtime_checkable
class HeartEdit(Protocol):
    """A change of the numbers of a built heart; structure and shapes stay."""

    @property
    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """Names of what is changed; two edits with a common target conflict."""
        ...

    @abstractmethod
    def apply_to_heart(self, heart: "Heart") -> tuple["Heart", Receipt]:
        """Return the edited heart and what changed."""
        ...


Edit = AnatomyEdit | HeartEdit

if TYPE_CHECKING:
    Dose = float
else:
    Dose = SupportsFloat
"""A number that may be a traced array, so that one compiled run serves every dose."""


@dataclass(frozen=True)
class Procedure:
    """A condition or operation: a name and the edits it is made of.

    Attributes
    ----------
    name : str
        Catalogue name, such as ``"tavr"``.
    title : str
        What a clinician calls it.
    edits : tuple of Edit
        Applied in this order.
    parameters : mapping of name to str or number
        Doses as written in a scenario file, with units.
    cautions : tuple of str
        Sentences for doses inside the hard limits but outside the usual range.
    """

    name: str
    title: str
    edits: tuple[Edit, ...]
    parameters: Mapping[str, str | float] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()

    def as_entry(self) -> dict[str, str | float]:
        """Entry of ``[[procedure]]`` or ``[[condition]]`` that gives this procedure back."""
        return {"name": self.name, **self.parameters}
