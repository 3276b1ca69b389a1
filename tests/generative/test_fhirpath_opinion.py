"""A second opinion on FHIRPath: fhirpathrs (MIT, 0.1.5) answers the same random expressions on the same Patients.

fhirpathrs knows no types of FHIR and computes in floating point. Every class of disagreement is judged in the table
below, with the passage that decides; anything else fails.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mihub.core.fhir import fhirpath
from mihub.core.fhir.fhirpath import FhirPathError
from tests.generative.fhirpath_expressions import EXPRESSIONS, PATIENTS

fhirpathrs = pytest.importorskip("fhirpathrs")

# What an expression of the class holds -> who is right, and the passage of FHIRPath 2.0.0 (or FHIR R4) that decides.
JUDGED = {
    r"'(g|mg|m|wk)'|days|week": "ours: §6.1.1 quantities in different units are compared in a common one, in units of two "
    "kinds the answer is empty; weeks and days are definite. fhirpathrs compares number and text of the unit",
    r" is |ofType\(String\)": "ours: R4 §2.9.1.2 elements are of FHIR's types (string, boolean), not System's; the official "
    "suite says so (testType). fhirpathrs has no types of FHIR",
    r"~": "ours: §6.1.2 two empty collections are equivalent, and decimals to the precision of the less precise one. "
    "fhirpathrs answers false to the first and compares floating-point numbers in the second",
    r"@": "ours: §6.1.1, §6.2 components are compared one by one, and a year that differs decides whatever follows. "
    "fhirpathrs gives empty for any two precisions",
    r"[\d)] (mod|div|/|\*|-|\+) |sqrt\(\)|round\(|ceiling\(\)|toDecimal": "ours: §4.1.4 decimals are exact, and keep their "
    "precision as texts. fhirpathrs computes in floating point: 0.5 mod 0.1 is 0.1",
    r"\.\d+.*\.toString\(\)": "ours: §5.5.6 a decimal is written with its precision: 1.0, not 1",
}
Outcome = tuple[str, list[Any]]


def ours(expression: str, patient: dict[str, Any]) -> Outcome:
    try:
        return "values", [normal(each) for each in fhirpath.compile(expression).evaluate(patient)]
    except FhirPathError:
        return "refused", []


def theirs(expression: str, patient: dict[str, Any]) -> Outcome:
    try:
        found = fhirpathrs.evaluate(expression, patient)
    except (RuntimeError, ValueError):
        return "refused", []
    found = [] if found is None else found if isinstance(found, list) else [found]
    return "values", [normal(each) for each in found]


def normal(value: Any) -> Any:
    """fhirpathrs gives whole decimals as integers, and nine digits are what it has."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    return round(float(value), 8)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EXPRESSIONS, PATIENTS)
def test_both_engines_agree_or_the_disagreement_is_judged(expression: str, patient: dict[str, Any]) -> None:
    first, second = ours(expression, patient), theirs(expression, patient)
    if first != second:
        assert any(re.search(kind, expression) for kind in JUDGED), f"ours {first}, theirs {second}"


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("1 'g' = 1000 'mg'", [True]), ("1 'g' = 1 'm'", []), ("7 days = 1 week", [True]), ("active is Boolean", [False]),
        ("name.given.ofType(String)", []), ("gender ~ {}", [True]), ("2.round(1) ~ 3.14.sqrt()", [True]),
        ("@1999-12-31 < @2020", [True]),
        ("0.5 mod 0.1", [Decimal("0.0")]), ("(1.0 + 1).toString()", ["2.0"]),
    ],
)  # fmt: skip
def test_the_judged_classes_are_real(expression: str, wanted: list[Any]) -> None:
    patient = {"resourceType": "Patient", "active": True, "name": [{"given": ["a"]}]}
    assert fhirpath.compile(expression).evaluate(patient) == wanted
    assert theirs(expression, patient) != ("values", [normal(each) for each in wanted])
