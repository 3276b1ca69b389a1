"""Register a case: a ServiceRequest (what is asked), a Task (who, when) and an empty draft CarePlan, in
one transaction.

Nothing is copied from the sites: the request names what was known by logical references, values stay where
they are. The same key registers once, however often the form is sent. Source: portal.md §6 (workflow
objects). Above: the portal. Below: `presentation`, `case`, `terms`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from mihub.care.referrals.terms import transaction
from mihub.care.tumour_board import catalogue, terms
from mihub.care.tumour_board.case import BoardCase, load_case
from mihub.care.tumour_board.permissions import Act, require
from mihub.care.tumour_board.presentation import Presentation
from mihub.care.tumour_board.wording import concept_text
from mihub.core.fhir import Json, Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Actor
from mihub.errors import InvalidInput, NotFound

_KEY = re.compile(r"[a-z0-9-]{8,40}")


@dataclass(frozen=True, slots=True)
class Registration:
    """What the registrant says. `key` comes with the form and makes a repeated sending harmless.

    `patient_id` is the patient's id in the care record; `added` maps item ids to words of the registrant.
    """

    key: str
    patient_id: str
    board_id: str
    day: date
    question: str
    conference: str = "praeth"
    added: Mapping[str, str] = field(default_factory=dict)


async def register(
    care: FhirClient, registration: Registration, presentation: Presentation, actor: Actor, now: datetime
) -> BoardCase:
    """The registered case; the first one again when the key was used before.

    Raises `Forbidden` for a role that may not register, `InvalidInput` for a registration that breaks a rule.
    """
    require(actor, Act.REGISTER)
    _check(registration, now.date())
    case_id = f"board-{registration.key}"
    try:
        return await load_case(care, case_id)
    except NotFound:
        await care.transaction(_bundle(case_id, registration, presentation, actor, now))
    return await load_case(care, case_id)


def _check(registration: Registration, today: date) -> None:
    catalogue.board(registration.board_id)
    catalogue.term(catalogue.words().conferences, registration.conference, "kind of conference")
    if not _KEY.fullmatch(registration.key):
        raise _refused("The form has no usable key.", "key", "Open the registration page again.")
    if not registration.question.strip():
        raise _refused(
            "The question to the board is missing.", "question", "Write in one sentence what to decide."
        )
    if registration.day < today:
        raise _refused("The board date lies in the past.", "day", "Choose one of the next dates.")


def _refused(what: str, where: str, next_step: str) -> InvalidInput:
    return InvalidInput(what, where=where, rule="care.tumour_board.registration", next_step=next_step)


def _bundle(
    case_id: str, registration: Registration, presentation: Presentation, actor: Actor, now: datetime
) -> Resource:
    resources = [
        _request(case_id, registration, presentation, actor, now),
        _plan(case_id, registration, presentation),
        _task(case_id, registration, presentation, actor, now),
    ]
    return transaction([(each, None) for each in resources])


def _task(
    case_id: str, given: Registration, presentation: Presentation, actor: Actor, now: datetime
) -> Resource:
    board = catalogue.board(given.board_id)
    return {
        "resourceType": "Task",
        "id": case_id,
        "identifier": [{"system": terms.CASE_ID, "value": given.key}],
        "groupIdentifier": {"system": terms.SESSION_ID, "value": f"{board.id}/{given.day.isoformat()}"},
        "basedOn": [{"reference": f"ServiceRequest/{case_id}"}],
        "status": "requested",
        "intent": "order",
        "code": terms.coded(terms.TASK_CODE, "board-case"),
        "description": given.question.strip(),
        "focus": {"reference": f"CarePlan/{case_id}"},
        "for": {"reference": f"Patient/{given.patient_id}"},
        "executionPeriod": {"start": given.day.isoformat()},
        "authoredOn": now.isoformat(timespec="seconds"),
        "requester": terms.member_reference(actor.organization, actor.name),
        "owner": terms.member_reference(board.member, board.name.de),
        "input": _inputs(given, presentation),
    }


def _inputs(given: Registration, presentation: Presentation) -> list[Json]:
    inputs: list[Json] = [
        {
            "type": {"text": "completeness"},
            "valueString": f"{presentation.present}/{presentation.required}",
        }
    ]
    wanted = {each.item.id for each in presentation.items}
    for item_id, text in given.added.items():
        if item_id in wanted and text.strip():
            inputs.append({"type": {"text": f"added:{item_id}"}, "valueString": text.strip()})
    return inputs


def _request(
    case_id: str, given: Registration, presentation: Presentation, actor: Actor, now: datetime
) -> Resource:
    board = catalogue.board(given.board_id)
    diagnosis = _diagnosis_reference(presentation)
    request: Resource = {
        "resourceType": "ServiceRequest",
        "id": case_id,
        "status": "active",
        "intent": "order",
        "code": {**terms.coded(terms.BOARD_CODE, board.id), "text": board.name.de},
        "subject": {"reference": f"Patient/{given.patient_id}"},
        "occurrenceDateTime": given.day.isoformat(),
        "authoredOn": now.isoformat(timespec="seconds"),
        "requester": terms.member_reference(actor.organization, actor.name),
        "performer": [terms.member_reference(board.member, board.name.de)],
        "reasonReference": diagnosis,
        "supportingInfo": _supporting(presentation),
        "note": [{"text": given.question.strip()}],
    }
    return {name: value for name, value in request.items() if value != []}


def _plan(case_id: str, given: Registration, presentation: Presentation) -> Resource:
    """The draft that the board fills: conformant from the first day, labelled as not for the patient yet."""
    label = {"system": terms.ACT_CODE, "code": terms.NOT_TO_PATIENT}
    plan: Resource = {
        "resourceType": "CarePlan",
        "id": case_id,
        "meta": {"profile": [terms.CONFERENCE_PROFILE], "security": [label]},
        "extension": [terms.extension(terms.BOARD, valueString=given.board_id)],
        "identifier": [{"system": terms.CASE_ID, "value": given.key}],
        "status": "draft",
        "intent": "plan",
        "category": [terms.coded(terms.CONFERENCE_KIND, given.conference)],
        "subject": {"reference": f"Patient/{given.patient_id}"},
        "created": given.day.isoformat(),
        "addresses": _diagnosis_reference(presentation),
        "supportingInfo": [{"reference": f"ServiceRequest/{case_id}"}],
    }
    return {name: value for name, value in plan.items() if value != []}


def _diagnosis_reference(presentation: Presentation) -> list[Json]:
    diagnosis = presentation.diagnosis
    if diagnosis is None:
        return []
    text = concept_text(diagnosis.resource.get("code"))
    return [terms.remote_reference(diagnosis.member, diagnosis.reference, text)]


def _supporting(presentation: Presentation) -> list[Json]:
    """What was known at registration, by place and kind; the values stay at the sites."""
    return [
        terms.remote_reference(finding.member, finding.reference, view.item.label.de)
        for view in presentation.items
        for finding in view.findings
    ]
