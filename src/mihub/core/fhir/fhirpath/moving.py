"""Dates and times moved by a time-valued quantity.

Above seconds a fraction of the quantity does not count; a value of low precision moves by whole units of it
(30 days a month, 365 a year). Source: FHIRPath 2.0.0 §6.6.7 Date/Time Arithmetic. Above: `operators`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.quantity import WORD_OF_UCUM, Quantity
from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Parts, Time, days_in_month

_SECONDS: Final = {"week": 604800, "day": 86400, "hour": 3600, "minute": 60, "second": 1}
_MONTHS: Final = {"year": 12, "month": 1}
# All milliseconds of the calendar have fewer digits.
_MOST_DIGITS: Final = 18


def moved(value: Date | DateTime | Time, quantity: Quantity, sign: int) -> Date | DateTime | Time | None:
    """The value later (sign 1) or earlier (-1); None beyond the years 1 to 9999. Raises for other units."""
    word = _word(quantity)
    if quantity.value.adjusted() > _MOST_DIGITS:
        return None
    if isinstance(value, Time):
        return _moved_time(value, word, quantity.value * sign)
    try:
        parts = _moved_parts(value.parts, word, quantity.value * sign)
    except (OverflowError, ValueError):
        return None
    return Date(parts) if isinstance(value, Date) else DateTime(parts, value.zone_minutes)


def _word(quantity: Quantity) -> str:
    if quantity.calendar:
        return quantity.unit
    word = WORD_OF_UCUM.get(quantity.unit)
    if word is None:
        raise FhirPathError(
            "A date can be moved by a calendar duration such as '3 months', not by this unit."
        )
    return word


def _seconds(word: str, amount: Decimal) -> Decimal:
    if word == "millisecond":
        return amount / 1000
    return amount if word == "second" else Decimal(int(amount) * _SECONDS[word])


def _moved_parts(parts: Parts, word: str, amount: Decimal) -> Parts:
    if word in _MONTHS:
        return _moved_months(parts, int(amount) * _MONTHS[word])
    seconds = _seconds(word, amount)
    if len(parts) < 3:
        days = int(seconds / 86400)
        return _moved_months(parts, int(days / 365) * 12 if len(parts) == 1 else int(days / 30))
    if len(parts) == 3:
        day = _day(parts) + timedelta(days=int(seconds / 86400))
        return (day.year, day.month, day.day)
    return _moved_clock(parts, seconds)


def _moved_months(parts: Parts, months: int) -> Parts:
    if len(parts) == 1:
        months = int(months / 12) * 12
    year, month = divmod(int(parts[0]) * 12 + (int(parts[1]) - 1 if len(parts) > 1 else 0) + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    if len(parts) == 1:
        return (year,)
    if len(parts) == 2:
        return (year, month + 1)
    return (year, month + 1, min(int(parts[2]), days_in_month(year, month + 1)), *parts[3:])


def _moved_clock(parts: Parts, seconds: Decimal) -> Parts:
    kept = len(parts)
    second = Decimal(parts[5]) if kept == 6 else Decimal(0)
    clock = (*parts[3:5], 0)[:2]
    in_day = Decimal(int(clock[0]) * 3600 + int(clock[1]) * 60) + second + seconds
    days, rest = divmod(int(in_day // 1), 86400)
    day = _day(parts) + timedelta(days=days)
    fraction = in_day - in_day // 1
    moment = datetime(day.year, day.month, day.day) + timedelta(seconds=rest)
    exact = Decimal(moment.second) + (1 + fraction if fraction < 0 else fraction)
    return (day.year, day.month, day.day, moment.hour, moment.minute, exact)[:kept]


def _day(parts: Parts) -> date:
    return date(int(parts[0]), int(parts[1]), int(parts[2]))


def _moved_time(value: Time, word: str, amount: Decimal) -> Time:
    if word in _MONTHS or word in ("week", "day"):
        raise FhirPathError("A time of day can be moved by hours, minutes, seconds and milliseconds only.")
    anchored = _moved_clock((2000, 1, 15, *value.parts), _seconds(word, amount))
    return Time(anchored[3:])
