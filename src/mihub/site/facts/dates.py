"""FHIR dates as the days they may mean: "2024-02" is the whole of February.

A time of day is dropped and its zone not converted: the day written is the day meant. Source: FHIR R4,
datatypes date and dateTime. Above: `extract`.
"""

from __future__ import annotations

import calendar
import re
from datetime import date
from typing import Final

from mihub.core.fhir import Json

Days = tuple[date | None, date | None]
UNKNOWN: Final[Days] = (None, None)
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.*)?)?)?")


def days(value: object) -> Days:
    """First and last day of a date, dateTime, Period or Timing; both None when it says nothing usable."""
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, dict):
        if isinstance(value.get("event"), list):
            return _of_events(value["event"])
        return _of_period(value)
    return UNKNOWN


def _of_text(value: str) -> Days:
    match = _DATE.fullmatch(value)
    if match is None:
        return UNKNOWN
    year, month, day = match.groups()
    try:
        if day:
            exact = date(int(year), int(month), int(day))
            return exact, exact
        if month:
            last = calendar.monthrange(int(year), int(month))[1]
            return date(int(year), int(month), 1), date(int(year), int(month), last)
        return date(int(year), 1, 1), date(int(year), 12, 31)
    except (ValueError, calendar.IllegalMonthError):
        return UNKNOWN


def _of_period(period: Json) -> Days:
    """An open end stays open; an open start is known only at its end."""
    start, end = days(period.get("start"))[0], days(period.get("end"))[1]
    return (start or end), end


def _of_events(events: list[object]) -> Days:
    known = [days(event) for event in events]
    lows, highs = [low for low, _ in known if low], [high for _, high in known if high]
    return (min(lows), max(highs)) if lows and highs else UNKNOWN
