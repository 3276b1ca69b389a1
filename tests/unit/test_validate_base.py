"""Each base rule of R4: a small right resource, one thing broken, the finding at its place. And nothing on the right ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.validate_samples import (
    CONDITION,
    DOCUMENT,
    ENCOUNTER,
    OBSERVATION,
    PATIENT,
    base_validator,
    changed,
    said,
)

RIGHT = [PATIENT, OBSERVATION, CONDITION, ENCOUNTER, DOCUMENT]


@pytest.mark.parametrize("resource", RIGHT, ids=lambda one: one["resourceType"])
def test_a_right_resource_has_no_finding(resource: dict[str, Any]) -> None:
    assert said(base_validator().validate(resource)) == set()


CASES: list[tuple[str, dict[str, Any], str, Any, str, str]] = [
    # what is broken, resource, where, new value (... removes), rule, place
    ("required element missing", OBSERVATION, "status", ..., "cardinality-min", "Observation"),
    ("required element missing", OBSERVATION, "code", ..., "cardinality-min", "Observation"),
    ("required element missing", ENCOUNTER, "class", ..., "cardinality-min", "Encounter"),
    ("required in a backbone", DOCUMENT, "entry.0.request", {"method": "POST"}, "cardinality-min", "Bundle.entry[0].request"),
    ("list where one is due", OBSERVATION, "status", ["final"], "json-single", "Observation.status"),
    ("object where a list is due", PATIENT, "name", {"family": "M"}, "json-array", "Patient.name"),
    ("text where a list is due", PATIENT, "name.0.given", "Kim", "json-array", "Patient.name[0].given"),
    ("text where an object is due", PATIENT, "name.0", "Kim", "json-object", "Patient.name[0]"),
    ("null", PATIENT, "gender", None, "json-null", "Patient.gender"),
    ("null in a list", PATIENT, "name.0.given", ["Kim", None], "json-null", "Patient.name[0].given[1]"),
    ("empty list", PATIENT, "name", [], "json-empty", "Patient.name"),
    ("empty object", PATIENT, "maritalStatus", {}, "json-empty", "Patient.maritalStatus"),
    ("empty text", PATIENT, "name.0.family", "", "text-empty", "Patient.name[0].family"),
    ("only an id", PATIENT, "maritalStatus", {"id": "x"}, "invariant:ele-1", "Patient.maritalStatus"),
    ("unknown element", PATIENT, "gendre", "male", "unknown-element", "Patient.gendre"),
    ("unknown nested element", PATIENT, "name.0.first", "K", "unknown-element", "Patient.name[0].first"),
    ("two types of a choice", OBSERVATION, "valueString", "x", "choice-multiple", "Observation.value"),
    ("no such type of the choice", OBSERVATION, "valueAddress", {"city": "x"}, "choice-type", "Observation.value"),
    ("German date", PATIENT, "birthDate", "31.12.1980", "type-format", "Patient.birthDate"),
    ("impossible date", PATIENT, "birthDate", "2021-02-30", "date-impossible", "Patient.birthDate"),
    ("no leap year", PATIENT, "birthDate", "2023-02-29", "date-impossible", "Patient.birthDate"),
    ("year 0000", PATIENT, "birthDate", "0000-01-01", "type-format", "Patient.birthDate"),
    ("unlikely year", PATIENT, "birthDate", "1080-12-31", "date-unlikely", "Patient.birthDate"),
    ("time without a zone", OBSERVATION, "effectiveDateTime", "2024-01-01T08:00:00", "date-zone",
     "Observation.effective.ofType(dateTime)"),
    ("time without seconds", OBSERVATION, "effectiveDateTime", "2024-01-01T08:00Z", "type-format",
     "Observation.effective.ofType(dateTime)"),
    ("instant as a date", OBSERVATION, "issued", "2024-01-01", "type-format", "Observation.issued"),
    ("decimal as text", OBSERVATION, "valueQuantity.value", "72.5", "type-json",
     "Observation.value.ofType(Quantity).value"),
    ("boolean as text", PATIENT, "active", "true", "type-json", "Patient.active"),
    ("integer with a fraction", PATIENT, "multipleBirthInteger", 1.5, "type-json",
     "Patient.multipleBirth.ofType(integer)"),
    ("integer beyond 32 bits", PATIENT, "multipleBirthInteger", 2**31, "type-range",
     "Patient.multipleBirth.ofType(integer)"),
    ("positive integer of 0", PATIENT, "telecom", [{"system": "phone", "value": "1", "rank": 0}], "type-range",
     "Patient.telecom[0].rank"),
    ("bad id", PATIENT, "id", "a b", "type-format", "Patient.id"),
    ("long id", PATIENT, "id", "a" * 65, "type-format", "Patient.id"),
    ("code with a space", ENCOUNTER, "class.code", " AMB", "code-whitespace", "Encounter.class.code"),
    ("spaces around a text", PATIENT, "name.0.family", " Muster", "text-whitespace", "Patient.name[0].family"),
    ("blank text", PATIENT, "name.0.family", "  ", "text-blank", "Patient.name[0].family"),
    ("space in an address", PATIENT, "identifier.0.system", "http://a b", "uri-whitespace",
     "Patient.identifier[0].system"),
    ("oid without urn", PATIENT, "identifier.0.system", "oid:1.2.3", "uri-scheme", "Patient.identifier[0].system"),
    ("bad uuid", PATIENT, "identifier.0.system", "urn:uuid:1", "uuid-invalid", "Patient.identifier[0].system"),
    ("bad oid", PATIENT, "identifier.0.system", "urn:oid:1.02.3", "oid-invalid", "Patient.identifier[0].system"),
    ("relative canonical", PATIENT, "meta", {"profile": ["Patient"]}, "uri-absolute", "Patient.meta.profile[0]"),
    ("bad base64", PATIENT, "photo", [{"contentType": "image/png", "data": "x"}], "base64-invalid",
     "Patient.photo[0].data"),
    ("size of an attachment", PATIENT, "photo", [{"contentType": "a/b", "data": "QUJD", "size": 9}],
     "attachment-size", "Patient.photo[0]"),
    ("code outside of a required binding", PATIENT, "gender", "divers", "binding-required", "Patient.gender"),
    ("concept outside of a required binding", CONDITION, "clinicalStatus.coding.0.code", "running",
     "binding-required", "Condition.clinicalStatus"),
    ("no code for a required binding", CONDITION, "clinicalStatus", {"text": "x"}, "binding-no-code",
     "Condition.clinicalStatus"),
    ("code unknown to its system", CONDITION, "clinicalStatus.coding.0.code", "running", "code-unknown",
     "Condition.clinicalStatus.coding[0]"),
    ("display of another code", CONDITION, "clinicalStatus.coding.0.display", "Resolved", "code-display",
     "Condition.clinicalStatus.coding[0]"),
    ("code without a system", OBSERVATION, "code.coding.0.system", ..., "code-system-missing",
     "Observation.code.coding[0]"),
    ("relative code system", OBSERVATION, "code.coding.0.system", "codes", "code-system-relative",
     "Observation.code.coding[0]"),
    ("value set as a code system", OBSERVATION, "code.coding.0.system",
     "http://hl7.org/fhir/ValueSet/observation-status", "code-system-value-set", "Observation.code.coding[0]"),
    ("identifier without an address", PATIENT, "identifier.0.system", "mrn", "identifier-system-relative",
     "Patient.identifier[0]"),
    ("wrong target", OBSERVATION, "subject.reference", "Practitioner/1", "reference-target", "Observation.subject"),
    ("wrong absolute target", OBSERVATION, "subject.reference", "https://x.org/fhir/Practitioner/1",
     "reference-target", "Observation.subject"),
    ("Reference.type against the target", OBSERVATION, "subject.type", "Group", "reference-type",
     "Observation.subject"),
    ("Reference.type not allowed", OBSERVATION, "subject", {"type": "Practitioner", "display": "x"},
     "reference-target", "Observation.subject"),
    ("a space in a reference", OBSERVATION, "subject.reference", "Patient/1 2", "reference-format",
     "Observation.subject"),
    ("an element id twice", PATIENT, "name", [{"id": "a", "family": "M"}, {"id": "a", "family": "N"}],
     "element-id-duplicate", "Patient.name[1].id"),
    ("empty reference", OBSERVATION, "subject", {"id": "a", "type": "Patient"}, "reference-empty",
     "Observation.subject"),
    ("contained resource missing", OBSERVATION, "subject.reference", "#p", "invariant:ref-1", "Observation.subject"),
    ("obs-6", OBSERVATION, "dataAbsentReason", {"text": "x"}, "invariant:obs-6", "Observation"),
    ("pat-1", PATIENT, "contact.0", {"gender": "male"}, "invariant:pat-1", "Patient.contact[0]"),
    ("per-1", ENCOUNTER, "period.end", "2023-12-31", "invariant:per-1", "Encounter.period"),
    ("con-5", CONDITION, "verificationStatus",
     {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error"}]},
     "invariant:con-5", "Condition"),
    ("ext-1", PATIENT, "extension", [{"url": "http://example.org/x"}], "invariant:ext-1", "Patient.extension[0]"),
    ("ext-1, both", PATIENT, "extension",
     [{"url": "http://example.org/x", "valueString": "a", "extension": [{"url": "b", "valueString": "c"}]}],
     "invariant:ext-1", "Patient.extension[0]"),
    ("extension without url", PATIENT, "extension", [{"valueString": "a"}], "cardinality-min",
     "Patient.extension[0]"),
    ("relative extension", PATIENT, "extension", [{"url": "x", "valueString": "a"}], "extension-url",
     "Patient.extension[0]"),
    ("unknown modifier", OBSERVATION, "modifierExtension", [{"url": "http://example.org/x", "valueString": "a"}],
     "extension-modifier-unknown", "Observation.modifierExtension[0]"),
    ("extension in a wrong place", PATIENT, "extension",
     [{"url": "http://hl7.org/fhir/StructureDefinition/observation-bodyPosition", "valueCodeableConcept": {"text": "x"}}],
     "extension-context", "Patient.extension[0]"),
    ("extension of a wrong type", PATIENT, "extension",
     [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueString": "Leipzig"}],
     "choice-type", "Patient.extension[0].value.ofType(string)"),
    ("extension list longer than the values", PATIENT, "name.0._given", [None, None, {"id": "x"}], "json-alignment",
     "Patient.name[0].given"),
    ("misshaped extras", PATIENT, "_gender", "x", "json-shadow", "Patient.gender"),
    ("script in the narrative", PATIENT, "text",
     {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'},
     "html-element", "Patient.text.div"),
    ("handler in the narrative", PATIENT, "text",
     {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml" onclick="x">a</div>'},
     "html-attribute", "Patient.text.div"),
    ("narrative without its namespace", PATIENT, "text", {"status": "generated", "div": "<div>a</div>"},
     "html-div", "Patient.text.div"),
    ("narrative not closed", PATIENT, "text",
     {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>a</div>'},
     "html-syntax", "Patient.text.div"),
    ("empty narrative", PATIENT, "text",
     {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"> </div>'},
     "html-empty", "Patient.text.div"),
    ("contained without id", OBSERVATION, "contained", [{"resourceType": "Patient"}], "contained-id",
     "Observation.contained[0]"),
    ("contained nobody refers to", OBSERVATION, "contained", [{"resourceType": "Patient", "id": "p"}],
     "invariant:dom-3", "Observation"),
    ("contained in contained", OBSERVATION, "contained",
     [{"resourceType": "Patient", "id": "p", "contained": [{"resourceType": "Group", "id": "g"}]}],
     "invariant:dom-2", "Observation"),
    ("error inside contained", OBSERVATION, "contained", [{"resourceType": "Patient", "id": "p", "gender": "x"}],
     "binding-required", "Observation.contained[0].gender"),
    ("unknown resource", OBSERVATION, "resourceType", "Obs", "resource-unknown", "Obs"),
    ("no resource type", OBSERVATION, "resourceType", ..., "resource-type", "Resource"),
    ("unknown profile", PATIENT, "meta", {"profile": ["http://example.org/p"]}, "profile-unknown",
     "Patient.meta.profile[0]"),
    ("profile of another type", PATIENT, "meta",
     {"profile": ["http://hl7.org/fhir/StructureDefinition/bodyweight"]}, "profile-type", "Patient.meta.profile[0]"),
    ("full URL twice", DOCUMENT, "entry.1.fullUrl", "urn:uuid:7b2f4a0e-1111-4a4a-8b8b-0123456789ab",
     "bundle-full-url-duplicate", "Bundle.entry[1]"),
    ("relative full URL", DOCUMENT, "entry.1.fullUrl", "Observation/o1", "bundle-full-url", "Bundle.entry[1]"),
    ("full URL of another id", DOCUMENT, "entry.1.fullUrl", "https://example.org/fhir/Observation/o2",
     "bundle-full-url-id", "Bundle.entry[1]"),
    ("transaction without request", DOCUMENT, "type", "transaction", "invariant:bdl-3", "Bundle"),
    ("error inside an entry", DOCUMENT, "entry.0.resource.gender", "x", "binding-required",
     "Bundle.entry[0].resource.gender"),
    ("document without Composition", DOCUMENT, "type", "document", "invariant:bdl-11", "Bundle"),
    ("no full URL", DOCUMENT, "entry.1.fullUrl", ..., "bundle-full-url-missing", "Bundle.entry[1]"),
    ("a document that is not linked", DOCUMENT, "type", "document", "bundle-backward", "Bundle.entry[1]"),
    ("a body weight in grains of its own", OBSERVATION, "code.coding", [{"system": "http://loinc.org", "code": "29463-7"}],
     "slice-min", "Observation"),
    ("urn that is not there", DOCUMENT, "entry.1.resource.subject.reference",
     "urn:uuid:00000000-0000-4000-8000-000000000000", "reference-unresolved",
     "Bundle.entry[1].resource.subject"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "resource", "path", "value", "rule", "place"), CASES, ids=lambda x: str(x)[:40]
)
def test_what_is_broken_is_found_at_its_place(
    what: str, resource: dict[str, Any], path: str, value: Any, rule: str, place: str
) -> None:
    found = base_validator().validate(changed(resource, path, value))
    assert (rule, place) in {(f.rule, f.location) for f in found}, what


RIGHT_TOO: list[tuple[str, dict[str, Any], str, Any]] = [
    ("year alone", PATIENT, "birthDate", "1980"),
    ("year and month", PATIENT, "birthDate", "1980-12"),
    ("leap day", PATIENT, "birthDate", "2000-02-29"),
    ("leap second", OBSERVATION, "effectiveDateTime", "2016-12-31T23:59:60Z"),
    ("whole number as decimal", OBSERVATION, "valueQuantity.value", 72),
    ("extras for one of two", PATIENT, "name.0._given", [None, {"id": "x"}]),
    ("null beside extras", PATIENT, "name.0", {
        "given": ["Kim", None],
        "_given": [None, {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                                         "valueCode": "unknown"}]}],
    }),
    ("absent with a reason", PATIENT, "_birthDate", {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}),
    ("reference to itself", OBSERVATION, "derivedFrom", [{"reference": "Observation/o2", "type": "Observation"}]),
    ("logical reference", OBSERVATION, "subject", {"identifier": {"system": "urn:oid:2.16.840.1", "value": "1"}}),
    ("ldap identifier", PATIENT, "identifier.0.system", "ldap://x/y"),
    ("narrative with an entity", PATIENT, "text",
     {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a&nbsp;b</div>'}),
    ("contained and referred to", OBSERVATION, "contained", [{"resourceType": "Patient", "id": "p"}]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "resource", "path", "value"), RIGHT_TOO, ids=lambda x: str(x)[:40])
def test_what_is_unusual_and_right_has_no_error(
    what: str, resource: dict[str, Any], path: str, value: Any
) -> None:
    broken = changed(resource, path, value)
    if path == "contained":
        broken["subject"] = {"reference": "#p"}
    assert said(base_validator().validate(broken), "fatal", "error") == set(), what


BYTES = [
    (b"{", "json-syntax"),
    (b'{"resourceType": "Patient", "gender": "male", "gender": "female"}', "json-duplicate-key"),
    (b'{"resourceType": "Patient", "multipleBirthInteger": NaN}', "json-number"),
    (b"[]", "json-object"),
    (b'{"resourceType": "Patient", "x": ' + b"[" * 300 + b"]" * 300 + b"}", "json-depth"),
    (b'{"resourceType": "Patient", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json-depth"),
    (b'{"resourceType": "Patient", "id": "\xff"}', "json-syntax"),
]


@pytest.mark.parametrize(("body", "rule"), BYTES, ids=[rule for _, rule in BYTES])
def test_what_only_the_text_shows(body: bytes, rule: str) -> None:
    assert rule in {f.rule for f in base_validator().validate_bytes(body)}


def test_no_fact_holds_a_value_of_the_resource() -> None:
    secret = "Geheimwert"
    resource = {
        "resourceType": "Patient",
        "gender": secret,
        "birthDate": secret,
        "active": secret,
        "name": [{"family": secret, "use": secret, secret + " x": 1}],
        "link": [{"other": {"reference": f"{secret}/1"}, "type": secret}],
        "communication": [{"language": {"coding": [{"system": secret, "code": secret}]}}],
    }
    found = base_validator().validate(resource)
    assert len(found) > 5
    assert [f for f in found if secret in str(f)] == []
