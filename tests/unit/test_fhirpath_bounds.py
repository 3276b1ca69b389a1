"""Expressions that explode or do not end: refused in our words, with their place, soon and in little memory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mihub.core.fhir import fhirpath
from mihub.core.fhir.fhirpath import FhirPathError, Limits

LONG = "a" * 40 + "!"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"family": LONG, "given": ["a", "b"]}],
    "contact": [{"name": {"text": str(number)}} for number in range(40)],
}
DOUBLED = ".combine($this)" * 30
STEPS = "needs more than 1000000 steps"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("name.family.matches('^(a|aa)+$')", "The regular expressions need longer than 1 s"),
        ("name.family.matchesFull('(a|aa)+')", "The regular expressions need longer than 1 s"),
        ("name.family.replaceMatches('^(a|aa)+$', 'x')", "The regular expressions need longer than 1 s"),
        ("name.family.matches('a{1000000000}')", "repeats more than 100000 times"),
        ("name.family.matches('((a{1000}){1000}){1000}')", "repeats more than 100000 times"),
        (f"name.family.matches('{'(' * 400}a{')*' * 400}')", "nested too deeply or too large"),
        ("name.repeatAll($this)", STEPS),
        ("contact" + DOUBLED.replace("$this", "%context.descendants()") + ".select(%context.descendants())" * 5, STEPS),
        ("(1 | 2)" + ".select($this.combine($this))" * 40, STEPS),
        ("name.family" + ".select($this + $this)" * 40, STEPS),
        ("name.family" + ".select($this & $this)" * 40, STEPS),
        ("contact.aggregate($total.combine($total).combine($this))", STEPS),
        ("name.family" + ".select($this.replace('a', $this))" * 20, "(would be longer than 4000000|needs more than)"),
        ("name.family" + ".select(replaceMatches('a', $this))" * 20, "A text longer than 1000000 characters is not matched"),
        (".".join(["contact"] + ["select(%resource.contact)"] * 8), STEPS),
        ("contact.select(%resource.descendants()).intersect(contact.select(%resource.descendants()))", STEPS),
    ],
)  # fmt: skip
def test_what_explodes_is_refused_with_its_place(expression: str, reason: str) -> None:
    compiled = fhirpath.compile(expression)
    with pytest.raises(FhirPathError, match=reason) as refused:
        compiled.evaluate(PATIENT)
    assert refused.value.position is not None
    assert LONG not in str(refused.value)


def test_a_caller_bounds_steps_and_seconds() -> None:
    expression = fhirpath.compile("contact.repeatAll($this)")
    with pytest.raises(FhirPathError, match="needs more than 100 steps"):
        expression.evaluate(PATIENT, limits=Limits(steps=100))
    with pytest.raises(FhirPathError, match=r"needs longer than 0.01 s on this resource"):
        expression.evaluate(PATIENT, limits=Limits(steps=10**9, seconds=0.01))
    with pytest.raises(FhirPathError, match=r"The regular expressions need longer than 0.05 s"):
        fhirpath.compile("name.family.matches('^(a|aa)+$')").evaluate(
            PATIENT, limits=Limits(pattern_seconds=0.05)
        )


def test_slow_patterns_share_one_allowance() -> None:
    many = fhirpath.compile("contact.where(%resource.name.family.matches('^(a|aa)+$'))")
    with pytest.raises(FhirPathError, match="The regular expressions need longer than"):
        many.evaluate(PATIENT, limits=Limits(pattern_seconds=0.2))


@pytest.mark.parametrize(
    "expression",
    [
        "9223372036854775807 + 1", "4000000000 * 4000000000 * 4000000000", "10.power(30)", "10.power(999999)",
        "10.0.power(400000).ceiling()", "10.0.power(400000).floor()", "10.0.power(400000).truncate()",
        "10.0.power(400000) div 1", "@2020-01-01 + 99999999999999999999.0 'd'", "10.0.power(400000).lowBoundary()",
        "(10.0.power(400000).toString() + ' \\'g\\'').toQuantity('mg')",
    ],
)  # fmt: skip
def test_numbers_beyond_every_measure_are_empty(expression: str) -> None:
    if expression.startswith("9223372036854775807"):
        # A literal has at most 18 digits; the overflow is reached by adding.
        expression = "(900000000000000000 * 10) + 900000000000000000"
    assert fhirpath.compile(expression).evaluate({}) == []


@pytest.mark.parametrize("text", ["9" * 19, "9" * 5000, "9" * 5000 + " 'g' + 1.0"])
def test_numbers_too_long_to_write(text: str) -> None:
    if "'" in text:
        fhirpath.compile(text)
        return
    with pytest.raises(FhirPathError, match="A whole number has at most 18 digits"):
        fhirpath.compile(text)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("'abc'.replaceMatches('(?<first>a)(b)', '${first}-$2-$1')", ["a-b-ac"]),
        ("'abc'.replaceMatches('b', '')", ["ac"]), ("'abc'.replaceMatches('', 'x')", ["abc"]),
        ("'a.b'.matches('[.]')", [True]), ("'ab\nc'.matches('b.c')", [True]), ("'abc'.matchesFull('b')", [False]),
        ("'x'.matches('\\\\p{L}')", [True]), ("10.power(3)", [1000]), ("7.0 div 2", [3]),
        ("1.5.ceiling()", [2]), ("2.power(0.5) > 1", [True]), ("1.0 + 1", [Decimal("2.0")]),
    ],
)  # fmt: skip
def test_the_bounded_functions_still_do_their_work(expression: str, wanted: list[Any]) -> None:
    assert fhirpath.compile(expression).evaluate({}) == wanted


def test_a_group_that_is_not_there() -> None:
    with pytest.raises(FhirPathError, match="names a group that the regular expression has not"):
        fhirpath.compile("'abc'.replaceMatches('b', '$3')").evaluate({})
