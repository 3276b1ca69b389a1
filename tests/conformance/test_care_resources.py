"""Everything that the care rooms write, at every step of their stories, is R4: no element that does not exist, none
missing, none twice, no code outside a required value set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mihub.care.aftercare.plan import PlanOrder, create_plan
from mihub.care.aftercare.schedules import schedule_of
from mihub.care.aftercare.series import Plan, read_plan
from mihub.care.aftercare.visits import agree_day, call_off, end_plan, mark_done
from mihub.care.client import MemoryFhirClient
from mihub.care.referrals.actions import Result, complete, move
from mihub.care.referrals.lists import referral
from mihub.care.referrals.states import Move
from mihub.care.screening.assessment import assess_one
from mihub.care.screening.recording import add_interval, end_interval, record_last_ct, withdraw_interval
from mihub.care.screening.referral import Order, refer
from mihub.care.screening.rule import screening_rule
from mihub.care.tumour_board.agenda import agenda, postpone, reschedule
from mihub.care.tumour_board.agenda import move as move_up
from mihub.care.tumour_board.case import BoardCase
from mihub.care.tumour_board.catalogue import board
from mihub.care.tumour_board.deciding import save_draft, sign_decision
from mihub.care.tumour_board.decision import Decision, Deviation, Participant, Recommendation
from mihub.care.tumour_board.follow_up import mark_deviated, mark_implemented
from mihub.care.tumour_board.presentation import present_case
from mihub.care.tumour_board.read_through import Known, Sourced
from mihub.care.tumour_board.registration import Registration, register
from mihub.care.tumour_board.release import Release, release
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Actor, MemberId, Role
from tests.conformance.obds_snapshot import Definitions
from tests.conformance.r4_base import Base

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
BOARD_DAY = date(2026, 11, 26)
PRACTICE, RADIOLOGY = MemberId("praxis-a"), MemberId("radiologie")
GP = Actor("praxis-a/gp", "Dr. Probe", Role.GP, PRACTICE)
RADIOLOGIST = Actor("radiologie/r", "Dr. Bild", Role.RADIOLOGIST, RADIOLOGY)
COORDINATOR = Actor("co", "Koordination", Role.BOARD_COORDINATOR, MemberId("dresden"))
ONCOLOGIST = Actor("on", "Dr. Onko", Role.ONCOLOGIST, MemberId("dresden"))
_NAME = [{"family": "Probe", "given": ["Petra"]}]


class Recording(MemoryFhirClient):
    """Keeps every version that was ever written, as it was written."""

    def __init__(self, *resources: Resource) -> None:
        self.written: list[Resource] = []
        super().__init__(resources)

    def put(self, resource: Resource) -> Resource:
        kept = super().put(resource)
        self.written.append(kept)
        return kept


@pytest.fixture(scope="module")
def base(shared: Path) -> Base:
    return Base(Definitions([shared / "packages" / "hl7.fhir.r4.core-4.0.1.tgz"]))


def _patient(patient_id: str) -> Resource:
    return {"resourceType": "Patient", "id": patient_id, "name": _NAME, "birthDate": "1966-05-01"}


async def _screening(record: Recording) -> Recording:
    practice = Recording(_patient("p1"))
    await add_interval(practice, "p1", "1985", "", Decimal(20), today=TODAY, key="a")
    first = practice.all("Observation")[0]["id"]
    await end_interval(practice, "p1", first, "2026-05", today=TODAY)
    wrong = await add_interval(practice, "p1", "1980-02", "1981-03", None, today=TODAY, key="b")
    await withdraw_interval(practice, "p1", wrong["id"])
    await record_last_ct(practice, "p1", date(2025, 5, 2), control_requiring=True, today=TODAY)
    await record_last_ct(practice, "p1", None, control_requiring=False, today=TODAY)
    checked = frozenset(item.id for item in screening_rule().checklist)
    order = Order("k", RADIOLOGY, "Radiologie", "Praxis", checked, "Belastbar <& klar>.", "", True)
    task_id = await refer(record, await assess_one(practice, "p1", TODAY), order, GP, NOW)
    for step in (Move.ACCEPT, Move.START):
        known = await referral(record, task_id, RADIOLOGY)
        await move(record, known, step, RADIOLOGIST, NOW, reason="")
    result = Result(TODAY, "control-requiring", "Rundherd.")
    await complete(record, await referral(record, task_id, RADIOLOGY), result, RADIOLOGIST, NOW)
    return practice


async def _aftercare(record: Recording) -> None:
    record.put(_patient("p2"))
    schedule = schedule_of("aftercare-lung-nsclc-onkopedia")
    order = PlanOrder(
        "k", schedule, date(2026, 10, 1), "dresden", "Letzter Zyklus entfiel.", PRACTICE, "Praxis"
    )
    plan_id = await create_plan(record, "p2", order, GP, NOW, proposal=date(2026, 10, 2))

    async def plan() -> Plan:
        return await read_plan(record, plan_id, PRACTICE, TODAY)

    await agree_day(record, (await plan()).visits[0], NOW.replace(month=12), 30, GP)
    await mark_done(record, (await plan()).visits[0], TODAY, GP, NOW)
    await mark_done(record, (await plan()).visits[1], TODAY, GP, NOW)
    await call_off(record, (await plan()).visits[2], "Wunsch", GP, NOW)
    await end_plan(record, await plan(), "Rezidiv", GP, NOW)


async def _board(record: Recording) -> None:
    record.put(_patient("p3"))
    coding = {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": "C34.1", "display": "Lunge"}
    condition = {"resourceType": "Condition", "id": "c", "code": {"coding": [coding]}}
    shown = present_case(Known((Sourced(MemberId("dresden"), "Dresden", condition),), ()), "de")
    cases = []
    for key in ("key-00001", "key-00002"):
        asked = Registration(key, "p3", "lung-dresden", BOARD_DAY, "Frage?", added={"dlco": "61 %"})
        cases.append(await register(record, asked, shown, ONCOLOGIST, NOW))
    await postpone(record, cases[1], "Befund fehlt", COORDINATOR)
    meeting = await agenda(record, board("lung-dresden"), BOARD_DAY)
    await move_up(record, meeting, meeting.cases[0].id, 1, COORDINATOR)
    await _decided(record, meeting.cases[0])


async def _decided(record: Recording, case: BoardCase) -> None:
    wanted = (
        Recommendation("r1", "OP", "Lobektomie", 1, "guideline", MemberId("chemnitz"), BOARD_DAY),
        Recommendation("r2", "ZS", "Prüfen", 2),
    )
    people = (Participant("Dr. A", "oncology"),)
    decision = Decision("praeth", BOARD_DAY, wanted, people, "nein", "nah am Wohnort")
    saved = await save_draft(record, case, decision, case.version, COORDINATOR)
    assert isinstance(saved, BoardCase)
    case = await sign_decision(record, saved, saved.version, ONCOLOGIST, NOW)
    out = Release("Text", "Seite", PRACTICE, "Praxis")
    case = await release(record, case, case.version, out, COORDINATOR, NOW)
    case = await mark_implemented(record, case, "r1", case.version, "Procedure/1", ONCOLOGIST)
    reason = Deviation("J", "patient-wish", "anders entschieden")
    await mark_deviated(record, case, "r2", case.version, reason, ONCOLOGIST)
    other = (await agenda(record, board("lung-dresden"), BOARD_DAY)).cases
    await reschedule(record, other[0], date(2026, 12, 3), COORDINATOR)


def _written() -> list[Resource]:
    async def told() -> list[Resource]:
        record = Recording()
        practice = await _screening(record)
        await _aftercare(record)
        await _board(record)
        return [*practice.written, *record.written]

    return asyncio.run(told())


def test_everything_that_care_writes_is_r4(base: Base) -> None:
    written = _written()
    kinds = {each["resourceType"] for each in written}
    assert kinds >= {
        "Appointment", "CarePlan", "CareTeam", "Communication", "Composition", "DiagnosticReport", "Observation",
        "Patient", "QuestionnaireResponse", "ServiceRequest", "Task",
    }  # fmt: skip
    found = {f"{problem}" for each in written for problem in base.problems(each)}
    assert sorted(found) == []


def test_what_is_shown_to_readers_has_text(base: Base) -> None:
    """txt-2: a narrative says something. The report of a referral is read as its sections."""
    divs = [
        section["text"]["div"]
        for each in _written()
        if each["resourceType"] == "Composition"
        for section in each["section"]
    ]
    assert divs
    assert all("<p>" in div for div in divs)


def _damaged() -> Iterator[tuple[dict[str, Any], str]]:
    good = next(each for each in _written() if each["resourceType"] == "Task")
    yield {**good, "subject": good["for"]}, "Task.subject: no such element"
    yield {name: value for name, value in good.items() if name != "intent"}, "Task.intent: 0 of at least 1"
    yield {**good, "status": "open"}, "Task.status: open is not in"
    yield {**good, "note": good["note"][0]}, "Task.note: no list where"
    yield {**good, "authoredOn": "23.11.2026"}, "Task.authoredOn: not the form of dateTime"
    yield {**good, "basedOn": []}, "Task.basedOn: empty"
    yield {**good, "for": {"referenz": "x"}}, "Task.for.referenz: no such element"
    yield {**good, "priority": 1}, "Task.priority: int is no code"


def test_the_check_itself_finds_what_is_wrong(base: Base) -> None:
    for broken, message in _damaged():
        assert any(message in problem for problem in base.problems(broken)), (message, base.problems(broken))
