"""A plan read again: its visits with what is due, overdue, booked or done, and the practice's due list.

State comes from the Task, the booked day from the Appointment, and a fact at a site that proves an
examination is shown beside it: a person confirms, nothing closes itself. Neighbours: `plan`, `visits` (what
people do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from mihub.care.aftercare.anchor import SiteFact
from mihub.care.aftercare.plan import ANCHOR, ANCHOR_ORIGIN, DEVIATION, EXAM, VISIT, WINDOW_DAYS
from mihub.care.aftercare.schedules import all_exams, schedule_of_canonical
from mihub.care.referrals.care_team import organisations
from mihub.care.referrals.duties import is_over
from mihub.care.referrals.terms import TASK, member_of
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId
from mihub.core.rules.schedule import Exam, Schedule
from mihub.errors import NotFound

_WITH: Final = (("_include", "Task:focus"), ("_include", "Task:patient"), ("_include", "Task:based-on"))


class Due(StrEnum):
    """Where a visit stands, in the order in which a practice works."""

    OVERDUE = "overdue"
    DUE = "due"
    LATER = "later"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of a plan. `booked_on` is the agreed day; `evidence` are facts of sites that prove an
    examination.
    """

    task: Resource
    appointment: Resource | None
    patient: Resource | None
    due_on: date
    state: Due
    evidence: tuple[SiteFact, ...] = ()

    @property
    def id(self) -> str:
        return str(self.task["id"])

    @property
    def plan_id(self) -> str:
        based_on = self.task.get("basedOn") or [{}]
        return str(based_on[0].get("reference", "")).rpartition("/")[2]

    @property
    def exams(self) -> tuple[Exam, ...]:
        """From the shared catalogue; one that it no longer has is shown by the text it was planned with."""
        return tuple(_exam(each.get("valueCodeableConcept", {})) for each in self.task.get("input", []))

    @property
    def booked_on(self) -> str:
        return str((self.appointment or {}).get("start", ""))[:10]

    @property
    def done_on(self) -> str:
        return str(self.task.get("executionPeriod", {}).get("end", ""))[:10]

    @property
    def reason(self) -> str:
        return str(self.task.get("statusReason", {}).get("text", ""))


@dataclass(frozen=True, slots=True)
class Plan:
    """A CarePlan with its visits in order of time. `schedule` is None when its version is not shipped any
    more.
    """

    resource: Resource
    schedule: Schedule | None
    visits: tuple[Visit, ...]

    @property
    def id(self) -> str:
        return str(self.resource["id"])

    @property
    def anchor(self) -> str:
        return self._said(ANCHOR, "valueDate")

    @property
    def origin(self) -> str:
        """The member that knew the end of therapy; empty when it was entered by hand."""
        return self._said(ANCHOR_ORIGIN, "valueString")

    @property
    def deviation(self) -> str:
        return self._said(DEVIATION, "valueString")

    def _said(self, url: str, value: str) -> str:
        return next(
            (str(each[value]) for each in self.resource.get("extension", []) if each.get("url") == url), ""
        )


async def read_plan(
    record: FhirClient, plan_id: str, reader: MemberId, today: date, facts: Sequence[SiteFact] = ()
) -> Plan:
    """One plan, for an organisation that made it, does its visits or treats the person.

    Raises `NotFound` for every other one, as if there were no such plan.
    """
    plan = await record.read("CarePlan", plan_id)
    query = [("based-on", f"CarePlan/{plan_id}"), *_WITH]
    visits = _visits(await record.search("Task", query), today, facts)
    involved = {member_of(plan.get("author")), *(member_of(visit.task.get("owner")) for visit in visits)}
    if reader not in involved and reader not in await _treating(record, plan):
        raise NotFound("There is no such plan of your organisation.", next_step="Go back to the list.")
    canonical = next(iter(plan.get("instantiatesCanonical", [])), "")
    return Plan(plan, schedule_of_canonical(canonical), tuple(sorted(visits, key=lambda visit: visit.due_on)))


async def _treating(record: FhirClient, plan: Resource) -> tuple[MemberId, ...]:
    subject = str(plan.get("subject", {}).get("reference", ""))
    teams = await record.search("CareTeam", [("subject", subject)])
    return tuple(member for team in teams for member in organisations(team))


async def due_list(record: FhirClient, member: MemberId, today: date) -> list[Visit]:
    """All visits this organisation is responsible for: overdue first, then by day; done and cancelled last."""
    query = [
        ("code", f"{TASK}|{VISIT}"),
        ("owner:identifier", f"https://mihub.example/sid/member|{member}"),
        *_WITH,
    ]
    visits = _visits(await record.search("Task", query), today, ())
    order = list(Due)
    return sorted(visits, key=lambda visit: (order.index(visit.state), visit.due_on))


def next_per_plan(visits: Sequence[Visit]) -> list[Visit]:
    """Of every plan all overdue visits and the next open one, in the given order: what a practice must look
    at.
    """
    kept, seen = [], set[str]()
    for visit in visits:
        is_next = visit.state in (Due.DUE, Due.LATER) and visit.plan_id not in seen
        if visit.state is Due.OVERDUE or is_next:
            kept.append(visit)
            seen |= {visit.plan_id} if is_next else set()
    return kept


def _visits(found: Sequence[Resource], today: date, facts: Sequence[SiteFact]) -> list[Visit]:
    by_place = {f"{each['resourceType']}/{each['id']}": each for each in found}
    return [
        _visit(task, by_place, today, facts)
        for task in found
        if task["resourceType"] == "Task" and member_of(task.get("owner"))
    ]


def _visit(task: Resource, by_place: dict[str, Resource], today: date, facts: Sequence[SiteFact]) -> Visit:
    due_on = _due_on(task)
    patient = by_place.get(task.get("for", {}).get("reference", ""))
    state = _state(task, due_on, today)
    if state in (Due.OVERDUE, Due.DUE, Due.LATER) and is_over(task, patient, by_place):
        state = Due.CANCELLED
    visit = Visit(
        task=task,
        appointment=by_place.get(task.get("focus", {}).get("reference", "")),
        patient=patient,
        due_on=due_on,
        state=state,
    )
    proofs = tuple(fact for fact in facts if _proves(fact, visit))
    return Visit(visit.task, visit.appointment, visit.patient, due_on, visit.state, proofs)


def _due_on(task: Resource) -> date:
    # A visit without a day is due at once: somebody must look at it.
    said = str(task.get("restriction", {}).get("period", {}).get("end", ""))[:10]
    try:
        return date.fromisoformat(said)
    except ValueError:
        return date.min


def _state(task: Resource, due_on: date, today: date) -> Due:
    status = task.get("status")
    if status == "completed":
        return Due.DONE
    if status in ("cancelled", "rejected", "entered-in-error"):
        return Due.CANCELLED
    if due_on < today:
        return Due.OVERDUE
    return Due.DUE if due_on <= today + timedelta(days=WINDOW_DAYS) else Due.LATER


def _proves(fact: SiteFact, visit: Visit) -> bool:
    if visit.state in (Due.DONE, Due.CANCELLED):
        return False
    day = _fact_day(fact.resource)
    near = day is not None and abs((day - visit.due_on).days) <= WINDOW_DAYS
    wanted = {code for exam in visit.exams for code in exam.codes}
    return near and any(
        (coding.get("system"), coding.get("code")) in wanted
        for coding in fact.resource.get("code", {}).get("coding", [])
    )


def _fact_day(resource: Resource) -> date | None:
    names = ("effectiveDateTime", "performedDateTime", "started", "issued")
    said = next((str(resource[name]) for name in names if resource.get(name)), "")
    try:
        return date.fromisoformat(said[:10])
    except ValueError:
        return None


def _exam(planned: Resource) -> Exam:
    code = next((str(c.get("code")) for c in planned.get("coding", []) if c.get("system") == EXAM), "")
    text = str(planned.get("text") or code)
    return all_exams().get(code) or Exam(code, {"de": text, "en": text}, ())
