"""Whatever a board decides survives the way into the CarePlan and back, and never disagrees with the
profile's rule."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.case import CaseState, read_case
from mihub.care.tumour_board.decision import (
    OPEN,
    Decision,
    Deviation,
    Participant,
    Recommendation,
    Signature,
    from_care_plan,
    to_care_plan,
)
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId

_WORDS = catalogue.words()
_TEXT = st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
_MAYBE = st.one_of(st.just(""), _TEXT)
_DAYS = st.dates(date(2020, 1, 1), date(2035, 1, 1))


def _codes(terms: tuple[catalogue.Term, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([each.code for each in terms])


@st.composite
def recommendations(draw: st.DrawFn, position: int = 1) -> Recommendation:
    status = draw(st.sampled_from([*sorted(OPEN), "completed", "cancelled", "stopped"]))
    deviated = status in ("cancelled", "stopped")
    deviation = st.builds(Deviation, _codes(_WORDS.patient_wish), _codes(_WORDS.reasons), _MAYBE)
    return Recommendation(
        id=f"r{position}",
        kind=draw(_codes(_WORDS.therapies)),
        text=draw(_TEXT),
        priority=draw(st.integers(1, 9)),
        evidence=draw(st.one_of(st.just(""), _codes(_WORDS.evidence))),
        responsible=draw(st.one_of(st.none(), st.sampled_from([MemberId("chemnitz"), MemberId("praxis-a")]))),
        due=draw(st.one_of(st.none(), _DAYS)),
        status=status,
        proof=draw(_TEXT) if status == "completed" else "",
        deviation=draw(deviation) if deviated else None,
    )


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    number = draw(st.integers(0, 4))
    return Decision(
        conference=draw(_codes(_WORDS.conferences)),
        day=draw(_DAYS),
        recommendations=tuple(draw(recommendations(position)) for position in range(1, number + 1)),
        participants=tuple(
            draw(st.lists(st.builds(Participant, _TEXT, _codes(_WORDS.disciplines)), max_size=3))
        ),
        dissent=draw(_MAYBE),
        preference=draw(_MAYBE),
        author="Koordination",
        author_id="co",
        signature=draw(
            st.one_of(st.none(), st.builds(Signature, _TEXT, _TEXT, st.just("2026-11-23T10:00:00Z")))
        ),
    )


def _base() -> Resource:
    return {"resourceType": "CarePlan", "id": "x", "status": "draft", "subject": {"reference": "Patient/1"}}


@given(decisions())
def test_a_decision_survives_the_way_into_the_plan_and_back(decision: Decision) -> None:
    assert from_care_plan(to_care_plan(decision, _base())) == decision


@given(decisions(), decisions())
def test_a_later_decision_replaces_the_earlier_one_without_a_rest(first: Decision, second: Decision) -> None:
    once = to_care_plan(second, _base())
    twice = to_care_plan(second, to_care_plan(first, _base()))
    assert from_care_plan(twice) == second
    assert twice == once


@given(decisions())
def test_a_stopped_or_cancelled_recommendation_always_states_its_reason(decision: Decision) -> None:
    for activity in to_care_plan(decision, _base()).get("activity", []):
        if activity["detail"]["status"] in ("cancelled", "stopped"):
            assert activity["detail"]["statusReason"]["coding"][0]["code"] in ("J", "N", "U")


@given(decisions(), st.sampled_from(["draft", "active", "completed"]), st.booleans())
def test_a_case_is_closed_only_when_no_loop_is_open(decision: Decision, status: str, withheld: bool) -> None:
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}
    meta = {"security": [label]} if withheld else {}
    plan = {**to_care_plan(decision, _base()), "status": status, "meta": meta}
    case = read_case({"resourceType": "Task", "id": "x", "status": "requested"}, plan)
    is_open = any(each.is_open() for each in decision.recommendations)
    if case.state is CaseState.CLOSED:
        assert not is_open
        assert case.released
    if withheld or status == "draft":
        assert not case.released
