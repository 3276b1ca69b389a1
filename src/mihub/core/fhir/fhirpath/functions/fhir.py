"""Functions that FHIR adds: extension, hasValue, resolve, memberOf, conformsTo …

What the outside must answer goes through `Hooks`; nothing is fetched here. Source:
https://hl7.org/fhir/R4/fhirpath.html#functions.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.core.fhir.fhirpath.elements import Element, Item, Items, children, plain, resource_type, system
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.functions.strings import text
from mihub.core.fhir.fhirpath.operators import single
from mihub.core.fhir.fhirpath.scope import Scope

_DEFINITIONS: Final = "http://hl7.org/fhir/StructureDefinition/"


@function("hasValue")
def has_value(scope: Scope, items: Items) -> Items:
    """One primitive that has a value, not only extensions."""
    if len(items) != 1:
        return [False]
    item = items[0]
    return [not isinstance(item, Element) or (item.type.primitive and item.value is not None)]


@function("getValue")
def get_value(scope: Scope, items: Items) -> Items:
    """The System value of one primitive."""
    value = system(items[0]) if len(items) == 1 else None
    return [] if value is None or isinstance(value, Element) else [value]


@function("extension", 1)
def extension(scope: Scope, items: Items, url: Items) -> Items:
    """The extensions with that URL."""
    wanted = text(url)
    found: Items = []
    for item in items:
        if isinstance(item, Element):
            children(item, item.type.step("extension"), found)
    return [each for each in found if _url(each) == wanted]


@function("hasExtension", 1)
def has_extension(scope: Scope, items: Items, url: Items) -> Items:
    """Whether an extension with that URL is there; R4's own search parameters use it."""
    return [bool(extension(scope, items, url))]


def _url(item: Item) -> Any:
    return item.value.get("url") if isinstance(item, Element) and isinstance(item.value, dict) else None


@function("conformsTo", 1)
def conforms_to(scope: Scope, items: Items, url: Items) -> Items:
    """Whether the item conforms to a profile: R4's own types here, others by the hook."""
    canonical = text(url)
    if not items or canonical is None:
        return []
    if len(items) > 1:
        single(items)
    return [_conforms(scope, items[0], canonical)]


def _conforms(scope: Scope, item: Item, canonical: str) -> bool:
    if scope.hooks.conforms_to is not None:
        told = scope.hooks.conforms_to(plain(item), canonical)
        if told is not None:
            return told
    name = canonical.removeprefix(_DEFINITIONS)
    if name == canonical or scope.model.type(name) is None:
        raise FhirPathError("conformsTo names a profile that is not loaded.", next_step="Load its package.")
    return isinstance(item, Element) and item.type.is_a(name)


@function("memberOf", 1)
def member_of(scope: Scope, items: Items, value_set: Items) -> Items:
    """Whether a code is in a value set, by the hook; empty when nobody can tell."""
    canonical = text(value_set)
    if len(items) != 1 or canonical is None or scope.hooks.member_of is None:
        return []
    told = scope.hooks.member_of(plain(items[0]), canonical)
    return [] if told is None else [told]


@function("htmlChecks")
def html_checks(scope: Scope, items: Items) -> Items:
    """Whether a narrative is one XHTML div without active content."""
    return [all(_is_quiet_div(system(item)) for item in items)] if items else []


def _is_quiet_div(value: Item) -> bool:
    if not isinstance(value, str):
        return False
    low = value.strip().lower()
    active = (
        "<script",
        "<object",
        "<iframe",
        "<form",
        "<input",
        "<link",
        "<base",
        "javascript:",
        " onclick",
        " onload",
    )
    return low.startswith("<div") and low.endswith(">") and not any(mark in low for mark in active)


@function("resolve")
def resolve(scope: Scope, items: Items) -> Items:
    """The resources that references or URLs point to: contained, in the same Bundle, or by the hook.

    Without one, `Patient/1` gives a Patient that holds its id only, so that `resolve() is Patient` can be decided.
    """
    found: Items = []
    for item in items:
        reference = _reference(item)
        target = None if reference is None else _target(scope, reference)
        if target is not None:
            found.append(Element(target, resource_type(target, scope.model)))
    return found


def _reference(item: Item) -> str | None:
    value = (
        item.value.get("reference") if isinstance(item, Element) and isinstance(item.value, dict) else None
    )
    if value is None:
        value = system(item)
    return value if isinstance(value, str) else None


def _target(scope: Scope, reference: str) -> Any:
    resource = scope.root.value if isinstance(scope.root.value, dict) else {}
    if reference.startswith("#"):
        return _contained(resource, reference[1:])
    for entry in _objects(resource, "entry"):
        if _is_entry(entry, reference):
            return entry.get("resource")
    if scope.hooks.resolve is not None:
        return scope.hooks.resolve(reference)
    return _stub(scope, reference)


def _contained(resource: dict[str, Any], wanted: str) -> Any:
    if wanted == "":
        return resource
    return next((each for each in _objects(resource, "contained") if each.get("id") == wanted), None)


def _objects(resource: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = resource.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _is_entry(entry: dict[str, Any], reference: str) -> bool:
    url = entry.get("fullUrl")
    if url == reference:
        return True
    return isinstance(url, str) and "://" not in reference and url.endswith(f"/{reference}")


def _stub(scope: Scope, reference: str) -> dict[str, Any] | None:
    parts = reference.partition("/_history/")[0].split("/")
    if len(parts) < 2 or not scope.model.is_resource(parts[-2]):
        return None
    return {"resourceType": parts[-2], "id": parts[-1]}
