"""The middle form of a ViewDefinition: frozen, checked, independent of how it is run.

Made by `reading` only. Holds parsed expressions, no compiled ones, so that it is plain data. Below: FHIRPath's tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.shapes import Shape
from mihub.core.fhir.views.kinds import Kind
from mihub.errors import InvalidInput

RULE: Final = "SQL on FHIR v2, ViewDefinition (https://sql-on-fhir.org)"

Iteration = Literal["", "forEach", "forEachOrNull", "repeat"]


class ViewError(InvalidInput):
    """The ViewDefinition breaks a rule; `where` is the place in it, with the character inside of an expression."""

    http_status = 422

    def __init__(self, what: str, where: str, *, rule: str = RULE, next_step: str = "") -> None:
        super().__init__(what, where=where, rule=rule, next_step=next_step or "Correct the ViewDefinition.")


class RowError(InvalidInput):
    """A resource for which the view gives no rows that the specification allows. Names the column, never a value."""

    http_status = 422


@dataclass(frozen=True, slots=True)
class Path:
    """One expression: constants put in, functions known, parsed. `shape`: which types its items can have."""

    text: str
    tree: Node
    place: str
    shape: Shape = field(repr=False)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `fhir_type` "" when it is neither declared nor clear from the path; `sql_type` by tag ansi/type."""

    name: str
    path: Path
    kind: Kind
    fhir_type: str = ""
    collection: bool = False
    description: str = ""
    sql_type: str = ""


@dataclass(frozen=True, slots=True)
class Select:
    """One selection structure. `paths`: one for forEach and forEachOrNull, one or more for repeat.

    `focus`: the types of what the columns start from.
    """

    columns: tuple[Column, ...]
    selects: tuple[Select, ...]
    unions: tuple[Select, ...]
    iteration: Iteration
    paths: tuple[Path, ...]
    focus: Shape = field(repr=False)

    @property
    def names(self) -> tuple[Column, ...]:
        """All columns, in the order of the specification: own, nested, those of the union."""
        nested = tuple(column for one in self.selects for column in one.names)
        return self.columns + nested + (self.unions[0].names if self.unions else ())


@dataclass(frozen=True, slots=True)
class View:
    """A whole view. `document` is what it was read from; `notes` are sentences about what is allowed but odd."""

    name: str
    resource: str
    wheres: tuple[Path, ...]
    select: Select
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    document: dict[str, Any] = field(repr=False, compare=False)
    url: str = ""
    version: str = ""
