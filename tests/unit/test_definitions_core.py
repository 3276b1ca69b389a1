"""R4 core as it travels with the program: what is in it, what is not, how fast it is there."""

from __future__ import annotations

from collections import Counter

import pytest

from mihub.core.fhir.definitions.core import FHIR_VERSION, core_definitions
from mihub.core.fhir.fhirpath.types import r4
from mihub.core.fhir.types import RESOURCE_TYPES

HL7 = "http://hl7.org/fhir/"
SD = HL7 + "StructureDefinition/"
TYPES = (
    "StructureDefinition",
    "ValueSet",
    "CodeSystem",
    "SearchParameter",
    "OperationDefinition",
    "ConceptMap",
)


def test_it_holds_all_of_r4() -> None:
    counts = Counter(known.resource_type for kind in TYPES for known in core_definitions().all(kind))
    assert counts == {
        "StructureDefinition": 649,
        "ValueSet": 1316,
        "CodeSystem": 1062,
        "SearchParameter": 1375,
        "OperationDefinition": 46,
        "ConceptMap": 19,
    }


@pytest.mark.parametrize(
    "url",
    [
        SD + "Patient",
        SD + "bmi",
        SD + "patient-birthPlace",
        HL7 + "ValueSet/administrative-gender",
        "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "http://terminology.hl7.org/CodeSystem/v2-0203",
        HL7 + "SearchParameter/clinical-patient",
        HL7 + "OperationDefinition/Patient-everything",
        HL7 + "CompartmentDefinition/patient",
    ],
)
def test_a_core_canonical_resolves_with_and_without_the_version_of_fhir(url: str) -> None:
    bare, pinned = core_definitions().find(url), core_definitions().find(f"{url}|{FHIR_VERSION}")
    assert bare is not None
    assert pinned is not None
    assert bare.resource == pinned.resource
    assert bare.resource["url"] == url
    assert bare.known.package == "hl7.fhir.r4.core#4.0.1"


def test_another_version_of_core_is_not_known() -> None:
    assert core_definitions().find(SD + "Patient|5.0.0") is None
    assert core_definitions().find(SD + "Patient", "ValueSet") is None
    assert core_definitions().find("http://example.org/nothing") is None


def test_every_structure_has_a_snapshot() -> None:
    definitions = core_definitions()
    for known in definitions.all("StructureDefinition"):
        found = definitions.structure(known.url)
        assert found is not None
        elements = found.resource["snapshot"]["element"]
        assert elements[0]["path"] == known.type.rpartition("/")[2]
        assert all({"id", "path", "min", "max", "base"} <= e.keys() for e in elements), known.url


def test_a_structure_says_what_a_validator_needs() -> None:
    found = core_definitions().structure(SD + "Observation")
    assert found is not None
    by_id = {e["id"]: e for e in found.resource["snapshot"]["element"]}
    status = by_id["Observation.status"]
    assert (status["min"], status["max"], status["isModifier"]) == (1, "1", True)
    assert status["binding"]["strength"] == "required"
    assert by_id["Observation.referenceRange"]["constraint"][-1]["key"] in ("obs-3", "ele-1")
    assert by_id["Observation.component.referenceRange"]["contentReference"] == "#Observation.referenceRange"
    assert {c["key"] for c in by_id["Observation.subject"]["constraint"]} == {"ele-1", "ref-1"}
    dosage = core_definitions().structure(SD + "positiveInt")
    assert dosage is not None
    value = dosage.resource["snapshot"]["element"][-1]
    assert [x["valueString"] for x in value["type"][0]["extension"] if x["url"].endswith("regex")] == [
        "[1-9][0-9]*"
    ]


def test_no_text_for_people_travels_along() -> None:
    found = core_definitions().structure(SD + "Patient")
    system = core_definitions().find("http://terminology.hl7.org/CodeSystem/v3-ActCode")
    assert found is not None
    assert system is not None
    assert not {"text", "description", "purpose", "copyright"} & (
        found.resource.keys() | system.resource.keys()
    )
    assert not any(
        {"definition", "comment", "mapping"} & e.keys() for e in found.resource["snapshot"]["element"]
    )
    assert "definition" not in system.resource["concept"][0]


def test_what_medplum_adds_to_r4_is_not_here() -> None:
    model = r4()
    for holder, name in [
        ("Meta", "project"),
        ("Binary", "url"),
        ("ResearchStudy", "recruitment"),
        ("DeviceDefinition", "bodySite"),
    ]:
        found = model.type(holder)
        assert found is not None
        assert not found.step(name), f"{holder}.{name}"
    assert core_definitions().find(HL7 + "SearchParameter/DetectedIssue-status") is None


def test_the_resource_types_named_elsewhere_are_those_of_the_index() -> None:
    found = {k.type for k in core_definitions().all("StructureDefinition") if r4().is_resource(k.type)}
    assert found - {"Resource", "DomainResource", "MetadataResource"} == RESOURCE_TYPES


def test_every_constraint_says_whence_it_comes() -> None:
    for known in core_definitions().all("StructureDefinition"):
        found = core_definitions().structure(known.url)
        assert found is not None
        for element in found.resource["snapshot"]["element"]:
            assert all("source" in c for c in element.get("constraint", ())), element["id"]
