"""The members as Organization, their staff as Practitioner and PractitionerRole with the numbers to call.

A site holds its own; the care record holds all of them. Ids are member ids and staff keys, not patient data.
"""

from __future__ import annotations

from collections.abc import Iterator

from mihub.core.fhir import Resource
from mihub.synth import check_digits
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import concept, meta
from mihub.synth.members import MEMBERS, Member, Staff

_KIND = {"practice": "prov", "radiology-practice": "prov", "care-record": "other"}


def write_organizations(member: Member) -> Iterator[Resource]:
    """What one site stores about organisations."""
    for known in MEMBERS if member.kind == "care-record" else (member,):
        yield _organization(known)
        for position, staff in enumerate(known.staff):
            yield _practitioner(known, staff, position)
            yield _role(known, staff)


def _organization(member: Member) -> Resource:
    return {
        "resourceType": "Organization",
        "id": member.id,
        "meta": meta(None),
        "identifier": [
            {"system": url.MEMBER_SYSTEM, "value": member.id},
            {"system": url.IKNR_SYSTEM, "value": member.institution_code},
        ],
        "active": True,
        "type": [
            concept(f"{url.TERMINOLOGY}/organization-type", _KIND.get(member.kind, "prov"), text=member.kind)
        ],
        "name": member.name,
        "telecom": [{"system": "phone", "value": member.phone, "use": "work"}],
        "address": [
            {
                "line": [member.street],
                "city": member.place,
                "postalCode": member.postal_code,
                "country": "DE",
            },
        ],
    }


def _practitioner(member: Member, staff: Staff, position: int) -> Resource:
    name: dict[str, object] = {"family": staff.family, "given": [staff.given], "text": staff.name}
    if staff.prefix:
        name["prefix"] = [staff.prefix]
    found: Resource = {
        "resourceType": "Practitioner",
        "id": staff.key,
        "meta": meta(None),
        "active": True,
        "name": [name],
    }
    if staff.prefix:
        number = check_digits.lanr(f"9{(member.factor + position * 37) % 100_000:05d}", "01")
        found["identifier"] = [
            {"system": "https://fhir.kbv.de/NamingSystem/KBV_NS_Base_ANR", "value": number}
        ]
    return found


def _role(member: Member, staff: Staff) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "id": f"{staff.key}-role",
        "meta": meta(None),
        "active": True,
        "practitioner": {"reference": f"Practitioner/{staff.key}", "display": staff.name},
        "organization": {"reference": f"Organization/{member.id}", "display": member.name},
        "code": [concept(f"{url.OWN}/CodeSystem/role", staff.role, text=staff.role_de)],
        "telecom": [{"system": "phone", "value": staff.phone, "use": "work"}],
    }
