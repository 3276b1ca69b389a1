"""The aftercare room: end of therapy with its origin, a plan made once, due list, visits, calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.care.aftercare.anchor import SiteFact, Therapy, diagnoses, end_of_therapy
from mihub.care.aftercare.calendar_file import Entry, calendar_file, escaped, folded
from mihub.care.aftercare.plan import PlanOrder, create_plan, needs_reason
from mihub.care.aftercare.schedules import all_schedules, fitting, schedule_of
from mihub.care.aftercare.series import Due, Visit, due_list, next_per_plan, read_plan
from mihub.care.aftercare.visits import agree_day, call_off, end_plan, mark_done
from mihub.care.client import MemoryFhirClient
from mihub.care.referrals.care_team import with_members
from mihub.care.referrals.duties import duties
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Actor, MemberId, Role
from mihub.errors import Conflict, Forbidden, NotFound, Unprocessable

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PRACTICE = MemberId("praxis-b")
GP = Actor("praxis-b/gp", "Dr. Probe", Role.GP, PRACTICE)
OTHER = Actor("praxis-a/gp", "Dr. Anders", Role.GP, MemberId("praxis-a"))
NSCLC = schedule_of("aftercare-lung-nsclc-onkopedia")
_PROFILE = "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/StructureDefinition/mii-pr-onko-"
T = TypeVar("T")


def run(awaitable: Awaitable[T]) -> T:
    async def main() -> T:
        return await awaitable

    return asyncio.run(main())


def therapy(kind: str, member: str = "chemnitz", **content: Any) -> SiteFact:
    meta = {"profile": [f"{_PROFILE}{kind}|2025.1.0"]}
    resource = {"resourceType": "Procedure", "id": kind, "status": "completed", "meta": meta, **content}
    return SiteFact(MemberId(member), resource)


def order(anchor: date = date(2026, 10, 1), key: str = "k", **changes: Any) -> PlanOrder:
    values = {"schedule": NSCLC, "origin": "chemnitz", "deviation": "", "responsible": PRACTICE}
    return PlanOrder(key=key, anchor=anchor, responsible_name="Praxis", **{**values, **changes})


def record_with_person() -> MemoryFhirClient:
    return MemoryFhirClient([{"resourceType": "Patient", "id": "p", "name": [{"family": "Probe"}]}])


def test_the_latest_end_of_all_therapies_is_proposed_with_its_origin() -> None:
    anchor = end_of_therapy(
        [
            therapy("operation", performedDateTime="2026-03-02T10:00:00Z"),
            therapy(
                "systemische-therapie",
                "cottbus",
                performedPeriod={"start": "2026-04-01", "end": "2026-10-12"},
            ),
            therapy("strahlentherapie", performedPeriod={"start": "2026-05-01", "end": "2026-06-20"}),
            SiteFact(
                MemberId("dresden"),
                {"resourceType": "Procedure", "id": "x", "performedDateTime": "2026-11-01"},
            ),
        ],
        TODAY,
    )
    assert anchor.proposal is not None
    assert (anchor.proposal.ended, anchor.proposal.member, anchor.proposal.kind) == (
        date(2026, 10, 12),
        "cottbus",
        Therapy.SYSTEMIC,
    )
    assert len(anchor.therapies) == 3


@pytest.mark.parametrize(
    "running",
    [
        {"status": "in-progress", "performedPeriod": {"start": "2026-04-01"}},
        {"performedPeriod": {"start": "2026-04-01"}},
        {"performedPeriod": {"start": "2026-04-01", "end": "2027-01-31"}},
    ],
)
def test_a_therapy_without_an_end_forbids_a_proposal(running: dict[str, Any]) -> None:
    anchor = end_of_therapy(
        [therapy("operation", performedDateTime="2026-03-02"), therapy("systemische-therapie", **running)],
        TODAY,
    )
    assert anchor.proposal is None
    assert [each.kind for each in anchor.open_ones] == [Therapy.SYSTEMIC]


def test_a_therapy_that_did_not_happen_is_passed_over() -> None:
    anchor = end_of_therapy([therapy("operation", status="not-done", performedDateTime="2026-03-02")], TODAY)
    assert (anchor.proposal, anchor.therapies) == (None, ())


def test_diagnoses_choose_the_schedules_that_come_first() -> None:
    coding = {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": "C50.4"}
    fact = SiteFact(
        MemberId("dresden"), {"resourceType": "Condition", "id": "c", "code": {"coding": [coding]}}
    )
    assert diagnoses([fact]) == ("C50.4",)
    assert fitting(diagnoses([fact]))[0].id == "aftercare-breast-s3"
    assert len(fitting(())) == len(all_schedules()) >= 6
    with pytest.raises(NotFound):
        schedule_of("aftercare-lung-nsclc-onkopedia", "1999")


def test_a_plan_is_made_once_with_one_appointment_and_one_task_per_visit() -> None:
    record = record_with_person()
    plan_id = run(create_plan(record, "p", order(), GP, NOW, proposal=date(2026, 10, 1)))
    assert run(create_plan(record, "p", order(), GP, NOW)) == plan_id
    assert len(record.all("CarePlan")) == 1
    assert len(record.all("Task")) == len(record.all("Appointment")) == 9
    plan = run(read_plan(record, plan_id, PRACTICE, TODAY))
    assert plan.schedule == NSCLC
    assert (plan.anchor, plan.origin, plan.deviation) == ("2026-10-01", "chemnitz", "")
    assert [visit.due_on for visit in plan.visits][:3] == [
        date(2026, 11, 26),
        date(2027, 1, 1),
        date(2027, 4, 1),
    ]
    assert [exam.id for exam in plan.visits[1].exams] == ["visit", "ct-thorax"]
    assert [visit.state for visit in plan.visits][:2] == [Due.DUE, Due.LATER]


def test_a_second_active_plan_is_refused() -> None:
    record = record_with_person()
    run(create_plan(record, "p", order(), GP, NOW))
    with pytest.raises(Conflict, match="already an active aftercare plan"):
        run(create_plan(record, "p", order(key="other"), GP, NOW))


def test_another_day_than_the_sites_know_needs_a_reason() -> None:
    record, proposal = record_with_person(), date(2026, 10, 12)
    assert needs_reason(date(2026, 10, 1), proposal)
    assert not needs_reason(date(2026, 10, 1), None)
    with pytest.raises(Unprocessable, match="no reason is given"):
        run(create_plan(record, "p", order(), GP, NOW, proposal=proposal))
    assert record.all("CarePlan") == record.all("Task") == []
    run(create_plan(record, "p", order(deviation="Letzter Zyklus entfiel."), GP, NOW, proposal=proposal))
    assert (
        run(read_plan(record, record.all("CarePlan")[0]["id"], PRACTICE, TODAY)).deviation
        == "Letzter Zyklus entfiel."
    )


def test_an_anchor_in_the_future_is_refused() -> None:
    with pytest.raises(Unprocessable, match="lies in the future"):
        run(create_plan(record_with_person(), "p", order(anchor=date(2026, 12, 1)), GP, NOW))


def test_the_due_list_puts_overdue_first_and_shows_one_next_visit_per_plan() -> None:
    record = record_with_person()
    run(create_plan(record, "p", order(anchor=date(2026, 1, 15)), GP, NOW))
    visits = run(due_list(record, PRACTICE, TODAY))
    assert [visit.state for visit in visits][:4] == [Due.OVERDUE, Due.OVERDUE, Due.OVERDUE, Due.LATER]
    assert len(next_per_plan(visits)) == 4
    assert visits[0].patient is not None
    assert run(due_list(record, OTHER.organization, TODAY)) == []


def test_a_visit_is_done_by_its_own_organisation_and_only_once() -> None:
    record = record_with_person()
    plan_id = run(create_plan(record, "p", order(), GP, NOW))
    visit = run(read_plan(record, plan_id, PRACTICE, TODAY)).visits[0]
    with pytest.raises(Forbidden, match="Another organisation"):
        run(mark_done(record, visit, TODAY, OTHER, NOW))
    with pytest.raises(Unprocessable, match="future"):
        run(mark_done(record, visit, TODAY + timedelta(days=1), GP, NOW))
    run(mark_done(record, visit, TODAY, GP, NOW))
    again = run(read_plan(record, plan_id, PRACTICE, TODAY)).visits[0]
    assert (again.state, again.done_on) == (Due.DONE, "2026-11-23")
    with pytest.raises(Conflict, match="already closed"):
        run(mark_done(record, again, TODAY, GP, NOW))


def test_an_agreed_day_is_kept_and_fulfilled_when_done() -> None:
    record = record_with_person()
    plan_id = run(create_plan(record, "p", order(), GP, NOW))
    visit = run(read_plan(record, plan_id, PRACTICE, TODAY)).visits[0]
    run(agree_day(record, visit, datetime(2026, 11, 24, 10, tzinfo=UTC), 30, GP))
    booked = run(read_plan(record, plan_id, PRACTICE, TODAY)).visits[0]
    assert booked.booked_on == "2026-11-24"
    run(mark_done(record, booked, TODAY, GP, NOW))
    states = {each["status"] for each in record.all("Appointment")}
    assert states == {"fulfilled", "proposed"}


def test_calling_off_and_ending_need_a_reason_and_keep_what_was_done() -> None:
    record = record_with_person()
    plan_id = run(create_plan(record, "p", order(), GP, NOW))
    plan = run(read_plan(record, plan_id, PRACTICE, TODAY))
    run(mark_done(record, plan.visits[0], TODAY, GP, NOW))
    with pytest.raises(Unprocessable, match="without a reason"):
        run(call_off(record, plan.visits[1], "", GP, NOW))
    run(call_off(record, plan.visits[1], "Wunsch der Patientin", GP, NOW))
    plan = run(read_plan(record, plan_id, PRACTICE, TODAY))
    assert plan.visits[1].reason == "Wunsch der Patientin"
    run(end_plan(record, plan, "Rezidiv", GP, NOW))
    ended = run(read_plan(record, plan_id, PRACTICE, TODAY))
    assert ended.resource["status"] == "revoked"
    assert {visit.state for visit in ended.visits} == {Due.DONE, Due.CANCELLED}


def test_a_ct_at_a_hospital_near_the_day_is_shown_as_evidence_and_closes_nothing() -> None:
    record = record_with_person()
    plan_id = run(create_plan(record, "p", order(anchor=date(2026, 8, 20)), GP, NOW))
    code = {"coding": [{"system": "http://loinc.org", "code": "30688-4"}]}
    near = {"resourceType": "DiagnosticReport", "id": "r", "code": code, "effectiveDateTime": "2026-11-12"}
    far = {**near, "id": "s", "effectiveDateTime": "2026-01-12"}
    facts = [SiteFact(MemberId("chemnitz"), near), SiteFact(MemberId("chemnitz"), far)]
    plan = run(read_plan(record, plan_id, PRACTICE, TODAY, facts))
    visit = plan.visits[1]
    assert [fact.resource["id"] for fact in visit.evidence] == ["r"]
    assert visit.state is Due.OVERDUE


def test_an_examination_that_left_the_catalogue_is_still_named() -> None:
    record = record_with_person()
    plan_id = run(create_plan(record, "p", order(), GP, NOW))
    task = record.all("Task")[0]
    gone = {
        "coding": [{"system": "https://mihub.example/fhir/CodeSystem/aftercare-exam", "code": "gone"}],
        "text": "Altes",
    }
    record.put({**task, "input": [{"type": {"text": "exam"}, "valueCodeableConcept": gone}]})
    exams: list[Resource] = [
        exam.text for visit in run(read_plan(record, plan_id, PRACTICE, TODAY)).visits for exam in visit.exams
    ]
    assert {"de": "Altes", "en": "Altes"} in exams


def test_a_calendar_file_is_neutral_escaped_and_complete() -> None:
    entries = [
        Entry("a", date(2026, 12, 24), "Termin; privat, wichtig", "Praxis\nHof 1"),
        Entry("b", datetime(2026, 12, 28, 9, 15, tzinfo=UTC), "Termin"),
    ]
    text = calendar_file(entries, NOW).decode()
    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
    assert text.endswith("END:VCALENDAR\r\n")
    assert "DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261225\r\n" in text
    assert "DTSTART:20261228T091500Z\r\nDTEND:20261228T094500Z\r\n" in text
    assert "SUMMARY:Termin\\; privat\\, wichtig\r\n" in text
    assert "LOCATION:Praxis\\nHof 1\r\n" in text
    assert text.count("DTSTAMP:20261123T093000Z") == 2


@given(st.text(max_size=300))
def test_folding_and_escaping_lose_nothing_and_keep_every_line_short(text: str) -> None:
    line = f"SUMMARY:{escaped(text)}"
    pieces = folded(line).split("\r\n")
    assert all(len(piece.encode()) <= 75 for piece in pieces)
    assert "".join([pieces[0], *(piece.removeprefix(" ") for piece in pieces[1:])]) == line
    assert "\n" not in line.replace("\\n", "")


def test_a_plan_that_ended_and_a_person_who_died_leave_no_duty() -> None:
    record = record_with_person()
    plan_id = run(create_plan(record, "p", order(anchor=date(2026, 1, 15)), GP, NOW))
    assert {duty.code for duty in run(duties(record, PRACTICE, TODAY))} == {"aftercare-visit"}
    plan = next(each for each in record.all("CarePlan") if each["id"] == plan_id)
    record.put({**plan, "status": "revoked"})
    assert {visit.state for visit in run(due_list(record, PRACTICE, TODAY))} == {Due.CANCELLED}
    assert run(duties(record, PRACTICE, TODAY)) == []
    record.put(plan)
    record.put({"resourceType": "Patient", "id": "p", "deceasedDateTime": "2026-11-01"})
    assert run(next_or_none(record)) == []
    assert run(duties(record, PRACTICE, TODAY)) == []


async def next_or_none(record: MemoryFhirClient) -> list[Visit]:
    return next_per_plan(await due_list(record, PRACTICE, TODAY))


def test_a_plan_is_shown_to_who_made_it_does_it_or_treats_the_person_and_to_nobody_else() -> None:
    record = record_with_person()
    plan_id = run(create_plan(record, "p", order(), GP, NOW))
    with pytest.raises(NotFound, match="no such plan"):
        run(read_plan(record, plan_id, OTHER.organization, TODAY))
    run(_join(record, OTHER.organization))
    assert run(read_plan(record, plan_id, OTHER.organization, TODAY)).id == plan_id


async def _join(record: MemoryFhirClient, member: MemberId) -> None:
    team, _ = await with_members(record, "p", ((member, "Praxis", "Hausarztpraxis"),))
    await record.update(team)
