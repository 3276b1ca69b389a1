"""What R4 means, case by case: a small resource, a small profile where one is needed, and every error there must be.

The expectations were written from the text of the specification (https://hl7.org/fhir/R4), not from what the validator
says. A case names its errors (and the warnings it is about) completely: rule word and FHIRPath place.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.terminology.terminology import Terminology
from mihub.site.validate.validator import ProfileValidator
from tests.validate_samples import CONDITION, ENCOUNTER, OBSERVATION, PATIENT, canonical, changed, profile

Case = Any
EX = "http://example.org/fhir"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
UCUM = "http://unitsofmeasure.org"


def c(
    name: str,
    resource: dict[str, Any],
    *expected: str,
    by: tuple[dict[str, Any], ...] = (),
    claims: str = "p",
) -> Case:
    """One case. `by`: definitions to load; the resource is validated against `claims` of them. Expected: `rule@place`,
    errors as they are, warnings with `?` before."""
    claimed = [canonical(claims)] if any(one.get("url") == canonical(claims) for one in by) else []
    return pytest.param(resource, expected, by, claimed, id=name)


def judge(definitions: Definitions) -> ProfileValidator:
    return ProfileValidator(definitions, Terminology(definitions), best_practice=False)


@cache
def r4_alone() -> ProfileValidator:
    return judge(core_definitions())


def check(
    resource: dict[str, Any], expected: tuple[str, ...], by: tuple[dict[str, Any], ...], claimed: list[str]
) -> None:
    found = (judge(MemoryDefinitions(by, core_definitions())) if by else r4_alone()).validate(
        resource, claimed
    )
    said = {f"{f.rule}@{f.location}" for f in found if f.severity in ("error", "fatal")}
    warned = {f"?{f.rule}@{f.location}" for f in found if f.severity == "warning"}
    wanted = {one for one in expected if one[0] == "?"}
    assert said == set(expected) - wanted, sorted(warned)
    assert wanted <= warned


def obs(**more: Any) -> dict[str, Any]:
    """A right Observation with some elements replaced."""
    base = {
        k: v
        for k, v in OBSERVATION.items()
        if not (k.startswith("value") and any(m.startswith("value") for m in more))
    }
    return {k: v for k, v in {**base, **more}.items() if v is not None}


def pat(**more: Any) -> dict[str, Any]:
    return {k: v for k, v in {**PATIENT, **more}.items() if v is not None}


def ext(name: str, type_name: str = "string", **more: Any) -> dict[str, Any]:
    """An extension definition with one value type."""
    return {
        **profile(
            name,
            "Extension",
            {"id": "Extension.url", "fixedUri": canonical(name)},
            {"id": "Extension.value[x]", "min": 1, "type": [{"code": type_name}]},
        ),
        "context": [{"type": "element", "expression": "Patient"}],
        **more,
    }


BASE = [
    c("nothing wrong with a patient", PATIENT),
    c("nothing wrong with an observation", OBSERVATION),
    c("nothing wrong with a condition", CONDITION),
    c("a required element is missing", obs(status=None), "cardinality-min@Observation"),
    c(
        "a required element is missing inside",
        obs(component=[{"valueString": "x"}]),
        "cardinality-min@Observation.component[0]",
    ),
    c("a code outside of its required value set", pat(gender="m"), "binding-required@Patient.gender"),
    c(
        "two of one choice",
        pat(deceasedBoolean=True, deceasedDateTime="2024-01-01"),
        "choice-multiple@Patient.deceased",
    ),
    c("a type the choice does not have", pat(deceasedString="x"), "choice-type@Patient.deceased"),
    c("an element nobody knows", pat(surname="x"), "unknown-element@Patient.surname"),
    c("a list where one stands", pat(gender=["male"]), "json-single@Patient.gender"),
    c("one where a list stands", pat(name={"family": "x"}), "json-array@Patient.name"),
    c("null", pat(active=None) | {"active": None}, "json-null@Patient.active"),
    c("an empty text", pat(name=[{"family": ""}]), "text-empty@Patient.name[0].family"),
    c("an empty object", pat(maritalStatus={}), "json-empty@Patient.maritalStatus"),
    c("an empty list", pat(telecom=[]), "json-empty@Patient.telecom"),
    c("text where an object belongs", pat(maritalStatus="x"), "json-object@Patient.maritalStatus"),
    c("a number where a text belongs", pat(name=[{"family": 7}]), "type-json@Patient.name[0].family"),
    c("a text where a boolean belongs", pat(active="true"), "type-json@Patient.active"),
    c(
        "a text where a number belongs",
        obs(valueQuantity={"value": "7"}),
        "type-json@Observation.value.ofType(Quantity).value",
    ),
    c(
        "a fraction where an integer belongs",
        obs(valueInteger=1.5),
        "type-json@Observation.value.ofType(integer)",
    ),
    c(
        "an integer beyond 32 bits",
        obs(valueInteger=2147483648),
        "type-range@Observation.value.ofType(integer)",
    ),
    c(
        "zero is no positive integer",
        pat(telecom=[{"system": "phone", "value": "1", "rank": 0}]),
        "type-range@Patient.telecom[0].rank",
    ),
    c("a day that is not on the calendar", pat(birthDate="2023-02-29"), "date-impossible@Patient.birthDate"),
    c("a leap day", pat(birthDate="2024-02-29")),
    c("a date the German way", pat(birthDate="29.02.2024"), "type-format@Patient.birthDate"),
    c("a month of 13", pat(birthDate="2024-13"), "type-format@Patient.birthDate"),
    c(
        "a time without its zone",
        obs(effectiveDateTime="2024-02-29T08:00:00"),
        "date-zone@Observation.effective.ofType(dateTime)",
    ),
    c(
        "a time without seconds",
        obs(effectiveDateTime="2024-02-29T08:00Z"),
        "type-format@Observation.effective.ofType(dateTime)",
    ),
    c("an instant needs all of it", obs(issued="2024-02-29"), "type-format@Observation.issued"),
    c("a time of day has no zone", obs(valueTime="08:00:00Z"), "type-format@Observation.value.ofType(time)"),
    c("a leap second", obs(valueTime="23:59:60")),
    c("an id of 65 characters", pat(id="a" * 65), "type-format@Patient.id"),
    c("an id with an underscore", pat(id="a_b"), "type-format@Patient.id"),
    c(
        "a code with two spaces",
        pat(
            communication=[{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "de"}]}}],
            language="de  DE",
        ),
        "code-whitespace@Patient.language",
        "binding-max@Patient.language",
    ),
    c(
        "a uri with a space",
        pat(implicitRules="http://example.org/a b"),
        "uri-whitespace@Patient.implicitRules",
    ),
    c(
        "an oid without urn:oid:",
        obs(valueString=None, component=None, identifier=[{"system": "urn:oid:1.2.x", "value": "1"}]),
        "oid-invalid@Observation.identifier[0].system",
    ),
    c(
        "base64 that is none",
        pat(photo=[{"contentType": "image/png", "data": "%%%"}]),
        "base64-invalid@Patient.photo[0].data",
    ),
    c(
        "lists of values and of their extensions",
        pat(
            name=[
                {
                    "given": ["A", None],
                    "_given": [
                        None,
                        {
                            "extension": [
                                {
                                    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                                    "valueCode": "masked",
                                }
                            ]
                        },
                    ],
                }
            ]
        ),
    ),
    c(
        "an id alone is no value (ele-1)",
        pat(name=[{"given": ["A", None], "_given": [None, {"id": "b"}]}]),
        "text-empty@Patient.name[0].given[1]",
    ),
    c(
        "lists that do not go together",
        pat(name=[{"given": ["A", "B"], "_given": [{"id": "b"}]}]),
        "json-alignment@Patient.name[0].given",
    ),
    c(
        "nothing in both lists",
        pat(name=[{"given": ["A", None], "_given": [None, None]}]),
        "json-null@Patient.name[0].given[1]",
    ),
    c(
        "a value that is only an extension",
        pat(
            birthDate=None,
            _birthDate={
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                        "valueCode": "unknown",
                    }
                ]
            },
        ),
    ),
    c("an unknown type", {"resourceType": "Patent"}, "resource-unknown@Patent"),
    c("no type", {"id": "x"}, "resource-type@Resource"),
    c("an abstract type", {"resourceType": "DomainResource"}, "resource-unknown@DomainResource"),
    c(
        "an element whose name begins like a choice",
        {
            "resourceType": "ResearchElementDefinition",
            "status": "draft",
            "type": "population",
            "characteristic": [
                {
                    "definitionCodeableConcept": {"text": "x"},
                    "studyEffectiveTimeFromStart": {"value": 1},
                    "studyEffectiveGroupMeasure": "mean-of-median",
                }
            ],
        },
    ),
]

SYSTEM = {"resourceType": "CodeSystem", "url": f"{EX}/cs", "status": "active", "content": "complete"}
BROKEN_QUESTIONNAIRE = {
    "resourceType": "Questionnaire",
    "status": "active",
    "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "1", "type": "string"}]}],
}
CONDITIONS = [
    c(
        "a value and a reason for none (obs-6)",
        obs(dataAbsentReason={"text": "x"}),
        "invariant:obs-6@Observation",
    ),
    c(
        "a component with the observation's own code (obs-7)",
        obs(component=[{"code": OBSERVATION["code"], "valueString": "x"}]),
        "invariant:obs-7@Observation",
    ),
    c(
        "a contact without details (pat-1)",
        pat(contact=[{"gender": "male"}]),
        "invariant:pat-1@Patient.contact[0]",
    ),
    c(
        "a period that ends before it starts (per-1)",
        changed(ENCOUNTER, "period.end", "2023-12-31"),
        "invariant:per-1@Encounter.period",
    ),
    c(
        "a quantity with a code and no system (qty-3)",
        obs(valueQuantity={"value": 1, "code": "kg"}),
        "invariant:qty-3@Observation.value.ofType(Quantity)",
    ),
    c(
        "low above high (rng-2)",
        obs(valueRange={"low": {"value": 3}, "high": {"value": 2}}),
        "invariant:rng-2@Observation.value.ofType(Range)",
    ),
    c(
        "half a ratio (rat-1)",
        obs(valueRatio={"numerator": {"value": 1}}),
        "invariant:rat-1@Observation.value.ofType(Ratio)",
    ),
    c(
        "a contact point without its system (cpt-2)",
        pat(telecom=[{"value": "1"}]),
        "invariant:cpt-2@Patient.telecom[0]",
    ),
    c(
        "an extension with value and extensions (ext-1)",
        pat(
            extension=[
                {"url": f"{EX}/x", "valueString": "x", "extension": [{"url": "y", "valueString": "y"}]}
            ]
        ),
        "invariant:ext-1@Patient.extension[0]",
    ),
    c(
        "an extension with nothing (ext-1)",
        pat(extension=[{"url": f"{EX}/x"}]),
        "invariant:ext-1@Patient.extension[0]",
    ),
    c(
        "data without a content type (att-1)",
        pat(photo=[{"data": "aGFsbG8="}]),
        "invariant:att-1@Patient.photo[0]",
    ),
    c(
        "a reference range with nothing (obs-3)",
        obs(referenceRange=[{"type": {"text": "x"}}]),
        "invariant:obs-3@Observation.referenceRange[0]",
    ),
    c(
        "a duration without its unit (tim-1)",
        obs(effectiveDateTime=None, effectiveTiming={"repeat": {"duration": 1}}),
        "invariant:tim-1@Observation.effective.ofType(Timing).repeat",
    ),
    c(
        "an abated condition that is active (con-4)",
        {**CONDITION, "abatementDateTime": "2024-01-01"},
        "invariant:con-4@Condition",
    ),
    c(
        "entered in error and yet a clinical status (con-5)",
        {
            **CONDITION,
            "verificationStatus": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
                        "code": "entered-in-error",
                    }
                ]
            },
        },
        "invariant:con-5@Condition",
    ),
    c("link ids twice (que-2)", BROKEN_QUESTIONNAIRE, "invariant:que-2@Questionnaire"),
    c(
        "codes twice in a code system (csd-1)",
        {**SYSTEM, "concept": [{"code": "a"}, {"code": "b", "concept": [{"code": "a"}]}]},
        "invariant:csd-1@CodeSystem",
    ),
    c(
        "a value set with neither system nor set (vsd-1)",
        {"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"version": "1"}]}},
        "invariant:vsd-1@ValueSet.compose.include[0]",
    ),
    c(
        "an organization with neither name nor number (org-1)",
        {"resourceType": "Organization", "active": True},
        "invariant:org-1@Organization",
    ),
    c(
        "a choice in a display item (que-3)",
        {
            "resourceType": "Questionnaire",
            "status": "active",
            "item": [{"linkId": "1", "type": "display", "code": [{"display": "x"}]}],
        },
        "invariant:que-3@Questionnaire.item[0]",
    ),
]


def inner(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "in", **more}


CONTAINED = [
    c("a contained resource that is referred to", obs(contained=[inner()], subject={"reference": "#in"})),
    c(
        "a reference to nothing contained (ref-1)",
        obs(subject={"reference": "#in"}),
        "invariant:ref-1@Observation.subject",
    ),
    c(
        "a contained resource nobody refers to (dom-3)",
        obs(contained=[inner()]),
        "invariant:dom-3@Observation",
    ),
    c(
        "contained in contained (dom-2)",
        obs(
            contained=[
                inner(
                    contained=[{"resourceType": "Patient", "id": "i2"}],
                    link=[{"other": {"reference": "#i2"}, "type": "seealso"}],
                )
            ],
            subject={"reference": "#in"},
        ),
        "invariant:dom-2@Observation",
        "invariant:ref-1@Observation.contained[0].link[0].other",
    ),
    c(
        "a contained version (dom-4)",
        obs(contained=[inner(meta={"versionId": "1"})], subject={"reference": "#in"}),
        "invariant:dom-4@Observation",
    ),
    c(
        "a contained security label (dom-5)",
        obs(
            contained=[
                inner(
                    meta={
                        "security": [
                            {
                                "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
                                "code": "N",
                            }
                        ]
                    }
                )
            ],
            subject={"reference": "#in"},
        ),
        "invariant:dom-5@Observation",
    ),
    c(
        "a contained resource has an id",
        obs(contained=[{"resourceType": "Patient"}], note=[{"text": "x"}]),
        "contained-id@Observation.contained[0]",
        "invariant:dom-3@Observation",
    ),
    c(
        "what is contained is looked at",
        obs(contained=[inner(gender="x")], subject={"reference": "#in"}),
        "binding-required@Observation.contained[0].gender",
    ),
    c(
        "a contained resource of the wrong type",
        obs(contained=[{"resourceType": "Medication", "id": "m"}], subject={"reference": "#m"}),
        "reference-target@Observation.subject",
    ),
]

REFERENCES = [
    c(
        "a type that may not stand there",
        obs(subject={"reference": "Medication/1"}),
        "reference-target@Observation.subject",
    ),
    c(
        "the same at an absolute address",
        obs(subject={"reference": "https://x.example/fhir/Medication/1"}),
        "reference-target@Observation.subject",
    ),
    c("one that may", obs(subject={"reference": "https://x.example/fhir/Group/1/_history/2"})),
    c(
        "a logical reference",
        obs(subject={"identifier": {"system": "http://example.org/mrn", "value": "1"}, "type": "Patient"}),
    ),
    c(
        "Reference.type that may not stand there",
        obs(subject={"display": "x", "type": "Medication"}),
        "reference-target@Observation.subject",
    ),
    c(
        "Reference.type against the reference",
        obs(subject={"reference": "Patient/1", "type": "Group"}),
        "reference-type@Observation.subject",
    ),
    c("any type where R4 allows any", {**obs(), "focus": [{"reference": "Medication/1"}]}),
]


def bundle(kind: str, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


def entry(resource: dict[str, Any] | None = None, number: int = 1, **more: Any) -> dict[str, Any]:
    url = f"urn:uuid:00000000-0000-4000-8000-00000000000{number}"
    return {"fullUrl": url, **({"resource": resource} if resource else {}), **more}


COMPOSITION = {
    "resourceType": "Composition",
    "status": "final",
    "type": {"text": "x"},
    "date": "2024-01-01",
    "title": "x",
    "author": [{"reference": "urn:uuid:00000000-0000-4000-8000-000000000002"}],
}
DOC = {
    "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:00000000-0000-4000-8000-000000000009"},
    "timestamp": "2024-01-01T00:00:00Z",
}
DOCTOR = {"resourceType": "Practitioner", "name": [{"family": "x"}]}
PUT = {"method": "PUT", "url": "Patient/p1"}
BUNDLES = [
    c("a collection", bundle("collection", entry(PATIENT))),
    c("a document", bundle("document", entry(COMPOSITION), entry(DOCTOR, 2), **DOC)),
    c(
        "a document without a Composition first (bdl-11)",
        bundle("document", entry(DOCTOR), **DOC),
        "invariant:bdl-11@Bundle",
    ),
    c(
        "a document without its number (bdl-9)",
        bundle("document", entry(COMPOSITION), entry(DOCTOR, 2), timestamp=DOC["timestamp"]),
        "invariant:bdl-9@Bundle",
    ),
    c(
        "a document without its date (bdl-10)",
        bundle("document", entry(COMPOSITION), entry(DOCTOR, 2), identifier=DOC["identifier"]),
        "invariant:bdl-10@Bundle",
    ),
    c(
        "a message without a MessageHeader first (bdl-12)",
        bundle("message", entry(DOCTOR)),
        "invariant:bdl-12@Bundle",
    ),
    c(
        "a total outside of searches (bdl-1)",
        bundle("collection", entry(PATIENT), total=1),
        "invariant:bdl-1@Bundle",
    ),
    c(
        "a search part outside of searches (bdl-2)",
        bundle("collection", entry(PATIENT, search={"mode": "match"})),
        "invariant:bdl-2@Bundle",
    ),
    c(
        "a transaction without a request (bdl-3)",
        bundle("transaction", entry(PATIENT)),
        "invariant:bdl-3@Bundle",
    ),
    c(
        "a request in a collection (bdl-3)",
        bundle("collection", entry(PATIENT, request=PUT)),
        "invariant:bdl-3@Bundle",
    ),
    c("a transaction", bundle("transaction", entry(PATIENT, request=PUT))),
    c(
        "a transaction answered without answers (bdl-4)",
        bundle("transaction-response", entry(PATIENT)),
        "invariant:bdl-4@Bundle",
    ),
    c(
        "an entry with nothing (bdl-5)",
        bundle("collection", {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001"}),
        "invariant:bdl-5@Bundle.entry[0]",
    ),
    c(
        "the same full address twice (bdl-7)",
        bundle("collection", entry(PATIENT), entry(DOCTOR)),
        "invariant:bdl-7@Bundle",
        "bundle-full-url-duplicate@Bundle.entry[1]",
    ),
    c(
        "a version in a full address (bdl-8)",
        bundle("collection", {"fullUrl": "http://x.example/fhir/Patient/p1/_history/1", "resource": PATIENT}),
        "invariant:bdl-8@Bundle.entry[0]",
    ),
    c(
        "an id that is not the full address's",
        bundle("collection", {"fullUrl": "http://x.example/fhir/Patient/p2", "resource": PATIENT}),
        "bundle-full-url-id@Bundle.entry[0]",
    ),
    c(
        "entries are looked at",
        bundle("collection", entry(pat(gender="x"))),
        "binding-required@Bundle.entry[0].resource.gender",
    ),
    c(
        "a urn reference into nothing",
        bundle(
            "collection", entry(obs(subject={"reference": "urn:uuid:00000000-0000-4000-8000-000000000007"}))
        ),
        "reference-unresolved@Bundle.entry[0].resource.subject",
    ),
    c(
        "a urn reference to the wrong type",
        bundle(
            "collection",
            entry(obs(subject={"reference": "urn:uuid:00000000-0000-4000-8000-000000000002"})),
            entry({"resourceType": "Medication", "code": {"text": "x"}}, 2),
        ),
        "reference-target@Bundle.entry[0].resource.subject",
    ),
]


def told(div: str, status: str | None = "generated") -> dict[str, Any]:
    return pat(text={k: v for k, v in {"status": status, "div": div}.items() if v is not None})


NARRATIVE = [
    c("a narrative", told(DIV.format("<p>x</p>"))),
    c("without its namespace", told("<div>x</div>"), "html-div@Patient.text.div"),
    c(
        "not well-formed",
        told('<div xmlns="http://www.w3.org/1999/xhtml"><p>x</div>'),
        "html-syntax@Patient.text.div",
    ),
    c("with a script", told(DIV.format("<script>x</script>")), "html-element@Patient.text.div"),
    c("with an event", told(DIV.format('<p onclick="x">x</p>')), "html-attribute@Patient.text.div"),
    c("with a form", told(DIV.format("<form>x</form>")), "html-element@Patient.text.div"),
    c("with nothing to read", told(DIV.format(" ")), "html-empty@Patient.text.div"),
    c("without a status", told(DIV.format("x"), None), "cardinality-min@Patient.text"),
    c("an entity of HTML", told(DIV.format("a&nbsp;b"))),
]

PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
TWO = profile(
    "two",
    "Extension",
    {
        "id": "Extension.extension",
        "slicing": {"discriminator": [{"type": "value", "path": "url"}], "rules": "closed"},
    },
    {"id": "Extension.extension:a", "min": 1, "max": "1"},
    {"id": "Extension.extension:a.url", "fixedUri": "a"},
    {"id": "Extension.extension:a.value[x]", "type": [{"code": "code"}]},
    {"id": "Extension.url", "fixedUri": canonical("two")},
    {"id": "Extension.value[x]", "max": "0"},
    context=[{"type": "element", "expression": "Patient"}],
)
INSIDE = ext("inside", context=[{"type": "extension", "expression": f"{EX}/outer"}])
MODIFIER = ext("mod")
MODIFIER["differential"]["element"][0] |= {"isModifier": True, "isModifierReason": "x"}


def x(url: str, **value: Any) -> dict[str, Any]:
    return {"url": url, **value}


EXTENSIONS = [
    c("one nobody knows", pat(extension=[x(f"{EX}/nobody", valueString="x")])),
    c(
        "a modifier nobody knows",
        pat(modifierExtension=[x(f"{EX}/nobody", valueString="x")]),
        "extension-modifier-unknown@Patient.modifierExtension[0]",
    ),
    c("a known one", pat(extension=[x(PLACE, valueAddress={"city": "x"})])),
    c(
        "with another type of value",
        pat(extension=[x(PLACE, valueString="x")]),
        "choice-type@Patient.extension[0].value.ofType(string)",
    ),
    c(
        "where it may not stand",
        obs(extension=[x(PLACE, valueAddress={"city": "x"})]),
        "extension-context@Observation.extension[0]",
    ),
    c(
        "with a relative address",
        pat(extension=[x("nobody", valueString="x")]),
        "extension-url@Patient.extension[0]",
    ),
    c("without its address", pat(extension=[{"valueString": "x"}]), "cardinality-min@Patient.extension[0]"),
    c("an own one", pat(extension=[x(canonical("e"), valueString="x")]), by=(ext("e"),)),
    c(
        "one inside another, as its context says",
        pat(extension=[{"url": f"{EX}/outer", "extension": [x(canonical("inside"), valueString="x")]}]),
        by=(INSIDE,),
    ),
    c(
        "the same one outside",
        pat(extension=[x(canonical("inside"), valueString="x")]),
        "extension-context@Patient.extension[0]",
        by=(INSIDE,),
    ),
    c(
        "a modifier among the plain ones",
        pat(extension=[x(canonical("mod"), valueString="x")]),
        "extension-modifier-wanted@Patient.extension[0]",
        by=(MODIFIER,),
    ),
    c(
        "a plain one among the modifiers",
        pat(modifierExtension=[x(canonical("e"), valueString="x")]),
        "extension-modifier-not-allowed@Patient.modifierExtension[0]",
        by=(ext("e"),),
    ),
    c(
        "a complex one",
        pat(extension=[{"url": canonical("two"), "extension": [x("a", valueCode="x")]}]),
        by=(TWO,),
    ),
    c(
        "a complex one without its part",
        pat(extension=[{"url": canonical("two"), "extension": [x("b", valueCode="x")]}]),
        "slice-min@Patient.extension[0]",
        "slice-closed@Patient.extension[0].extension[0]",
        "extension-part-unknown@Patient.extension[0].extension[0]",
        by=(TWO,),
    ),
    c(
        "an extension on a data type, by the type",
        pat(name=[{"family": "x", "extension": [x(canonical("e"), valueString="x")]}]),
        by=(ext("e", context=[{"type": "element", "expression": "HumanName"}]),),
    ),
    c(
        "an extension on an element, by its path",
        pat(name=[{"family": "x", "_family": {"extension": [x(canonical("e"), valueString="x")]}}]),
        by=(ext("e", context=[{"type": "element", "expression": "Patient.name.family"}]),),
    ),
    c(
        "and not on another",
        pat(name=[{"_given": [{"extension": [x(canonical("e"), valueString="x")]}]}]),
        "extension-context@Patient.name[0].given[0].extension[0]",
        by=(ext("e", context=[{"type": "element", "expression": "Patient.name.family"}]),),
    ),
]


def patient(*rows: dict[str, Any], **more: Any) -> tuple[dict[str, Any], ...]:
    return (profile("p", "Patient", *rows, **more),)


def observation(*rows: dict[str, Any], **more: Any) -> tuple[dict[str, Any], ...]:
    return (profile("p", "Observation", *rows, **more),)


LOINC = "http://loinc.org"
CODE = {"coding": [{"system": LOINC, "code": "1-1"}]}
VALUES = [
    c(
        "an element that must be there",
        PATIENT,
        "cardinality-min@Patient",
        by=patient({"id": "Patient.maritalStatus", "min": 1}),
    ),
    c(
        "an element that must not be there",
        PATIENT,
        "cardinality-max@Patient",
        by=patient({"id": "Patient.birthDate", "max": "0"}),
    ),
    c(
        "fewer than R4 allows",
        pat(name=[{"family": "a"}, {"family": "b"}]),
        "cardinality-max@Patient",
        by=patient({"id": "Patient.name", "max": "1"}),
    ),
    c("more than R4 asks", PATIENT, "cardinality-min@Patient", by=patient({"id": "Patient.name", "min": 2})),
    c(
        "inside what is there",
        PATIENT,
        "cardinality-min@Patient.contact[0]",
        by=patient({"id": "Patient.contact.telecom", "min": 1}),
    ),
    c("inside what is not there", pat(contact=None), by=patient({"id": "Patient.contact.telecom", "min": 1})),
    c(
        "a fixed code",
        PATIENT,
        "fixed-value@Patient.gender",
        by=patient({"id": "Patient.gender", "fixedCode": "male"}),
    ),
    c(
        "a fixed concept is exactly that",
        obs(code={**CODE, "text": "x"}),
        "fixed-value@Observation.code",
        by=observation({"id": "Observation.code", "fixedCodeableConcept": CODE}),
    ),
    c(
        "a pattern is at least that",
        obs(code={**CODE, "text": "x"}),
        by=observation({"id": "Observation.code", "patternCodeableConcept": CODE}),
    ),
    c(
        "a pattern among others, in any order",
        obs(code={"coding": [{"system": f"{EX}/o", "code": "x"}, CODE["coding"][0]]}),
        by=observation({"id": "Observation.code", "patternCodeableConcept": CODE}),
    ),
    c(
        "not the pattern",
        obs(code={"coding": [{"system": LOINC, "code": "2-2"}]}),
        "pattern-value@Observation.code",
        by=observation({"id": "Observation.code", "patternCodeableConcept": CODE}),
    ),
    c(
        "a pattern demands nothing of what is not there",
        obs(category=None),
        by=observation({"id": "Observation.category", "patternCodeableConcept": CODE}),
    ),
    c(
        "maxLength",
        pat(name=[{"family": "Muster-Beispiel"}]),
        "max-length@Patient.name[0].family",
        by=patient({"id": "Patient.name.family", "maxLength": 5}),
    ),
    c(
        "minValue",
        pat(birthDate="1899-12-31"),
        "min-value@Patient.birthDate",
        by=patient({"id": "Patient.birthDate", "minValueDate": "1900-01-01"}),
    ),
    c(
        "maxValue",
        obs(valueInteger=11),
        "max-value@Observation.value.ofType(integer)",
        by=observation({"id": "Observation.value[x]", "type": [{"code": "integer"}], "maxValueInteger": 10}),
    ),
    c(
        "maxValue itself is allowed",
        obs(valueInteger=10),
        by=observation({"id": "Observation.value[x]", "type": [{"code": "integer"}], "maxValueInteger": 10}),
    ),
    c(
        "a choice narrowed",
        obs(valueString="x"),
        "choice-type@Observation.value.ofType(string)",
        by=observation({"id": "Observation.value[x]", "type": [{"code": "Quantity"}]}),
    ),
    c(
        "a condition of the profile",
        PATIENT,
        "invariant:p-1@Patient",
        by=patient(
            {
                "id": "Patient",
                "constraint": [
                    {"key": "p-1", "severity": "error", "human": "x", "expression": "gender = 'male'"}
                ],
            }
        ),
    ),
    c(
        "a condition that only warns",
        PATIENT,
        "?invariant:p-1@Patient",
        by=patient(
            {
                "id": "Patient",
                "constraint": [
                    {"key": "p-1", "severity": "warning", "human": "x", "expression": "gender = 'male'"}
                ],
            }
        ),
    ),
    c(
        "a profile of a data type",
        obs(valueQuantity={"value": 1, "unit": "kg"}),
        "cardinality-min@Observation.value.ofType(Quantity)",
        by=(
            *observation(
                {"id": "Observation.value[x]", "type": [{"code": "Quantity", "profile": [canonical("q")]}]}
            ),
            profile("q", "Quantity", {"id": "Quantity.system", "min": 1}),
        ),
    ),
    c(
        "a profile on a profile",
        PATIENT,
        "cardinality-min@Patient",
        "cardinality-max@Patient",
        by=(
            profile("base", "Patient", {"id": "Patient.maritalStatus", "min": 1}),
            profile(
                "p", "Patient", {"id": "Patient.birthDate", "max": "0"}, baseDefinition=canonical("base")
            ),
        ),
    ),
    c("a profile of another type", PATIENT, "profile-type@Patient", by=(profile("p", "Observation"),)),
    c(
        "a profile nobody knows",
        pat(meta={"profile": [f"{EX}/StructureDefinition/nobody"]}),
        "?profile-unknown@Patient.meta.profile[0]",
    ),
    c(
        "an element that refers to another's content",
        {
            "resourceType": "Questionnaire",
            "status": "active",
            "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "nonsense"}]}],
        },
        "binding-required@Questionnaire.item[0].item[0].type",
    ),
]


# Elements that repeat another's content have no type of their own and are held to the profile all the same.
GROUPS = {
    "resourceType": "Questionnaire",
    "status": "active",
    "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "string"}]}],
}
REPEATED = [
    c(
        "what a profile demands inside of repeated content",
        GROUPS,
        "cardinality-min@Questionnaire.item[0].item[0]",
        by=(profile("p", "Questionnaire", {"id": "Questionnaire.item.item.text", "min": 1}),),
    ),
    c(
        "what a profile forbids inside of repeated content",
        GROUPS,
        "cardinality-max@Questionnaire.item[0]",
        by=(profile("p", "Questionnaire", {"id": "Questionnaire.item.item", "max": "0"}),),
    ),
    c(
        "slices of repeated content",
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "a", "part": [{"name": "b", "valueString": "x"}]}],
        },
        "cardinality-min@Parameters.parameter[0].part[0]",
        by=(
            profile(
                "p",
                "Parameters",
                {
                    "id": "Parameters.parameter.part",
                    "slicing": {"discriminator": [{"type": "value", "path": "name"}], "rules": "open"},
                },
                {"id": "Parameters.parameter.part:b"},
                {"id": "Parameters.parameter.part:b.name", "fixedString": "b"},
                {"id": "Parameters.parameter.part:b.resource", "min": 1},
            ),
        ),
    ),
]


def sliced(
    *rows: dict[str, Any],
    path: str = "Patient.identifier",
    rules: str = "open",
    kind: str = "value",
    on: str = "system",
    **more: Any,
) -> Any:
    slicing = {"discriminator": [{"type": kind, "path": on}], "rules": rules, **more}
    return (
        patient({"id": path, "slicing": slicing}, *rows)
        if path.startswith("Patient")
        else observation({"id": path, "slicing": slicing}, *rows)
    )


def one(name: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A slice of identifiers by their system."""
    row = {"id": f"Patient.identifier:{name}", **more}
    return row, {
        "id": f"Patient.identifier:{name}.system",
        "min": 1,
        "fixedUri": f"http://example.org/{name}",
    }


def ids(*names: str) -> dict[str, Any]:
    return pat(identifier=[{"system": f"http://example.org/{name}", "value": "1"} for name in names])


QUANTITY = {"id": "Observation.value[x]:valueQuantity", "type": [{"code": "Quantity"}]}
AB = (*one("a"), *one("b"))
RE = patient(
    {
        "id": "Patient.identifier",
        "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"},
    },
    *one("a", max="2"),
    {
        "id": "Patient.identifier:a",
        "slicing": {"discriminator": [{"type": "value", "path": "use"}], "rules": "open"},
        "max": "2",
    },
    {"id": "Patient.identifier:a/off", "sliceName": "a/off", "min": 1, "max": "1"},
    {"id": "Patient.identifier:a/off.use", "min": 1, "fixedCode": "official"},
)
SLICES = [
    c("a slice that must be there", ids("b"), "slice-min@Patient", by=sliced(*one("a", min=1))),
    c("and is", ids("b", "a"), by=sliced(*one("a", min=1))),
    c("more of it than allowed", ids("a", "a"), "slice-max@Patient", by=sliced(*one("a", max="1"))),
    c("others are free", ids("a", "x"), by=sliced(*one("a", max="1"))),
    c(
        "others are not",
        ids("a", "x"),
        "slice-closed@Patient.identifier[1]",
        by=sliced(*one("a"), rules="closed"),
    ),
    c("others at the end", ids("a", "x"), by=sliced(*one("a"), rules="openAtEnd")),
    c(
        "others before the end",
        ids("x", "a"),
        "slice-open-at-end@Patient.identifier[1]",
        by=sliced(*one("a"), rules="openAtEnd"),
    ),
    c("in order", ids("a", "b"), by=sliced(*AB, ordered=True)),
    c("out of order", ids("b", "a"), "slice-order@Patient.identifier[1]", by=sliced(*AB, ordered=True)),
    c(
        "what a slice demands",
        pat(identifier=[{"system": "http://example.org/a"}]),
        "cardinality-min@Patient.identifier[0]",
        by=sliced(*one("a"), {"id": "Patient.identifier:a.value", "min": 1}),
    ),
    c(
        "and of nobody else",
        pat(identifier=[{"system": "http://example.org/x"}]),
        by=sliced(*one("a"), {"id": "Patient.identifier:a.value", "min": 1}),
    ),
    c(
        "by type: what a slice demands",
        obs(valueQuantity={"unit": "kg"}),
        "cardinality-min@Observation.value.ofType(Quantity)",
        by=sliced(
            QUANTITY,
            {"id": "Observation.value[x]:valueQuantity.value", "min": 1},
            path="Observation.value[x]",
            kind="type",
            on="$this",
        ),
    ),
    c(
        "by type: another type is free",
        obs(valueString="x"),
        by=sliced(
            QUANTITY,
            {"id": "Observation.value[x]:valueQuantity.value", "min": 1},
            path="Observation.value[x]",
            kind="type",
            on="$this",
        ),
    ),
    c(
        "by type: another type is not",
        obs(valueString="x"),
        "slice-closed@Observation.value.ofType(string)",
        by=sliced(QUANTITY, path="Observation.value[x]", kind="type", on="$this", rules="closed"),
    ),
    c(
        "by pattern",
        obs(category=[CODE]),
        "slice-max@Observation",
        by=sliced(
            {"id": "Observation.category:l", "patternCodeableConcept": CODE, "max": "0"},
            path="Observation.category",
            kind="pattern",
            on="$this",
        ),
    ),
    c(
        "by pattern: no match",
        obs(category=[{"text": "x"}]),
        "slice-min@Observation",
        by=sliced(
            {"id": "Observation.category:l", "patternCodeableConcept": CODE, "min": 1},
            path="Observation.category",
            kind="pattern",
            on="$this",
        ),
    ),
    c(
        "by what exists",
        pat(identifier=[{"system": f"{EX}/x", "value": "1", "period": {"start": "2024"}}]),
        "cardinality-min@Patient.identifier[0]",
        by=sliced(
            {"id": "Patient.identifier:past"},
            {"id": "Patient.identifier:past.period", "min": 1},
            {"id": "Patient.identifier:past.assigner", "min": 1},
            {"id": "Patient.identifier:now"},
            {"id": "Patient.identifier:now.period", "max": "0"},
            kind="exists",
            on="period",
        ),
    ),
    c(
        "by the type of what is referred to",
        obs(contained=[{"resourceType": "Device", "id": "d"}], performer=None, focus=[{"reference": "#d"}]),
        "slice-max@Observation",
        by=sliced(
            {
                "id": "Observation.focus:device",
                "max": "0",
                "type": [
                    {"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Device"]}
                ],
            },
            path="Observation.focus",
            kind="type",
            on="resolve()",
        ),
    ),
    c("slices of slices", ids("a"), "slice-min@Patient", by=RE),
    c(
        "slices of slices: there",
        pat(identifier=[{"system": "http://example.org/a", "use": "official", "value": "1"}]),
        by=RE,
    ),
    c(
        "slices of slices: too many",
        pat(
            identifier=[
                {"system": "http://example.org/a", "use": "official", "value": str(i)} for i in range(2)
            ]
        ),
        "slice-max@Patient",
        by=RE,
    ),
    c(
        "an extension as a slice",
        PATIENT,
        "slice-min@Patient",
        by=(
            *patient(
                {
                    "id": "Patient.extension",
                    "slicing": {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"},
                },
                {
                    "id": "Patient.extension:e",
                    "min": 1,
                    "type": [{"code": "Extension", "profile": [canonical("e")]}],
                },
            ),
            ext("e"),
        ),
    ),
    c(
        "by two things at once",
        pat(identifier=[{"system": "http://example.org/a", "use": "usual", "value": "1"}]),
        "slice-min@Patient",
        by=patient(
            {
                "id": "Patient.identifier",
                "slicing": {
                    "discriminator": [{"type": "value", "path": "system"}, {"type": "value", "path": "use"}],
                    "rules": "open",
                },
            },
            *one("a", min=1),
            {"id": "Patient.identifier:a.use", "min": 1, "fixedCode": "official"},
        ),
    ),
    c(
        "nested slices",
        pat(contact=[{"name": {"family": "x"}, "telecom": [{"system": "email", "value": "x"}]}]),
        "slice-min@Patient.contact[0]",
        by=patient(
            {
                "id": "Patient.contact.telecom",
                "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"},
            },
            {"id": "Patient.contact.telecom:phone", "min": 1},
            {"id": "Patient.contact.telecom:phone.system", "min": 1, "fixedCode": "phone"},
        ),
    ),
]

STRICT = profile("strict", "Patient", {"id": "Patient.birthDate", "min": 1})
TO_STRICT = observation(
    {"id": "Observation.subject", "type": [{"code": "Reference", "targetProfile": [canonical("strict")]}]}
)
TARGETS = [
    c(
        "a target at hand keeps the target profile",
        obs(contained=[inner(birthDate="2024")], subject={"reference": "#in"}),
        by=(*TO_STRICT, STRICT),
    ),
    c(
        "a contained target does not",
        obs(contained=[inner()], subject={"reference": "#in"}),
        "reference-profile@Observation.subject",
        by=(*TO_STRICT, STRICT),
    ),
    c(
        "a target in the same Bundle does not",
        bundle(
            "collection",
            entry(
                obs(
                    meta={"profile": [canonical("p")]},
                    subject={"reference": "urn:uuid:00000000-0000-4000-8000-000000000002"},
                )
            ),
            entry(pat(birthDate=None), 2),
        ),
        "reference-profile@Bundle.entry[0].resource.subject",
        by=(*TO_STRICT, STRICT),
        claims="none",
    ),
    c("a target that is elsewhere is not looked at", OBSERVATION, by=(*TO_STRICT, STRICT)),
    c(
        "a narrower target type",
        obs(subject={"reference": "Group/1"}),
        "reference-target@Observation.subject",
        by=(*TO_STRICT, STRICT),
    ),
    c(
        "aggregation: contained only",
        OBSERVATION,
        "reference-aggregation@Observation.subject",
        by=observation(
            {
                "id": "Observation.subject",
                "type": [
                    {
                        "code": "Reference",
                        "aggregation": ["contained"],
                        "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Patient"],
                    }
                ],
            }
        ),
    ),
]

COLOURS = {**SYSTEM, "concept": [{"code": "red", "display": "Red"}, {"code": "blue", "display": "Blue"}]}
RED = {
    "resourceType": "ValueSet",
    "url": f"{EX}/vs",
    "status": "active",
    "compose": {"include": [{"system": f"{EX}/cs", "concept": [{"code": "red"}]}]},
}


def colour(code: str, **more: Any) -> dict[str, Any]:
    return obs(code={"coding": [{"system": f"{EX}/cs", "code": code, **more}]})


def binding(strength: str, **more: Any) -> Any:
    row = {"id": "Observation.code", "binding": {"strength": strength, "valueSet": f"{EX}/vs", **more}}
    return (*observation(row), COLOURS, RED)


LIMIT = [
    {
        "url": "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet",
        "valueCanonical": f"{EX}/vs",
    }
]
CODES = [
    c("in the value set", colour("red"), by=binding("required")),
    c(
        "outside of a required one",
        colour("blue"),
        "binding-required@Observation.code",
        by=binding("required"),
    ),
    c(
        "outside of an extensible one",
        colour("blue"),
        "?binding-extensible@Observation.code",
        by=binding("extensible"),
    ),
    c("outside of a preferred one", colour("blue"), by=binding("preferred")),
    c(
        "outside of the outer limit",
        colour("blue"),
        "binding-max@Observation.code",
        by=binding("preferred", extension=LIMIT),
    ),
    c(
        "only text where a code is required",
        obs(code={"text": "x"}),
        "binding-no-code@Observation.code",
        by=binding("required"),
    ),
    c(
        "only text where a code is extensible",
        obs(code={"text": "x"}),
        "?binding-no-code@Observation.code",
        by=binding("extensible"),
    ),
    c(
        "only text where an outer limit stands beside a preference",
        obs(code={"text": "x"}),
        by=binding("preferred", extension=LIMIT),
    ),
    c(
        "one of several codings is enough",
        obs(code={"coding": [{"system": LOINC, "code": "1-1"}, {"system": f"{EX}/cs", "code": "red"}]}),
        by=binding("required"),
    ),
    c(
        "a code its system does not have",
        colour("green"),
        "code-unknown@Observation.code.coding[0]",
        by=(COLOURS,),
    ),
    c(
        "a display its code does not have",
        colour("red", display="Rot"),
        "?code-display@Observation.code.coding[0]",
        by=(COLOURS,),
    ),
    c("a system nobody has loaded", OBSERVATION, "?code-system-unknown@Observation.code.coding[0]"),
    c(
        "a value set as a system",
        obs(
            code={"coding": [{"system": "http://hl7.org/fhir/ValueSet/observation-status", "code": "final"}]}
        ),
        "code-system-value-set@Observation.code.coding[0]",
    ),
    c(
        "a system that is no address",
        obs(code={"coding": [{"system": "loinc", "code": "1-1"}]}),
        "code-system-relative@Observation.code.coding[0]",
    ),
    c("a unit of UCUM", obs(valueQuantity={"value": 1, "system": UCUM, "code": "mm[Hg]"})),
    c(
        "a unit UCUM does not have",
        obs(valueQuantity={"value": 1, "system": UCUM, "code": "kgg"}),
        "code-unknown@Observation.value.ofType(Quantity)",
    ),
    c(
        "a unit outside of its value set",
        obs(valueQuantity={"value": 1, "system": UCUM, "code": "kg"}),
        "binding-required@Observation.value.ofType(Quantity)",
        by=(
            *observation(
                {
                    "id": "Observation.value[x]",
                    "type": [{"code": "Quantity"}],
                    "binding": {"strength": "required", "valueSet": f"{EX}/units"},
                }
            ),
            {
                "resourceType": "ValueSet",
                "url": f"{EX}/units",
                "status": "active",
                "compose": {"include": [{"system": UCUM, "concept": [{"code": "g"}]}]},
            },
        ),
    ),
    c(
        "a code that only groups others",
        {
            "resourceType": "Questionnaire",
            "status": "active",
            "item": [{"linkId": "1", "text": "x", "type": "question"}],
        },
        "binding-required@Questionnaire.item[0].type",
    ),
    c("the size of the data", pat(photo=[{"contentType": "image/png", "data": "aGFsbG8=", "size": 5}])),
    c(
        "not the size of the data",
        pat(photo=[{"contentType": "image/png", "data": "aGFsbG8=", "size": 9}]),
        "attachment-size@Patient.photo[0]",
    ),
    c("a media type", pat(photo=[{"contentType": "image/png", "url": "http://example.org/x"}])),
    c(
        "a language",
        pat(communication=[{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "de-DE"}]}}]),
    ),
]

CASES = [
    *BASE,
    *CONDITIONS,
    *CONTAINED,
    *REFERENCES,
    *BUNDLES,
    *NARRATIVE,
    *EXTENSIONS,
    *VALUES,
    *REPEATED,
    *SLICES,
    *TARGETS,
    *CODES,
]


@pytest.mark.parametrize(("resource", "expected", "by", "claimed"), CASES)
def test_r4_means(
    resource: dict[str, Any], expected: tuple[str, ...], by: tuple[dict[str, Any], ...], claimed: list[str]
) -> None:
    check(resource, expected, by, claimed)
