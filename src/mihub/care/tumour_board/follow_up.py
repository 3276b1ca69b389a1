"""Follow every released recommendation to its end: done with its proof, or deviated with its reason.

A deviation answers the oBDS question (patient's wish: yes, no, unknown) and names a reason of our
catalogue. What is open and late is listed first. Source: oBDS 3.0 group 19; MII profile Tumorkonferenz
(constraint on statusReason). Above: the portal. Below: `decision`, `case`, `agenda`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from mihub.care.referrals.terms import transaction, version_of
from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.agenda import all_cases
from mihub.care.tumour_board.case import BoardCase, load_case
from mihub.care.tumour_board.decision import Decision, Deviation, Recommendation, to_care_plan
from mihub.care.tumour_board.permissions import Act, require
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Actor
from mihub.errors import InvalidInput, NotFound, Unprocessable

_RULE = "care.tumour_board.follow_up"


class LoopState(StrEnum):
    """Where one recommendation stands, the most urgent first."""

    OVERDUE = "overdue"
    OPEN = "open"
    DEVIATED = "deviated"
    IMPLEMENTED = "implemented"


@dataclass(frozen=True, slots=True)
class Loop:
    """One released recommendation and where it stands."""

    case: BoardCase
    recommendation: Recommendation
    state: LoopState


def loop_state(recommendation: Recommendation, today: date) -> LoopState:
    """Computed from the recommendation and the day."""
    if recommendation.status == "completed":
        return LoopState.IMPLEMENTED
    if not recommendation.is_open():
        return LoopState.DEVIATED
    return LoopState.OVERDUE if recommendation.is_overdue(today) else LoopState.OPEN


async def loops(care: FhirClient, today: date) -> tuple[Loop, ...]:
    """All released recommendations, overdue first, then by due date. Empty when none was released."""
    return loops_of(await all_cases(care), today)


def loops_of(cases: Iterable[BoardCase], today: date) -> tuple[Loop, ...]:
    """The same for cases that were read already."""
    found = [
        Loop(case, each, loop_state(each, today))
        for case in cases
        if case.released and case.decision is not None
        for each in case.decision.recommendations
    ]
    order = list(LoopState)
    return tuple(
        sorted(found, key=lambda each: (order.index(each.state), each.recommendation.due or date.max))
    )


def known_share(found: tuple[Loop, ...]) -> int | None:
    """The share of recommendations whose end is known (done or deviated) in percent, rounded down; None
    for no loop."""
    ended = sum(each.state in (LoopState.IMPLEMENTED, LoopState.DEVIATED) for each in found)
    return 100 * ended // len(found) if found else None


async def mark_implemented(
    care: FhirClient, case: BoardCase, recommendation_id: str, version: str, proof: str, actor: Actor
) -> BoardCase:
    """Close a loop as done. `proof` names what shows it (a reference such as "Procedure/1 at chemnitz", or
    words)."""
    _text(proof, "proof", "What shows that it was done is missing.")
    done = replace(
        _open_one(case, recommendation_id), status="completed", proof=proof.strip(), deviation=None
    )
    return await _store(care, case, done, version, actor)


async def mark_deviated(
    care: FhirClient,
    case: BoardCase,
    recommendation_id: str,
    version: str,
    deviation: Deviation,
    actor: Actor,
) -> BoardCase:
    """Close a loop as not followed, with its reason. Raises `InvalidInput` for a reason that is not in the
    catalogue."""
    words = catalogue.words()
    catalogue.term(words.reasons, deviation.reason, "reason")
    catalogue.term(words.patient_wish, deviation.wish, "answer about the patient's wish")
    before = _open_one(case, recommendation_id)
    status = "stopped" if before.status == "in-progress" else "cancelled"
    return await _store(care, case, replace(before, status=status, deviation=deviation), version, actor)


def _open_one(case: BoardCase, recommendation_id: str) -> Recommendation:
    decision = case.decision
    if decision is None or not case.released:
        raise Unprocessable(
            "The decision is not released yet.",
            rule=_RULE,
            next_step="Release it to patient and practice first.",
        )
    for each in decision.recommendations:
        if each.id == recommendation_id:
            return _require_open(each)
    raise NotFound("The decision has no such recommendation.", next_step="Open the follow-up list again.")


def _require_open(each: Recommendation) -> Recommendation:
    if not each.is_open():
        raise Unprocessable(
            "This recommendation is closed already.",
            rule=_RULE,
            next_step="Register the case again if it changed.",
        )
    return each


async def _store(
    care: FhirClient, case: BoardCase, changed: Recommendation, version: str, actor: Actor
) -> BoardCase:
    require(actor, Act.FOLLOW_UP)
    if case.plan is None or case.decision is None:
        raise Unprocessable("The case has no plan.", rule=_RULE)
    decision = case.decision.with_recommendation(changed)
    plan = {**to_care_plan(decision, case.plan), "status": "active" if _is_open(decision) else "completed"}
    changes = [plan]
    duty = await _duty(care, case, changed)
    if duty is not None:
        changes.append(duty)
    if not _is_open(decision):
        changes.append({**case.task, "status": "completed"})
    versions = [version, *(version_of(each) for each in changes[1:])]
    await care.transaction(transaction(list(zip(changes, versions, strict=True))))
    return await load_case(care, case.id)


async def _duty(care: FhirClient, case: BoardCase, changed: Recommendation) -> Resource | None:
    try:
        task = await care.read("Task", f"{case.id}-{changed.id}"[:64])
    except NotFound:
        return None
    return {**task, "status": "completed" if changed.status == "completed" else "cancelled"}


def _is_open(decision: Decision) -> bool:
    return any(each.is_open() for each in decision.recommendations)


def _text(text: str, where: str, what: str) -> None:
    if not text.strip():
        raise InvalidInput(what, where=where, rule=_RULE, next_step="Say in a few words.")
