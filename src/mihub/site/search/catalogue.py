"""The search parameters of each type, made from SearchParameter resources and a short list of our own.

R4's come from the packaged definitions, a site's packages may add more; what cannot be read is left out and named.
Neighbours: `published` and `of_type` below; extraction, questions, metadata above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.site.search.of_type import OfType, of_type
from mihub.site.search.parameter import VALUE_TYPES, Aspect, Gathering, Parameter, Part, Reading, aspect
from mihub.site.search.published import (
    KINDS,
    Kind,
    LeftOut,
    Published,
    compartment,
    compartment_as_published,
    published,
)

__all__ = [
    "ANY_TYPE", "KINDS", "VALUE_TYPES", "Aspect", "Catalogue", "Gathering", "Kind", "Parameter", "Part", "Reading", "aspect",
    "catalogue", "catalogue_of",
]  # fmt: skip

ANY_TYPE: Final = "*"
# Change it when the rows made from the same path change, so that every record is indexed again.
EXTRACTION_VERSION: Final = "4"

_OWNERS: Final = ("Device", "Encounter", "Patient", "Practitioner", "RelatedPerson")


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
        self._known: dict[str, OfType] = {}

    def of(self, resource_type: str) -> OfType:
        found = self._known.get(resource_type)
        if found is None:
            found = self._known[resource_type] = of_type(resource_type, self.named[resource_type].values())
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
