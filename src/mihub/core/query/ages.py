"""Age tests as intervals of birth dates, so that every engine compares dates only.

An age is counted in completed units on the day of asking (`AgeInYears() > 18` is true from the 19th birthday,
as the CQL engines of the MII read it). A birthday on 29 February completes a year on 1 March in other years.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Iterable
from datetime import date, timedelta

from mihub.core.query.nodes import AgeTest, AgeUnit, NumberTest

# Nobody is older; keeps the arithmetic inside the calendar.
_OLDEST = {"a": 200, "mo": 2_400, "wk": 10_400, "d": 73_000}
Interval = tuple[date | None, date | None]


def birth_intervals(test: AgeTest, as_of: date) -> tuple[Interval, ...]:
    """Closed intervals (None is open); one must hold the whole birth date. Empty when nobody can match."""
    spans: list[tuple[int, int]] = [(0, _OLDEST[test.unit])]
    for number in test.tests:
        spans = [_meet(span, other) for span in spans for other in _ages(number, _OLDEST[test.unit])]
    return tuple(_births(low, high, test.unit, as_of) for low, high in spans if low <= high)


def _ages(test: NumberTest, oldest: int) -> Iterable[tuple[int, int]]:
    """Whole ages that pass the test, as closed ranges."""
    floor, ceiling = math.floor(test.value), math.ceil(test.value)
    whole = floor == ceiling
    below = (0, floor - 1 if whole else floor)
    above = (ceiling + 1 if whole else ceiling, oldest)
    if test.comparator == "ne":
        return (below, above) if whole else ((0, oldest),)
    ranges = {
        "gt": above,
        "ge": (ceiling, oldest),
        "lt": below,
        "le": (0, floor),
        "eq": (floor, ceiling) if whole else (1, 0),
    }
    return (ranges[test.comparator],)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return max(one[0], other[0]), min(one[1], other[1])


def _births(low: int, high: int, unit: AgeUnit, as_of: date) -> Interval:
    """Born late enough not to have completed `high` + 1, early enough to have completed `low`."""
    earliest = None if high >= _OLDEST[unit] else _completed_before(as_of, high + 1, unit) + timedelta(days=1)
    return earliest, _completed_before(as_of, low, unit)


def _completed_before(as_of: date, count: int, unit: AgeUnit) -> date:
    """The latest birth date with `count` units completed on `as_of`."""
    if unit in ("wk", "d"):
        return as_of - timedelta(days=count * (7 if unit == "wk" else 1))
    months = as_of.year * 12 + as_of.month - 1 - (count * 12 if unit == "a" else count)
    year, month = divmod(months, 12)
    year = max(year, 1)
    return date(year, month + 1, min(as_of.day, calendar.monthrange(year, month + 1)[1]))
