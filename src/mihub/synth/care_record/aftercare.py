"""Aftercare plans: a schedule anchored on the end of therapy, one Task and one Appointment per visit.

The schedules are the shipped ones (`mihub/content/schedules`), counted by the same rule as the care room.
Visits up to today are done, missed ones overdue; after a recurrence or death the rest is called off. Shape:
care.aftercare.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files

import yaml

from mihub.core.rules.schedule import PlannedVisit, Schedule, parse_exams, parse_schedule, planned_visits
from mihub.synth.calendar import instant, weekday_from
from mihub.synth.events import Course, TumourCourse
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, member_reference
from mihub.synth.life import Life
from mihub.synth.members import BY_ID

_SCHEDULE = {"lung": "lung-nsclc-onkopedia", "colorectal": "colorectal-s3", "breast": "breast-s3"}
_WINDOW_DAYS = 28
_EXAM = f"{url.OWN}/CodeSystem/aftercare-exam"


@lru_cache(maxsize=8)
def _schedule(name: str) -> Schedule:
    folder = files("mihub") / "content" / "schedules"
    exams = parse_exams(yaml.safe_load((folder / "exams.yaml").read_text(encoding="utf-8")))
    return parse_schedule(yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")), exams)


def write_aftercare(chart: Chart, life: Life, tumour: TumourCourse, today: date) -> None:
    """The plan, when therapy has ended and somebody made one."""
    anchor = tumour.end_of_therapy
    if anchor is None or life.story == "aftercare_candidate":
        return
    if not life.story and not chart.dice.chance(0.8):
        return
    name = "lung-sclc-onkopedia" if tumour.small_cell_extent else _SCHEDULE[tumour.entity]
    responsible = life.practice or tumour.diagnosis.hospital
    stop = tumour.recurrence or life.death
    visits = planned_visits(_schedule(name), anchor)
    plan = _plan(chart, _schedule(name), tumour, anchor, visits, stop, _made(life, anchor, today))
    document = chart.latest
    tasks = [_visit(chart, life, visit, plan, responsible, stop, anchor, today) for visit in visits]
    document["activity"] = [{"reference": task} for task in tasks]


def _plan(
    chart: Chart,
    schedule: Schedule,
    tumour: TumourCourse,
    anchor: date,
    visits: tuple[PlannedVisit, ...],
    stop: date | None,
    made: date,
) -> dict[str, str]:
    origin = next((event.hospital for event in reversed(tumour.events) if not isinstance(event, Course)), "")
    extensions = [{"url": url.ANCHOR, "valueDate": anchor.isoformat()}]
    if origin:
        extensions.append({"url": f"{url.OWN}/StructureDefinition/anchor-origin", "valueString": origin})
    last = visits[-1].due if visits else anchor
    return chart.add(
        "CarePlan",
        extension=extensions,
        instantiatesCanonical=[schedule.canonical],
        status="revoked" if stop else "active",
        intent="plan",
        category=[concept(f"{url.OWN}/CodeSystem/care-plan", "aftercare", text="Nachsorge")],
        title=schedule.title["de"],
        subject=chart.patient,
        period={"start": anchor.isoformat(), "end": last.isoformat()},
        created=instant(made, 10),
        author=member_reference(tumour.diagnosis.hospital),
    )


def _visit(
    chart: Chart,
    life: Life,
    visit: PlannedVisit,
    plan: dict[str, str],
    responsible: str,
    stop: date | None,
    anchor: date,
    today: date,
) -> dict[str, str]:
    state = _state(chart, life, visit, stop, today)
    appointment = _appointment(chart, visit, responsible, state, today)
    anchored = instant(_made(life, anchor, today), 10)
    done = visit.due - timedelta(days=chart.dice.whole(1, 20)) if state == "completed" else None
    return chart.add(
        "Task",
        status=state,
        intent="plan",
        code=concept(url.TASK, "aftercare-visit", text="Nachsorge-Termin"),
        basedOn=[plan],
        focus=appointment,
        **{"for": chart.patient},
        authoredOn=anchored,
        lastModified=instant(done, 12) if done else None,
        requester=member_reference(responsible),
        owner=member_reference(responsible),
        restriction={"period": {"end": visit.due.isoformat()}},
        executionPeriod={"start": done.isoformat(), "end": done.isoformat()} if done else None,
        statusReason={"text": "Behandlungsweg geändert"} if state == "cancelled" else None,
        reasonCode={"text": visit.citation},
        input=[
            {"type": {"text": "exam"}, "valueCodeableConcept": concept(_EXAM, exam.id, text=exam.text["de"])}
            for exam in visit.exams
        ],
        note=[{"authorString": BY_ID[responsible].staff[0].name, "time": anchored, "text": "requested"}],
    )


def _made(life: Life, anchor: date, today: date) -> date:
    """The day the plan was made: two days after the end of therapy, never later than today or death."""
    return min(anchor + timedelta(days=2), life.death or today)


def _state(chart: Chart, life: Life, visit: PlannedVisit, stop: date | None, today: date) -> str:
    """Done, missed (still requested although due), called off, or to come."""
    if stop and visit.due >= stop:
        return "cancelled"
    if visit.due >= today:
        return "requested"
    if life.story == "aftercare_overdue":
        return "requested" if visit.due > today - timedelta(days=300) else "completed"
    return "requested" if chart.dice.chance(0.1) else "completed"


def _appointment(
    chart: Chart, visit: PlannedVisit, responsible: str, state: str, today: date
) -> dict[str, str]:
    """Booked for the next visit, proposed for later ones, cancelled or fulfilled for the others."""
    soon = state == "requested" and today <= visit.due <= today + timedelta(days=70)
    status = {"cancelled": "cancelled", "completed": "fulfilled"}.get(state, "booked" if soon else "proposed")
    answer = "accepted" if status in ("booked", "fulfilled") else "needs-action"
    day = weekday_from(max(today + timedelta(days=3), visit.due - timedelta(days=9)))
    held = visit.due - timedelta(days=5)
    moment = day if status == "booked" else held if status == "fulfilled" else None
    earliest = visit.due - timedelta(days=_WINDOW_DAYS)
    return chart.add(
        "Appointment",
        status=status,
        serviceType=[concept(url.TASK, "aftercare-visit", text="Nachsorge")],
        description=_title(visit),
        start=instant(moment, 9, 30) if moment else None,
        end=instant(moment, 10) if moment else None,
        requestedPeriod=[{"start": earliest.isoformat(), "end": visit.due.isoformat()}],
        participant=[
            {"actor": chart.patient, "status": answer},
            {"actor": member_reference(responsible), "status": answer},
        ],
    )


def _title(visit: PlannedVisit) -> str:
    """What the patient reads in the calendar."""
    imaging = next((exam.text["de"] for exam in visit.exams if exam.id in ("ct-thorax", "mammography")), "")
    return f"Nachsorge-Termin: {imaging}" if imaging else "Nachsorge-Termin"
