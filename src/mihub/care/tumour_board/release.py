"""Release a signed decision: note to the patient, page to the practice, one duty per recommendation, in
one transaction.

Before it neither patient nor practice sees anything: the plan carries the label NOPAT and no Communication
exists. The acts stand or fall together. Above: the portal. Below: `case`, `letters`, `terms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mihub.care.referrals.terms import transaction, version_of
from mihub.care.tumour_board import terms
from mihub.care.tumour_board.case import BoardCase, CaseState, load_case
from mihub.care.tumour_board.decision import Recommendation
from mihub.care.tumour_board.letters import check_text
from mihub.care.tumour_board.permissions import Act, require
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Actor, MemberId
from mihub.errors import Unprocessable


@dataclass(frozen=True, slots=True)
class Release:
    """What goes out. `gp` is None when no practice is known; then only the patient is told."""

    patient_text: str
    gp_text: str
    gp: MemberId | None = None
    gp_name: str = ""
    language: str = "de"


async def release(
    care: FhirClient, case: BoardCase, version: str, given: Release, actor: Actor, now: datetime
) -> BoardCase:
    """The released case. Raises `Unprocessable` before it is signed or when it is out already,
    `InvalidInput` for a
    text with an open place, `PreconditionFailed` when the plan changed since `version`.
    """
    require(actor, Act.RELEASE)
    if case.plan is None or case.state is not CaseState.DECIDED:
        raise Unprocessable(
            "Only a signed decision that is not yet released can be released.",
            rule="care.tumour_board.release",
            next_step="Have the draft signed first."
            if case.state is CaseState.DRAFTED
            else "Open the case again.",
        )
    check_text(given.patient_text, "patient_text")
    if given.gp:
        check_text(given.gp_text, "gp_text")
    await care.transaction(_bundle(case, case.plan, version, given, actor, now))
    return await load_case(care, case.id)


def _bundle(
    case: BoardCase, plan: Resource, version: str, given: Release, actor: Actor, now: datetime
) -> Resource:
    at = now.isoformat(timespec="seconds")
    new = [_to_patient(case, given, actor, at)]
    if given.gp:
        new.append(_to_practice(case, given, given.gp, actor, at))
    decision = case.decision
    open_ones = [each for each in decision.recommendations if each.is_open()] if decision else []
    new += [_duty(case, each, actor, at) for each in open_ones]
    task = {**case.task, "status": "in-progress", "lastModified": at}
    changed = [(_disclosed(plan), version), (task, version_of(case.task))]
    return transaction([*changed, *((each, None) for each in new)])


def _disclosed(plan: Resource) -> Resource:
    labels = [
        each for each in plan.get("meta", {}).get("security", []) if each.get("code") != terms.NOT_TO_PATIENT
    ]
    meta = {name: value for name, value in plan.get("meta", {}).items() if name != "security"}
    return {**plan, "meta": {**meta, "security": labels} if labels else meta}


def _to_patient(case: BoardCase, given: Release, actor: Actor, at: str) -> Resource:
    patient = {"reference": f"Patient/{case.patient_id}"}
    return {
        **_communication(case, f"{case.id}-patient", "result-letter", given.patient_text, actor, at),
        "language": given.language,
        "recipient": [patient],
    }


def _to_practice(case: BoardCase, given: Release, practice: MemberId, actor: Actor, at: str) -> Resource:
    return {
        **_communication(case, f"{case.id}-gp", "gp-letter", given.gp_text, actor, at),
        "language": given.language,
        "recipient": [terms.member_reference(practice, given.gp_name)],
    }


def _communication(case: BoardCase, id_: str, kind: str, text: str, actor: Actor, at: str) -> Resource:
    return {
        "resourceType": "Communication",
        "id": id_,
        "basedOn": [{"reference": f"CarePlan/{case.id}"}],
        "about": [{"reference": f"CarePlan/{case.id}"}],
        "status": "completed",
        "category": [terms.coded(terms.COMMUNICATION, kind)],
        "topic": terms.coded(terms.BOARD_CODE, "decision"),
        "subject": {"reference": f"Patient/{case.patient_id}"},
        "sent": at,
        "sender": terms.member_reference(actor.organization, actor.name),
        "payload": [{"contentString": text.strip()}],
    }


def _duty(case: BoardCase, each: Recommendation, actor: Actor, at: str) -> Resource:
    """One Task per recommendation; its owner is who is responsible, else who hosts the board."""
    owner = terms.member_reference(each.responsible) if each.responsible else case.task.get("owner", {})
    task: Resource = {
        "resourceType": "Task",
        "id": f"{case.id}-{each.id}"[:64],
        "basedOn": [{"reference": f"CarePlan/{case.id}"}],
        "partOf": [{"reference": f"Task/{case.id}"}],
        "status": "requested",
        "intent": "order",
        "code": terms.coded(terms.TASK_CODE, "implement-recommendation"),
        "description": each.text,
        "focus": {"reference": f"CarePlan/{case.id}"},
        "for": {"reference": f"Patient/{case.patient_id}"},
        "authoredOn": at,
        "requester": terms.member_reference(actor.organization, actor.name),
        "owner": owner,
        "input": [{"type": {"text": "recommendation"}, "valueString": each.id}],
    }
    if each.due:
        task["restriction"] = {"period": {"end": each.due.isoformat()}}
    return task
