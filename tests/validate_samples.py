"""Resources and profiles of our own for the validator's tests: small, right, and each test breaks one thing."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from typing import Any

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.site.validate.finding import Finding
from mihub.site.validate.validator import ProfileValidator

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://example.org/codes", "code": "weight"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-02-29T08:00:00+01:00",
    "performer": [{"reference": "Practitioner/d1"}],
    "valueQuantity": {"value": 72.5, "unit": "kg", "system": "http://example.org/units", "code": "kg"},
}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "http://example.org/mrn", "value": "1"}],
    "name": [{"family": "Muster", "given": ["Kim", "Robin"]}],
    "gender": "other",
    "birthDate": "1980-12-31",
    "contact": [{"name": {"family": "Muster"}}],
}
CONDITION: dict[str, Any] = {
    "resourceType": "Condition",
    "subject": {"reference": "Patient/p1"},
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    },
    "code": {"text": "Husten"},
}
ENCOUNTER: dict[str, Any] = {
    "resourceType": "Encounter",
    "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "period": {"start": "2024-01-01T08:00:00Z", "end": "2024-01-02"},
}
DOCUMENT: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {"fullUrl": "urn:uuid:7b2f4a0e-1111-4a4a-8b8b-0123456789ab", "resource": PATIENT},
        {"fullUrl": "https://example.org/fhir/Observation/o1", "resource": OBSERVATION},
    ],
}
# Said of everything here: nobody has loaded example.org's codes.
QUIET = frozenset({"code-system-unknown", "binding-unchecked", "extension-unknown"})


@lru_cache(maxsize=1)
def base_validator() -> ProfileValidator:
    """R4 alone."""
    return ProfileValidator(core_definitions(), best_practice=False)


def validator_with(*resources: dict[str, Any]) -> ProfileValidator:
    """R4 and the profiles given."""
    return ProfileValidator(MemoryDefinitions(resources, core_definitions()), best_practice=False)


def said(findings: list[Finding], *severities: str) -> set[tuple[str, str]]:
    """Rule and place of what was found, without what only lacks a terminology."""
    wanted = severities or ("fatal", "error", "warning")
    return {(f.rule, f.location) for f in findings if f.severity in wanted and f.rule not in QUIET}


def changed(resource: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one place changed: `name.0.given`; `...` removes the key."""
    copy: Any = deepcopy(resource)
    node = copy
    *steps, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for step in steps:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    result: dict[str, Any] = copy
    return result


def profile(name: str, type_name: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A profile by its differential."""
    return {
        "resourceType": "StructureDefinition",
        "url": f"http://example.org/fhir/StructureDefinition/{name}",
        "name": name,
        "status": "active",
        "kind": "resource" if type_name[0].isupper() and type_name not in _DATA_TYPES else "complex-type",
        "abstract": False,
        "type": type_name,
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{type_name}",
        "derivation": "constraint",
        "differential": {"element": [{"id": type_name, "path": type_name}, *map(_element, elements)]},
        **more,
    }


_DATA_TYPES = frozenset({"Extension", "Identifier", "Coding", "Quantity", "HumanName"})


def _element(row: dict[str, Any]) -> dict[str, Any]:
    identifier = row["id"]
    path = ".".join(part.partition(":")[0] for part in identifier.split("."))
    slice_name = identifier.rpartition(".")[2].partition(":")[2]
    return {"path": path, **({"sliceName": slice_name} if slice_name else {}), **row}


def canonical(name: str) -> str:
    """The address of a profile made by `profile`."""
    return f"http://example.org/fhir/StructureDefinition/{name}"
