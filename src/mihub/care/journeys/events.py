"""Events of a journey from FHIR resources of any shape: one table of readers by resource type.

An event has a `kind` (a text key for patients, evidence for the pathway) and a `professional` line (the
source's own words and codes). It keeps where it came from. What no reader understands is left out, never
guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mihub.care.journeys import facts
from mihub.care.journeys.vocabulary import kind_of
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId


class Lane(StrEnum):
    """The rows of the timeline, in their fixed order."""

    DIAGNOSIS = "diagnosis"
    BOARD = "board"
    OPERATION = "operation"
    SYSTEMIC = "systemic"
    RADIOTHERAPY = "radiotherapy"
    SUPPORTIVE = "supportive"
    EXAMINATION = "examination"
    VISIT = "visit"
    MILESTONE = "milestone"


_LANES: Final = {
    "diagnosis": Lane.DIAGNOSIS,
    "stage": Lane.DIAGNOSIS,
    "course": Lane.DIAGNOSIS,
    "board": Lane.BOARD,
    "operation": Lane.OPERATION,
    "systemic": Lane.SYSTEMIC,
    "radiotherapy": Lane.RADIOTHERAPY,
    "supportive": Lane.SUPPORTIVE,
    "examination": Lane.EXAMINATION,
    "imaging": Lane.EXAMINATION,
    "pathology": Lane.EXAMINATION,
    "visit": Lane.VISIT,
    "appointment": Lane.VISIT,
}
_VOID_STATUS: Final = frozenset({"entered-in-error", "cancelled", "not-done", "refuted", "nullified"})


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened or is planned. `start`, `end`: FHIR dates as written, empty when unknown."""

    kind: str
    start: str
    end: str
    name: str
    professional: str
    members: tuple[MemberId, ...]
    source: str
    is_planned: bool = False
    is_running: bool = False

    @property
    def lane(self) -> Lane:
        """The row it belongs to."""
        return _LANES.get(self.kind.partition(".")[0], Lane.MILESTONE)

    @property
    def member(self) -> MemberId:
        """The site that the event was read from first."""
        return self.members[0]


Reader = Callable[[Resource, str], Event | None]


def events_of(resources: Iterable[Resource], member: str, *, today: str = "9999") -> list[Event]:
    """All events of one site's resources of one person, in order of time, undated last."""
    usable = [resource for resource in resources if not _is_void(resource)]
    laboratory = [resource for resource in usable if _is_laboratory(resource)]
    visits = {
        f"Appointment/{one.get('id')}": one for one in usable if one.get("resourceType") == "Appointment"
    }
    found = [_timed(event, today) for event in _read(usable, member, visits)]
    return ordered(_without_doubles([*found, *_laboratory_days(laboratory, member, found)]))


def _read(usable: list[Resource], member: str, visits: dict[str, Resource]) -> list[Event]:
    events = []
    for resource in usable:
        reader = None if _is_laboratory(resource) else _READERS.get(str(resource.get("resourceType")))
        event = reader(resource, member) if reader else None
        focus = visits.get(facts.reference_id(resource.get("focus")))
        if event is not None and not (focus and focus.get("start")):
            # A duty says what its appointment is for; a booked appointment speaks for itself.
            name = str(focus.get("description") or event.name) if focus else event.name
            events.append(replace(event, name=name))
    return events


def _laboratory_days(observations: list[Resource], member: str, found: list[Event]) -> list[Event]:
    """One event per day of single values, unless a report of that day tells it already."""
    told = {event.start[:10] for event in found if event.kind == "examination.lab"}
    days = Counter(facts.when(observation)[0][:10] for observation in observations)
    return [
        Event("examination.lab", day, "", str(count), f"{count} Laborwerte", (MemberId(member),), "")
        for day, count in days.items()
        if day not in told
    ]


def merge(per_site: Sequence[Sequence[Event]]) -> list[Event]:
    """One journey of all sites: the same fact told by several sites is one event that names them all."""
    known: dict[tuple[str, ...], Event] = {}
    for event in ordered([event for events in per_site for event in events]):
        key = _identity(event)
        before = known.get(key)
        if before is None:
            known[key] = event
        elif event.member not in before.members:
            known[key] = replace(before, members=(*before.members, *event.members))
    return ordered(list(known.values()))


def ordered(events: list[Event]) -> list[Event]:
    """By start, undated last; within a day in the order of lanes."""
    lanes = list(Lane)
    return sorted(events, key=lambda event: (event.start[:10] or "9999", lanes.index(event.lane), event.name))


def _identity(event: Event) -> tuple[str, ...]:
    """What makes two events one: kind and day, the name where the words hold it, the place for visits."""
    group, _, rest = event.kind.partition(".")
    if group == "diagnosis" and rest not in ("other", "unnamed"):
        return (event.kind,)
    if group in ("appointment", "step", "letter", "aftercare"):
        return (event.member, event.source)
    if group in ("visit", "examination"):
        return (event.kind, event.start[:10], event.member, event.name)
    return (event.kind, event.start[:10], event.name if rest == "other" else "")


def _without_doubles(events: list[Event]) -> list[Event]:
    """A study or procedure beside its report on the same day says the same thing once."""
    reported = {
        event.start[:10] for event in events if event.kind.startswith("imaging") and "Report" in event.source
    }
    return [
        event
        for event in events
        if "Report" in event.source
        or not event.kind.startswith("imaging")
        or event.start[:10] not in reported
    ]


def _timed(event: Event, today: str) -> Event:
    ahead = bool(event.start) and event.start[:10] > today
    running = bool(event.start) and not ahead and (event.is_running or event.end[:10] > today)
    return replace(event, is_planned=event.is_planned or ahead, is_running=running)


def _is_void(resource: Resource) -> bool:
    statuses = {str(resource.get("status", ""))}
    statuses |= {code for _, code, _ in facts.codings(resource.get("verificationStatus"))}
    return bool(statuses & _VOID_STATUS)


def _is_laboratory(resource: Resource) -> bool:
    if resource.get("resourceType") != "Observation":
        return False
    found = list(facts.codings(resource.get("category")))
    kind = kind_of("observation", list(facts.codings(resource.get("code"))))
    return kind is None and any(code in ("laboratory", "26436-6") for _, code, _ in found)


def _event(
    resource: Resource, member: str, kind: str, name: str, *, professional: str = "", **flags: bool
) -> Event:
    start, end = facts.when(resource)
    source = f"{resource.get('resourceType', '')}/{resource.get('id', '')}"
    return Event(kind, start, end, name, professional or name, (MemberId(member),), source, **flags)


def _with_codes(resource: Resource, name: str, *systems: str) -> str:
    codes = [code for system, code, _ in facts.codings(resource.get("code")) if system.endswith(systems)]
    return f"{name} ({', '.join(dict.fromkeys(codes))})" if codes else name


def _condition(resource: Resource, member: str) -> Event:
    name = facts.named(resource.get("code"))
    kind = kind_of("condition", list(facts.codings(resource.get("code")))) or "diagnosis.other"
    professional = _with_codes(resource, name, "icd-10-gm")
    return _event(resource, member, _unnamed(kind, name), name, professional=professional)


def _procedure(resource: Resource, member: str) -> Event:
    name = facts.named(resource.get("code"))
    codings = [*facts.codings(resource.get("code")), *facts.codings(resource.get("category"))]
    codings += [("profile", profile, "") for profile in facts.profiles(resource)]
    kind = _unnamed(kind_of("procedure", codings) or "examination.other", name)
    running = resource.get("status") == "in-progress"
    professional = _with_codes(resource, name, "/ops")
    return _event(resource, member, kind, name, professional=professional, is_running=running)


def _unnamed(kind: str, name: str) -> str:
    """A kind whose words would need a name that the source does not give."""
    group, _, rest = kind.partition(".")
    return f"{group}.unnamed" if rest == "other" and not name and group != "imaging" else kind


def _observation(resource: Resource, member: str) -> Event | None:
    kind = kind_of("observation", list(facts.codings(resource.get("code"))))
    if kind is None:
        return None
    name = facts.value_words(resource) or facts.words(resource.get("code"))
    return _event(resource, member, kind, name, professional=f"{facts.words(resource.get('code'))}: {name}")


def _report(resource: Resource, member: str) -> Event:
    codings = [*facts.codings(resource.get("code")), *facts.codings(resource.get("category"))]
    name = facts.named(resource.get("code"))
    kind = kind_of("report", codings) or ("examination.report" if name else "examination.unnamed")
    return _event(resource, member, kind, name)


def _imaging(resource: Resource, member: str) -> Event:
    kind = kind_of("modality", list(facts.codings(resource.get("modality")))) or "imaging.other"
    return _event(resource, member, kind, facts.words(resource.get("modality")))


def _care_plan(resource: Resource, member: str) -> Event | None:
    if resource.get("status") == "draft":
        return None
    name = str(
        resource.get("title") or facts.words(resource.get("category")) or resource.get("description") or ""
    )
    canonical = " ".join(str(value) for value in facts.items(resource.get("instantiatesCanonical")))
    if "tumorkonferenz" in " ".join(facts.profiles(resource)) or "therapieplan" in " ".join(
        facts.profiles(resource)
    ):
        created = str(resource.get("created") or facts.when(resource)[0])
        advice = [
            facts.words(facts.mapping(a.get("detail")).get("code"))
            for a in map(facts.mapping, _activities(resource))
        ]
        professional = " · ".join([name or "Tumorkonferenz", *[word for word in advice if word]])
        event = _event(resource, member, "board.meeting", name, professional=professional)
        return replace(event, start=created, end="")
    if "aftercare" in canonical or "schedule" in canonical:
        return _event(resource, member, "aftercare.plan", name)
    return _event(resource, member, "plan.other", name) if "pathway" not in canonical else None


def _activities(resource: Resource) -> list[object]:
    return facts.items(resource.get("activity"))


def _medication(resource: Resource, member: str) -> Event | None:
    concept = resource.get("medicationCodeableConcept")
    kind = kind_of("medication", list(facts.codings(concept)))
    if kind is None or resource.get("partOf"):
        return None
    return _event(resource, member, kind, facts.words(concept), is_running=resource.get("status") == "active")


def _encounter(resource: Resource, member: str) -> Event | None:
    if resource.get("partOf"):
        return None
    classes = {code for _, code, _ in facts.codings(resource.get("class"))}
    kind = "visit.inpatient" if classes & {"IMP", "ACUTE", "NONAC"} else "visit.outpatient"
    name = facts.words(resource.get("serviceType")) or facts.words(resource.get("reasonCode"))
    return _event(resource, member, kind, name, is_planned=resource.get("status") == "planned")


def _appointment(resource: Resource, member: str) -> Event | None:
    if not resource.get("start"):
        return None
    name = str(resource.get("description") or facts.named(resource.get("serviceType")))
    actors = [facts.mapping(entry).get("actor") for entry in facts.items(resource.get("participant"))]
    place = next(filter(None, map(facts.member_of, actors)), member)
    return _event(resource, place, "appointment.booked", name)


def _task(resource: Resource, member: str) -> Event | None:
    kind = kind_of("task", list(facts.codings(resource.get("code"))))
    if kind is None or resource.get("status") in ("rejected", "failed"):
        return None
    name = str(resource.get("description") or facts.named(resource.get("code")))
    event = _event(resource, facts.member_of(resource.get("owner")) or member, kind, name)
    if resource.get("status") == "completed":
        return replace(event, start=str(resource.get("lastModified") or event.start), end="")
    due = str(facts.mapping(facts.mapping(resource.get("restriction")).get("period")).get("end", ""))
    return replace(event, start=due or event.start, end="", is_planned=True)


def _communication(resource: Resource, member: str) -> Event | None:
    if not is_to_patient(resource):
        return None
    kind = kind_of("communication", list(facts.codings(resource.get("category")))) or "letter.other"
    if any(code == "decision" for _, code, _ in facts.codings(resource.get("topic"))):
        kind = "letter.decision"
    sender = facts.member_of(resource.get("sender")) or member
    return _event(resource, sender, kind, facts.named(resource.get("topic")))


def is_to_patient(communication: Resource) -> bool:
    """Whether a letter was released to the patient; one without recipients is about nobody else."""
    recipients = [facts.reference_id(one) for one in facts.items(communication.get("recipient"))]
    released = communication.get("status") == "completed"
    return released and (not recipients or any(one.startswith("Patient/") for one in recipients))


def _consent(resource: Resource, member: str) -> Event | None:
    if resource.get("status") in ("draft", "proposed"):
        return None
    codes = {code for _, code, _ in facts.codings(resource.get("scope"), resource.get("category"))}
    kind = "consent.research" if codes & {"research", "57016-8"} else "consent.sharing"
    return _event(resource, member, kind, "")


def _patient(resource: Resource, member: str) -> Event | None:
    died = resource.get("deceasedDateTime")
    return replace(_event(resource, member, "end.death", ""), start=str(died), end="") if died else None


_READERS: Final[dict[str, Reader]] = {
    "Condition": _condition,
    "Procedure": _procedure,
    "Observation": _observation,
    "DiagnosticReport": _report,
    "ImagingStudy": _imaging,
    "CarePlan": _care_plan,
    "MedicationStatement": _medication,
    "MedicationAdministration": _medication,
    "MedicationRequest": _medication,
    "Encounter": _encounter,
    "Appointment": _appointment,
    "Task": _task,
    "Communication": _communication,
    "Consent": _consent,
    "Patient": _patient,
}
