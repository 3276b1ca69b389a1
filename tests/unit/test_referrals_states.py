"""Who may move a referral where, the report that closes it, and two people at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, date, datetime
from itertools import product
from typing import TypeVar

import pytest

from mihub.care.client import MemoryFhirClient
from mihub.care.referrals.actions import Result, complete, move
from mihub.care.referrals.duties import duties
from mihub.care.referrals.lists import referral, referrals
from mihub.care.referrals.states import Move, State, after, moves
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Actor, MemberId, Role
from mihub.errors import Conflict, Forbidden, PreconditionFailed, Unprocessable

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
GP = Actor("praxis-a/gp", "Dr. Probe", Role.GP, MemberId("praxis-a"))
RADIOLOGIST = Actor("radiologie/r", "Dr. Bild", Role.RADIOLOGIST, MemberId("radiologie"))
RESULT = Result(date(2026, 11, 20), "control-requiring", "Rundherd 9 mm im rechten Oberlappen.")
T = TypeVar("T")


def run(awaitable: Awaitable[T]) -> T:
    async def main() -> T:
        return await awaitable

    return asyncio.run(main())


def member(value: str) -> Resource:
    return {"identifier": {"system": "https://mihub.example/sid/member", "value": value}}


def record_with(status: str = "requested") -> MemoryFhirClient:
    coding = {"system": "https://mihub.example/fhir/CodeSystem/task", "code": "referral"}
    return MemoryFhirClient(
        [
            {"resourceType": "Patient", "id": "p"},
            {
                "resourceType": "ServiceRequest",
                "id": "s",
                "status": "active",
                "subject": {"reference": "Patient/p"},
            },
            {
                "resourceType": "Task",
                "id": "t",
                "status": status,
                "code": {"coding": [coding]},
                "focus": {"reference": "ServiceRequest/s"},
                "for": {"reference": "Patient/p"},
                "authoredOn": "2026-11-01T08:00:00Z",
                "requester": member("praxis-a"),
                "owner": member("radiologie"),
            },
        ]
    )


def test_nothing_leads_out_of_an_end_and_nobody_moves_for_the_other_side() -> None:
    for state, step in product((State.REJECTED, State.COMPLETED, State.CANCELLED), Move):
        for side in (True, False):
            with pytest.raises(Conflict, match="moved on"):
                after(state, step, as_receiver=side)
    assert moves(State.REQUESTED, as_receiver=True) == (Move.ACCEPT, Move.REJECT)
    assert moves(State.REQUESTED, as_receiver=False) == (Move.CANCEL,)
    assert moves(State.ACCEPTED, as_receiver=False) == ()


def test_accept_start_complete_leaves_a_report_for_the_sender() -> None:
    record = record_with()
    for step, state in ((Move.ACCEPT, State.ACCEPTED), (Move.START, State.IN_PROGRESS)):
        known = run(referral(record, "t", RADIOLOGIST.organization))
        assert run(move(record, known, step, RADIOLOGIST, NOW)) is state
    known = run(referral(record, "t", RADIOLOGIST.organization))
    run(complete(record, known, RESULT, RADIOLOGIST, NOW))
    seen = run(referral(record, "t", GP.organization))
    assert seen.state is State.COMPLETED
    assert seen.report is not None
    assert seen.report["conclusion"] == RESULT.conclusion
    assert seen.report["conclusionCode"][0]["coding"][0]["code"] == "control-requiring"
    assert seen.request is not None
    assert seen.request["status"] == "completed"
    assert [note["text"] for note in seen.task["note"]] == ["accepted", "in-progress", "completed"]
    assert not seen.is_open


def test_a_rejection_needs_a_reason_and_shows_it_to_the_sender() -> None:
    record = record_with()
    known = run(referral(record, "t", RADIOLOGIST.organization))
    with pytest.raises(Unprocessable, match="without a reason"):
        run(move(record, known, Move.REJECT, RADIOLOGIST, NOW, reason="  "))
    run(move(record, known, Move.REJECT, RADIOLOGIST, NOW, reason="Vorbilder fehlen."))
    assert run(referrals(record, GP.organization, "out"))[0].reason == "Vorbilder fehlen."


def test_only_the_receiver_decides_and_only_the_sender_takes_back() -> None:
    record = record_with()
    known = run(referral(record, "t", GP.organization))
    with pytest.raises(Forbidden, match="sent to"):
        run(move(record, known, Move.ACCEPT, GP, NOW))
    with pytest.raises(Forbidden, match="take it back"):
        run(move(record, known, Move.CANCEL, RADIOLOGIST, NOW))
    assert run(move(record, known, Move.CANCEL, GP, NOW)) is State.CANCELLED


def test_two_people_at_once_do_not_overwrite_each_other() -> None:
    record = record_with()
    first = run(referral(record, "t", RADIOLOGIST.organization))
    second = run(referral(record, "t", RADIOLOGIST.organization))
    run(move(record, first, Move.ACCEPT, RADIOLOGIST, NOW))
    with pytest.raises(PreconditionFailed):
        run(move(record, second, Move.REJECT, RADIOLOGIST, NOW, reason="zu spät"))


def test_a_request_that_changed_meanwhile_is_not_overwritten() -> None:
    record = record_with("in-progress")
    known = run(referral(record, "t", RADIOLOGIST.organization))
    run(record.update({**record.all("ServiceRequest")[0], "status": "on-hold"}))
    with pytest.raises(PreconditionFailed):
        run(complete(record, known, RESULT, RADIOLOGIST, NOW))
    assert record.all("DiagnosticReport") == []


@pytest.mark.parametrize(
    "result",
    [
        Result(date(2026, 11, 24), "unremarkable", "Ohne Befund."),
        Result(date(2026, 11, 20), "fine", "Ohne Befund."),
        Result(date(2026, 11, 20), "unremarkable", " "),
    ],
)
def test_an_incomplete_result_closes_nothing(result: Result) -> None:
    record = record_with("accepted")
    known = run(referral(record, "t", RADIOLOGIST.organization))
    with pytest.raises(Unprocessable, match="not complete"):
        run(complete(record, known, result, RADIOLOGIST, NOW))
    assert record.all("DiagnosticReport") == []


def test_open_referrals_come_first_and_a_lost_request_hides_nothing() -> None:
    record = record_with("completed")
    record.put(
        {
            **record.all("Task")[0],
            "id": "open",
            "status": "accepted",
            "focus": {"reference": "ServiceRequest/x"},
        }
    )
    listed = run(referrals(record, RADIOLOGIST.organization, "in"))
    assert [each.id for each in listed] == ["open", "t"]
    assert listed[0].request is None


def test_duties_are_overdue_first_and_leave_far_visits_out() -> None:
    record = record_with()
    base = record.all("Task")[0]
    for name, due in (("soon", "2026-12-01"), ("late", "2026-11-01"), ("far", "2027-06-01"), ("odd", "bald")):
        record.put({**base, "id": name, "restriction": {"period": {"end": due}}})
    record.put({**base, "id": "closed", "status": "completed"})
    found = run(duties(record, RADIOLOGIST.organization, date(2026, 11, 23)))
    assert [(duty.id, duty.is_overdue) for duty in found] == [
        ("late", True),
        ("soon", False),
        ("t", False),
        ("odd", False),
    ]
    assert found[0].code == "referral"
    assert found[0].patient is not None
