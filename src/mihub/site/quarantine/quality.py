"""How conformant: the counters of `tally` summed up by day, profile, type and source, and the most frequent findings.

Numbers only. Above: `apps` (the data-quality page, `mihub quarantine quality`). Below: `tally`, `levels`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from mihub.site.quarantine.levels import Levels
from mihub.site.quarantine.tally import Counts, Group, Seen, Spot, Tally


@dataclass(frozen=True, slots=True)
class Share:
    """The counts of one group: its name (a profile, a type, a source, a day)."""

    name: str
    counts: Counts

    def as_json(self) -> dict[str, Any]:
        """With the share of conformant resources in percent, rounded down so that 100 means all of them.

        Resources whose profile is not loaded are in neither part of the share.
        """
        known = self.counts.checked - self.counts.unknown
        right = known - self.counts.with_errors
        return {
            "name": self.name,
            "checked": self.counts.checked,
            "conformant": right,
            "with_errors": self.counts.with_errors,
            "with_warnings": self.counts.with_warnings,
            "refused": self.counts.refused,
            "unknown": self.counts.unknown,
            "percent": int(1000 * right / known) / 10 if known else None,
        }


@dataclass(frozen=True, slots=True)
class Day:
    """One day: all of it, and each profile. A resource that claims two profiles counts once for each."""

    day: date
    profiles: Mapping[str, Counts] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The day's sum and each profile."""
        whole = Counts()
        for counts in self.profiles.values():
            whole.add(counts)
        return Share(self.day.isoformat(), whole).as_json() | {
            "profiles": {
                name: Share(name, counts).as_json() for name, counts in sorted(self.profiles.items())
            }
        }


@dataclass(frozen=True, slots=True)
class Quality:
    """What the page shows; lists by size, largest first, days oldest first."""

    days: tuple[Day, ...]
    profiles: tuple[Share, ...]
    types: tuple[Share, ...]
    sources: tuple[Share, ...]
    findings: tuple[tuple[Spot, Seen], ...]
    levels: Levels


def quality(tally: Tally, levels: Levels, days: int, most: int = 20) -> Quality:
    """The last `days` days, today included."""
    since = tally.today - timedelta(days=days - 1)
    groups = tally.groups(since)
    return Quality(
        _days(groups),
        _shares(groups, lambda group: group[3]),
        _shares(groups, lambda group: group[2]),
        _shares(groups, lambda group: group[1]),
        tuple(tally.spots(since, most)),
        levels,
    )


def _days(groups: Mapping[Group, Counts]) -> tuple[Day, ...]:
    made: dict[date, dict[str, Counts]] = {}
    for group, counts in groups.items():
        made.setdefault(group[0], {}).setdefault(group[3], Counts()).add(counts)
    return tuple(Day(day, made[day]) for day in sorted(made))


def _shares(groups: Mapping[Group, Counts], name: Callable[[Group], str]) -> tuple[Share, ...]:
    made: dict[str, Counts] = {}
    for group, counts in groups.items():
        made.setdefault(name(group), Counts()).add(counts)
    shares = (Share(one, counts) for one, counts in made.items())
    return tuple(sorted(shares, key=lambda one: (-one.counts.checked, one.name)))
