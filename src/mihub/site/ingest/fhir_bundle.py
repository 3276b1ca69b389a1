"""Turns a FHIR bundle into records: ids, conditional entries, references between its entries.

A transaction is all or nothing: one bad entry refuses it whole. In every other bundle an entry stands for
itself. Reads no store but for conditional entries. Source: https://hl7.org/fhir/R4/http.html#transaction.
Above: `ndjson`, `importer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
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
from mihub.site.ingest.records import Accepted, Record, Rejected
from mihub.site.ingest.report import Reason
from mihub.site.store.protocol import Delete, Put

# Type, system, value -> ids in the store (and earlier in this run).
Find = Callable[[str, str, str], list[str]]
_READ_TYPES: Final = frozenset({"transaction", "batch", "collection", "searchset", "document", "message"})
_INTERACTION_RULE: Final = "FHIR R4 transaction and batch: PUT, POST and DELETE are imported"
_URN: Final = ("urn:uuid:", "urn:oid:")


@dataclass(slots=True)
class _Entry:
    number: int
    full_url: str
    resource: Resource | None
    method: str = "PUT"
    key: tuple[str, str] | None = None
    if_absent: bool = False
    already: bool = False
    fault: Fault | None = None
    literals: list[str] = field(default_factory=list)


def read_bundle(
    bundle: Resource, *, file: str, member: str, find: Find, line: int | None = None
) -> Iterator[Record]:
    """The records of one bundle. `line`: where the bundle begins when it is a line of NDJSON."""
    fault = _bundle_fault(bundle)
    if fault is not None:
        yield Rejected((_reason(fault, file, line=line),))
        return
    entries = [
        _entry(number, raw, member, find) for number, raw in enumerate(bundle.get("entry", []), start=1)
    ]
    if not entries:
        yield Rejected((_reason(_EMPTY, file, line=line),))
        return
    targets = {entry.full_url: "/".join(entry.key) for entry in entries if entry.full_url and entry.key}
    for entry in entries:
        _link(entry, targets, find)
    if bundle["type"] == "transaction":
        yield _as_one(entries, file, line)
    else:
        yield from (_alone(entry, file, line) for entry in entries)


_EMPTY: Final = Fault(
    "The bundle holds no entry.", "a bundle to import holds at least one entry", "Export it again."
)


def _bundle_fault(bundle: Resource) -> Fault | None:
    kind = bundle.get("type")
    if kind not in _READ_TYPES:
        return Fault(
            "The bundle's type is missing or not one that is imported.",
            f"Bundle.type is one of {', '.join(sorted(_READ_TYPES))}",
            "Send the resources as a transaction, batch or collection.",
        )
    if not isinstance(bundle.get("entry", []), list):
        return Fault("Bundle.entry is not a list.", "FHIR R4 Bundle structure", "Correct the bundle.")
    return None


def _entry(number: int, raw: object, member: str, find: Find) -> _Entry:
    if not isinstance(raw, dict):
        return _Entry(number, "", None, fault=_broken_entry())
    full_url = raw.get("fullUrl")
    entry = _Entry(number, full_url if isinstance(full_url, str) else "", raw.get("resource"))
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


def _take_delete(entry: _Entry, url: str) -> None:
    parts = url.split("/")
    if len(parts) == 2 and parts[0] in RESOURCE_TYPES and parts[1] and "?" not in url:
        entry.key = (parts[0], parts[1])
    else:
        entry.fault = Fault(
            "The entry to delete does not name type and id.", _INTERACTION_RULE, "Use Type/id."
        )


def _take_resource(entry: _Entry, request: Json, member: str, find: Find) -> None:
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


def _take_conditional(entry: _Entry, resource_type: str, query: str, member: str, find: Find) -> None:
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


def _take_id(entry: _Entry, resource_type: str, url: str, member: str) -> None:
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


def _link(entry: _Entry, targets: dict[str, str], find: Find) -> None:
    """Let the references to other entries name what these are stored as."""
    if entry.fault is not None or entry.resource is None:
        return
    if entry.key is not None and entry.resource.get("id") != entry.key[1]:
        entry.resource = {**entry.resource, "id": entry.key[1]}
    renamed: dict[str, str] = {}
    for literal in entry.literals:
        target = targets.get(literal) or (_matched(literal, find) if "?" in literal else literal)
        if target is None or target.startswith(_URN):
            entry.fault = _DANGLING
            return
        if target != literal:
            renamed[literal] = target
    if renamed:
        entry.resource = _renamed(entry.resource, renamed)
        entry.literals = [renamed.get(literal, literal) for literal in entry.literals]


_DANGLING: Final = Fault(
    "A reference names an entry that the bundle does not hold and no store can know.",
    "references by urn or by condition resolve inside the bundle or the store",
    "Add the missing entry or refer by Type/id.",
)


def _matched(literal: str, find: Find) -> str | None:
    resource_type, _, query = literal.partition("?")
    criteria = parse_qsl(query)
    if resource_type not in RESOURCE_TYPES or [name for name, _ in criteria] != ["identifier"]:
        return None
    system, _, value = criteria[0][1].partition("|")
    matches = find(resource_type, system, value) if value else []
    return f"{resource_type}/{matches[0]}" if len(matches) == 1 else None


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: names.get(inner, inner)
            if key == "reference" and isinstance(inner, str)
            else _renamed(inner, names)
            for key, inner in value.items()
        }
    return [_renamed(inner, names) for inner in value] if isinstance(value, list) else value


def _write(entry: _Entry) -> Put | Delete:
    if entry.method == "DELETE" and entry.key is not None:
        return Delete(*entry.key)
    return Put(entry.resource or {}, if_absent=entry.if_absent)


def _alone(entry: _Entry, file: str, line: int | None) -> Record:
    if entry.fault is not None:
        return Rejected((_reason(entry.fault, file, line=line, entry=entry.number),))
    if entry.already:
        return Accepted((), file, line=line, entry=entry.number, already=1)
    return Accepted((_write(entry),), file, line=line, entry=entry.number, references=tuple(entry.literals))


def _as_one(entries: list[_Entry], file: str, line: int | None) -> Record:
    clash = _first_clash(entries)
    if clash is not None:
        clash.fault = _TWICE
    faults = [entry for entry in entries if entry.fault is not None]
    if faults:
        reasons = tuple(
            _reason(entry.fault, file, line=line, entry=entry.number) for entry in faults if entry.fault
        )
        return Rejected((*reasons, _reason(_whole(len(faults)), file, line=line)), records=len(entries))
    written = tuple(_write(entry) for entry in entries if not entry.already)
    return Accepted(
        written,
        file,
        records=len(entries),
        line=line,
        alone=True,
        already=len(entries) - len(written),
        references=tuple(literal for entry in entries for literal in entry.literals),
    )


_TWICE: Final = Fault(
    "The id occurs twice with different content.",
    "one id names one resource in a file",
    "Keep one of the two.",
)


def _first_clash(entries: list[_Entry]) -> _Entry | None:
    seen: dict[tuple[str, str], Resource | None] = {}
    for entry in entries:
        if entry.fault is None and entry.key is not None:
            if entry.key in seen and seen[entry.key] != entry.resource:
                return entry
            seen[entry.key] = entry.resource
    return None


def _whole(faults: int) -> Fault:
    return Fault(
        f"The transaction is refused whole because of {faults} of its entries.",
        "a transaction is all or nothing (FHIR R4)",
        "Correct the entries named, or send the bundle as a batch.",
    )


def _reason(fault: Fault, file: str, *, line: int | None = None, entry: int | None = None) -> Reason:
    return Reason(file=file, reason=fault.reason, rule=fault.rule, next=fault.next, line=line, entry=entry)
