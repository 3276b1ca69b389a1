"""Functions on numbers, and sums over them. Source: FHIRPath 2.0.0 §5.7; sum, min, max, avg from STU 3.0.

Results that are no real number are empty. Roots, powers and logarithms are computed in 28 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, DecimalException
from functools import reduce
from math import ceil, floor

from mihub.core.fhir.fhirpath.comparison import compare, round_decimal, type_label
from mihub.core.fhir.fhirpath.elements import Element, Item, Items, system
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.functions.subsetting import integer
from mihub.core.fhir.fhirpath.operators import MAX_INTEGER_DIGITS, OPERATORS, in_range, single, whole
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.scope import SMALL, Scope


def _decimal(items: Items) -> Decimal | None:
    value = single(items) if items else None
    if value is None or (isinstance(value, Element) and value.type.primitive):
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise FhirPathError(f"A number is needed here; there is a {type_label(value)}.")
    return Decimal(value)


def _on_number(name: str, count: int, body: Callable[..., Item | None]) -> None:
    def run(scope: Scope, items: Items, *arguments: Items) -> Items:
        values = [_decimal(each) for each in (items, *arguments)]
        if any(value is None for value in values):
            return []
        try:
            result = body(*values)
        except (DecimalException, OverflowError):
            return []
        return [] if result is None else [result]

    function(name, count)(run)


def _sqrt(value: Decimal) -> Decimal | None:
    return None if value < 0 else value.sqrt()


def _ln(value: Decimal) -> Decimal | None:
    return None if value <= 0 else value.ln()


def _log(value: Decimal, base: Decimal) -> Decimal | None:
    if value <= 0 or base <= 0 or base == 1:
        return None
    # One digit less than computed, so that 16.log(2) is 4.
    return round_decimal(value.ln() / base.ln(), 26)


def _rounded(rounding: Callable[[Decimal], int]) -> Callable[[Decimal], Item | None]:
    return lambda value: None if value.adjusted() > MAX_INTEGER_DIGITS else in_range(rounding(value))


_on_number("ceiling", 0, _rounded(ceil))
_on_number("floor", 0, _rounded(floor))
_on_number("truncate", 0, whole)
_on_number("exp", 0, lambda value: value.exp())
_on_number("ln", 0, _ln)
_on_number("log", 1, _log)
_on_number("sqrt", 0, _sqrt)


@function("power", 1)
def power(scope: Scope, items: Items, exponent: Items) -> Items:
    """Whole numbers stay whole."""
    base, times = _decimal(items), _decimal(exponent)
    if base is None or times is None:
        return []
    try:
        result = base**times
    except (DecimalException, OverflowError):
        return []
    if not (isinstance(single(items), int) and isinstance(single(exponent), int) and times >= 0):
        return [result]
    number = whole(result)
    return [] if number is None else [number]


@function("round", 0, 1)
def round_(scope: Scope, items: Items, precision: Items | None = None) -> Items:
    """Half away from zero, to so many digits after the point."""
    value = _decimal(items)
    places = integer(precision) if precision else 0
    if places < 0:
        raise FhirPathError("round needs a precision of 0 or more.")
    return [] if value is None else [round_decimal(value, places)]


@function("abs")
def abs_(scope: Scope, items: Items) -> Items:
    """Without its sign."""
    value = single(items) if items else None
    if isinstance(value, Quantity):
        return [Quantity(abs(value.value), value.unit, value.calendar)]
    if _decimal(items) is None:
        return []
    return [abs(value)] if isinstance(value, int | Decimal) else []


def _total(scope: Scope, items: Items) -> Items:
    scope.spend(len(items))
    if items and all(item.__class__ is str for item in items):
        scope.spend(sum(len(str(item)) for item in items) // SMALL)
        return ["".join(str(item) for item in items)]
    return reduce(OPERATORS["+"], ([item] for item in items[1:]), items[:1])


@function("sum")
def sum_(scope: Scope, items: Items) -> Items:
    """All added up; empty for none."""
    return _total(scope, items)


@function("avg")
def avg(scope: Scope, items: Items) -> Items:
    """The mean; empty for none."""
    return OPERATORS["/"](_total(scope, items), [Decimal(len(items))]) if items else []


def _extreme(items: Items, wanted: int) -> Items:
    best = items[:1]
    for item in items[1:]:
        order = compare(item, best[0])
        if order is None:
            return []
        best = [item] if order == wanted else best
    return [system(best[0])] if best else []


@function("min")
def min_(scope: Scope, items: Items) -> Items:
    """The least; empty for none or where the order is open."""
    return _extreme(items, -1)


@function("max")
def max_(scope: Scope, items: Items) -> Items:
    """The greatest; empty for none or where the order is open."""
    return _extreme(items, 1)
