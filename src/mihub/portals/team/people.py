"""Who a page is about: the patient at the team's own site, the same person in the care record and at other
sites.

Nothing is stored; a trust centre that does not answer is said, and the own site's patient is shown all the
same. Neighbours: every page of this folder. Below: `care.journeys.reading`, `portals.shell`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request

from mihub.care.journeys.reading import JOURNEY, TRANSPORT_ID, Place, ReadThrough, read_person
from mihub.care.referrals.care_team import organisations
from mihub.care.referrals.person import find_in_care_record
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId, Purpose
from mihub.core.rules.months import completed_years
from mihub.errors import Forbidden, Gone, MihubError, NotFound, Unavailable
from mihub.portals.shell.formats import HERE, person_name
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import text_of
from mihub.portals.shell.portal import CARE_RECORD
from mihub.portals.shell.session import RecordPlace

TRUST: Final = MemberId("trust")


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """`patient` at the own site, `person` in the care record (None: not there yet), `places` where they are
    known.

    `relation` names the care team that allows reading elsewhere; `unlinked` says that the trust centre was
    silent, `unasked` that the care record was: then nobody knows whether the person is in it.
    """

    patient: Resource
    person: Resource | None
    places: tuple[RecordPlace, ...]
    team: Resource | None
    unlinked: bool
    unasked: bool = False

    @property
    def name(self) -> str:
        return person_name(self.patient.get("name"))

    @property
    def relation(self) -> str:
        return relation_of(self.team)

    @property
    def team_members(self) -> tuple[MemberId, ...]:
        return organisations(self.team) if self.team else ()


def must_be_asked(known: KnownPerson) -> None:
    """Before anything is written for a person. Raises `Unavailable` when the care record did not say whether it
    knows them: a second person must not be made.
    """
    if known.unasked:
        raise Unavailable(
            "The care record does not answer.", next_step="Try again later; nothing was changed."
        )


def own_member(request: Request) -> MemberId:
    """The organisation of the signed-in person."""
    return session_of(request).actor.organization


def own_site(request: Request, purpose: Purpose | None = None) -> FhirClient:
    """The site of the signed-in person's organisation; lists over many people name their own purpose."""
    return portal_of(request).site(session_of(request), own_member(request), purpose=purpose)


def care_record(request: Request, purpose: Purpose | None = None) -> FhirClient:
    """The care record in the name of the signed-in person."""
    return portal_of(request).site(session_of(request), CARE_RECORD, purpose=purpose)


def now_of(request: Request) -> datetime:
    """The moment by the clock on the wall, on the portal's own day (a demo has a fixed one)."""
    return datetime.combine(portal_of(request).today(), datetime.now(HERE).timetz())


async def find_person(request: Request, patient_id: str) -> KnownPerson:
    """The person behind `Patient/{patient_id}` of the own site. Raises `NotFound`."""
    patient = await own_site(request).read("Patient", patient_id)
    places = await places_of(request, own_member(request), patient_id)
    person, team, is_silent = None, None, False
    try:
        person = await in_care_record(request, places or ())
        if person is None:
            person = await find_in_care_record(care_record(request), patient, own_member(request))
        team = await care_team(request, str(person["id"])) if person else None
    except Unavailable:
        is_silent = True
    return KnownPerson(patient, person, places or (), team, unlinked=places is None, unasked=is_silent)


async def places_of(request: Request, member: str, patient_id: str) -> tuple[RecordPlace, ...] | None:
    """Where the person behind `Patient/{patient_id}` at a member is known; None when the trust centre is
    silent.
    """
    try:
        found = await portal_of(request).people.by_patient(member, patient_id, session_of(request).actor)
    except MihubError:
        return None
    return found[1]


def to_ask(request: Request, places: Sequence[RecordPlace], relation: str) -> list[Place]:
    """These places with a client each, bound to the person; `relation` names the care team that allows it."""
    portal, session = portal_of(request), session_of(request)
    return [
        Place(
            place.member,
            portal.site(session, place.member, subject=place.transport_id, care_relation=relation),
            place.transport_id,
        )
        for place in places
    ]


async def read_everywhere(
    request: Request, places: Sequence[RecordPlace], relation: str, *, include: Sequence[str] = JOURNEY
) -> ReadThrough:
    """What these sites know of the person now."""
    asked, limit = to_ask(request, places, relation), portal_of(request).site_timeout_seconds
    return await read_person(asked, include=include, timeout_seconds=limit)


async def read_from_care_record(
    request: Request, person_id: str, *, include: Sequence[str] = JOURNEY
) -> ReadThrough:
    """What all sites know of a person of the care record; nothing when the trust centre is silent."""
    places = await places_of(request, CARE_RECORD, person_id)
    if places is None:
        return ReadThrough((), silent=(TRUST,))
    relation = relation_of(await care_team(request, person_id))
    return await read_everywhere(request, places, relation, include=include)


def names(request: Request, members: Iterable[MemberId]) -> list[str]:
    """The names of organisations, as people know them."""
    region = portal_of(request).region
    return [
        text_of(request, "team.trust_centre") if member == TRUST else region.member(member).name
        for member in members
    ]


def age(patient: Resource, request: Request) -> int | None:
    """Full years today; None without a full birth date."""
    try:
        born = datetime.fromisoformat(str(patient.get("birthDate", ""))).date()
    except ValueError:
        return None
    return completed_years(born, portal_of(request).today())


async def in_care_record(request: Request, places: Sequence[RecordPlace]) -> Resource | None:
    """The care record's Patient among these places; None when the person is not in it."""
    for place in places:
        if place.member == CARE_RECORD:
            criterion = [("identifier", f"{TRANSPORT_ID}|{place.transport_id}")]
            found = await care_record(request).search("Patient", criterion)
            if found:
                return found[0]
    return None


async def care_team(request: Request, person_id: str) -> Resource | None:
    """The person's active care team in the care record; None when there is none or it may not be seen."""
    try:
        found = await care_record(request).search("CareTeam", [("subject", f"Patient/{person_id}")])
    except (Forbidden, NotFound, Gone):
        return None
    return next((team for team in found if team.get("status", "active") == "active"), None)


def relation_of(team: Resource | None) -> str:
    """How a request to another site names the care team that allows it."""
    return f"CareTeam/{team['id']}" if team else ""
