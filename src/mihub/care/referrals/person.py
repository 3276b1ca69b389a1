"""The person in the care record: found by what the trust centre or the insurance number says, else created.

Created with the id that follows from the practice's own record, so that doing it twice makes one person.
Never copies more than name, birth date, sex, address and identifiers. Neighbours: `care.screening.referral`.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

from mihub.care.referrals.terms import KVNR, identifier_of, patient_number_system
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId

CARE_RECORD: Final = MemberId("netzwerk")
_NAMESPACE: Final = UUID("6f0c2f0e-0d7a-5e57-9b1e-6d1c6b0c6f10")
_COPIED: Final = ("name", "gender", "birthDate", "address", "telecom", "active")


def stable_id(*parts: str) -> str:
    """The same id for the same words, whoever computes it."""
    return str(uuid5(_NAMESPACE, "|".join(parts)))


async def find_in_care_record(record: FhirClient, patient: Resource, origin: MemberId) -> Resource | None:
    """The care record's Patient for a patient of `origin`; None when there is none yet.

    By the id that `new_person` gives, then by insurance number when exactly one person has it.
    """
    by_origin = await record.search("Patient", [("_id", stable_id(origin, patient["id"]))])
    if by_origin:
        return by_origin[0]
    number = identifier_of(patient, KVNR)
    found = await record.search("Patient", [("identifier", f"{KVNR}|{number}")]) if number else []
    return found[0] if len(found) == 1 else None


def new_person(patient: Resource, origin: MemberId) -> Resource:
    """The Patient to create in the care record for a patient of `origin`."""
    person_id = stable_id(origin, patient["id"])
    identifiers = [{"system": patient_number_system(CARE_RECORD), "value": f"NW-{person_id[:8].upper()}"}]
    kvnr = [each for each in patient.get("identifier", []) if each.get("system") == KVNR]
    return {
        "resourceType": "Patient",
        "id": person_id,
        "identifier": [*identifiers, *kvnr],
        **{name: patient[name] for name in _COPIED if name in patient},
    }
