"""Checks one FHIR resource as far as storing it needs, and gives it a stable id when it has none.

Structure only: type, id, meta, the JSON kinds of common elements, references that can never resolve. Profiles
are the validator's business. Source: https://hl7.org/fhir/R4/resource.html. Above: `fhir_bundle`, `ndjson`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.types import EXCHANGE_TYPES, ID, RESOURCE_TYPES
from mihub.core.mii.canonicals import IDENTIFIER_TYPE, OURS

# Asked for instead of a system: the number of an identifier typed MR, whatever system the hospital gave it.
MEDICAL_RECORD: Final = "urn:mihub:medical-record-number"
_STRUCTURE_RULE: Final = "FHIR R4 resource structure"
# The JSON kind that an element has in every resource type that knows it.
_KINDS: Final[dict[str, type]] = {
    "meta": dict,
    "text": dict,
    "contained": list,
    "extension": list,
    "modifierExtension": list,
    "implicitRules": str,
    "language": str,
}
# Persons, organisations and places are known by their identifiers; everything else by its content.
_KNOWN_BY_IDENTIFIER: Final = frozenset(
    {
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
        "HealthcareService",
        "Device",
        "Encounter",
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a resource, without any of its values."""

    reason: str
    rule: str
    next: str


def structure_fault(resource: object) -> Fault | None:
    """The first thing that forbids storing this resource, or None."""
    if not isinstance(resource, dict):
        return Fault("This is not a JSON object.", _STRUCTURE_RULE, "Write one FHIR resource.")
    resource_type = resource.get("resourceType")
    if not isinstance(resource_type, str):
        return Fault(
            "The resource has no resourceType.", _STRUCTURE_RULE, "Add it, or remove what is no resource."
        )
    if resource_type not in RESOURCE_TYPES:
        return Fault(
            "The resource type is unknown in FHIR R4.",
            "FHIR R4 resource list",
            "Correct the type or convert the resource to R4.",
        )
    if resource_type in EXCHANGE_TYPES or resource_type == "Bundle":
        return Fault(
            "This resource type is part of an exchange and is not kept in a record.",
            "bundles are taken apart; outcomes and parameters are not stored",
            "Send the resources themselves.",
        )
    return _common_fault(resource)


def _common_fault(resource: Resource) -> Fault | None:
    resource_id = resource.get("id")
    if resource_id is not None and not (isinstance(resource_id, str) and ID.fullmatch(resource_id)):
        return Fault(
            "The id is not a FHIR id.",
            "id: 1 to 64 of A-Z a-z 0-9 - . (FHIR R4 datatypes)",
            "Give the resource a valid id.",
        )
    for name, kind in _KINDS.items():
        if name in resource and not isinstance(resource[name], kind):
            return Fault(
                f"The element {name} has the wrong JSON type.", _STRUCTURE_RULE, "Correct the element."
            )
    return _meta_fault(resource.get("meta", {}))


def _meta_fault(meta: Json) -> Fault | None:
    lists = {"profile": str, "tag": dict, "security": dict}
    for name, kind in lists.items():
        values = meta.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
            return Fault(
                f"The element meta.{name} has the wrong JSON type.", _STRUCTURE_RULE, "Correct the element."
            )
    for name in ("versionId", "lastUpdated", "source"):
        if name in meta and not isinstance(meta[name], str):
            return Fault(
                f"The element meta.{name} has the wrong JSON type.", _STRUCTURE_RULE, "Correct the element."
            )
    return None


def reference_fault(resource: Resource, literals: Iterable[str]) -> Fault | None:
    """The first reference that can never resolve: to a contained resource that is not there."""
    contained = resource.get("contained", [])
    if not all(isinstance(inner, dict) and isinstance(inner.get("resourceType"), str) for inner in contained):
        return Fault(
            "A contained resource has no resourceType.", _STRUCTURE_RULE, "Correct the contained resources."
        )
    inner_ids = {inner.get("id") for inner in contained}
    for literal in literals:
        if literal.startswith("#") and len(literal) > 1 and literal[1:] not in inner_ids:
            return Fault(
                "A reference names a contained resource that is not there.",
                "references to contained resources resolve inside the resource",
                "Add the contained resource or remove the reference.",
            )
    return None


def references(value: Any) -> Iterator[str]:
    """All literal references in a resource, in document order."""
    if isinstance(value, dict):
        literal = value.get("reference")
        if isinstance(literal, str):
            yield literal
        for inner in value.values():
            if isinstance(inner, dict | list):
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from references(inner)


def without_server_meta(resource: Resource) -> Resource:
    """The same resource without the version and time that its former server gave it; ours gives its own."""
    meta = resource.get("meta")
    if isinstance(meta, dict) and ("versionId" in meta or "lastUpdated" in meta):
        kept = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
        resource = {**resource, "meta": kept}
        if not kept:
            del resource["meta"]
    return resource


def canonical_bytes(resource: Resource) -> bytes:
    """The same bytes for the same content, whatever the order of its keys."""
    return orjson.dumps(without_server_meta(resource), option=orjson.OPT_SORT_KEYS)


def derived_id(*key: str) -> str:
    """A stable id from what identifies something: 32 hexadecimal digits."""
    return sha256("\x1f".join(key).encode()).hexdigest()[:32]


def identifier_id(member: str, resource_type: str, system: str, value: str) -> str:
    """The id of the resource that this identifier names at this member."""
    return derived_id(member, resource_type, "identifier", system, value)


def stable_id(member: str, resource: Resource) -> str:
    """The id for a resource that brings none.

    From its first identifier if that names it, else from its content.
    """
    resource_type = str(resource["resourceType"])
    if resource_type in _KNOWN_BY_IDENTIFIER:
        for system, value in identifiers(resource):
            return identifier_id(member, resource_type, system, value)
    return derived_id(member, resource_type, canonical_bytes(resource).decode())


def identifiers(resource: Resource) -> Iterator[tuple[str, str]]:
    """System and value of each complete identifier; a medical record number also under `MEDICAL_RECORD`.

    Not so for a Patient that was made from a member's reports: its number is that member's own.
    """
    listed, made_here = resource.get("identifier"), is_made_from_reports(resource)
    for identifier in listed if isinstance(listed, list) else [listed]:
        if isinstance(identifier, dict):
            system, value = identifier.get("system"), identifier.get("value")
            if isinstance(system, str) and isinstance(value, str) and system and value:
                yield system, value
                if not made_here and _is_medical_record(identifier):
                    yield MEDICAL_RECORD, value


def is_made_from_reports(resource: Resource) -> bool:
    """Whether an import of reports made this resource."""
    meta = resource.get("meta")
    source = meta.get("source") if isinstance(meta, dict) else None
    return isinstance(source, str) and source.startswith(f"{OURS}/obds/")


def _is_medical_record(identifier: Json) -> bool:
    kind = identifier.get("type")
    codings = kind.get("coding") if isinstance(kind, dict) else None
    return isinstance(codings, list) and any(
        isinstance(coding, dict) and coding.get("system") == IDENTIFIER_TYPE and coding.get("code") == "MR"
        for coding in codings
    )
