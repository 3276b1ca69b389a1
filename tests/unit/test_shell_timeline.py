"""The timeline: every dated mark drawn inside the picture, none invented, no inline style, any span of
time.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.portals.shell.timeline import Mark, day_of, drawing

_TODAY = date(2026, 11, 23)
_LANES = [("a", "Diagnose"), ("b", "Besuche"), ("c", "nie")]
_DATES = st.dates(date(1950, 1, 1), date(2040, 1, 1)).map(date.isoformat)
_STARTS = st.one_of(
    _DATES,
    _DATES.map(lambda text: text[:7]),
    _DATES.map(lambda text: text[:4]),
    st.sampled_from(["", "soon"]),
)
_MARKS = st.lists(
    st.builds(
        Mark,
        st.sampled_from("ab"),
        _STARTS,
        st.one_of(st.just(""), _DATES),
        st.text(max_size=20),
        st.booleans(),
        st.booleans(),
    ),
    max_size=30,
)


@given(_MARKS)
def test_every_dated_mark_lies_in_the_picture(marks: list[Mark]) -> None:
    dated = [mark for mark in marks if day_of(mark.start)]
    drawn = drawing(marks, _LANES, _TODAY, "Heute")
    if not dated:
        assert drawn is None
        return
    assert drawn is not None
    assert drawn.count == len(dated)
    svg = str(drawn.svg("Mein Weg"))
    assert "style=" not in svg
    for _, left, right in drawn.marks:
        assert 150 <= left <= right <= 1040
    assert 150 <= drawn.today <= 1040
    shapes = re.findall(r'class="tl-(?:bar|point|plan)', svg)
    assert len(shapes) == len(dated)


@given(_MARKS)
def test_order_in_time_is_order_in_the_picture(marks: list[Mark]) -> None:
    drawn = drawing(marks, _LANES, _TODAY, "Heute")
    for mark, left, _ in drawn.marks if drawn else ():
        for other, other_left, _ in drawn.marks if drawn else ():
            first, second = day_of(mark.start), day_of(other.start)
            assert first is not None
            assert second is not None
            assert not (first < second and left > other_left)


@pytest.mark.parametrize("count", [1, 2, 20, 300])
def test_any_number_of_events(count: int) -> None:
    marks = [Mark("a", (_TODAY - timedelta(days=3 * number)).isoformat(), "", "x") for number in range(count)]
    drawn = drawing(marks, _LANES, _TODAY, "Heute")
    assert drawn is not None
    assert drawn.count == count
    assert [lane for lane, _ in drawn.lanes] == ["a"], "lanes without marks are not drawn"


def test_labels_are_escaped() -> None:
    drawn = drawing([Mark("a", "2026-01-01", "", "<b>&")], [("a", "<i>")], _TODAY, "Heute")
    assert drawn is not None
    svg = str(drawn.svg('"title"'))
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert 'aria-label="&#34;title&#34;"' in svg
