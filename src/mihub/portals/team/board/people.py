"""Who a case is about: the patient in the care record, and the same person's records at the sites to read
through.

A site that cannot be asked is kept by name, so that the page can say so. Nothing is stored. Neighbours:
`views`, `care.tumour_board.read_through`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request

from mihub.care.tumour_board.presentation import Presentation, present_case
from mihub.care.tumour_board.read_through import UNREADABLE, Known, SilentSite, SiteRecord, read_through
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId, Purpose
from mihub.errors import Forbidden, Gone, NotFound
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import language_of
from mihub.portals.shell.portal import CARE_RECORD
from mihub.portals.shell.region import Member
from mihub.portals.shell.session import RecordPlace

_TRANSPORT = "https://mihub.example/sid/transport-id"
_PRACTICE = "practice"


@dataclass(frozen=True, slots=True)
class CasePatient:
    """One person: demographics and id of the care record, the sites to ask, who could not be reached, the
    practice."""

    care_id: str
    patient: Resource
    records: tuple[SiteRecord, ...]
    silent: tuple[SilentSite, ...]
    practice: Member | None


def list_record(request: Request) -> FhirClient:
    """The care record for working through a list: care management, not the treatment of one person."""
    portal = portal_of(request)
    return portal.site(session_of(request), CARE_RECORD, purpose=Purpose.CARE_MANAGEMENT)


async def find_patient(request: Request, member: str, patient_id: str) -> CasePatient:
    """The person behind `Patient/{patient_id}` at a member. Raises `NotFound` when the care record does
    not hold them."""
    places = (await portal_of(request).people.by_patient(member, patient_id, session_of(request).actor))[1]
    if member == CARE_RECORD:
        care_id = patient_id
    else:
        care_id = await _care_id(request, places)
    care = portal_of(request).record(session_of(request))
    patient = await care.read("Patient", care_id)
    team = await _care_team(care, care_id)
    relation = f"CareTeam/{team['id']}" if team else ""
    found = await asyncio.gather(
        *(_at_site(request, place, relation) for place in places if place.member != CARE_RECORD)
    )
    return CasePatient(
        care_id=care_id,
        patient=patient,
        records=tuple(each for each in found if isinstance(each, SiteRecord)),
        silent=tuple(each for each in found if isinstance(each, SilentSite)),
        practice=_practice(request, team),
    )


async def known_of(request: Request, person: CasePatient) -> Known:
    """What the sites know about the person now."""
    portal = portal_of(request)
    return await read_through(
        person.records,
        portal.today(),
        already_silent=person.silent,
        timeout_seconds=portal.site_timeout_seconds,
    )


async def present(
    request: Request, person: CasePatient, added: Iterable[tuple[str, str]] = ()
) -> Presentation:
    """The case as the board sees it now, in the language of the page."""
    return present_case(await known_of(request, person), language_of(request), dict(added))


async def patients_by_id(care: FhirClient, ids: Iterable[str]) -> dict[str, Resource]:
    """The demographics of several patients of the care record; who may not be seen is left out."""
    wanted = sorted(set(ids) - {""})
    found: dict[str, Resource] = {}
    for start in range(0, len(wanted), 50):
        batch = ",".join(wanted[start : start + 50])
        for patient in await care.search("Patient", [("_id", batch)]):
            found[patient["id"]] = patient
    return found


async def _care_id(request: Request, places: tuple[RecordPlace, ...]) -> str:
    care = portal_of(request).record(session_of(request))
    for place in places:
        if place.member == CARE_RECORD:
            found = await care.search("Patient", [("identifier", f"{_TRANSPORT}|{place.transport_id}")])
            if found:
                return str(found[0]["id"])
    raise NotFound(
        "This person has no entry in the care record yet.",
        rule="a board case belongs to the care record",
        next_step="Let the person take part in the network first; the practice does this with the first referral.",
    )


async def _care_team(care: FhirClient, care_id: str) -> Resource | None:
    try:
        teams = await care.search("CareTeam", [("patient", f"Patient/{care_id}")])
    except (Forbidden, NotFound, Gone):
        return None
    return next((team for team in teams if team.get("status", "active") == "active"), None)


async def _at_site(request: Request, place: RecordPlace, relation: str) -> SiteRecord | SilentSite:
    portal = portal_of(request)
    member = portal.region.member(place.member)
    criterion = [("identifier", f"{_TRANSPORT}|{place.transport_id}")]
    try:
        client = portal.site(
            session_of(request), place.member, subject=place.transport_id, care_relation=relation
        )
        async with asyncio.timeout(portal.site_timeout_seconds):
            found = await client.search("Patient", criterion)
    except UNREADABLE as error:
        return SilentSite(place.member, _short(member.name), type(error).__name__)
    if not found:
        return SilentSite(place.member, _short(member.name), "NotFound")
    return SiteRecord(place.member, _short(member.name), client, str(found[0]["id"]), member.kind)


def _short(name: str) -> str:
    """The name without what stands in brackets behind it: a case must fit on one screen."""
    return name.partition(" (")[0]


def _practice(request: Request, team: Resource | None) -> Member | None:
    """The first practice of the care team."""
    region = portal_of(request).region
    for participant in (team or {}).get("participant", []):
        value = participant.get("member", {}).get("identifier", {}).get("value", "")
        member = region.member(MemberId(str(value)))
        if member.kind == _PRACTICE:
            return member
    return None
