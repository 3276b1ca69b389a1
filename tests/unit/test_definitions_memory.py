"""Which version of a canonical is chosen, and by which rule."""

from __future__ import annotations

import pytest

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.canonical import choose, split, version_key
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions

URL = "http://example.org/ValueSet/one"
GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"


def value_set(version: str, url: str = URL) -> Resource:
    return {"resourceType": "ValueSet", "url": url, "version": version, "status": "active", "title": version}


@pytest.mark.parametrize(
    ("versions", "wanted", "found", "rule"),
    [
        (["1.0.0", "2.0.0"], "1.0.0", "1.0.0", "the version that was named"),
        (["1.0.0", "2.0.0", "10.0.0"], "", "10.0.0", "the newest of 3 versions"),
        (["1.0.0"], "", "1.0.0", "the only version"),
        (["1.5.0", "1.5.4", "2.0.0"], "1.5", "1.5.4", "the newest of 2 versions under 1.5"),
        (["1.5.0", "1.5.4", "1.50.0"], "1.5.x", "1.5.4", "the newest of 2 versions under 1.5"),
        (["1.5.0", "2.0.0"], "1.x", "1.5.0", "the only version under 1"),
        (["2.0.0-rc.10", "2.0.0-rc.9", "2.0.0-ballot"], "", "2.0.0-rc.10", "the newest of 3 versions"),
        (["2.0.0-rc.2", "2.0.0"], "", "2.0.0", "the newest of 2 versions"),
        (["", "0.1"], "", "0.1", "the newest of 2 versions"),
        (["2018-08-12", "2014-03-26"], "", "2018-08-12", "the newest of 2 versions"),
    ],
)
def test_a_version_is_chosen_by_rule(versions: list[str], wanted: str, found: str, rule: str) -> None:
    choice = choose(versions, wanted)
    assert choice is not None
    assert (versions[choice.position], choice.rule) == (found, rule)


@pytest.mark.parametrize("wanted", ["3.0.0", "1.5.9", "x", "*", "1.x.3", "15", "1.5.0.0", "|", "latest"])
def test_a_version_that_is_not_there_is_not_replaced(wanted: str) -> None:
    assert choose(["1.5.0", "1.5.4", "2.0.0"], wanted) is None


def test_versions_sort_as_people_number_them() -> None:
    order = [
        "",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.10",
        "2",
    ]
    assert sorted(order, key=version_key) == order


def test_a_fragment_is_not_part_of_the_address() -> None:
    assert split("http://x/y|1.0#z") == ("http://x/y", "1.0")
    assert split("http://x/y#z") == ("http://x/y", "")


def test_the_newest_counts_wherever_it_lies() -> None:
    below = MemoryDefinitions([value_set("2.0.0")], package="p#2")
    over = MemoryDefinitions([value_set("1.0.0"), value_set("3.0.0-rc")], below)
    newest, named = over.find(URL), over.find(URL + "|2.0.0")
    assert newest is not None
    assert named is not None
    assert (newest.resource["version"], newest.rule) == ("3.0.0-rc", "the newest of 3 versions")
    assert named.known.package == "p#2"
    assert [k.version for k in over.all("ValueSet")] == ["1.0.0", "3.0.0-rc", "2.0.0"]


def test_the_upper_one_hides_the_same_version_below() -> None:
    over = MemoryDefinitions([value_set("4.0.1", GENDER)], core_definitions())
    found = over.find(GENDER + "|4.0.1")
    assert found is not None
    assert found.resource["title"] == "4.0.1"
    assert sum(k.url == GENDER for k in over.all("ValueSet")) == 1


def test_core_by_the_version_of_fhir_is_found_below_another_version() -> None:
    table = "http://terminology.hl7.org/CodeSystem/v2-0203"
    over = MemoryDefinitions(
        [{"resourceType": "CodeSystem", "url": table, "version": "3.0.0"}], core_definitions()
    )
    pinned, newest = over.find(table + "|4.0.1"), over.find(table)
    assert pinned is not None
    assert newest is not None
    assert (pinned.known.version, newest.known.version) == ("2.9", "3.0.0")


def test_what_is_no_canonical_resource_is_left_out() -> None:
    engine = MemoryDefinitions(
        [{"resourceType": "Patient"}, {"url": URL}, {"resourceType": "ValueSet", "url": 3}]
    )
    assert engine.find(URL) is None
    assert list(engine.all("ValueSet")) == []
    assert engine.structure(URL) is None


def test_a_snapshot_is_made_once() -> None:
    profile: Resource = {
        "resourceType": "StructureDefinition",
        "url": "http://example.org/P",
        "type": "Patient",
        "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    }
    engine = MemoryDefinitions([profile], core_definitions())
    first, again = engine.structure("http://example.org/P"), engine.structure("http://example.org/P")
    assert first is not None
    assert again is not None
    assert first.resource["snapshot"] is again.resource["snapshot"]
    assert "snapshot" not in profile
