"""Tumour boards as the region follows them: registered, released, each recommendation open, done or
deviated with reason.

Task `board-case`, CarePlan of the MII profile Tumorkonferenz and ServiceRequest share one id. Shape:
care.tumour_board. The hospital's own tumour conference comes as oBDS and stays there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mihub.synth.calendar import instant
from mihub.synth.care_record.board_hosts import BOARDS
from mihub.synth.care_record.board_letters import gp_page, patient_note
from mihub.synth.care_record.recommendation import ADVICE, Recommendation, activity, recommendations
from mihub.synth.events import Board, TumourCourse
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, icd, member_reference
from mihub.synth.life import Life
from mihub.synth.members import BY_ID

_RECENT_DAYS = 190
_DISCIPLINES = ("oncology", "radiology", "pathology", "thoracic-surgery", "radiotherapy")
_WHO = (
    "Prof. Dr. Helene Weiß",
    "Dr. Volkmar Petzold",
    "Dr. Rita Hänel",
    "Dr. Matthias Uhlig",
    "Dr. Wiebke Roth",
)


@dataclass(frozen=True, slots=True)
class _Case:
    id: str
    key: str
    board: Board
    life: Life
    tumour: TumourCourse
    recommendations: tuple[Recommendation, ...]
    released: date


def write_board_cases(chart: Chart, life: Life, tumour: TumourCourse, today: date) -> None:
    """The boards of the last half year that the region followed."""
    boards = [event for event in tumour.events if isinstance(event, Board)]
    recent = [board for board in boards if board.day >= today - timedelta(days=_RECENT_DAYS)]
    for position, board in enumerate(recent):
        if board.hospital == "dresden" and tumour.entity != "lung":
            continue
        key = f"{chart.record.id}-{position}"
        released = min(board.day + timedelta(days=1), life.death or today)
        advised = recommendations(life, tumour, board, today)
        _write(chart, _Case(f"board-{key}", key, board, life, tumour, advised, released))


def _write(chart: Chart, case: _Case) -> None:
    done = all(not each.is_open for each in case.recommendations)
    _request(chart, case)
    _plan(chart, case, done)
    _task(chart, case, done)
    _letters(chart, case)
    for each in case.recommendations:
        if each.is_open:
            _duty(chart, case, each)


def _request(chart: Chart, case: _Case) -> None:
    board_id = BOARDS[case.board.hospital].id
    chart.put(
        "ServiceRequest",
        case.id,
        status="active",
        intent="order",
        code=concept(f"{url.OWN}/CodeSystem/board", board_id, text=BOARDS[case.board.hospital].name),
        subject=chart.patient,
        occurrenceDateTime=case.board.day.isoformat(),
        authoredOn=instant(case.board.day - timedelta(days=3), 9),
        requester=_registrant(case),
        performer=[member_reference(case.board.hospital)],
        reasonReference=[_diagnosis(case)],
        note=[{"text": _question(case)}],
    )


def _registrant(case: _Case) -> dict[str, Any]:
    member = case.tumour.diagnosis.hospital
    return {**member_reference(member), "display": BY_ID[member].person("oncologist").name}


def _diagnosis(case: _Case) -> dict[str, Any]:
    found = case.tumour.diagnosis
    return {
        "type": "Condition",
        "identifier": {"system": f"{url.MIHUB}/{found.hospital}/tumor-id"},
        "display": found.text,
    }


def _question(case: _Case) -> str:
    return {"praeth": "Welche Behandlung zuerst?", "postop": "Adjuvante Therapie?"}.get(
        case.board.kind, "Wie weiter nach der bisherigen Behandlung?"
    )


def _plan(chart: Chart, case: _Case, done: bool) -> None:
    found, day = case.tumour.diagnosis, case.board.day
    author = BY_ID[case.board.hospital].person("oncologist").name
    people = [
        {"display": name, "extension": [_coded_extension("CodeSystem/board-discipline", discipline)]}
        for name, discipline in zip(_WHO, _DISCIPLINES, strict=True)
    ]
    kind = f"{url.MII}/ext/modul-onko/CodeSystem/mii-cs-onko-therapieplanung-typ"
    signature = [
        {"url": "who", "valueReference": _actor(author)},
        {"url": "when", "valueInstant": instant(day, 17)},
    ]
    preference = [{"url": f"{url.OWN}/StructureDefinition/board-note-kind", "valueCode": "preference"}]
    chart.put(
        "CarePlan",
        case.id,
        url.BOARD,
        extension=[
            {"url": f"{url.OWN}/StructureDefinition/board", "valueString": BOARDS[case.board.hospital].id},
            {"url": f"{url.OWN}/StructureDefinition/board-signature", "extension": signature},
        ],
        identifier=[{"system": f"{url.OWN}/sid/board-case", "value": case.key}],
        status="completed" if done else "active",
        intent="plan",
        category=[concept(kind, case.board.kind)],
        subject=chart.patient,
        created=day.isoformat(),
        author=_actor(author),
        contributor=people,
        addresses=[_diagnosis(case)],
        supportingInfo=[{"reference": f"ServiceRequest/{case.id}"}],
        activity=[activity(each) for each in case.recommendations],
        note=[{"extension": preference, "text": "möchte möglichst wohnortnah behandelt werden"}],
        description=f"{found.text} ({icd(found.icd, found.day.year, found.text)['coding'][0]['code']})",
    )


def _coded_extension(name: str, code: str) -> dict[str, Any]:
    return {"url": f"{url.OWN}/{name}", "valueCoding": {"system": f"{url.OWN}/{name}", "code": code}}


def _actor(name: str) -> dict[str, Any]:
    key = "demo-" + name.split(" ")[-1].lower().replace("ß", "ss")
    return {"display": name, "identifier": {"system": f"{url.MIHUB}/sid/actor", "value": key}}


def _task(chart: Chart, case: _Case, done: bool) -> None:
    day = case.board.day
    session = f"{BOARDS[case.board.hospital].id}/{day.isoformat()}"
    chart.put(
        "Task",
        case.id,
        identifier=[{"system": f"{url.OWN}/sid/board-case", "value": case.key}],
        groupIdentifier={"system": f"{url.OWN}/sid/board-session", "value": session},
        basedOn=[{"reference": f"ServiceRequest/{case.id}"}],
        status="completed" if done else "in-progress",
        intent="order",
        code=concept(url.TASK, "board-case"),
        description=_question(case),
        focus={"reference": f"CarePlan/{case.id}"},
        **{"for": chart.patient},
        executionPeriod={"start": day.isoformat()},
        authoredOn=instant(day - timedelta(days=3), 9),
        lastModified=instant(day, 18),
        requester=_registrant(case),
        owner=member_reference(case.board.hospital),
        input=[{"type": {"text": "completeness"}, "valueString": f"{chart.dice.whole(9, 13)}/13"}],
    )


def _letters(chart: Chart, case: _Case) -> None:
    """The note to the patient in plain words; the page for the practice when there is one."""
    day, host = case.board.day, BY_ID[case.board.hospital]
    sender = {**member_reference(host.id), "display": host.name}
    coordinator = host.person("board-coordinator" if host.id == "dresden" else "oncologist")
    common: dict[str, Any] = {
        "basedOn": [{"reference": f"CarePlan/{case.id}"}],
        "about": [{"reference": f"CarePlan/{case.id}"}],
        "status": "completed",
        "topic": {
            **concept(f"{url.OWN}/CodeSystem/board", "decision"),
            "text": "Beschluss der Tumorkonferenz",
        },
        "subject": chart.patient,
        "sent": instant(case.released, 18, 30),
        "sender": sender,
        "language": "de",
    }
    kinds = [str(ADVICE[each.kind][1]) for each in case.recommendations]
    note = patient_note(day, kinds, coordinator.name, coordinator.phone)
    chart.put(
        "Communication",
        f"{case.id}-patient",
        category=[concept(url.COMMUNICATION, "result-letter")],
        recipient=[chart.patient],
        payload=[{"contentString": note}],
        **common,
    )
    if case.life.practice:
        page = gp_page(
            day, BOARDS[host.id].name, [each.text for each in case.recommendations], coordinator.name
        )
        chart.put(
            "Communication",
            f"{case.id}-gp",
            category=[concept(url.COMMUNICATION, "gp-letter")],
            recipient=[member_reference(case.life.practice)],
            payload=[{"contentString": page}],
            **common,
        )


def _duty(chart: Chart, case: _Case, each: Recommendation) -> None:
    chart.put(
        "Task",
        f"{case.id}-{each.id}",
        basedOn=[{"reference": f"CarePlan/{case.id}"}],
        partOf=[{"reference": f"Task/{case.id}"}],
        status="requested",
        intent="order",
        code=concept(url.TASK, "implement-recommendation"),
        description=each.text,
        focus={"reference": f"CarePlan/{case.id}"},
        **{"for": chart.patient},
        authoredOn=instant(case.released, 18, 30),
        requester=member_reference(case.board.hospital),
        owner=member_reference(each.responsible),
        restriction={"period": {"end": each.due.isoformat()}},
        input=[{"type": {"text": "recommendation"}, "valueString": each.id}],
    )
