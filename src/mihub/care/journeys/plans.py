"""Plans and medicines as plain values: what a care plan contains step by step, what a person takes.

The same board told by a hospital and by the care record is one plan: the one whose steps have a known state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mihub.care.journeys import facts
from mihub.care.journeys.reading import ReadThrough, SiteRecord
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId

_LIVE = frozenset({"active", "completed", "on-hold", ""})
_TASK_STATUS = {"requested": "not-started", "accepted": "scheduled", "in-progress": "in-progress"}


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One activity. `status` is a code of the activity; `reason` says why it differs."""

    text: str
    status: str
    day: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One care plan. `kind`: board, aftercare, other (text key)."""

    kind: str
    title: str
    day: str
    member: MemberId
    text: str
    steps: tuple[PlannedStep, ...]

    @property
    def known_steps(self) -> int:
        """How many steps have a state that says something."""
        return sum(step.status not in ("", "unknown") for step in self.steps)


@dataclass(frozen=True, slots=True)
class Medicine:
    """One medicine, once per name; `members` are the sites that know it."""

    name: str
    dose: str
    start: str
    end: str
    members: tuple[MemberId, ...]
    is_current: bool


def plans(read: ReadThrough) -> list[Plan]:
    """Plans in force or finished, newest first; drafts of the team are not shown."""
    found: dict[tuple[str, ...], Plan] = {}
    for record in read.records:
        known = {f"{one.get('resourceType')}/{one.get('id')}": one for one in record.resources}
        for resource in record.of("CarePlan"):
            plan = _plan(record.member, resource, known)
            if plan is None:
                continue
            is_board = plan.kind == "board"
            key = ("board", plan.day[:10]) if is_board else (record.member, str(resource.get("id")))
            if key not in found or plan.known_steps > found[key].known_steps:
                found[key] = plan
    return sorted(found.values(), key=lambda plan: plan.day, reverse=True)


def medicines(read: ReadThrough) -> list[Medicine]:
    """What the person takes or took, current first."""
    found: dict[str, Medicine] = {}
    for record in read.records:
        for statement in record.of("MedicationStatement"):
            medicine = _medicine(record, statement)
            if not medicine.name or statement.get("status") in ("entered-in-error", "not-taken"):
                continue
            before = found.get(medicine.name.casefold())
            members = (*before.members, *medicine.members) if before else medicine.members
            found[medicine.name.casefold()] = replace(
                before or medicine, members=tuple(dict.fromkeys(members))
            )
    return sorted(found.values(), key=lambda medicine: (not medicine.is_current, medicine.name.casefold()))


def _plan(member: MemberId, plan: Resource, known: Mapping[str, Resource]) -> Plan | None:
    kind = _plan_kind(plan)
    if kind == "pathway" or plan.get("status", "") not in _LIVE:
        return None
    start, _ = facts.when(plan)
    is_board = kind == "board"
    return Plan(
        kind,
        "" if is_board else str(plan.get("title") or facts.named(plan.get("category"))),
        str(plan.get("created") or start),
        member,
        "" if is_board else str(plan.get("description", "")),
        tuple(_step(facts.mapping(activity), known) for activity in facts.items(plan.get("activity"))),
    )


def _plan_kind(plan: Resource) -> str:
    canonical = " ".join(str(value) for value in facts.items(plan.get("instantiatesCanonical")))
    profiles = " ".join(facts.profiles(plan))
    if "tumorkonferenz" in profiles or "therapieplan" in profiles:
        return "board"
    if "pathway" in canonical:
        return "pathway"
    return "aftercare" if "aftercare" in canonical or "schedule" in canonical else "other"


def _step(activity: dict[str, Any], known: Mapping[str, Resource]) -> PlannedStep:
    target = known.get(facts.reference_id(activity.get("reference")))
    if target is not None:
        return _referred(target, known)
    detail = facts.mapping(activity.get("detail"))
    period = facts.mapping(detail.get("scheduledPeriod"))
    who = ", ".join(
        str(facts.mapping(one).get("display", "")) for one in facts.items(detail.get("performer"))
    )
    return PlannedStep(
        str(detail.get("description") or facts.words(detail.get("code"))),
        str(detail.get("status", "")),
        str(period.get("start") or detail.get("scheduledString") or ""),
        who,
        _reason(detail.get("statusReason")),
    )


def _reason(concept: Any) -> str:
    """Why a step differs; the oBDS and MII codes N and U say that there is no reason or none known."""
    codes = {code for _, code, _ in facts.codings(concept)}
    said = str(facts.mapping(concept).get("text", ""))
    return said or ("" if codes <= {"N", "U"} else facts.named(concept))


def _referred(target: Resource, known: Mapping[str, Resource]) -> PlannedStep:
    """A step that is a Task or an Appointment of its own."""
    focus = known.get(facts.reference_id(target.get("focus")), target)
    due = str(facts.mapping(facts.mapping(target.get("restriction")).get("period")).get("end", ""))
    status = str(target.get("status", ""))
    is_booked = focus.get("resourceType") == "Appointment" and bool(focus.get("start"))
    return PlannedStep(
        str(focus.get("description") or target.get("description") or facts.named(target.get("code"))),
        "scheduled" if is_booked and status != "completed" else _TASK_STATUS.get(status, status),
        str(focus.get("start") or due),
        str(facts.mapping(target.get("owner")).get("display", "")),
        _reason(target.get("statusReason")),
    )


def _medicine(record: SiteRecord, statement: Resource) -> Medicine:
    start, end = facts.when(statement)
    name = facts.named(statement.get("medicationCodeableConcept"))
    name = name or str(facts.mapping(statement.get("medicationReference")).get("display", ""))
    dose = next((str(facts.mapping(one).get("text", "")) for one in facts.items(statement.get("dosage"))), "")
    current = statement.get("status") in ("active", "intended", "unknown", None)
    return Medicine(name or _therapy_name(record, statement), dose, start, end, (record.member,), current)


def _therapy_name(record: SiteRecord, statement: Resource) -> str:
    """The name of the therapy a substance belongs to, for sources that give codes only; else the code."""
    wanted = {facts.reference_id(part) for part in facts.items(statement.get("partOf"))}
    therapies = (one for one in record.of("Procedure") if f"Procedure/{one.get('id')}" in wanted)
    named = next((facts.named(one.get("code")) for one in therapies), "")
    return named or facts.words(statement.get("medicationCodeableConcept"))
