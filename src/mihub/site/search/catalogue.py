"""The search parameters of each type, made from SearchParameter resources and a short list of our own.

R4's come from the packaged definitions, a site's packages may add more; what cannot be read is left out and named.
Parameters of one type that select the same share their index rows. Neighbours: `published` and `paths` below;
extraction, questions, metadata above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.core.fhir.fhirpath import Expression, FhirPathError
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.site.search.composites import Focus, focuses
from mihub.site.search.paths import Selection, Way, select
from mihub.site.search.published import (
    KINDS,
    Kind,
    LeftOut,
    Published,
    compartment,
    compartment_as_published,
    published,
)
from mihub.site.store.rows import parameter_id

__all__ = ["ANY_TYPE", "KINDS", "Catalogue", "Kind", "Parameter", "Reading", "catalogue", "catalogue_of"]

ANY_TYPE: Final = "*"
# Change it when the rows made from the same path change, so that every record is indexed again.
EXTRACTION_VERSION: Final = "4"

_OWNERS: Final = ("Device", "Encounter", "Patient", "Practitioner", "RelatedPerson")

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


@dataclass(frozen=True, slots=True)
class _Type:
    parameters: Mapping[str, Parameter]
    readings: tuple[Reading, ...]
    gatherings: tuple[Gathering, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All parameters by type and name; a type is worked out when it is first asked for.

    `compartment`: names of those that tell the patients of a type. `left_out`: published ones that are not served.
    """

    parameters: Mapping[str, Mapping[str, Parameter]]
    compartment: Mapping[str, tuple[str, ...]]
    version: str
    left_out: tuple[LeftOut, ...] = ()
    published_compartments: Mapping[str, Mapping[str, tuple[str, ...]]] = field(
        default_factory=dict, repr=False
    )
    _types: _Types = field(default_factory=lambda: _Types({}), repr=False)

    def of(self, resource_type: str) -> Mapping[str, Parameter]:
        """By name; those of every type included."""
        return self.parameters[resource_type]

    def compartment_of(self, resource_type: str) -> tuple[Parameter, ...]:
        """The parameters whose patients a resource of this type belongs to."""
        of_type = self.parameters[resource_type]
        return tuple(of_type[name] for name in self.compartment.get(resource_type, ()) if name in of_type)

    def readings(self, resource_type: str) -> tuple[Reading, ...]:
        """What to read when a resource of this type is indexed; each number once."""
        return self._types.of(resource_type).readings

    def gatherings(self, resource_type: str) -> tuple[Gathering, ...]:
        """What to read for composites when a resource of this type is indexed; each kind of element once."""
        return self._types.of(resource_type).gatherings

    def compartments(self, owner: str) -> Mapping[str, tuple[str, ...]]:
        """By type the parameters that put it into the compartment of an `owner`; empty when R4 defines none."""
        return self.published_compartments.get(owner, {})


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The catalogue of R4 and this program, for a site that has loaded nothing."""
    return catalogue_of(core_definitions())


def catalogue_of(definitions: Definitions) -> Catalogue:
    """The catalogue of what is known: R4 first, then our own list, then packages; the first to use a name keeps it."""
    found, left_out = published(definitions)
    named: dict[str, dict[str, Published]] = {name: {} for name in sorted(RESOURCE_TYPES)}
    for one in found:
        for resource_type in RESOURCE_TYPES if one.base in ("Resource", "DomainResource") else (one.base,):
            named[resource_type].setdefault(one.name, one)
    types = _Types(named)
    places = compartment(definitions)
    known = {owner: compartment_as_published(definitions, owner) for owner in _OWNERS}
    return Catalogue(_Parameters(types), places, _version(found, places), left_out, known, types)


def _version(found: Iterable[Published], places: Mapping[str, tuple[str, ...]]) -> str:
    """Another one whenever the rows of some resource may change."""
    lines = [
        " ".join(
            [one.base, one.name, one.kind, one.expression, *(each.expression for each in one.components)]
        )
        for one in found
    ]
    lines += [f"{name} {' '.join(names)}" for name, names in places.items()]
    digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
    return f"{EXTRACTION_VERSION}-{digest}"


class _Types:
    """Types worked out so far. Working one out twice at the same moment is harmless."""

    def __init__(self, named: Mapping[str, Mapping[str, Published]]) -> None:
        self.named = named
        self._known: dict[str, _Type] = {}

    def of(self, resource_type: str) -> _Type:
        found = self._known.get(resource_type)
        if found is None:
            found = self._known[resource_type] = _type(resource_type, self.named[resource_type].values())
        return found


class _Parameters(Mapping[str, Mapping[str, Parameter]]):
    def __init__(self, types: _Types) -> None:
        self._types = types

    def __getitem__(self, resource_type: str) -> Mapping[str, Parameter]:
        return self._types.of(resource_type).parameters

    def __iter__(self) -> Iterator[str]:
        return iter(self._types.named)

    def __len__(self) -> int:
        return len(self._types.named)


@dataclass(frozen=True, slots=True)
class _Selected:
    source: Published
    ways: tuple[Way, ...]
    evaluated: tuple[Expression, ...]
    only: frozenset[str]

    @property
    def parts(self) -> frozenset[str]:
        return frozenset(way.text for way in self.ways) | {one.text for one in self.evaluated}

    @property
    def path(self) -> str:
        return " | ".join([*(way.text for way in self.ways), *(one.text for one in self.evaluated)])


def _type(resource_type: str, sources: Iterable[Published]) -> _Type:
    listed = list(sources)
    composites = [
        (one, found) for one in listed if one.kind == "composite" and (found := _focuses(one, resource_type))
    ]
    selected = [each for each in (_selected(resource_type, one) for one in listed) if each is not None]
    # Parts that are read from the resource itself are parameters without a name.
    whole = {
        (part.kind, part.path): _Selected(
            Published(resource_type, "", part.kind, part.expression, part.targets), part.ways, (), frozenset()
        )
        for _, found in composites for focus in found for part in focus.parts if part.whole
    }  # fmt: skip
    chosen = [*selected, *whole.values()]
    readings: dict[int, Reading] = {}
    parameters: dict[str, Parameter] = {}
    unnamed: dict[tuple[str, str], Parameter] = {}
    for one in chosen:
        covering = _covering(one, chosen)
        indexes = tuple(parameter_id(resource_type, f"{each.source.kind} {each.path}") for each in covering)
        source = one.source
        parameter = Parameter(
            resource_type, source.name, source.kind, one.path, one.only or source.targets, indexes, one.only, source.url
        )  # fmt: skip
        if source.name:
            parameters[source.name] = parameter
        else:
            unnamed[source.kind, one.path] = parameter
        if covering == [one]:
            readings.setdefault(indexes[0], Reading(indexes[0], parameter, one.ways, one.evaluated))
    gathered: dict[str, tuple[Way, dict[int, tuple[Parameter, tuple[Way, ...]]]]] = {}
    for source, found in composites:
        alternatives = tuple(_parts(resource_type, source, focus, unnamed, gathered) for focus in found)
        parameters[source.name] = Parameter(
            resource_type, source.name, "composite", source.expression, frozenset(), (), url=source.url,
            composite=alternatives,
        )  # fmt: skip
    gatherings = tuple(Gathering(way, tuple(parts.values())) for way, parts in gathered.values())
    return _Type(parameters, tuple(readings.values()), gatherings)


def _focuses(source: Published, resource_type: str) -> list[Focus]:
    try:
        return focuses(source, resource_type)
    except FhirPathError:
        return []


def _parts(
    resource_type: str,
    source: Published,
    focus: Focus,
    unnamed: Mapping[tuple[str, str], Parameter],
    gathered: dict[str, tuple[Way, dict[int, tuple[Parameter, tuple[Way, ...]]]]],
) -> tuple[Part, ...]:
    parts: list[Part] = []
    for one in focus.parts:
        if one.whole or focus.way is None:
            parts.append(Part(replace(unnamed[one.kind, one.path], name=source.name), together=False))
            continue
        path = f"{focus.path}: {one.path}"
        index = parameter_id(resource_type, f"{one.kind} {path}")
        parameter = Parameter(resource_type, source.name, one.kind, path, one.targets, (index,))
        _, inside = gathered.setdefault(focus.path, (focus.way, {}))
        inside[index] = (parameter, one.ways)
        parts.append(Part(parameter, together=True))
    return tuple(parts)


def _selected(resource_type: str, source: Published) -> _Selected | None:
    if source.kind == "composite":
        return None
    try:
        selection: Selection = select(source.expression, resource_type)
    except FhirPathError:
        return None
    accepted = VALUE_TYPES[source.kind]
    ways = tuple(way for way in selection.ways if any(way.type.is_a(name) for name in accepted))
    if not ways and not selection.evaluated:
        return None
    return _Selected(source, ways, selection.evaluated, selection.targets)


def _covering(one: _Selected, chosen: list[_Selected]) -> list[_Selected]:
    """Smaller parameters of the same kind that have all its rows; itself when there are none."""
    if one.source.kind == "reference" or len(one.parts) < 2:
        return [one]
    smaller = [each for each in chosen if each.source.kind == one.source.kind and each.parts < one.parts]
    found: list[_Selected] = []
    covered: frozenset[str] = frozenset()
    for each in sorted(smaller, key=lambda each: -len(each.parts)):
        if not each.parts <= covered:
            found.append(each)
            covered |= each.parts
    return found if covered == one.parts else [one]
