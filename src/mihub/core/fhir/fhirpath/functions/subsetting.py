"""Functions that pick items by place or join collections. Source: FHIRPath 2.0.0 §5.3, §5.4."""

from __future__ import annotations

from mihub.core.fhir.fhirpath.comparison import contains, distinct, type_label
from mihub.core.fhir.fhirpath.elements import Items
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.operators import single
from mihub.core.fhir.fhirpath.scope import Scope


@function("single")
def single_(scope: Scope, items: Items) -> Items:
    """The only item; several raise."""
    if items:
        single(items)
    return items


@function("first")
def first(scope: Scope, items: Items) -> Items:
    """The first item, if any."""
    return items[:1]


@function("last")
def last(scope: Scope, items: Items) -> Items:
    """The last item, if any."""
    return items[-1:]


@function("tail")
def tail(scope: Scope, items: Items) -> Items:
    """All but the first."""
    return items[1:]


@function("skip", 1)
def skip(scope: Scope, items: Items, number: Items) -> Items:
    """All but the first so many."""
    return items[max(0, integer(number)) :] if number else []


@function("take", 1)
def take(scope: Scope, items: Items, number: Items) -> Items:
    """The first so many."""
    return items[: max(0, integer(number))] if number else []


@function("intersect", 1)
def intersect(scope: Scope, items: Items, other: Items) -> Items:
    """The items that both have, each once."""
    scope.spend(len(items) * len(other))
    return distinct([item for item in items if contains(other, item)], scope.spend)


@function("exclude", 1)
def exclude(scope: Scope, items: Items, other: Items) -> Items:
    """The items that the other has not, order and repetition kept."""
    scope.spend(len(items) * len(other))
    return [item for item in items if not contains(other, item)]


@function("union", 1)
def union(scope: Scope, items: Items, other: Items) -> Items:
    """Both, each item once."""
    return distinct([*items, *other], scope.spend)


@function("combine", 1, 2)
def combine(scope: Scope, items: Items, other: Items, preserve_order: Items | None = None) -> Items:
    """Both, repetition kept; always in order."""
    return [*items, *other]


def at(items: Items, index: Items) -> Items:
    """The item at that place, counted from 0; empty beyond the ends."""
    if not index:
        return []
    place = integer(index)
    return items[place : place + 1] if place >= 0 else []


def integer(items: Items) -> int:
    """The only item as a whole number. Raises for anything else."""
    value = single(items)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FhirPathError(f"An Integer is needed here; there is a {type_label(value)}.")
    return value
