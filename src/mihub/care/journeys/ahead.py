"""What is next, who is responsible, whom to call: from appointments, tasks and the care team of the care
record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mihub.care.journeys import facts
from mihub.care.journeys.events import Event
from mihub.care.journeys.reading import ReadThrough
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId

# Steps that concern the patient; what the team does among itself is not shown as the patient's next step.
_FOR_PATIENT: Final = ("appointment", "aftercare.visit", "step.referral", "visit")
_DATED: Final = ("appointment.booked", "aftercare.visit")


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing ahead. `member` is where, or empty; `is_late` when its day has passed."""

    kind: str
    name: str
    day: str
    member: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class Responsible:
    """Somebody of the care team: organisation or person, with the role in the team's own words."""

    member: str
    name: str
    role: str


def next_steps(events: Sequence[Event], today: str, *, limit: int = 3) -> list[NextStep]:
    """The next dated things, at most `limit`; what is late comes first."""
    wanted = [
        event for event in events if event.is_planned and event.kind.startswith(_FOR_PATIENT) and event.start
    ]
    steps = [
        NextStep(event.kind, event.name, event.start, event.member, event.start[:10] < today)
        for event in sorted(wanted, key=lambda event: event.start)
        # An appointment that has passed is over; a duty that has passed is late.
        if event.start[:10] >= today or event.kind == "aftercare.visit"
    ]
    return _once_a_day(steps)[:limit]


def care_team(read: ReadThrough) -> list[Responsible]:
    """Who is in the care team, in its order, organisations and people once each."""
    found: dict[tuple[str, str], Responsible] = {}
    for _, team in read.of("CareTeam"):
        if team.get("status", "active") in ("active", "proposed"):
            for entry in map(facts.mapping, facts.items(team.get("participant"))):
                somebody = _responsible(entry)
                if somebody is not None:
                    found.setdefault((somebody.member, somebody.name), somebody)
    return list(found.values())


def responsible_now(team: Sequence[Responsible], steps: Sequence[NextStep]) -> Responsible | None:
    """Who answers for the next step: the team's member where it happens, else the first of the team."""
    for step in steps:
        for somebody in team:
            if somebody.member and somebody.member == step.member:
                return somebody
    return next((somebody for somebody in team if somebody.member), team[0] if team else None)


def appointments(events: Sequence[Event], today: str) -> tuple[list[Event], list[Event], list[Event]]:
    """(booked and coming, to be arranged until a day, past), each in order of time, past newest first."""
    dated = sorted(
        (event for event in events if event.kind in _DATED and event.start), key=lambda event: event.start
    )
    booked = [event for event in dated if event.kind == "appointment.booked"]
    return (
        [event for event in booked if event.start[:10] >= today],
        [event for event in dated if event.kind == "aftercare.visit" and event.is_planned],
        [event for event in reversed(booked) if event.start[:10] < today],
    )


def _responsible(entry: Resource) -> Responsible | None:
    who = facts.mapping(entry.get("member"))
    member, name = facts.member_of(who), str(who.get("display", ""))
    if facts.reference_id(who).startswith("Patient/") or not (member or name):
        return None
    return Responsible(MemberId(member), name, facts.words(entry.get("role")))


def _once_a_day(steps: list[NextStep]) -> list[NextStep]:
    """An appointment and the duty it fulfils on the same day at the same place are one thing."""
    seen: dict[tuple[str, str], NextStep] = {}
    for step in sorted(steps, key=lambda step: (step.day[:10], not step.kind.startswith("appointment"))):
        seen.setdefault((step.day[:10], step.member), step)
    return sorted(seen.values(), key=lambda step: (not step.is_late, step.day))
