"""toX and convertsToX for every System type. Source: FHIRPath 2.0.0 §5.5.

What cannot be converted is empty, never an error. Neighbours: `temporal` and `quantity` read their own texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from mihub.core.fhir.fhirpath.comparison import as_quantity
from mihub.core.fhir.fhirpath.elements import Item, Items
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.operators import single
from mihub.core.fhir.fhirpath.quantity import CALENDAR_WORDS, Quantity, comparable, in_unit_of, literal
from mihub.core.fhir.fhirpath.scope import SMALL, SMALL_TEXT, Scope
from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Time, datetime_from, time_from

_TRUE: Final = frozenset(["true", "t", "yes", "y", "1", "1.0"])
_FALSE: Final = frozenset(["false", "f", "no", "n", "0", "0.0"])
_INTEGER: Final = re.compile(r"[+-]?\d+")
_DECIMAL: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_QUANTITY: Final = re.compile(r"(?P<value>[+-]?\d+(?:\.\d+)?)\s*(?:'(?P<unit>[^']+)'|(?P<word>[a-zA-Z]+))?")
_MAX_INTEGER: Final = 2**31 - 1


def to_boolean(value: Item) -> bool | None:
    """true, t, yes, y, 1, 1.0 and their opposites, in any letter case."""
    if isinstance(value, bool):
        return value
    text = str(value).lower() if isinstance(value, str) else None
    if isinstance(value, int | Decimal):
        text = {Decimal(1): "1", Decimal(0): "0"}.get(Decimal(value))
    return True if text in _TRUE else False if text in _FALSE else None


def to_integer(value: Item) -> int | None:
    """32 bits."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value) and len(value) <= 11:
        number = int(value)
        return number if -_MAX_INTEGER - 1 <= number <= _MAX_INTEGER else None
    return None


def to_decimal(value: Item) -> Decimal | None:
    """Whole numbers and texts of digits, too."""
    if isinstance(value, bool | int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    return None


def to_string(value: Item) -> str | None:
    """The value as an expression writes it, without @ and quotes."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case str() | int() | Date() | DateTime() | Time() | Quantity():
            return str(value)
        case _:
            return None


def to_date(value: Item) -> Date | None:
    """The day of a DateTime; a text of a date or date and time."""
    if isinstance(value, Date):
        return value
    moment = datetime_from(value) if isinstance(value, str) else value
    return Date(moment.parts[:3]) if isinstance(moment, DateTime) else None


def to_datetime(value: Item) -> DateTime | None:
    """A Date keeps its precision."""
    if isinstance(value, Date):
        return DateTime(value.parts)
    moment = datetime_from(value) if isinstance(value, str) else value
    return moment if isinstance(moment, DateTime) else None


def to_time(value: Item) -> Time | None:
    """A text of a time of day."""
    moment = time_from(value.removeprefix("T")) if isinstance(value, str) else value
    return moment if isinstance(moment, Time) else None


def to_quantity(value: Item) -> Quantity | None:
    """Numbers get the unit 1; a text is number and quoted UCUM code or calendar word."""
    if isinstance(value, bool):
        return Quantity(Decimal("1.0") if value else Decimal("0.0"))
    if not isinstance(value, str):
        return as_quantity(value)
    match = _QUANTITY.fullmatch(value)
    if match is None or (match["word"] and match["word"] not in CALENDAR_WORDS):
        return None
    if match["word"]:
        return Quantity(Decimal(match["value"]), CALENDAR_WORDS[match["word"]], True)
    return Quantity(Decimal(match["value"]), match["unit"] or "1")


def in_unit(value: Quantity, unit: str) -> Quantity | None:
    """The quantity in another unit; None when it cannot be expressed in it."""
    target = literal(Decimal(1), unit, False)
    number = in_unit_of(value, target) if comparable(value, target) else None
    return None if number is None else Quantity(number, target.unit, target.calendar)


Convert = Callable[[Item], Item | None]
_TARGETS: Final[dict[str, Convert]] = {
    "Boolean": to_boolean,
    "Integer": to_integer,
    "Long": to_integer,
    "Decimal": to_decimal,
    "String": to_string,
    "Date": to_date,
    "DateTime": to_datetime,
    "Time": to_time,
    "Quantity": to_quantity,
}


def _enter(target: str, convert: Convert) -> None:
    def converted(scope: Scope, items: Items, unit: Items | None = None) -> Items:
        if not items:
            return []
        result = convert(single(items))
        if unit and isinstance(result, Quantity):
            result = in_unit(result, str(single(unit)))
        if result.__class__ is str and len(str(result)) > SMALL_TEXT:
            scope.spend(len(str(result)) // SMALL)
        return [] if result is None else [result]

    def converts(scope: Scope, items: Items, unit: Items | None = None) -> Items:
        return [bool(converted(scope, items, unit))] if items else []

    most = 1 if target == "Quantity" else 0
    function(f"to{target}", 0, most)(converted)
    function(f"convertsTo{target}", 0, most)(converts)


for _target, _convert in _TARGETS.items():
    _enter(_target, _convert)
