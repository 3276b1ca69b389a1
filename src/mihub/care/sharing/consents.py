"""Consents as a patient can read them: what for, allowed or not, until when. Read only; changing is a later
issue.

Broad-consent policy codes are grouped into few plain questions; codes that no group knows are counted, not
hidden. Source: MII broad consent policy value set (urn:oid:2.16.840.1.113883.3.1937.777.24.5.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from mihub.care.journeys import facts
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId

# Last part of the policy code -> the plain question it belongs to (text key `patient.sharing.topic.…`).
_GROUPS: Final = {
    "research_data": (*range(1, 10),),
    "earlier_data": (44, 45, 46, 47),
    "insurance": (*range(10, 18), 38, 39),
    "samples": (*range(18, 26), 50, 51, 52, 53),
    "contact": (26, 27, 28, 29),
    "findings": (30, 31, 37),
    "questionnaires": (63, 64, 65, 66),
    "practice": (61, 62, 99, 100, 101),
    "third_country": (48, 49, 54, 55),
}
TOPICS: Final = {str(number): topic for topic, numbers in _GROUPS.items() for number in numbers}


@dataclass(frozen=True, slots=True)
class Answer:
    """One plain question with its answer and its end."""

    topic: str
    is_permitted: bool
    until: str


@dataclass(frozen=True, slots=True)
class ConsentView:
    """One consent document. `kind`: research or sharing. `state`: active, withdrawn, expired."""

    kind: str
    members: tuple[MemberId, ...]
    state: str
    given: str
    until: str
    answers: tuple[Answer, ...]
    other_rules: int


def consent_view(consent: Resource, member: str, today: str) -> ConsentView:
    """One Consent of any shape."""
    codes = {code for _, code, _ in facts.codings(consent.get("scope"), consent.get("category"))}
    provision = facts.mapping(consent.get("provision"))
    until = str(facts.mapping(provision.get("period")).get("end", ""))
    answers, other = _answers(provision)
    return ConsentView(
        "research" if codes & {"research", "57016-8"} else "sharing",
        (MemberId(member),),
        _state(consent, until, today),
        str(consent.get("dateTime", "")),
        until,
        answers,
        other,
    )


def is_said(consent: Resource) -> bool:
    """Whether this is a statement of the patient: a draft is none yet, an entry made in error never was one."""
    return consent.get("status") not in ("draft", "proposed", "entered-in-error")


def merged(views: Iterable[ConsentView]) -> list[ConsentView]:
    """The same statement kept at several sites, once; newest first."""
    found: dict[ConsentView, ConsentView] = {}
    for view in views:
        key = replace(view, members=())
        before = found.get(key, key)
        found[key] = replace(view, members=tuple(dict.fromkeys((*before.members, *view.members))))
    return sorted(found.values(), key=lambda view: view.given, reverse=True)


def _state(consent: Resource, until: str, today: str) -> str:
    if consent.get("status") in ("inactive", "rejected"):
        return "withdrawn"
    return "expired" if until and until[:10] < today else "active"


def _answers(provision: dict[str, Any]) -> tuple[tuple[Answer, ...], int]:
    found: dict[str, Answer] = {}
    other = 0
    for rule in _rules(provision):
        for _, code, _ in facts.codings(rule.get("code")):
            topic = TOPICS.get(code.rpartition(".")[2])
            if topic is None:
                other += 1
                continue
            answer = Answer(
                topic, rule.get("type") == "permit", str(facts.mapping(rule.get("period")).get("end", ""))
            )
            # A refusal anywhere in a topic is what the patient must see.
            if topic not in found or not answer.is_permitted:
                found[topic] = answer
    return tuple(found.values()), other


def _rules(provision: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield provision
    for inner in facts.items(provision.get("provision")):
        yield from _rules(facts.mapping(inner))
