"""What can never be true of a life: nothing after death, no board before the diagnosis, no operation on the
unborn.

The generator refuses to write an impossible life, and tests run the same rules over many seeds. Each rule
gives the reason in words without a patient's value. Below: `life`, `events`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from mihub.errors import Unprocessable
from mihub.synth import stages
from mihub.synth.calendar import age_on
from mihub.synth.events import (
    Board,
    Course,
    Death,
    Operation,
    Radiotherapy,
    Systemic,
    TumourCourse,
    first_day,
    last_day,
)
from mihub.synth.life import Life
from mihub.synth.members import BY_ID


def refuse_impossible(life: Life, today: date) -> None:
    """Raise `Unprocessable` when a rule is broken: that is a defect of the generator."""
    broken = list(violations(life, today))
    if broken:
        raise Unprocessable(
            f"The generator made an impossible life: {broken[0]}.",
            where=f"person {life.person.index}",
            rule="plausibility",
            next_step="Report the seed and the number of people.",
        )


def violations(life: Life, today: date) -> Iterator[str]:
    """Every broken rule in words."""
    yield from _person(life, today)
    yield from _smoking(life, today)
    if life.tumour:
        yield from _tumour(life, life.tumour, today)
    if life.screening:
        yield from _screening(life, today)


def _person(life: Life, today: date) -> Iterator[str]:
    if life.person.birth_date > today:
        yield "born in the future"
    if age_on(life.person.birth_date, life.death or today) > 110:
        yield "older than 110"
    if life.death and life.death > today:
        yield "dies in the future"
    if not life.records:
        yield "known nowhere"
    if life.research.withdrawn and life.research.withdrawn < life.research.given:
        yield "consent withdrawn before it was given"
    for illness in life.illnesses:
        if not life.person.birth_date < illness.since <= (life.death or today):
            yield "an illness begins outside of the life"


def _smoking(life: Life, today: date) -> Iterator[str]:
    previous = life.person.birth_date + timedelta(days=365 * 8)
    for smoked in life.tobacco.intervals:
        if smoked.start < previous:
            yield "smokes too young, or two intervals overlap"
        if smoked.end and not smoked.start <= smoked.end <= today:
            yield "a smoking interval ends before it begins, or in the future"
        previous = smoked.end or today


def _tumour(life: Life, tumour: TumourCourse, today: date) -> Iterator[str]:
    diagnosed, until = tumour.diagnosis.day, life.death or today
    if not life.person.birth_date < diagnosed <= today:
        yield "diagnosed before birth or in the future"
    for event in tumour.events:
        if first_day(event) < diagnosed:
            yield f"{type(event).__name__} before the diagnosis"
        if last_day(event) > until:
            yield f"{type(event).__name__} after death or in the future"
        if last_day(event) < first_day(event):
            yield f"{type(event).__name__} ends before it begins"
    yield from _order(tumour)
    yield from _where(life, tumour)
    if (tumour.diagnosis.tnm.m == "0") != (not tumour.diagnosis.metastases) and tumour.entity != "breast":
        yield "metastases and M category disagree"
    if (stages.group(tumour.diagnosis.tnm.stage) == "IV") != (tumour.diagnosis.tnm.m != "0"):
        yield "stage IV and M category disagree"


def _order(tumour: TumourCourse) -> Iterator[str]:
    boards = [event.day for event in tumour.events if isinstance(event, Board)]
    treated = [
        first_day(event) for event in tumour.events if isinstance(event, Operation | Radiotherapy | Systemic)
    ]
    if treated and (not boards or min(boards) > min(treated)):
        yield "treated before any board"
    deaths = [event for event in tumour.events if isinstance(event, Death)]
    if len(deaths) > 1 or (deaths and tumour.events[-1] is not deaths[0]):
        yield "death is not the one last event"
    operations = [event for event in tumour.events if isinstance(event, Operation)]
    if any(
        event.kind == "postop" and not any(op.day < event.day for op in operations)
        for event in tumour.events
        if isinstance(event, Board)
    ):
        yield "a postoperative board without an operation before"
    if tumour.recurrence and tumour.end_of_therapy and tumour.recurrence <= tumour.end_of_therapy:
        yield "recurrence before the end of the first therapy"
    if tumour.recurrence and not any(
        isinstance(event, Course) and event.overall == "Y" for event in tumour.events
    ):
        yield "a recurrence that no assessment found"


def _where(life: Life, tumour: TumourCourse) -> Iterator[str]:
    known = {record.member for record in life.records}
    for hospital in tumour.hospitals:
        if hospital not in known:
            yield "a hospital documents somebody it does not know"
        if not BY_ID[hospital].is_hospital:
            yield "a tumour is documented outside of a hospital"


def _screening(life: Life, today: date) -> Iterator[str]:
    course = life.screening
    if course is None:
        return
    if course.referred > today:
        yield "referred in the future"
    for scan in course.scans:
        if not course.referred <= scan.day <= scan.reported <= today:
            yield "scan, reading and referral out of order"
        if scan.second_reading and not scan.reported <= scan.second_reading <= today:
            yield "second reading before the first, or in the future"
        if scan.dose > 1.3:
            yield "dose above 1.3 mGy"
