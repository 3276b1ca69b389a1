"""Write the decision and sign it: a draft that several may edit, then two pairs of eyes.

The second of two editors is told and sees both versions; nothing is overwritten. The signer is never the
author. Above: the portal. Below: `decision`, `case`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.case import BoardCase, CaseState, load_case
from mihub.care.tumour_board.decision import Decision, Recommendation, from_care_plan, sign, to_care_plan
from mihub.care.tumour_board.permissions import Act, require
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Actor
from mihub.errors import Conflict, Forbidden, InvalidInput, PreconditionFailed, Unprocessable

_RULE = "care.tumour_board.deciding"


@dataclass(frozen=True, slots=True)
class Conflicting:
    """Somebody else saved first: `mine` was not stored, `theirs` is what stands now, at `version`."""

    mine: Decision
    theirs: Decision
    version: str


async def save_draft(
    care: FhirClient, case: BoardCase, decision: Decision, version: str, actor: Actor
) -> BoardCase | Conflicting:
    """Store the draft that was edited from `version`; a `Conflicting` when that version is no longer the
    current one.

    Raises `InvalidInput` for an incomplete decision, `Unprocessable` when it is signed already.
    """
    require(actor, Act.DECIDE)
    _check(decision)
    plan = _draft_of(case)
    mine = replace(decision, author=actor.name, author_id=actor.id, signature=None)
    try:
        await care.update(to_care_plan(mine, plan), if_match=version)
    except (PreconditionFailed, Conflict):
        return await _conflict(care, case, mine)
    return await load_case(care, case.id)


async def sign_decision(
    care: FhirClient, case: BoardCase, version: str, actor: Actor, now: datetime
) -> BoardCase:
    """Make the draft the board's decision. Raises `Forbidden` when the author signs, `PreconditionFailed`
    when the
    draft changed since it was read.
    """
    require(actor, Act.SIGN)
    plan, decision = _draft_of(case), case.decision
    if decision is None or case.state is not CaseState.DRAFTED:
        raise Unprocessable(
            "There is no draft to sign.", rule=_RULE, next_step="Write at least one recommendation first."
        )
    if decision.author_id == actor.id:
        raise Forbidden(
            "The author of a decision may not sign it.",
            rule="four eyes (care.tumour_board.deciding)",
            next_step="Ask another specialist who took part.",
        )
    signed = sign(decision, actor, now.isoformat(timespec="seconds"))
    await care.update({**to_care_plan(signed, plan), "status": "active"}, if_match=version)
    return await load_case(care, case.id)


async def _conflict(care: FhirClient, case: BoardCase, mine: Decision) -> Conflicting:
    current = await load_case(care, case.id)
    if current.plan is None:
        raise Unprocessable("The draft is gone.", rule=_RULE, next_step="Open the case again.")
    return Conflicting(mine, from_care_plan(current.plan), current.version)


def _draft_of(case: BoardCase) -> Resource:
    if case.state in (CaseState.WITHDRAWN, CaseState.POSTPONED):
        raise Unprocessable(
            "This case is on no agenda.", rule=_RULE, next_step="Give the case a date of the board first."
        )
    if case.plan is None or case.plan.get("status") != "draft":
        raise Unprocessable(
            "This decision is signed and can not be changed.",
            rule=_RULE,
            next_step="Register the case again for a new decision.",
        )
    return case.plan


def _check(decision: Decision) -> None:
    words = catalogue.words()
    catalogue.term(words.conferences, decision.conference, "kind of conference")
    if not decision.recommendations:
        raise _missing("The decision has no recommendation.", "recommendations")
    if not decision.participants:
        raise _missing("The decision names nobody who took part.", "participants")
    for participant in decision.participants:
        catalogue.term(words.disciplines, participant.discipline, "discipline")
    for each in decision.recommendations:
        _check_recommendation(each, words)
    ids = [each.id for each in decision.recommendations]
    if len(set(ids)) != len(ids):
        raise _missing("Two recommendations carry the same id.", "recommendations")


def _check_recommendation(each: Recommendation, words: catalogue.Words) -> None:
    catalogue.term(words.therapies, each.kind, "type of recommendation")
    if not each.text.strip():
        raise _missing("A recommendation has no text.", f"recommendation {each.id}")
    if each.priority < 1:
        raise _missing("A priority counts from 1.", f"recommendation {each.id}")


def _missing(what: str, where: str) -> InvalidInput:
    return InvalidInput(what, where=where, rule=_RULE, next_step="Complete the form and save again.")
