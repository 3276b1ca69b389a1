"""Read what the sites know about one patient, on demand, with its origin; nothing is kept.

A site that does not answer or refuses is named, never passed over: a missing finding and a silent site
look different. Above: `items`, `presentation`. Below: `core.fhir.client`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mihub.care.tumour_board.catalogue import required_items
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient, Parameters
from mihub.core.policy.actor import MemberId
from mihub.errors import Forbidden, Gone, NotFound, NotSupported, Unauthenticated, Unavailable

# Why a site could not be read; anything else is a defect of ours and is not hidden.
UNREADABLE = (Unavailable, Forbidden, Unauthenticated, NotFound, Gone, NotSupported, TimeoutError)
# When a diagnosis was made; `recordedDate` is only when somebody wrote it down.
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
_DATE_ELEMENTS = (
    "effectiveDateTime", "effectivePeriod", "performedDateTime", "performedPeriod", "started", "issued",
    "onsetDateTime", "onsetPeriod", "recordedDate", "dateAsserted", "authoredOn",
)  # fmt: skip
_DOES_NOT_COUNT = ("entered-in-error", "cancelled", "not-done", "not-taken")


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """Where one patient is known: a member, a client bound to it, and the patient's id there."""

    member: MemberId
    name: str
    client: FhirClient
    patient_id: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Sourced:
    """A resource with the site that said it."""

    member: MemberId
    site: str
    resource: Resource

    @property
    def reference(self) -> str:
        """ "Observation/1", relative to the site."""
        return f"{self.resource['resourceType']}/{self.resource['id']}"

    @property
    def day(self) -> str:
        """The clinical date as the site wrote it ("2026-10", "2026-10-03"), empty when it gave none."""
        asserted = (each for each in self.resource.get("extension", []) if each.get("url") == _ASSERTED)
        stated = next((str(each.get("valueDateTime", "")) for each in asserted), "")
        if stated:
            return stated[:10]
        found = (self.resource.get(name) for name in _DATE_ELEMENTS)
        value = next((each for each in found if each), "")
        if isinstance(value, dict):
            value = value.get("start") or value.get("end") or ""
        return str(value)[:10]


@dataclass(frozen=True, slots=True)
class SilentSite:
    """A site that could not be read, with the class of the reason ("Unavailable", "Forbidden")."""

    member: MemberId
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """All that could be read, newest first within a type, and who was silent."""

    resources: tuple[Sourced, ...]
    silent: tuple[SilentSite, ...]
    sites: tuple[tuple[MemberId, str, str], ...] = ()

    def of(self, *types: str) -> tuple[Sourced, ...]:
        """The resources of these types."""
        return tuple(each for each in self.resources if each.resource["resourceType"] in types)


async def read_through(
    records: Sequence[SiteRecord],
    today: date,
    *,
    already_silent: Sequence[SilentSite] = (),
    timeout_seconds: float = 8.0,
) -> Known:
    """Ask every site at once. Findings dated after `today` are left out. Empty when the patient is known
    nowhere.

    `already_silent` are sites that could not even be asked; they are named like those that do not answer
    in time.
    """
    answers = await asyncio.gather(*(_read_site(record, timeout_seconds) for record in records))
    found = [each for answer in answers if not isinstance(answer, SilentSite) for each in answer]
    past = [each for each in found if not each.day or each.day <= today.isoformat()]
    silent = [*already_silent, *(answer for answer in answers if isinstance(answer, SilentSite))]
    return Known(
        resources=tuple(sorted(past, key=lambda each: each.day, reverse=True)),
        silent=tuple(silent),
        sites=tuple((record.member, record.name, record.kind) for record in records),
    )


async def _read_site(record: SiteRecord, timeout_seconds: float) -> list[Sourced] | SilentSite:
    questions = _questions(record.patient_id)
    try:
        async with asyncio.timeout(timeout_seconds):
            lists = await asyncio.gather(
                *(record.client.search(kind, parameters) for kind, parameters in questions)
            )
    except UNREADABLE as error:
        return SilentSite(record.member, record.name, type(error).__name__)
    return [
        Sourced(record.member, record.name, resource)
        for resources in lists
        for resource in resources
        if _counts(resource)
    ]


def _questions(patient_id: str) -> list[tuple[str, Parameters]]:
    patient = ("patient", f"Patient/{patient_id}")
    codes = sorted({code for item in required_items()[1] for code in item.codes})
    return [
        ("Condition", [patient]),
        ("Observation", [patient, ("code", ",".join(codes))]),
        ("DiagnosticReport", [patient]),
        ("ImagingStudy", [patient]),
        ("Procedure", [patient]),
        ("MedicationStatement", [patient]),
    ]


def _counts(resource: Resource) -> bool:
    """A finding that was entered in error or cancelled does not count."""
    verification = resource.get("verificationStatus", {}).get("coding", [])
    refuted = any(each.get("code") in ("refuted", "entered-in-error") for each in verification)
    return not refuted and resource.get("status") not in (
        "entered-in-error",
        "cancelled",
        "not-done",
        "not-taken",
    )
