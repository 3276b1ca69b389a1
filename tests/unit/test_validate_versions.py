"""Of several versions of a value set or profile, a profile means that of its own package."""

from __future__ import annotations

from typing import Any

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.core.fhir.definitions.protocol import Definitions, Found
from mihub.site.validate.validator import ProfileValidator
from tests.validate_samples import PATIENT, canonical, changed, profile, said

SYSTEM = "http://example.org/codes"
URL = "http://example.org/fhir/ValueSet/v"


def value_set(version: str, *codes: str) -> dict[str, Any]:
    return {
        "resourceType": "ValueSet", "url": URL, "version": version, "status": "active",
        "compose": {"include": [{"system": SYSTEM, "concept": [{"code": code} for code in codes]}]},
    }  # fmt: skip


class Packages:
    """Package `old#1` holds the profile and version 1 of the value set; version 2 came with another package."""

    generation = 0

    def __init__(self, *resources: dict[str, Any]) -> None:
        self._all = MemoryDefinitions(resources, core_definitions(), "old#1")

    def find(self, asked: str, resource_type: str = "") -> Found | None:
        return self._all.find(asked, resource_type)

    def structure(self, asked: str) -> Found | None:
        return self._all.structure(asked)

    def all(self, resource_type: str) -> Any:
        return self._all.all(resource_type)

    def seen_from(self, package: str) -> Definitions:
        first = value_set("1", "a")
        return MemoryDefinitions([first], core_definitions(), package) if package == "old#1" else self._all


def test_the_version_of_the_own_package_binds() -> None:
    bound = profile(
        "p", "Patient",
        {"id": "Patient.maritalStatus", "binding": {"strength": "required", "valueSet": URL}},
    )  # fmt: skip
    validator = ProfileValidator(
        Packages(bound, value_set("1", "a"), value_set("2", "b")), best_practice=False
    )

    def found(code: str) -> set[tuple[str, str]]:
        concept = {"coding": [{"system": SYSTEM, "code": code}]}
        return said(validator.validate(changed(PATIENT, "maritalStatus", concept), [canonical("p")]), "error")

    assert found("a") == set()
    assert found("b") == {("binding-required", "Patient.maritalStatus")}
