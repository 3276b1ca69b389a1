"""Functions that look at the tree, at types, at the clock and at variables.

Source: FHIRPath 2.0.0 §5.8, §5.9; comparable and defineVariable from STU 3.0. Neighbours: `fhir` beside it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mihub.core.fhir.fhirpath import quantity
from mihub.core.fhir.fhirpath.comparison import type_label
from mihub.core.fhir.fhirpath.elements import (
    Element,
    Item,
    Items,
    TypeValue,
    all_children,
    plain,
)
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.functions.strings import text
from mihub.core.fhir.fhirpath.operators import single
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.scope import CONSTANTS, Run, Scope, each
from mihub.core.fhir.fhirpath.temporal import Date, Time, of_moment

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
    if variable is None or variable in scope.variables or variable in CONSTANTS:
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


@function("comparable", 1)
def comparable(scope: Scope, items: Items, other: Items) -> Items:
    """Whether one quantity can be expressed in the unit of the other."""
    if not items or not other:
        return []
    left, right = single(items), single(other)
    if not isinstance(left, Quantity) or not isinstance(right, Quantity):
        raise FhirPathError(f"comparable needs quantities; there is a {type_label(left)}.")
    return [quantity.comparable(left, right)]
