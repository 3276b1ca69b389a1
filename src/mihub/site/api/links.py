"""Give the resources of a transaction their references: placeholders become addresses, conditions become ids.

A placeholder or condition that leads nowhere is a dangling reference and stops the transaction, naming entry
and element. Source: https://hl7.org/fhir/R4/http.html#trules. Above: `transaction`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.reference import holders, literal
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.errors import Unprocessable

# Type and query to the id of the only match, or None.
FindOne = Callable[[str, str], str | None]


def linked(resource: Resource, full_url: str, addresses: Mapping[str, str], find: FindOne) -> Resource:
    """The resource with final references; the one given stays as it is. Raises `Unprocessable` when one
    dangles.
    """
    found = {path: _target(path, holder, full_url, addresses, find) for path, holder in holders(resource)}
    changed = {path: target for path, target in found.items() if target is not None}
    return _replaced(resource, "", changed) if changed else resource


def _target(
    path: str, holder: Json, full_url: str, addresses: Mapping[str, str], find: FindOne
) -> str | None:
    reference: str = holder["reference"]
    if reference in addresses:
        return addresses[reference]
    if reference.startswith("urn:"):
        raise _dangling(path, "no entry of the bundle has this fullUrl")
    resource_type, mark, query = reference.partition("?")
    if mark and resource_type in RESOURCE_TYPES:
        match = find(resource_type, query)
        if match is None:
            raise _dangling(path, "no resource fits its condition")
        return f"{resource_type}/{match}"
    return _beside(reference, full_url, addresses)


def _beside(reference: str, full_url: str, addresses: Mapping[str, str]) -> str | None:
    """A relative reference is meant at the base of the entry's own fullUrl, when the bundle holds it there."""
    relative, own = literal(reference), literal(full_url)
    if relative is None or relative.base or own is None or not own.base:
        return None
    return addresses.get(f"{own.base}/{relative.relative}")


def _replaced(node: Any, path: str, changed: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        copy = {
            key: _replaced(value, f"{path}.{key}" if path else key, changed) for key, value in node.items()
        }
        if path in changed:
            copy["reference"] = changed[path]
        return copy
    if isinstance(node, list):
        return [_replaced(value, f"{path}[{index}]", changed) for index, value in enumerate(node)]
    return node


def _dangling(path: str, why: str) -> Unprocessable:
    return Unprocessable(
        f"A reference of the bundle leads nowhere: {why}.",
        where=f"resource.{path}.reference",
        rule="https://hl7.org/fhir/R4/http.html#trules",
        next_step="Add the missing entry or correct the reference; nothing of the bundle was written.",
    )
