"""Cases that wait for the next session: registered, nothing decided, not disclosed to the patient yet.

For tumours diagnosed within days and not yet discussed. Shape: care.tumour_board.registration. Neighbour:
`board`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mihub.synth.calendar import instant
from mihub.synth.care_record.board_hosts import BOARDS
from mihub.synth.events import Board, TumourCourse
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, member_reference
from mihub.synth.life import Life
from mihub.synth.members import BY_ID

_RECENT_DAYS = 16
_NOT_TO_PATIENT = {"system": f"{url.TERMINOLOGY}/v3-ActCode", "code": "NOPAT"}


def write_registration(chart: Chart, life: Life, tumour: TumourCourse, today: date) -> None:
    """One registered case; not for the special people, who are registered in the walk."""
    waits = tumour.diagnosis.day >= today - timedelta(days=_RECENT_DAYS)
    if life.story or life.death or not waits or any(isinstance(event, Board) for event in tumour.events):
        return
    host = "dresden" if tumour.entity == "lung" else tumour.diagnosis.hospital
    if host == "dresden" and tumour.entity != "lung":
        return
    session = today + timedelta(days=(BOARDS[host].weekday - today.weekday()) % 7)
    _write(chart, tumour, host, session, today)


@dataclass(frozen=True, slots=True)
class _Registration:
    case: str
    key: str
    host: str
    session: date
    authored: str
    sender: dict[str, Any]


_QUESTION = "Welche Behandlung zuerst?"


def _write(chart: Chart, tumour: TumourCourse, host: str, session: date, today: date) -> None:
    found, key = tumour.diagnosis, f"{chart.record.id}-next"
    sender: dict[str, Any] = member_reference(found.hospital)
    sender["display"] = BY_ID[found.hospital].person("oncologist").name
    authored = instant(min(today, found.day + timedelta(days=1)), 10)
    given = _Registration(f"board-{key}", key, host, session, authored, sender)
    _request(chart, given)
    _plan(chart, given)
    _task(chart, given)


def _request(chart: Chart, given: _Registration) -> None:
    board = BOARDS[given.host]
    chart.put(
        "ServiceRequest",
        given.case,
        status="active",
        intent="order",
        code=concept(f"{url.OWN}/CodeSystem/board", board.id, text=board.name),
        subject=chart.patient,
        occurrenceDateTime=given.session.isoformat(),
        authoredOn=given.authored,
        requester=given.sender,
        performer=[member_reference(given.host)],
        note=[{"text": _QUESTION}],
    )


def _plan(chart: Chart, given: _Registration) -> None:
    """The empty draft that the board fills."""
    kind = f"{url.MII}/ext/modul-onko/CodeSystem/mii-cs-onko-therapieplanung-typ"
    chart.put(
        "CarePlan",
        given.case,
        url.BOARD,
        extension=[{"url": f"{url.OWN}/StructureDefinition/board", "valueString": BOARDS[given.host].id}],
        identifier=[{"system": f"{url.OWN}/sid/board-case", "value": given.key}],
        status="draft",
        intent="plan",
        category=[concept(kind, "praeth")],
        subject=chart.patient,
        created=given.session.isoformat(),
        supportingInfo=[{"reference": f"ServiceRequest/{given.case}"}],
    )
    chart.latest["meta"]["security"] = [*chart.latest["meta"]["security"], _NOT_TO_PATIENT]


def _task(chart: Chart, given: _Registration) -> None:
    session = f"{BOARDS[given.host].id}/{given.session.isoformat()}"
    completeness = f"{chart.dice.whole(7, 12)}/13"
    chart.put(
        "Task",
        given.case,
        identifier=[{"system": f"{url.OWN}/sid/board-case", "value": given.key}],
        groupIdentifier={"system": f"{url.OWN}/sid/board-session", "value": session},
        basedOn=[{"reference": f"ServiceRequest/{given.case}"}],
        status="requested",
        intent="order",
        code=concept(url.TASK, "board-case"),
        description=_QUESTION,
        focus={"reference": f"CarePlan/{given.case}"},
        **{"for": chart.patient},
        executionPeriod={"start": given.session.isoformat()},
        authoredOn=given.authored,
        requester=given.sender,
        owner=member_reference(given.host),
        input=[{"type": {"text": "completeness"}, "valueString": completeness}],
    )
