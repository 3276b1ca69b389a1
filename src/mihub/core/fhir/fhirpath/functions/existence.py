"""Existence functions: is there anything, and does it hold for all. Source: FHIRPath 2.0.0 §5.1."""

from __future__ import annotations

from mihub.core.fhir.fhirpath.comparison import contains, distinct, type_label
from mihub.core.fhir.fhirpath.elements import Items, system
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.operators import answer, truth
from mihub.core.fhir.fhirpath.scope import Run, Scope, each


@function("empty")
def empty(scope: Scope, items: Items) -> Items:
    """True for an empty collection."""
    return [not items]


@function("exists", 0, 1, lazy=True)
def exists(scope: Scope, items: Items, criteria: Run | None = None) -> Items:
    """True when an item is there that meets the criteria."""
    if criteria is None:
        return [bool(items)]
    return [any(truth(result) is True for result in each(scope, items, criteria))]


@function("all", 1, lazy=True)
def all_(scope: Scope, items: Items, criteria: Run) -> Items:
    """True when every item meets the criteria, also when there is none."""
    return [all(truth(result) is True for result in each(scope, items, criteria))]


def _booleans(items: Items) -> list[bool]:
    values = [system(item) for item in items]
    for value in values:
        if not isinstance(value, bool):
            raise FhirPathError(f"Booleans are needed here; there is a {type_label(value)}.")
    return [value is True for value in values]


@function("allTrue")
def all_true(scope: Scope, items: Items) -> Items:
    """Every Boolean is true."""
    return [all(_booleans(items))]


@function("anyTrue")
def any_true(scope: Scope, items: Items) -> Items:
    """Some Boolean is true."""
    return [any(_booleans(items))]


@function("allFalse")
def all_false(scope: Scope, items: Items) -> Items:
    """Every Boolean is false."""
    return [not any(_booleans(items))]


@function("anyFalse")
def any_false(scope: Scope, items: Items) -> Items:
    """Some Boolean is false."""
    return [not all(_booleans(items))]


@function("subsetOf", 1)
def subset_of(scope: Scope, items: Items, other: Items) -> Items:
    """Every item is among the others."""
    scope.spend(len(items) * len(other))
    return [all(contains(other, item) for item in items)]


@function("supersetOf", 1)
def superset_of(scope: Scope, items: Items, other: Items) -> Items:
    """Every other item is among these."""
    scope.spend(len(items) * len(other))
    return [all(contains(items, item) for item in other)]


@function("count")
def count(scope: Scope, items: Items) -> Items:
    """How many."""
    return [len(items)]


@function("distinct")
def distinct_(scope: Scope, items: Items) -> Items:
    """Each once."""
    return distinct(items, scope.spend)


@function("isDistinct")
def is_distinct(scope: Scope, items: Items) -> Items:
    """No item twice."""
    return [len(distinct(items, scope.spend)) == len(items)]


@function("not")
def not_(scope: Scope, items: Items) -> Items:
    """The opposite; empty stays empty."""
    value = truth(items)
    return answer(None if value is None else not value)
