"""Cases that wait for the next session: registered, nothing decided, not disclosed to the patient yet.

For tumours diagnosed within days and not yet discussed. Shape: care.tumour_board.registration. Neighbour:
`board`.
"""

from __future__ import annotations

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


def _write(chart: Chart, tumour: TumourCourse, host: str, session: date, today: date) -> None:
    key = f"{chart.record.id}-next"
    case, board = f"board-{key}", BOARDS[host]
    found = tumour.diagnosis
    sender: dict[str, Any] = member_reference(found.hospital)
    sender["display"] = BY_ID[found.hospital].person("oncologist").name
    registered = instant(min(today, found.day + timedelta(days=1)), 10)
    question = "Welche Behandlung zuerst?"
    chart.put(
        "ServiceRequest",
        case,
        status="active",
        intent="order",
        code=concept(f"{url.OWN}/CodeSystem/board", board.id, text=board.name),
        subject=chart.patient,
        occurrenceDateTime=session.isoformat(),
        authoredOn=registered,
        requester=sender,
        performer=[member_reference(host)],
        note=[{"text": question}],
    )
    kind = f"{url.MII}/ext/modul-onko/CodeSystem/mii-cs-onko-therapieplanung-typ"
    chart.put(
        "CarePlan",
        case,
        url.BOARD,
        extension=[{"url": f"{url.OWN}/StructureDefinition/board", "valueString": board.id}],
        identifier=[{"system": f"{url.OWN}/sid/board-case", "value": key}],
        status="draft",
        intent="plan",
        category=[concept(kind, "praeth")],
        subject=chart.patient,
        created=session.isoformat(),
        supportingInfo=[{"reference": f"ServiceRequest/{case}"}],
    )
    chart.latest["meta"]["security"] = [*chart.latest["meta"]["security"], _NOT_TO_PATIENT]
    chart.put(
        "Task",
        case,
        identifier=[{"system": f"{url.OWN}/sid/board-case", "value": key}],
        groupIdentifier={
            "system": f"{url.OWN}/sid/board-session",
            "value": f"{board.id}/{session.isoformat()}",
        },
        basedOn=[{"reference": f"ServiceRequest/{case}"}],
        status="requested",
        intent="order",
        code=concept(url.TASK, "board-case"),
        description=question,
        focus={"reference": f"CarePlan/{case}"},
        **{"for": chart.patient},
        executionPeriod={"start": session.isoformat()},
        authoredOn=registered,
        requester=sender,
        owner=member_reference(host),
        input=[{"type": {"text": "completeness"}, "valueString": f"{chart.dice.whole(7, 12)}/13"}],
    )
