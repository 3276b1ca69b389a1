"""The Patient as the member's own system has it: its patient number, maybe the insurance number, name,
address.

Profile: MII person (`modul-person/Patient`). Identity only; neighbours write what happened.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from mihub.core.fhir import Resource
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, category, concept, loinc, meta
from mihub.synth.records import SiteRecord


def write_patient(chart: Chart, death: date | None) -> None:
    """The Patient itself; a death is on record where it became known."""
    record = chart.record
    patient: Resource = {
        "resourceType": "Patient",
        "id": record.id,
        "meta": meta(url.PATIENT),
        "identifier": _identifiers(record),
        "active": True,
        "name": _names(record),
        "telecom": [{"system": "phone", "value": record.phone, "use": "mobile"}],
        "gender": record.sex,
        "birthDate": record.birth_date.isoformat(),
        "address": [_address(record)],
        "managingOrganization": chart.organization,
    }
    if death is not None:
        patient["deceasedDateTime"] = death.isoformat()
    chart.resources.append(patient)
    if death is not None and chart.member.is_hospital:
        _vital_status(chart, death)


def _vital_status(chart: Chart, death: date) -> None:
    system = f"{url.MII}/core/modul-person/CodeSystem/Vitalstatus"
    chart.add(
        "Observation",
        url.VITAL_STATUS,
        status="final",
        category=category("survey"),
        code=loinc("67162-8", "Vital status"),
        subject=chart.patient,
        effectiveDateTime=death.isoformat(),
        valueCodeableConcept=concept(system, "T", "Patient ist verstorben"),
    )


def _identifiers(record: SiteRecord) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "use": "usual",
            "type": concept(f"{url.TERMINOLOGY}/v2-0203", "MR"),
            "system": url.patient_system(record.member),
            "value": record.number,
            "assigner": {"identifier": {"system": url.MEMBER_SYSTEM, "value": record.member}},
        }
    ]
    if record.kvnr:
        insurer = {
            "identifier": {"system": url.IKNR_SYSTEM, "value": record.insurer_code},
            "display": record.insurer,
        }
        found.append(
            {
                "use": "official",
                "type": concept("http://fhir.de/CodeSystem/identifier-type-de-basis", "KVZ10"),
                "system": url.KVNR_SYSTEM,
                "value": record.kvnr,
                "assigner": insurer,
            }
        )
    return found


def _names(record: SiteRecord) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"use": "official", "family": record.family, "given": list(record.given)}]
    if record.birth_family:
        found.append({"use": "maiden", "family": record.birth_family})
    return found


def _address(record: SiteRecord) -> dict[str, Any]:
    home = record.address
    line = f"{home.street} {home.house_number}"
    return {
        "type": "both",
        "line": [line],
        "city": home.city,
        "postalCode": home.postal_code,
        "country": "DE",
    }
