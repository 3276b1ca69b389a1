"""The terminology operations of a site over HTTP, as a client asks them."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from mihub.apps.conformance import terminology as suite
from mihub.apps.conformance.tx_template import Template
from mihub.core.policy.actor import Purpose, Role
from tests.store_record import Client, access, client, postgres, site  # noqa: F401  # fixtures

Json = dict[str, Any]
GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"

STAGES: Json = {
    "resourceType": "CodeSystem",
    "id": "stages",
    "url": "https://example.org/CodeSystem/stages",
    "version": "1.0.0",
    "name": "Stages",
    "status": "active",
    "content": "complete",
    "caseSensitive": True,
    "hierarchyMeaning": "is-a",
    "concept": [
        {
            "code": "I",
            "display": "Stage I",
            "designation": [{"language": "de", "value": "Stadium I"}],
            "concept": [{"code": "IA", "display": "Stage IA"}, {"code": "IB", "display": "Stage IB"}],
        },
        {"code": "II", "display": "Stage II"},
    ],
}
EARLY: Json = {
    "resourceType": "ValueSet",
    "id": "early",
    "url": "https://example.org/ValueSet/early",
    "version": "1.0.0",
    "status": "active",
    "compose": {
        "include": [
            {
                "system": "https://example.org/CodeSystem/stages",
                "filter": [{"property": "concept", "op": "is-a", "value": "I"}],
            }
        ]
    },
}


def values(answer: Any) -> dict[str, Any]:
    """name -> value of a Parameters resource; of a name that repeats the last."""
    body = answer.json()
    assert body["resourceType"] == "Parameters", body
    found = {}
    for one in body["parameter"]:
        found[one["name"]] = next((value for name, value in one.items() if name != "name"), None)
    return found


def parameters(**named: Any) -> Json:
    entries = []
    for name, value in named.items():
        kind = (
            "valueBoolean"
            if isinstance(value, bool)
            else "valueCoding"
            if isinstance(value, dict)
            else "valueString"
        )
        entries.append({"name": name.replace("_", "-"), kind: value})
    return {"resourceType": "Parameters", "parameter": entries}


def codes(answer: Any) -> list[str]:
    found: list[str] = []
    stack = list(reversed(answer.json()["expansion"].get("contains", [])))
    while stack:
        one = stack.pop()
        found.append(one["code"])
        stack.extend(reversed(one.get("contains", [])))
    return found


def store(client: Client) -> None:
    for resource in (STAGES, EARLY):
        assert client.put(resource).status_code in (200, 201)


def test_a_value_set_of_r4_is_expanded_and_paged(client: Client) -> None:
    whole = client.send("GET", f"ValueSet/$expand?url={GENDER}")
    assert (whole.status_code, codes(whole)) == (200, ["male", "female", "other", "unknown"])
    assert whole.json()["expansion"]["total"] == 4
    page = client.send("GET", f"ValueSet/$expand?url={GENDER}&offset=1&count=2")
    assert codes(page) == ["female", "other"]
    assert page.json()["expansion"]["offset"] == 1
    found = client.send("GET", f"ValueSet/$expand?url={GENDER}&filter=fem")
    assert codes(found) == ["female"]


def test_a_code_is_validated_by_address_and_by_body(client: Client) -> None:
    query = f"url={GENDER}&system=http://hl7.org/fhir/administrative-gender&code=male"
    good = values(client.send("GET", f"ValueSet/$validate-code?{query}"))
    assert (good["result"], good["display"]) == (True, "Male")
    coding = {"system": "http://hl7.org/fhir/administrative-gender", "code": "man"}
    bad = values(client.send("POST", "ValueSet/$validate-code", json=parameters(url=GENDER, coding=coding)))
    assert bad["result"] is False
    assert (
        "Unknown code 'man' in the CodeSystem 'http://hl7.org/fhir/administrative-gender'" in bad["message"]
    )
    kinds = [one["details"]["coding"][0]["code"] for one in bad["issues"]["issue"]]
    assert sorted(kinds) == ["invalid-code", "not-in-vs"]
    in_system = client.send(
        "GET", "CodeSystem/$validate-code?url=http://hl7.org/fhir/administrative-gender&code=other"
    )
    assert values(in_system)["result"] is True


def test_resources_of_the_record_are_known(client: Client) -> None:
    store(client)
    answer = client.send("GET", "ValueSet/$expand?url=https://example.org/ValueSet/early")
    assert codes(answer) == ["I", "IA", "IB"]
    shown = answer.json()["expansion"]["contains"][0]
    assert shown["display"] == "Stadium I", "a German designation is shown where nobody asks for a language"
    english = client.send("GET", "ValueSet/$expand?url=https://example.org/ValueSet/early&displayLanguage=en")
    assert english.json()["expansion"]["contains"][0]["display"] == "Stage I"
    assert codes(client.send("GET", "ValueSet/early/$expand")) == ["I", "IA", "IB"]
    changed = EARLY | {"compose": {"include": [{"system": STAGES["url"], "concept": [{"code": "II"}]}]}}
    client.put(changed)
    assert codes(client.send("GET", "ValueSet/$expand?url=https://example.org/ValueSet/early")) == ["II"]


def test_a_code_is_looked_up_with_what_is_around_it(client: Client) -> None:
    store(client)
    answer = client.send("GET", f"CodeSystem/$lookup?system={STAGES['url']}&code=IA&property=parent")
    found = values(answer)
    assert (found["name"], found["display"], found["version"]) == ("Stages", "Stage IA", "1.0.0")
    assert {"name": "value", "valueCode": "I"} in found["property"]
    unknown = client.send("GET", f"CodeSystem/$lookup?system={STAGES['url']}&code=XX")
    assert unknown.status_code == 404
    assert unknown.json()["issue"][0]["details"]["text"].startswith("Unknown code 'XX' in the CodeSystem")


def test_subsumption_is_told_both_ways(client: Client) -> None:
    store(client)

    def outcome(a: str, b: str) -> str:
        query = f"system={STAGES['url']}&codeA={a}&codeB={b}"
        return str(values(client.send("GET", f"CodeSystem/$subsumes?{query}"))["outcome"])

    assert [outcome("I", "IA"), outcome("IA", "I"), outcome("IA", "IA"), outcome("IA", "II")] == [
        "subsumes",
        "subsumed-by",
        "equivalent",
        "not-subsumed",
    ]


def test_codes_are_translated_by_a_map_that_comes_along(client: Client) -> None:
    concept_map = {
        "resourceType": "ConceptMap",
        "url": "https://example.org/ConceptMap/sex",
        "status": "active",
        "group": [
            {
                "source": "https://example.org/a",
                "target": "http://hl7.org/fhir/administrative-gender",
                "element": [{"code": "w", "target": [{"code": "female", "equivalence": "equal"}]}],
            }
        ],
    }
    request = parameters(system="https://example.org/a", code="w")
    request["parameter"].append({"name": "conceptMap", "resource": concept_map})
    answer = client.send("POST", "ConceptMap/$translate", json=request).json()
    match = next(one for one in answer["parameter"] if one["name"] == "match")
    assert {"name": "equivalence", "valueCode": "equal"} in match["part"]
    assert {"name": "source", "valueUri": "https://example.org/ConceptMap/sex"} in match["part"]
    other = parameters(system="https://example.org/a", code="m")
    other["parameter"].append({"name": "conceptMap", "resource": concept_map})
    assert values(client.send("POST", "ConceptMap/$translate", json=other))["result"] is False


def test_a_closure_table_grows_and_is_asked_from_a_version_on(client: Client) -> None:
    store(client)
    coding = {"system": STAGES["url"], "code": "IA"}
    unknown = client.send("POST", "$closure", json=parameters(name="ward", concept=coding))
    assert unknown.status_code == 404
    started = client.send("POST", "$closure", json=parameters(name="ward")).json()
    assert (started["resourceType"], started["version"], "group" in started) == ("ConceptMap", "0", False)
    client.send("POST", "$closure", json=parameters(name="ward", concept=coding))
    grown = client.send(
        "POST", "ConceptMap/$closure", json=parameters(name="ward", concept=coding | {"code": "I"})
    ).json()
    assert grown["group"][0]["element"] == [
        {"code": "IA", "target": [{"code": "I", "equivalence": "subsumes"}]}
    ]
    again = client.send("POST", "$closure", json=parameters(name="ward", version="1")).json()
    assert (again["version"], again["group"]) == (grown["version"], grown["group"])


def test_what_can_not_be_answered_says_why(client: Client) -> None:
    unknown = client.send("GET", "ValueSet/$expand?url=https://example.org/ValueSet/none")
    assert unknown.status_code == 422
    text = unknown.json()["issue"][0]["details"]["text"]
    assert text == "A definition for the value Set 'https://example.org/ValueSet/none' could not be found"
    assert client.send("GET", f"ValueSet/$expand?url={GENDER}&count=many").status_code == 400
    wrong = client.send("POST", "ValueSet/$expand", json={"resourceType": "Patient"})
    assert "takes Parameters" in wrong.json()["issue"][0]["details"]["text"]
    endless = client.send("GET", "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/mimetypes")
    assert (endless.status_code, endless.json()["issue"][0]["code"]) == (422, "too-costly")


def test_any_role_may_ask_but_nobody_unknown(client: Client) -> None:
    path = f"ValueSet/$expand?url={GENDER}"
    for role in (Role.PATIENT, Role.NURSE, Role.RESEARCHER):
        who = access(role, Purpose.OPERATIONS)
        assert client.as_(who).send("GET", path).status_code == 200, role
    assert client.bare("GET", path).status_code == 401


def test_the_site_says_what_it_offers(client: Client) -> None:
    statement = client.send("GET", "metadata").json()
    assert "http://hl7.org/fhir/CapabilityStatement/terminology-server" in statement["instantiates"]
    by_type = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert {"expand", "validate-code"} <= {one["name"] for one in by_type["ValueSet"]["operation"]}
    assert {"lookup", "validate-code", "subsumes"} <= {
        one["name"] for one in by_type["CodeSystem"]["operation"]
    }
    capabilities = client.send("GET", "metadata?mode=terminology").json()
    assert capabilities["resourceType"] == "TerminologyCapabilities"
    systems = {one["uri"] for one in capabilities["codeSystem"]}
    assert {"http://unitsofmeasure.org", "http://hl7.org/fhir/administrative-gender"} <= systems
    assert values(client.send("GET", "$versions"))["default"] == "4.0"


def test_the_ecosystem_s_minimum_is_said(client: Client, shared: Path) -> None:
    files = suite.files(shared / "data" / suite.ARCHIVE)
    for path, name in (("metadata", "capstmt.json"), ("metadata?mode=terminology", "capterms.json")):
        expected = orjson.loads(files[name])
        assert Template(loose=True).difference(expected, client.send("GET", path).json()) == "", name


def test_hostile_bodies_are_refused_in_a_sentence(client: Client) -> None:
    bodies: list[Json] = [
        {"resourceType": "Parameters", "parameter": "x"},
        {"resourceType": "Parameters", "parameter": [{"name": 1}]},
        {"resourceType": "ValueSet", "compose": []},
        {"resourceType": "ValueSet", "compose": {"include": [{"system": {}}]}},
        parameters(url=["a"]),
    ]
    for body in bodies:
        answer = client.send("POST", "ValueSet/$expand", json=body)
        assert 400 <= answer.status_code < 500, body
        assert answer.json()["issue"][0]["details"]["text"]
