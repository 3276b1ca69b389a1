"""Everything that waits for one organisation: its open Tasks of every kind, what is overdue first.

Aftercare visits far ahead are not a duty yet and are left out. Neighbours: `lists`, `care.aftercare.series`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mihub.care.referrals.terms import MEMBER, TASK, member_of
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId

_OPEN: Final = "requested,received,accepted,ready,in-progress,on-hold"
_ENDED: Final = frozenset({"revoked", "completed", "entered-in-error"})
# A duty with a day appears this long before it.
AHEAD_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class Duty:
    """One open Task. `due_on` is None when nobody set a day."""

    task: Resource
    patient: Resource | None
    due_on: date | None
    is_overdue: bool

    @property
    def code(self) -> str:
        codings = self.task.get("code", {}).get("coding", [])
        return next((str(coding.get("code")) for coding in codings if coding.get("system") == TASK), "")

    @property
    def id(self) -> str:
        return str(self.task["id"])

    @property
    def plan_id(self) -> str:
        """The plan that the Task belongs to; empty when it stands alone."""
        based_on = self.task.get("basedOn") or [{}]
        return str(based_on[0].get("reference", "")).removeprefix("CarePlan/")

    @property
    def from_member(self) -> MemberId:
        return member_of(self.task.get("requester"))


async def duties(record: FhirClient, member: MemberId, today: date) -> list[Duty]:
    """Overdue ones first, then by day, then what has no day; oldest first within a day."""
    query = [
        ("owner:identifier", f"{MEMBER}|{member}"),
        ("status", _OPEN),
        ("_include", "Task:patient"),
        ("_include", "Task:based-on"),
    ]
    found = _joined(await record.search("Task", query), today)
    near = [
        duty for duty in found if duty.due_on is None or duty.due_on <= today + timedelta(days=AHEAD_DAYS)
    ]
    return sorted(near, key=lambda duty: (not duty.is_overdue, duty.due_on or date.max, _authored(duty)))


def _joined(found: Sequence[Resource], today: date) -> list[Duty]:
    by_place = {f"{each['resourceType']}/{each['id']}": each for each in found}
    tasks = [each for each in found if each["resourceType"] == "Task"]
    with_patient = [(task, by_place.get(task.get("for", {}).get("reference", ""))) for task in tasks]
    return [_duty(task, who, today) for task, who in with_patient if not is_over(task, who, by_place)]


def is_over(task: Resource, patient: Resource | None, by_place: Mapping[str, Resource]) -> bool:
    """Whether an open Task is nobody's duty any more: its plan has ended, or the person has died."""
    plans = [by_place.get(each.get("reference", ""), {}) for each in task.get("basedOn", [])]
    if any(plan.get("status") in _ENDED for plan in plans):
        return True
    return patient is not None and bool(patient.get("deceasedDateTime") or patient.get("deceasedBoolean"))


def _duty(task: Resource, patient: Resource | None, today: date) -> Duty:
    said = str(task.get("restriction", {}).get("period", {}).get("end", ""))[:10]
    try:
        due_on = date.fromisoformat(said)
    except ValueError:
        due_on = None
    return Duty(task, patient, due_on, is_overdue=due_on is not None and due_on < today)


def _authored(duty: Duty) -> str:
    return str(duty.task.get("authoredOn", ""))
