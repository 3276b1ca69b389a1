"""Boards, their dates and the order of cases on a date; postpone and withdraw.

The order is a number in each Task and changes by one step up or down, so that keyboard and screen reader
can do it. An overtaken change is refused, not overwritten. Above: the portal. Below: `case`, `catalogue`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from mihub.care.referrals.terms import transaction, version_of
from mihub.care.tumour_board import terms
from mihub.care.tumour_board.case import BoardCase, CaseState, plan_reference, read_case
from mihub.care.tumour_board.catalogue import Board
from mihub.care.tumour_board.permissions import Act, require
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient, Parameters
from mihub.core.policy.actor import Actor
from mihub.errors import InvalidInput

_CASES: Parameters = [("code", f"{terms.TASK_CODE}|board-case")]


@dataclass(frozen=True, slots=True)
class Session:
    """One meeting: a board, a date and its cases in order."""

    board: Board
    day: date
    cases: tuple[BoardCase, ...]


def next_dates(board: Board, today: date, number: int = 4) -> tuple[date, ...]:
    """The next meetings, today included."""
    first = today + timedelta(days=(board.weekday - today.weekday()) % 7)
    return tuple(first + timedelta(weeks=week) for week in range(number))


async def all_cases(care: FhirClient) -> tuple[BoardCase, ...]:
    """Every case of every board, by date and position."""
    return await _cases(care, _CASES)


async def cases_of_patient(care: FhirClient, patient_id: str) -> tuple[BoardCase, ...]:
    """The cases of one patient of the care record, by date."""
    return await _cases(care, [*_CASES, ("patient", f"Patient/{patient_id}")])


async def agenda(care: FhirClient, board: Board, day: date) -> Session:
    """The cases of one meeting in their order; withdrawn and postponed ones are left out."""
    found = [each for each in await all_cases(care) if each.board_id == board.id and each.day == day]
    return Session(board, day, tuple(each for each in found if is_on_agenda(each)))


def is_on_agenda(case: BoardCase) -> bool:
    """Neither withdrawn nor postponed."""
    return case.state not in (CaseState.WITHDRAWN, CaseState.POSTPONED)


async def move(care: FhirClient, session: Session, case_id: str, step: int, actor: Actor) -> None:
    """Move a case up (-1) or down (1); at the end of the list nothing happens.

    Raises `PreconditionFailed` when somebody else changed the order meanwhile.
    """
    require(actor, Act.MODERATE)
    order = [each.id for each in session.cases]
    if case_id not in order or step not in (-1, 1):
        raise InvalidInput(
            "This case is not on the agenda of this date.",
            rule="care.tumour_board.agenda",
            next_step="Open the agenda again.",
        )
    place = order.index(case_id)
    target = min(max(place + step, 0), len(order) - 1)
    order.insert(target, order.pop(place))
    changed = _renumbered(session.cases, order)
    if changed:
        await care.transaction(transaction(changed))


async def postpone(care: FhirClient, case: BoardCase, reason: str, actor: Actor) -> None:
    """Take the case from the agenda until somebody registers a new date; the reason is kept."""
    await _leave(care, case, "on-hold", reason, actor)


async def withdraw(care: FhirClient, case: BoardCase, reason: str, actor: Actor) -> None:
    """End the case without a decision; the reason is kept."""
    await _leave(care, case, "cancelled", reason, actor)


async def reschedule(care: FhirClient, case: BoardCase, day: date, actor: Actor) -> None:
    """Put the case on another date of its board."""
    require(actor, Act.MODERATE)
    session = {"system": terms.SESSION_ID, "value": f"{case.board_id}/{day.isoformat()}"}
    period = {"executionPeriod": {"start": day.isoformat()}, "groupIdentifier": session}
    status = "requested" if case.task.get("status") == "on-hold" else case.task.get("status")
    await care.update({**case.task, **period, "status": status}, if_match=version_of(case.task))


async def _leave(care: FhirClient, case: BoardCase, status: str, reason: str, actor: Actor) -> None:
    require(actor, Act.MODERATE)
    if not reason.strip():
        raise InvalidInput(
            "The reason is missing.",
            where="reason",
            rule="care.tumour_board.agenda",
            next_step="Say in a few words why.",
        )
    task = {**case.task, "status": status, "statusReason": {"text": reason.strip()}}
    await care.update(task, if_match=version_of(case.task))


async def _cases(care: FhirClient, parameters: Parameters) -> tuple[BoardCase, ...]:
    tasks = await care.search("Task", parameters)
    plans = await _plans(care, tasks)
    cases = [read_case(task, plans.get(plan_reference(task))) for task in tasks]
    return tuple(sorted(cases, key=lambda each: (each.day or date.max, each.position, each.id)))


async def _plans(care: FhirClient, tasks: Iterable[Resource]) -> dict[str, Resource]:
    wanted = sorted({plan_reference(task) for task in tasks} - {""})
    found: dict[str, Resource] = {}
    for start in range(0, len(wanted), 50):
        batch = wanted[start : start + 50]
        for plan in await care.search("CarePlan", [("_id", ",".join(batch))]):
            found[plan["id"]] = plan
    return found


def _renumbered(cases: tuple[BoardCase, ...], order: list[str]) -> list[tuple[Resource, str | None]]:
    """Only the Tasks whose position changes, each guarded by its version."""
    by_id = {each.id: each for each in cases}
    return [
        (_at_position(by_id[case_id].task, position), version_of(by_id[case_id].task))
        for position, case_id in enumerate(order, 1)
        if by_id[case_id].position != position
    ]


def _at_position(task: Resource, position: int) -> Resource:
    others = [each for each in task.get("input", []) if each.get("type", {}).get("text") != "position"]
    return {**task, "input": [*others, {"type": {"text": "position"}, "valuePositiveInt": position}]}
