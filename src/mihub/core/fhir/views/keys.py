"""The functions that views add to FHIRPath: keys to join tables by, and `join` as views define it.

A key is the logical id: of the resource, or of the relative reference `Type/id`. Any other reference (absolute,
contained, urn) has no key: it may belong to somebody else's record. Source: SQL on FHIR v2 §Required Additional
Functions. Importing this file enters them into FHIRPath's table.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.core.fhir.fhirpath.elements import Element, Items
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.functions.strings import join, text
from mihub.core.fhir.fhirpath.scope import Scope
from mihub.core.fhir.types import RESOURCE_TYPES

# What `join` becomes inside of a view: there it gives an empty text for nothing, in FHIRPath nothing.
JOINED: Final = "joinedText"


@function("getResourceKey")
def get_resource_key(scope: Scope, items: Items) -> Items:
    """The key of each resource; nothing for what is no resource."""
    keys = [resource_key(item.value) for item in items if isinstance(item, Element)]
    return [key for key in keys if key is not None]


@function("getReferenceKey", 0, 1)
def get_reference_key(scope: Scope, items: Items, wanted: Items | None = None) -> Items:
    """The key that each reference points to, of one resource type if it is named."""
    kind = text(wanted) if wanted else None
    keys = [reference_key(item.value, kind) for item in items if isinstance(item, Element)]
    return [key for key in keys if key is not None]


@function(JOINED, 0, 1)
def joined_text(scope: Scope, items: Items, separator: Items | None = None) -> Items:
    """As `join`; an empty text when there is nothing to join."""
    return join(scope, items, separator) or [""]


def resource_key(resource: Any) -> str | None:
    """The id of a resource that has one."""
    if not isinstance(resource, dict) or "resourceType" not in resource:
        return None
    found = resource.get("id")
    return found if isinstance(found, str) else None


def reference_key(reference: Any, wanted: str | None = None) -> str | None:
    """The id behind a relative reference; None for any other, and for another type than the wanted one."""
    literal = reference.get("reference") if isinstance(reference, dict) else None
    if literal.__class__ is not str:
        return None
    kind, _, key = literal.partition("/")
    if "/" in key:
        key, history, _ = key.partition("/_history/")
        if not history or "/" in key:
            return None
    if (wanted is not None and kind != wanted) or kind not in RESOURCE_TYPES:
        return None
    return key or None
