"""The special people stand where the story needs them, judged by the rooms that will read them."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest

from mihub.care.aftercare.series import Due, _state
from mihub.care.screening.assessment import Assessment, assess
from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.case import BoardCase, CaseState, read_case
from mihub.core.fhir import Resource
from mihub.core.rules.receipt import Decision
from mihub.core.rules.smoking import SmokingInterval, count_smoking
from mihub.synth.care_record.board_hosts import BOARDS
from mihub.synth.events import Operation
from mihub.synth.fhir.record import write_record
from mihub.synth.life import draw
from mihub.synth.story import CASES, story_life

TODAY = date(2026, 11, 23)
INDEX = {case.key: index for index, case in enumerate(CASES)}


def _at(key: str, member: str) -> list[Resource]:
    life = story_life(1, INDEX[key], TODAY)
    record = life.record_at(member)
    assert record is not None
    return write_record(1, life, record, TODAY)


def _of(resources: list[Resource], *types: str) -> list[Resource]:
    return [each for each in resources if each["resourceType"] in types]


def _assessed(key: str) -> Assessment:
    found = _at(key, "praxis-a")
    (patient,) = _of(found, "Patient")
    return assess(patient, _of(found, "Observation"), _of(found, "Flag"), [], TODAY)


@pytest.mark.parametrize(
    ("key", "decision"),
    [
        ("screening_due", Decision.ELIGIBLE),
        ("screening_not_eligible", Decision.NOT_ELIGIBLE),
        ("screening_undecidable", Decision.CANNOT_DECIDE),
    ],
)
def test_the_ordinance_decides_as_the_case_is_named(key: str, decision: Decision) -> None:
    assessed = _assessed(key)
    assert assessed.receipt.decision is decision
    assert not assessed.opted_out


def test_the_patient_of_the_story_smoked_as_told() -> None:
    intervals = [
        SmokingInterval(smoked.start, smoked.end, Fraction(smoked.per_day or 0))
        for smoked in story_life(1, 0, TODAY).tobacco.intervals
    ]
    referred = TODAY - timedelta(days=215)
    lasting = [
        SmokingInterval(
            each.start, None if each.end and each.end > referred else each.end, each.cigarettes_per_day
        )
        for each in intervals
    ]
    count = count_smoking(lasting, referred, pause_limit_years=10)
    assert count.pack_years is not None
    assert float(count.pack_years) == pytest.approx(33.7, abs=0.8)
    assert float(count.months) / 12 == pytest.approx(41.5, abs=0.9)
    assert [pause.counts for pause in count.pauses if not pause.ongoing] == [True]


def test_the_nodules_have_the_volumes_of_the_story() -> None:
    courses = [story_life(1, INDEX[key], TODAY).screening for key in ("story", "control_finding")]
    volumes = [scan.nodule.volume for course in courses if course for scan in course.scans if scan.nodule]
    assert volumes == [2145, 382]


def test_two_editions_of_the_stage_are_kept_apart() -> None:
    tumour = story_life(1, 0, TODAY).tumour
    assert tumour is not None
    operated = [event.tnm for event in tumour.events if isinstance(event, Operation)]
    stages = {(tnm.edition, tnm.stage) for tnm in (tumour.diagnosis.tnm, *operated) if tnm}
    assert stages == {("9", "IIB"), ("8", "IIIA")}


def _cases(resources: list[Resource]) -> list[BoardCase]:
    plans = {each["id"]: each for each in _of(resources, "CarePlan")}
    tasks = [each for each in _of(resources, "Task") if each["code"]["coding"][0]["code"] == "board-case"]
    return [read_case(task, plans[task["id"]]) for task in tasks]


def test_the_boards_of_the_story_are_released_and_one_loop_is_open() -> None:
    cases = _cases(_at("story", "netzwerk"))
    assert [case.state for case in cases] == [CaseState.CLOSED, CaseState.CLOSED, CaseState.IN_FOLLOW_UP]
    deviations = [
        each.deviation.reason
        for case in cases
        if case.decision
        for each in case.decision.recommendations
        if each.deviation
    ]
    assert deviations == ["medical-change"]
    assert all(case.released for case in cases)


def test_the_board_candidate_has_no_diffusion_capacity_and_no_case_yet() -> None:
    codes = {
        coding["code"]
        for each in _of(_at("board_candidate", "dresden"), "Observation")
        for coding in each["code"]["coding"]
    }
    assert "20150-9" in codes
    assert not codes & {"17129-7", "19911-7"}
    assert _cases(_at("board_candidate", "netzwerk")) == []


def _visits(key: str) -> list[Due]:
    tasks = [
        each
        for each in _of(_at(key, "netzwerk"), "Task")
        if each["code"]["coding"][0]["code"] == "aftercare-visit"
    ]
    return [_state(task, date.fromisoformat(task["restriction"]["period"]["end"]), TODAY) for task in tasks]


def test_aftercare_is_overdue_planned_or_missing_as_named() -> None:
    assert _visits("aftercare_overdue").count(Due.OVERDUE) >= 1
    assert Due.OVERDUE not in _visits("story")
    assert Due.DUE in _visits("story")
    assert _visits("aftercare_candidate") == []


def test_the_story_has_a_letter_in_plain_words_with_its_sender() -> None:
    letters = [
        each
        for each in _of(_at("story", "netzwerk"), "Communication")
        if each["category"][0]["coding"][0]["code"] == "result-letter"
    ]
    assert len(letters) >= 2
    assert all(
        letter["sender"]["identifier"]["value"] and letter["payload"][0]["contentString"]
        for letter in letters
    )


def test_a_withdrawn_consent_leaves_no_active_permission() -> None:
    consents = _of(_at("consent_withdrawn", "cottbus"), "Consent")
    active = [each for each in consents if each["status"] == "active"]
    kinds = {part["type"] for each in active for part in each["provision"]["provision"]}
    assert (len(consents), kinds) == (2, {"deny"})


def test_the_boards_are_those_of_the_catalogue() -> None:
    known = {board.member: (board.id, board.name.de, board.weekday) for board in catalogue.boards()}
    assert {host: (board.id, board.name, board.weekday) for host, board in BOARDS.items()} == known


def test_a_fresh_diagnosis_waits_for_the_next_session() -> None:
    waiting = [
        case
        for index in range(10, 700)
        for life in [draw(1, index, TODAY)]
        for record in life.records
        if record.member == "netzwerk"
        and life.tumour
        and life.tumour.diagnosis.day > TODAY - timedelta(days=13)
        for case in _cases(write_record(1, life, record, TODAY))
    ]
    registered = [case for case in waiting if case.state is CaseState.REGISTERED]
    assert registered
    assert all(case.day and TODAY <= case.day <= TODAY + timedelta(days=6) for case in registered)
    assert not any(case.released for case in registered)
