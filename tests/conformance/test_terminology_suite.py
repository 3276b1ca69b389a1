"""HL7's terminology ecosystem tests, mode general, through the functions that answer HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from mihub.apps.conformance import terminology as suite
from mihub.apps.conformance.tx_template import Template


def test_few_cases_need_the_runner_s_tolerance(shared: Path) -> None:
    # Texts that differ in blanks or punctuation only: the suite contradicts itself without that.
    tolerated = suite.tolerated(shared / "data")
    assert len(tolerated) <= 6, tolerated


@pytest.mark.parametrize(
    ("expected", "actual", "fits"),
    [
        ({"a": "$uuid$"}, {"a": "urn:uuid:00000000-0000-0000-0000-000000000000"}, True),
        ({"a": "$uuid$"}, {"a": "urn:uuid:1"}, False),
        ({"a": 1, "$optional-properties$": ["b"]}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [{"x": 1}, {"x": 2, "$optional$": True}]}, {"a": [{"x": 1}]}, True),
        ({"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 2}, {"x": 1}]}, True),
        ({"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 1}]}, False),
        ({"a": [{"x": 1}]}, {"a": [{"x": 1}, {"x": 3}]}, False),
        ({"a": [{"x": 2, "$optional$": "!strict"}]}, {}, True),
        ({"a": "$choice:one|two$"}, {"a": "two"}, True),
        ({"a": "$choice:one|two$"}, {"a": "three"}, False),
        ({"a": "$fragments:Code|x$"}, {"a": "unknown code X"}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": "$instant$"}, {"a": "2026-11-23T10:00:00.000Z"}, True),
        ({"$count-arrays$": ["a"], "a": [1, 2]}, {"a": [7, 8]}, True),
    ],
)
def test_the_template_language_is_the_suite_s(expected: object, actual: object, fits: bool) -> None:
    assert (Template().difference(expected, actual) == "") is fits


def test_a_mode_makes_optional_items_required() -> None:
    expected = {"a": [{"x": 2, "$optional$": "!strict"}]}
    assert Template(frozenset({"strict"})).difference(expected, {"a": []}) != ""
