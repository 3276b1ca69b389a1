"""A board's decision as a value, and its two ways: to the CarePlan of the MII profile Tumorkonferenz and
back.

`from_care_plan(to_care_plan(d)) == d`. What the profile has no place for (priority, evidence, our reason
of a deviation, signature) stands in extensions of ours beside the coded answers of oBDS, never in their
place. Above: `deciding`, `release`, `follow_up`. Below: `terms`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from mihub.care.tumour_board import terms
from mihub.core.fhir import Json, Resource
from mihub.core.policy.actor import Actor, MemberId

OPEN = frozenset({"not-started", "scheduled", "in-progress", "on-hold"})


@dataclass(frozen=True, slots=True)
class Deviation:
    """Why a recommendation was not followed: the oBDS answer (J, N, U), our reason, and words."""

    wish: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommendation. `kind` is the oBDS type, `priority` counts from 1 = first, `responsible` may be
    empty.

    `status` is that of CarePlan.activity.detail; `proof` says what shows that it was done (a reference or
    words).
    """

    id: str
    kind: str
    text: str
    priority: int
    evidence: str = ""
    responsible: MemberId | None = None
    due: date | None = None
    status: str = "not-started"
    proof: str = ""
    deviation: Deviation | None = None

    def is_open(self) -> bool:
        """Neither done nor deviated."""
        return self.status in OPEN

    def is_overdue(self, today: date) -> bool:
        """Open after its due date."""
        return self.is_open() and self.due is not None and self.due < today


@dataclass(frozen=True, slots=True)
class Participant:
    """Who was there, for which discipline."""

    name: str
    discipline: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, and when (UTC, ISO)."""

    name: str
    actor_id: str
    at: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the board decided. An empty decision is the draft that registration leaves."""

    conference: str
    day: date
    recommendations: tuple[Recommendation, ...] = ()
    participants: tuple[Participant, ...] = ()
    dissent: str = ""
    preference: str = ""
    author: str = ""
    author_id: str = ""
    signature: Signature | None = None

    def with_recommendation(self, changed: Recommendation) -> Decision:
        """The decision with one recommendation replaced by its id."""
        kept = tuple(changed if each.id == changed.id else each for each in self.recommendations)
        return replace(self, recommendations=kept)


def to_care_plan(decision: Decision, base: Resource) -> Resource:
    """`base` (the stored plan with id, subject, addresses, status, labels) with the decision written into
    it."""
    plan: Json = {
        **base,
        "intent": "plan",
        "category": [terms.coded(terms.CONFERENCE_KIND, decision.conference)],
        "created": decision.day.isoformat(),
        "activity": [_activity(each) for each in decision.recommendations],
        "contributor": [_contributor(each) for each in decision.participants],
        "note": _notes(decision),
        "extension": [*_foreign_extensions(base), *_signature(decision)],
    }
    if decision.author:
        plan["author"] = _person(decision.author, decision.author_id)
    return {name: value for name, value in plan.items() if value != []}


def from_care_plan(plan: Resource) -> Decision:
    """The decision that a plan holds; what oBDS import wrote without our extensions is read as far as it
    goes."""
    author = plan.get("author", {})
    return Decision(
        conference=next(
            (terms.code_of(each, terms.CONFERENCE_KIND) for each in plan.get("category", [])), ""
        ),
        day=_day(plan),
        recommendations=tuple(
            _recommendation(each, at) for at, each in enumerate(plan.get("activity", []), 1)
        ),
        participants=tuple(_participant(each) for each in plan.get("contributor", [])),
        dissent=_note(plan, "dissent"),
        preference=_note(plan, "preference"),
        author=str(author.get("display", "")),
        author_id=str(author.get("identifier", {}).get("value", "")),
        signature=_signed(plan),
    )


def _day(plan: Resource) -> date:
    """The day of the board; the first day there is for a plan of another program that does not say it."""
    try:
        return date.fromisoformat(str(plan.get("created") or plan.get("period", {}).get("start"))[:10])
    except ValueError:
        return date.min


def sign(decision: Decision, actor: Actor, at: str) -> Decision:
    """The decision with a signature."""
    return replace(decision, signature=Signature(actor.name, actor.id, at))


def _activity(each: Recommendation) -> Json:
    detail: Json = {
        "extension": [terms.extension(terms.PRIORITY, valuePositiveInt=each.priority)],
        "code": terms.coded(terms.THERAPY_KIND, each.kind),
        "status": each.status,
        "description": each.text,
    }
    if each.evidence:
        detail["extension"].append(terms.extension(terms.EVIDENCE, valueString=each.evidence))
    if each.responsible:
        detail["performer"] = [terms.member_reference(each.responsible)]
    if each.due:
        detail["scheduledPeriod"] = {"end": each.due.isoformat()}
    if each.deviation:
        detail["statusReason"] = _status_reason(each.deviation)
        coding = {"system": terms.DEVIATION_REASON, "code": each.deviation.reason}
        detail["extension"].append(terms.extension(terms.REASON, valueCoding=coding))
    activity: Json = {"id": each.id, "detail": detail}
    if each.proof:
        activity["progress"] = [{"text": each.proof}]
    return activity


def _status_reason(deviation: Deviation) -> Json:
    reason = terms.coded(terms.PATIENT_WISH, deviation.wish)
    return {**reason, "text": deviation.text} if deviation.text else reason


def _recommendation(activity: Json, position: int) -> Recommendation:
    detail = activity.get("detail", {})
    due = str(detail.get("scheduledPeriod", {}).get("end", ""))[:10]
    performers = [each.get("identifier", {}).get("value", "") for each in detail.get("performer", [])]
    return Recommendation(
        id=str(activity.get("id", f"r{position}")),
        kind=terms.code_of(detail.get("code"), terms.THERAPY_KIND),
        text=str(detail.get("description", "")),
        priority=_whole(terms.extension_value(detail, terms.PRIORITY, "valuePositiveInt"), position),
        evidence=str(terms.extension_value(detail, terms.EVIDENCE, "valueString") or ""),
        responsible=MemberId(str(performers[0])) if performers and performers[0] else None,
        due=date.fromisoformat(due) if len(due) == 10 else None,
        status=str(detail.get("status", "unknown")),
        proof=next((str(each.get("text", "")) for each in activity.get("progress", [])), ""),
        deviation=_deviation(detail),
    )


def _deviation(detail: Json) -> Deviation | None:
    stated = detail.get("statusReason")
    if not stated:
        return None
    coding = terms.extension_value(detail, terms.REASON, "valueCoding")
    reason = str(coding.get("code", "")) if isinstance(coding, dict) else ""
    return Deviation(terms.code_of(stated, terms.PATIENT_WISH), reason, str(stated.get("text", "")))


def _contributor(each: Participant) -> Json:
    coding = {"system": terms.DISCIPLINE, "code": each.discipline}
    return {"display": each.name, "extension": [terms.extension(terms.DISCIPLINE, valueCoding=coding)]}


def _participant(reference: Json) -> Participant:
    coding = terms.extension_value(reference, terms.DISCIPLINE, "valueCoding")
    code = str(coding.get("code", "")) if isinstance(coding, dict) else ""
    return Participant(str(reference.get("display", "")), code)


def _notes(decision: Decision) -> list[Json]:
    texts = (("dissent", decision.dissent), ("preference", decision.preference))
    return [
        {"extension": [terms.extension(terms.NOTE_KIND, valueCode=kind)], "text": text}
        for kind, text in texts
        if text
    ]


def _note(plan: Resource, kind: str) -> str:
    for note in plan.get("note", []):
        if terms.extension_value(note, terms.NOTE_KIND, "valueCode") == kind:
            return str(note.get("text", ""))
    return ""


def _signature(decision: Decision) -> list[Json]:
    signed = decision.signature
    if signed is None:
        return []
    parts = [
        terms.extension("who", valueReference=_person(signed.name, signed.actor_id)),
        terms.extension("when", valueInstant=signed.at),
    ]
    return [{"url": terms.SIGNATURE, "extension": parts}]


def _signed(plan: Resource) -> Signature | None:
    found = (each for each in plan.get("extension", []) if each.get("url") == terms.SIGNATURE)
    signature = next(found, None)
    if signature is None:
        return None
    who: Any = terms.extension_value(signature, "who", "valueReference") or {}
    at = str(terms.extension_value(signature, "when", "valueInstant") or "")
    return Signature(str(who.get("display", "")), str(who.get("identifier", {}).get("value", "")), at)


def _foreign_extensions(base: Resource) -> list[Json]:
    return [each for each in base.get("extension", []) if each.get("url") != terms.SIGNATURE]


def _person(name: str, actor_id: str) -> Json:
    return {"display": name, "identifier": {"system": terms.ACTOR, "value": actor_id}}


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
