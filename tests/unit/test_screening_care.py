"""The screening room: history in and out of FHIR, worklist, blocking items, referral that happens once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import pytest

from mihub.care.client import MemoryFhirClient
from mihub.care.referrals.lists import referral, referrals
from mihub.care.referrals.person import stable_id
from mihub.care.referrals.terms import KVNR
from mihub.care.screening.assessment import assess_one
from mihub.care.screening.history import interval_observation, read_history, read_prior_ct
from mihub.care.screening.recording import add_interval, end_interval, record_last_ct, withdraw_interval
from mihub.care.screening.referral import Order, blocking, refer
from mihub.care.screening.report import report_sections
from mihub.care.screening.rule import screening_rule
from mihub.care.screening.worklist import Standing, worklist
from mihub.core.fhir import Resource
from mihub.core.fhir.client import Parameters
from mihub.core.policy.actor import Actor, MemberId, Role
from mihub.core.rules.receipt import Decision
from mihub.errors import Conflict, InvalidInput, NotFound, Unavailable, Unprocessable

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PRACTICE, RADIOLOGY = MemberId("praxis-a"), MemberId("radiologie")
GP = Actor("praxis-a/gp", "Dr. Probe", Role.GP, PRACTICE)
ALL_ITEMS = frozenset(item.id for item in screening_rule().checklist)
T = TypeVar("T")


def run(awaitable: Awaitable[T]) -> T:
    async def main() -> T:
        return await awaitable

    return asyncio.run(main())


def person(patient_id: str, family: str, born: str, **more: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "name": [{"family": family, "given": ["Probe"]}],
        "birthDate": born,
        "identifier": [{"system": KVNR, "value": f"A00000000{patient_id[-1]}"}],
        **more,
    }


def smokes(patient_id: str, start: str = "1985", end: str = "", per_day: int | None = 20) -> Resource:
    amount = None if per_day is None else Decimal(per_day)
    return interval_observation(patient_id, start, end, amount, TODAY)


def no_ct(patient_id: str) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {
            "coding": [
                {"system": "https://mihub.example/fhir/CodeSystem/observation", "code": "last-lung-ct"}
            ]
        },
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": "2026-11-01",
        "valueBoolean": False,
    }


def status(patient_id: str, code: str) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "72166-2"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": "2026-01-01",
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
    }


def opt_out(patient_id: str) -> Resource:
    coding = {"system": "https://mihub.example/fhir/CodeSystem/flag", "code": "no-screening-invitation"}
    subject = {"reference": f"Patient/{patient_id}"}
    return {"resourceType": "Flag", "status": "active", "code": {"coding": [coding]}, "subject": subject}


def practice_of(*extra: Resource) -> MemoryFhirClient:
    return MemoryFhirClient([person("p1", "Adler", "1966-05-01"), *extra])


def order(key: str = "k1", **changes: Any) -> Order:
    made = Order(
        key=key,
        receiver=RADIOLOGY,
        receiver_name="Radiologie am Markt",
        sender_name="Hausarztpraxis Lindenhof",
        checked=ALL_ITEMS,
        suitability="Belastbar. <keine> Einwände.",
        history="COPD & Hypertonie",
        cessation_offered=True,
    )
    return replace(made, **changes)


def test_an_interval_survives_the_way_into_fhir_and_back() -> None:
    observation = {**smokes("p1", "1985-03", "2010", 15), "id": "o1"}
    interval = read_history([observation]).recorded[0].interval
    assert interval is not None
    assert (interval.start, interval.end) == (date(1985, 3, 1), date(2010, 1, 1))
    assert interval.cigarettes_per_day == Fraction(15)
    assert (interval.start_uncertain_months, interval.end_uncertain_months) == (0, 11)
    unit = observation["component"][0]["valueQuantity"]
    assert (unit["code"], unit["system"]) == ("/d", "http://unitsofmeasure.org")


def test_an_interval_that_cannot_be_understood_makes_the_history_not_known() -> None:
    good, odd = (
        {**smokes("p1"), "id": "1"},
        {**smokes("p1"), "id": "2", "effectivePeriod": {"start": "früher"}},
    )
    assert read_history([good, odd]).intervals is None
    withdrawn = {**odd, "status": "entered-in-error"}
    assert read_history([good, withdrawn]).intervals is not None


def test_nothing_recorded_is_not_known_and_never_smoked_is_an_answer() -> None:
    assert read_history([]).intervals is None
    assert read_history([status("p1", "266919005")]).intervals == ()
    assert read_history([status("p1", "77176002")]).intervals is None


def test_the_newest_answer_about_the_last_ct_counts_and_a_year_alone_counts_as_its_end() -> None:
    newer = {**no_ct("p1"), "effectiveDateTime": "2026-11-02", "valueDateTime": "2024"}
    del newer["valueBoolean"]
    prior = read_prior_ct([no_ct("p1"), newer])
    assert prior is not None
    assert prior.on == date(2024, 12, 31)
    assert read_prior_ct([]) is None


def test_recording_refuses_what_cannot_be() -> None:
    practice = practice_of()
    with pytest.raises(InvalidInput, match="a year or a month"):
        run(add_interval(practice, "p1", "bald", "", None, today=TODAY, key="a"))
    with pytest.raises(InvalidInput, match="future"):
        run(add_interval(practice, "p1", "2027", "", None, today=TODAY, key="a"))
    with pytest.raises(InvalidInput, match="between 1 and 200"):
        run(add_interval(practice, "p1", "1990", "", Decimal(500), today=TODAY, key="a"))
    assert practice.all("Observation") == []


def test_recording_twice_makes_one_and_overlap_is_refused() -> None:
    practice = practice_of()
    for _ in range(2):
        run(add_interval(practice, "p1", "1990", "2000", Decimal(20), today=TODAY, key="a"))
    assert len(practice.all("Observation")) == 1
    with pytest.raises(Conflict, match="overlap"):
        run(add_interval(practice, "p1", "1995", "", Decimal(20), today=TODAY, key="b"))


def test_an_ongoing_interval_is_ended_and_a_mistake_is_withdrawn() -> None:
    practice = practice_of()
    made = run(add_interval(practice, "p1", "1990", "", Decimal(20), today=TODAY, key="a"))
    closed = run(end_interval(practice, "p1", made["id"], "2020-06", today=TODAY))
    assert closed["effectivePeriod"] == {"start": "1990", "end": "2020-06"}
    run(withdraw_interval(practice, "p1", made["id"]))
    assert read_history(practice.all("Observation")).intervals is None
    with pytest.raises(NotFound):
        run(end_interval(practice, "another", made["id"], "2021", today=TODAY))


def test_a_ct_on_record_decides_the_interval() -> None:
    practice = practice_of(smokes("p1"))
    run(record_last_ct(practice, "p1", date(2026, 9, 1), control_requiring=False, today=TODAY))
    receipt = run(assess_one(practice, "p1", TODAY)).receipt
    assert [criterion.id for criterion in receipt.failed] == ["ct-interval"]
    run(record_last_ct(practice, "p1", date(2026, 9, 1), control_requiring=True, today=TODAY))
    assert run(assess_one(practice, "p1", TODAY)).receipt.decision is Decision.ELIGIBLE
    assert len(practice.all("Observation")) == 2, "the answer of one day is corrected, not repeated"


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ("2026", date(2026, 12, 31)),
        ("2026-02", date(2026, 2, 28)),
        ("2024-02", date(2024, 2, 29)),
        ("2026-05-03", date(2026, 5, 3)),
    ],
)
def test_a_vague_day_of_a_ct_counts_as_its_last_possible_one(said: str, counted: date) -> None:
    answer = {name: value for name, value in no_ct("p1").items() if name != "valueBoolean"}
    prior = read_prior_ct([{**answer, "valueDateTime": said}])
    assert prior is not None
    assert prior.on == counted


def test_an_interval_sent_twice_keeps_what_was_done_with_it_since() -> None:
    practice = practice_of()
    for _ in range(2):
        run(add_interval(practice, "p1", "1985", "", Decimal(20), today=TODAY, key="a"))
    interval = practice.all("Observation")[0]["id"]
    run(end_interval(practice, "p1", interval, "2020", today=TODAY))
    run(add_interval(practice, "p1", "1985", "", Decimal(20), today=TODAY, key="a"))
    assert [each["effectivePeriod"].get("end") for each in practice.all("Observation")] == ["2020"]


def test_a_silent_care_record_leaves_the_worklist_and_says_so() -> None:
    class Mute(MemoryFhirClient):
        async def search(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
            raise Unavailable("The site does not answer.")

    practice = practice_of(smokes("p1"), no_ct("p1"))
    listed = run(worklist(practice, Mute(), PRACTICE, TODAY))
    assert not listed.is_complete
    assert [each.standing for each in listed.entries] == [Standing.MAY_BE_REFERRED]
    assert run(worklist(practice, MemoryFhirClient(), PRACTICE, TODAY)).is_complete


def test_the_worklist_says_where_everybody_stands_and_counts_who_is_left_out() -> None:
    practice = MemoryFhirClient(
        [
            person("p1", "Adler", "1966-05-01"),
            smokes("p1"),
            no_ct("p1"),
            person("p2", "Brandt", "1960-05-01"),
            status("p2", "77176002"),
            person("p3", "Czerny", "1966-05-01"),
            smokes("p3"),
            no_ct("p3"),
            opt_out("p3"),
            person("p4", "Dorn", "1966-05-01"),
            smokes("p4", per_day=3),
            no_ct("p4"),
            person("p5", "Jung", "1990-05-01"),
            person("p6", "Alt", "1940-05-01"),
            person("p7", "Nie", "1966-05-01"),
            status("p7", "266919005"),
            person("p8", "Tot", "1966-05-01", deceasedDateTime="2025-01-01"),
        ]
    )
    listed = run(worklist(practice, MemoryFhirClient(), PRACTICE, TODAY))
    assert [(each.patient_id, each.standing) for each in listed.entries] == [
        ("p1", Standing.MAY_BE_REFERRED),
        ("p2", Standing.ASK),
        ("p3", Standing.OPTED_OUT),
        ("p4", Standing.NOT_ELIGIBLE),
    ]
    assert listed.left_out == {"too-young": 1, "too-old": 1, "never-smoked": 1, "dead": 1}
    assert len(listed.entries) + sum(listed.left_out.values()) == 8


def test_someone_with_lung_cancer_is_not_screened() -> None:
    coding = {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": "C34.1"}
    cancer = {
        "resourceType": "Condition",
        "code": {"coding": [coding]},
        "subject": {"reference": "Patient/p1"},
    }
    practice = practice_of(smokes("p1"), no_ct("p1"), cancer)
    assert run(worklist(practice, MemoryFhirClient(), PRACTICE, TODAY)).left_out == {"lung-cancer": 1}
    assert "lung-cancer" in blocking(run(assess_one(practice, "p1", TODAY)), ALL_ITEMS, "gut", False)


def test_a_missing_item_blocks_the_referral_and_is_named() -> None:
    practice, record = practice_of(smokes("p1"), no_ct("p1")), MemoryFhirClient()
    assessment = run(assess_one(practice, "p1", TODAY))
    incomplete = order(checked=ALL_ITEMS - {"radiation"}, suitability=" ")
    with pytest.raises(Unprocessable, match=r"not complete: check\.radiation, suitability"):
        run(refer(record, assessment, incomplete, GP, NOW))
    assert record.all("Task") == []
    assert blocking(assessment, ALL_ITEMS, "gut", True) == ("open",)


def test_who_is_not_eligible_is_not_referred() -> None:
    practice = practice_of(smokes("p1", per_day=2), no_ct("p1"))
    assessment = run(assess_one(practice, "p1", TODAY))
    with pytest.raises(Unprocessable, match=r"decision\.not-eligible"):
        run(refer(MemoryFhirClient(), assessment, order(), GP, NOW))


def test_a_referral_reaches_radiology_with_its_report_and_happens_once() -> None:
    practice, record = practice_of(smokes("p1"), no_ct("p1")), MemoryFhirClient()
    assessment = run(assess_one(practice, "p1", TODAY))
    task_id = run(refer(record, assessment, order(), GP, NOW))
    assert run(refer(record, assessment, order(), GP, NOW)) == task_id
    assert len(record.all("Task")) == len(record.all("Patient")) == len(record.all("Composition")) == 1
    arrived = run(referrals(record, RADIOLOGY, "in"))
    assert [(each.state.value, each.sender) for each in arrived] == [("requested", PRACTICE)]
    request = arrived[0].request
    assert request is not None
    assert request["supportingInfo"][0]["reference"].startswith("Composition/")
    sections = dict(report_sections(record.all("Composition")[0]))
    assert (
        "Zusammen 41,89 Jahre. Verlangt: mindestens 25 Jahre."
        in sections["Zigarettenkonsum: Dauer und Packungsjahre"]
    )
    assert sections["Medizinische Eignung"] == ["Belastbar. <keine> Einwände."]
    answers = {
        item["linkId"]: item["answer"][0]["valueBoolean"]
        for item in record.all("QuestionnaireResponse")[0]["item"]
    }
    assert answers == {**dict.fromkeys(ALL_ITEMS, True), "cessation-offered": True}


def test_the_person_is_found_in_the_care_record_before_a_new_one_is_made() -> None:
    practice = practice_of(smokes("p1"), no_ct("p1"))
    known = person("nw-1", "Adler", "1966-05-01")
    record = MemoryFhirClient([known])
    run(refer(record, run(assess_one(practice, "p1", TODAY)), order(), GP, NOW))
    assert [each["id"] for each in record.all("Patient")] == ["nw-1"]
    assert record.all("Task")[0]["for"]["reference"] == "Patient/nw-1"
    team = record.all("CareTeam")[0]
    values = [each["member"]["identifier"]["value"] for each in team["participant"]]
    assert values == ["praxis-a", "radiologie"]


def test_a_referred_person_shows_as_referred_and_only_both_sides_see_it() -> None:
    practice, record = practice_of(smokes("p1"), no_ct("p1")), MemoryFhirClient()
    task_id = run(refer(record, run(assess_one(practice, "p1", TODAY)), order(), GP, NOW))
    listed = run(worklist(practice, record, PRACTICE, TODAY))
    assert listed.entries[0].standing is Standing.REFERRED
    assert run(referrals(record, MemberId("praxis-b"), "out")) == []
    with pytest.raises(NotFound, match="no such referral"):
        run(referral(record, task_id, MemberId("praxis-b")))


def test_the_new_person_gets_the_same_id_whoever_asks() -> None:
    assert stable_id("praxis-a", "p1") == stable_id("praxis-a", "p1") != stable_id("praxis-b", "p1")
