"""A board case read back from the care record, with its state computed from the facts; nobody maintains a
state.

The carrier is a Task with code `board-case`; its focus is the CarePlan. A Task that another program wrote
with less is read as far as it goes. Above: every action of this room. Below: `decision`, `terms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mihub.care.tumour_board import terms
from mihub.care.tumour_board.decision import Decision, from_care_plan
from mihub.core.fhir import Json, Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId
from mihub.errors import NotFound


class CaseState(StrEnum):
    """Where a case stands, in the order of its life; the last two are ways out."""

    REGISTERED = "registered"
    DRAFTED = "drafted"
    DECIDED = "decided"
    IN_FOLLOW_UP = "in-follow-up"
    CLOSED = "closed"
    POSTPONED = "postponed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class BoardCase:
    """One case: the Task, its plan (None when there is none yet) and what is read from them."""

    task: Resource
    plan: Resource | None
    board_id: str
    day: date | None
    position: int
    question: str
    registrant: str
    registered_by: MemberId
    added: tuple[tuple[str, str], ...]
    completeness: str

    @property
    def id(self) -> str:
        """The id of the Task, which names the case."""
        return str(self.task["id"])

    @property
    def patient_id(self) -> str:
        """The patient's id in the care record."""
        return str(self.task.get("for", {}).get("reference", "")).rpartition("/")[2]

    @property
    def decision(self) -> Decision | None:
        """The decision as far as it is written; None without a plan."""
        return from_care_plan(self.plan) if self.plan else None

    @property
    def version(self) -> str:
        """The version of the plan that an edit starts from."""
        return str((self.plan or {}).get("meta", {}).get("versionId", ""))

    @property
    def released(self) -> bool:
        """Whether patient and practice may know."""
        return self.plan is not None and self.plan.get("status") != "draft" and not is_withheld(self.plan)

    @property
    def state(self) -> CaseState:
        """Computed from Task and CarePlan."""
        return _state(self)


async def load_case(care: FhirClient, case_id: str) -> BoardCase:
    """The case. Raises `NotFound` when there is none, also for a Task that is no board case."""
    task = await care.read("Task", case_id)
    if terms.code_of(task.get("code"), terms.TASK_CODE) != "board-case":
        raise NotFound(
            "There is no board case with this id.", next_step="Open it from the list of the board."
        )
    return read_case(task, await _plan_of(care, task))


def read_case(task: Resource, plan: Resource | None) -> BoardCase:
    """The case that a Task and its plan describe."""
    inputs = {str(each.get("type", {}).get("text", "")): each for each in task.get("input", [])}
    board_id, _, day = str(task.get("groupIdentifier", {}).get("value", "")).partition("/")
    start = str(task.get("executionPeriod", {}).get("start") or day)[:10]
    requester = task.get("requester", {})
    return BoardCase(
        task=task,
        plan=plan,
        board_id=board_id,
        day=_day(start),
        position=int(inputs.get("position", {}).get("valuePositiveInt", 999)),
        question=str(task.get("description", "")),
        registrant=str(requester.get("display", "")),
        registered_by=MemberId(str(requester.get("identifier", {}).get("value", ""))),
        added=_added(inputs),
        completeness=str(inputs.get("completeness", {}).get("valueString", "")),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def plan_reference(task: Resource) -> str:
    """The id of the case's CarePlan; empty when the Task names none."""
    reference = str(task.get("focus", {}).get("reference", ""))
    return reference.removeprefix("CarePlan/") if reference.startswith("CarePlan/") else ""


def is_withheld(plan: Resource) -> bool:
    """Whether the plan is labelled as not to be disclosed to the patient yet."""
    labels = plan.get("meta", {}).get("security", [])
    return any(
        each.get("system") == terms.ACT_CODE and each.get("code") == terms.NOT_TO_PATIENT for each in labels
    )


async def _plan_of(care: FhirClient, task: Resource) -> Resource | None:
    plan_id = plan_reference(task)
    return await care.read("CarePlan", plan_id) if plan_id else None


def _added(inputs: dict[str, Json]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.removeprefix("added:"), str(each.get("valueString", "")))
        for name, each in inputs.items()
        if name.startswith("added:")
    )


def _state(case: BoardCase) -> CaseState:
    status = case.task.get("status")
    if status == "cancelled":
        return CaseState.WITHDRAWN
    if status == "on-hold":
        return CaseState.POSTPONED
    decision = case.decision
    if case.plan is None or decision is None or not decision.recommendations:
        return CaseState.REGISTERED
    if case.plan.get("status") == "draft":
        return CaseState.DRAFTED
    if not case.released:
        return CaseState.DECIDED
    return CaseState.IN_FOLLOW_UP if any(e.is_open() for e in decision.recommendations) else CaseState.CLOSED
