"""Smoking intervals, and how many of their years the ordinance counts.

Years before a complete interruption, and the interruption itself, count only when it was shorter than ten
years (LuKrFrühErkV § 2 (1) 3 a aa; for pack-years § 1 (2)). Never guesses a number of cigarettes. Neighbour
above: `lung_screening`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import pairwise, zip_longest

from mihub.core.rules.months import add_months, elapsed_months
from mihub.errors import InvalidInput

CIGARETTES_PER_PACK = 20
MOST_CIGARETTES_PER_DAY = 200


@dataclass(frozen=True, slots=True)
class SmokingInterval:
    """Smoked from `start` up to `end` (None: still smoking). `cigarettes_per_day` is the mean; None when not
    known.

    `start_uncertain` and `end_uncertain` are months by which the real day may lie later (11 when only a year
    is known).
    """

    start: date
    end: date | None
    cigarettes_per_day: Fraction | None
    start_uncertain_months: int = 0
    end_uncertain_months: int = 0

    def __post_init__(self) -> None:
        if self.end is not None and self.end < self.start:
            raise InvalidInput("A smoking interval ends before it starts.", rule="start before end")
        amount = self.cigarettes_per_day
        if amount is not None and not 0 < amount <= MOST_CIGARETTES_PER_DAY:
            raise InvalidInput(
                "The number of cigarettes per day is not between 1 and 200.",
                rule="mean cigarettes per day",
                next_step="A time without cigarettes is not an interval: end the interval before it.",
            )


@dataclass(frozen=True, slots=True)
class Pause:
    """A complete interruption; `ongoing` when nobody smoked since."""

    start: date
    end: date
    months: Fraction
    counts: bool
    ongoing: bool = False


@dataclass(frozen=True, slots=True)
class SmokingCount:
    """What the ordinance counts. Months throughout.

    `pack_years` is the sum of the known amounts; `amounts_missing` says that it is only a lower bound.

    `months_with_abstinence` is the other reading, in which the ongoing abstinence also counts while under
    ten years.
    """

    counted: tuple[SmokingInterval, ...]
    not_counted: tuple[SmokingInterval, ...]
    pauses: tuple[Pause, ...]
    smoking_months: Fraction
    pause_months: Fraction
    abstinence_months: Fraction
    pack_years: Fraction
    amounts_missing: bool

    @property
    def months(self) -> Fraction:
        return self.smoking_months + self.pause_months

    @property
    def months_with_abstinence(self) -> Fraction:
        return self.months + self.abstinence_months if self.counted else self.months


def pack_years(interval: SmokingInterval, today: date) -> Fraction | None:
    """Mean cigarettes per day divided by 20, times years (§ 1 (2) LuKrFrühErkV); None when the amount is not
    known.
    """
    if interval.cigarettes_per_day is None:
        return None
    years = elapsed_months(interval.start, interval.end or today) / 12
    return interval.cigarettes_per_day / CIGARETTES_PER_PACK * years


def overlapping(intervals: Sequence[SmokingInterval]) -> bool:
    """Whether two intervals claim the same time, so that cigarettes would be counted twice."""
    ordered = sorted(intervals, key=_by_time)
    return any(former.end is None or former.end > latter.start for former, latter in pairwise(ordered))


def count_smoking(
    intervals: Sequence[SmokingInterval], today: date, *, pause_limit_years: int
) -> SmokingCount:
    """Count back from `today` to the latest interruption of `pause_limit_years` or more.

    `intervals` must not overlap. What lies after `today` is left out. Empty input counts nothing.
    """
    known = [
        _until(interval, today) for interval in sorted(intervals, key=_by_time) if interval.start < today
    ]
    pauses = _pauses(known, today, pause_limit_years)
    first_counted = max((pause.end for pause in pauses if not pause.counts), default=date.min)
    counted = tuple(interval for interval in known if interval.start >= first_counted)
    packs = [pack_years(interval, today) for interval in counted]
    return SmokingCount(
        counted=counted,
        not_counted=tuple(interval for interval in known if interval.start < first_counted),
        pauses=pauses,
        smoking_months=sum((elapsed_months(i.start, i.end or today) for i in counted), Fraction(0)),
        pause_months=sum(
            (p.months for p in pauses if not p.ongoing and p.counts and p.start >= first_counted), Fraction(0)
        ),
        abstinence_months=sum((p.months for p in pauses if p.ongoing), Fraction(0)),
        pack_years=sum((pack for pack in packs if pack is not None), Fraction(0)),
        amounts_missing=None in packs,
    )


def shortest(intervals: Sequence[SmokingInterval]) -> tuple[SmokingInterval, ...]:
    """The history with the fewest smoking months that the known years and months still allow."""
    moved = []
    for interval in intervals:
        start = add_months(interval.start, interval.start_uncertain_months)
        end = interval.end
        moved.append(replace(interval, start=start if end is None else min(start, end)))
    return tuple(moved)


def longest(intervals: Sequence[SmokingInterval], today: date) -> tuple[SmokingInterval, ...]:
    """The history with the most smoking months that the known years and months still allow, without an
    overlap.
    """
    ordered = sorted(intervals, key=_by_time)
    moved = []
    for interval, following in zip_longest(ordered, ordered[1:]):
        end = interval.end
        if end is not None:
            limit = following.start if following is not None else today
            end = max(end, min(add_months(end, interval.end_uncertain_months), limit))
        moved.append(replace(interval, end=end))
    return tuple(moved)


def _by_time(interval: SmokingInterval) -> tuple[date, date]:
    return interval.start, interval.end or date.max


def _until(interval: SmokingInterval, today: date) -> SmokingInterval:
    return replace(interval, end=None) if interval.end is None or interval.end >= today else interval


def _pauses(known: Sequence[SmokingInterval], today: date, limit_years: int) -> tuple[Pause, ...]:
    pauses = []
    for former, latter in zip_longest(known, known[1:]):
        start, end = former.end, latter.start if latter is not None else today
        if start is not None and start < end:
            counts = add_months(start, limit_years * 12) > end
            pauses.append(Pause(start, end, elapsed_months(start, end), counts, ongoing=latter is None))
    return tuple(pauses)
