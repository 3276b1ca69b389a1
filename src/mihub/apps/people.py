"""Finds one person's records for the portal: site door -> transport id -> trust centre -> all records.

Speaks to sites and trust centre only through their APIs, so it is the same in the all-in-one and over the network. The trust
centre keeps who looked. Above: the portal's `People`. Below: `portals.shell.houses`.
"""

from __future__ import annotations

from mihub.core.policy.actor import Access, Actor, MemberId, PersonId, Purpose, Role, TransportId
from mihub.errors import NotFound
from mihub.portals.shell.houses import Houses
from mihub.portals.shell.session import RecordPlace

Found = tuple[PersonId | None, tuple[RecordPlace, ...]]
_DOOR = "/linkage/transport-id"


class RegionPeople:
    """`network`: the member in whose name the portal itself asks a site for a transport id."""

    def __init__(self, houses: Houses, network: MemberId) -> None:
        self._houses = houses
        portal = Actor(f"{network}/portal", "Portal", Role.SYSTEM, network)
        self._own = Access(portal, Purpose.RECORD_MANAGEMENT)

    async def by_number(self, member: str, patient_number: str, actor: Actor) -> Found:
        """The person behind a local patient number; (None, ()) when unknown."""
        number = f"https://mihub.example/{member}/patient-id|{patient_number}"
        return await self._found(member, {"identifier": number}, actor)

    async def by_patient(self, member: str, patient_id: str, actor: Actor) -> Found:
        """The person behind `Patient/{patient_id}` at a member."""
        return await self._found(member, {"patient": patient_id}, actor)

    async def _found(self, member: str, asked: dict[str, str], actor: Actor) -> Found:
        try:
            answer = await self._houses.json(member, self._own).get(_DOOR, asked)
            transport_id = TransportId(str(answer["transport_id"]))
            trust = self._houses.json("trust", _in_care(actor, transport_id))
            person = await trust.get("/trust/lookup", {"member": member, "transport_id": transport_id})
        except NotFound:
            return None, ()
        places = (
            RecordPlace(MemberId(one["member"]), TransportId(one["transport_id"]))
            for one in person["records"]
        )
        return PersonId(str(person["person"])), tuple(places)


def _in_care(actor: Actor, subject: TransportId) -> Access:
    purpose = Purpose.PATIENT_REQUEST if actor.role is Role.PATIENT else Purpose.TREATMENT
    return Access(actor, purpose, subject)
