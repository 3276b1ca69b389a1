"""The series as an iCalendar file: neutral summaries, nothing about the disease, stable ids.

Text is escaped and lines are folded at 75 octets, never inside a character. Source: RFC 5545 §§ 3.1, 3.3.11,
3.6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: an agreed time, or a whole day (`start` is a date) when none is agreed yet."""

    id: str
    start: date | datetime
    summary: str
    location: str = ""
    minutes: int = 30


def calendar_file(entries: Sequence[Entry], now: datetime) -> bytes:
    """The file; `now` stamps it. Times carry an offset and are written in UTC."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//MiHUB//Aftercare//DE", "CALSCALE:GREGORIAN"]
    for entry in entries:
        lines += _event(entry, now)
    return "".join(f"{folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"]).encode()


def escaped(text: str) -> str:
    """TEXT as RFC 5545 § 3.3.11 writes it; a carriage return alone would end the line and is dropped."""
    slashed = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return slashed.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "")


def folded(line: str) -> str:
    """The line in pieces of at most 75 octets, each following one after a line break and a space."""
    pieces, current, room = [], "", 75
    for character in line:
        size = len(character.encode())
        if size > room:
            pieces.append(current)
            current, room = "", 74
        current, room = current + character, room - size
    return "\r\n ".join([*pieces, current])


def _event(entry: Entry, now: datetime) -> list[str]:
    place = [f"LOCATION:{escaped(entry.location)}"] if entry.location else []
    head = ["BEGIN:VEVENT", f"UID:{escaped(entry.id)}@mihub", f"DTSTAMP:{_utc(now)}"]
    return [*head, *_times(entry), f"SUMMARY:{escaped(entry.summary)}", *place, "CLASS:PRIVATE", "END:VEVENT"]


def _times(entry: Entry) -> list[str]:
    if isinstance(entry.start, datetime):
        end = entry.start + timedelta(minutes=entry.minutes)
        return [f"DTSTART:{_utc(entry.start)}", f"DTEND:{_utc(end)}"]
    following = entry.start + timedelta(days=1)
    return [
        f"DTSTART;VALUE=DATE:{entry.start:%Y%m%d}",
        f"DTEND;VALUE=DATE:{following:%Y%m%d}",
        "TRANSP:TRANSPARENT",
    ]


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
