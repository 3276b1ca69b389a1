"""One entry of a FHIR bundle: what it writes, under which id, or what is wrong with it.

Reads no store but for conditional entries. Source: https://hl7.org/fhir/R4/http.html#transaction. Above:
`fhir_bundle`. Below: `fhir_resource`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.site.ingest.fhir_resource import (
    Fault,
    identifier_id,
    reference_fault,
    references,
    stable_id,
    structure_fault,
    without_server_meta,
)

# Type, system, value -> ids in the store (and earlier in this run).
Find = Callable[[str, str, str], list[str]]
_INTERACTION_RULE: Final = "FHIR R4 transaction and batch: PUT, POST and DELETE are imported"


@dataclass(slots=True)
class BundleEntry:
    """Filled while it is read; `key` is type and id, `already` says that the store holds it, `fault` refuses it."""

    number: int
    full_url: str
    resource: Resource | None
    method: str = "PUT"
    key: tuple[str, str] | None = None
    if_absent: bool = False
    already: bool = False
    fault: Fault | None = None
    literals: list[str] = field(default_factory=list)


def read_entry(number: int, raw: object, member: str, find: Find) -> BundleEntry:
    """The entry with this number, or the fault that it has."""
    if not isinstance(raw, dict):
        return BundleEntry(number, "", None, fault=_broken_entry())
    full_url = raw.get("fullUrl")
    entry = BundleEntry(number, full_url if isinstance(full_url, str) else "", raw.get("resource"))
    request = raw.get("request")
    if request is not None and not isinstance(request, dict):
        entry.fault = _broken_entry()
        return entry
    entry.method = str((request or {}).get("method", "PUT")).upper()
    if entry.method == "DELETE":
        _take_delete(entry, str((request or {}).get("url", "")))
    elif entry.method in ("PUT", "POST"):
        _take_resource(entry, request or {}, member, find)
    else:
        entry.fault = Fault(
            "The entry's method does not write a resource.", _INTERACTION_RULE, "Remove the entry."
        )
    return entry


def _broken_entry() -> Fault:
    return Fault(
        "The entry is not an object with resource and request.",
        "FHIR R4 Bundle structure",
        "Correct the entry.",
    )


def _take_delete(entry: BundleEntry, url: str) -> None:
    parts = url.split("/")
    if len(parts) == 2 and parts[0] in RESOURCE_TYPES and parts[1] and "?" not in url:
        entry.key = (parts[0], parts[1])
    else:
        entry.fault = Fault(
            "The entry to delete does not name type and id.", _INTERACTION_RULE, "Use Type/id."
        )


def _take_resource(entry: BundleEntry, request: Json, member: str, find: Find) -> None:
    entry.fault = structure_fault(entry.resource)
    if entry.fault is not None or entry.resource is None:
        return
    entry.resource = without_server_meta(entry.resource)
    entry.literals = list(references(entry.resource))
    entry.fault = reference_fault(entry.resource, entry.literals)
    if entry.fault is not None:
        return
    resource_type = str(entry.resource["resourceType"])
    url, none_exist = str(request.get("url", "")), request.get("ifNoneExist")
    if entry.method == "PUT" and "?" in url:
        _take_conditional(entry, resource_type, url.partition("?")[2], member, find)
    elif entry.method == "POST" and isinstance(none_exist, str) and none_exist:
        entry.if_absent = True
        _take_conditional(entry, resource_type, none_exist.partition("?")[2] or none_exist, member, find)
    else:
        _take_id(entry, resource_type, url if entry.method == "PUT" else "", member)


def _take_conditional(entry: BundleEntry, resource_type: str, query: str, member: str, find: Find) -> None:
    criteria = parse_qsl(query)
    names = [name for name, _ in criteria]
    system, bar, value = criteria[0][1].partition("|") if criteria else ("", "", "")
    if names != ["identifier"] or not (bar and system and value):
        entry.fault = Fault(
            "The entry's condition is not one identifier.",
            "conditional entries are matched by identifier=system|value",
            "Use one identifier with its system, or give the resource an id.",
        )
        return
    matches = find(resource_type, system, value)
    if len(matches) > 1:
        entry.fault = Fault(
            "The entry's condition matches more than one resource.",
            "a conditional entry matches one resource or none (FHIR R4, 412)",
            "Merge the duplicates or use another identifier.",
        )
        return
    entry.already = bool(matches) and entry.if_absent
    entry.key = (
        resource_type,
        matches[0] if matches else identifier_id(member, resource_type, system, value),
    )


def _take_id(entry: BundleEntry, resource_type: str, url: str, member: str) -> None:
    resource = entry.resource or {}
    own, named = resource.get("id"), url.partition("/")[2]
    if url and url.partition("/")[0] != resource_type:
        entry.fault = Fault(
            "The entry's URL names another type than its resource.", _INTERACTION_RULE, "Correct the URL."
        )
    elif own and named and own != named:
        entry.fault = Fault(
            "The entry's URL and its resource name different ids.", _INTERACTION_RULE, "Use one id."
        )
    else:
        identified = str(own or named or _urn_id(entry.full_url) or stable_id(member, resource))
        entry.fault = structure_fault({**resource, "id": identified})
        entry.key = (resource_type, identified)


def _urn_id(full_url: str) -> str:
    return full_url.removeprefix("urn:uuid:").lower() if full_url.startswith("urn:uuid:") else ""
