"""Read one person at all their sites at once; a silent site is named and the rest is shown. Nothing is kept.

The only read-through: patient pages, team pages and the board differ in what they include, not in how they ask.
Each place is asked once: the Patient by transport id, with everything about them included in reverse. Sites
answer in parallel and have a limit of time. Above: portals. Below: `mihub.core.fhir.client`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient, Parameters
from mihub.core.policy.actor import MemberId, TransportId
from mihub.errors import Forbidden, MihubError

TRANSPORT_ID: Final = "https://mihub.example/sid/transport-id"
# What a journey is made of, by the search parameter that leads to the patient.
_TYPES: Final = (
    "Condition",
    "Procedure",
    "Observation",
    "DiagnosticReport",
    "ImagingStudy",
    "CarePlan",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationRequest",
    "Encounter",
    "Appointment",
    "Task",
    "Communication",
    "Consent",
    "CareTeam",
    "ServiceRequest",
)
JOURNEY: Final = tuple(f"{name}:patient" for name in _TYPES)


@dataclass(frozen=True, slots=True)
class Place:
    """One record: where, how to ask there, and under which transport id."""

    member: MemberId
    client: FhirClient
    transport_id: TransportId


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """What one site told: the Patient and everything about them. Both empty when the site has no such
    record.
    """

    member: MemberId
    patients: tuple[Resource, ...]
    resources: tuple[Resource, ...]

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.get("resourceType") in types]


@dataclass(frozen=True, slots=True)
class ReadThrough:
    """All answers; `silent` did not answer in time, `refused` do not let this reader see the record."""

    records: tuple[SiteRecord, ...]
    silent: tuple[MemberId, ...] = ()
    refused: tuple[MemberId, ...] = ()

    def at(self, member: str) -> SiteRecord:
        """One site's answer, empty when there is none."""
        return next(
            (record for record in self.records if record.member == member),
            SiteRecord(MemberId(member), (), ()),
        )

    def of(self, *types: str) -> list[tuple[MemberId, Resource]]:
        """(member, resource) of these types over all sites."""
        return [(record.member, resource) for record in self.records for resource in record.of(*types)]


async def read_person(
    places: Sequence[Place],
    *,
    include: Sequence[str] = JOURNEY,
    disclosed_only: bool = True,
    timeout_seconds: float = 8.0,
) -> ReadThrough:
    """Everything in `include` (`Type:parameter`) at every place, concurrently.

    `disclosed_only` leaves out what is labelled as not to be told to the patient yet.
    """
    told = await asyncio.gather(*(_read(place, include, timeout_seconds) for place in places))
    answers = [_disclosed(answer) if disclosed_only else answer for answer in told]
    return ReadThrough(
        tuple(answer for answer in answers if isinstance(answer, SiteRecord)),
        tuple(place.member for place, answer in zip(places, answers, strict=True) if answer == "silent"),
        tuple(place.member for place, answer in zip(places, answers, strict=True) if answer == "refused"),
    )


async def _read(place: Place, include: Sequence[str], timeout_seconds: float) -> SiteRecord | str:
    parameters: Parameters = [
        ("identifier", f"{TRANSPORT_ID}|{place.transport_id}"),
        *(("_revinclude", link) for link in include),
    ]
    try:
        async with asyncio.timeout(timeout_seconds):
            found = await place.client.search("Patient", parameters)
    except Forbidden:
        return "refused"
    except (MihubError, TimeoutError):
        # Whatever keeps one site from answering must not hide the others; the page names the site.
        return "silent"
    patients = tuple(resource for resource in found if resource.get("resourceType") == "Patient")
    others = tuple(resource for resource in found if resource.get("resourceType") != "Patient")
    return SiteRecord(place.member, patients, others)


def _disclosed(answer: SiteRecord | str) -> SiteRecord | str:
    if isinstance(answer, str):
        return answer
    return replace(answer, resources=tuple(each for each in answer.resources if not _withheld(each)))


def _withheld(resource: Resource) -> bool:
    """Labelled NOPAT (HL7 v3 ActCode): not to be disclosed until the team releases it, e.g. a board's
    decision."""
    labels = resource.get("meta", {}).get("security", [])
    return any(label.get("code") == "NOPAT" for label in labels)
