"""Functions that run an inner expression per item. Source: FHIRPath 2.0.0 §5.2, §5.8, §7; STU 3.0 sort."""

from __future__ import annotations

from functools import cmp_to_key

from mihub.core.fhir.fhirpath.comparison import compare, contains, type_label
from mihub.core.fhir.fhirpath.elements import Item, Items, system
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.operators import single, truth
from mihub.core.fhir.fhirpath.scope import SMALL, Run, Scope, each

SortKey = tuple[Run, bool]


@function("where", 1, lazy=True)
def where(scope: Scope, items: Items, criteria: Run) -> Items:
    """The items for which the criteria are true."""
    results = each(scope, items, criteria)
    return [item for item, result in zip(items, results, strict=True) if truth(result) is True]


@function("select", 1, lazy=True)
def select(scope: Scope, items: Items, projection: Run) -> Items:
    """What the projection gives for each item, one after the other."""
    results = each(scope, items, projection)
    if len(results) > SMALL:
        scope.spend(sum(map(len, results)))
    return [found for result in results for found in result]


@function("repeat", 1, lazy=True)
def repeat(scope: Scope, items: Items, projection: Run) -> Items:
    """The projection again and again on what it gave, until nothing new comes."""
    found: Items = []
    front = items
    while front:
        results = [item for result in each(scope, front, projection) for item in result]
        front = []
        for item in results:
            scope.spend(len(found))
            if not contains(found, item):
                found.append(item)
                front.append(item)
    return found


@function("repeatAll", 1, lazy=True)
def repeat_all(scope: Scope, items: Items, projection: Run) -> Items:
    """As `repeat`, equal items kept; the step limit ends a circle."""
    found: Items = []
    front = items
    while front:
        front = [item for result in each(scope, front, projection) for item in result]
        found.extend(front)
    return found


@function("aggregate", 1, 2, lazy=True)
def aggregate(scope: Scope, items: Items, aggregator: Run, start: Run | None = None) -> Items:
    """The aggregator over all items, `$total` carried along."""
    before, this, index = scope.total, scope.this, scope.index
    scope.total = start(scope) if start else []
    scope.spend(len(items))
    for scope.index, item in enumerate(items):
        scope.this = [item]
        scope.total = aggregator(scope)
    result = scope.total
    scope.total, scope.this, scope.index = before, this, index
    return result


@function("iif", 2, 3, lazy=True)
def iif(scope: Scope, items: Items, criterion: Run, then: Run, otherwise: Run | None = None) -> Items:
    """One of two branches; the other is not run. The criterion is a Boolean or empty."""
    if len(items) > 1:
        raise FhirPathError(f"iif needs one item at most; there are {len(items)}.")
    this, scope.this = scope.this, items
    result = _branch(scope, criterion, then, otherwise)
    scope.this = this
    return result


def _branch(scope: Scope, criterion: Run, then: Run, otherwise: Run | None) -> Items:
    decided = criterion(scope)
    if len(decided) > 1:
        raise FhirPathError(f"The criterion of iif gives {len(decided)} items; one Boolean is needed.")
    value = system(decided[0]) if decided else False
    if not isinstance(value, bool):
        raise FhirPathError(f"The criterion of iif gives a {type_label(value)}; a Boolean is needed.")
    if value:
        return then(scope)
    return otherwise(scope) if otherwise else []


@function("coalesce", 1, 99, lazy=True)
def coalesce(scope: Scope, items: Items, *choices: Run) -> Items:
    """The first argument that is not empty."""
    for choice in choices:
        found = choice(scope)
        if found:
            return found
    return []


def sort(scope: Scope, items: Items, keys: tuple[SortKey, ...]) -> Items:
    """The items in order: by themselves, or by keys with a direction each; an empty key comes first, either way."""
    if not keys:
        return sorted(items, key=cmp_to_key(_order))
    columns = [(each(scope, items, run), descending) for run, descending in keys]
    places = list(range(len(items)))
    # Least important key first: Python's sort keeps the order of equals.
    for column, descending in reversed(columns):
        _sort_by(places, column, descending)
    return [items[place] for place in places]


def _sort_by(places: list[int], column: list[Items], descending: bool) -> None:
    def order(one: int, other: int) -> int:
        left, right = column[one], column[other]
        if not left or not right:
            return bool(left) - bool(right)
        ascending = _order(single(left), single(right))
        return -ascending if descending else ascending

    places.sort(key=cmp_to_key(order))


def _order(left: Item, right: Item) -> int:
    return compare(left, right) or 0
