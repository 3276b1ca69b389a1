"""Days and clock times of the region, written as FHIR writes them, without a time-zone database.

Central European time: summer time from the last Sunday of March to the last Sunday of October (Directive
2000/84/EC).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache


@lru_cache(maxsize=256)
def _summer(year: int) -> tuple[date, date]:
    return _last_sunday(year, 3), _last_sunday(year, 10)


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def instant(day: date, hour: int, minute: int = 0) -> str:
    """A moment of that day, local time with its offset."""
    begin, end = _summer(day.year)
    offset = "+02:00" if begin <= day < end else "+01:00"
    return f"{day.isoformat()}T{hour:02d}:{minute:02d}:00{offset}"


def years_before(day: date, years: int) -> date:
    """The same day some years earlier; 29 February becomes 28."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def add_months(day: date, months: int) -> date:
    """The same day of the month some months later, or the month's 28th when that day may not exist."""
    month = day.month - 1 + months
    return date(day.year + month // 12, month % 12 + 1, min(day.day, 28))


def age_on(birth: date, day: date) -> int:
    """Completed years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def weekday_from(day: date) -> date:
    """The day itself, or Monday when it falls on a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() > 4 else day
