"""What holds between the entries of a Bundle, beside R4's own conditions: addresses, identities, reachability.

Source: https://hl7.org/fhir/R4/bundle.html; severities as HL7's Java validator. Above: `engine`. Below: `container`.
"""

from __future__ import annotations

import re
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.reference import holders, literal
from mihub.site.validate.run import RESOURCE, Run, Where

_ABSOLUTE: Final = re.compile(r"(?:https?://|urn:(?:uuid|oid):)\S+")


def check_bundle(bundle: Resource, where: Where, run: Run) -> None:
    """The rules of the Bundle's type, entry by entry."""
    rows = bundle.get("entry")
    if not isinstance(rows, list):
        return
    kind = bundle.get("type")
    seen: dict[str, int] = {}
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            place = (where, "entry", index)
            _entry(row, kind, place, run)
            _unique(row, kind, seen, index, place, run)
    _urns(rows, where, run)
    if kind in ("document", "message"):
        _first(rows, str(kind), where, run)
        _references(bundle, rows, str(kind), where, run)


def _entry(row: Json, kind: object, place: Where, run: Run) -> None:
    full_url, resource = row.get("fullUrl"), row.get("resource")
    if isinstance(full_url, str):
        if not _ABSOLUTE.fullmatch(full_url):
            run.add("bundle-full-url", place)
        elif isinstance(resource, dict):
            _identity(full_url, resource, place, run)
    elif kind in ("document", "message") and isinstance(resource, dict):
        run.add("bundle-full-url-missing", place, "error", type=str(kind))


def _identity(full_url: str, resource: Json, place: Where, run: Run) -> None:
    """A RESTful address ends with the resource's own type and id."""
    parts = literal(full_url)
    identifier = resource.get("id")
    if parts is None or not isinstance(identifier, str):
        return
    if parts.resource_type != resource.get("resourceType") or parts.id != identifier:
        run.add("bundle-full-url-id", place)


def _unique(row: Json, kind: object, seen: dict[str, int], index: int, place: Where, run: Run) -> None:
    full_url, resource = row.get("fullUrl"), row.get("resource")
    if not isinstance(full_url, str) or kind == "history":
        return
    meta = resource.get("meta") if isinstance(resource, dict) else None
    version = meta.get("versionId") if isinstance(meta, dict) else None
    key = f"{full_url}|{version}" if isinstance(version, str) else full_url
    if key in seen:
        run.add("bundle-full-url-duplicate", place, "error", first=str(seen[key]))
    seen.setdefault(key, index)


def _urns(rows: list[Json], where: Where, run: Run) -> None:
    """A urn can only be resolved inside; a document's Composition brings along what it refers to."""
    document = run.container is not None and run.container.bundle.get("type") == "document"
    for index, row in enumerate(rows):
        resource = row.get("resource") if isinstance(row, dict) else None
        if not isinstance(resource, dict) or run.container is None:
            continue
        whole = document and index == 0
        for path, holder in holders(resource):
            reference = holder["reference"]
            missing = reference[:1] != "#" and run.container.find(reference) is None
            if missing and (reference.startswith("urn:") or (whole and not path.startswith("contained"))):
                place = ((where, "entry", index), "resource", RESOURCE)
                run.add("reference-unresolved", ((place, path, -1)) if path else place)


def _first(rows: list[Json], kind: str, where: Where, run: Run) -> None:
    """A document begins with its Composition, a message with its MessageHeader."""
    first = rows[0].get("resource") if rows and isinstance(rows[0], dict) else None
    wanted = "Composition" if kind == "document" else "MessageHeader"
    if not isinstance(first, dict):
        run.add("bundle-first-entry", where, expected=wanted)


def _references(bundle: Resource, rows: list[Json], kind: str, where: Where, run: Run) -> None:
    """In a document and a message what is referenced is brought along, and what is brought along is referenced."""
    container = run.container
    if container is None:
        return
    reached: set[int] = set()
    todo = [rows[0].get("resource")] if rows and isinstance(rows[0], dict) else []
    visited: set[int] = set()
    while todo:
        resource = todo.pop()
        if not isinstance(resource, dict) or id(resource) in visited:
            continue
        visited.add(id(resource))
        reached.add(id(resource))
        for _, holder in holders(resource):
            target = container.find(holder["reference"])
            if target is not None:
                todo.append(target)
    _unreached(rows, reached, where, run)


def _unreached(rows: list[Json], reached: set[int], where: Where, run: Run) -> None:
    """Entries nobody refers to; one that refers to a reached entry belongs to it (Provenance)."""
    for index, row in enumerate(rows):
        resource = row.get("resource") if isinstance(row, dict) else None
        if not isinstance(resource, dict) or id(resource) in reached:
            continue
        backward = run.container is not None and any(
            id(run.container.find(holder["reference"])) in reached for _, holder in holders(resource)
        )
        if not backward:
            run.add("bundle-unreachable", (where, "entry", index), "warning")
