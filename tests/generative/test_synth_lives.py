"""Lives of any seed are possible, stay the same whoever else lives, and every impossible case is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.fhir import Resource
from mihub.errors import Unprocessable
from mihub.synth import plausibility
from mihub.synth.events import Board, Death, Operation, TumourCourse
from mihub.synth.fhir.record import write_record
from mihub.synth.life import Illness, Life, draw
from mihub.synth.records import patient_number
from mihub.synth.story import CASES, story_life
from mihub.synth.tobacco import Smoked, Tobacco

TODAY = date(2026, 11, 23)
_DAYS = st.dates(date(2026, 6, 1), date(2031, 12, 31))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 200_000), _DAYS)
def test_no_life_breaks_a_rule(seed: int, index: int, today: date) -> None:
    assert list(plausibility.violations(draw(seed, index, today), today)) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, len(CASES) - 1), _DAYS)
def test_no_special_life_breaks_a_rule(seed: int, index: int, today: date) -> None:
    assert list(plausibility.violations(story_life(seed, index, today), today)) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 100_000))
def test_a_person_does_not_depend_on_who_was_drawn_before(seed: int, index: int) -> None:
    alone = draw(seed, index, TODAY)
    for before in range(max(0, index - 3), index):
        draw(seed, before, TODAY)
    assert draw(seed, index, TODAY) == alone


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(("dresden", "praxis-a", "netzwerk", "praxis-b")),
    st.integers(0, 99_999),
    st.integers(0, 99_999),
)
def test_two_people_never_share_a_patient_number(member: str, one: int, other: int) -> None:
    assert (patient_number(member, one) == patient_number(member, other)) == (one == other)
    assert patient_number(member, one) != patient_number(member, other, copy=1)


def _kerstin() -> Life:
    return story_life(1, 0, TODAY)


def _tumour(life: Life) -> TumourCourse:
    assert life.tumour is not None
    return life.tumour


def _with_events(life: Life, **changes: object) -> Life:
    return replace(life, tumour=replace(_tumour(life), **changes))  # type: ignore[arg-type]  # names vary by case


def _impossible() -> dict[str, Life]:
    life = _kerstin()
    events = _tumour(life).events
    diagnosed = _tumour(life).diagnosis.day
    early = Board(diagnosed - timedelta(days=3), "dresden", "praeth", ("OP",))
    dead = Death(TODAY - timedelta(days=100), "dresden", True, "C34.1")
    future = replace(life, death=TODAY + timedelta(days=1))
    operation = next(event for event in events if isinstance(event, Operation))
    metastasised = replace(_tumour(life).diagnosis, metastases=("BRA",))
    kept = tuple(record for record in life.records if record.member != "cottbus")
    overlapping = (Smoked(date(1985, 1, 1), date(1999, 1, 1), 20), Smoked(date(1998, 1, 1), None, 20))
    return {
        "Board before the diagnosis": _with_events(life, events=(early, *events)),
        "after death or in the future": replace(_with_events(life, events=(*events, dead)), death=dead.day),
        "dies in the future": future,
        "treated before any board": _with_events(life, events=(operation,)),
        "a postoperative board without an operation before": _with_events(
            life, events=tuple(event for event in events if event is not operation)
        ),
        "metastases and M category disagree": _with_events(life, diagnosis=metastasised),
        "a hospital documents somebody it does not know": replace(life, records=kept),
        "two intervals overlap": replace(life, tobacco=Tobacco("current", overlapping, "eligible")),
        "a recurrence that no assessment found": _with_events(life, recurrence=TODAY - timedelta(days=1)),
        "an illness begins outside of the life": replace(
            life, illnesses=(Illness("I10.90", date(1900, 1, 1)),)
        ),
        "known nowhere": replace(life, records=()),
        "consent withdrawn before it was given": replace(
            life, research=replace(life.research, withdrawn=life.research.given - timedelta(days=1))
        ),
    }


@pytest.mark.parametrize("reason", _impossible())
def test_an_impossible_case_is_refused_with_its_reason(reason: str) -> None:
    with pytest.raises(Unprocessable, match="impossible life"):
        plausibility.refuse_impossible(_impossible()[reason], TODAY)
    assert any(reason in found for found in plausibility.violations(_impossible()[reason], TODAY))


def test_the_refusal_says_which_person_but_no_name() -> None:
    broken = replace(_kerstin(), records=())
    with pytest.raises(Unprocessable) as refused:
        plausibility.refuse_impossible(broken, TODAY)
    assert "person 0" in str(refused.value)
    assert "Muster" not in str(refused.value)


_HAPPENED = (
    "effectiveDateTime", "performedDateTime", "started", "recordedDate", "onsetDateTime", "issued", "sent",
    "authored", "authoredOn", "lastModified", "dateTime", "date",
)  # fmt: skip
_PLANNED = ("CarePlan", "Appointment")


def _days(resource: Resource) -> Iterator[str]:
    yield from (str(resource[name])[:10] for name in _HAPPENED if name in resource)
    if resource["resourceType"] == "Encounter":
        yield from (str(value)[:10] for value in resource["period"].values())


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 500), st.integers(0, 50_000), _DAYS)
def test_no_site_writes_a_fact_before_birth_after_death_or_in_the_future(
    seed: int, index: int, today: date
) -> None:
    life = draw(seed, index, today)
    last, first = (life.death or today).isoformat(), life.person.birth_date.isoformat()
    for record in life.records:
        for resource in write_record(seed, life, record, today):
            if resource["resourceType"] not in _PLANNED:
                assert all(first <= day <= last for day in _days(resource)), resource["resourceType"]
