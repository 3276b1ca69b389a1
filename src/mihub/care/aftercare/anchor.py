"""The end of therapy: found among what the sites know, with its origin, so that nobody has to ask for it.

A therapy without an end, or still running, forbids a proposal: the person then enters the day. Never guesses.
Source: MII oncology module (operation, radiotherapy, systemic therapy).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId

ICD10: Final = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"


class Therapy(StrEnum):
    """What kind of therapy ended."""

    OPERATION = "operation"
    RADIOTHERAPY = "radiotherapy"
    SYSTEMIC = "systemic"


_PROFILES: Final = {
    "operation": Therapy.OPERATION,
    "strahlentherapie": Therapy.RADIOTHERAPY,
    "systemische-therapie": Therapy.SYSTEMIC,
}
_RUNNING: Final = frozenset({"in-progress", "preparation", "active", "on-hold"})
_DOES_NOT_COUNT: Final = frozenset({"entered-in-error", "not-done", "not-taken", "intended"})


@dataclass(frozen=True, slots=True)
class SiteFact:
    """A resource with the site that said it."""

    member: MemberId
    resource: Resource


@dataclass(frozen=True, slots=True)
class TherapyFact:
    """One therapy at one site. `ended` is None while it runs or when the site did not say."""

    kind: Therapy
    member: MemberId
    reference: str
    ended: date | None
    running: bool


@dataclass(frozen=True, slots=True)
class Anchor:
    """`proposal` is the latest end of all therapies, and None while one of them has no end; then `open_ones`
    say why.
    """

    proposal: TherapyFact | None
    therapies: tuple[TherapyFact, ...]

    @property
    def open_ones(self) -> tuple[TherapyFact, ...]:
        return tuple(each for each in self.therapies if each.ended is None)


def end_of_therapy(facts: Sequence[SiteFact], today: date) -> Anchor:
    """From Procedures and MedicationStatements of all sites; later than `today` counts as still running."""
    found = [therapy for fact in facts if (therapy := _therapy(fact, today)) is not None]
    # A course and its parts (drugs, fields of radiation, further codes) end on one day and are one therapy.
    therapies = list({(each.kind, each.member, each.ended): each for each in reversed(found)}.values())
    therapies.sort(key=lambda each: each.ended or date.max, reverse=True)
    certain = therapies and all(each.ended is not None for each in therapies)
    return Anchor(therapies[0] if certain else None, tuple(therapies))


def diagnoses(facts: Sequence[SiteFact]) -> tuple[str, ...]:
    """The ICD-10 codes of malignant tumours that the sites know, each once."""
    codes = [
        str(coding.get("code", ""))
        for fact in facts
        if fact.resource["resourceType"] == "Condition"
        for coding in fact.resource.get("code", {}).get("coding", [])
        if coding.get("system") == ICD10
    ]
    return tuple(dict.fromkeys(code for code in codes if code.startswith("C")))


def _therapy(fact: SiteFact, today: date) -> TherapyFact | None:
    resource = fact.resource
    kind = _kind(resource)
    if kind is None or resource.get("status") in _DOES_NOT_COUNT:
        return None
    ended = None if resource.get("status") in _RUNNING else _end(resource)
    running = resource.get("status") in _RUNNING or (ended is not None and ended > today)
    place = f"{resource['resourceType']}/{resource['id']}"
    return TherapyFact(kind, fact.member, place, None if running else ended, running)


def _kind(resource: Resource) -> Therapy | None:
    for profile in resource.get("meta", {}).get("profile", []):
        name = str(profile).split("|")[0].rpartition("mii-pr-onko-")[2]
        for beginning, kind in _PROFILES.items():
            if name.startswith(beginning):
                return kind
    return None


def _end(resource: Resource) -> date | None:
    # An operation is a day; everything else is a period, and a period without an end is not over.
    period = resource.get("performedPeriod") or resource.get("effectivePeriod")
    said = (
        period.get("end")
        if period
        else resource.get("performedDateTime") or resource.get("effectiveDateTime")
    )
    if period and said is None and _kind(resource) is Therapy.OPERATION:
        said = period.get("start")
    try:
        return date.fromisoformat(str(said or "")[:10])
    except ValueError:
        return None
