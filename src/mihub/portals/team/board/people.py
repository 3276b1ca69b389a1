"""Who a case is about: the patient in the care record, and the same person's records at the sites to read
through.

A site or a trust centre that is silent is kept by name, so that the page can say so and show the rest. Nothing is
stored. Neighbours: `views`, `care.tumour_board.read_through`. Below: `team.people`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from starlette.requests import Request

from mihub.care.journeys.reading import Place, ReadThrough, read_person
from mihub.care.referrals.care_team import organisations
from mihub.care.tumour_board.presentation import Presentation, present_case
from mihub.care.tumour_board.read_through import Known, Site, known_of, read_for_board
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId, Purpose
from mihub.errors import NotFound, Unavailable
from mihub.portals.shell.guard import portal_of
from mihub.portals.shell.page import language_of, text_of
from mihub.portals.shell.portal import CARE_RECORD
from mihub.portals.shell.region import Member
from mihub.portals.shell.session import RecordPlace
from mihub.portals.team.people import (
    TRUST,
    care_record,
    care_team,
    in_care_record,
    places_of,
    relation_of,
    to_ask,
)

_PRACTICE = "practice"


@dataclass(frozen=True, slots=True)
class CasePatient:
    """One person: demographics and id of the care record, the sites to ask, the practice of the care team.

    `unlinked` says that the trust centre was silent, so that no other site could be asked.
    """

    care_id: str
    patient: Resource
    places: tuple[Place, ...]
    practice: Member | None
    unlinked: bool


def list_record(request: Request) -> FhirClient:
    """The care record for working through a list: care management, not the treatment of one person."""
    return care_record(request, Purpose.CARE_MANAGEMENT)


async def find_patient(request: Request, member: str, patient_id: str) -> CasePatient:
    """The person behind `Patient/{patient_id}` at a member. Raises `NotFound` when the care record does
    not hold them."""
    places = await places_of(request, member, patient_id)
    if member == CARE_RECORD:
        patient = await care_record(request).read("Patient", patient_id)
    else:
        patient = await _of_member(request, places)
    team = await care_team(request, str(patient["id"]))
    elsewhere = [place for place in places or () if place.member != CARE_RECORD]
    return CasePatient(
        care_id=str(patient["id"]),
        patient=patient,
        places=tuple(to_ask(request, elsewhere, relation_of(team))),
        practice=_practice(request, team),
        unlinked=places is None,
    )


async def known_now(request: Request, person: CasePatient) -> Known:
    """What the sites know about the person now."""
    portal = portal_of(request)
    told = await read_for_board(person.places, timeout_seconds=portal.site_timeout_seconds)
    if person.unlinked:
        told = replace(told, silent=(TRUST, *told.silent))
    return known_of(told, _sites(request), portal.today())


async def at_site(request: Request, person: CasePatient, member: str) -> tuple[Place, tuple[Resource, ...]]:
    """One of the person's places with their Patient there. Raises `NotFound` for any other member,
    `Unavailable` when the site is silent."""
    place = next((each for each in person.places if each.member == member), None)
    if place is None:
        raise NotFound(
            "This source does not belong to the case.", next_step="Open it from the page of the case."
        )
    limit = portal_of(request).site_timeout_seconds
    told: ReadThrough = await read_person([place], include=(), timeout_seconds=limit)
    if told.silent:
        raise Unavailable(f"{member} does not answer.", next_step="Try again later.")
    return place, told.at(member).patients


def short_name(request: Request, member: str) -> str:
    """The name without what stands in brackets behind it: a case must fit on one screen."""
    return portal_of(request).region.member(member).name.partition(" (")[0]


async def present(
    request: Request, person: CasePatient, added: Iterable[tuple[str, str]] = ()
) -> Presentation:
    """The case as the board sees it now, in the language of the page."""
    return present_case(await known_now(request, person), language_of(request), dict(added))


async def patients_by_id(care: FhirClient, ids: Iterable[str]) -> dict[str, Resource]:
    """The demographics of several patients of the care record; who may not be seen is left out."""
    wanted = sorted(set(ids) - {""})
    found: dict[str, Resource] = {}
    for start in range(0, len(wanted), 50):
        batch = ",".join(wanted[start : start + 50])
        for patient in await care.search("Patient", [("_id", batch)]):
            found[patient["id"]] = patient
    return found


async def _of_member(request: Request, places: tuple[RecordPlace, ...] | None) -> Resource:
    if places is None:
        raise Unavailable("The trust centre does not answer.", next_step="Try again later.")
    found = await in_care_record(request, places)
    if found is None:
        raise NotFound(
            "This person has no entry in the care record yet.",
            rule="a board case belongs to the care record",
            next_step="Let the person take part in the network first; the practice does this with the first referral.",
        )
    return found


def _sites(request: Request) -> dict[MemberId, Site]:
    members = portal_of(request).region.members
    sites = {each.id: Site(each.id, short_name(request, each.id), each.kind) for each in members}
    return {**sites, TRUST: Site(TRUST, text_of(request, "team.trust_centre"))}


def _practice(request: Request, team: Resource | None) -> Member | None:
    """The first practice of the care team."""
    region = portal_of(request).region
    members = (region.member(each) for each in organisations(team or {}))
    return next((member for member in members if member.kind == _PRACTICE), None)
