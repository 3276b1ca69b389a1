"""What a search parameter of one type is: its kind, the numbers of its rows, and what an indexer reads for it.

Numbers come from what is read, so that parameters of one type that select the same share their rows. Above: `catalogue`,
extraction, questions. Below: `published`, `paths`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mihub.core.fhir.fhirpath import Expression
from mihub.site.search.paths import Way
from mihub.site.search.published import Kind
from mihub.site.store.rows import parameter_id

# Kind -> FHIR types whose values it indexes, those derived from them included. A choice may have others.
VALUE_TYPES: Final[Mapping[Kind, frozenset[str]]] = {
    "token": frozenset(
        ["string", "uri", "boolean", "Coding", "CodeableConcept", "Identifier", "ContactPoint"]
    ),
    "string": frozenset(["string", "uri", "HumanName", "Address"]),
    "date": frozenset(["date", "dateTime", "instant", "Period", "Timing"]),
    "quantity": frozenset(["Quantity", "Money", "Range"]),
    "number": frozenset(["integer", "decimal", "Range"]),
    "reference": frozenset(["Reference", "uri", "Resource"]),
    "uri": frozenset(["uri"]),
    "composite": frozenset(),
}


# text: what a code is called; of-type: identifiers with their type; canonical: amounts in base units.
Aspect = Literal["text", "of-type", "canonical"]


def aspect(index: int, of: Aspect) -> int:
    """The number of rows that are made beside those with the number `index`."""
    return parameter_id(str(index), of)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one type.

    `indexes`: the numbers in its rows; more than one when other parameters have all its rows. `targets`: the types its
    references may name; `only`: those it is limited to by `resolve()`, where its rows hold others, too. `composite`: the
    parts that must fit together, one alternative for each kind of element it selects.
    """

    resource_type: str
    name: str
    kind: Kind
    path: str
    targets: frozenset[str]
    indexes: tuple[int, ...]
    only: frozenset[str] = frozenset()
    url: str = ""
    composite: tuple[tuple[Part, ...], ...] = ()

    @property
    def index(self) -> int:
        """The number in its rows, for kinds that never share another's (references)."""
        return self.indexes[0]

    @property
    def identifier_index(self) -> int:
        """The number of the token rows of a reference's logical identifier (`:identifier`)."""
        return parameter_id(self.resource_type, f"{self.kind} {self.path}:identifier")

    def aspects(self, of: Aspect) -> tuple[int, ...]:
        """The numbers of further rows that are made of the same values."""
        return tuple(aspect(index, of) for index in self.indexes)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a composite: as a parameter of its own, and whether its rows are those that number their element."""

    parameter: Parameter
    together: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What an indexer reads for one number: by ways through the JSON, and by evaluation."""

    index: int
    parameter: Parameter
    ways: tuple[Way, ...]
    evaluated: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Gathering:
    """What an indexer reads from each element of one kind, and keeps with the element's number."""

    focus: Way
    parts: tuple[tuple[Parameter, tuple[Way, ...]], ...]
