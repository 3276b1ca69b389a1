"""FHIRPath: what the official suite does not ask: places of errors, variables, hooks, limits, R4's types."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mihub.core.fhir import fhirpath
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.fhirpath import Date, FhirPathError, Hooks, Model, Quantity

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "urn:time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "name": [{"use": "official", "family": "Muster", "given": ["Anna", "Bea"]}, {"family": "Test"}],
    "deceasedBoolean": False,
    "generalPractitioner": [
        {"reference": "#d"},
        {"reference": "Organization/o/_history/2"},
        {"reference": "#x"},
    ],
    "contained": [{"resourceType": "Practitioner", "id": "d", "name": [{"family": "Arzt"}]}],
}


def run(expression: str, resource: Any = None, **given: Any) -> list[Any]:
    return fhirpath.compile(expression).evaluate(PATIENT if resource is None else resource, **given)


def refused(expression: str, **given: Any) -> FhirPathError:
    with pytest.raises(FhirPathError) as caught:
        run(expression, **given)
    return caught.value


@pytest.mark.parametrize(
    ("expression", "position", "message"),
    [
        ("name.", 5, "a name is missing; the expression ends"),
        ("name where", 5, "This cannot follow: here stands 'where'"),
        ("name.first(1)", 5, "first() takes 0 arguments; here are 1."),
        ("1 + nothing()", 4, "There is no function nothing()."),
        ("'open", 0, "A quoted text has no end."),
        ("1 /* open", 2, "A comment has no end."),
        ("a # b", 2, "The character '#' cannot stand here."),
        ("@2015-02-30", 0, "This date or time does not exist."),
        ("'\\q'", 1, "The escape \\q is not known."),
        ("name is Nothing", 5, "There is no type Nothing."),
        ("Patient.deceasedBoolean", 8, "deceasedBoolean is written deceased in an expression."),
        ("1 + 'a'", 2, "No operator '+' for Integer and String."),
        ("name.single()", 5, "One item is needed here; there are 2."),
        ("'a'.matches('(')", 4, "The regular expression is not valid"),
        ("%unknown", 0, "The variable %unknown is not given."),
    ],
)
def test_an_error_says_where_and_what(expression: str, position: int, message: str) -> None:
    error = refused(expression)
    assert error.position == position
    assert message in error.what
    assert f"character {position + 1}" in error.where


def test_no_error_holds_a_value_of_the_resource() -> None:
    for expression in ("name.family & 'x'", "name.family + 1", "birthDate > 3", "name.given.toInteger()"):
        assert "Muster" not in str(refused(expression))
        assert "1974" not in str(refused(expression))


@pytest.mark.parametrize(
    ("expression", "limit"),
    [
        ("(" * 61 + "1" + ")" * 61, "nested deeper than 60"),
        ("a" + ".a" * 101, "More than 100 steps"),
        ("1" + "+1" * 101, "More than 100 steps"),
        ("-" * 102 + "1", "More than 100 steps"),
        (" " * 65_537, "longer than 65536 characters"),
        ("repeatAll($this)", "more than 1000000 steps"),
        (f"'a'.matches('{'a' * 2001}')", "longer than 2000 characters"),
    ],
)
def test_an_expression_without_end_is_refused(expression: str, limit: str) -> None:
    assert limit in refused(expression).what


def test_the_deepest_permitted_nesting_runs() -> None:
    assert run("(" * 60 + "1" + ")" * 60) == [1]
    assert run("1" + "+1" * 100) == [101]
    assert run("iif(true, " * 59 + "1" + ")" * 59) == [1]


def test_choices_extensions_and_types() -> None:
    assert run("deceased") == [False]
    assert run("deceased is boolean") == [True]
    assert run("birthDate.extension('urn:time').value.is(dateTime)") == [True]
    assert run("birthDate.hasExtension('urn:other')") == [False]
    assert run("contained.ofType(Practitioner).name.family") == ["Arzt"]
    assert run("children().ofType(HumanName).family") == ["Muster", "Test"]
    assert run("name.type().name.distinct()") == ["HumanName"]


def test_an_element_without_a_value_is_an_item_but_no_value() -> None:
    patient = {
        "resourceType": "Patient",
        "_birthDate": {"extension": [{"url": "urn:x", "valueCode": "unknown"}]},
    }
    assert run("birthDate.exists()", patient) == [True]
    assert run("birthDate.hasValue()", patient) == [False]
    assert run("birthDate", patient) == []
    assert run("birthDate < today()", patient) == []
    assert len(fhirpath.compile("birthDate").items(patient)) == 1


def test_the_clock_is_the_callers() -> None:
    clock = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert run("today()", now=clock) == [Date((2026, 11, 23))]
    assert run("now().toString()", now=clock) == ["2026-11-23T09:30:00.000Z"]
    assert run("birthDate <= today() - 51 years", now=clock) == [True]
    assert run("birthDate <= today() - 52 years", now=clock) == [False]


def test_variables_of_the_caller() -> None:
    given = {"limit": 3, "row": {"code": "x", "part": [{"n": 1}, {"n": 2}]}, "none": None, "other": PATIENT}
    assert run("%limit + 1", variables=given) == [4]
    assert run("%row.part.n", variables=given) == [1, 2]
    assert run("%row.code & '!'", variables=given) == ["x!"]
    assert run("%none", variables=given) == []
    assert run("%other.name.given.first()", variables=given) == ["Anna"]
    assert run("%context.id | %resource.id") == ["p"]


def test_a_defined_variable_ends_with_its_chain() -> None:
    assert run("defineVariable('n', name.count()).select(%n)") == [2]
    assert run("name.defineVariable('f', family).where(%f.count() = 2).exists()") == [True]
    assert refused("(defineVariable('n', 1).exists()) and %n = 1").position == 38
    assert "not yet in use" in refused("defineVariable('resource')").what


def test_references_resolve_to_what_is_known() -> None:
    assert run("generalPractitioner.resolve().name.family") == ["Arzt"]
    assert run("generalPractitioner.where(resolve() is Organization).count()") == [1]
    hooks = Hooks(resolve=lambda url: {"resourceType": "Organization", "name": url})
    assert run("generalPractitioner.resolve().ofType(Organization).name", hooks=hooks) == [
        "Organization/o/_history/2"
    ]
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": PATIENT}]}
    assert run("'urn:uuid:1'.resolve().id", bundle) == ["p"]


def test_value_sets_and_profiles_are_asked_outside() -> None:
    assert run("name.use.memberOf('urn:vs')") == []
    hooks = Hooks(
        member_of=lambda code, _: code == "official", conforms_to=lambda _, url: url == "urn:profile"
    )
    assert run("name.use.memberOf('urn:vs')", hooks=hooks) == [True]
    assert run("conformsTo('urn:profile')", hooks=hooks) == [True]
    assert "not loaded" in refused("conformsTo('urn:profile')").what


def test_a_trace_is_seen_only_by_the_hook() -> None:
    seen: list[tuple[str, list[Any]]] = []
    hooks = Hooks(trace=lambda name, values: seen.append((name, values)))
    assert run("name.trace('n', given).count()", hooks=hooks) == [2]
    assert seen == [("n", ["Anna", "Bea"])]


def test_an_element_starts_an_evaluation_when_its_type_is_given() -> None:
    low = {"value": 1, "system": "http://unitsofmeasure.org", "code": "g"}
    high = {"value": 900, "system": "http://unitsofmeasure.org", "code": "mg"}
    rule = fhirpath.compile("low.empty() or high.empty() or (low <= high)", root="Range")
    assert rule.test({"low": low, "high": high}) is False
    assert rule.test({"low": high, "high": low}) is True
    assert rule.test({"low": low, "high": {**high, "code": "mm"}}) is None


def test_quantities_keep_their_precision_and_their_unit() -> None:
    assert run("1.50 'g' + 500 'mg'") == [Quantity(Decimal("2.00"), "g")]
    assert run("1 year = 12 months") == [True]
    assert run("1 year ~ 1 'a'") == [True]
    assert run("5 '[degF]' = 5 '[degF]'") == [True]
    assert run("37 'Cel' = 98.6 '[degF]'") == [True]
    assert run("37 'Cel' > 98 '[degF]'") == [True]
    assert run("37 'Cel' + 1 'K'") == []
    assert run("37 'Cel' * 2 'm'") == []
    assert run("7.4 '[pH]' < 100 'nmol/L'") == [True]
    assert run("3 'Stück' > 2 'Stück'") == [True]
    assert run("3 'Stück' > 2 'g'") == []
    assert run("60 '/min' = 1 'Hz'") == [True]
    assert run("1 'mmol/L' = 1000 'umol/l'") == [True]
    assert run("120 'mm[Hg]' > 15 'kPa'") == [True]


def test_a_bound_is_not_compared_as_a_value() -> None:
    observation = {
        "resourceType": "Observation",
        "valueQuantity": {"value": 5, "comparator": "<", "code": "mg"},
    }
    assert run("value > 4 'mg'", observation) == []


def test_dates_move_within_the_calendar() -> None:
    assert run("@2024-02-29 + 1 year") == [Date((2025, 2, 28))]
    assert run("@2024-01-31 + 1 month") == [Date((2024, 2, 29))]
    assert run("@2014 + 24 months") == [Date((2016,))]
    assert run("@2014-01 + 59 days") == [Date((2014, 2))]
    assert run("(@T23:30 + 90 minutes).toString()") == ["01:00"]
    assert run("(@2024-03-01T00:10:00 - 20 minutes).toString()") == ["2024-02-29T23:50:00"]
    assert run("@9999-12-31 + 1 day") == []


def test_strict_finds_paths_that_lead_nowhere() -> None:
    for expression, what in {
        "name.givn": "HumanName has no element givn.",
        "Observation.status": "The path starts with Observation",
        "contact.where(name.famly = 'x')": "HumanName has no element famly.",
        "descendants().first()": "Picking by place needs an order",
    }.items():
        with pytest.raises(FhirPathError) as caught:
            fhirpath.compile(expression, root="Patient", strict=True)
        assert what in caught.value.what
        assert fhirpath.compile(expression, root="Patient").evaluate({"resourceType": "Patient"}) == []
    for expression in (
        "contained.name",
        "name.where(use = 'x').given",
        "extension('u').value",
        "contact.name.period",
    ):
        fhirpath.compile(expression, root="Patient", strict=True)


def test_the_same_text_is_compiled_once() -> None:
    assert fhirpath.compile("name.family") is fhirpath.compile("name.family")


def test_threads_that_build_types_at_once_get_the_same_ones() -> None:
    names = [
        known.type
        for known in core_definitions().all("StructureDefinition")
        if known.derivation != "constraint"
    ]
    model = Model(core_definitions())
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: [model.type(name) for name in names], range(4)))
    finally:
        sys.setswitchinterval(before)
    assert all(one is other for row in found[1:] for one, other in zip(found[0], row, strict=True))
