"""What people do with a visit: agree a day, mark it done, call it off with a reason, end the plan.

Each action is one transaction on the versions that were read; somebody faster gives `PreconditionFailed`.
Neighbours: `series` (reads), `plan` (makes).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from mihub.care.aftercare.series import Due, Plan, Visit
from mihub.care.referrals.terms import history_note, member_of, transaction
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Actor
from mihub.errors import Conflict, Forbidden, Unprocessable


async def agree_day(record: FhirClient, visit: Visit, start: datetime, minutes: int, actor: Actor) -> None:
    """Book the visit. `start` carries its offset. Raises as `mark_done`, and `Unprocessable` without an
    appointment.
    """
    _may(visit, actor)
    if visit.appointment is None or start.tzinfo is None:
        raise Unprocessable("This visit has no appointment that a day could be agreed for.")
    end = start + timedelta(minutes=minutes)
    moments = {"start": start.isoformat(timespec="seconds"), "end": end.isoformat(timespec="seconds")}
    participants = [{**each, "status": "accepted"} for each in visit.appointment.get("participant", [])]
    booked = {**visit.appointment, **moments, "status": "booked", "participant": participants}
    await record.update(booked, if_match=visit.appointment["meta"]["versionId"])


async def mark_done(record: FhirClient, visit: Visit, done_on: date, actor: Actor, now: datetime) -> None:
    """The visit took place on that day.

    Raises `Forbidden` for another organisation's visit, `Conflict` when it is closed, `Unprocessable` for a
    day in the future.
    """
    _may(visit, actor)
    if done_on > now.date():
        raise Unprocessable("A visit cannot be done on a day in the future.", next_step="Correct the day.")
    task = _closed(visit.task, "completed", actor, now)
    task["executionPeriod"] = {"start": done_on.isoformat(), "end": done_on.isoformat()}
    await _write(record, visit, task, "fulfilled")


async def call_off(record: FhirClient, visit: Visit, reason: str, actor: Actor, now: datetime) -> None:
    """The visit will not take place. Raises as `mark_done`, and `Unprocessable` without a reason."""
    _may(visit, actor)
    if not reason.strip():
        raise Unprocessable("A visit cannot be called off without a reason.", next_step="Write the reason.")
    task = {**_closed(visit.task, "cancelled", actor, now), "statusReason": {"text": reason.strip()}}
    await _write(record, visit, task, "cancelled")


async def end_plan(record: FhirClient, plan: Plan, reason: str, actor: Actor, now: datetime) -> None:
    """End a plan: its open visits are called off with the reason, done ones stay. Raises as `call_off`."""
    if not reason.strip():
        raise Unprocessable("A plan cannot be ended without a reason.", next_step="Write the reason.")
    ended = {**plan.resource, "status": "revoked", "note": [{"text": reason.strip()}]}
    writes: list[tuple[Resource, str | None]] = [(ended, plan.resource["meta"]["versionId"])]
    for visit in plan.visits:
        if visit.state not in (Due.DONE, Due.CANCELLED):
            _may(visit, actor)
            task = {**_closed(visit.task, "cancelled", actor, now), "statusReason": {"text": reason.strip()}}
            writes += _pair(visit, task, "cancelled")
    await record.transaction(transaction(writes))


def _may(visit: Visit, actor: Actor) -> None:
    if member_of(visit.task.get("owner")) != actor.organization:
        raise Forbidden("Another organisation is responsible for this visit.", rule="owner of the Task")
    if visit.state in (Due.DONE, Due.CANCELLED):
        raise Conflict(
            "This visit is already closed.", next_step="Open the plan again and look at its state."
        )


def _closed(task: Resource, status: str, actor: Actor, now: datetime) -> Resource:
    note = history_note(actor, now, status)
    stamp = now.isoformat(timespec="seconds")
    return {**task, "status": status, "lastModified": stamp, "note": [*task.get("note", []), note]}


def _pair(visit: Visit, task: Resource, appointment_status: str) -> list[tuple[Resource, str | None]]:
    pair: list[tuple[Resource, str | None]] = [(task, visit.task["meta"]["versionId"])]
    if visit.appointment is not None:
        pair.append((_ended(visit.appointment, appointment_status), visit.appointment["meta"]["versionId"]))
    return pair


def _ended(appointment: Resource, status: str) -> Resource:
    # An appointment that was never agreed has no time and can only be cancelled (FHIR R4, app-3).
    if appointment.get("start") or status == "cancelled":
        return {**appointment, "status": status}
    return {
        **appointment,
        "status": "cancelled",
        "cancelationReason": {"text": "ohne festen Termin erledigt"},
    }


async def _write(record: FhirClient, visit: Visit, task: Resource, appointment_status: str) -> None:
    await record.transaction(transaction(_pair(visit, task, appointment_status)))
