"""The MII test data and all examples of the packages: every kind of finding is judged, and none is our mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from mihub.apps.conformance import validation


@pytest.mark.soak
def test_every_finding_on_published_resources_is_judged_right(shared: Path) -> None:
    result = validation.run(shared / "data")
    assert result.cases > 400
    assert list(result.failures) == []


def test_every_judgement_has_a_verdict_and_a_reason() -> None:
    table = validation.judgements()
    assert len(table) > 60
    assert {one.verdict for one in table} <= {"right", "wrong"}
    assert [one.rule for one in table if len(one.reason) < 20] == []
