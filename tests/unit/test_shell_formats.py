"""How values are written for people."""

from __future__ import annotations

import pytest

from mihub.portals.shell import formats


@pytest.mark.parametrize(
    ("written", "german", "english"),
    [
        ("13.1 g/dl", "13,1 g/dl", "13.1 g/dl"),
        ("205.0 U/l", "205 U/l", "205 U/l"),
        ("12.0 – 17.5", "12 – 17,5", "12 – 17.5"),
        ("C34.1", "C34.1", "C34.1"),
        ("12.01.2026", "12.01.2026", "12.01.2026"),
        ("5-324.71", "5-324.71", "5-324.71"),
        ("", "", ""),
    ],
)
def test_a_measured_value_has_the_languages_decimal_mark(written: str, german: str, english: str) -> None:
    assert formats.measured(written, "de") == german
    assert formats.measured(written, "en") == english
