"""lowBoundary, highBoundary and precision: what a value of limited precision may stand for.

A boundary is always a bound: it is rounded outwards where the asked precision is coarser than the value's.
Source: FHIRPath STU 3.0 §Utility functions. Neighbours: `temporal`.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Final

from mihub.core.fhir.fhirpath.comparison import type_label
from mihub.core.fhir.fhirpath.elements import Element, Item, Items
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.functions.subsetting import integer
from mihub.core.fhir.fhirpath.operators import single
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.scope import Scope
from mihub.core.fhir.fhirpath.temporal import (
    EARLIEST_ZONE_MINUTES,
    LATEST_ZONE_MINUTES,
    Date,
    DateTime,
    Parts,
    Time,
    filled,
)

DEFAULT_DIGITS: Final = 8
MAX_DIGITS: Final = 28
MAX_MAGNITUDE: Final = 1_000
_DAY_DIGITS: Final = (4, 6, 8)
_CLOCK_DIGITS: Final = (2, 4, 9)
_MOMENT_DIGITS: Final = (4, 6, 8, 10, 12, 17)


def _boundary(items: Items, precision: Items | None, high: bool) -> Items:
    if not items:
        return []
    value = single(items)
    digits = integer(precision) if precision else None
    found = _of(value, digits, high)
    return [] if found is None else [found]


def _of(value: Item, digits: int | None, high: bool) -> Item | None:
    match value:
        case bool():
            raise _unfit(value)
        case int() | Decimal():
            return _number(Decimal(value), DEFAULT_DIGITS if digits is None else digits, high)
        case Quantity(value=number, unit=unit, calendar=calendar):
            bound = _number(number, DEFAULT_DIGITS if digits is None else digits, high)
            return None if bound is None else Quantity(bound, unit, calendar)
        case Date(parts=parts):
            cut = _cut(parts, _DAY_DIGITS, 8 if digits is None else digits, high)
            return None if cut is None else Date(cut)
        case DateTime():
            return _moment(value, 17 if digits is None else digits, high)
        case Time(parts=parts):
            cut = _cut((2000, 1, 1, *parts), _MOMENT_DIGITS, 8 + (9 if digits is None else digits), high)
            return None if cut is None or len(cut) < 4 else Time(cut[3:])
        case Element() if value.type.primitive:
            return None
        case _:
            raise _unfit(value)


def _unfit(value: Item) -> FhirPathError:
    return FhirPathError(f"A {type_label(value)} has no boundary.")


def _number(value: Decimal, digits: int, high: bool) -> Decimal | None:
    exponent = value.as_tuple().exponent
    if not 0 <= digits <= MAX_DIGITS or not isinstance(exponent, int) or value.adjusted() > MAX_MAGNITUDE:
        return None
    half = Decimal(5).scaleb(min(exponent, 0) - 1)
    with localcontext() as context:
        context.prec = max(value.adjusted(), 0) - min(exponent, 0) + MAX_DIGITS + 5
        bound = value + half if high else value - half
        return bound.quantize(Decimal(1).scaleb(-digits), ROUND_CEILING if high else ROUND_FLOOR)


def _cut(parts: Parts, steps: tuple[int, ...], digits: int, high: bool) -> Parts | None:
    if digits not in steps:
        return None
    whole = filled(parts, last=high)
    if len(parts) == 6 and digits == 17:
        whole = (*whole[:5], _to_the_millisecond(Decimal(parts[5]), high))
    return whole[: steps.index(digits) + 1]


def _to_the_millisecond(second: Decimal, high: bool) -> Decimal:
    exponent = second.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    if places >= 3:
        return second.quantize(Decimal("0.001"), ROUND_FLOOR)
    step = Decimal(1).scaleb(-places)
    return (second + step - Decimal("0.001") if high else second).quantize(Decimal("0.001"))


def _moment(value: DateTime, digits: int, high: bool) -> DateTime | None:
    parts = _cut(value.parts, _MOMENT_DIGITS, digits, high)
    if parts is None:
        return None
    zone = value.zone_minutes
    if zone is None and len(parts) > 3:
        zone = LATEST_ZONE_MINUTES if high else EARLIEST_ZONE_MINUTES
    return DateTime(parts, zone if len(parts) > 3 else None)


@function("lowBoundary", 0, 1)
def low_boundary(scope: Scope, items: Items, precision: Items | None = None) -> Items:
    """The least value this may stand for."""
    return _boundary(items, precision, high=False)


@function("highBoundary", 0, 1)
def high_boundary(scope: Scope, items: Items, precision: Items | None = None) -> Items:
    """The greatest value this may stand for."""
    return _boundary(items, precision, high=True)


@function("precision")
def precision_(scope: Scope, items: Items) -> Items:
    """Digits: after the point for numbers, of the given components for dates and times."""
    if not items:
        return []
    match single(items):
        case bool():
            raise _unfit(True)
        case int() | Decimal() as number:
            exponent = Decimal(number).as_tuple().exponent
            return [max(0, -exponent)] if isinstance(exponent, int) else []
        case Date(parts=parts) | DateTime(parts=parts):
            return [_digits(parts, _MOMENT_DIGITS, 14)]
        case Time(parts=parts):
            return [_digits(parts, _CLOCK_DIGITS, 6)]
        case Element() as element if element.type.primitive:
            return []
        case other:
            raise _unfit(other)


def _digits(parts: Parts, steps: tuple[int, ...], whole_second: int) -> int:
    last = parts[-1]
    if len(parts) == len(steps) and isinstance(last, Decimal) and last == last.to_integral_value():
        exponent = last.as_tuple().exponent
        return whole_second if exponent == 0 else steps[-1]
    return steps[len(parts) - 1]
