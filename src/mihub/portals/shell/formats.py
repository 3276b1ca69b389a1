"""Dates, numbers and names as people read them, in German and English; tolerant of partial and odd FHIR
dates.

Nothing here raises on bad data: what cannot be read is shown as it stands, or as an empty text when it is
absent.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from mihub.portals.shell.texts import Language

# The region's clock. Its data comes with the dependencies.
HERE: Final = ZoneInfo("Europe/Berlin")
# A decimal number that stands alone: no part of a code, a date or a version.
_DECIMAL = re.compile(r"(?<![\w.\-])(\d+)\.(\d+)(?![\w.])")
_WHOLE = re.compile(r"(?<=\d)\.0+(?![\w.])")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T(\d{2}):(\d{2}))?.*", re.DOTALL)


def day(value: object, language: Language) -> str:
    """`2026-11-03` as "3. November 2026"; a month or a year alone stays a month or a year."""
    if isinstance(value, date):
        return format_date(value, "d. MMMM y" if language == "de" else "d MMMM y", locale=language)
    match = _PARTIAL.fullmatch(str(value or ""))
    if match is None:
        return str(value or "")
    year, month, number = match[1], match[2], match[3]
    try:
        if number:
            return day(date(int(year), int(month), int(number)), language)
        if month:
            return format_date(date(int(year), int(month), 1), "MMMM y", locale=language)
    except ValueError:
        return str(value)
    return year


def short_day(value: object, language: Language) -> str:
    """`2026-11-03` as "03.11.2026" or "03/11/2026", for tables."""
    text = value.isoformat() if isinstance(value, date) else str(value or "")
    match = _PARTIAL.fullmatch(text)
    if match is None:
        return text
    parts = [part for part in (match[3], match[2], match[1]) if part]
    return (".." if language == "de" else "//")[:1].join(parts)


def moment(value: object, language: Language) -> str:
    """A point in time with the clock: "3. November 2026, 09:30 Uhr"; universal time is shown as local time."""
    text = _local(value.isoformat() if isinstance(value, datetime) else str(value or ""))
    match = _PARTIAL.fullmatch(text)
    if match is None or not match[4]:
        return day(text, language)
    clock = f"{match[4]}:{match[5]}"
    return (
        f"{day(text[:10], language)}, {clock} Uhr"
        if language == "de"
        else f"{day(text[:10], language)}, {clock}"
    )


def _local(text: str) -> str:
    """Programs write universal time; people read the clock on their wall. Other offsets stay as they were
    sent.
    """
    if not text.endswith(("Z", "+00:00")):
        return text
    try:
        return datetime.fromisoformat(text).astimezone(HERE).isoformat()
    except ValueError:
        return text


def weekday(value: object, language: Language) -> str:
    """The name of the day: "Dienstag"."""
    try:
        return format_date(date.fromisoformat(str(value)[:10]), "EEEE", locale=language)
    except ValueError:
        return ""


def number(value: object, language: Language) -> str:
    """A number with the language's decimal mark, at most four decimals; other texts stay."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value if value is not None else "")
    return format_decimal(value, format="#,##0.####", locale=language)


def measured(text: str, language: Language) -> str:
    """A measured value as short text ("13.1 g/dl") with the language's decimal mark; codes and dates stay."""
    whole = _WHOLE.sub("", text)
    return _DECIMAL.sub(r"\1,\2", whole) if language == "de" else whole


def now_text(value: datetime, language: Language) -> str:
    """A timestamp of ours."""
    return format_datetime(value, "medium", locale=language)


def person_name(names: Any) -> str:
    """A FHIR HumanName list as one line: the official or first name that has something to show."""
    entries = [entry for entry in names if isinstance(entry, dict)] if isinstance(names, list) else []
    entries.sort(key=lambda entry: entry.get("use") not in ("official", "usual"))
    for entry in entries:
        given = " ".join(str(part) for part in entry.get("given", ()))
        line = " ".join(part for part in (*entry.get("prefix", ()), given, entry.get("family", "")) if part)
        if line or entry.get("text"):
            return str(entry.get("text") or line)
    return ""
