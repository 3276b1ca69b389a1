"""The care team of a person: the organisations that treat them and may therefore read.

A referral is such a relation; it adds sender and receiver. Never removes anybody: that is the patient's
decision (`care.sharing`).
"""

from __future__ import annotations

from mihub.care.referrals.person import stable_id
from mihub.care.referrals.terms import MEMBER, member_of, member_reference
from mihub.core.fhir import Json, Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId

# An organisation with its name and its part in the treatment, in German, as people read it.
Part = tuple[MemberId, str, str]


async def with_members(
    record: FhirClient, person_id: str, parts: tuple[Part, ...]
) -> tuple[Resource, str | None]:
    """The person's team with these members in it, ready to be put, and the version it replaces (None: it is
    new).
    """
    found = await record.search("CareTeam", [("subject", f"Patient/{person_id}")])
    active = (each for each in found if each.get("status", "active") == "active")
    team = next(active, None) or next(iter(found), None) or _new(person_id)
    present = {member_of(each.get("member")) for each in team.get("participant", [])}
    added = [_participant(part) for part in parts if part[0] not in present]
    version = team.get("meta", {}).get("versionId")
    return {**team, "participant": [*team.get("participant", []), *added]}, version


def _new(person_id: str) -> Resource:
    return {
        "resourceType": "CareTeam",
        "id": stable_id("care-team", person_id),
        "status": "active",
        "subject": {"reference": f"Patient/{person_id}"},
    }


def _participant(part: Part) -> Json:
    member, name, role = part
    reference = member_reference(member, name)
    return {"role": [{"text": role}], "member": {**reference, "type": "Organization"}}


def organisations(team: Resource) -> tuple[MemberId, ...]:
    """The organisations of a team, in its order."""
    members = [each.get("member", {}) for each in team.get("participant", [])]
    return tuple(member_of(each) for each in members if each.get("identifier", {}).get("system") == MEMBER)
