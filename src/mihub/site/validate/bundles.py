"""What holds between the entries of a Bundle, beside R4's own conditions: addresses, identities, what leads to what.

Source: https://hl7.org/fhir/R4/bundle.html and documents.html; severities as HL7's Java validator. Above: `engine`. Below:
`container`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.reference import holders, literal
from mihub.site.validate.container import Container
from mihub.site.validate.finding import Severity
from mihub.site.validate.run import RESOURCE, Run, Where

_ABSOLUTE: Final = re.compile(r"(?:https?://|urn:(?:uuid|oid):)\S+")
# Types whose entries may come without an address: the server gives one.
_BEFORE_STORAGE: Final = frozenset({"transaction", "transaction-response", "batch", "batch-response"})
# What a Composition and a MessageHeader must bring along.
_CARRIED: Final = {
    "document": re.compile(
        r"(?:subject|encounter|custodian|author|attester|event|section)(?:\[\d+\])?"
        r"(?:\.(?:section|entry|author|focus|party|detail)(?:\[\d+\])?)*"
    ),
    "message": re.compile(r"focus(?:\[\d+\])?"),
}


def check_bundle(bundle: Resource, where: Where, run: Run) -> None:
    """The rules of the Bundle's type, entry by entry."""
    rows, container = bundle.get("entry"), run.container
    kind = bundle.get("type")
    kind = kind if isinstance(kind, str) else ""
    if not isinstance(rows, list) or not rows or container is None:
        if kind in _CARRIED:
            run.add("bundle-first-entry", where, expected=_first_of(kind))
        return
    seen: dict[str, int] = {}
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            place = (where, "entry", index)
            _entry(row, kind, place, run)
            _unique(row, kind, seen, index, place, run)
            _resolved(row, kind if index == 0 else "", container, place, run)
    if kind in _CARRIED:
        _first(rows, kind, where, run)
        _linked(rows, kind, container, where, run)


def _first_of(kind: str) -> str:
    return "Composition" if kind == "document" else "MessageHeader"


def _entry(row: Json, kind: str, place: Where, run: Run) -> None:
    full_url, resource = row.get("fullUrl"), row.get("resource")
    if not isinstance(full_url, str):
        if kind not in _BEFORE_STORAGE and "_fullUrl" not in row:
            run.add("bundle-full-url-missing", place, "error", type=kind)
    elif not _ABSOLUTE.fullmatch(full_url):
        run.add("bundle-full-url", place)
    elif isinstance(resource, dict):
        _identity(full_url, resource, place, run)
    if kind == "searchset":
        _found(row, resource, place, run)


def _found(row: Json, resource: Any, place: Where, run: Run) -> None:
    """What a search brings has an id; what is no outcome is a resource."""
    search = row.get("search")
    mode = search.get("mode") if isinstance(search, dict) else None
    if not isinstance(resource, dict):
        run.add("bundle-search", place, "error", expected="resource")
    elif mode in ("match", "include") and "id" not in resource:
        run.add("bundle-search", place, "error", expected="resource.id")
    elif mode == "outcome" and resource.get("resourceType") != "OperationOutcome":
        run.add("bundle-search", place, "error", expected="OperationOutcome")


def _identity(full_url: str, resource: Json, place: Where, run: Run) -> None:
    """A RESTful address ends with the resource's own type and id."""
    parts = literal(full_url)
    if parts is not None and (parts.resource_type, parts.id) != (
        resource.get("resourceType"), resource.get("id")
    ):  # fmt: skip
        run.add("bundle-full-url-id", place)


def _unique(row: Json, kind: str, seen: dict[str, int], index: int, place: Where, run: Run) -> None:
    full_url, resource = row.get("fullUrl"), row.get("resource")
    if not isinstance(full_url, str) or kind == "history":
        return
    meta = resource.get("meta") if isinstance(resource, dict) else None
    version = meta.get("versionId") if isinstance(meta, dict) else None
    key = f"{full_url}|{version}" if isinstance(version, str) else full_url
    if key in seen:
        run.add("bundle-full-url-duplicate", place, "error", first=str(seen[key]))
    seen.setdefault(key, index)


def _resolved(row: Json, leading: str, container: Container, place: Where, run: Run) -> None:
    """A urn can only be resolved inside; the leading resource brings along what it is about."""
    resource = row.get("resource")
    carried = _CARRIED.get(leading)
    for path, holder in holders(resource) if isinstance(resource, dict) else ():
        reference = holder["reference"]
        if reference[:1] == "#" or container.find(reference) is not None:
            continue
        if reference.startswith("urn:") or (carried is not None and carried.fullmatch(path)):
            inside = (place, "resource", RESOURCE)
            run.add("reference-unresolved", (inside, path, -1) if path else inside)


def _first(rows: list[Json], kind: str, where: Where, run: Run) -> None:
    """A document begins with its Composition, a message with its MessageHeader (bdl-11, bdl-12 name the type)."""
    first = rows[0].get("resource") if isinstance(rows[0], dict) else None
    if not isinstance(first, dict):
        run.add("bundle-first-entry", where, expected=_first_of(kind))


def _linked(rows: list[Json], kind: str, container: Container, where: Where, run: Run) -> None:
    """Every entry is reached from the first one; in R4 against the direction of references only Provenance is."""
    resources = [row.get("resource") if isinstance(row, dict) else None for row in rows]
    number = {id(one): index for index, one in enumerate(resources) if isinstance(one, dict)}
    targets = [_targets(one, container, number) for one in resources]
    reached: set[int] = set()
    _visit(0, targets, reached)
    changed = True
    while changed:
        changed = False
        for index, one in enumerate(resources):
            if index not in reached and isinstance(one, dict) and targets[index] & reached:
                if kind == "document" and one.get("resourceType") != "Provenance":
                    run.add("bundle-backward", (where, "entry", index), "warning")
                _visit(index, targets, reached)
                changed = True
    for index, one in enumerate(resources):
        if isinstance(one, dict) and index not in reached:
            severity: Severity = "error" if kind == "document" else "warning"
            run.add("bundle-unreachable", (where, "entry", index), severity)


def _targets(resource: Any, container: Container, number: dict[int, int]) -> set[int]:
    """The entries a resource refers to."""
    if not isinstance(resource, dict):
        return set()
    found = (container.find(holder["reference"]) for _, holder in holders(resource))
    return {number[id(one)] for one in found if id(one) in number}


def _visit(start: int, targets: list[set[int]], reached: set[int]) -> None:
    todo = [start]
    while todo:
        index = todo.pop()
        if index not in reached:
            reached.add(index)
            todo += targets[index]
