"""Dates and times of any precision as values: Date, DateTime and Time of the System types.

A component that is not given is unknown, not zero. Compares to None where the precision does not decide.
Source: FHIRPath 2.0.0 §Date, §Equals, §Comparison. Above: `comparison`, `moving`, `boundaries`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_TIME: Final = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?")
_ZONE: Final = re.compile(r"Z|[+-]\d\d:\d\d")

# A wall clock without a zone may stand anywhere from UTC+14 to UTC-12.
EARLIEST_ZONE_MINUTES: Final = 14 * 60
LATEST_ZONE_MINUTES: Final = -12 * 60
_ORIGIN: Final = date(1, 1, 1).toordinal()

Parts = tuple[int | Decimal, ...]


@dataclass(frozen=True, slots=True)
class Date:
    """Year, month, day, as many as are known."""

    parts: Parts

    def __str__(self) -> str:
        return _date_text(self.parts)


@dataclass(frozen=True, slots=True)
class Time:
    """Hour, minute, second with its fraction, as many as are known."""

    parts: Parts

    def __str__(self) -> str:
        return _time_text(self.parts)


@dataclass(frozen=True, slots=True)
class DateTime:
    """Date and time parts in one tuple (second with its fraction); `zone_minutes` None when not given."""

    parts: Parts
    zone_minutes: int | None = None

    def __str__(self) -> str:
        if len(self.parts) < 4:
            return _date_text(self.parts)
        return f"{_date_text(self.parts[:3])}T{_time_text(self.parts[3:])}{_zone_text(self.zone_minutes)}"


# The same days and moments return in data; reading one is most of the cost of comparing it.
@lru_cache(maxsize=8192)
def date_from(text: str) -> Date | None:
    """A date as FHIR writes it; None when the text is none or the day does not exist."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    parts = tuple(int(part) for part in match.groups() if part is not None)
    return Date(parts) if _exists(parts) else None


def time_from(text: str) -> Time | None:
    """A time of day without a zone; None when the text is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    parts = _time_parts(match)
    return Time(parts) if _on_the_clock(parts) else None


@lru_cache(maxsize=8192)
def datetime_from(text: str) -> DateTime | None:
    """A date and time of any precision; None when the text is none or does not exist."""
    day_text, _, rest = text.partition("T")
    day = date_from(day_text)
    if day is None:
        return None
    if not rest:
        return DateTime(day.parts)
    zone = _ZONE.search(rest)
    clock = time_from(rest[: zone.start()] if zone else rest)
    if clock is None or len(day.parts) < 3 or (zone and zone.end() != len(rest)):
        return None
    return DateTime(day.parts + clock.parts, _zone_minutes(zone.group()) if zone else None)


# The token of the grammar, or FHIR's type -> what reads its text.
READERS: Final[dict[str, Callable[[str], Date | DateTime | Time | None]]] = {
    "date": date_from,
    "datetime": datetime_from,
    "dateTime": datetime_from,
    "instant": datetime_from,
    "time": time_from,
}


def of_moment(moment: datetime) -> DateTime:
    """A clock reading to the millisecond."""
    offset = moment.utcoffset()
    second = Decimal(moment.second * 1000 + moment.microsecond // 1000).scaleb(-3)
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, second)
    return DateTime(parts, None if offset is None else int(offset.total_seconds() // 60))


def order(left: Date | DateTime | Time, right: Date | DateTime | Time) -> int | None:
    """-1, 0 or 1; None when the precision or a missing zone leaves it open."""
    left_zone, right_zone = _zone(left), _zone(right)
    if left_zone != right_zone:
        if left_zone is not None and right_zone is not None:
            return order_parts(_in_utc(left.parts, left_zone), _in_utc(right.parts, right_zone))
        return _order_spans(left, right)
    return order_parts(left.parts, right.parts)


def order_parts(left: Parts, right: Parts) -> int | None:
    """Component by component; None when one side ends before a difference shows."""
    for one, other in zip(left, right, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(left) == len(right) else None


def days_in_month(year: int, month: int) -> int:
    """28 to 31, Gregorian."""
    if month == 12:
        return 31
    return (date(year, month + 1, 1) - timedelta(days=1)).day


def seconds_since_origin(parts: Parts, zone_minutes: int, *, last: bool = False) -> Decimal:
    """The first, or last, instant the parts can mean, in seconds; missing parts are filled up."""
    year, month, day, hour, minute, second = filled(parts, last=last)
    days = date(int(year), int(month), int(day)).toordinal() - _ORIGIN
    return Decimal(days * 86400 + int(hour) * 3600 + (int(minute) - zone_minutes) * 60) + second


def filled(parts: Parts, *, last: bool) -> Parts:
    """All six parts: the given ones, then the first or the last possible."""
    year = int(parts[0])
    month = int(parts[1]) if len(parts) > 1 else (12 if last else 1)
    day = days_in_month(year, month) if last else 1
    rest: Parts = (day, 23, 59, Decimal("59.999")) if last else (day, 0, 0, Decimal("0.000"))
    return (year, month, *parts[2:], *rest[max(len(parts) - 2, 0) :])


def _zone(value: Date | DateTime | Time) -> int | None:
    # Only a value that reaches into the day has a zone that matters.
    return value.zone_minutes if isinstance(value, DateTime) and len(value.parts) > 3 else None


def _in_utc(parts: Parts, zone_minutes: int) -> Parts:
    if len(parts) < 5:
        parts = (*parts, 0)[:5]
    wall = datetime(*(int(part) for part in parts[:5]))  # type: ignore[arg-type]  # five numbers, as sliced
    try:
        wall -= timedelta(minutes=zone_minutes)
    except OverflowError:
        return parts
    return (wall.year, wall.month, wall.day, wall.hour, wall.minute, *parts[5:])


def _order_spans(left: Date | DateTime | Time, right: Date | DateTime | Time) -> int | None:
    left_low, left_high = _span(left)
    right_low, right_high = _span(right)
    if left_high < right_low:
        return -1
    return 1 if left_low > right_high else None


def _span(value: Date | DateTime | Time) -> tuple[Decimal, Decimal]:
    zone = _zone(value)
    first, last = (EARLIEST_ZONE_MINUTES, LATEST_ZONE_MINUTES) if zone is None else (zone, zone)
    return seconds_since_origin(value.parts, first), seconds_since_origin(value.parts, last, last=True)


def _exists(parts: Sequence[int]) -> bool:
    year, month, day = (*parts, 1, 1)[:3]
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= days_in_month(year, month)


def _on_the_clock(parts: Parts) -> bool:
    return all(part < limit for part, limit in zip(parts, (24, 60, 60), strict=False))


def _time_parts(match: re.Match[str]) -> Parts:
    hour, minute, second = match.groups()
    parts: list[int | Decimal] = [int(part) for part in (hour, minute) if part is not None]
    if second is not None:
        parts.append(Decimal(second))
    return tuple(parts)


def _zone_minutes(text: str) -> int:
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def _date_text(parts: Parts) -> str:
    return "-".join(f"{int(part):0{4 if i == 0 else 2}d}" for i, part in enumerate(parts[:3]))


def _time_text(parts: Parts) -> str:
    return ":".join(_two_digits(part) for part in parts)


def _two_digits(part: int | Decimal) -> str:
    text = f"{part:f}" if isinstance(part, Decimal) else str(part)
    return text if len(text.partition(".")[0]) == 2 else f"0{text}"


def _zone_text(zone_minutes: int | None) -> str:
    if zone_minutes is None:
        return ""
    if zone_minutes == 0:
        return "Z"
    hours, minutes = divmod(abs(zone_minutes), 60)
    return f"{'-' if zone_minutes < 0 else '+'}{hours:02d}:{minutes:02d}"
