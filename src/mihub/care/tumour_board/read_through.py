"""What a board counts of everything that the sites said about one patient, each with its origin; nothing is kept.

The asking itself is `care.journeys.reading`. A site that did not answer, refuses or no longer knows the person is
named, never passed over: a missing finding and a silent site look different. Above: `items`, `presentation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from mihub.care.journeys import facts
from mihub.care.journeys.reading import Place, ReadThrough, read_person
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId

# Why a site's findings are missing; each has its words in the board's texts.
Reason = Literal["silent", "refused", "unknown"]
_TYPES: Final = (
    "Condition", "Observation", "DiagnosticReport", "ImagingStudy", "Procedure", "MedicationStatement",
)  # fmt: skip
BOARD: Final = tuple(f"{name}:patient" for name in _TYPES)
_DOES_NOT_COUNT: Final = ("entered-in-error", "cancelled", "not-done", "not-taken")


@dataclass(frozen=True, slots=True)
class Site:
    """A site as the page names it. `kind` says what it could supply ("hospital", "practice")."""

    member: MemberId
    name: str
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
        """The clinical date as the site wrote it ("2026-10", "2026-10-03"), empty when it gave none.

        For a diagnosis the day it was made; when somebody wrote it down comes last.
        """
        return (facts.asserted(self.resource) or facts.when(self.resource)[0])[:10]


@dataclass(frozen=True, slots=True)
class SilentSite:
    """A site whose findings are missing, and why."""

    member: MemberId
    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Known:
    """All that could be read, newest first within a type, and who was silent."""

    resources: tuple[Sourced, ...]
    silent: tuple[SilentSite, ...]
    sites: tuple[Site, ...] = ()

    def of(self, *types: str) -> tuple[Sourced, ...]:
        """The resources of these types."""
        return tuple(each for each in self.resources if each.resource["resourceType"] in types)


async def read_for_board(places: Sequence[Place], *, timeout_seconds: float = 8.0) -> ReadThrough:
    """Ask every site at once, also for what the patient is not told yet: a board must see it."""
    return await read_person(places, include=BOARD, disclosed_only=False, timeout_seconds=timeout_seconds)


def known_of(told: ReadThrough, sites: Mapping[MemberId, Site], today: date) -> Known:
    """What counts of it. Findings dated after `today` are left out. Empty when the patient is known nowhere."""
    records = [record for record in told.records if record.patients]
    found = [
        Sourced(record.member, _site(sites, record.member).name, resource)
        for record in records
        for resource in record.resources
        if _counts(resource)
    ]
    past = [each for each in found if each.day <= today.isoformat()]
    return Known(
        resources=tuple(sorted(past, key=lambda each: each.day, reverse=True)),
        silent=_silent(told, sites),
        sites=tuple(_site(sites, record.member) for record in records),
    )


def _silent(told: ReadThrough, sites: Mapping[MemberId, Site]) -> tuple[SilentSite, ...]:
    reasons: list[tuple[MemberId, Reason]] = [(member, "silent") for member in told.silent]
    reasons += [(member, "refused") for member in told.refused]
    reasons += [(record.member, "unknown") for record in told.records if not record.patients]
    return tuple(SilentSite(member, _site(sites, member).name, reason) for member, reason in reasons)


def _site(sites: Mapping[MemberId, Site], member: MemberId) -> Site:
    return sites.get(member) or Site(member, str(member))


def _counts(resource: Resource) -> bool:
    """A finding that was refuted, entered in error or cancelled does not count."""
    refuted = {code for _, code, _ in facts.codings(resource.get("verificationStatus"))}
    return not refuted & {"refuted", "entered-in-error"} and resource.get("status") not in _DOES_NOT_COUNT
