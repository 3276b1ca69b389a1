"""Other people's suites, run as `mihub conformance` runs them: at least as many cases pass as the page says, each failure named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mihub.apps.conformance import command

# What must pass; raised when more does.
FLOORS = {"patch": 49, "graphql": 29, "mutants": 382}


@pytest.mark.parametrize("name", FLOORS)
def test_a_suite_passes_as_published(shared: Path, name: str) -> None:
    result = command.suite_of(name)(shared / "data")
    assert result.passed >= FLOORS[name], [one.case for one in result.failures]
    assert result.passed + len(result.failures) == result.cases
    assert [one.case for one in result.failures if not one.reason] == []
