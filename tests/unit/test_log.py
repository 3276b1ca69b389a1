"""Logging refuses what is not listed, so that a patient value can not slip in."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub import log


def test_a_listed_field_is_written() -> None:
    stream = io.StringIO()
    log.configure(stream, as_json=True)
    log.info("import finished", member="chemnitz", loaded=3)
    assert '"loaded":3' in stream.getvalue().replace(" ", "")


def test_an_unlisted_field_is_refused() -> None:
    with pytest.raises(TypeError, match="may not be logged"):
        log.info("import finished", family_name="x")


@given(st.text(min_size=1).filter(lambda text: not text.isascii() or any(c in text for c in "@|\"'\n")))
def test_a_value_with_other_characters_is_refused(value: str) -> None:
    with pytest.raises(TypeError):
        log.info("import finished", member=value)


def test_a_text_where_a_number_belongs_is_refused() -> None:
    with pytest.raises(TypeError, match="another type"):
        log.info("import finished", loaded="three")


def test_events_follow_standard_error_when_it_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, present = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", gone)
    log.configure()
    gone.close()
    monkeypatch.setattr("sys.stderr", present)
    log.info("import finished", loaded=3)
    assert "loaded=3" in present.getvalue()
