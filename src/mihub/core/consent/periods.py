"""Sets of days as sorted, disjoint, closed intervals. Neighbours above: `ruling`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

Interval = tuple[date, date]
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Periods:
    """A set of days. Make it with `of`; equal sets are equal values."""

    intervals: tuple[Interval, ...] = ()

    @staticmethod
    def of(intervals: Iterable[Interval]) -> Periods:
        """The union of intervals, both ends included; those that end before they start are empty."""
        merged: list[Interval] = []
        for low, high in sorted(one for one in intervals if one[0] <= one[1]):
            if merged and low <= _next(merged[-1][1]):
                merged[-1] = merged[-1][0], max(merged[-1][1], high)
            else:
                merged.append((low, high))
        return Periods(tuple(merged))

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def __contains__(self, day: date) -> bool:
        return any(low <= day <= high for low, high in self.intervals)

    def union(self, other: Periods) -> Periods:
        """Days of either."""
        return Periods.of(self.intervals + other.intervals)

    def intersection(self, other: Periods) -> Periods:
        """Days of both."""
        pairs = ((one, two) for one in self.intervals for two in other.intervals)
        return Periods.of((max(one[0], two[0]), min(one[1], two[1])) for one, two in pairs)

    def minus(self, other: Periods) -> Periods:
        """Days of this one only."""
        rest = list(self.intervals)
        for low, high in other.intervals:
            rest = [part for one in rest for part in _cut(one, low, high)]
        return Periods.of(rest)


def _cut(one: Interval, low: date, high: date) -> list[Interval]:
    if high < one[0] or one[1] < low:
        return [one]
    parts = []
    if one[0] < low:
        parts.append((one[0], low - _DAY))
    if high < one[1]:
        parts.append((high + _DAY, one[1]))
    return parts


def _next(day: date) -> date:
    return day + _DAY if day < date.max else day
