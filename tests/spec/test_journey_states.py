"""A pathway's states by table: facts in, state of each step and phase out. Nothing is stored, nothing is guessed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.care.journeys.course import pathways
from mihub.core.journey import Fact, StepStatus, compute, parse_pathway
from mihub.core.journey.state import covers
from mihub.errors import ConfigurationError

_TODAY = date(2026, 11, 23)
_BOTH = {"de": "x", "en": "x"}
_DOCUMENT = {
    "id": "https://mihub.example/fhir/pathway/test",
    "version": "1",
    "title": _BOTH,
    "applies_to": ["diagnosis.lung"],
    "phases": [
        {
            "id": "early",
            "title": _BOTH,
            "text": _BOTH,
            "steps": [
                {
                    "id": "scan",
                    "title": _BOTH,
                    "owner": "gp",
                    "evidence": ["imaging.ldct"],
                    "only_if": ["imaging.ldct"],
                }
            ],
        },
        {
            "id": "clarify",
            "title": _BOTH,
            "text": _BOTH,
            "steps": [
                {"id": "diagnosis", "title": _BOTH, "owner": "oncologist", "evidence": ["diagnosis"]},
                {
                    "id": "stage",
                    "title": _BOTH,
                    "owner": "oncologist",
                    "evidence": ["stage"],
                    "after": "diagnosis",
                    "within_days": 14,
                },
            ],
        },
        {
            "id": "treat",
            "title": _BOTH,
            "text": _BOTH,
            "steps": [
                {
                    "id": "treatment",
                    "title": _BOTH,
                    "owner": "oncologist",
                    "evidence": ["operation", "systemic"],
                    "unless": ["supportive"],
                }
            ],
        },
    ],
}
_PATHWAY = parse_pathway(_DOCUMENT, "test")


def _ago(kind: str, days: int, *, planned: bool = False) -> Fact:
    return Fact(kind, _TODAY - timedelta(days=days), "x/Y/1", planned)


@pytest.mark.parametrize(
    ("facts", "steps", "phases"),
    [
        ([], "n/a ahead ahead ahead", "n/a ahead ahead"),
        ([_ago("diagnosis.lung", 3)], "n/a done due ahead", "n/a due ahead"),
        ([_ago("diagnosis.lung", 20)], "n/a done overdue ahead", "n/a due ahead"),
        ([_ago("diagnosis.lung", 14)], "n/a done due ahead", "n/a due ahead"),
        ([_ago("diagnosis.lung", 15)], "n/a done overdue ahead", "n/a due ahead"),
        ([_ago("diagnosis.lung", 20), _ago("stage.tnm", 5)], "n/a done done ahead", "n/a done ahead"),
        ([_ago("diagnosis.lung", 20), _ago("stage.tnm", 25)], "n/a done overdue ahead", "n/a due ahead"),
        ([_ago("diagnosis.lung", 20), _ago("stage.tnm", -3)], "n/a done planned ahead", "n/a due ahead"),
        (
            [_ago("diagnosis.lung", 20), _ago("stage.tnm", 2, planned=True)],
            "n/a done planned ahead",
            "n/a due ahead",
        ),
        ([_ago("imaging.ldct", 40)], "done ahead ahead ahead", "done ahead ahead"),
        ([_ago("imaging.ct", 40)], "n/a ahead ahead ahead", "n/a ahead ahead"),
        ([_ago("operation.lung", 4)], "n/a n/a ahead done", "n/a ahead done"),
        ([_ago("diagnosis.lung", 30), _ago("operation.lung", 4)], "n/a done overdue done", "n/a done done"),
        ([_ago("diagnosis.lung", 3), _ago("supportive.care", 1)], "n/a done due n/a", "n/a due n/a"),
        ([Fact("diagnosis.lung", None, "x/Y/1")], "n/a done ahead ahead", "n/a due ahead"),
    ],
)
def test_states(facts: list[Fact], steps: str, phases: str) -> None:
    journey = compute(_PATHWAY, facts, _TODAY)
    short = {StepStatus.NOT_APPLICABLE: "n/a"}
    found = [state.status for phase in journey.phases for state in phase.steps]
    assert " ".join(short.get(status, status.value) for status in found) == steps
    assert " ".join(short.get(phase.status, phase.status.value) for phase in journey.phases) == phases


def test_evidence_and_due_day_are_given() -> None:
    journey = compute(_PATHWAY, [_ago("diagnosis.lung", 20), _ago("stage.tnm", 5)], _TODAY)
    stage = journey.phases[1].steps[1]
    assert stage.due == _TODAY - timedelta(days=6)
    assert [fact.kind for fact in stage.evidence] == ["stage.tnm"]


def test_the_current_phase_is_the_one_that_waits() -> None:
    journey = compute(_PATHWAY, [_ago("diagnosis.lung", 20)], _TODAY)
    assert journey.current is not None
    assert journey.current.phase.id == "clarify"


@pytest.mark.parametrize(
    ("evidence", "kind", "expected"),
    [
        ("imaging", "imaging.ct", True),
        ("imaging.ct", "imaging.ct", True),
        ("imaging", "imagination", False),
        ("imaging.ct", "imaging", False),
    ],
)
def test_covers(evidence: str, kind: str, expected: bool) -> None:
    assert covers(evidence, kind) is expected


_KINDS = st.sampled_from(
    ["diagnosis.lung", "stage.tnm", "operation.lung", "imaging.ldct", "supportive.care", "other", ""]
)
_FACTS = st.lists(
    st.builds(
        Fact,
        _KINDS,
        st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2030, 1, 1))),
        st.just("x/Y/1"),
        st.booleans(),
    ),
    max_size=8,
)


@given(_FACTS, st.dates(date(2021, 1, 1), date(2029, 1, 1)))
def test_done_always_has_evidence_and_order_never_matters(facts: list[Fact], today: date) -> None:
    for pathway in (_PATHWAY, *pathways()):
        journey = compute(pathway, facts, today)
        for phase in journey.phases:
            for state in phase.steps:
                assert (state.status is StepStatus.DONE) <= bool(state.evidence)
                assert (state.status is StepStatus.OVERDUE) <= (state.due is not None and state.due < today)
        backwards = compute(pathway, list(reversed(facts)), today)
        statuses = [[state.status for state in phase.steps] for phase in journey.phases]
        assert statuses == [[state.status for state in phase.steps] for phase in backwards.phases]


@given(_FACTS, st.dates(date(2021, 1, 1), date(2029, 1, 1)))
def test_a_new_fact_never_undoes_a_step_without_anchor(facts: list[Fact], today: date) -> None:
    before = compute(_PATHWAY, facts, today).phases[1].steps[0]
    after = compute(_PATHWAY, [*facts, Fact("diagnosis.lung", today, "x/Y/2")], today).phases[1].steps[0]
    assert after.status is StepStatus.DONE
    assert before.status is not StepStatus.DONE or after.status is StepStatus.DONE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": None}, None),
        ({"phases": [{"id": "a", "title": _BOTH, "text": _BOTH, "steps": [{"id": "s"}]}]}, "'evidence'"),
        ({"title": {"de": "nur deutsch"}}, "`de` and `en`"),
    ],
)
def test_a_broken_pathway_names_the_place(change: dict[str, object], words: str | None) -> None:
    if words is None:
        document = {name: value for name, value in _DOCUMENT.items() if name not in change}
        words = "'version'"
    else:
        document = {**_DOCUMENT, **change}
    with pytest.raises(ConfigurationError) as caught:
        parse_pathway(document, "lung.yaml")
    assert words in caught.value.what
    assert "lung.yaml" in caught.value.where


def test_our_pathways_are_not_verified_without_an_approver() -> None:
    for pathway in pathways():
        assert pathway.is_verified == bool(pathway.approver)
