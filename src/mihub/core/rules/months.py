"""Calendar arithmetic that a person can redo by hand: anniversaries, never averages.

A month added to 31 January ends on the last day of February. Neighbours above: `smoking`, `schedule`.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from fractions import Fraction


def add_months(day: date, months: int) -> date:
    """The same day of the month, `months` later (or earlier); the month's last day where that day does not
    exist.
    """
    year, month_index = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month_index + 1, min(day.day, monthrange(year, month_index + 1)[1]))


def elapsed_months(start: date, end: date) -> Fraction:
    """Months from `start` to `end`: whole ones between anniversaries, the rest as a share of the month begun.

    Exact on every anniversary. Zero when `end` is not after `start`.
    """
    if end <= start:
        return Fraction(0)
    whole = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, whole) > end:
        whole -= 1
    begun, next_anniversary = add_months(start, whole), add_months(start, whole + 1)
    return whole + Fraction((end - begun).days, (next_anniversary - begun).days)


def completed_years(birth_date: date, today: date) -> int:
    """Age as the law counts it: birthdays reached. Born on 29 February: reached on 1 March of a common year.

    Source: § 187 (2) 2, § 188 (2) BGB: a year of life ends with the day before the birthday.
    """
    before_birthday = (today.month, today.day) < (birth_date.month, birth_date.day)
    return today.year - birth_date.year - int(before_birthday)
