"""A concept as CodeSystem JSON says it -> `Concept`: status, abstractness, designations, properties.

Inactive and abstract are read from the properties the base specification defines, whatever a system calls them.
Source: https://hl7.org/fhir/R4/codesystem-concept-properties.html. Above: `in_memory`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.site.terminology.protocol import Concept, Designation, Metadata, Property

CONCEPT_PROPERTIES: Final = "http://hl7.org/fhir/concept-properties#"
STANDARDS_STATUS: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
_INACTIVE: Final = frozenset({"retired", "inactive"})


def property_value(raw: Json) -> tuple[Any, str]:
    """The value of a `value[x]` element and the end of its name; (None, "") when there is none."""
    for name, value in raw.items():
        if name.startswith("value") and len(name) > 5:
            kind = name[5:]
            return value, kind if kind in ("Coding", "CodeableConcept", "Quantity") else kind[
                0
            ].lower() + kind[1:]
    return None, ""


def extension_value(raw: Json, url: str) -> Any:
    """The value of the first extension with this address, or None."""
    for one in raw.get("extension") or []:
        if one.get("url") == url:
            return property_value(one)[0]
    return None


def concept_of(
    raw: Json, added: Iterable[tuple[str, Json]], system: Metadata, uris: Mapping[str, str]
) -> Concept:
    """The concept with what supplements (`url|version`, concept) add to it; `uris`: of the supplements' properties."""
    added = tuple(added)
    designations = [
        *_designations(raw, ""),
        *(d for source, more in added for d in _added(more, source, raw)),
    ]
    properties = [
        *_properties(raw, ""),
        *(p for source, more in added for p in _properties(more, source, uris)),
    ]
    status = _status(raw, properties, system)
    return Concept(
        code=raw["code"],
        display=raw.get("display", ""),
        definition=raw.get("definition", ""),
        designations=tuple(designations),
        properties=tuple(properties),
        abstract=_says_true(properties, system, "notSelectable", "abstract"),
        inactive=status in _INACTIVE or _says_true(properties, system, "inactive"),
        status=status,
        extension=tuple(raw.get("extension") or ())
        + tuple(e for _, m in added for e in m.get("extension") or ()),
    )


def _designations(raw: Json, source: str) -> list[Designation]:
    return [
        Designation(
            one["value"], one.get("language", ""), one.get("use"), source, tuple(one.get("extension") or ())
        )
        for one in raw.get("designation") or []
        if isinstance(one.get("value"), str)
    ]


def _added(raw: Json, source: str, own: Json) -> list[Designation]:
    """A supplement repeats the display it adds to; that is no designation of its own."""
    new = raw.get("display") if raw.get("display") != own.get("display") else None
    return ([Designation(new, source=source)] if new else []) + _designations(raw, source)


def _properties(raw: Json, source: str, uris: Mapping[str, str] = MappingProxyType({})) -> list[Property]:
    found = []
    for one in raw.get("property") or []:
        value, kind = property_value(one)
        if value is not None:
            code = one.get("code", "")
            found.append(Property(code, value, kind, source=source, uri=uris.get(code, "")))
    return found


def codes_for(system: Metadata, name: str) -> set[str]:
    """What a system calls a property of the base specification: what has its address, and the name itself."""
    uri = CONCEPT_PROPERTIES + name
    return {name} | {one.code for one in system.properties if one.uri == uri}


def _says_true(properties: list[Property], system: Metadata, *names: str) -> bool:
    codes = {code for name in names for code in codes_for(system, name)}
    return any(one.code in codes and one.value in (True, "true") for one in properties)


def _status(raw: Json, properties: list[Property], system: Metadata) -> str:
    standards = extension_value(raw, STANDARDS_STATUS)
    codes = codes_for(system, "status")
    status = next((one.value for one in properties if one.code in codes and isinstance(one.value, str)), "")
    if not status and _says_true(properties, system, "inactive"):
        return "inactive"
    if not status and any(one.code == "deprecated" and one.value in (True, "true") for one in properties):
        return "deprecated"
    status = status or (standards if isinstance(standards, str) else "")
    return "" if status.lower() == "active" else status
