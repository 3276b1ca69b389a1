"""What people do to a referral: accept, reject with a reason, start, complete with a result, take back.

Each action is one transaction on the version that the person saw; somebody faster gives
`PreconditionFailed`. The result is written where the referral lives, so that the sender reads it without
asking. Neighbours: `states`, `lists`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from mihub.care.referrals.lists import Referral
from mihub.care.referrals.person import stable_id
from mihub.care.referrals.states import Move, State, after
from mihub.care.referrals.terms import FINDING, author, concept, history_note, transaction, version_of
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Actor
from mihub.errors import Forbidden, Unprocessable

FINDINGS = ("unremarkable", "control-requiring", "clarification-requiring")


@dataclass(frozen=True, slots=True)
class Result:
    """What the receiver found: the day of the examination, one of `FINDINGS`, and the conclusion in words."""

    examined_on: date
    finding: str
    conclusion: str


async def move(
    record: FhirClient, referral: Referral, step: Move, actor: Actor, now: datetime, *, reason: str = ""
) -> State:
    """Accept, reject, start or cancel; the new state.

    Raises `Forbidden` for an organisation that is neither sender nor receiver, `Conflict` when the state
    forbids it, `Unprocessable` for a rejection without a reason, `PreconditionFailed` when somebody was
    faster.
    """
    if step is Move.REJECT and not reason.strip():
        raise Unprocessable(
            "A referral cannot be rejected without a reason.",
            rule="the sender must learn what to correct",
            next_step="Write the reason in one sentence.",
        )
    state = _allowed(referral, step, actor)
    task = _moved(referral.task, state, actor, now)
    if reason.strip():
        task["statusReason"] = {"text": reason.strip()}
    await record.update(task, if_match=referral.task["meta"]["versionId"])
    return state


async def complete(
    record: FhirClient, referral: Referral, result: Result, actor: Actor, now: datetime
) -> Resource:
    """Write the report and close the referral in one transaction; the report.

    Raises as `move`, and `Unprocessable` for a finding that is none of `FINDINGS` or an examination in the
    future.
    """
    if result.finding not in FINDINGS or result.examined_on > now.date() or not result.conclusion.strip():
        raise Unprocessable(
            "The result is not complete: category, conclusion and a day up to today are needed.",
            rule="LuKrFrühErkV § 1 (4), (5)",
            next_step="Complete the three fields.",
        )
    state = _allowed(referral, Move.COMPLETE, actor)
    report = _report(referral, result, actor, now)
    task = _moved(referral.task, state, actor, now)
    link = {"reference": f"DiagnosticReport/{report['id']}"}
    task["output"] = [{"type": {"text": "report"}, "valueReference": link}]
    changed = [task, *([{**referral.request, "status": "completed"}] if referral.request else [])]
    await record.transaction(transaction([(report, None), *((each, version_of(each)) for each in changed)]))
    return report


def _allowed(referral: Referral, step: Move, actor: Actor) -> State:
    as_receiver = step is not Move.CANCEL
    side = referral.receiver if as_receiver else referral.sender
    if actor.organization != side:
        raise Forbidden(
            "Only the organisation that this referral was sent to may do that."
            if as_receiver
            else "Only the organisation that sent this referral may take it back.",
            rule="states of a referral",
        )
    return after(referral.state, step, as_receiver=as_receiver)


def _moved(task: Resource, state: State, actor: Actor, now: datetime) -> Resource:
    note = history_note(actor, now, state.value)
    stamp = now.isoformat(timespec="seconds")
    return {**task, "status": state.value, "lastModified": stamp, "note": [*task.get("note", []), note]}


def _report(referral: Referral, result: Result, actor: Actor, now: datetime) -> Resource:
    request = referral.request or {}
    return {
        "resourceType": "DiagnosticReport",
        "id": stable_id("report", referral.id),
        "status": "final",
        "code": request.get("code", {"text": "Niedrigdosis-CT der Lunge"}),
        **({"basedOn": [referral.task["focus"]]} if "focus" in referral.task else {}),
        "subject": {"reference": referral.task["for"]["reference"]},
        "effectiveDateTime": result.examined_on.isoformat(),
        "issued": now.isoformat(timespec="seconds"),
        "performer": [author(actor)],
        "conclusion": result.conclusion.strip(),
        "conclusionCode": [concept(FINDING, result.finding)],
    }
