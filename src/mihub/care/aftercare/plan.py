"""Make a plan: CarePlan, one Appointment and one Task per visit, in one transaction; the same form makes one
plan.

The plan names its schedule with version, its anchor with origin, and a deviation with its reason. A day that
differs from what the sites know needs a reason. Neighbours: `anchor`, `schedules`, `series` (reads it again).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from mihub.care.referrals.care_team import with_members
from mihub.care.referrals.person import stable_id
from mihub.care.referrals.terms import TASK, author, concept, history_note, member_reference, transaction
from mihub.core.fhir import Json, Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Actor, MemberId
from mihub.core.rules.schedule import PlannedVisit, Schedule, planned_visits
from mihub.errors import Conflict, Unprocessable

_OWN: Final = "https://mihub.example/fhir"
CATEGORY: Final = f"{_OWN}/CodeSystem/care-plan"
AFTERCARE: Final = "aftercare"
VISIT: Final = "aftercare-visit"
ANCHOR: Final = f"{_OWN}/StructureDefinition/anchor"
ANCHOR_ORIGIN: Final = f"{_OWN}/StructureDefinition/anchor-origin"
DEVIATION: Final = f"{_OWN}/StructureDefinition/deviation-reason"
EXAM: Final = f"{_OWN}/CodeSystem/aftercare-exam"
# A visit may be made this long before it is due and still be the visit that was meant.
WINDOW_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """What the physician chose. `origin` is the member whose fact gave the anchor; empty when it was typed."""

    key: str
    schedule: Schedule
    anchor: date
    origin: str
    deviation: str
    responsible: MemberId
    responsible_name: str


def needs_reason(anchor: date, proposal: date | None) -> bool:
    """Whether the chosen day deviates from what the sites know."""
    return proposal is not None and anchor != proposal


async def create_plan(
    record: FhirClient,
    person_id: str,
    order: PlanOrder,
    actor: Actor,
    now: datetime,
    *,
    proposal: date | None = None,
    new_person: Resource | None = None,
) -> str:
    """The id of the plan.

    `new_person` is the Patient to create with it when the care record does not know the person yet. Raises
    `Unprocessable` for a deviation without reason or an anchor in the future, `Conflict` when the person
    already has an active aftercare plan.
    """
    plan_id = stable_id("aftercare-plan", actor.organization, order.key)
    active = await active_plans(record, person_id)
    if any(plan["id"] == plan_id for plan in active):
        return plan_id
    if active:
        raise Conflict(
            "There is already an active aftercare plan for this person.",
            rule="one active aftercare plan",
            next_step="Open it, or end it before making another.",
        )
    _check(order, now.date(), proposal)
    visits = planned_visits(order.schedule, order.anchor)
    team, version = await with_members(
        record, person_id, ((order.responsible, order.responsible_name, "Nachsorge"),)
    )
    resources = [*([new_person] if new_person else []), _plan(plan_id, person_id, order, visits, actor, now)]
    for visit in visits:
        appointment = _appointment(plan_id, person_id, visit, order)
        resources += [appointment, _task(plan_id, person_id, visit, order, actor, now, appointment)]
    await record.transaction(transaction([*((resource, None) for resource in resources), (team, version)]))
    return plan_id


async def active_plans(record: FhirClient, person_id: str) -> list[Resource]:
    """The person's active aftercare plans."""
    query = [
        ("patient", f"Patient/{person_id}"),
        ("category", f"{CATEGORY}|{AFTERCARE}"),
        ("status", "active"),
    ]
    return await record.search("CarePlan", query)


def _check(order: PlanOrder, today: date, proposal: date | None) -> None:
    if order.anchor > today:
        raise Unprocessable(
            "The end of therapy lies in the future.",
            rule="aftercare counts from the end of therapy",
            next_step="Make the plan when the therapy has ended.",
        )
    if needs_reason(order.anchor, proposal) and not order.deviation.strip():
        raise Unprocessable(
            "The day differs from what the sites know, and no reason is given.",
            rule="a deviation has a reason",
            next_step="Write the reason, or take the proposed day.",
        )


def _plan(
    plan_id: str,
    person_id: str,
    order: PlanOrder,
    visits: tuple[PlannedVisit, ...],
    actor: Actor,
    now: datetime,
) -> Resource:
    extensions: list[Json] = [{"url": ANCHOR, "valueDate": order.anchor.isoformat()}]
    if order.origin:
        extensions.append({"url": ANCHOR_ORIGIN, "valueString": order.origin})
    if order.deviation.strip():
        extensions.append({"url": DEVIATION, "valueString": order.deviation.strip()})
    last = visits[-1].due if visits else order.anchor
    return {
        "resourceType": "CarePlan",
        "id": plan_id,
        "extension": extensions,
        "instantiatesCanonical": [order.schedule.canonical],
        "status": "active",
        "intent": "plan",
        "category": [concept(CATEGORY, AFTERCARE, "Nachsorge")],
        "title": order.schedule.title["de"],
        "subject": {"reference": f"Patient/{person_id}"},
        "period": {"start": order.anchor.isoformat(), "end": last.isoformat()},
        "created": now.isoformat(timespec="seconds"),
        "author": author(actor),
        "activity": [
            {"reference": {"reference": f"Task/{task_id(plan_id, visit.number)}"}} for visit in visits
        ],
    }


def task_id(plan_id: str, number: int) -> str:
    """The id of the Task of a plan's visit."""
    return stable_id(VISIT, plan_id, str(number))


def _appointment(plan_id: str, person_id: str, visit: PlannedVisit, order: PlanOrder) -> Resource:
    earliest = max(visit.due - timedelta(days=WINDOW_DAYS), order.anchor)
    return {
        "resourceType": "Appointment",
        "id": stable_id("aftercare-appointment", plan_id, str(visit.number)),
        "status": "proposed",
        "serviceType": [concept(TASK, VISIT, "Nachsorge")],
        "description": "Nachsorge-Termin",
        "requestedPeriod": [{"start": earliest.isoformat(), "end": visit.due.isoformat()}],
        "participant": [
            {"actor": {"reference": f"Patient/{person_id}"}, "status": "needs-action"},
            {"actor": member_reference(order.responsible, order.responsible_name), "status": "needs-action"},
        ],
    }


def _task(
    plan_id: str,
    person_id: str,
    visit: PlannedVisit,
    order: PlanOrder,
    actor: Actor,
    now: datetime,
    appointment: Resource,
) -> Resource:
    return {
        "resourceType": "Task",
        "id": task_id(plan_id, visit.number),
        "status": "requested",
        "intent": "plan",
        "code": concept(TASK, VISIT, "Nachsorge-Termin"),
        "basedOn": [{"reference": f"CarePlan/{plan_id}"}],
        "focus": {"reference": f"Appointment/{appointment['id']}"},
        "for": {"reference": f"Patient/{person_id}"},
        "authoredOn": now.isoformat(timespec="seconds"),
        "requester": member_reference(actor.organization),
        "owner": member_reference(order.responsible, order.responsible_name),
        "restriction": {"period": {"end": visit.due.isoformat()}},
        "reasonCode": {"text": visit.citation},
        "input": [
            {"type": {"text": "exam"}, "valueCodeableConcept": concept(EXAM, exam.id, exam.text["de"])}
            for exam in visit.exams
        ],
        "note": [history_note(actor, now, "requested")],
    }
