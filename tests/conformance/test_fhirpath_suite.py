"""The official FHIRPath suite for R4: every case passes or is named with its reason, and the number is published."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mihub.apps.conformance.fhirpath import REASONS
from mihub.apps.conformance.suite import Result

CASES = 935
PASSES = 929


@pytest.fixture(scope="module")
def result(outcome: Callable[[str], Result]) -> Result:
    return outcome("fhirpath")


def test_no_named_case_passes_by_now(result: Result) -> None:
    stale = set(REASONS) - {failure.case for failure in result.failures}
    assert not stale, f"these pass or are gone; take them out of the table: {stale}"


def test_the_published_number_is_the_real_one(result: Result) -> None:
    assert (result.cases, result.passed) == (CASES, PASSES)


def test_the_page_publishes_the_same_number(request: pytest.FixtureRequest) -> None:
    page = request.config.rootpath / "docs" / "reference" / "fhirpath.md"
    assert f"{PASSES} of {CASES}" in page.read_text()
