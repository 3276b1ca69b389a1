"""The counting of smoking years against a naive second implementation that walks month by month."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mihub.core.rules.months import add_months, elapsed_months
from mihub.core.rules.smoking import SmokingInterval, count_smoking, longest, shortest

TODAY = date(2026, 11, 1)
FIRST = date(1950, 1, 1)
MONTHS = (TODAY.year - FIRST.year) * 12 + TODAY.month - FIRST.month


@st.composite
def histories(draw: st.DrawFn) -> tuple[SmokingInterval, ...]:
    """Non-overlapping intervals that start and end on the first of a month; the last may be ongoing."""
    marks = sorted(draw(st.lists(st.integers(0, MONTHS), min_size=0, max_size=10, unique=True)))
    pairs: list[tuple[int, int | None]] = list(zip(marks[::2], marks[1::2], strict=False))
    if len(marks) % 2:
        pairs.append((marks[-1], None))
    return tuple(
        SmokingInterval(
            add_months(FIRST, start),
            None if end is None else add_months(FIRST, end),
            Fraction(draw(st.integers(1, 60))),
        )
        for start, end in pairs
    )


def by_months(history: tuple[SmokingInterval, ...], limit_months: int) -> tuple[int, int, Fraction]:
    """Counted smoking months, counted pause months and pack-years: one cell per month, read from the end.

    Written without the code under test: a month is smoked or not; reading backwards, ten smoke-free years
    in a row stop the counting.
    """
    cells: list[Fraction | None] = [None] * MONTHS
    for interval in history:
        start = (interval.start.year - FIRST.year) * 12 + interval.start.month - 1
        end = (
            MONTHS if interval.end is None else (interval.end.year - FIRST.year) * 12 + interval.end.month - 1
        )
        for month in range(start, end):
            cells[month] = interval.cigarettes_per_day
    smoked = pauses = run = 0
    packs, seen = Fraction(0), False
    for cell in reversed(cells):
        if cell is None:
            run += 1
            if run >= limit_months:
                break
            continue
        if seen:
            pauses += run
        smoked, packs, seen, run = smoked + 1, packs + cell / 20 / 12, True, 0
    return smoked, pauses, packs


@given(histories())
def test_both_ways_of_counting_agree(history: tuple[SmokingInterval, ...]) -> None:
    count = count_smoking(history, TODAY, pause_limit_years=10)
    assert (count.smoking_months, count.pause_months, count.pack_years) == by_months(history, 120)


@given(histories(), st.integers(1, 30))
def test_a_longer_limit_never_counts_less(history: tuple[SmokingInterval, ...], years: int) -> None:
    short = count_smoking(history, TODAY, pause_limit_years=years)
    wide = count_smoking(history, TODAY, pause_limit_years=years + 1)
    assert wide.months >= short.months
    assert wide.pack_years >= short.pack_years


@given(histories())
def test_the_order_of_the_intervals_does_not_matter(history: tuple[SmokingInterval, ...]) -> None:
    assert count_smoking(history[::-1], TODAY, pause_limit_years=10) == count_smoking(
        history, TODAY, pause_limit_years=10
    )


@given(histories(), st.integers(0, 11), st.integers(0, 11))
def test_what_is_told_lies_between_the_shortest_and_the_longest_history(
    history: tuple[SmokingInterval, ...], start: int, end: int
) -> None:
    vague = tuple(SmokingInterval(i.start, i.end, i.cigarettes_per_day, start, end) for i in history)
    least, told, most = (
        count_smoking(variant, TODAY, pause_limit_years=10)
        for variant in (shortest(vague), vague, longest(vague, TODAY))
    )
    assert least.months <= told.months <= most.months
    assert least.pack_years <= told.pack_years <= most.pack_years


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 600))
def test_anniversaries_are_whole_months(day: date, months: int) -> None:
    # 29 to 31 fall back to the month's end, so only days that every month has give exact anniversaries.
    if day.day <= 28:
        assert elapsed_months(day, add_months(day, months)) == months


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 2000), st.integers(0, 2000))
def test_more_days_are_never_fewer_months(day: date, less: int, more: int) -> None:
    near, far = sorted((less, more))
    first, second = date.fromordinal(day.toordinal() + near), date.fromordinal(day.toordinal() + far)
    assert elapsed_months(day, first) <= elapsed_months(day, second)
