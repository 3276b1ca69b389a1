"""Who has seen my data: access records of all sites in words a patient can check. Newest first, repeats
counted.

Reads AuditEvent as sites render it; an entry that does not say who acted is shown as unknown, never left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mihub.care.journeys import facts
from mihub.care.journeys.reading import ReadThrough, SiteRecord
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId
from mihub.errors import MihubError


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One person at one site on one day for one reason; `times` counts repeats, `what` lists resource
    types.
    """

    moment: str
    who: str
    role: str
    organization: str
    site: MemberId
    purpose: str
    action: str
    is_self: bool
    times: int = 1


@dataclass(frozen=True, slots=True)
class AccessLog:
    """All entries; `silent` could not be asked, `refused` do not let the reader see the record."""

    entries: tuple[AccessEntry, ...]
    silent: tuple[MemberId, ...]
    refused: tuple[MemberId, ...] = ()


async def read_accesses(
    read: ReadThrough, clients: Sequence[tuple[MemberId, FhirClient]], *, timeout_seconds: float = 8.0
) -> AccessLog:
    """The access records of every site that holds a record, asked at once."""
    by_member = dict(clients)
    asked = [record for record in read.records if record.patients and record.member in by_member]
    answers = await asyncio.gather(
        *(_ask(record, by_member[record.member], timeout_seconds) for record in asked)
    )
    entries = [entry for answer in answers if answer is not None for entry in answer]
    silent = [record.member for record, answer in zip(asked, answers, strict=True) if answer is None]
    return AccessLog(tuple(_counted(entries)), (*read.silent, *silent), read.refused)


async def _ask(record: SiteRecord, client: FhirClient, timeout_seconds: float) -> list[AccessEntry] | None:
    found: list[AccessEntry] = []
    try:
        async with asyncio.timeout(timeout_seconds):
            for patient in record.patients:
                events = await client.search(
                    "AuditEvent", [("patient", f"Patient/{patient['id']}"), ("_count", "500")]
                )
                found += [_entry(event, record.member) for event in events]
    except (MihubError, TimeoutError):
        return None
    return found


def _entry(event: Resource, site: MemberId) -> AccessEntry:
    agents = [facts.mapping(agent) for agent in facts.items(event.get("agent"))]
    person = next((agent for agent in agents if agent.get("requestor")), agents[0] if agents else {})
    who = facts.mapping(person.get("who"))
    role = next((code for _, code, _ in facts.codings(person.get("role"))), "")
    return AccessEntry(
        str(event.get("recorded", "")),
        str(person.get("name") or who.get("display") or ""),
        role,
        _organization(person, agents, event),
        site,
        next(
            (code for _, code, _ in facts.codings(event.get("purposeOfEvent"), person.get("purposeOfUse"))),
            "",
        ),
        str(event.get("action", "")),
        role == "patient",
    )


def _organization(person: Resource, agents: Sequence[Resource], event: Resource) -> str:
    """Member id or name of the organisation for which the person acted."""
    others = [facts.mapping(agent.get("who")) for agent in agents if agent is not person]
    observer = facts.mapping(facts.mapping(event.get("source")).get("observer"))
    candidates = [facts.mapping(person.get("location")), facts.mapping(person.get("who")), *others, observer]
    if member := next(filter(None, map(facts.member_of, candidates)), ""):
        return member
    names = [str(candidate.get("display", "")) for candidate in (candidates[0], *candidates[2:])]
    return next((name for name in names if name), "")


def _counted(entries: list[AccessEntry]) -> list[AccessEntry]:
    merged: dict[tuple[str, ...], AccessEntry] = {}
    for entry in sorted(entries, key=lambda entry: entry.moment, reverse=True):
        key = (entry.moment[:10], entry.who, entry.site, entry.purpose, entry.action in ("C", "U", "D"))
        before = merged.get(tuple(map(str, key)))
        merged[tuple(map(str, key))] = replace(before, times=before.times + 1) if before else entry
    return list(merged.values())
