"""Each rule a profile can add: a small profile by its differential, a resource that fits, one that does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.validate_samples import (
    OBSERVATION,
    PATIENT,
    canonical,
    changed,
    profile,
    said,
    validator_with,
)

PID = {"system": "http://example.org/pid", "value": "7"}
KVNR = {"system": "http://fhir.example/kvnr", "value": "A123456789"}


def errors(resource: dict[str, Any], *profiles: dict[str, Any], name: str = "p") -> set[tuple[str, str]]:
    return said(validator_with(*profiles).validate(resource, [canonical(name)]), "fatal", "error")


SIMPLE: list[tuple[str, dict[str, Any], str, Any, str, str]] = [
    # rule of the profile, element, where the patient is changed, to what, rule, place
    ("required", {"id": "Patient.birthDate", "min": 1}, "birthDate", ..., "cardinality-min", "Patient"),
    ("forbidden", {"id": "Patient.photo", "max": "0"}, "photo", [{"contentType": "a/b", "url": "x"}],
     "cardinality-max", "Patient"),
    ("at most one", {"id": "Patient.identifier", "max": "1"}, "identifier", [PID, KVNR], "cardinality-max", "Patient"),
    ("two at least", {"id": "Patient.name.given", "min": 2}, "name.0.given", ["Kim"], "cardinality-min",
     "Patient.name[0]"),
    ("fixed code", {"id": "Patient.gender", "fixedCode": "other"}, "gender", "male", "fixed-value", "Patient.gender"),
    ("pattern", {"id": "Patient.identifier", "patternIdentifier": {"system": "http://example.org/mrn"}},
     "identifier.0.system", "http://example.org/x", "pattern-value", "Patient.identifier[0]"),
    ("length", {"id": "Patient.name.family", "maxLength": 8}, "name.0.family", "Mustermann", "max-length",
     "Patient.name[0].family"),
    ("least date", {"id": "Patient.birthDate", "minValueDate": "1900-01-01"}, "birthDate", "1899-12-31", "min-value",
     "Patient.birthDate"),
    ("greatest date", {"id": "Patient.birthDate", "maxValueDate": "2000-01-01"}, "birthDate", "2000-01-02",
     "max-value", "Patient.birthDate"),
    ("regex", {"id": "Patient.name.family",
               "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": "[A-Z][a-z]+"}]},
     "name.0.family", "muster", "pattern-regex", "Patient.name[0].family"),
    ("choice narrowed", {"id": "Patient.deceased[x]", "type": [{"code": "dateTime"}]}, "deceasedBoolean", True,
     "choice-type", "Patient.deceased.ofType(boolean)"),
    ("target narrowed", {"id": "Patient.generalPractitioner",
                         "type": [{"code": "Reference",
                                   "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Practitioner"]}]},
     "generalPractitioner", [{"reference": "Organization/1"}], "reference-target", "Patient.generalPractitioner[0]"),
    ("binding strengthened", {"id": "Patient.maritalStatus",
                              "binding": {"strength": "required",
                                          "valueSet": "http://hl7.org/fhir/ValueSet/administrative-gender"}},
     "maritalStatus", {"coding": [{"system": "http://example.org/codes", "code": "x"}]}, "binding-required",
     "Patient.maritalStatus"),
    ("condition", {"id": "Patient", "constraint": [{"key": "x-1", "severity": "error", "human": "ein Name",
                                                    "expression": "name.family.exists()"}]},
     "name", [{"text": "Kim"}], "invariant:x-1", "Patient"),
    ("condition on a primitive", {"id": "Patient.name.family",
                                  "constraint": [{"key": "x-2", "severity": "error", "human": "groß",
                                                  "expression": "matches('^[A-Z].*')"}]},
     "name.0.family", "muster", "invariant:x-2", "Patient.name[0].family"),
    ("value wanted, not only a reason", {"id": "Patient.birthDate.value", "min": 1}, "birthDate", ...,
     "cardinality-min", "Patient.birthDate"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "element", "path", "value", "rule", "place"), SIMPLE, ids=lambda x: str(x)[:30]
)
def test_a_rule_of_a_profile(
    what: str, element: dict[str, Any], path: str, value: Any, rule: str, place: str
) -> None:
    made = profile("p", "Patient", element)
    good = PATIENT
    if what.startswith("two"):
        good = changed(PATIENT, "name.0.given", ["Kim", "Robin"])
    if what.startswith("value wanted"):
        bad = changed(PATIENT, "birthDate", ...)
        bad["_birthDate"] = {
            "extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
            ]
        }
    else:
        bad = changed(PATIENT, path, value)
    assert errors(good, made) - {("cardinality-min", "Patient.contact[0].name")} == set()
    assert (rule, place) in errors(bad, made)


def sliced(rules: str = "open", ordered: bool = False, **kvnr: Any) -> dict[str, Any]:
    """Patient.identifier by system: pid (once), kvnr (at most once)."""
    return profile(
        "p", "Patient",
        {"id": "Patient.identifier",
         "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": rules, "ordered": ordered}},
        {"id": "Patient.identifier:pid", "min": 1, "max": "1"},
        {"id": "Patient.identifier:pid.system", "min": 1, "fixedUri": "http://example.org/pid"},
        {"id": "Patient.identifier:pid.value", "min": 1},
        {"id": "Patient.identifier:kvnr", "max": "1", **kvnr},
        {"id": "Patient.identifier:kvnr.system", "min": 1, "patternUri": "http://fhir.example/kvnr"},
    )  # fmt: skip


def patient(*identifiers: dict[str, Any]) -> dict[str, Any]:
    return changed(PATIENT, "identifier", list(identifiers))


OTHER = {"system": "http://example.org/other", "value": "1"}
SLICES: list[tuple[str, dict[str, Any], list[dict[str, Any]], set[tuple[str, str]]]] = [
    ("fits", sliced(), [PID, KVNR, OTHER], set()),
    ("one missing", sliced(), [KVNR], {("slice-min", "Patient")}),
    ("one too many", sliced(), [PID, KVNR, KVNR], {("slice-max", "Patient")}),
    ("inside a slice", sliced(), [{"system": "http://example.org/pid"}], {("cardinality-min", "Patient.identifier[0]")}),
    ("closed", sliced("closed"), [PID, OTHER], {("slice-closed", "Patient.identifier[1]")}),
    ("open at the end", sliced("openAtEnd"), [PID, OTHER], set()),
    ("free before the end", sliced("openAtEnd"), [OTHER, PID], {("slice-open-at-end", "Patient.identifier[1]")}),
    ("ordered", sliced(ordered=True), [PID, KVNR], set()),
    ("in the wrong order", sliced(ordered=True), [KVNR, PID], {("slice-order", "Patient.identifier[1]")}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "made", "identifiers", "wanted"), SLICES, ids=[row[0] for row in SLICES])
def test_slices(
    what: str, made: dict[str, Any], identifiers: list[dict[str, Any]], wanted: set[tuple[str, str]]
) -> None:
    assert errors(patient(*identifiers), made) == wanted


def components(*slices: tuple[str, dict[str, Any]], discriminator: dict[str, str]) -> dict[str, Any]:
    rows = [{"id": "Observation.component", "slicing": {"discriminator": [discriminator], "rules": "closed"}}]
    for name, element in slices:
        rows.append({"id": f"Observation.component:{name}", "min": 0, "max": "1"})
        rows.append({"id": f"Observation.component:{name}.{element['id']}", **_without_id(element)})
    for row in rows:
        if "path" not in row and ":" in row["id"]:
            row["id"] = row["id"]
    return profile("p", "Observation", *rows)


def _without_id(element: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in element.items() if key != "id"}


def component(code: str = "a", **more: Any) -> dict[str, Any]:
    return {"code": {"coding": [{"system": "http://example.org/codes", "code": code}]}, **more}


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://example.org/codes", "code": code}]}


DISCRIMINATORS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("pattern", components(("a", {"id": "code", "patternCodeableConcept": coded("a")}),
                           discriminator={"type": "pattern", "path": "code"}), component("a"), component("b")),
    ("value behind a pattern", components(("a", {"id": "code", "patternCodeableConcept": coded("a")}),
                                          discriminator={"type": "value", "path": "code.coding.code"}),
     component("a"), component("b")),
    ("exists", components(("a", {"id": "dataAbsentReason", "min": 1}), ("b", {"id": "dataAbsentReason", "max": "0"}),
                          discriminator={"type": "exists", "path": "dataAbsentReason"}),
     component(dataAbsentReason={"text": "x"}), {}),
    ("type", components(("a", {"id": "value[x]", "type": [{"code": "Quantity"}]}),
                        discriminator={"type": "type", "path": "value"}),
     component(valueQuantity={"value": 1}), component(valueString="x")),
    ("value of an extension",
     components(("a", {"id": "value[x]", "type": [{"code": "string"}], "fixedString": "x"}),
                discriminator={"type": "value", "path": "value.ofType(string)"}),
     component(valueString="x"), component(valueString="y")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "made", "fits", "strange"), DISCRIMINATORS, ids=[row[0] for row in DISCRIMINATORS]
)
def test_discriminators(
    kind: str, made: dict[str, Any], fits: dict[str, Any], strange: dict[str, Any]
) -> None:
    bare = changed(OBSERVATION, "valueQuantity", ...)
    assert errors({**bare, "component": [fits]}, made) == set()
    if strange:
        assert ("slice-closed", "Observation.component[0]") in errors({**bare, "component": [strange]}, made)


def test_slices_by_the_profile_of_a_contained_target() -> None:
    doctor = profile("doctor", "Practitioner", {"id": "Practitioner.name", "min": 1})
    made = profile(
        "p", "Observation",
        {"id": "Observation.performer",
         "slicing": {"discriminator": [{"type": "profile", "path": "resolve()"}], "rules": "open"}},
        {"id": "Observation.performer:doctor", "min": 1, "max": "1",
         "type": [{"code": "Reference", "targetProfile": [canonical("doctor")]}]},
    )  # fmt: skip
    inner = {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Muster"}]}
    good = {**OBSERVATION, "contained": [inner], "performer": [{"reference": "#d"}]}
    assert errors(good, made, doctor) == set()
    bad = {**good, "contained": [{"resourceType": "Practitioner", "id": "d"}]}
    assert ("slice-min", "Observation") in errors(bad, made, doctor)
    # A target that is not at hand decides nothing.
    far = {**OBSERVATION, "performer": [{"reference": "Practitioner/d"}]}
    assert errors(far, made, doctor) == set()


def test_a_reference_is_followed_to_what_is_at_hand() -> None:
    adult = profile("adult", "Patient", {"id": "Patient.birthDate", "min": 1})
    made = profile(
        "p", "Observation",
        {"id": "Observation.subject", "type": [{"code": "Reference", "targetProfile": [canonical("adult")]}]},
    )  # fmt: skip
    inner = {"resourceType": "Patient", "id": "p", "birthDate": "1980"}
    good = {**OBSERVATION, "contained": [inner], "subject": {"reference": "#p"}}
    assert errors(good, made, adult) == set()
    bad = {**good, "contained": [{"resourceType": "Patient", "id": "p"}]}
    assert ("reference-profile", "Observation.subject") in errors(bad, made, adult)
    assert ("reference-target", "Observation.subject") in errors(
        {**OBSERVATION, "subject": {"reference": "Group/1"}}, made, adult
    )


def test_re_slicing() -> None:
    made = sliced()
    made["differential"]["element"] += [
        {
            "id": "Patient.identifier:pid/clinic",
            "path": "Patient.identifier",
            "sliceName": "pid/clinic",
            "min": 1,
        },
        {"id": "Patient.identifier:pid/clinic.value", "path": "Patient.identifier.value", "fixedString": "7"},
    ]
    first = next(e for e in made["differential"]["element"] if e["id"] == "Patient.identifier:pid")
    first["slicing"] = {"discriminator": [{"type": "value", "path": "value"}], "rules": "open"}
    rows = made["differential"]["element"]
    place = rows.index(next(e for e in rows if e["id"] == "Patient.identifier:kvnr"))
    rows[place:place] = [rows.pop(-2), rows.pop(-1)]
    assert errors(patient(PID), made) == set()
    assert ("slice-min", "Patient") in errors(patient({**PID, "value": "8"}), made)


EXTENSION = profile(
    "town", "Extension",
    {"id": "Extension.url", "fixedUri": canonical("town")},
    {"id": "Extension.value[x]", "min": 1, "type": [{"code": "string"}]},
    context=[{"type": "element", "expression": "Patient"}],
)  # fmt: skip
COMPLEX = profile(
    "flat", "Extension",
    {"id": "Extension.extension:floor", "min": 1, "max": "1"},
    {"id": "Extension.extension:floor.url", "fixedUri": "floor"},
    {"id": "Extension.extension:floor.value[x]", "min": 1, "type": [{"code": "integer"}]},
    {"id": "Extension.url", "fixedUri": canonical("flat")},
    {"id": "Extension.value[x]", "max": "0"},
    context=[{"type": "element", "expression": "Element"}],
)  # fmt: skip


def extended(*extensions: dict[str, Any]) -> dict[str, Any]:
    return {**PATIENT, "extension": list(extensions)}


def floor(value: Any = 3, url: str = "floor") -> dict[str, Any]:
    key = "valueInteger" if isinstance(value, int) else "valueString"
    return {"url": canonical("flat"), "extension": [{"url": url, key: value}]}


def test_extensions_by_their_own_definitions() -> None:
    validator = validator_with(EXTENSION, COMPLEX)
    good = extended({"url": canonical("town"), "valueString": "Leipzig"}, floor())
    assert said(validator.validate(good), "error") == set()
    wrong_type = said(validator.validate(extended({"url": canonical("town"), "valueCode": "L"})))
    assert ("choice-type", "Patient.extension[0].value.ofType(code)") in wrong_type
    elsewhere = changed(PATIENT, "name.0.extension", [{"url": canonical("town"), "valueString": "L"}])
    assert ("extension-context", "Patient.name[0].extension[0]") in said(validator.validate(elsewhere))
    assert ("slice-min", "Patient.extension[0]") in said(validator.validate(extended(floor(url="room"))))
    assert ("extension-part-unknown", "Patient.extension[0].extension[0]") in said(
        validator.validate(extended(floor(url="room")))
    )
    assert ("choice-type", "Patient.extension[0].extension[0].value.ofType(string)") in said(
        validator.validate(extended(floor("three")))
    )


def test_a_profile_wants_an_extension() -> None:
    made = profile(
        "p", "Patient",
        {"id": "Patient.extension:town", "min": 1, "max": "1",
         "type": [{"code": "Extension", "profile": [canonical("town")]}]},
    )  # fmt: skip
    assert ("slice-min", "Patient") in errors(PATIENT, made, EXTENSION)
    assert errors(extended({"url": canonical("town"), "valueString": "L"}), made, EXTENSION) == set()


def test_the_profile_of_a_data_type() -> None:
    kvnr = profile(
        "kvnr", "Identifier", {"id": "Identifier.value", "min": 1}, {"id": "Identifier.system", "min": 1}
    )
    made = profile(
        "p",
        "Patient",
        {"id": "Patient.identifier", "type": [{"code": "Identifier", "profile": [canonical("kvnr")]}]},
    )
    assert errors(patient(KVNR), made, kvnr) == set()
    assert errors(patient({"value": "1"}), made, kvnr) == {("cardinality-min", "Patient.identifier[0]")}


def test_one_of_several_profiles_of_a_data_type() -> None:
    a = profile("a", "Identifier", {"id": "Identifier.value", "min": 1})
    b = profile("b", "Identifier", {"id": "Identifier.period", "min": 1})
    made = profile(
        "p", "Patient",
        {"id": "Patient.identifier", "type": [{"code": "Identifier", "profile": [canonical("a"), canonical("b")]}]},
    )  # fmt: skip
    assert errors(patient({"period": {"start": "2024"}}), made, a, b) == set()
    assert errors(patient({"use": "usual"}), made, a, b) == {("profile-none", "Patient.identifier[0]")}


def test_the_type_of_a_resource_inside_another() -> None:
    made = profile(
        "p", "Bundle",
        {"id": "Bundle.entry.resource", "type": [{"code": "Patient"}, {"code": "Group"}]},
    )  # fmt: skip
    url = "https://example.org/fhir/Observation/o1"
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": url, "resource": OBSERVATION}],
    }
    assert errors(bundle, made) == {("choice-type", "Bundle.entry[0].resource")}
    bundle["entry"] = [{"fullUrl": "https://example.org/fhir/Patient/p1", "resource": PATIENT}]
    assert errors(bundle, made) == set()


def test_a_claimed_profile_counts_and_each_finding_names_it() -> None:
    made = profile("p", "Patient", {"id": "Patient.birthDate", "min": 1})
    claiming = {**changed(PATIENT, "birthDate", ...), "meta": {"profile": [canonical("p")]}}
    (finding,) = validator_with(made).validate(claiming)
    assert (finding.rule, finding.profile) == ("cardinality-min", canonical("p"))
    assert finding.facts["element"] == "birthDate"


def test_a_new_generation_compiles_anew() -> None:
    class Growing:
        """Definitions that change."""

        generation = 1
        inner: Any = None

        def find(self, *a: Any) -> Any:
            return self.inner.find(*a)

        def structure(self, *a: Any) -> Any:
            return self.inner.structure(*a)

        def all(self, *a: Any) -> Any:
            return self.inner.all(*a)

    from mihub.core.fhir.definitions.core import core_definitions
    from mihub.core.fhir.definitions.memory import MemoryDefinitions
    from mihub.site.validate import validator as module

    definitions = Growing()
    definitions.inner = core_definitions()
    validator = module.ProfileValidator(definitions, best_practice=False)
    assert ("profile-unknown", "Patient") in said(validator.validate(PATIENT, [canonical("p")]))
    made = profile("p", "Patient", {"id": "Patient.deceased[x]", "min": 1})
    definitions.inner = MemoryDefinitions([made], core_definitions())
    definitions.generation = 2
    import time

    time.sleep(0.005)
    assert ("cardinality-min", "Patient") in said(validator.validate(PATIENT, [canonical("p")]))
