"""The catalogue made from published SearchParameters: all of R4, shared rows, packages, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mihub.core.fhir.dates import zone
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.core.fhir.fhirpath import FhirPathError
from mihub.site.search.catalogue import KINDS, Catalogue, catalogue, catalogue_of
from mihub.site.search.extract import indexer
from mihub.site.search.paths import select

ZONE = zone("Europe/Berlin")


def published() -> Iterator[dict[str, Any]]:
    core = core_definitions()
    for known in core.all("SearchParameter"):
        found = core.find(known.url, "SearchParameter")
        assert found is not None
        yield found.resource


def test_every_parameter_of_r4_is_served_by_its_own_expression() -> None:
    count = 0
    for resource in published():
        if (
            resource["type"] not in KINDS
            or "expression" not in resource
            or resource["code"] in ("_id", "_lastUpdated")
        ):
            continue
        for base in resource["base"]:
            of_type = catalogue().of("Patient" if base in ("Resource", "DomainResource") else base)
            parameter = of_type[resource["code"]]
            assert parameter.kind == resource["type"]
            assert parameter.url == resource["url"]
            count += 1
    assert count > 1600


def test_what_r4_has_and_we_do_not_serve_is_named() -> None:
    left_out = {one.url.rpartition("/")[2]: one.reason for one in catalogue().left_out}
    kinds = {
        reason for name, reason in left_out.items() if not name.startswith(("Resource-", "DomainResource-"))
    }
    assert kinds == {"A parameter of type special is not supported."}
    assert left_out["DomainResource-text"] == "It has no code or no expression, so there is nothing to read."


@pytest.mark.parametrize(
    ("expression", "resource_type", "ways", "targets"),
    [
        ("Patient.name.given | Practitioner.name.family", "Patient", ["name.given"], set()),
        ("Observation.subject.where(resolve() is Patient)", "Observation", ["subject"], {"Patient"}),
        ("Patient.telecom.where(system='phone')", "Patient", ["telecom.where(system='phone')"], set()),
        ("(Observation.value as Quantity)", "Observation", ["valueQuantity"], set()),
        ("Condition.onset.as(Age) | Condition.onset.ofType(Range)", "Condition", ["onsetAge", "onsetRange"], set()),
        ("Resource.meta.tag", "Patient", ["meta.tag"], set()),
        ("extension('https://x').value.ofType(Coding)", "Patient", ["extension.where(url='https://x').valueCoding"], set()),
        ("code.coding.code", "Observation", ["code.coding.code"], set()),
        ("DocumentReference.relatesTo.target", "Patient", [], set()),
    ],
)  # fmt: skip
def test_plain_paths_become_ways(
    expression: str, resource_type: str, ways: list[str], targets: set[str]
) -> None:
    found = select(expression, resource_type)
    assert [way.text for way in found.ways] == ways
    assert found.targets == targets
    assert not found.evaluated


@pytest.mark.parametrize(
    "expression",
    ["Patient.deceased.exists() and Patient.deceased != false", "Patient.name.first().given", "Patient.contained.id",
     "Patient.name.where(use = 'official' and given.exists()).given", "Patient.name.where(period.start = '2020').given"],
)  # fmt: skip
def test_what_is_more_than_a_path_is_evaluated(expression: str) -> None:
    found = select(expression, "Patient")
    assert not found.ways
    assert len(found.evaluated) == 1


def test_a_broken_expression_is_told_with_its_place() -> None:
    with pytest.raises(FhirPathError, match="character 14"):
        select("Patient.name.", "Patient")


def test_a_parameter_that_others_tell_has_no_rows_of_its_own() -> None:
    observation = catalogue().of("Observation")
    combo = observation["combo-code"]
    assert set(combo.indexes) == {observation["code"].index, observation["component-code"].index}
    assert observation["patient"].index == observation["subject"].index
    assert observation["patient"].only == {"Patient"}


def rows(known: Catalogue, resource: dict[str, Any]) -> Any:
    return indexer(known, ZONE)({"id": "1", **resource})


def test_choices_of_other_types_make_no_rows() -> None:
    known = catalogue()
    told = rows(
        known, {"resourceType": "Procedure", "performedString": "long ago", "performedAge": {"value": 3}}
    )
    assert not told.dates
    assert rows(known, {"resourceType": "Procedure", "performedDateTime": "2020"}).dates


def test_every_kind_reads_its_types() -> None:
    known = catalogue()
    invoice = {
        "resourceType": "Invoice", "totalGross": {"value": 3.5, "currency": "EUR"}, "date": "2020-01-01", "status": "issued",
        "recipient": {"reference": "Patient/a", "identifier": {"system": "s", "value": "v"}},
    }  # fmt: skip
    found = rows(known, invoice)
    of_type = known.of("Invoice")
    assert (of_type["totalgross"].index, 3.5, "urn:iso:std:iso:4217", "EUR", "EUR") in found.quantities
    assert (of_type["status"].index, "", "issued") in found.tokens
    assert (of_type["recipient"].index, "Patient", "a") in found.links
    assert (of_type["recipient"].identifier_index, "s", "v") in found.tokens
    assert found.patients == ("a",)
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Composition", "id": "c"}}]}
    assert (known.of("Bundle")["composition"].index, "Composition", "c") in rows(known, bundle).links
    for deceased, told in (
        ({}, "false"),
        ({"deceasedBoolean": True}, "true"),
        ({"deceasedDateTime": "2020"}, "true"),
    ):
        patient = rows(known, {"resourceType": "Patient", **deceased})
        assert (known.of("Patient")["deceased"].index, "", told) in patient.tokens


def own(code: str, expression: str, **other: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter", "url": f"https://x/SearchParameter/{code}", "status": "active", "code": code,
        "name": code, "base": ["Patient"], "type": "token", "expression": expression, **other,
    }  # fmt: skip


def test_a_package_adds_its_parameters_and_what_is_wrong_is_named() -> None:
    given = [
        own("citizenship", "Patient.extension('https://x/citizenship').value.ofType(Coding)"),
        own("name", "Patient.name.text"),
        own("broken", "Patient.name."),
        own("unknown", "Patient.name.frobnicate()"),
        own("nowhere", "Patient.name.given", base=["Hospital"]),
        own("gone", "Patient.gender", status="retired"),
        own("pair", "Patient.name", type="composite"),
    ]
    known = catalogue_of(MemoryDefinitions(given, core_definitions()))
    patient = known.of("Patient")
    assert "citizenship" in patient
    assert patient["name"].kind == "string"
    assert not {"broken", "unknown", "nowhere", "gone", "pair"} & set(patient)
    reasons = {
        one.url.rpartition("/")[2]: one.reason for one in known.left_out if one.url.startswith("https://x/")
    }
    assert set(reasons) == {"broken", "unknown", "nowhere", "pair"}
    assert "There is no function frobnicate()" in reasons["unknown"]
    assert reasons["nowhere"] == "Its base is no resource type of R4."
    assert known.version != catalogue().version
    german = {"url": "https://x/citizenship", "valueCoding": {"system": "urn:iso:std:iso:3166", "code": "DE"}}
    told = rows(known, {"resourceType": "Patient", "extension": [german]})
    assert (patient["citizenship"].index, "urn:iso:std:iso:3166", "DE") in told.tokens


def test_an_expression_that_does_not_end_costs_no_import() -> None:
    endless = own("endless", "Patient.name.repeatAll($this).given", type="string")
    known = catalogue_of(MemoryDefinitions([endless], core_definitions()))
    told = rows(known, {"resourceType": "Patient", "gender": "female", "name": [{"family": "A"}]})
    assert (known.of("Patient")["gender"].index, "", "female") in told.tokens
