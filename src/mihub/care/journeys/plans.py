"""Plans and medicines as plain values: what a care plan contains step by step, what a person takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mihub.care.journeys import facts
from mihub.care.journeys.reading import ReadThrough
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId

_LIVE = frozenset({"active", "completed", "on-hold", ""})


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One activity. `status` is the FHIR code; `reason` says why it differs."""

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


@dataclass(frozen=True, slots=True)
class Medicine:
    """One medicine, once per name and site."""

    name: str
    dose: str
    start: str
    end: str
    member: MemberId
    is_current: bool


def plans(read: ReadThrough) -> list[Plan]:
    """Plans in force or finished, newest first; drafts of the team are not shown."""
    found = [_plan(member, plan) for member, plan in read.of("CarePlan") if plan.get("status", "") in _LIVE]
    return sorted((plan for plan in found if plan.kind != "pathway"), key=lambda plan: plan.day, reverse=True)


def medicines(read: ReadThrough) -> list[Medicine]:
    """What the person takes or took, current first."""
    found: dict[tuple[str, str], Medicine] = {}
    for member, statement in read.of("MedicationStatement"):
        medicine = _medicine(member, statement)
        if medicine.name and statement.get("status") not in ("entered-in-error", "not-taken"):
            found.setdefault((medicine.name.casefold(), member), medicine)
    return sorted(found.values(), key=lambda medicine: (not medicine.is_current, medicine.name.casefold()))


def _plan(member: MemberId, plan: Resource) -> Plan:
    canonical = " ".join(str(value) for value in facts.items(plan.get("instantiatesCanonical")))
    profiles = " ".join(facts.profiles(plan))
    if "tumorkonferenz" in profiles or "therapieplan" in profiles:
        kind = "board"
    elif "pathway" in canonical:
        kind = "pathway"
    else:
        kind = "aftercare" if "aftercare" in canonical or "schedule" in canonical else "other"
    start, _ = facts.when(plan)
    title = str(plan.get("title") or facts.words(plan.get("category")))
    steps = tuple(_step(facts.mapping(activity)) for activity in facts.items(plan.get("activity")))
    return Plan(
        kind, title, str(plan.get("created") or start), member, str(plan.get("description", "")), steps
    )


def _step(activity: dict[str, Any]) -> PlannedStep:
    detail = facts.mapping(activity.get("detail"))
    period = facts.mapping(detail.get("scheduledPeriod"))
    who = ", ".join(
        str(facts.mapping(one).get("display", "")) for one in facts.items(detail.get("performer"))
    )
    display = str(facts.mapping(activity.get("reference")).get("display", ""))
    return PlannedStep(
        str(detail.get("description") or facts.words(detail.get("code")) or display),
        str(detail.get("status", "")),
        str(period.get("start") or detail.get("scheduledString") or ""),
        who,
        facts.words(detail.get("statusReason")),
    )


def _medicine(member: MemberId, statement: Resource) -> Medicine:
    start, end = facts.when(statement)
    name = facts.words(statement.get("medicationCodeableConcept"))
    name = name or str(facts.mapping(statement.get("medicationReference")).get("display", ""))
    dose = next((str(facts.mapping(one).get("text", "")) for one in facts.items(statement.get("dosage"))), "")
    return Medicine(
        name, dose, start, end, member, statement.get("status") in ("active", "intended", "unknown", None)
    )
