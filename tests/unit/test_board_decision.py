"""From registration to the closed loop, and everything that must be refused on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mihub.care.client import MemoryFhirClient
from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.agenda import (
    agenda,
    cases_of_patient,
    move,
    next_dates,
    postpone,
    reschedule,
    withdraw,
)
from mihub.care.tumour_board.case import BoardCase, CaseState, is_withheld, load_case, read_case
from mihub.care.tumour_board.deciding import Conflicting, save_draft, sign_decision
from mihub.care.tumour_board.decision import Decision, Deviation, Participant, Recommendation
from mihub.care.tumour_board.follow_up import LoopState, known_share, loops, mark_deviated, mark_implemented
from mihub.care.tumour_board.letters import gp_text, patient_text
from mihub.care.tumour_board.presentation import present_case
from mihub.care.tumour_board.read_through import Known
from mihub.care.tumour_board.registration import Registration, register
from mihub.care.tumour_board.release import Release, release
from mihub.core.policy.actor import Actor, MemberId, Role
from mihub.errors import Forbidden, InvalidInput, PreconditionFailed, Unprocessable

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DAY = date(2026, 11, 26)
COORDINATOR = Actor("co", "Koordination", Role.BOARD_COORDINATOR, MemberId("dresden"))
ONCOLOGIST = Actor("on", "Dr. Onko", Role.ONCOLOGIST, MemberId("dresden"))
NURSE = Actor("nu", "Pflege", Role.NURSE, MemberId("cottbus"))
CASE = Registration("key-00001", "p1", "lung-dresden", DAY, "Operation möglich?")
DECISION = Decision(
    conference="praeth",
    day=DAY,
    recommendations=(
        Recommendation("r1", "OP", "Lobektomie", 1, "guideline", MemberId("chemnitz"), date(2026, 12, 20)),
        Recommendation("r2", "ZS", "adjuvant", 2, "trial", None, date(2027, 1, 30)),
    ),
    participants=(Participant("Dr. A", "thoracic-surgery"), Participant("Dr. B", "oncology")),
    dissent="eine Stimme für Bestrahlung",
    preference="nah am Wohnort",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def care() -> MemoryFhirClient:
    return MemoryFhirClient([{"resourceType": "Patient", "id": "p1"}])


async def registered(care: MemoryFhirClient, registration: Registration = CASE) -> BoardCase:
    nothing = present_case(Known((), ()), "de", registration.added)
    return await register(care, registration, nothing, ONCOLOGIST, NOW)


async def drafted(care: MemoryFhirClient, decision: Decision = DECISION) -> BoardCase:
    case = await registered(care)
    saved = await save_draft(care, case, decision, case.version, COORDINATOR)
    assert isinstance(saved, BoardCase)
    return saved


async def signed(care: MemoryFhirClient) -> BoardCase:
    case = await drafted(care)
    return await sign_decision(care, case, case.version, ONCOLOGIST, NOW)


async def released(care: MemoryFhirClient) -> BoardCase:
    case = await signed(care)
    given = Release("Das Team empfiehlt eine Operation.", "Beschluss", MemberId("praxis-a"), "Praxis A")
    return await release(care, case, case.version, given, COORDINATOR, NOW)


@pytest.mark.anyio
async def test_registration_writes_request_task_and_an_empty_draft(care: MemoryFhirClient) -> None:
    case = await registered(care, replace(CASE, added={"dlco": "61 %", "unknown": "x"}))
    assert case.state is CaseState.REGISTERED
    assert (case.board_id, case.day, case.question, case.patient_id) == (
        "lung-dresden",
        DAY,
        "Operation möglich?",
        "p1",
    )
    assert case.added == (("dlco", "61 %"),)
    assert case.completeness == "1/13"
    assert len(care.all("ServiceRequest")) == len(care.all("CarePlan")) == 1


@pytest.mark.anyio
async def test_the_same_form_sent_twice_registers_once(care: MemoryFhirClient) -> None:
    await registered(care)
    again = await registered(care, replace(CASE, question="anders"))
    assert again.question == "Operation möglich?"
    assert len(care.all("Task")) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "  "}, "question to the board is missing"),
        ({"day": date(2026, 11, 1)}, "lies in the past"),
        ({"board_id": "moon"}, "no tumour board with this id"),
        ({"conference": "ther"}, "kind of conference is not in the catalogue"),
        ({"key": "../../x"}, "no usable key"),
    ],
)
async def test_a_bad_registration_is_refused(
    care: MemoryFhirClient, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        await registered(care, replace(CASE, **change))
    assert care.all("Task") == []


@pytest.mark.anyio
async def test_a_nurse_may_not_register(care: MemoryFhirClient) -> None:
    with pytest.raises(Forbidden, match="nurse may not do this at the tumour board: register"):
        await register(care, CASE, present_case(Known((), ()), "de"), NURSE, NOW)


@pytest.mark.anyio
async def test_the_state_follows_the_facts(care: MemoryFhirClient) -> None:
    assert (await drafted(care)).state is CaseState.DRAFTED
    case = await load_case(care, "board-key-00001")
    case = await sign_decision(care, case, case.version, ONCOLOGIST, NOW)
    assert case.state is CaseState.DECIDED
    assert not case.released
    given = Release("Text", "Seite", MemberId("praxis-a"), "Praxis A")
    case = await release(care, case, case.version, given, COORDINATOR, NOW)
    assert case.state is CaseState.IN_FOLLOW_UP
    case = await mark_implemented(care, case, "r1", case.version, "Procedure/7", ONCOLOGIST)
    deviation = Deviation("J", "patient-wish", "möchte warten")
    case = await mark_deviated(care, case, "r2", case.version, deviation, ONCOLOGIST)
    assert case.state is CaseState.CLOSED
    assert case.task["status"] == "completed"
    assert case.plan is not None
    assert case.plan["status"] == "completed"


@pytest.mark.anyio
async def test_the_second_editor_sees_both_versions_and_nothing_is_lost(care: MemoryFhirClient) -> None:
    case = await registered(care)
    first = await save_draft(care, case, DECISION, case.version, COORDINATOR)
    assert isinstance(first, BoardCase)
    mine = replace(DECISION, dissent="meine Fassung")
    second = await save_draft(care, case, mine, case.version, ONCOLOGIST)
    assert isinstance(second, Conflicting)
    assert second.mine.dissent == "meine Fassung"
    assert second.theirs.dissent == "eine Stimme für Bestrahlung"
    stored = (await load_case(care, case.id)).decision
    assert stored is not None
    assert stored.dissent == "eine Stimme für Bestrahlung"
    third = await save_draft(care, await load_case(care, case.id), mine, second.version, ONCOLOGIST)
    assert isinstance(third, BoardCase)


@pytest.mark.anyio
async def test_the_author_may_not_sign(care: MemoryFhirClient) -> None:
    case = await registered(care)
    saved = await save_draft(care, case, DECISION, case.version, ONCOLOGIST)
    assert isinstance(saved, BoardCase)
    with pytest.raises(Forbidden, match="author of a decision may not sign it"):
        await sign_decision(care, saved, saved.version, ONCOLOGIST, NOW)


@pytest.mark.anyio
async def test_signing_what_changed_meanwhile_is_refused(care: MemoryFhirClient) -> None:
    case = await drafted(care)
    await save_draft(care, case, replace(DECISION, dissent="neu"), case.version, COORDINATOR)
    with pytest.raises(PreconditionFailed, match="changed this record meanwhile"):
        await sign_decision(care, case, case.version, ONCOLOGIST, NOW)


@pytest.mark.anyio
async def test_a_signed_decision_can_not_be_changed(care: MemoryFhirClient) -> None:
    case = await signed(care)
    with pytest.raises(Unprocessable, match="signed and can not be changed"):
        await save_draft(care, case, DECISION, case.version, COORDINATOR)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (replace(DECISION, recommendations=()), "no recommendation"),
        (replace(DECISION, participants=()), "nobody who took part"),
        (replace(DECISION, participants=(Participant("X", "magic"),)), "discipline is not in the catalogue"),
        (
            DECISION.with_recommendation(replace(DECISION.recommendations[0], kind="XX")),
            "type of recommendation is not in the catalogue",
        ),
        (DECISION.with_recommendation(replace(DECISION.recommendations[0], text=" ")), "has no text"),
        (DECISION.with_recommendation(replace(DECISION.recommendations[0], priority=0)), "counts from 1"),
    ],
)
async def test_an_incomplete_decision_is_refused(
    care: MemoryFhirClient, decision: Decision, message: str
) -> None:
    case = await registered(care)
    with pytest.raises(InvalidInput, match=message):
        await save_draft(care, case, decision, case.version, COORDINATOR)


@pytest.mark.anyio
async def test_before_release_neither_patient_nor_practice_sees_it(care: MemoryFhirClient) -> None:
    case = await signed(care)
    assert case.plan is not None
    assert is_withheld(case.plan)
    assert care.all("Communication") == []
    assert await loops(care, NOW.date()) == ()


@pytest.mark.anyio
async def test_release_tells_patient_and_practice_and_creates_one_duty_each(care: MemoryFhirClient) -> None:
    case = await released(care)
    assert case.plan is not None
    assert not is_withheld(case.plan)
    letters = {each["category"][0]["coding"][0]["code"]: each for each in care.all("Communication")}
    assert letters["result-letter"]["recipient"] == [{"reference": "Patient/p1"}]
    assert letters["gp-letter"]["recipient"][0]["identifier"]["value"] == "praxis-a"
    duties = [each for each in care.all("Task") if each["id"] != case.id]
    assert [each["owner"]["identifier"]["value"] for each in duties] == ["chemnitz", "dresden"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("So geht es weiter: [[wer?]]", "open place"), ("x" * 4001, "longer than one page")],
)
async def test_an_unfinished_text_is_never_released(care: MemoryFhirClient, text: str, message: str) -> None:
    case = await signed(care)
    with pytest.raises(InvalidInput, match=message):
        await release(care, case, case.version, Release(text, "Seite"), COORDINATOR, NOW)
    assert care.all("Communication") == []


@pytest.mark.anyio
async def test_an_unsigned_draft_is_never_released(care: MemoryFhirClient) -> None:
    case = await drafted(care)
    with pytest.raises(Unprocessable, match="Have the draft signed first"):
        await release(care, case, case.version, Release("Text", ""), COORDINATOR, NOW)


@pytest.mark.anyio
async def test_overdue_stands_first_and_the_known_share_counts(care: MemoryFhirClient) -> None:
    case = await released(care)
    found = await loops(care, date(2026, 12, 25))
    assert [(each.recommendation.id, each.state) for each in found] == [
        ("r1", LoopState.OVERDUE),
        ("r2", LoopState.OPEN),
    ]
    assert known_share(found) == 0
    await mark_implemented(care, case, "r1", case.version, "Procedure/7", ONCOLOGIST)
    later = await loops(care, date(2026, 12, 25))
    assert [each.state for each in later] == [LoopState.OPEN, LoopState.IMPLEMENTED]
    assert known_share(later) == 50
    assert known_share(()) is None


@pytest.mark.anyio
async def test_a_deviation_needs_a_reason_of_the_catalogue(care: MemoryFhirClient) -> None:
    case = await released(care)
    with pytest.raises(InvalidInput, match="reason is not in the catalogue"):
        await mark_deviated(care, case, "r1", case.version, Deviation("J", "because", ""), ONCOLOGIST)
    with pytest.raises(InvalidInput, match="patient's wish is not in the catalogue"):
        await mark_deviated(care, case, "r1", case.version, Deviation("Q", "died", ""), ONCOLOGIST)
    with pytest.raises(InvalidInput, match="What shows that it was done is missing"):
        await mark_implemented(care, case, "r1", case.version, " ", ONCOLOGIST)


@pytest.mark.anyio
async def test_a_closed_loop_stays_closed(care: MemoryFhirClient) -> None:
    case = await released(care)
    case = await mark_implemented(care, case, "r1", case.version, "Procedure/7", ONCOLOGIST)
    with pytest.raises(Unprocessable, match="closed already"):
        await mark_implemented(care, case, "r1", case.version, "Procedure/8", ONCOLOGIST)


@pytest.mark.anyio
async def test_the_agenda_moves_by_one_step_and_guards_against_a_second_mover(care: MemoryFhirClient) -> None:
    for number in (1, 2, 3):
        await registered(care, replace(CASE, key=f"key-0000{number}"))
    board = catalogue.board("lung-dresden")
    before = await agenda(care, board, DAY)
    await move(care, before, "board-key-00003", -1, COORDINATOR)
    after = await agenda(care, board, DAY)
    assert [each.id[-1] for each in after.cases] == ["1", "3", "2"]
    with pytest.raises(PreconditionFailed):
        await move(care, before, "board-key-00001", 1, COORDINATOR)
    await move(care, after, "board-key-00001", -1, COORDINATOR)
    assert [each.id[-1] for each in (await agenda(care, board, DAY)).cases] == ["1", "3", "2"]


@pytest.mark.anyio
async def test_postponed_and_withdrawn_cases_leave_the_agenda_with_a_reason(care: MemoryFhirClient) -> None:
    case = await registered(care)
    with pytest.raises(InvalidInput, match="reason is missing"):
        await postpone(care, case, " ", COORDINATOR)
    await postpone(care, case, "Histologie fehlt", COORDINATOR)
    case = await load_case(care, case.id)
    assert case.state is CaseState.POSTPONED
    assert (await agenda(care, catalogue.board("lung-dresden"), DAY)).cases == ()
    await reschedule(care, case, date(2026, 12, 3), COORDINATOR)
    moved = await agenda(care, catalogue.board("lung-dresden"), date(2026, 12, 3))
    assert [each.id for each in moved.cases] == [case.id]
    await withdraw(care, moved.cases[0], "verzogen", COORDINATOR)
    assert [each.state for each in await cases_of_patient(care, "p1")] == [CaseState.WITHDRAWN]


def test_the_next_dates_fall_on_the_boards_weekday() -> None:
    dates = next_dates(catalogue.board("lung-dresden"), date(2026, 11, 23), 3)
    assert dates == (date(2026, 11, 26), date(2026, 12, 3), date(2026, 12, 10))
    assert next_dates(catalogue.board("lung-dresden"), date(2026, 11, 26), 1) == (date(2026, 11, 26),)


def test_the_plain_text_has_open_places_and_no_code() -> None:
    text = patient_text(DECISION, "de")
    assert "26. November 2026" in text
    assert "1. Eine Operation." in text
    assert "[[Wer meldet sich wann bei Ihnen?]]" in text
    assert "praeth" not in text


@pytest.mark.anyio
async def test_the_practice_page_names_who_does_what_until_when(care: MemoryFhirClient) -> None:
    text = gp_text(await registered(care), DECISION, "de", {MemberId("chemnitz"): "Klinikum Erzgebirgsblick"})
    assert "1. Operation: Lobektomie. Zuständig: Klinikum Erzgebirgsblick. Bis: 20. Dezember 2026." in text
    assert "Zuständig: nicht benannt" in text
    assert "Abweichende Meinung: eine Stimme für Bestrahlung" in text


def test_a_task_of_another_program_is_read_as_far_as_it_goes() -> None:
    case = read_case({"resourceType": "Task", "id": "x", "for": {"reference": "Patient/p1"}}, None)
    assert (case.state, case.day, case.patient_id, case.decision) == (CaseState.REGISTERED, None, "p1", None)


def test_no_catalogue_without_an_approver_counts_as_verified() -> None:
    edition, items = catalogue.required_items()
    assert not edition.verified
    assert edition.approver == ""
    assert edition.sources
    assert len(items) == 13
    assert not catalogue.words().edition.verified
