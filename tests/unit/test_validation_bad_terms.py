"""Patterns that explode and value sets that go in a ring, met while a resource is validated: named, and the rest is checked."""

from __future__ import annotations

from typing import Any

import pytest

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.site.terminology.terminology import Terminology
from mihub.site.validate.sentences import sentence
from mihub.site.validate.validator import ProfileValidator
from tests.validate_samples import PATIENT, canonical, changed, profile

EVIL = "(a|a|b?a)*(a+)+c"
LONG = "a" * 80
SETS = "http://example.org/fhir/ValueSet"


def found(resource: dict[str, Any], *definitions: dict[str, Any]) -> list[tuple[str, str, str]]:
    shelf = MemoryDefinitions(definitions, core_definitions())
    validator = ProfileValidator(shelf, Terminology(shelf), best_practice=False)
    said = validator.validate(resource, [canonical("p")])
    return [(one.severity, one.rule, sentence(one, "en")) for one in said]


def rules(said: list[tuple[str, str, str]]) -> set[str]:
    return {rule for _, rule, _ in said}


@pytest.mark.parametrize("call", ["matches", "matchesFull", "replaceMatches"])
def test_a_pattern_in_a_condition_that_explodes_is_named(call: str) -> None:
    tail = ", 'x').exists()" if call == "replaceMatches" else ")"
    made = profile(
        "p",
        "Patient",
        {
            "id": "Patient",
            "constraint": [
                {
                    "key": "p-1",
                    "severity": "error",
                    "human": "x",
                    "expression": f"name.first().family.{call}('{EVIL}'{tail}",
                },
                {"key": "p-2", "severity": "error", "human": "x", "expression": "gender = 'male'"},
            ],
        },
    )
    said = found(changed(PATIENT, "name.0.family", LONG), made)
    assert rules(said) == {"invariant-not-run:p-1", "invariant:p-2"}
    assert "regular expression" in next(
        text for _, rule, text in said if rule.startswith("invariant-not-run")
    )


def bound(value_set: dict[str, Any], *more: dict[str, Any]) -> list[tuple[str, str, str]]:
    made = profile(
        "p",
        "Patient",
        {"id": "Patient.maritalStatus", "binding": {"strength": "required", "valueSet": f"{SETS}/a"}},
        {"id": "Patient.birthDate", "max": "0"},
    )
    resource = {
        **PATIENT,
        "maritalStatus": {"coding": [{"system": "http://example.org/fhir/cs", "code": LONG}]},
    }
    return found(resource, made, value_set, *more)


def value_set(name: str, *include: dict[str, Any]) -> dict[str, Any]:
    url = f"{SETS}/{name}"
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": list(include)}}


@pytest.mark.parametrize("ring", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_value_sets_in_a_ring_are_a_warning_and_the_rest_is_checked(ring: list[str]) -> None:
    sets = [
        value_set(one, {"valueSet": [f"{SETS}/{after}"]})
        for one, after in zip(ring, [*ring[1:], ring[0]], strict=True)
    ]
    said = bound(*sets)
    assert {"binding-unchecked", "cardinality-max"} <= rules(said)
    assert not {rule for severity, rule, _ in said if severity == "error"} - {"cardinality-max"}


def test_a_pattern_in_a_value_set_that_explodes_is_no_error_of_the_resource() -> None:
    system = {
        "resourceType": "CodeSystem",
        "url": "http://example.org/fhir/cs",
        "status": "active",
        "content": "complete",
        "concept": [{"code": LONG}],
    }
    row = {"system": system["url"], "filter": [{"property": "code", "op": "regex", "value": EVIL}]}
    said = bound(value_set("a", row), system)
    assert "cardinality-max" in rules(said)
    assert rules(said) & {"binding-unchecked", "binding-required"}
