"""Functions that look at the tree, the clock, types and FHIR's own: children, now, type, extension, resolve …

Source: FHIRPath 2.0.0 §5.8, §5.9; https://hl7.org/fhir/R4/fhirpath.html#functions; comparable and defineVariable
from STU 3.0. What the outside must answer goes through `Hooks`; nothing is fetched here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mihub.core.fhir.fhirpath import quantity
from mihub.core.fhir.fhirpath.comparison import type_label
from mihub.core.fhir.fhirpath.elements import (
    Element,
    Item,
    Items,
    TypeValue,
    all_children,
    children,
    plain,
    resource_type,
    system,
)
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.functions.strings import text
from mihub.core.fhir.fhirpath.operators import single
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.scope import Run, Scope, each
from mihub.core.fhir.fhirpath.temporal import Date, Time, of_moment

_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"
_SYSTEM_NAMES: dict[type, str] = {bool: "Boolean", int: "Integer", str: "String"}


@function("children")
def children_(scope: Scope, items: Items) -> Items:
    """All elements directly below."""
    found: Items = []
    for item in items:
        if isinstance(item, Element):
            all_children(item, found)
    return found


@function("descendants")
def descendants(scope: Scope, items: Items) -> Items:
    """All elements below, level by level."""
    found: Items = []
    level = children_(scope, items)
    while level:
        scope.spend(len(level))
        found.extend(level)
        level = children_(scope, level)
    return found


@function("type")
def type_(scope: Scope, items: Items) -> Items:
    """Namespace and name of each item's type."""
    return [type_of(item) for item in items]


def type_of(item: Item) -> TypeValue:
    """FHIR for an element, System for a computed value."""
    if isinstance(item, Element):
        return TypeValue("FHIR", item.type.label)
    return TypeValue("System", _SYSTEM_NAMES.get(type(item), type(item).__name__))


@function("trace", 1, 2, lazy=True)
def trace(scope: Scope, items: Items, name: Run, projection: Run | None = None) -> Items:
    """The input as it is; a hook may see it, or its projection."""
    if scope.hooks.trace is not None:
        seen = items
        if projection is not None:
            seen = [found for result in each(scope, items, projection) for found in result]
        scope.hooks.trace(text(name(scope)) or "", [plain(item) for item in seen])
    return items


@function("defineVariable", 1, 2, lazy=True)
def define_variable(scope: Scope, items: Items, name: Run, value: Run | None = None) -> Items:
    """Name the input, or a value computed from it, for the rest of this chain."""
    variable = text(name(scope))
    if variable is None or variable in scope.variables:
        raise FhirPathError("defineVariable needs a name that is not yet in use.")
    found = items
    if value is not None:
        this, scope.this = scope.this, items
        found = value(scope)
        scope.this = this
    scope.variables = {**scope.variables, variable: found}
    return items


def _moment(scope: Scope) -> datetime:
    # One evaluation has one clock reading.
    if scope.now is None:
        scope.now = datetime.now(UTC)
    return scope.now


@function("now")
def now(scope: Scope, items: Items) -> Items:
    """The moment of this evaluation."""
    return [of_moment(_moment(scope))]


@function("today")
def today(scope: Scope, items: Items) -> Items:
    """The day of this evaluation, in the zone of its clock."""
    return [Date(of_moment(_moment(scope)).parts[:3])]


@function("timeOfDay")
def time_of_day(scope: Scope, items: Items) -> Items:
    """The time of this evaluation."""
    return [Time(of_moment(_moment(scope)).parts[3:])]


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


@function("comparable", 1)
def comparable(scope: Scope, items: Items, other: Items) -> Items:
    """Whether one quantity can be expressed in the unit of the other."""
    if not items or not other:
        return []
    left, right = single(items), single(other)
    if not isinstance(left, Quantity) or not isinstance(right, Quantity):
        raise FhirPathError(f"comparable needs quantities; there is a {type_label(left)}.")
    return [quantity.comparable(left, right)]


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
    for entry in resource.get("entry", ()) if resource.get("resourceType") == "Bundle" else ():
        if isinstance(entry, dict) and _is_entry(entry, reference):
            return entry.get("resource")
    if scope.hooks.resolve is not None:
        return scope.hooks.resolve(reference)
    return _stub(scope, reference)


def _contained(resource: dict[str, Any], wanted: str) -> Any:
    if wanted == "":
        return resource
    return next((each for each in resource.get("contained", ()) if each.get("id") == wanted), None)


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
