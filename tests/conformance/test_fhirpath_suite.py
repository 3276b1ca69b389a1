"""The official FHIRPath suite for R4: every case passes or is named with its reason, and the number is published."""

from __future__ import annotations

from pathlib import Path

import pytest

from mihub.apps.conformance.fhirpath import REASONS, run
from mihub.apps.conformance.suite import Result

CASES = 935
PASSES = 929


@pytest.fixture(scope="module")
def result(shared: Path) -> Result:
    return run(shared / "data")


def test_every_case_passes_or_is_named(result: Result) -> None:
    unnamed = [failure for failure in result.failures if not failure.reason]
    assert not unnamed, "\n".join(f"{failure.case}: {failure.saw}" for failure in unnamed)


def test_no_named_case_passes_by_now(result: Result) -> None:
    stale = set(REASONS) - {failure.case for failure in result.failures}
    assert not stale, f"these pass or are gone; take them out of the table: {stale}"


def test_the_published_number_is_the_real_one(result: Result) -> None:
    assert (result.cases, result.passed) == (CASES, PASSES)


def test_the_page_publishes_the_same_number(request: pytest.FixtureRequest) -> None:
    page = request.config.rootpath / "docs" / "reference" / "fhirpath.md"
    assert f"{PASSES} of {CASES}" in page.read_text()
