"""Names and small shapes that Tasks of the care record share: codes, members, people.

Own codes start with `https://mihub.example/fhir`. Neighbours: every file of this room, `care.screening`,
`care.aftercare`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.policy.actor import Actor, MemberId

_OWN: Final = "https://mihub.example/fhir"
TASK: Final = f"{_OWN}/CodeSystem/task"
SERVICE: Final = f"{_OWN}/CodeSystem/service"
FINDING: Final = f"{_OWN}/CodeSystem/lung-screening-finding"
MEMBER: Final = "https://mihub.example/sid/member"
KVNR: Final = "http://fhir.de/sid/gkv/kvid-10"

REFERRAL: Final = "referral"


def concept(system: str, code: str, text: str = "") -> Json:
    """A CodeableConcept with one coding."""
    found: Json = {"coding": [{"system": system, "code": code}]}
    return {**found, "text": text} if text else found


def member_reference(member: MemberId, name: str = "") -> Json:
    """A logical reference to an organisation of the region."""
    found: Json = {"identifier": {"system": MEMBER, "value": str(member)}}
    return {**found, "display": name} if name else found


def member_of(reference: object) -> MemberId:
    """The member behind a logical reference; empty when it names none."""
    identifier = reference.get("identifier") if isinstance(reference, dict) else None
    if not isinstance(identifier, dict) or identifier.get("system") != MEMBER:
        return MemberId("")
    return MemberId(str(identifier.get("value", "")))


def author(actor: Actor) -> Json:
    """A person of an organisation, as author of a document: the organisation is known, the person is
    named.
    """
    return {**member_reference(actor.organization), "display": actor.name}


def patient_number_system(member: MemberId) -> str:
    """The `system` of a member's own patient numbers."""
    return f"https://mihub.example/{member}/patient-id"


def identifier_of(resource: Resource, system: str) -> str:
    """The value of the first identifier with that system; empty when there is none."""
    return next(
        (
            str(each.get("value", ""))
            for each in resource.get("identifier", [])
            if each.get("system") == system
        ),
        "",
    )


def has_code(resource: Resource, system: str, *codes: str) -> bool:
    """Whether `resource.code` holds one of the codes of that system."""
    return any(
        coding.get("system") == system and coding.get("code") in codes
        for coding in resource.get("code", {}).get("coding", [])
    )


def history_note(actor: Actor, now: datetime, word: str) -> Json:
    """One line of a Task's history: who did what when. `word` is a code of ours, put into words by the
    portal.
    """
    return {"authorString": actor.name, "time": now.isoformat(timespec="seconds"), "text": word}


def version_of(resource: Resource) -> str:
    """The version that a change starts from; one that was never stored matches none."""
    return str(resource.get("meta", {}).get("versionId", ""))


def transaction(resources: Sequence[tuple[Resource, str | None]]) -> Resource:
    """A transaction that puts every resource at its own id; the second value is the version that must be
    current.
    """
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [_put(each, match) for each, match in resources],
    }


def _put(resource: Resource, if_match: str | None) -> dict[str, Any]:
    place = f"{resource['resourceType']}/{resource['id']}"
    request = {"method": "PUT", "url": place}
    if if_match is not None:
        request["ifMatch"] = f'W/"{if_match}"'
    return {"fullUrl": f"urn:mihub:{place}", "resource": resource, "request": request}
