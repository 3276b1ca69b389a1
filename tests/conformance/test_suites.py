"""Other people's suites, run as `mihub conformance` runs them: as many cases pass as the page says, each failure has a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mihub.apps.conformance import command
from mihub.apps.conformance.suite import Result

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conformance.md"
# What passes; raised when more does, never lowered.
PASSES = {
    "fhirpath": 929,
    "sql_on_fhir": 134,
    "terminology": 595,
    "snapshots": 951,
    "validation": 505,
    "mutants": 382,
    "patch": 49,
    "graphql": 29,
    "search": 23,
}


@pytest.mark.parametrize("name", PASSES)
def test_a_suite_passes_as_published(outcome: Callable[[str], Result], name: str) -> None:
    result = outcome(name)
    assert result.passed >= PASSES[name], [f"{one.case}: {one.saw}" for one in result.failures]
    assert result.passed + len(result.failures) == result.cases
    assert [one.case for one in result.failures if not one.reason] == []


@pytest.mark.parametrize("name", PASSES)
def test_the_page_says_what_comes_out(outcome: Callable[[str], Result], name: str) -> None:
    written = _PAGE.read_text(encoding="utf-8")
    assert command.section(outcome(name)) in written, (
        "run: mihub conformance --markdown > docs/reference/conformance.md"
    )


def test_every_suite_is_held() -> None:
    assert set(PASSES) == set(command.SUITES)
