"""What a practice records during the talk: smoking intervals and the answer about the last CT, at its own
site.

Each action writes one Observation and refuses what the rule could not use. The same form sent twice writes
one. Neighbours: `history` (the shapes).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from mihub.care.referrals.person import stable_id
from mihub.care.screening.history import (
    ended,
    interval_observation,
    last_ct_observation,
    partial_day,
    read_history,
)
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.rules.smoking import overlapping
from mihub.errors import Conflict, InvalidInput, NotFound


async def add_interval(
    practice: FhirClient,
    patient_id: str,
    start: str,
    end: str,
    per_day: Decimal | None,
    *,
    today: date,
    key: str,
) -> Resource:
    """Record one interval. Raises `InvalidInput` for what cannot be, `Conflict` when it overlaps another
    one.
    """
    fresh = interval_observation(patient_id, start, end, per_day, today)
    fresh["id"] = stable_id("smoking-interval", patient_id, key)
    _not_in_the_future(start, end, today)
    found = await practice.search("Observation", [("patient", f"Patient/{patient_id}")])
    stored = next((each for each in found if each["id"] == fresh["id"]), None)
    if stored is not None:
        # Sent twice: what somebody did with it since, such as an end, stays.
        return stored
    _no_overlap([*(each.observation for each in read_history(found).recorded), fresh])
    return await practice.update(fresh)


async def end_interval(
    practice: FhirClient, patient_id: str, observation_id: str, end: str, *, today: date
) -> Resource:
    """The person stopped: close an ongoing interval. Raises as `add_interval`, `NotFound` for another
    patient's.
    """
    known = await _own(practice, patient_id, observation_id)
    closed = ended(known, end)
    _not_in_the_future(end, "", today)
    _no_overlap([*await _others(practice, patient_id, observation_id), closed])
    return await practice.update(closed, if_match=known["meta"]["versionId"])


async def withdraw_interval(practice: FhirClient, patient_id: str, observation_id: str) -> Resource:
    """An interval entered by mistake: it stays in the record and does not count."""
    known = await _own(practice, patient_id, observation_id)
    return await practice.update({**known, "status": "entered-in-error"}, if_match=known["meta"]["versionId"])


async def record_last_ct(
    practice: FhirClient, patient_id: str, on: date | None, *, control_requiring: bool, today: date
) -> Resource:
    """The answer to "was a CT of the lung made?", `on` None for no. Raises `InvalidInput` for a day in the
    future.
    """
    if on is not None and on > today:
        raise InvalidInput("The last CT cannot lie in the future.", rule="last lung CT")
    answer = last_ct_observation(patient_id, on, control_requiring, today)
    # One answer a day: asking again on the same day corrects it.
    answer["id"] = stable_id("last-lung-ct", patient_id, today.isoformat())
    return await practice.update(answer)


async def _own(practice: FhirClient, patient_id: str, observation_id: str) -> Resource:
    known = await practice.read("Observation", observation_id)
    if known.get("subject", {}).get("reference") != f"Patient/{patient_id}":
        raise NotFound("There is no such entry for this patient.")
    return known


async def _others(practice: FhirClient, patient_id: str, observation_id: str) -> list[Resource]:
    found = await practice.search("Observation", [("patient", f"Patient/{patient_id}")])
    return [each.observation for each in read_history(found).recorded if each.id != observation_id]


def _no_overlap(observations: list[Resource]) -> None:
    recorded = read_history([{"id": "new", **each} for each in observations]).recorded
    if overlapping([each.interval for each in recorded if each.interval is not None]):
        raise Conflict(
            "Two smoking times overlap.",
            rule="one time is counted once",
            next_step="Change start or end, or remove the other entry.",
        )


def _not_in_the_future(start: str, end: str, today: date) -> None:
    for text in (start, end):
        day = partial_day(text) if text else None
        if day is not None and day[0] > today:
            raise InvalidInput("A smoking time cannot lie in the future.", rule="start and end of smoking")
