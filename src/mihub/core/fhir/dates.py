"""Partial dates as what they mean: the instants from `low` up to, not including, `high`.

A date without a zone is meant where the site stands, so the zone is a parameter: read as UTC, midnight in
Germany would fall out of its own year. Source: https://hl7.org/fhir/R4/datatypes.html#dateTime,
search.html#date.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mihub.errors import ConfigurationError, InvalidInput

Span = tuple[datetime, datetime]

EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)
# Stands for "without end" in many systems; it has no following day.
_LAST_DAY: Final = datetime(9999, 12, 31)

_FORM: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)


def zone(name: str) -> tzinfo:
    """The time zone with this IANA name. Raises `ConfigurationError` when the computer does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigurationError(
            f"This computer does not know the time zone {name}.",
            rule="IANA time zone names",
            next_step="Install the system package tzdata, or correct the setting time_zone.",
        ) from error


@lru_cache(maxsize=65536)
def span(value: str, local: tzinfo) -> Span:
    """The instants that a FHIR date, dateTime or instant covers, in UTC. Raises `InvalidInput`; names no
    value.
    """
    match = _FORM.fullmatch(value)
    if match is None:
        raise _invalid()
    try:
        low, high = _moment(match, local) if match[4] else _days(match, local)
    except (ValueError, OverflowError) as error:
        raise _invalid() from error
    return max(low, EARLIEST), max(min(high, LATEST), EARLIEST)


def period(start: object, end: object, local: tzinfo) -> Span:
    """The instants of a Period; an open side reaches to the end of time."""
    low = span(start, local)[0] if isinstance(start, str) else EARLIEST
    high = span(end, local)[1] if isinstance(end, str) else LATEST
    return low, high


def _days(match: re.Match[str], local: tzinfo) -> Span:
    first = datetime(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    if match[3]:
        following = first + timedelta(days=1) if first < _LAST_DAY else first
    elif match[2]:
        following = (
            (first + timedelta(days=31)).replace(day=1) if first.date() < date(9999, 12, 1) else _LAST_DAY
        )
    else:
        following = first.replace(year=first.year + 1) if first.year < 9999 else _LAST_DAY
    return _instant(first, local), _instant(following, local)


def _instant(wall: datetime, local: tzinfo) -> datetime:
    if wall.year == 1:
        return EARLIEST
    return wall.replace(tzinfo=local).astimezone(UTC) if wall.date() < LATEST.date() else LATEST


def _moment(match: re.Match[str], local: tzinfo) -> Span:
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    # A leap second is read as the last second of its minute.
    wall = datetime(
        int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59),
        int((fraction or "0")[:6].ljust(6, "0")), tzinfo=_offset(offset) if offset else local,
    )  # fmt: skip
    if wall.date() >= LATEST.date():
        return LATEST, LATEST
    low = wall.astimezone(UTC)
    return low, low + _width(second, fraction)


def _width(second: str | None, fraction: str | None) -> timedelta:
    if second is None:
        return timedelta(minutes=1)
    if fraction is None:
        return timedelta(seconds=1)
    return timedelta(microseconds=10 ** max(0, 6 - len(fraction)))


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _invalid() -> InvalidInput:
    return InvalidInput(
        "A date is not written as FHIR writes dates.",
        rule="FHIR R4 dateTime: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a zone",
        next_step="Correct the date.",
    )
