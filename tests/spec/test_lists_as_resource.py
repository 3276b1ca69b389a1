"""A list in SQLite and a CodeSystem resource of the same content answer alike; the operations work on lists end to end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mihub.core.fhir.definitions.core import core_definitions
from mihub.site.terminology.in_memory import InMemoryCodeSystem
from mihub.site.terminology.lists import CodeLists, SqliteCodeSystem, Wanted
from mihub.site.terminology.protocol import CodeSystemProvider, FilterRefused
from mihub.site.terminology.terminology import Terminology
from tests import code_list_files as files
from tests.unit.test_lists_formats import write
from tests.unit.test_lists_provider import TABLE

FILTERS = [
    ("concept", op, value)
    for op in ("is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf")
    for value in ("R", "A", "B", "AB", "nothing")
] + [
    (name, op, value)
    for name in ("code", "kind", "weight")
    for op, value in (("=", "A"), ("=", "fruit"), ("in", "A,fruit"), ("not-in", "mix,1,B"), ("regex", ".*[1t]"),
                      ("exists", "true"))
]  # fmt: skip


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeLists]:
    folder = tmp_path_factory.mktemp("lists")
    with CodeLists.open(folder / "codes.sqlite") as opened:
        opened.add([write(folder / "fruit.csv", TABLE)], Wanted("https://example.org/fruit", "1", "Fruit"))
        opened.add([files.icd_meta(folder / "icd10gm2099syst-meta.zip")])
        opened.add([write(folder / "alphaid2099.txt", files.ALPHA_ID)])
        opened.add([files.snomed(folder / "sct.zip")])
        yield opened


def _of(lists: CodeLists, url: str) -> SqliteCodeSystem:
    return next(one for one in lists if one.metadata.url == url)


def _as_resource(provider: CodeSystemProvider) -> dict[str, Any]:
    def concept(code: str) -> dict[str, Any]:
        found = provider.concept(code)
        assert found is not None
        properties = [{"code": one.code, f"value{one.type.title()}": one.value} for one in found.properties]
        properties += [{"code": "parent", "valueCode": parent} for parent in provider.parents(code)]
        return {"code": code, "display": found.display, "property": properties}

    kinds = [{"code": one.code, "type": one.type} for one in provider.metadata.properties]
    return {
        "resourceType": "CodeSystem", "url": provider.metadata.url, "version": "1", "status": "active", "content": "complete",
        "caseSensitive": True, "hierarchyMeaning": "is-a", "concept": [concept(code) for code in provider.codes()],
        "property": [*kinds, {"code": "parent", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}],
    }  # fmt: skip


def _answer(provider: CodeSystemProvider, name: str, op: str, value: str) -> set[str] | str:
    try:
        return set(provider.filter(name, op, value))
    except FilterRefused:
        return "refused"


@pytest.mark.parametrize(("name", "op", "value"), FILTERS)
def test_filters_agree_with_the_engine_in_memory(lists: CodeLists, name: str, op: str, value: str) -> None:
    kept = _of(lists, "https://example.org/fruit")
    reference = InMemoryCodeSystem(_as_resource(kept))
    assert _answer(kept, name, op, value) == _answer(reference, name, op, value)


def test_places_agree_with_the_engine_in_memory(lists: CodeLists) -> None:
    kept = _of(lists, "https://example.org/fruit")
    reference = InMemoryCodeSystem(_as_resource(kept))
    every = list(kept.codes())
    assert set(reference.codes()) == set(every)
    for one in every:
        assert set(kept.parents(one)) == set(reference.parents(one))
        assert set(kept.children(one)) == set(reference.children(one))
        assert [kept.subsumes(one, other) for other in every] == [
            reference.subsumes(one, other) for other in every
        ]


def _parameters(**values: str) -> dict[str, Any]:
    kinds = {
        "url": "valueUri",
        "system": "valueUri",
        "code": "valueCode",
        "codeA": "valueCode",
        "codeB": "valueCode",
    }
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name, kinds.get(name, "valueString"): value} for name, value in values.items()
        ],
    }


def _value(answer: dict[str, Any], name: str) -> Any:
    found = next(one for one in answer["parameter"] if one["name"] == name)
    return next(value for key, value in found.items() if key.startswith("value"))


@pytest.mark.parametrize(
    "system", ["http://fhir.de/CodeSystem/bfarm/icd-10-gm", "http://fhir.de/CodeSystem/dimdi/icd-10-gm"]
)
def test_operations_on_a_list_and_its_alias(lists: CodeLists, system: str) -> None:
    terminology = Terminology(core_definitions(), lists, language="de")
    found = terminology.lookup(_parameters(system=system, code="X34.1"))
    assert _value(found, "display") == "Neubildung der Lüfte: Oberlüfte"
    assert (
        _value(terminology.subsumes(_parameters(system=system, codeA="X34", codeB="X34.1")), "outcome")
        == "subsumes"
    )
    assert (
        _value(terminology.validate_code_in_system(_parameters(url=system, code="X34.1")), "result") is True
    )
    assert _value(terminology.validate_code_in_system(_parameters(url=system, code="X99")), "result") is False


def _expanded(terminology: Terminology, include: dict[str, Any], text: str = "") -> list[str]:
    value_set = {
        "resourceType": "ValueSet",
        "url": "https://example.org/vs",
        "status": "active",
        "compose": {"include": [include]},
    }
    asked = [{"name": "valueSet", "resource": value_set}]
    asked += [{"name": "filter", "valueString": text}] if text else []
    answer = terminology.expand({"resourceType": "Parameters", "parameter": asked})
    return [one["code"] for one in answer["expansion"].get("contains", [])]


def test_expansions_of_lists(lists: CodeLists) -> None:
    terminology = Terminology(core_definitions(), lists, language="de")
    below = {
        "system": "http://snomed.info/sct",
        "filter": [{"property": "concept", "op": "is-a", "value": "900001001"}],
    }
    assert _expanded(terminology, below) == ["900001001", "900003003"]
    icd = {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "version": "2099"}
    assert _expanded(terminology, icd, "lungenkrebs") == ["X34.1"], "a word of Alpha-ID leads to the code"


def test_german_designations_come_first(lists: CodeLists) -> None:
    terminology = Terminology(core_definitions(), lists, language="de")
    found = terminology.lookup(_parameters(system="http://snomed.info/sct", code="900001001"))
    assert _value(found, "display") == "Neubildung der Laune"
