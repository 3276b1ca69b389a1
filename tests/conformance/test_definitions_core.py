"""The index in the wheel against HL7's own package hl7.fhir.r4.core 4.0.1, fact by fact."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import orjson
import pytest

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.core import core_definitions
from mihub.site.packages.archive import File, Limits, files

_TOOL = Path(__file__).parents[2] / "tools/build_r4_index.py"
_HL7 = "http://hl7.org/fhir/"
# What differs, and is left: docs/reference/definitions.md.
_DIFFERENT = {
    _HL7 + "StructureDefinition/Appointment",  # app-4: a code that exists
    _HL7 + "StructureDefinition/Bundle",  # bdl-8: entries without fullUrl
    _HL7 + "StructureDefinition/ResearchStudy",  # says false where HL7 says nothing
    "http://terminology.hl7.org/CodeSystem/operation-outcome",  # a broken letter in an Italian designation
    "http://terminology.hl7.org/CodeSystem/v2-0550",  # broken codes such as KIDN with two strange letters behind it
}


def _tool() -> ModuleType:
    found = importlib.util.spec_from_file_location("build_r4_index", _TOOL)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published(shared: Path) -> list[Resource]:
    entries = files(shared / "packages/hl7.fhir.r4.core-4.0.1.tgz", Limits())
    found = [
        orjson.loads(one.body) for one in entries if isinstance(one, File) and one.place.endswith(".json")
    ]
    return [one for one in found if isinstance(one.get("url"), str) and "resourceType" in one]


def test_every_fact_is_hl7s(published: list[Resource]) -> None:
    tool, compared, different = _tool(), 0, set()
    for resource in published:
        found = core_definitions().find(resource["url"], resource["resourceType"])
        if found is not None:
            compared += 1
            if found.resource != tool.facts(resource):
                different.add(resource["url"])
    assert compared == 4472
    assert different == _DIFFERENT


def test_nothing_is_in_the_index_that_is_not_in_r4(published: list[Resource]) -> None:
    urls = {(one["resourceType"], one["url"]) for one in published}
    kinds = {one["resourceType"] for one in published}
    urls |= {(kind, url.partition("|")[0]) for kind, url in urls}
    added = [(k.resource_type, k.url) for kind in kinds for k in core_definitions().all(kind)]
    assert set(added) - urls == set()


def test_what_is_missing_is_what_the_page_says(published: list[Resource]) -> None:
    missing = Counter(
        one["resourceType"]
        for one in published
        if core_definitions().find(one["url"], one["resourceType"]) is None
    )
    assert missing == {
        "SearchParameter": 25,
        "StructureDefinition": 9,
        "ConceptMap": 61,
        "CapabilityStatement": 6,
        "StructureMap": 2,
        "OperationDefinition": 1,
        "CompartmentDefinition": 1,
    }
