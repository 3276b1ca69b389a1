"""A line of the audit as FHIR R4 AuditEvent in the shape of IHE Basic Audit Log Patterns.

Source: IHE BALP 1.1.3 (patient read, create, update, delete, query); DICOM PS3.16 CID 402 for roles on either
end. Below: `entry`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.audit.entry import AuditEntry
from mihub.core.fhir import Json, Resource

MEMBER_SYSTEM: Final = "https://mihub.example/sid/member"
_ROLE_SYSTEM: Final = "https://mihub.example/fhir/CodeSystem/role"
_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_OUR_INTERACTION: Final = "https://mihub.example/fhir/CodeSystem/interaction"
# Counts are no interactions of FHIR's REST API.
_OURS: Final = frozenset(
    {
        "count", "feasibility", "local-count", "viewdefinition-run", "viewdefinition-export",
        "export", "export-download", "import",
        "quarantine-read", "quarantine-repair", "quarantine-retry", "quarantine-discard", "meta",
        "subscription-notification", "subscription-events",
    }
)  # fmt: skip
_PROFILES: Final = {
    "C": "IHE.BasicAudit.PatientCreate",
    "R": "IHE.BasicAudit.PatientRead",
    "U": "IHE.BasicAudit.PatientUpdate",
    "D": "IHE.BasicAudit.PatientDelete",
    "E": "IHE.BasicAudit.PatientQuery",
}


def audit_event(entry: AuditEntry, member: str) -> Resource:
    """The AuditEvent of one line of the record at `member`."""
    event: Resource = {
        "resourceType": "AuditEvent",
        "id": str(entry.id),
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": _system(entry.interaction), "code": entry.interaction}],
        "action": entry.action,
        "recorded": entry.recorded.isoformat(timespec="milliseconds"),
        "outcome": entry.outcome,
        "purposeOfEvent": [_purpose(entry)],
        "agent": [_requestor(entry), _server(member)],
        "source": {"observer": _member(member), "type": [_SOURCE_TYPE]},
        "entity": _entities(entry),
    }
    if entry.patient:
        event["meta"] = {
            "profile": [f"https://profiles.ihe.net/ITI/BALP/StructureDefinition/{_PROFILES[entry.action]}"]
        }
    return event


_SOURCE_TYPE: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
    "code": "4",
    "display": "Application Server",
}


def _system(interaction: str) -> str:
    return _OUR_INTERACTION if interaction in _OURS else _INTERACTION


def _purpose(entry: AuditEntry) -> Json:
    code = entry.purpose
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code}]}


def _requestor(entry: AuditEntry) -> Json:
    agent: Json = {
        "type": {"coding": [{"system": _DICOM, "code": "110153", "display": "Source Role ID"}]},
        "role": [{"coding": [{"system": _ROLE_SYSTEM, "code": entry.role}]}],
        "who": {
            "identifier": {"system": "https://mihub.example/sid/actor", "value": entry.actor_id},
            "display": entry.actor_name,
        },
        "altId": entry.actor_id,
        "name": entry.actor_name,
        "requestor": True,
    }
    if entry.organization:
        agent["location"] = {"identifier": {"system": MEMBER_SYSTEM, "value": entry.organization}}
    if entry.care_relation:
        agent["policy"] = [entry.care_relation]
    return agent


def _server(member: str) -> Json:
    return {
        "type": {"coding": [{"system": _DICOM, "code": "110152", "display": "Destination Role ID"}]},
        "who": _member(member),
        "requestor": False,
    }


def _member(member: str) -> Json:
    return {"identifier": {"system": MEMBER_SYSTEM, "value": member}}


def _entities(entry: AuditEntry) -> list[Json]:
    what: Json = {"type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "2"}}
    if entry.resource_id:
        what["what"] = {"reference": f"{entry.resource_type}/{entry.resource_id}"}
    details = [
        ("resourceType", entry.resource_type),
        ("count", str(entry.count)),
        ("parameters", entry.parameters),
    ]
    what["detail"] = [{"type": name, "valueString": value} for name, value in details if value]
    role = "24" if entry.action == "E" else "4"
    what["role"] = {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": role}
    return [_patient(entry.patient), what] if entry.patient else [what]


def _patient(patient_id: str) -> Json:
    return {
        "what": {"reference": f"Patient/{patient_id}"},
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "1"},
        "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"},
    }
