"""How conformant, by day: counters of resources by profile and of findings by rule and place. Never a patient's value.

Counted in memory and written in portions, so that a write costs nothing; a crash loses at most the last second's counts,
never a record. The example of a finding is the name `Type/id` of a resource, shown only to who may see the record.
Above: `gated_store`, `site.ingest`. Engines: `MemoryCounts` here, `postgres_counts`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final, Protocol

from mihub import log
from mihub.errors import MihubError, StorageFull, Unavailable
from mihub.site.quarantine.door import Verdict
from mihub.site.store.protocol import Written
from mihub.site.validate.finding import Finding

# Day, source, type, profile.
Group = tuple[date, str, str, str]
# Day, source, type, profile, rule, place, severity.
Spot = tuple[date, str, str, str, str, str, str]
_FLUSH_RESOURCES: Final = 2_000
_FLUSH_SECONDS: Final = 1.0
# A file of nonsense must not fill the table: beyond so many places in one portion the place is left out.
_MOST_SPOTS: Final = 2_000
_POSITION: Final = re.compile(r"\[\d+\]")
_PLACE: Final = re.compile(r"[A-Za-z0-9_.:\-/()'\[\]]{0,160}")


@dataclass(slots=True)
class Counts:
    """Of one group: resources looked at, those with an error, with warnings only, and not stored.

    `unknown`: their profile is not loaded and nothing is wrong besides, so that they are neither right nor wrong.
    """

    checked: int = 0
    with_errors: int = 0
    with_warnings: int = 0
    refused: int = 0
    unknown: int = 0

    def add(self, other: Counts) -> None:
        """Sum up."""
        self.checked += other.checked
        self.with_errors += other.with_errors
        self.with_warnings += other.with_warnings
        self.refused += other.refused
        self.unknown += other.unknown


@dataclass(slots=True)
class Seen:
    """Of one spot: how often, and the last resource (`Type/id`) with the exact place in it."""

    seen: int
    example: str
    example_at: str
    finding: Finding


class CountStore(Protocol):
    """Where counts are kept."""

    def add(self, groups: Mapping[Group, Counts], spots: Mapping[Spot, Seen]) -> None:
        """Add them to what is there."""
        ...

    def groups(self, since: date) -> dict[Group, Counts]:
        """All counts from this day on."""
        ...

    def spots(self, since: date, most: int) -> list[tuple[Spot, Seen]]:
        """The most frequent findings from this day on, days summed up (the day is the last one): errors, then warnings."""
        ...


class MemoryCounts:
    """The reference `CountStore`: dictionaries."""

    def __init__(self) -> None:
        self._groups: dict[Group, Counts] = {}
        self._spots: dict[Spot, Seen] = {}

    def add(self, groups: Mapping[Group, Counts], spots: Mapping[Spot, Seen]) -> None:
        """See `CountStore.add`."""
        for group, counts in groups.items():
            self._groups.setdefault(group, Counts()).add(counts)
        for spot, seen in spots.items():
            before = self._spots[spot].seen if spot in self._spots else 0
            self._spots[spot] = Seen(before + seen.seen, seen.example, seen.example_at, seen.finding)

    def groups(self, since: date) -> dict[Group, Counts]:
        """See `CountStore.groups`."""
        return {group: counts for group, counts in self._groups.items() if group[0] >= since}

    def spots(self, since: date, most: int) -> list[tuple[Spot, Seen]]:
        """See `CountStore.spots`."""
        summed: dict[tuple[str, ...], tuple[Spot, Seen]] = {}
        for spot, seen in sorted(self._spots.items(), key=lambda one: one[0]):
            if spot[0] < since:
                continue
            before = summed[spot[1:]][1].seen if spot[1:] in summed else 0
            summed[spot[1:]] = (spot, Seen(before + seen.seen, seen.example, seen.example_at, seen.finding))
        return sorted(summed.values(), key=lambda one: (not is_error(one[0][6]), -one[1].seen, one[0][1:]))[
            :most
        ]


class Tally:
    """Counts verdicts. One for each opened site; safe from any thread."""

    def __init__(
        self, counts: CountStore, local: tzinfo | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._counts, self._local, self._now = counts, local, now
        self._lock = threading.Lock()
        self._groups: dict[Group, Counts] = {}
        self._spots: dict[Spot, Seen] = {}
        self._waiting, self._flushed_at = 0, 0.0

    def stored(self, verdict: Verdict, written: Written) -> None:
        """A resource was stored with these findings. Never raises: a lost count must not look like a lost write."""
        self._add(verdict, f"{written.resource_type}/{written.id}", refused=False)

    def refused(self, verdict: Verdict) -> None:
        """A resource was not stored because of these findings. Never raises."""
        self._add(verdict, f"{verdict.resource_type}/{verdict.resource_id}", refused=True)

    def flush_if_possible(self) -> None:
        """Write what was counted; what can not be written is lost, and only then said."""
        try:
            self.flush()
        except (StorageFull, Unavailable):
            # Whoever writes next is told that the disk is full or the database away; once is enough.
            return
        except MihubError as error:
            log.warning("conformance-not-counted", error=type(error).__name__)

    def flush(self) -> None:
        """Write what was counted. Raises as the store of the counts does."""
        with self._lock:
            groups, spots = self._groups, self._spots
            self._groups, self._spots, self._waiting = {}, {}, 0
            self._flushed_at = time.monotonic()
            if groups:
                self._counts.add(groups, spots)

    def groups(self, since: date) -> dict[Group, Counts]:
        """All counts from this day on, including those just made."""
        self.flush()
        return self._counts.groups(since)

    def spots(self, since: date, most: int = 20) -> list[tuple[Spot, Seen]]:
        """The most frequent findings from this day on."""
        self.flush()
        return self._counts.spots(since, most)

    @property
    def today(self) -> date:
        """The day where the site is."""
        return datetime.fromtimestamp(self._now(), self._local).date()

    def _add(self, verdict: Verdict, example: str, *, refused: bool) -> None:
        today = self.today
        with self._lock:
            for profile in verdict.profiles:
                group = (today, verdict.source, verdict.resource_type, profile)
                self._groups.setdefault(group, Counts()).add(_counts(verdict, profile, refused=refused))
            for found in verdict.findings:
                # What is only a note would hide the rest.
                if found.severity != "information":
                    self._note(today, verdict, found, example)
            self._waiting += 1
            late = time.monotonic() - self._flushed_at > _FLUSH_SECONDS
        if self._waiting >= _FLUSH_RESOURCES or late:
            self.flush_if_possible()

    def _note(self, today: date, verdict: Verdict, found: Finding, example: str) -> None:
        place = place_of(found.location) if len(self._spots) < _MOST_SPOTS else ""
        spot = (
            today, verdict.source, verdict.resource_type, found.profile, found.rule, place, found.severity
        )  # fmt: skip
        known = self._spots.get(spot)
        if known is None:
            self._spots[spot] = Seen(1, example, found.location, found)
        else:
            known.seen += 1


def is_error(severity: str) -> bool:
    """Whether a finding of this severity forbids storing where the level is reject."""
    return severity in ("error", "fatal")


def place_of(location: str) -> str:
    """A finding's place without positions in lists; nothing that does not look like a path of names."""
    place = _POSITION.sub("", location)
    return place if _PLACE.fullmatch(place) else location.partition(".")[0][:64]


def _counts(verdict: Verdict, profile: str, *, refused: bool) -> Counts:
    """One resource under one of its profiles: an error of another claimed profile is not held against this one."""
    others = set(verdict.profiles) - {profile}
    mine = [found for found in verdict.findings if found.profile not in others]
    errors = any(is_error(found.severity) for found in mine)
    warnings = any(found.severity == "warning" for found in mine)
    unknown = profile in verdict.unknown and not errors
    return Counts(1, int(errors), int(warnings and not errors and not unknown), int(refused), int(unknown))
