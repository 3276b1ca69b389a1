"""Refer a person to radiology for lung screening: report, information record, request and Task in one
transaction.

Nothing is written while an item of § 2 (1) 3 and 4 is missing, the rule does not allow it, or a referral is
open. The same form sent twice makes one referral. Neighbours: `assessment`, `report`, `referrals`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from mihub.care.referrals.care_team import with_members
from mihub.care.referrals.person import find_in_care_record, new_person, stable_id
from mihub.care.referrals.terms import (
    REFERRAL,
    SERVICE,
    TASK,
    concept,
    has_code,
    history_note,
    member_reference,
    patient_number_system,
    transaction,
)
from mihub.care.screening.assessment import Assessment
from mihub.care.screening.report import information_record, screening_report
from mihub.care.screening.rule import screening_rule
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Actor, MemberId
from mihub.core.rules.receipt import Decision
from mihub.errors import Unprocessable

LUNG_SCREENING: Final = "lung-screening-ldct"
_TITLE: Final = "Niedrigdosis-CT der Lunge zur Früherkennung"


@dataclass(frozen=True, slots=True)
class Order:
    """What the physician decided and wrote. `key` is the form's own: sent twice, it makes one referral."""

    key: str
    receiver: MemberId
    receiver_name: str
    sender_name: str
    checked: frozenset[str]
    suitability: str
    history: str
    cessation_offered: bool


def is_screening(request: Resource | None) -> bool:
    """Whether this ServiceRequest asks for lung screening."""
    return request is not None and has_code(request, SERVICE, LUNG_SCREENING)


def blocking(
    assessment: Assessment, checked: Collection[str], suitability: str, has_open: bool
) -> tuple[str, ...]:
    """What stands against a referral, as keys: `decision.<...>`, `check.<item>`, `suitability`, `open`;
    empty: nothing.
    """
    decision = assessment.receipt.decision
    found = [] if decision is Decision.ELIGIBLE else [f"decision.{decision}"]
    found += ["lung-cancer"] if assessment.has_lung_cancer else []
    found += ["open"] if has_open else []
    found += [f"check.{item.id}" for item in screening_rule().checklist if item.id not in checked]
    return (*found, *(() if suitability.strip() else ("suitability",)))


async def refer(
    record: FhirClient,
    assessment: Assessment,
    order: Order,
    actor: Actor,
    now: datetime,
    *,
    person: Resource | None = None,
    has_open: bool = False,
) -> str:
    """Send the referral; the id of its Task.

    `person` is the care record's Patient when the caller already found it (trust centre); else it is
    searched, and created when it is not there. Raises `Unprocessable` naming what is missing.
    """
    task_id = stable_id("screening-referral", actor.organization, order.key)
    if await record.search("Task", [("_id", task_id)]):
        return task_id
    stands_against = blocking(assessment, order.checked, order.suitability, has_open)
    if stands_against:
        raise Unprocessable(
            f"The referral is not complete: {', '.join(stands_against)}.",
            rule="LuKrFrühErkV § 2 (1)",
            next_step="Complete what is missing and send it again.",
        )
    found = person or await find_in_care_record(record, assessment.patient, actor.organization)
    known = found or new_person(assessment.patient, actor.organization)
    team, version = await with_members(record, known["id"], _parts(order, actor))
    documents = _documents(assessment, order, actor, now, known["id"], task_id)
    new = [] if found else [(known, None)]
    await record.transaction(transaction([*new, (team, version), *((each, None) for each in documents)]))
    return task_id


def _parts(order: Order, actor: Actor) -> tuple[tuple[MemberId, str, str], ...]:
    return (
        (actor.organization, order.sender_name, "Hausarztpraxis"),
        (order.receiver, order.receiver_name, "Radiologie"),
    )


def _documents(
    assessment: Assessment, order: Order, actor: Actor, now: datetime, person_id: str, task_id: str
) -> list[Resource]:
    subject = {"reference": f"Patient/{person_id}"}
    written = (assessment, order.suitability, order.history)
    report = screening_report(*written, actor, now, subject, stable_id("screening-report", task_id))
    informed = information_record(
        order.checked, order.cessation_offered, actor, now, subject, stable_id("information", task_id)
    )
    request = _request(order, actor, now.date(), subject, stable_id("request", task_id), (report, informed))
    return [report, informed, request, _task(assessment, order, actor, now, subject, task_id, request)]


def _request(
    order: Order,
    actor: Actor,
    today: date,
    subject: Resource,
    request_id: str,
    supporting: tuple[Resource, ...],
) -> Resource:
    return {
        "resourceType": "ServiceRequest",
        "id": request_id,
        "status": "active",
        "intent": "order",
        "code": concept(SERVICE, LUNG_SCREENING, _TITLE),
        "subject": subject,
        "authoredOn": today.isoformat(),
        "requester": member_reference(actor.organization, order.sender_name),
        "performer": [member_reference(order.receiver, order.receiver_name)],
        "reasonCode": [{"text": screening_rule().citations["rule"]}],
        "supportingInfo": [{"reference": f"{each['resourceType']}/{each['id']}"} for each in supporting],
    }


def _task(
    assessment: Assessment,
    order: Order,
    actor: Actor,
    now: datetime,
    subject: Resource,
    task_id: str,
    request: Resource,
) -> Resource:
    # The practice's own patient number travels along, so that an answer finds its file there.
    own = {"system": patient_number_system(actor.organization), "value": assessment.patient["id"]}
    return {
        "resourceType": "Task",
        "id": task_id,
        "status": "requested",
        "intent": "order",
        "code": concept(TASK, REFERRAL, _TITLE),
        "focus": {"reference": f"ServiceRequest/{request['id']}"},
        "for": {**subject, "identifier": own},
        "authoredOn": now.isoformat(timespec="seconds"),
        "lastModified": now.isoformat(timespec="seconds"),
        "requester": member_reference(actor.organization, order.sender_name),
        "owner": member_reference(order.receiver, order.receiver_name),
        "note": [history_note(actor, now, "requested")],
    }
