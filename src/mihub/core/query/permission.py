"""What consent leaves of the facts, in the form that engines apply.

A permission only ever takes away: fewer people or shorter windows never give a greater answer, because
criteria under NOT are asked of all facts and every other criterion of the permitted ones. Above:
`site.consent` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from mihub.core.query.facts import UNJUDGED_KINDS, Fact


@dataclass(frozen=True, slots=True)
class Permission:
    """`people` may be counted today; a dated fact counts when it lies wholly inside a window."""

    people: frozenset[str]
    windows: Mapping[str, tuple[tuple[date, date], ...]]

    def permits(self, fact: Fact) -> bool:
        """Rows about the person always; a fact without a date never; an open end counts by its beginning."""
        if fact.kind in UNJUDGED_KINDS:
            return True
        if fact.date_low is None:
            return False
        low, high = fact.date_low, fact.date_high or fact.date_low
        return any(start <= low and high <= end for start, end in self.windows.get(fact.patient, ()))
