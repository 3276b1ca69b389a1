"""From events to a place on a pathway: chooses the pathway by diagnosis and hands its facts to
`core.journey`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from mihub.care.journeys.events import Event
from mihub.core.journey import Fact, Journey, Pathway, compute, parse_pathway

FOLDER: Final = Path(__file__).resolve().parents[2] / "content" / "pathways"


@cache
def pathways() -> tuple[Pathway, ...]:
    """All pathways of this installation; the ones for a single disease come first."""
    files = sorted(FOLDER.glob("*.yaml"))
    found = [parse_pathway(yaml.safe_load(path.read_text(encoding="utf-8")), path.name) for path in files]
    return tuple(sorted(found, key=lambda pathway: len(pathway.applies_to)))


def course_of(events: Sequence[Event], today: date) -> Journey | None:
    """Where this person stands; None when no pathway fits any diagnosis."""
    kinds = {event.kind for event in events}
    pathway = next((known for known in pathways() if kinds & set(known.applies_to)), None)
    return compute(pathway, _facts(events), today) if pathway else None


def _facts(events: Iterable[Event]) -> list[Fact]:
    return [
        Fact(event.kind, _day(event.start), f"{event.member}/{event.source}", event.is_planned)
        for event in events
    ]


def _day(text: str) -> date | None:
    """The day, or the first day of a month or year that is all that is known; None when unreadable."""
    padded = (text[:10] + "-01-01")[:10] if len(text) == 4 else (text[:10] + "-01")[:10]
    try:
        return date.fromisoformat(padded)
    except ValueError:
        return None
