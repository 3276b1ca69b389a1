"""Composite search parameters: which elements they select, and how each part is read from one of them.

Parts of the resource itself are ordinary rows; parts of an element that repeats have rows of their own, which keep the
number of the element, so that both are found in the same one. Source: https://hl7.org/fhir/R4/search.html#composite.
Above: `catalogue`. Below: `paths`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir.fhirpath import FhirPathError, r4
from mihub.core.fhir.fhirpath.types import TypeInfo
from mihub.site.search.paths import Way, branches
from mihub.site.search.published import Component, Kind, Published

_WHOLE: Final = "%resource."
# The kind of a part whose publisher names none, by the first type of its values that is one of these.
_KIND_OF: Final[Mapping[str, Kind]] = {
    "CodeableConcept": "token", "Coding": "token", "Identifier": "token", "boolean": "token", "code": "token",
    "Quantity": "quantity", "Range": "quantity", "date": "date", "dateTime": "date", "instant": "date", "Period": "date",
    "Reference": "reference", "integer": "number", "decimal": "number", "uri": "uri", "string": "string",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartPath:
    """One part. `whole`: it is read from the resource itself. `expression`: as published, from where it is read."""

    kind: Kind
    path: str
    ways: tuple[Way, ...]
    whole: bool
    expression: str
    targets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Focus:
    """One element, or kind of element, whose values belong together; without `way` it is the resource itself."""

    path: str
    way: Way | None
    parts: tuple[PartPath, ...]


def focuses(source: Published, resource_type: str) -> list[Focus]:
    """All branches of a composite for one type. Raises `FhirPathError` when one can not be read."""
    root = _known(resource_type)
    found: list[Focus] = []
    for path, ways in branches(source.expression, root):
        for way in ways or (None,):
            parts = tuple(_part(component, root, way) for component in source.components)
            found.append(Focus(way.text if way is not None else path, way, parts))
    return found


def _part(component: Component, root: TypeInfo, focus: Way | None) -> PartPath:
    whole = focus is None or component.expression.startswith(_WHOLE)
    expression = component.expression.removeprefix(_WHOLE)
    start = root if focus is None or whole else focus.type
    ways = tuple(way for _, listed in branches(expression, start) for way in listed)
    kinds = [_KIND_OF[name] for way in ways for name in _names(way.type) if name in _KIND_OF]
    if not kinds:
        raise FhirPathError("A part of the composite leads to no value that a search compares.")
    path = " | ".join(way.text for way in ways)
    return PartPath(component.kind or kinds[0], path, ways, whole, expression, component.targets)


def _names(kind: TypeInfo | None) -> list[str]:
    """The type and those above it, nearest first."""
    names: list[str] = []
    while kind is not None:
        names.append(kind.name)
        kind = kind.base
    return names


def _known(resource_type: str) -> TypeInfo:
    found = r4().type(resource_type)
    if found is None:
        raise FhirPathError(f"There is no type {resource_type}.")
    return found
