"""Bad profiles and bad resources: bounded, named, and the rest is checked."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import pytest

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.protocol import Found, Known
from mihub.errors import InvalidInput
from mihub.site.validate.tree import grow
from mihub.site.validate.validator import ProfileValidator
from tests.validate_samples import OBSERVATION, PATIENT, canonical, changed, profile, said, validator_with


class Shipped:
    """Definitions with one structure as it is, whatever its snapshot says."""

    generation = 0

    def __init__(self, structure: dict[str, Any]) -> None:
        self._own = structure

    def find(self, asked: str, resource_type: str = "") -> Found | None:
        if asked == self._own["url"]:
            known = Known(
                "StructureDefinition", asked, "", "", type=self._own["type"], derivation="constraint"
            )
            return Found(known, self._own, "given")
        return core_definitions().find(asked, resource_type)

    def structure(self, asked: str) -> Found | None:
        return self.find(asked) if asked == self._own["url"] else core_definitions().structure(asked)

    def all(self, resource_type: str) -> Any:
        return core_definitions().all(resource_type)


def shipped(*elements: dict[str, Any], type_name: str = "Patient") -> ProfileValidator:
    structure = {
        "resourceType": "StructureDefinition", "url": canonical("p"), "type": type_name, "derivation": "constraint",
        "snapshot": {"element": list(elements)},
    }  # fmt: skip
    return ProfileValidator(Shipped(structure), best_practice=False)


@pytest.mark.parametrize(
    "elements",
    [
        [],
        [{"id": "Patient.name", "path": "Patient.name"}],
        [{"id": "Patient", "path": "Patient"}, {"id": "Patient.a.b", "path": "Patient.a.b"}],
        [{"id": "Patient", "path": "Patient"}, {"id": "x"}],
        [{"id": "Patient", "path": "Patient"}, {"path": "Observation.status"}],
    ],
    ids=["empty", "no root", "orphan", "no path", "of another type"],
)
def test_a_broken_snapshot_is_named_and_r4_is_checked(elements: list[dict[str, Any]]) -> None:
    found = shipped(*elements).validate(changed(PATIENT, "gender", "x"), [canonical("p")])
    assert {("profile-broken", "Patient"), ("binding-required", "Patient.gender")} <= said(found)
    with pytest.raises(InvalidInput):
        grow({"url": canonical("p"), "snapshot": {"element": elements}})


def test_a_profile_that_contradicts_its_base_does_not_loosen_it() -> None:
    loose = shipped(
        {"path": "Observation"},
        {"path": "Observation.status", "min": 0, "max": "*", "type": [{"code": "string"}]},
        type_name="Observation",
    )
    found = said(loose.validate(changed(OBSERVATION, "status", ...), [canonical("p")]))
    assert ("cardinality-min", "Observation") in found


def test_a_slicing_without_discriminator_is_named() -> None:
    made = profile(
        "p", "Patient",
        {"id": "Patient.identifier", "slicing": {"rules": "closed"}},
        {"id": "Patient.identifier:a", "min": 1},
    )  # fmt: skip
    found = validator_with(made).validate(PATIENT, [canonical("p")])
    assert said(found) == {("slicing-broken", "Patient")}


def test_a_profile_of_a_type_inside_itself_ends() -> None:
    made = profile(
        "p", "Identifier",
        {"id": "Identifier.assigner.identifier", "type": [{"code": "Identifier", "profile": [canonical("p")]}]},
        {"id": "Identifier.value", "min": 1},
    )  # fmt: skip
    user = profile(
        "u",
        "Patient",
        {"id": "Patient.identifier", "type": [{"code": "Identifier", "profile": [canonical("p")]}]},
    )
    inner: dict[str, Any] = {"system": "http://example.org/x"}
    resource = changed(PATIENT, "identifier", [{"value": "1", "assigner": {"identifier": inner}}])
    found = said(validator_with(made, user).validate(resource, [canonical("u")]))
    assert ("cardinality-min", "Patient.identifier[0].assigner.identifier") in found


def test_resources_that_refer_to_each_other_end() -> None:
    made = profile(
        "p", "Patient",
        {"id": "Patient.link.other", "type": [{"code": "Reference", "targetProfile": [canonical("p")]}]},
    )  # fmt: skip

    def one(number: int, other: int) -> dict[str, Any]:
        link = [
            {
                "other": {"reference": f"urn:uuid:00000000-0000-4000-8000-00000000000{other}"},
                "type": "seealso",
            }
        ]
        patient = {**PATIENT, "meta": {"profile": [canonical("p")]}, "link": link}
        return {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{number}", "resource": patient}

    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [one(1, 2), one(2, 1)]}
    assert said(validator_with(made).validate(bundle)) == set()


def test_a_regular_expression_that_explodes_is_stopped() -> None:
    pattern = {"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": "(a|a|b?a)*(a+)+c"}
    made = profile("p", "Patient", {"id": "Patient.name.family", "extension": [pattern]})
    begin = time.monotonic()
    found = validator_with(made).validate(changed(PATIENT, "name.0.family", "a" * 60), [canonical("p")])
    assert time.monotonic() - begin < 3
    assert {rule for rule, _ in said(found)} <= {"regex-not-run", "pattern-regex"}
    assert said(found)


def test_a_pattern_that_cannot_be_read_is_named() -> None:
    pattern = {"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": "(["}
    made = profile("p", "Patient", {"id": "Patient.name.family", "extension": [pattern]})
    assert said(validator_with(made).validate(PATIENT, [canonical("p")])) == {
        ("regex-not-run", "Patient.name[0].family")
    }


def condition(expression: str, key: str = "x-1") -> dict[str, Any]:
    return {"key": key, "severity": "error", "human": "x", "expression": expression}


def test_a_condition_that_does_not_compile_or_fails_is_named_and_the_rest_is_checked() -> None:
    made = profile(
        "p", "Patient",
        {"id": "Patient", "constraint": [condition("name.("), condition("name.single().given.toDate() + 'x'", "x-2"),
                                         condition("gender = 'male'", "x-3")]},
    )  # fmt: skip
    found = said(validator_with(made).validate(PATIENT, [canonical("p")]))
    assert ("invariant-not-run:x-1", "Patient") in found
    assert ("invariant:x-3", "Patient") in found


def test_a_condition_without_end_is_stopped_and_named() -> None:
    nested = "%resource.name.given.select(" * 6 + "1" + ")" * 6 + ".count() < 0"
    endless = [condition(nested, f"x-{number}") for number in range(1, 3)]
    many = [condition(nested, f"y-{number}") for number in range(9)]
    wrong = condition("gender = 'nobody'", "x-3")
    made = profile("p", "Patient", {"id": "Patient", "constraint": [*endless, wrong, *many]})
    big = changed(PATIENT, "name", [{"given": [f"g{i}" for i in range(40)]} for _ in range(40)])
    validator = ProfileValidator(validator_with(made)._definitions, best_practice=False, max_steps=200_000)
    found = [said(validator.validate(big, [canonical("p")])) for _ in range(2)]
    rules = {rule for rule, _ in found[0]}
    assert {"invariant-not-run:x-1", "invariant-not-run:x-2"} < rules
    assert "invariant:x-3" in rules, "what stands behind a condition without end is judged"
    assert "invariant-deadline:y-8" in rules, "all of them together are bounded"
    assert found[0] == found[1]


def test_a_busy_machine_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock sees a second gone: bounds are bounds of work."""
    clock = itertools.count(0.0, 1.0)
    monkeypatch.setattr("mihub.core.fhir.fhirpath.scope.monotonic", lambda: next(clock))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    entries = [
        {"fullUrl": f"https://example.org/fhir/Observation/o{i}", "resource": {**OBSERVATION, "id": f"o{i}"}}
        for i in range(400)
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert said(validator_with().validate(bundle)) == set()


def test_compiling_does_not_count_against_the_bound() -> None:
    cold = ProfileValidator(core_definitions(), best_practice=False, max_steps=200_000)
    entries = [
        {"fullUrl": f"https://example.org/fhir/Observation/o{i}", "resource": {**OBSERVATION, "id": f"o{i}"}}
        for i in range(300)
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert said(cold.validate(bundle)) == set()


def test_claims_without_end_are_not_remembered_without_end() -> None:
    validator = validator_with()
    for number in range(5_200):
        validator.validate({"resourceType": "Basic"}, [f"http://example.org/{number}"])
    assert len(validator.engine().profiles._known) <= 5_000


def test_deep_nesting_is_refused_not_survived() -> None:
    extension: dict[str, Any] = {"url": "http://example.org/x", "valueString": "a"}
    for _ in range(2000):
        extension = {"url": "http://example.org/x", "extension": [extension]}
    found = validator_with().validate({**PATIENT, "extension": [extension]})
    assert "json-depth" in {rule for rule, _ in said(found)}


def test_many_threads_compile_at_once() -> None:
    made = profile("p", "Patient", {"id": "Patient.birthDate", "min": 1})
    validator = validator_with(made)
    seen: list[set[tuple[str, str]]] = []

    def work() -> None:
        seen.append(said(validator.validate(changed(PATIENT, "birthDate", ...), [canonical("p")])))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [{("cardinality-min", "Patient")}] * 8
