"""Referrals as lists: what came in, what went out, one in detail; all read from the care record.

A referral whose request cannot be read is still shown: a duty never disappears. Neighbours: `states`,
`actions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mihub.care.referrals.states import OPEN, Move, State, moves
from mihub.care.referrals.terms import REFERRAL, TASK, member_of
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient, Parameters
from mihub.core.policy.actor import MemberId
from mihub.errors import Gone, NotFound

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Referral:
    """One referral. `request`, `patient` and `report` are None when they are not there or may not be read."""

    task: Resource
    request: Resource | None
    patient: Resource | None
    report: Resource | None = None

    @property
    def id(self) -> str:
        return str(self.task["id"])

    @property
    def state(self) -> State:
        """An unknown status counts as requested: somebody must look at it."""
        status = self.task.get("status")
        return State(status) if status in {state.value for state in State} else State.REQUESTED

    @property
    def sender(self) -> MemberId:
        return member_of(self.task.get("requester"))

    @property
    def receiver(self) -> MemberId:
        return member_of(self.task.get("owner"))

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def authored(self) -> str:
        return str(self.task.get("authoredOn", ""))[:10]

    @property
    def reason(self) -> str:
        return str(self.task.get("statusReason", {}).get("text", ""))

    def moves_of(self, member: MemberId) -> tuple[Move, ...]:
        """What this organisation may do now."""
        own = [moves(self.state, as_receiver=True)] if member == self.receiver else []
        own += [moves(self.state, as_receiver=False)] if member == self.sender else []
        return tuple(move for each in own for move in each)


async def referrals(record: FhirClient, member: MemberId, direction: Direction) -> list[Referral]:
    """The organisation's referrals, open ones first, then newest first."""
    side = "owner" if direction == "in" else "requester"
    query: Parameters = [
        ("code", f"{TASK}|{REFERRAL}"),
        (f"{side}:identifier", f"https://mihub.example/sid/member|{member}"),
        ("_include", "Task:focus"),
        ("_include", "Task:patient"),
    ]
    found = _joined(await record.search("Task", query))
    return sorted(
        sorted(found, key=lambda each: each.authored, reverse=True), key=lambda each: not each.is_open
    )


async def referral(record: FhirClient, task_id: str, member: MemberId) -> Referral:
    """One referral that this organisation sent or received. Raises `NotFound` for anybody else's."""
    task = await record.read("Task", task_id)
    if member not in (member_of(task.get("owner")), member_of(task.get("requester"))):
        raise NotFound("There is no such referral of your organisation.", next_step="Go back to the list.")
    output = [each.get("valueReference", {}).get("reference", "") for each in task.get("output", [])]
    return Referral(
        task,
        request=await _maybe(record, task.get("focus", {}).get("reference", "")),
        patient=await _maybe(record, task.get("for", {}).get("reference", "")),
        report=await _maybe(
            record, next((each for each in output if each.startswith("DiagnosticReport/")), "")
        ),
    )


def _joined(found: Sequence[Resource]) -> list[Referral]:
    by_place = {f"{each['resourceType']}/{each['id']}": each for each in found}
    return [
        Referral(
            task,
            request=by_place.get(task.get("focus", {}).get("reference", "")),
            patient=by_place.get(task.get("for", {}).get("reference", "")),
        )
        for task in found
        if task["resourceType"] == "Task"
    ]


async def _maybe(record: FhirClient, reference: str) -> Resource | None:
    kind, _, resource_id = reference.partition("/")
    if not kind or not resource_id:
        return None
    try:
        return await record.read(kind, resource_id)
    except (NotFound, Gone):
        return None
