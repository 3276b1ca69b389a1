"""One patient's chart at one member: gives resources their ids and the marks that all of them carry.

Ids are opaque and come from the patient's id and a counter, so the same life always gives the same bytes.
Every resource carries the security label HTEST: synthetic people must never be taken for real ones.
"""

from __future__ import annotations

from typing import Any

from mihub.core.fhir import Resource
from mihub.synth.dice import Dice
from mihub.synth.fhir.canonicals import ICD10GM, LOINC, MEMBER_SYSTEM, TERMINOLOGY, UCUM
from mihub.synth.members import BY_ID, Member, Staff
from mihub.synth.records import SiteRecord

_TEST_LABEL = {"system": f"{TERMINOLOGY}/v3-ActReason", "code": "HTEST", "display": "test health data"}


def meta(profile: str | None) -> dict[str, Any]:
    """The `meta` of every synthetic resource."""
    return {"profile": [profile], "security": [_TEST_LABEL]} if profile else {"security": [_TEST_LABEL]}


class Chart:
    """Collects the resources of one patient at one member."""

    def __init__(self, seed: int, record: SiteRecord) -> None:
        self.record = record
        self.member: Member = BY_ID[record.member]
        self.resources: list[Resource] = []
        self.dice = Dice(seed, "chart", record.member, record.number)

    @property
    def patient(self) -> dict[str, str]:
        """Reference to the Patient."""
        return {"reference": f"Patient/{self.record.id}"}

    @property
    def organization(self) -> dict[str, str]:
        """Reference to the member's own Organization."""
        return {"reference": f"Organization/{self.member.id}", "display": self.member.name}

    def staff(self, role: str) -> dict[str, str]:
        """Reference to somebody of the member's staff."""
        person = self.member.person(role)
        return {"reference": f"Practitioner/{person.key}", "display": person.name}

    def add(self, resource_type: str, profile: str | None = None, /, **fields: Any) -> dict[str, str]:
        """Write one resource, fields that are None left out; its reference comes back."""
        return self.put(resource_type, f"{self.record.id}-{len(self.resources)}", profile, **fields)

    def put(
        self, resource_type: str, identity: str, profile: str | None = None, /, **fields: Any
    ) -> dict[str, str]:
        """Write one resource under an id that others know beforehand."""
        resource: Resource = {"resourceType": resource_type, "id": identity, "meta": meta(profile)}
        resource.update((name, value) for name, value in fields.items() if value is not None)
        self.resources.append(resource)
        return {"reference": f"{resource_type}/{identity}"}

    @property
    def latest(self) -> Resource:
        """The resource written last, to complete it."""
        return self.resources[-1]


def member_reference(member: str) -> dict[str, Any]:
    """An organisation of the region by its member id, wherever its Organization is stored."""
    return {
        "type": "Organization",
        "identifier": {"system": MEMBER_SYSTEM, "value": member},
        "display": BY_ID[member].name,
    }


def staff_display(staff: Staff) -> dict[str, str]:
    """Somebody at another site: shown, not referred to."""
    return {"display": f"{staff.name}, {staff.role_de}"}


def concept(system: str, code: str, display: str = "", text: str = "") -> dict[str, Any]:
    """A CodeableConcept of one code."""
    coding = {"system": system, "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding], "text": text} if text else {"coding": [coding]}


def loinc(code: str, display: str, text: str = "") -> dict[str, Any]:
    """A LOINC concept."""
    return concept(LOINC, code, display, text)


def icd(code: str, year: int, display: str) -> dict[str, Any]:
    """An ICD-10-GM concept with its yearly version."""
    return {
        "coding": [{"system": ICD10GM, "version": str(year), "code": code, "display": display}],
        "text": display,
    }


def quantity(value: float, unit: str, code: str | None = None) -> dict[str, Any]:
    """A UCUM quantity."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code or unit}


def numbered(chart: Chart, kind: str, number: str, room: str) -> dict[str, Any]:
    """An identifier of the member's own laboratory or pathology: type of v2-0203, its naming system, the
    number.
    """
    identifier = {"type": concept(f"{TERMINOLOGY}/v2-0203", kind), "value": number}
    identifier["system"] = f"https://mihub.example/{chart.member.id}/{room}"
    return identifier


def ordered(chart: Chart, number: str, room: str) -> list[dict[str, Any]]:
    """`basedOn` by the number of the order: the request itself stayed in the ordering system."""
    return [
        {
            "type": "ServiceRequest",
            "identifier": {
                "system": f"https://mihub.example/{chart.member.id}/{room}-order",
                "value": number,
            },
        }
    ]


def category(code: str) -> list[dict[str, Any]]:
    """The category of an Observation."""
    return [concept(f"{TERMINOLOGY}/observation-category", code)]
