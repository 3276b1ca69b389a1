"""Generated snapshots against the published ones of all packages; the page in the documentation is what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mihub.apps.conformance.snapshots.run import Case, measured
from mihub.apps.conformance.snapshots.table import page

_PAGE = Path(__file__).parents[2] / "docs/reference/snapshots.md"


@pytest.fixture(scope="module")
def found(shared: Path) -> list[Case]:
    return list(measured(shared / "packages"))


def test_ninety_nine_of_a_hundred_elements_are_as_published(found: list[Case]) -> None:
    compared = [case.comparison for case in found if case.comparison is not None]
    elements, same = sum(c.elements for c in compared), sum(c.same for c in compared)
    assert len(found) == 1005
    assert elements > 33_000
    assert same / elements > 0.997


def test_the_page_says_what_comes_out(found: list[Case]) -> None:
    assert _PAGE.read_text(encoding="utf-8") == page(found), "run tools/snapshots_page.py"
