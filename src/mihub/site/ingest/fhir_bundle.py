"""Turns a FHIR bundle into records: ids, conditional entries, references between its entries.

A transaction is all or nothing: one bad entry refuses it whole. In every other bundle an entry stands for
itself. Reads no store but for conditional entries. Source: https://hl7.org/fhir/R4/http.html#transaction.
Above: `ndjson`, `importer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from mihub.core.fhir import Resource
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.site.ingest.bundle_entry import BundleEntry, Find, read_entry
from mihub.site.ingest.fhir_resource import (
    Fault,
)
from mihub.site.ingest.records import Accepted, Body, Record, Rejected
from mihub.site.ingest.report import Reason
from mihub.site.store.protocol import Delete, Put

_READ_TYPES: Final = frozenset({"transaction", "batch", "collection", "searchset", "document", "message"})
_URN: Final = ("urn:uuid:", "urn:oid:")


def read_bundle(
    bundle: Resource, *, file: str, member: str, find: Find, line: int | None = None, text: bytes = b""
) -> Iterator[Record]:
    """The records of one bundle. `line`: where the bundle begins when it is a line of NDJSON; `text`: its bytes."""
    whole = Body("bundle", text, "Bundle") if text else None
    fault = _bundle_fault(bundle)
    if fault is not None:
        yield Rejected((_reason(fault, file, line=line),), body=whole)
        return
    entries = [
        read_entry(number, raw, member, find) for number, raw in enumerate(bundle.get("entry", []), start=1)
    ]
    if not entries:
        yield Rejected((_reason(_EMPTY, file, line=line),), body=whole)
        return
    targets = {entry.full_url: "/".join(entry.key) for entry in entries if entry.full_url and entry.key}
    for entry in entries:
        _link(entry, targets, find)
    if bundle["type"] == "transaction":
        yield _as_one(entries, file, line, whole)
    else:
        listed = bundle.get("entry", [])
        yield from (_alone(entry, file, line, listed[entry.number - 1]) for entry in entries)


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


def _link(entry: BundleEntry, targets: dict[str, str], find: Find) -> None:
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


def _write(entry: BundleEntry) -> Put | Delete:
    if entry.method == "DELETE" and entry.key is not None:
        return Delete(*entry.key)
    return Put(entry.resource or {}, if_absent=entry.if_absent)


def _alone(entry: BundleEntry, file: str, line: int | None, raw: object) -> Record:
    if entry.fault is not None:
        reason = _reason(entry.fault, file, line=line, entry=entry.number)
        return Rejected((reason,), body=_entry_body(entry, raw))
    if entry.already:
        return Accepted((), file, line=line, entry=entry.number, already=1)
    return Accepted(
        (_write(entry),),
        file,
        line=line,
        entry=entry.number,
        references=tuple(entry.literals),
        body=_entry_body(entry, raw),
    )


def _entry_body(entry: BundleEntry, raw: object) -> Body:
    """What is kept of an entry. One that could be read stands alone, since its references are resolved by now."""
    key = ("/".join(entry.key),) if entry.key is not None else ()
    named = (*(entry.key or ("", "")), key)
    if entry.fault is None and entry.method != "DELETE" and not entry.if_absent:
        return Body("resource", partial(orjson.dumps, entry.resource), *named)
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [raw]}
    return Body("entry", partial(orjson.dumps, batch), *named)


def _as_one(entries: list[BundleEntry], file: str, line: int | None, whole: Body | None) -> Record:
    clash = _first_clash(entries)
    if clash is not None:
        clash.fault = _TWICE
    faults = [entry for entry in entries if entry.fault is not None]
    if faults:
        reasons = tuple(
            _reason(entry.fault, file, line=line, entry=entry.number) for entry in faults if entry.fault
        )
        refused = (*reasons, _reason(_whole(len(faults)), file, line=line))
        return Rejected(refused, records=len(entries), body=whole)
    written = tuple(_write(entry) for entry in entries if not entry.already)
    return Accepted(
        written,
        file,
        records=len(entries),
        line=line,
        alone=True,
        already=len(entries) - len(written),
        references=tuple(literal for entry in entries for literal in entry.literals),
        body=whole,
        places=tuple(f"Bundle.entry[{entry.number - 1}].resource" for entry in entries if not entry.already),
    )


_TWICE: Final = Fault(
    "The id occurs twice with different content.",
    "one id names one resource in a file",
    "Keep one of the two.",
)


def _first_clash(entries: list[BundleEntry]) -> BundleEntry | None:
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
